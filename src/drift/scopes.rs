//! Scopes that the policy needs but no token has. They are probably misspelled in the policy or at the issuer.

use std::time::Duration;

use super::Finding;
use crate::policy::{Counted, Policy};
use crate::scope::Scope;
use crate::time::UnixTime;
use crate::token::AccessToken;

/// How long, and for how many requests, to wait for a scope to be granted.
const WINDOW: Duration = Duration::from_secs(3600);
const REQUESTS: u32 = 1_000;

/// The scopes of one resource that no token has had yet.
#[derive(Clone, Debug, Default)]
pub struct Unseen {
    scopes: Vec<Scope>,
    requests: u32,
    since: Option<UnixTime>,
}

impl Unseen {
    /// All scopes that `policy` needs.
    pub fn new(policy: &Policy) -> Self {
        Self { scopes: policy.needed_scopes.iter().cloned().collect(), requests: 0, since: None }
    }

    /// Whether all scopes were seen.
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// Records a verified token. Returns the scopes seen for the first time.
    pub fn saw(&mut self, policy: &Policy, token: &AccessToken, now: UnixTime) -> Vec<String> {
        // A time in the future means that the clock was set back.
        if self.since.is_none_or(|since| now.since(since).is_none()) {
            self.since = Some(now);
        }
        self.requests = self.requests.saturating_add(1);
        let granted = Counted::new(policy, token.into(), |_| false);
        let (seen, unseen): (Vec<_>, Vec<_>) = self.scopes.drain(..).partition(|scope| granted.has(scope));
        self.scopes = unseen;
        seen.iter().map(ToString::to_string).collect()
    }

    /// Records scopes that another worker saw.
    pub fn others_saw(&mut self, scopes: &[String]) {
        self.scopes.retain(|scope| !scopes.iter().any(|seen| seen == scope.as_str()));
    }

    /// The scopes that were never granted, once the waiting time is over. Each is reported once.
    pub fn overdue(&mut self, now: UnixTime) -> Vec<Finding> {
        let waited = self.since.is_some_and(|since| now.since(since).is_some_and(|time| time >= WINDOW));
        if !waited || self.requests < REQUESTS {
            return Vec::new();
        }
        let finding =
            |scope: Scope| Finding { about: scope.to_string(), code: "scope_never_granted", state: String::new() };
        self.scopes.drain(..).map(finding).collect()
    }
}
