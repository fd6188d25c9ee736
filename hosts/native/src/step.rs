//! The steps of streams, carried out by calls to Envoy. None of these calls leads back into the module; a reply does,
//! and is left for later.

use crate::abi::{Filter, HostFault, Map, Message};
use toolgate::config::SubjectForm;
use toolgate::exchange::{Effect, Flow, HeaderEdit, Step};
use toolgate::reason::Reason;
use toolgate::reply::{Refusal, Reply};

/// Access logs know the values under names with the prefix that Envoy gives those of the other host.
const PREFIX: &str = "wasm.";

/// The rest of a step: an answer to the client, then the flow.
pub struct Rest {
    pub reply: Option<Reply>,
    pub flow: Flow,
}

/// Carries out a step of the stream of this filter, all but its reply. Where Envoy refuses an effect, nothing may go on.
pub fn apply(step: Step, message: Message, filter: Filter, subject: SubjectForm) -> Rest {
    // A batch has a record for each element, and the filter state has room for one. Members of several must not mix.
    let shown = step.effects.iter().rposition(|effect| matches!(effect, Effect::Record(..)));
    let mut rest = Rest { reply: None, flow: step.flow };
    for (place, effect) in step.effects.into_iter().enumerate() {
        log_line(&effect);
        let shown = Some(subject).filter(|_| shown == Some(place));
        match effect {
            Effect::Reply(reply) => rest.reply = Some(reply),
            effect => {
                if apply_one(effect, message, filter, shown).is_err() {
                    log::error!("Envoy refused a call; the stream is ended");
                    let refusal = Refusal::BadGateway(Reason::HostCallFailed).render(None, None);
                    return Rest { reply: Some(refusal), flow: Flow::Pause };
                }
            }
        }
    }
    rest
}

/// Carries out one effect. `shown`: access logs show the record, with the subject in this form.
fn apply_one(effect: Effect, message: Message, filter: Filter, shown: Option<SubjectForm>) -> Result<(), HostFault> {
    match (effect, message) {
        (Effect::EditHeaders(edits), Message::Request) => edit(filter, &edits, Map::RequestHeaders),
        (Effect::EditHeaders(edits), Message::Response) => edit(filter, &edits, Map::ResponseHeaders),
        (Effect::EditTrailers(edits), Message::Request) => edit(filter, &edits, Map::RequestTrailers),
        (Effect::EditTrailers(edits), Message::Response) => edit(filter, &edits, Map::ResponseTrailers),
        (Effect::Record(record, _), _) => {
            let mut name = PREFIX.to_owned();
            for (own, value) in shown.into_iter().flat_map(|subject| record.filter_state(subject)) {
                name.truncate(PREFIX.len());
                name.push_str(own);
                if filter.set_filter_state(&name, &value).is_err() {
                    log::debug!("Envoy refused the filter state {own}");
                }
            }
            Ok(())
        }
        (Effect::ReplaceBody(bytes), Message::Response) => filter.replace_body(message, &bytes),
        (Effect::ReplaceBody(_), Message::Request) => Err(HostFault),
        (Effect::Event(..) | Effect::Listed(_) | Effect::Reply(_), _) => Ok(()),
    }
}

/// Logs the line of an effect, if it has one.
pub fn log_line(effect: &Effect) {
    if let Some((level, line)) = effect.line() {
        crate::log::write(level, line);
    }
}

fn edit(filter: Filter, edits: &[HeaderEdit], map: Map) -> Result<(), HostFault> {
    edits.iter().try_for_each(|edit| filter.edit(map, edit))
}
