//! Calls to introspection endpoints: sent by the root, whose answers reach every stream that waits for them.

use super::callout;
use super::host;
use super::root::Root;
use crate::exchange::{Awaited, Exchange};
use crate::introspection::{self, Change, MAX_ANSWER};
use crate::token::{Answer, TokenDigest};

impl Root {
    /// Sends every call that streams want.
    pub(super) fn ask_endpoints(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        let due = shared.introspection.borrow_mut().due();
        for call in due {
            let (issuer, digest) = (call.issuer, call.digest);
            if let Err(fault) = self.ask_endpoint(call) {
                self.endpoint_answered(issuer, digest, Err(fault));
            }
        }
    }

    fn ask_endpoint(&mut self, call: introspection::Call) -> Result<(), String> {
        let shared = self.shared.clone().ok_or("there is no configuration")?;
        let config = shared.config.borrow();
        let issuer = config.issuers.get(call.issuer);
        let asked = issuer.and_then(|issuer| issuer.introspection.as_ref()).ok_or("there is no endpoint")?;
        let request = introspection::request(&asked.endpoint, &call.token);
        let token = callout::send(&request)
            .map_err(|status| format!("the host refused a call to cluster {} ({status})", request.cluster))?;
        self.calls.push((token, (call.issuer, call.digest)));
        Ok(())
    }

    /// The answer to a call came.
    pub(super) fn read_endpoint_answer(&mut self, issuer: usize, digest: TokenDigest, body_size: usize) {
        let answer = callout::answer(body_size, MAX_ANSWER);
        let read = match (answer.status, answer.body) {
            (Some(200), Some(body)) => Answer::parse(&body).map_err(|_| "the answer is no introspection".to_owned()),
            (Some(200), None) => Err(format!("the answer is too large: {body_size} bytes")),
            (Some(401), _) => Err("status 401: this resource server's own credentials are refused".to_owned()),
            (Some(status), _) => Err(format!("status {status}")),
            (None, _) => Err("no answer".to_owned()),
        };
        self.endpoint_answered(issuer, digest, read);
    }

    /// Gives those who wait for it the outcome of a call. Of an outage, its beginning and its end are recorded.
    fn endpoint_answered(&mut self, place: usize, digest: TokenDigest, answer: Result<Answer, String>) {
        let Some(shared) = self.shared.clone() else { return };
        let (answer, fault) = match answer {
            Ok(answer) => (Some(answer), None),
            Err(fault) => (None, Some(fault)),
        };
        let outcome = match &answer {
            Some(Answer::Active(_)) => "active",
            Some(Answer::Inactive) => "inactive",
            None => "failure",
        };
        shared.count("introspection", outcome);
        let change = shared.introspection.borrow_mut().finished(place, digest, answer, host::now());
        let config = shared.config.borrow();
        let name = config.issuers.get(place).map(|issuer| issuer.name.as_str()).unwrap_or_default();
        let detail = || format!("introspection of issuer {name}: {}", fault.as_deref().unwrap_or("answers again"));
        match change {
            Some(Change::Fails) => shared.event("outage", &detail()),
            Some(Change::Recovers) => shared.event("recovered", &detail()),
            None => {}
        }
        drop(config);
        let waits = |exchange: &Exchange| exchange.awaits() == Some(Awaited::Answer(digest));
        shared.try_again(self.id, &waits);
    }

    /// Ends the calls whose answers never came.
    pub(super) fn give_up_endpoints(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        let overdue = shared.introspection.borrow().overdue(host::now());
        for (issuer, digest) in overdue {
            // Should the answer come after all, it is nobody's.
            self.calls.retain(|(_, call)| *call != (issuer, digest));
            self.endpoint_answered(issuer, digest, Err("no answer in time".to_owned()));
        }
    }
}
