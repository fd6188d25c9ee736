//! Requirements on the user's authentication (RFC 9470): its level and its age.

use std::time::Duration;

use crate::node::Node;
use crate::time::UnixTime;
use crate::token::AccessToken;

/// How far the issuer's clock may be ahead, in seconds.
const CLOCK_SKEW: f64 = 60.0;

/// Requirements of a rule on the user's authentication. The default requires nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// Accepted values of `acr`, most preferred first. If empty, any value is accepted.
    pub levels: Vec<String>,
    /// The maximum age of `auth_time`.
    pub max_age: Option<Duration>,
}

impl Authentication {
    /// Whether the caller's authentication satisfies the requirements. A token without the claim does not.
    pub fn holds(&self, caller: &AccessToken, now: UnixTime) -> bool {
        let level = || caller.claims().get("acr").and_then(Node::as_text);
        let level_is_enough =
            self.levels.is_empty() || level().is_some_and(|level| self.levels.iter().any(|l| l == level));
        let since = || match caller.claims().get("auth_time") {
            Some(Node::Number(number)) => Some(number.as_f64()),
            _ => None,
        };
        let is_recent = |max_age: Duration| {
            // A time further in the future than clocks differ is invalid: perhaps milliseconds, perhaps forged.
            let fits = |age: f64| (-CLOCK_SKEW..=max_age.as_secs_f64()).contains(&age);
            since().is_some_and(|since| fits(now.as_numeric_date() - since))
        };
        level_is_enough && self.max_age.is_none_or(is_recent)
    }

    /// The combination of all requirements. If they have no level in common, no sign-in satisfies them: every level is
    /// named, so that a reader of the challenge sees why.
    pub fn of_all<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let mut lists = all.clone().map(|one| &one.levels).filter(|levels| !levels.is_empty());
        let mut levels = lists.next().cloned().unwrap_or_default();
        let is_common = |level: &String| all.clone().all(|one| one.levels.is_empty() || one.levels.contains(level));
        if levels.iter().any(is_common) {
            levels.retain(is_common);
        } else {
            lists.flatten().for_each(|level| {
                if !levels.contains(level) {
                    levels.push(level.clone());
                }
            });
        }
        Self { levels, max_age: all.filter_map(|one| one.max_age).min() }
    }
}
