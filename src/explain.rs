//! Explains why a request gets its answer: runs the state machine that answers in Envoy, then repeats its checks one by
//! one.
//!
//! Nothing here decides. [`decide`] runs a [`Gate`](crate::gate::Gate) as a host does. [`explain`] calls the same
//! functions as the machine, one by one, and reports their input and result. It is for the
//! command line, the playground and tests, by the feature `explain`.

mod check;
mod checks;
mod hints;
mod host;
mod message;
mod places;
mod provider;
mod ruling;
mod stand_in;
mod token;
mod words;

pub use check::{Check, Finding, Refused};
pub use host::{Answered, decide, pass};
pub use stand_in::stand_in_keys;
pub use words::conditions;

use crate::callout::Request;
use crate::config::Config;
use crate::jwks::IssuerKeys;
use crate::signature::{Algorithm, PublicKey, SignatureVerifier};
use crate::time::UnixTime;

/// The inputs of an answer, besides the request.
pub struct Question<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The key sets.
    pub keys: &'a mut IssuerKeys,
    /// Verifies signatures.
    pub verifier: &'a dyn SignatureVerifier,
    /// Returns the response body of an issuer's introspection endpoint, or `None` if the call fails. Without this
    /// function, no endpoint is called.
    pub endpoint: Option<Endpoint<'a>>,
    /// The current time.
    pub now: UnixTime,
}

/// Calls an introspection endpoint and returns the body of its response.
pub type Endpoint<'a> = &'a dyn Fn(&Request) -> Option<Vec<u8>>;

/// A request as a host passes it on.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// The header fields, including pseudo-headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body. `None` if the headers end the request.
    pub body: Option<Vec<u8>>,
    /// The trailers.
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// An answer, with the checks that led to it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The answer of the state machine.
    pub answered: Answered,
    /// Every check, in order. The machine stopped at the first failed check, but later checks are included if they can
    /// be made.
    pub checks: Vec<Check>,
}

/// Answers `request` and explains the answer.
pub fn explain(question: &mut Question<'_>, request: &HttpRequest) -> Explanation {
    let answered = decide(question, request);
    let checks = checks::run(question, request, &answered);
    Explanation { answered, checks }
}

impl Explanation {
    /// The failed check for which the request is refused, or recorded in shadow mode.
    pub fn cause(&self) -> Option<&Refused> {
        let failed = self.checks.iter().filter_map(|check| match &check.finding {
            Finding::Refused(cause) | Finding::Recorded(cause) => Some(cause),
            Finding::Passed(_) | Finding::Unknown(_) => None,
        });
        failed.into_iter().find(|cause| Some(cause.reason) == self.answered.reason())
    }
}

/// Accepts every signature. Use it only to explain a token whose key is not available. Nothing it accepts was verified.
#[derive(Clone, Copy, Debug)]
pub struct DangerouslyUnchecked;

impl SignatureVerifier for DangerouslyUnchecked {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> bool {
        true
    }
}
