//! The steps of streams, carried out by host calls.

use crate::host::{self, Buffer, HostFault, Map};
use toolgate::config::SubjectForm;
use toolgate::exchange::{Effect, Flow, HeaderEdit, Step};
use toolgate::reason::Reason;
use toolgate::reply::Refusal;

/// The message that the effects of a step concern.
#[derive(Clone, Copy)]
pub enum Side {
    Request,
    Response {
        /// The number of buffered bytes, which a replacement replaces.
        size: usize,
    },
}

/// Carries out a step of the current stream. If the host refuses an effect, the stream ends.
pub fn apply(step: Step, side: Side, subject: SubjectForm) -> Flow {
    let flow = step.flow;
    // A batch has a record for each element, and the filter state has room for one. Records must not be mixed.
    let shown = step.effects.iter().rposition(|effect| matches!(effect, Effect::Record(..)));
    let mut effects = step.effects.into_iter().enumerate();
    if effects.all(|(place, effect)| apply_one(effect, side, Some(subject).filter(|_| shown == Some(place))).is_ok()) {
        return flow;
    }
    log::error!("the host refused a call; the stream is ended");
    // The decision is recorded all the same.
    effects.for_each(|(_, effect)| log_line(&effect));
    let refusal = Refusal::BadGateway(Reason::HostCallFailed).render(None, None);
    if host::reply(&refusal).is_err() {
        log::error!("the host refused a reply");
    }
    Flow::Pause
}

/// Carries out one effect. With `shown`, access logs show the record, with the subject in this form.
fn apply_one(effect: Effect, side: Side, shown: Option<SubjectForm>) -> Result<(), HostFault> {
    log_line(&effect);
    match (effect, side) {
        (Effect::EditHeaders(edits), Side::Request) => edit(&edits, Map::RequestHeaders)?,
        (Effect::EditHeaders(edits), Side::Response { .. }) => edit(&edits, Map::ResponseHeaders)?,
        (Effect::EditTrailers(edits), Side::Request) => edit(&edits, Map::RequestTrailers)?,
        (Effect::EditTrailers(edits), Side::Response { .. }) => edit(&edits, Map::ResponseTrailers)?,
        (Effect::Event(..) | Effect::Listed(_), _) => {}
        (Effect::Record(record, _), _) => {
            for (name, value) in shown.into_iter().flat_map(|subject| record.filter_state(subject)) {
                if host::set_filter_state(name, &value).is_err() {
                    log::debug!("the host refused the filter state {name}");
                }
            }
        }
        (Effect::ReplaceBody(bytes), Side::Response { size }) => {
            host::replace_buffer(Buffer::ResponseBody, size, &bytes)?;
        }
        (Effect::ReplaceBody(_), Side::Request) => return Err(HostFault),
        (Effect::Reply(reply), _) => host::reply(&reply)?,
    }
    Ok(())
}

/// Logs the line of an effect, if it has one.
pub fn log_line(effect: &Effect) {
    if let Some((level, line)) = effect.line() {
        crate::log::write(level, line);
    }
}

fn edit(edits: &[HeaderEdit], map: Map) -> Result<(), HostFault> {
    edits.iter().try_for_each(|edit| host::edit(map, edit))
}
