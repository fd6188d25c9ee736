//! Calls to introspection endpoints. An answer reaches every stream that waits for it.

use super::effect::{Answer, Host, Streams};
use super::{Gate, Purpose};
use crate::audit::Event;
use crate::callout::Request;
use crate::exchange::Awaited;
use crate::ids::IssuerId;
use crate::introspection::{Call, Change, MAX_ANSWER, request};
use crate::token::{Answer as Said, TokenDigest};

impl Gate {
    /// Sends every call that streams need.
    pub(super) fn ask_endpoints(&mut self, host: &Host<'_>, streams: &dyn Streams) {
        for call in self.known.introspection.due() {
            let (issuer, digest) = (call.issuer, call.digest);
            match self.introspection_request(&call) {
                Some(request) => self.call(Purpose::Introspection(issuer, digest), request),
                None => self.endpoint_answered(issuer, digest, Err("there is no endpoint".into()), host, streams),
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
        (issuer, digest): (IssuerId, TokenDigest),
        answer: &Answer<'_>,
        host: &Host<'_>,
        streams: &dyn Streams,
    ) {
        let read = match (answer.status, answer.body(MAX_ANSWER)) {
            (Some(200), Some(body)) => {
                Said::parse(&body).map_err(|_| "the answer is not an introspection response".to_owned())
            }
            (Some(200), None) => Err(format!("the answer is too large: {} bytes", answer.size)),
            (Some(401), _) => Err("status 401: this resource server's own credentials are refused".to_owned()),
            (Some(status), _) => Err(format!("status {status}")),
            (None, _) => Err("no answer".to_owned()),
        };
        self.endpoint_answered(issuer, digest, read, host, streams);
        // A stream that needs a more recent answer needs another call.
        self.ask_endpoints(host, streams);
    }

    /// The host could not send a call.
    pub(super) fn introspection_refused(
        &mut self,
        (issuer, digest): (IssuerId, TokenDigest),
        status: u32,
        host: &Host<'_>,
        streams: &dyn Streams,
    ) {
        let asked = self.config.issuers.get(issuer).and_then(|issuer| issuer.introspection.as_ref());
        let cluster = asked.map(|asked| asked.endpoint.cluster.as_str()).unwrap_or_default();
        let fault = format!("the host refused a call to cluster {cluster} ({status})");
        self.endpoint_answered(issuer, digest, Err(fault), host, streams);
    }

    /// Gives the outcome of a call to the streams that wait for it. Records the beginning and the end of an outage.
    fn endpoint_answered(
        &mut self,
        issuer: IssuerId,
        digest: TokenDigest,
        answer: Result<Said, String>,
        host: &Host<'_>,
        streams: &dyn Streams,
    ) {
        let (answer, fault) = match answer {
            Ok(answer) => (Some(answer), None),
            Err(fault) => (None, Some(fault)),
        };
        let outcome = match &answer {
            Some(Said::Active(_)) => "active",
            Some(Said::Inactive) => "inactive",
            None => "failure",
        };
        self.count("introspection", outcome);
        let change = self.known.introspection.finished(issuer, digest, answer, host.now);
        if let Some(change) = change {
            let name = self.issuer_name(issuer);
            let detail = fault.as_deref().unwrap_or("the endpoint answers again");
            let event = if change == Change::Fails { "outage" } else { "recovered" };
            self.event(&Event::new(event, format!("introspection of issuer {name}: {detail}")), host);
        }
        self.try_again(Awaited::Answer(digest), host, streams);
    }

    /// Ends the calls whose answers did not arrive in time.
    pub(super) fn give_up_endpoints(&mut self, host: &Host<'_>, streams: &dyn Streams) {
        for (issuer, digest) in self.known.introspection.overdue(host.now) {
            self.calls.give_up(|purpose| *purpose == Purpose::Introspection(issuer, digest));
            self.endpoint_answered(issuer, digest, Err("no answer in time".to_owned()), host, streams);
        }
    }
}
