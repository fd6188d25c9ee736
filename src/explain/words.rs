//! Formatting of strings, claims, times, scopes and rules.

use std::fmt::Write;

use crate::node::Node;
use crate::policy::{Mode, Requirement};
use crate::scope::{Scope, ScopeSet};
use crate::text::is_invisible;
use crate::time::UnixTime;
use crate::token::{Claims, UntrustedJwt};

/// A string from a token or a request, in backticks and safe to print: invisible and control characters are escaped,
/// and long strings are truncated.
pub fn quoted(text: &str) -> String {
    /// Enough for any URL, too short for a token.
    const MOST: usize = 200;
    let escape = |c: char| if is_invisible(c) || c == '`' { c.escape_unicode().collect() } else { c.to_string() };
    let shown: String = text.chars().take(MOST).map(escape).collect();
    let cut = if text.chars().nth(MOST).is_some() { "..." } else { "" };
    format!("`{shown}{cut}`")
}

/// Several strings, quoted.
pub fn quoted_all<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let quoted: Vec<_> = texts.into_iter().map(quoted).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}

/// A claim of the token.
pub fn of(jwt: &UntrustedJwt, name: &str) -> String {
    value(jwt.claimed().get(name))
}

/// A JSON value, without the contents of objects.
pub fn value(node: Option<&Node>) -> String {
    match node {
        None => "nothing".to_owned(),
        Some(Node::Text(text)) => quoted(text),
        Some(Node::Number(number)) => number.to_string(),
        Some(Node::Bool(flag)) => flag.to_string(),
        Some(Node::Null) => "null".to_owned(),
        Some(Node::List(items)) if items.iter().all(|item| item.as_text().is_some()) => {
            format!("[{}]", quoted_all(items.iter().filter_map(Node::as_text)))
        }
        Some(other) => other.type_name().to_owned(),
    }
}

/// The times of a token.
pub fn times(jwt: &UntrustedJwt, now: UnixTime) -> String {
    let told =
        |name: &'static str| date(jwt.claimed(), name).map(|_| format!("{name} {}", against(jwt.claimed(), name, now)));
    let told: Vec<_> = ["exp", "nbf", "iat"].into_iter().filter_map(told).collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

/// The time in a claim, and its distance from now.
pub fn against(claims: &Claims, name: &str, now: UnixTime) -> String {
    let Some(at) = date(claims, name) else { return value(claims.get(name)) };
    let far = at - now.as_numeric_date();
    let (length, side) = (length(far.abs()), if far < 0.0 { "ago" } else { "from now" });
    format!("{} ({length} {side})", shown(at))
}

/// A time in RFC 3339 format.
fn shown(at: f64) -> String {
    #[allow(clippy::cast_possible_truncation)] // a time beyond that is shown as a number
    let seconds = at.clamp(-1e12, 1e12) as i64;
    jiff::Timestamp::from_second(seconds).map_or_else(|_| at.to_string(), |time| time.to_string())
}

/// A duration in its two largest units.
fn length(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative, and clamped
    let seconds = seconds.clamp(0.0, 1e12) as u64;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// The number in a claim.
pub fn date(claims: &Claims, name: &str) -> Option<f64> {
    match claims.get(name) {
        Some(Node::Number(number)) => Some(number.as_f64()),
        _ => None,
    }
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
