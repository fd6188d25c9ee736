//! One exchange of a request and its answer: events of the host in, effects on the host out.
//!
//! ```text
//! request headers ─► route, origin, credentials ── no ► reply
//!   └► token ── keys or the issuer's word missing ► AwaitingToken ─ they come ─┐
//!       └► verified ◄──────────────────────────────────────────────────────────┘── headers at fault ► reply
//!            ├ no body ─► verdict
//!            └ body ─► AwaitingBody: headers held, or let go ahead ─ end of body or trailers ─► verdict
//! verdict ─ a rule wants the issuer's word of now ─► AwaitingFreshness ─ it comes ─► verdict
//! verdict ─► Forwarded, or reply           the server's answer before it ► 502
//!                                          the host's own before it ► passes, recorded
//! a body too large ─► Overtaken: the host's own 413 may come first, and is reworded
//! ```
//!
//! The host decides when a body is visible, so the machine is right whether or not a body shows while headers are
//! held: nothing but a verdict ever resumes a stream of which a body was seen.

mod admission;
mod answer;
mod decisions;
mod event;
mod expects;
mod facts;
mod instance;
mod possession;
mod refusal;
mod request;
mod response;
mod step;
mod validation;
mod verdict;
mod verified;
mod waiting;
mod wants;
mod watch;

pub use event::Event;
pub use instance::Instance;
pub use request::RequestHead;
pub use step::{Effect, Env, Flow, HeaderEdit, Step};
pub use validation::Awaited;
pub use wants::{FollowUp, Wants};

use std::time::Duration;

use admission::Asking;
use answer::Answer;
use facts::Facts;
use request::Request;
use validation::Waiting;
use verified::{Body, Verified};

use crate::audit::{Decision, event_line};
use crate::config::CHECKED_PREFIXES;
use crate::headers::Headers;
use crate::reason::Reason;
use crate::reply::{Refusal, Reply};
use crate::routes::Route;

/// How long a request waits for a body that the host may never show. A sender needs time, too.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// Reads the host's buffered request body, up to a number of bytes.
pub type ReadBody<'b> = &'b dyn Fn(usize) -> Option<Vec<u8>>;

/// The state of one exchange.
#[derive(Default)]
pub struct Exchange {
    state: State,
}

#[derive(Default)]
enum State {
    /// Nothing has come yet.
    #[default]
    Start,
    /// Goes on without a verdict: no resource matched and `pass` did.
    Passing,
    /// The token waits for its issuer's keys, or for its word.
    AwaitingToken(Box<Asking>),
    /// The token is verified; the body decides.
    AwaitingBody(Box<Verified>),
    /// Its body is whole and allowed, if the issuer's word on the token of now agrees.
    AwaitingFreshness(Box<Verified>, Waiting),
    /// The verdict let it go.
    Forwarded(Box<Answer>),
    /// Answered by toolgate, with this status.
    Answered(u16),
    /// Ended, or passed on as it is.
    Replied,
    /// Answered by toolgate, where the host may have prepared an answer of its own before: one read of a body can go
    /// over both limits at once. Then the host's words get through, and are replaced by these.
    Overtaken(Box<Reply>),
}

impl Exchange {
    /// The request's headers came. `end`: nothing follows them.
    pub fn request_headers(&mut self, head: RequestHead, end: bool, env: &mut Env<'_>) -> Step {
        let route = env.config.routes.find(head.host(), head.target());
        let tunnels = head.is_tunnel();
        match route {
            Route::Metadata(place) => self.metadata(place, &head, env),
            Route::Nothing if tunnels && head.method() == "CONNECT" && env.config.routes.knows_host(head.host()) => {
                self.refuse(&Facts::nowhere(&head), Refusal::Tunnel, env)
            }
            Route::Nothing => {
                let near = env.config.routes.resembling(head.host(), head.target());
                let near = near.filter(|_| env.look_alikes.take(env.now));
                self.refuse(&Facts::near(&head, near), Refusal::NotFound, env)
            }
            // What flows in a tunnel has no messages to decide, with or without a token.
            Route::Pass if tunnels => self.refuse(&Facts::nowhere(&head), Refusal::Tunnel, env),
            Route::Pass => {
                self.state = State::Passing;
                let edits = head.scrubs(env.config);
                let record = Facts::nowhere(&head).record(Decision::Allow, Reason::Pass, env);
                Step::go_on(vec![Effect::EditHeaders(edits), Effect::record(record)])
            }
            Route::Resource(place) => {
                let request = Request::new(head, place, end, env.config);
                match request.before_token(tunnels, env.config) {
                    Err(refusal) => self.refuse(&Facts::of(&request), refusal, env),
                    Ok(Some(reply)) => self.reply_to_anyone(&Facts::of(&request), reply, env),
                    Ok(None) => self.authenticate(request, Body::default(), None, env),
                }
            }
        }
    }

