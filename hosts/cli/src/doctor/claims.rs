//! The claims of a token that was refused, compared with what the gate says of itself. Whoever asks has the token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use toolgate::time::UnixTime;
use toolgate::token::fault::length;
use toolgate::url::Url;

/// The gate and its authorization servers, as they describe themselves.
pub struct Gate<'u> {
    pub url: &'u Url,
    pub issuers: Vec<String>,
    /// The names of the issuers' keys.
    pub keys: Vec<String>,
}

/// The first claim that does not fit, and the remedy. Nothing of the token is verified here.
pub fn mismatch(token: &str, gate: &Gate<'_>, now: UnixTime) -> Option<(String, &'static str)> {
    let Gate { url, issuers, keys } = gate;
    let part = |n: usize| -> Option<Value> {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(n)?).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let (header, claims) = (part(0)?, part(1)?);
    let names = |name: &str| match claims.get(name) {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let issuer = names("iss").pop().unwrap_or_default();
    if !issuers.is_empty() && !issuers.contains(&issuer) {
        let own = if issuer.is_empty() { "missing".to_owned() } else { format!("`{issuer}`") };
        let cause = format!("its `iss` is {own}, and the gate's is `{}`", issuers.join("` or `"));
        return Some((cause, "get a token of that authorization server; `iss` is compared byte for byte"));
    }
    let audiences = names("aud");
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    if !audiences.iter().any(|own| bare(own) == bare(url.as_str())) {
        let own = if audiences.is_empty() { "missing".to_owned() } else { format!("`{}`", audiences.join("`, `")) };
        let remedy = "have the client ask for this URL (RFC 8707's `resource`), or add that value to `audiences`";
        return Some((format!("its `aud` is {own}, and the URL is `{}`", url.as_str()), remedy));
    }
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64);
    let now = now.as_numeric_date();
    if let Some(past) = seconds("exp").map(|exp| now - exp).filter(|past| *past > 0.0) {
        let remedy = "get a new token; if new ones are refused, compare the clocks";
        return Some((format!("it expired {} ago", length(past)), remedy));
    }
    let ahead = ["nbf", "iat"].iter().filter_map(|name| Some((name, seconds(name)? - now)));
    if let Some((name, more)) = ahead.into_iter().find(|(_, more)| *more > 0.0) {
        let remedy = "the issuer's clock is ahead of this machine's: set both right";
        return Some((format!("its `{name}` is {} ahead", length(more)), remedy));
    }
    let key = header.get("kid").and_then(Value::as_str)?;
    let is_unknown = !keys.is_empty() && !keys.iter().any(|own| own == key);
    is_unknown.then(|| {
        let cause = format!("its `kid` is `{key}`, and the issuer's keys are `{}`", keys.join("`, `"));
        (cause, "get a new token, if the key was rotated away; else the token is of another environment")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn each_claim_that_does_not_fit_is_named() {
        let url = Url::parse("https://mcp.example.com/mcp").unwrap();
        let (issuers, keys) = (vec!["https://auth.example.com".to_owned()], vec!["a".to_owned()]);
        let good = json!({"iss": issuers[0], "aud": ["x", "https://mcp.example.com/mcp/"], "exp": NOW + 1, "iat": NOW});
        let gate = Gate { url: &url, issuers, keys };
        let header = |kid: &str| URL_SAFE_NO_PAD.encode(json!({"kid": kid}).to_string());
        for (member, value, said) in [
            ("sub", json!("alice"), None),
            ("iss", json!("https://auth.example.com/"), Some("its `iss` is `https://auth.example.com/`, and")),
            ("iss", json!(null), Some("its `iss` is missing, and")),
            ("aud", json!("api://default"), Some("its `aud` is `api://default`, and")),
            ("aud", json!(null), Some("its `aud` is missing, and")),
            ("exp", json!(NOW - 7200), Some("it expired 2 h 0 min ago")),
            ("iat", json!(NOW + 600), Some("its `iat` is 10 min 0 s ahead")),
        ] {
            let mut claims = good.clone();
            claims[member] = value;
            let token = format!("{}.{}.c2ln", header("a"), URL_SAFE_NO_PAD.encode(claims.to_string()));
            let found = mismatch(&token, &gate, UnixTime::from_millis(NOW * 1000));
            assert_eq!(found.is_some(), said.is_some(), "{member}: {found:?}");
            assert!(found.is_none_or(|(cause, _)| cause.starts_with(said.unwrap())), "{member}");
        }
        let token = format!("{}.{}.c2ln", header("b"), URL_SAFE_NO_PAD.encode(good.to_string()));
        let (cause, _) = mismatch(&token, &gate, UnixTime::from_millis(NOW * 1000)).unwrap();
        assert_eq!(cause, "its `kid` is `b`, and the issuer's keys are `a`");
        for token in ["", "opaque", "a.b.c", "e30..c2ln"] {
            assert_eq!(mismatch(token, &gate, UnixTime::from_millis(0)), None, "{token}");
        }
    }
}
