//! The state machine of one HTTP request and its response: it takes events of the host and returns effects for
//! the host.
//!
//! ```text
//! request headers ─► route, origin, credentials ── no ► reply
//!   └► token ── keys or introspection missing ────► AwaitingToken ─ they come ─┐
//!       │                  └ refused, and told in a result ─► AwaitingCall ─ end of body ─► reply
//!       └► verified ◄──────────────────────────────────────────────────────────┘── headers at fault ► reply
//!            ├ no body ─► verdict
//!            └ body ─► AwaitingBody: headers held, or let go ahead ─ end of body or trailers ─► verdict
//! verdict ─ a rule needs fresh introspection ─► AwaitingFreshness ─ it comes ─► verdict
//! verdict ─► Forwarded, or reply           the server answers before it ► 502
//!                                          the host answers before it ► passes, recorded
//! a body too large ─► Overtaken: the host's own 413 may come first, and is reworded
//! ```
//!
//! Some hosts show a body while the headers are held, others do not. The machine is correct on both: once a body was
//! seen, only a verdict resumes the stream.

mod admission;
mod answer;
mod decisions;
mod event;
mod expects;
mod facts;
mod in_band;
mod possession;
mod refusal;
mod refused;
mod request;
mod response;
mod session;
mod step;
mod stray;
mod validation;
mod verdict;
mod verified;
mod waiting;
mod wants;
mod watch;

pub use event::Event;
pub use request::RequestHead;
pub(crate) use step::Env;
pub use step::{Effect, Flow, HeaderEdit, Step};
pub use validation::Awaited;
pub use wants::{FollowUp, Wants};

use std::time::Duration;

use admission::Asking;
use answer::Answer;
use facts::Facts;
use in_band::Refused;
use request::Request;
use validation::Waiting;
use verified::{Body, Verified};

use crate::audit::{self, Decision};
use crate::config::CHECKED_PREFIXES;
use crate::headers::Headers;
use crate::ids::ResourceId;
use crate::reason::Reason;
use crate::reply::{Refusal, Reply};
use crate::routes::Route;

/// A request waits this long for a body that the host may never show. The client needs time to send it, too.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// The event of a host whose settings let no body be seen.
const MISCONFIGURED: &str = "misconfigured";
/// The event of a body that the host's buffer cannot hold.
const BUFFER_EXCEEDED: &str = "buffer_exceeded";

/// The event of a request whose host and path match no resource.
const NO_RESOURCE: &str = "no_resource";

/// Reads at most this number of bytes of a body that the host has buffered.
pub type ReadBody<'b> = &'b dyn Fn(usize) -> Option<Vec<u8>>;

/// The state of one exchange.
#[derive(Default)]
pub(crate) struct Exchange {
    state: State,
}

#[derive(Default)]
enum State {
    /// No event has arrived.
    #[default]
    Start,
    /// Forwarded without a verdict: the route is `pass`, not a resource.
    Passing,
    /// The token waits for its issuer's keys or for introspection.
    AwaitingToken(Box<Asking>),
    /// The token is refused. The body shows whether the refusal goes into a result.
    AwaitingCall(Box<Refused>),
    /// The token is verified, or there is none. The verdict needs the body.
    AwaitingBody(Box<Verified>),
    /// The body is complete and allowed. The verdict needs a fresh introspection response.
    AwaitingFreshness(Box<Verified>, Box<Waiting>),
    /// Forwarded by a verdict.
    Forwarded(Box<Answer>),
    /// Answered by toolgate, with this status.
    Answered(u16),
    /// Finished. The rest of the stream passes unchanged.
    Replied,
    /// Answered by toolgate, but the host may have prepared its own answer first: one read of a body can exceed both
    /// limits at once. The host then sends its answer, and this reply replaces the contents.
    Overtaken(Box<Reply>),
}

