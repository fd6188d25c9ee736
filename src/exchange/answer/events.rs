//! Lists in event streams. Events pass one by one, and nothing that a client could take for a list passes unread.

use std::borrow::Cow;
use std::time::Duration;

use super::{Answer, Effect, Env, Phase, Step, listed, reason_of};
use crate::exchange::Flow;
use crate::listing::Glance;
use crate::reason::Reason;
use crate::reply::bad_gateway_message;
use crate::sse::{Event, EventReader, Piece};
use crate::time::UnixTime;

/// The number of dropped events of one stream that are logged. A stream of nothing else would fill the log, and keep
/// the worker busy with it.
const MOST_TOLD: usize = 100;

/// The type of the event that tells where to send messages.
const ENDPOINT: &[u8] = b"endpoint";

/// How long noise is held, because trailers may follow it. It may also be a heartbeat, which keeps a connection alive:
/// of those, proxies want one within half a minute or more.
const NOISE_WAIT: Duration = Duration::from_secs(5);

/// The state of a stream.
pub(super) struct Events {
    reader: EventReader,
    dropped: Dropped,
    /// Whether the host holds bytes that pass, so that more can still be added before trailers.
    pub is_held: bool,
}

/// The state of dropped events.
#[derive(Default)]
struct Dropped {
    /// The summary of an event over the limit, which is being dropped.
    oversized: Glance,
    /// Whether something was dropped that may have been an answer.
    answer: bool,
    /// Whether something was dropped that was no answer.
    noise: bool,
    /// When the first noise came that no event followed.
    noise_since: Option<UnixTime>,
    /// Whether an event had an id, so that the client can ask for the rest on another stream.
    is_resumable: bool,
    /// Whether the bytes that passed end in a CR.
    after_cr: bool,
    /// The number of events that were logged.
    told: usize,
}

/// The replacement of a chunk, and the effects of its events.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    effects: Vec<Effect>,
    /// Whether it ends with a complete event.
    ends_in_event: bool,
    /// Whether the bytes end within an event, without its last line.
    is_within_event: bool,
}

impl Events {
    /// A stream whose events have at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { reader: EventReader::new(limit), dropped: Dropped::default(), is_held: false }
    }
}

impl Answer {
    /// Replaces a chunk of an event stream by the bytes that pass. Its first `held` bytes were replaced before.
    ///
    /// Trailers end a stream without a last chunk, and bytes can only be added before them if the host holds some bytes
    /// or an empty chunk. So the rest of a chunk that ends within an event is held. If an answer was dropped and its
    /// request is unknown, an error may still be due, so the bytes after it are held too, up to the limit of a list. A
    /// stream of nothing but noise is held for a while.
    pub(super) fn events(&mut self, bytes: &[u8], held: usize, end: bool, env: &mut Env<'_>) -> Step {
        let (before, chunk) = bytes.split_at_checked(held).unwrap_or((bytes, &[]));
        let mut out = Out { bytes: Vec::with_capacity(bytes.len()), ..Out::default() };
        out.bytes.extend_from_slice(before);
        // The reader is moved out while it reads, because the rest of the answer trims the events that it yields.
        let Phase::Events(mut events) = std::mem::replace(&mut self.phase, Phase::Replaced) else {
            return Step::go_on(vec![Effect::ReplaceBody(out.bytes)]);
        };
        let Events { reader, dropped, is_held } = &mut *events;
        let document = reader.feed(chunk, end, |piece| self.piece(piece, dropped, &mut out, env));
        if let Some(document) = document {
            out.bytes.extend_from_slice(document);
            return self.begin_document(out, end, env);
        }
        let lost = dropped.answer || (dropped.noise && !dropped.is_resumable);
        let is_full = out.bytes.len() > env.config.limits.list;
        // A long-lived stream is never held.
        let may_owe = !self.expects.stream && !self.ids.ids.is_empty();
        let holds_noise = may_owe && lost && !out.ends_in_event && !is_full;
        // Continuous noise is held only once, so that heartbeats do not arrive at twice their interval.
        let since = match out.ends_in_event {
            true => None,
            false => dropped.noise_since.or(holds_noise.then_some(env.now)),
        };
        dropped.noise_since = since;
        let is_noise_held = holds_noise && since.is_some_and(|since| env.now.within(NOISE_WAIT, since));
        let mut owes = may_owe && (dropped.answer || is_noise_held);
        if (end && lost && !self.ids.ids.is_empty()) || (owes && is_full) {
            out.bytes.extend_from_slice(if out.is_within_event { b"\n\n" } else { b"" });
            std::mem::take(&mut self.ids.ids).iter().for_each(|id| out.error(id));
            owes = false;
        }
        *is_held = !end && (owes || (out.bytes.is_empty() && reader.is_within_event()));
        let flow = if *is_held { Flow::Pause } else { Flow::Continue };
        self.held = if *is_held { out.bytes.len() } else { 0 };
        self.phase = Phase::Events(events);
        out.effects.push(Effect::ReplaceBody(out.bytes));
        Step { effects: out.effects, flow }
    }

