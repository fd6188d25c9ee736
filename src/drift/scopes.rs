//! Scopes that the policy needs and no token ever brings: they are misspelled here, or at the issuer.

use std::time::Duration;

use super::Finding;
use crate::policy::{Counted, Policy};
use crate::scope::Scope;
use crate::time::UnixTime;
use crate::token::AccessToken;

/// So long is waited for a scope to be granted, and for so many requests.
const WINDOW: Duration = Duration::from_secs(3600);
const REQUESTS: u32 = 1_000;

/// The scopes of one resource that were not seen yet.
#[derive(Clone, Debug, Default)]
pub struct Unseen {
    scopes: Vec<Scope>,
    requests: u32,
    since: Option<UnixTime>,
}

impl Unseen {
    /// All that `policy` needs.
    pub fn new(policy: &Policy) -> Self {
        Self { scopes: policy.needed_scopes.iter().cloned().collect(), requests: 0, since: None }
    }

    /// Whether any is left.
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// A verified token came. Gives the scopes that are seen for the first time.
    pub fn saw(&mut self, policy: &Policy, token: &AccessToken, now: UnixTime) -> Vec<String> {
        // A start in the future is of a clock that was set back.
        if self.since.is_none_or(|since| now.since(since).is_none()) {
            self.since = Some(now);
        }
        self.requests = self.requests.saturating_add(1);
        let granted = Counted::new(policy, token, |_| false);
        let (seen, unseen): (Vec<_>, Vec<_>) = self.scopes.drain(..).partition(|scope| granted.has(scope));
        self.scopes = unseen;
        seen.iter().map(ToString::to_string).collect()
    }

    /// Another worker saw these.
    pub fn others_saw(&mut self, scopes: &[String]) {
        self.scopes.retain(|scope| !scopes.iter().any(|seen| seen == scope.as_str()));
    }

    /// What was never granted, once it was waited for long enough. It is told once.
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