impl Exchange {
    /// The request headers arrived. `end`: nothing follows them.
    pub fn request_headers(&mut self, head: RequestHead, end: bool, env: &mut Env<'_>) -> Step {
        let route = env.config.routes.find(head.host(), head.target());
        let tunnels = head.is_tunnel();
        match route {
            Route::Metadata(resource) => self.metadata(resource, &head, env),
            Route::Nothing if tunnels && head.method() == "CONNECT" && env.config.routes.knows_host(head.host()) => {
                self.refuse(&Facts::nowhere(&head), Refusal::Tunnel, env)
            }
            Route::Nothing => self.stray(&head, env),
            // A tunnel carries no messages to decide on, with or without a token.
            Route::Pass if tunnels => self.refuse(&Facts::nowhere(&head), Refusal::Tunnel, env),
            Route::Pass => {
                self.state = State::Passing;
                let edits = head.scrubs(env.config);
                let record = Facts::nowhere(&head).record(Decision::Allow, Reason::Pass, env);
                Step::go_on(vec![Effect::EditHeaders(edits), Effect::record(record)])
            }
            Route::Resource(resource) => {
                let request = Request::new(head, resource, end, env.config);
                match request.before_token(tunnels, env.config) {
                    Err(refusal) => self.refuse(&Facts::of(&request), refusal, env),
                    Ok(Some(reply)) => self.reply_to_anyone(&Facts::of(&request), reply, env),
                    Ok(None) => self.authenticate(request, Body::default(), None, env),
                }
            }
        }
    }

    #[inline(never)]
    fn metadata(&mut self, resource: ResourceId, head: &RequestHead, env: &mut Env<'_>) -> Step {
        match env.config.resources.get(resource) {
            Some(resource) => {
                let reply = crate::reply::metadata_reply(head.method(), resource);
                self.reply_to_anyone(&Facts::nowhere(head), reply, env)
            }
            None => self.refuse(&Facts::nowhere(head), Refusal::NotFound, env),
        }
    }

    /// Tries the token again, because the awaited keys or response arrived or the attempt to get them ended. `read`
    /// gives the buffered body. On [`Flow::Continue`] the host resumes the stream.
    #[inline(never)]
    pub fn try_again(&mut self, read: ReadBody<'_>, env: &mut Env<'_>) -> Step {
        if self.waits_for_turn(env.meter, env.now) {
            return Step::hold();
        }
        match std::mem::take(&mut self.state) {
            State::AwaitingToken(asking) => {
                let Asking { request, body, waiting } = *asking;
                request.turn_came(body, &waiting, env);
                // If the request waits again, it may need the place that this frees.
                drop(waiting);
                self.authenticate(request, body, Some(read), env)
            }
            State::AwaitingFreshness(verified, waiting) => {
                verified.request.turn_came(verified.body, &waiting, env);
                drop(waiting);
                self.decide_body(verified, Some(read), env)
            }
            other => {
                self.state = other;
                Step::hold()
            }
        }
    }

    /// Handles a tick: a request whose body the host does not show in time is refused.
    #[inline(never)]
    pub fn tick(&mut self, env: &mut Env<'_>) -> Step {
        match std::mem::take(&mut self.state) {
            State::AwaitingBody(verified)
                if !verified.released
                    && !verified.body.seen
                    && !*env.host_shows_bodies
                    && !env.now.within(BODY_WAIT, verified.since) =>
            {
                let mut step = self.refuse(&verified.facts(), Refusal::Misconfigured, env);
                let detail = "no body was shown for 10 s while headers were held: either hold_request_headers is true and the plugin's allow_on_headers_stop_iteration is not, or the client sends too slowly";
                step.effects.insert(0, Effect::event(audit::Event::new(MISCONFIGURED, detail)));
                step
            }
            // The host shows no body: the refusal is as ever.
            State::AwaitingCall(refused) if !refused.body.seen && !env.now.within(BODY_WAIT, refused.since) => {
                let Refused { request, refusal, .. } = *refused;
                self.refuse(&Facts::of(&request), refusal, env)
            }
            other => {
                self.state = other;
                Step::hold()
            }
        }
    }

    /// A part of the request body arrived: `size` bytes are buffered; `end`: the body is complete.
    pub fn request_body(&mut self, size: usize, end: bool, read: ReadBody<'_>, env: &mut Env<'_>) -> Step {
        let body = Body { seen: true, size, ended: end.then(|| env.introspection.next_call()) };
        match std::mem::take(&mut self.state) {
            State::AwaitingToken(mut asking) => {
                *env.host_shows_bodies = true;
                asking.body = body;
                self.state = State::AwaitingToken(asking);
                Step::hold()
            }
            State::AwaitingBody(mut verified) => {
                *env.host_shows_bodies |= !verified.released;
                verified.body = body;
                if end || size > verified.request.body_limit(env.config) {
                    return self.decide_body(verified, Some(read), env);
                }
                self.state = State::AwaitingBody(verified);
                Step::hold()
            }
            State::AwaitingCall(refused) => {
                *env.host_shows_bodies = true;
                self.await_call(Refused { body, ..*refused }, Some(read), env)
            }
            other => self.after_the_request(other),
        }
    }