    /// Treats the body as a JSON document from now on, although it was declared as a stream.
    fn begin_document(&mut self, mut out: Out, end: bool, env: &mut Env<'_>) -> Step {
        self.phase = Phase::Document;
        self.held = out.bytes.len();
        let step = match end {
            _ if self.held > env.config.limits.list => self.replace(Reason::ListTooLarge, env.config),
            true => self.document(&out.bytes, None, env),
            false => Step { effects: vec![Effect::ReplaceBody(out.bytes)], flow: Flow::Pause },
        };
        out.effects.extend(step.effects);
        Step { effects: out.effects, ..step }
    }

    fn piece(&mut self, piece: Piece<'_>, dropped: &mut Dropped, out: &mut Out, env: &mut Env<'_>) {
        let before = out.bytes.len();
        match piece {
            Piece::LineFeed => out.bytes.push(b'\n'),
            Piece::Oversized(bytes) => dropped.oversized.feed(bytes),
            Piece::OversizedEnd => {
                let glance = std::mem::take(&mut dropped.oversized);
                self.drop(Reason::ListTooLarge, glance, dropped, out);
            }
            Piece::Event(event) => {
                self.trim_event(&event, dropped, out, env);
                out.is_within_event = !event.is_whole && out.bytes.len() > before;
            }
        }
        if let Some(last) = out.bytes.last() {
            dropped.after_cr = *last == b'\r';
        }
        // A CR that did not precede the next byte before must not precede it now.
        if dropped.after_cr && out.bytes.len() == before {
            out.bytes.push(b'\n');
            dropped.after_cr = false;
        }
    }

    fn trim_event(&mut self, event: &Event<'_>, dropped: &mut Dropped, out: &mut Out, env: &mut Env<'_>) {
        if event.has_stray {
            let mut glance = Glance::default();
            event.stray().for_each(|line| glance.feed(line));
            self.drop(Reason::StrayLine, glance, dropped, out);
        }
        let is_blank = |data: &[u8]| data.trim_ascii().is_empty();
        let data = event.data.as_ref().filter(|data| !is_blank(data) && !is_endpoint(event.event_type, data));
        let Some(data) = data else {
            dropped.is_resumable |= event.has_id;
            out.ends_in_event |= !event.has_stray;
            let endpoint = event.data.as_deref().filter(|_| event.event_type == Some(ENDPOINT));
            let tagged = endpoint.and_then(|url| self.session.tagged_endpoint(url, env.config));
            return out.pass(event, tagged.as_deref());
        };
        match self.trim(data, env) {
            Ok(trimmed) if trimmed.tells_of_denied && self.expects.stream => match trimmed.answers.is_empty() {
                true => self.tell(Reason::ResourceDenied, dropped, out),
                // An array that holds answers as well.
                false => {
                    let mut glance = Glance::default();
                    glance.feed(data);
                    self.drop(Reason::ResourceDenied, glance, dropped, out);
                }
            },
            Ok(trimmed) => {
                dropped.is_resumable |= event.has_id;
                out.effects.extend(listed(&trimmed));
                self.ids.ids.retain(|id| !trimmed.answers.contains(&id.as_str()));
                let changed = match &trimmed.body {
                    Cow::Owned(data) => Some(data.as_slice()),
                    Cow::Borrowed(_) => None,
                };
                out.ends_in_event = true;
                out.pass(event, changed);
            }
            Err(fault) => {
                let mut glance = Glance::default();
                glance.feed(data);
                // A heartbeat keeps connections alive: a comment does so too.
                if !glance.has_container {
                    out.bytes.extend(event.with_data(None));
                }
                self.drop(reason_of(fault), glance, dropped, out);
            }
        }
    }

    /// Logs that an event does not pass.
    fn tell(&self, reason: Reason, dropped: &mut Dropped, out: &mut Out) {
        if dropped.told < MOST_TOLD {
            dropped.told += 1;
            out.effects.push(self.event("event_dropped", reason));
        }
    }

    /// Records a dropped message. Each request that it answers gets an error instead, on the stream that was its answer
    /// or on one that may replay any message.
    fn drop(&mut self, reason: Reason, glance: Glance, dropped: &mut Dropped, out: &mut Out) {
        self.tell(reason, dropped, out);
        out.ends_in_event = false;
        *(if glance.has_container { &mut dropped.answer } else { &mut dropped.noise }) = true;
        for id in glance.finish() {
            let asked = self.ids.ids.iter().position(|own| *own == id).map(|place| self.ids.ids.remove(place));
            if asked.is_some() || self.expects.stream {
                out.error(&id);
            }
        }
    }
}

impl Out {
    /// The event passes, with its data replaced if they were changed.
    fn pass(&mut self, event: &Event<'_>, changed: Option<&[u8]>) {
        if changed.is_none() && event.is_plain() {
            self.bytes.extend_from_slice(event.bytes);
        } else {
            self.bytes.extend(event.with_data(changed.or(event.data.as_deref())));
        }
    }

    fn error(&mut self, id: &str) {
        let message = bad_gateway_message(Some(id));
        [b"data: ", message.as_bytes(), b"\n\n"].iter().for_each(|part| self.bytes.extend_from_slice(part));
    }
}

/// The first event of the older HTTP+SSE transport: a URL, in which no client looks for a list.
fn is_endpoint(event_type: Option<&[u8]>, data: &[u8]) -> bool {
    event_type == Some(ENDPOINT) && !data.contains(&b'{') && !data.contains(&b'[')
}
