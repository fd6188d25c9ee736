//! Why a request is answered as it is: the machine that answers in Envoy is run, and then asked check by check.
//!
//! Nothing here decides. [`decide`] runs [`Exchange`](crate::exchange::Exchange) as a host does; [`explain`] calls the
//! functions that the machine calls, one by one, to tell what each of them was given and what it said. It is built
//! with the command line only.

mod check;
mod checks;
mod hints;
mod host;
mod message;
mod ruling;
mod stand_in;
mod token;
mod words;

pub use check::{Check, Finding, Refused};
pub use host::{Answered, decide};
pub use stand_in::stand_in_keys;
pub use words::conditions;

use crate::config::Config;
use crate::jwks::IssuerKeys;
use crate::signature::{Algorithm, PublicKey, SignatureVerifier};
use crate::time::UnixTime;
use crate::token::Answer;

/// Everything that an answer depends on besides the request.
pub struct Question<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The key sets.
    pub keys: &'a mut IssuerKeys,
    /// How signatures are verified.
    pub verifier: &'a dyn SignatureVerifier,
    /// Returns the answer of the introspection endpoint of the issuer at a place about a token, or `None` if the endpoint
    /// fails. Without this function, no endpoint is asked.
    pub endpoint: Option<Endpoint<'a>>,
    /// The time.
    pub now: UnixTime,
}

/// An introspection endpoint, asked by its issuer's place about a token.
pub type Endpoint<'a> = &'a dyn Fn(usize, &str) -> Option<Answer>;

/// A request as a host would hand it over.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// The header fields, pseudo-headers included.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Nothing if the headers end it.
    pub body: Option<Vec<u8>>,
    /// The trailers.
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// An answer, and the way to it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The answer of the machine.
    pub answered: Answered,
    /// Every check in its order. None after the first that failed was reached, but those that can be made are.
    pub checks: Vec<Check>,
}

/// Answers `request`, and explains the answer.
pub fn explain(question: &mut Question<'_>, request: &HttpRequest) -> Explanation {
    let answered = decide(question, request);
    let checks = checks::run(question, request, &answered);
    Explanation { answered, checks }
}

impl Explanation {
    /// The check for which the request is refused, if it is.
    pub fn cause(&self) -> Option<&Refused> {
        let refused = |check: &Check| matches!(&check.finding, Finding::Refused(cause) if Some(cause.reason) == self.answered.reason());
        self.checks.iter().find(|check| refused(check)).and_then(|check| match &check.finding {
            Finding::Refused(cause) => Some(cause),
            Finding::Passed(_) | Finding::Unknown(_) => None,
        })
    }
}

/// Takes every signature for good. It is for explaining a token where no key is at hand, and what it lets pass was not
/// checked.
#[derive(Clone, Copy, Debug)]
pub struct DangerouslyUnchecked;

impl SignatureVerifier for DangerouslyUnchecked {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> bool {
        true
    }
}
