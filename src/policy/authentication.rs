//! How a user must have signed in (RFC 9470): at which level, and how lately.

use std::time::Duration;

use crate::node::Node;
use crate::time::UnixTime;
use crate::token::AccessToken;

/// How far an issuer's clock may be ahead, in seconds.
const CLOCK_SKEW: f64 = 60.0;

/// What a rule asks of the user's authentication. The default asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// `acr` must be one of these, in the order of preference; none: any will do.
    pub levels: Vec<String>,
    /// `auth_time` may be at most so long ago.
    pub max_age: Option<Duration>,
}

impl Authentication {
    /// Whether the caller signed in so. A token that does not say is as one that says no.
    pub fn holds(&self, caller: &AccessToken, now: UnixTime) -> bool {
        let level = || caller.claims().get("acr").and_then(Node::as_text);
        let level_is_enough =
            self.levels.is_empty() || level().is_some_and(|level| self.levels.iter().any(|l| l == level));
        let since = || match caller.claims().get("auth_time") {
            Some(Node::Number(number)) => Some(number.as_f64()),
            _ => None,
        };
        let is_recent = |max_age: Duration| {
            // One that lies in the future by more than clocks differ is none: milliseconds, or a lie.
            let fits = |age: f64| (-CLOCK_SKEW..=max_age.as_secs_f64()).contains(&age);
            since().is_some_and(|since| fits(now.as_numeric_date() - since))
        };
        level_is_enough && self.max_age.is_none_or(is_recent)
    }

    /// What satisfies both, as far as anything does.
    pub fn and(&self, other: &Self) -> Self {
        let common: Vec<_> = self.levels.iter().filter(|level| other.levels.contains(level)).cloned().collect();
        let levels = match (common.is_empty(), self.levels.is_empty()) {
            (false, _) => common,
            (true, false) => self.levels.clone(),
            (true, true) => other.levels.clone(),
        };
        let max_age = self.max_age.into_iter().chain(other.max_age).min();
        Self { levels, max_age }
    }
}
