//! Formatting of strings, claims, times, scopes and rules.

use std::fmt::Write;

use crate::policy::{Mode, Requirement};
use crate::scope::{Scope, ScopeSet};
use crate::time::UnixTime;
use crate::token::UntrustedJwt;
pub use crate::token::fault::{against, date, of, quoted, quoted_all, value};

/// The times of a token.
pub fn times(jwt: &UntrustedJwt<'_>, now: UnixTime) -> String {
    let told =
        |name: &'static str| date(jwt.claimed(), name).map(|_| format!("{name} {}", against(jwt.claimed(), name, now)));
    let told: Vec<_> = ["exp", "nbf", "iat"].into_iter().filter_map(told).collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

/// The names of `scopes`.
pub fn set(scopes: &ScopeSet) -> String {
    quoted_all(scopes.iter().map(Scope::as_str))
}

/// The requirements of a rule.
pub fn requirement(rule: &Requirement) -> String {
    if rule.public {
        return format!("no token{}", conditions(rule));
    }
    let one = |scopes: &ScopeSet| {
        let names: Vec<_> = scopes.iter().map(|scope| quoted(scope.as_str())).collect();
        if names.is_empty() { "any valid token".to_owned() } else { names.join(" and ") }
    };
    let scopes = rule.alternatives.iter().map(one).collect::<Vec<_>>().join(", or ");
    format!("{scopes}{}", conditions(rule))
}

/// The requirements of a rule other than its scopes; empty if it has none.
pub fn conditions(rule: &Requirement) -> String {
    let mut told = String::new();
    if !rule.arguments.is_empty() {
        let paths: Vec<_> = rule.arguments.iter().map(|test| quoted(&format!("/{}", test.path.join("/")))).collect();
        let _ = write!(told, ", with conditions on {}", paths.join(", "));
    }
    if !rule.authentication.levels.is_empty() {
        let levels = rule.authentication.levels.iter().map(String::as_str);
        let _ = write!(told, ", signed in at level {}", quoted_all(levels));
    }
    if let Some(age) = rule.authentication.max_age {
        let _ = write!(told, ", signed in at most {} s ago", age.as_secs());
    }
    if let Some(fresh) = rule.fresh {
        let _ = write!(told, ", introspected at most {} s ago", fresh.as_secs_f64());
    }
    if rule.mode == Some(Mode::Shadow) {
        told.push_str(", in shadow mode: recorded only");
    }
    told
}
