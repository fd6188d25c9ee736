//! Calls to introspection endpoints. An answer reaches every stream that waits for it.

use super::effect::{Answer, Host, Streams};
use super::sent::{Sent, late};
use super::{Gate, Purpose};
use crate::callout::Request;
use crate::exchange::Awaited;
use crate::ids::IssuerId;
use crate::introspection::{Call, Change, MAX_ANSWER, request};
use crate::token::{Answer as Said, TokenDigest};

const NO_RESPONSE: &str = "it is not an introspection response";

impl Gate {
    /// Sends every call that streams need.
    pub(super) fn ask_endpoints(&mut self, host: &Host<'_>, streams: &dyn Streams) {
        for call in self.known.introspection.due() {
            let (issuer, digest) = (call.issuer, call.digest);
            match self.introspection_request(&call) {
                Some(request) => self.call(Purpose::Introspection(issuer, digest), request),
                None => {
                    let told = || "there is no endpoint".to_owned();
                    self.endpoint_answered((issuer, digest), None, &told, host, streams);
                }
            }
        }
    }

    fn introspection_request(&self, call: &Call) -> Option<Request> {
        let asked = self.config.issuers.get(call.issuer)?.introspection.as_ref()?;
        Some(request(&asked.endpoint, &call.token))
    }

    /// The answer to a call came.
    pub(super) fn introspection_answered(
        &mut self,
        asked: (IssuerId, TokenDigest),
        (sent, answer): (&Sent, &Answer<'_>),
        host: &Host<'_>,
        streams: &dyn Streams,
    ) {
        let body = answer.body(MAX_ANSWER).filter(|_| answer.status == Some(200));
        let said = body.as_ref().and_then(|body| Said::parse(body).ok());
        let is_response = said.is_some();
        let told = || match (answer.status, &body) {
            _ if is_response => sent.with_status(answer.status, ""),
            (Some(200), Some(body)) if body.trim_ascii_start().starts_with(b"<") => sent.answered(answer, NO_RESPONSE),
            (Some(200), None) => sent.with_status(answer.status, &format!("it is too large: {} bytes", answer.size)),
            // Whatever is no page for people may tell of a token, in one form or another.
            _ if answer.is_success() => sent.with_status(answer.status, NO_RESPONSE),
            (Some(401), _) => sent.answered(answer, "this resource server's own credentials are refused"),
            _ => sent.answered(answer, ""),
        };
        self.endpoint_answered(asked, said, &told, host, streams);
        // A stream that needs a more recent answer needs another call.
        self.ask_endpoints(host, streams);
    }

    /// Gives the outcome of a call to the streams that wait for it. Records the beginning and the end of an outage.
    /// `told` is the call in words.
    pub(super) fn endpoint_answered(
        &mut self,
        (issuer, digest): (IssuerId, TokenDigest),
        answer: Option<Said>,
        told: &dyn Fn() -> String,
        host: &Host<'_>,
        streams: &dyn Streams,
    ) {
        let outcome = match &answer {
            Some(Said::Active(_)) => "active",
            Some(Said::Inactive) => "inactive",
            None => "failure",
        };
        self.count("introspection", outcome);
        let change = self.known.introspection.finished(issuer, digest, answer, host.now);
        if let Some(change) = change {
            let what = format!("introspection of issuer {} is", self.issuer_name(issuer));
            let failing = change == Change::Fails;
            self.tell_outage(&what, (!failing, failing), told, host);
        }
        self.try_again(Awaited::Answer(digest), host, streams);
    }

    /// Ends the calls whose answers did not arrive in time.
    pub(super) fn give_up_endpoints(&mut self, host: &Host<'_>, streams: &dyn Streams) {
        for (issuer, digest) in self.known.introspection.overdue(host.now) {
            let sent = self.calls.give_up(&|purpose| *purpose == Purpose::Introspection(issuer, digest));
            self.endpoint_answered((issuer, digest), None, &|| late(sent.as_ref()), host, streams);
        }
    }
}