    fn metadata(&mut self, place: usize, head: &RequestHead, env: &mut Env<'_>) -> Step {
        match env.config.resources.get(place) {
            Some(resource) => {
                let reply = crate::reply::metadata_reply(head.method(), resource);
                self.reply_to_anyone(&Facts::nowhere(head), reply, env)
            }
            None => self.refuse(&Facts::nowhere(head), Refusal::NotFound, env),
        }
    }

    /// What the token waits for came, or an attempt to get it ended: it is tried again. `read` gives the body as far as
    /// it is buffered. [`Flow::Continue`] means that the host is to resume the stream.
    pub fn try_again(&mut self, read: ReadBody<'_>, env: &mut Env<'_>) -> Step {
        if self.waits_for_turn(env.meter, env.now) {
            return Step::hold();
        }
        match std::mem::take(&mut self.state) {
            State::AwaitingToken(asking) => {
                let Asking { request, body, waiting } = *asking;
                request.turn_came(body, &waiting, env);
                // Should it wait again, it has the place that it leaves.
                drop(waiting);
                self.authenticate(request, body, Some(read), env)
            }
            State::AwaitingFreshness(verified, waiting) => {
                verified.request.turn_came(verified.body, &waiting, env);
                drop(waiting);
                self.decide_body(*verified, Some(read), env)
            }
            other => {
                self.state = other;
                Step::hold()
            }
        }
    }

    /// Time goes by: a request that was promised a body and shown none gets an answer in the end.
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
                step.effects.insert(0, Effect::Warn(event_line("misconfigured", None, detail)));
                step
            }
            other => {
                self.state = other;
                Step::hold()
            }
        }
    }

    /// A part of the request's body came: `size` bytes are buffered, and `end` says that it is whole.
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
                    return self.decide_body(*verified, Some(read), env);
                }
                self.state = State::AwaitingBody(verified);
                Step::hold()
            }
            other => self.after_the_request(other),
        }
    }

    /// The request ended in trailers: they get the verdict as its body's end would.
    pub fn request_trailers(&mut self, trailers: &Headers, read: ReadBody<'_>, env: &mut Env<'_>) -> Step {
        // In trailers nothing compares MCP's headers with the body, and nobody verified credentials or the body's type.
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
                let step = self.decide_body(*verified, Some(read), env);
                // Where body and trailers came while headers were held, Envoy shows them one after the other in one
                // go. It takes a body as passed once the trailers do, and drops the one that is held. A call to resume
                // shows both once more instead.
                Step { flow: if step.flow == Flow::Continue { Flow::Resume } else { step.flow }, ..step }
            }
            other => self.after_the_request(other),
        };
        step.effects.insert(0, Effect::EditTrailers(scrubs));
        step
    }

    /// Parts of a request that was decided before they came.
    fn after_the_request(&mut self, state: State) -> Step {
        let decided = matches!(state, State::Passing | State::Forwarded(_));
        self.state = state;
        if decided { Step::go_on(Vec::new()) } else { Step::hold() }
    }

    /// The host itself answered before there was a verdict: its limits, its time-outs, a server it cannot reach. Nothing
    /// of the server's is in that, so it may pass; here it is recorded.
    pub fn ended_by_host(&mut self, env: &mut Env<'_>) -> Step {
        self.ended(Reason::EndedByHost, env)
    }

    /// The stream is gone. Without a verdict and an answer, its client did not wait for them.
    pub fn ended_by_client(&mut self, env: &mut Env<'_>) -> Step {
        self.ended(Reason::EndedByClient, env)
    }

    fn ended(&mut self, reason: Reason, env: &mut Env<'_>) -> Step {
        let state = std::mem::replace(&mut self.state, State::Replied);
        let facts = match &state {
            State::AwaitingToken(asking) => Facts::of(&asking.request),
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