    /// The request ended in trailers. They lead to the verdict as the end of the body does.
    #[inline(never)]
    pub fn request_trailers(&mut self, trailers: &Headers, read: ReadBody<'_>, env: &mut Env<'_>) -> Step {
        // No check compares MCP headers in trailers with the body, or verifies credentials or the type of the body in
        // them.
        let scrubbed = |name: &&str| {
            CHECKED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || matches!(*name, "authorization" | "dpop")
                || env.config.must_scrub(name)
        };
        let scrubs: Vec<_> = trailers.names().filter(scrubbed).map(HeaderEdit::remove).collect();
        let ended = Some(env.introspection.next_call());
        let mut step = match std::mem::take(&mut self.state) {
            State::AwaitingToken(mut asking) => {
                asking.body = Body { seen: true, ended, ..asking.body };
                self.state = State::AwaitingToken(asking);
                Step::hold()
            }
            State::AwaitingBody(mut verified) => {
                verified.body.ended = ended;
                let step = self.decide_body(verified, Some(read), env);
                // If body and trailers arrived while headers were held, Envoy shows both in one resumption. If the
                // filter then continues in the trailers, Envoy takes the body as passed and drops the held one. A call
                // to resume shows both again instead.
                Step { flow: if step.flow == Flow::Continue { Flow::Resume } else { step.flow }, ..step }
            }
            State::AwaitingCall(refused) => {
                let body = Body { seen: true, ended, ..refused.body };
                self.await_call(Refused { body, ..*refused }, Some(read), env)
            }
            other => self.after_the_request(other),
        };
        step.effects.insert(0, Effect::EditTrailers(scrubs));
        step
    }

    /// Handles a part of a request that may be decided already.
    fn after_the_request(&mut self, state: State) -> Step {
        let decided = matches!(state, State::Passing | State::Forwarded(_));
        self.state = state;
        if decided { Step::go_on(Vec::new()) } else { Step::hold() }
    }

    /// The host itself answered before the verdict: a limit, a timeout, an unreachable server. The answer holds nothing
    /// from the server, so it passes. The request is recorded.
    pub fn ended_by_host(&mut self, env: &mut Env<'_>) -> Step {
        self.ended(Reason::EndedByHost, env)
    }

    /// The host's buffer cannot hold the body of the request, or a response that must be trimmed. The host refuses the
    /// request, or cuts the response: the client may get status 200 without a body.
    #[inline(never)]
    pub fn buffer_exceeded(&mut self, env: &mut Env<'_>) -> Step {
        if let State::Forwarded(answer) = &self.state {
            return Step::go_on(vec![answer.is_cut()]);
        }
        let mut step = self.ended(Reason::EndedByHost, env);
        if let Some(Effect::Record(record, _)) = step.effects.first() {
            let event = buffer_exceeded(record.decision_id.as_str(), "request", "body");
            step.effects.push(event);
        }
        step
    }

    /// The stream is gone. If it has no verdict, the client left before it.
    pub fn ended_by_client(&mut self, env: &mut Env<'_>) -> Step {
        self.ended(Reason::EndedByClient, env)
    }

    #[inline(never)]
    fn ended(&mut self, reason: Reason, env: &mut Env<'_>) -> Step {
        let state = std::mem::replace(&mut self.state, State::Replied);
        let facts = match &state {
            State::AwaitingToken(asking) => Facts::of(&asking.request),
            State::AwaitingCall(refused) => Facts::of(&refused.request),
            State::AwaitingBody(verified) | State::AwaitingFreshness(verified, _) => verified.facts(),
            _ => {
                self.state = state;
                return Step::go_on(Vec::new());
            }
        };
        let record = facts.record(Decision::Deny, reason, env);
        Step::go_on(vec![Effect::record(record)])
    }
}

/// The event that the host's buffer cannot hold a `message`, which `limit` would allow.
fn buffer_exceeded(decision_id: &str, message: &str, limit: &str) -> Effect {
    let detail = format!(
        "the {message} is larger than Envoy's buffer: set per_connection_buffer_limit_bytes of the listener (Envoy Gateway: \
         connection.bufferLimit of a ClientTrafficPolicy) well above limits.{limit}"
    );
    let decision_id = Some(decision_id.to_owned());
    Effect::event(audit::Event { decision_id, ..audit::Event::new(BUFFER_EXCEEDED, detail) })
}
