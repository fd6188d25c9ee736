//! The fault of a refused token, in words: the expected value and the one that came.

use super::{Claims, Expectations, TokenError, TokenRules, UntrustedJwt};
use crate::node::Node;
use crate::signature::Algorithm;
use crate::text::is_invisible;
use crate::time::UnixTime;

/// The reader of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Whoever has the token, and may see every claim.
    Holder,
    /// Whoever reads records. Of the token they see header fields, `iss`, `aud` and times only.
    Records,
}

/// The fault of `jwt`, which is refused with `error`. `None` if the error says it all.
pub fn detail(
    jwt: &UntrustedJwt<'_>,
    error: TokenError,
    expected: &Expectations<'_>,
    now: UnixTime,
    reader: Reader,
) -> Option<String> {
    let (header, claims, rules) = (jwt.claimed_header(), jwt.claimed(), expected.rules);
    Some(match error {
        TokenError::AlgorithmNotAllowed => {
            let allowed = expected.algorithms.unwrap_or(&Algorithm::ALL).iter().map(|algorithm| algorithm.name());
            format!("alg: expected one of {}, got {}", quoted_all(allowed), value(header.get("alg")))
        }
        TokenError::TypeNotAllowed => {
            let absent = if rules.type_may_be_absent { " or none" } else { "" };
            let allowed = quoted_all(rules.types.iter().map(String::as_str));
            format!("typ: expected {allowed}{absent}, got {}", value(header.get("typ")))
        }
        TokenError::CriticalHeader => "the header has `crit` or `b64`, which require unsupported extensions".to_owned(),
        TokenError::Bound => {
            "`cnf` binds it to something that cannot be verified: a `jkt` requires `dpop` of its issuer".to_owned()
        }
        TokenError::NotAnAccessToken => format!("it is another kind of token: {}", marks(claims)),
        TokenError::AudienceMissing => format!("aud: expected {}, got nothing", accepted(expected)),
        TokenError::AudienceMismatch => format!("aud: expected {}, got {}", accepted(expected), of(jwt, "aud")),
        TokenError::ExpiryMissing => "exp: expected a time, got nothing".to_owned(),
        TokenError::Expired => {
            let leeway = rules.leeway.as_secs();
            format!("exp: {}, and the leeway is {leeway} s", against(claims, "exp", now))
        }
        TokenError::NotYetValid => format!("nbf: {}", against(claims, "nbf", now)),
        TokenError::IssuedInFuture => format!("iat: {}", against(claims, "iat", now)),
        TokenError::RequiredClaim => unmet(jwt, rules, reader),
        TokenError::ActMalformed if reader == Reader::Holder => {
            format!("act: expected an object with a text in `sub`, at each of at most 8 levels, got {}", of(jwt, "act"))
        }
        TokenError::ClaimMalformed => "a claim has the wrong type".to_owned(),
        _ => return None,
    })
}

fn accepted(expected: &Expectations<'_>) -> String {
    let accepted = quoted_all(expected.audiences.iter().map(String::as_str));
    if expected.audiences.len() > 1 { format!("one of {accepted}") } else { accepted }
}

/// The claims that mark another kind of token.
fn marks(claims: &Claims) -> String {
    let named = ["nonce", "at_hash", "c_hash", "events", "token_use", "typ"];
    let there = |name: &&str| claims.has(name);
    let told: Vec<_> = named
        .into_iter()
        .filter(there)
        .map(|name| match claims.get(name) {
            Some(text @ Node::Text(_)) if matches!(name, "token_use" | "typ") => {
                format!("`{name}` {}", value(Some(text)))
            }
            _ => format!("`{name}`"),
        })
        .collect();
    format!("it has {}", told.join(", "))
}

fn unmet(jwt: &UntrustedJwt<'_>, rules: &TokenRules, reader: Reader) -> String {
    let got = |name: &str| match reader {
        Reader::Holder => of(jwt, name),
        Reader::Records if jwt.claimed().has(name) => "another value".to_owned(),
        Reader::Records => "nothing".to_owned(),
    };
    let tests = rules.required_claims.iter().filter(|test| !test.holds(jwt.claimed()));
    let wrong =
        tests.map(|test| format!("{}: expected {}, got {}", test.name, value(Some(&test.expected)), got(&test.name)));
    let absent = rules.present_claims.iter().filter(|name| !jwt.claimed().has(name));
    let absent = absent.map(|name| format!("{name}: expected a value, got nothing"));
    wrong.chain(absent).collect::<Vec<_>>().join("; ")
}

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

/// The maximum number of shown entries of a list. A token may have thousands of audiences.
const MAX_SHOWN: usize = 16;

/// Several strings, quoted.
pub fn quoted_all<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let quoted: Vec<_> = texts.into_iter().map(quoted).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}

/// A claim of the token.
pub fn of(jwt: &UntrustedJwt<'_>, name: &str) -> String {
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
            let more = if items.len() > MAX_SHOWN { ", ..." } else { "" };
            format!("[{}{more}]", quoted_all(items.iter().take(MAX_SHOWN).filter_map(Node::as_text)))
        }
        Some(other) => other.type_name().to_owned(),
    }
}

/// The number in a claim.
pub fn date(claims: &Claims, name: &str) -> Option<f64> {
    match claims.get(name) {
        Some(Node::Number(number)) => Some(number.as_f64()),
        _ => None,
    }
}

/// The time in a claim, and its distance from now.
pub fn against(claims: &Claims, name: &str, now: UnixTime) -> String {
    let Some(at) = date(claims, name) else { return value(claims.get(name)) };
    let far = at - now.as_numeric_date();
    let (length, side) = (length(far.abs()), if far < 0.0 { "ago" } else { "from now" });
    format!("{} ({length} {side})", shown(at))
}

/// A time in RFC 3339 format, to the second. Those before 1970 and after 9999 become the nearest.
fn shown(at: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative, and clamped
    let seconds = at.clamp(0.0, 1e12) as u64;
    let text = UnixTime::from_millis(seconds * 1000).rfc3339();
    text.replace(".000Z", "Z")
}

/// A duration in its two largest units: `2 h 0 min`.
pub fn length(seconds: f64) -> String {
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

/// The form of a token that is not a JWT, by the number of its parts.
pub fn not_a_jwt(token: &str) -> (usize, String) {
    let parts = token.split('.').count();
    let told = match parts {
        3 => "three parts, but not two strict JSON objects and a signature in base64url".to_owned(),
        5 => "five parts: an encrypted token (JWE), which only its recipient can read".to_owned(),
        1 => "one part: an opaque token, and no issuer of this resource has `introspection`".to_owned(),
        parts => format!("{parts} parts separated by dots, where a JWT has three"),
    };
    (parts, told)
}

/// The claimed issuer, where it is none of those `trusted`.
pub fn other_issuer<'t>(trusted: impl Iterator<Item = &'t str>, claimed: &str) -> String {
    format!("iss: expected {}, got {}", quoted_all(trusted), quoted(claimed))
}
