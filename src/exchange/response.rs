//! The events of the server's answer, or of one that the host gives in its place.

use super::step::{Effect, Env, HeaderEdit, Step};
use super::{Exchange, ReadBody, State};
use crate::audit;
use crate::headers::Headers;
use crate::reason::Reason;
use crate::reply::Refusal;

impl Exchange {
    /// The response headers arrived. `end`: nothing follows them.
    pub fn response_headers(&mut self, status: u16, headers: &Headers, end: bool, env: &mut Env<'_>) -> Step {
        match &mut self.state {
            State::Forwarded(answer) => {
                let (refused, step) = answer.headers(status, headers, end, env);
                if refused {
                    self.state = State::Replied;
                }
                step
            }
            // Envoy turns a local reply to gRPC into a gRPC response: status 200, and the body in a header of a
            // response that ends there. No filter can add a body to it, so nothing may declare one.
            State::Answered(status) if headers.has("grpc-status") => {
                let mut edits = vec![HeaderEdit::Set(":status".to_owned(), status.to_string())];
                edits.extend(["content-type", "grpc-status", "grpc-message"].map(HeaderEdit::remove));
                Step::go_on(vec![Effect::EditHeaders(edits)])
            }
            State::Overtaken(reply) => {
                let own = reply.headers.iter().find(|(name, _)| *name == "content-type");
                if own.is_some_and(|(name, value)| headers.text(name) == Some(value)) {
                    self.state = State::Replied;
                    return Step::go_on(Vec::new());
                }
                let set = |(name, value): &(&str, String)| HeaderEdit::Set((*name).to_owned(), value.clone());
                let mut edits: Vec<_> = reply.headers.iter().map(set).collect();
                edits.push(HeaderEdit::Set(":status".to_owned(), reply.status.to_string()));
                edits.push(HeaderEdit::remove("content-length"));
                Step::go_on(vec![Effect::EditHeaders(edits)])
            }
            // An upgraded connection carries no messages to decide on, with or without a token.
            State::Passing if status == 101 => {
                self.state = State::Replied;
                let event = audit::Event::new("bad_gateway", Reason::AnswerUpgrades.as_str());
                let reply = Refusal::BadGateway(Reason::AnswerUpgrades).render(None, None);
                Step::end(vec![Effect::event(event), Effect::Reply(reply)])
            }
            // The server answered before the verdict: nothing of that may reach the client.
            State::AwaitingBody(verified) | State::AwaitingFreshness(verified, _) if verified.released => {
                match std::mem::take(&mut self.state) {
                    State::AwaitingBody(verified) | State::AwaitingFreshness(verified, _) => {
                        self.refuse(&verified.facts(), Refusal::BadGateway(Reason::AnswerBeforeVerdict), env)
                    }
                    _ => Step::hold(),
                }
            }
            _ => Step::go_on(Vec::new()),
        }
    }

    /// A part of the response body arrived. It may be replaced.
    pub fn response_body(&mut self, size: usize, end: bool, read: ReadBody<'_>, env: &mut Env<'_>) -> Step {
        match &mut self.state {
            State::Forwarded(answer) => answer.body(size, end, read, env),
            State::Overtaken(reply) => {
                Step::go_on(vec![Effect::ReplaceBody(std::mem::take(&mut reply.body).into_bytes())])
            }
            _ => Step::go_on(Vec::new()),
        }
    }

    /// The response ended in trailers.
    pub fn response_trailers(&mut self, read: ReadBody<'_>, env: &mut Env<'_>) -> Step {
        match &mut self.state {
            State::Forwarded(answer) => answer.trailers(read, env),
            _ => Step::go_on(Vec::new()),
        }
    }

    /// Whether the host has to end the stream, because it is no longer allowed. The effect records why.
    pub fn ends(&mut self, env: &mut Env<'_>) -> Option<Effect> {
        let State::Forwarded(answer) = &mut self.state else { return None };
        answer.ends(env)
    }
}
