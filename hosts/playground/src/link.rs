//! A case as it may stand in a link. Links are kept by histories, chats and mail, so that secrets stay out of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use toolgate_report::source::{Member, Spot, Value, spots};

use crate::case::Case;

/// Stands for what was left out.
const LEFT_OUT: &str = "left-out-of-the-link";
/// Header fields whose values are credentials.
const CREDENTIALS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "dpop", "mcp-session-id", "x-api-key"];
/// Members of private and symmetric keys (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// The member that holds a client secret.
const CLIENT_SECRET: &str = "client_secret";
/// In the first line of each private key in PEM.
const PEM: &str = "PRIVATE KEY-----";

/// A case to be put into a link.
#[derive(Debug, Deserialize)]
pub struct Link {
    /// The case.
    pub case: Case,
    /// Whether its token may stand in the link.
    pub with_token: bool,
}

/// The case as it may stand in a link.
#[derive(Debug, Serialize)]
pub struct Linked {
    /// The case.
    pub case: Case,
    /// The names of the parts that were left out, for people.
    pub left_out: BTreeSet<&'static str>,
}

/// Leaves out of a case what no link may hold.
pub fn link(asked: Link) -> Linked {
    let Link { mut case, with_token } = asked;
    let mut left_out = BTreeSet::new();
    secrets(&mut case, &mut left_out);
    if !with_token {
        if !case.token.trim().is_empty() {
            left_out.insert("the token");
        }
        case.token.clear();
        if !case.introspection.trim().is_empty() {
            left_out.insert("the introspection response");
        }
        case.introspection.clear();
        case.request = without_credentials(&case.request, &mut left_out);
        for text in [&mut case.config, &mut case.request, &mut case.keys, &mut case.tools] {
            *text = without_tokens(text, &mut left_out);
        }
    }
    Linked { case, left_out }
}

/// Leaves out client secrets and private keys.
fn secrets(case: &mut Case, left_out: &mut BTreeSet<&'static str>) {
    let found = spots(&case.config).map(|config| client_secrets(&config)).unwrap_or_default();
    for secret in found.iter().flatten() {
        case.config = case.config.replace(secret.as_str(), LEFT_OUT);
    }
    let holds_more = may_hold_a_secret(&case.config);
    if holds_more {
        case.config.clear();
    }
    if holds_more || !found.is_empty() {
        left_out.insert("a client secret");
    }
    if case.config.contains(PEM) {
        case.config.clear();
        left_out.insert("the configuration, which holds a private key");
    }
    let mut has_private = false;
    let keys = spots(&case.keys);
    keys.iter()
        .flatten()
        .for_each(|spot| walk(spot, &mut |own, _| has_private |= PRIVATE.contains(&own.name.as_str())));
    // Whatever is no map may be a private key in another form, such as PEM.
    let is_set = keys.is_ok_and(|keys| keys.iter().all(|spot| matches!(spot.value, Value::Object(_))));
    if has_private || case.keys.contains(PEM) || (!is_set && !case.keys.trim().is_empty()) {
        case.keys.clear();
        left_out.insert("the key set, which may hold a private key");
    }
}

/// The client secrets of a configuration: its own, and those that the plugin's environment holds for it. `None` is one that
/// is no string.
fn client_secrets(config: &[Spot]) -> Vec<Option<String>> {
    let mut variables = BTreeSet::new();
    config.iter().for_each(|spot| {
        walk(spot, &mut |own, _| {
            variables.extend(own.value.text().filter(|_| own.name.ends_with("_env")).map(str::to_owned));
        });
    });
    // `{NAME: value}`, or `{name: NAME, value: value}`.
    let names_variable =
        |other: &Member| other.name == "name" && other.value.text().is_some_and(|name| variables.contains(name));
    let mut found = Vec::new();
    config.iter().for_each(|spot| {
        walk(spot, &mut |own, siblings| {
            let is_secret = own.name == CLIENT_SECRET
                || variables.contains(&own.name)
                || own.name == "value" && siblings.iter().any(names_variable);
            if is_secret && own.value.value != Value::Null && own.value.text() != Some("") {
                found.push(own.value.text().map(str::to_owned));
            }
        });
    });
    found
}

/// Whether a configuration whose secrets were replaced may hold one all the same: it cannot be read, a secret is written in
/// another way than it reads, or one stands in a comment.
fn may_hold_a_secret(config: &str) -> bool {
    let Ok(read) = spots(config) else { return config.contains(CLIENT_SECRET) };
    let is_written = |after: &str| {
        let value = after.trim_start_matches(['"', '\'', '\\', ' ']).strip_prefix(':');
        let value =
            value.map(|value| value.trim_start_matches(|c: char| c.is_whitespace() || "\"'\\>|-+#".contains(c)));
        value.is_some_and(|value| !value.is_empty() && !value.starts_with(LEFT_OUT))
    };
    client_secrets(&read).iter().any(|secret| secret.as_deref() != Some(LEFT_OUT))
        || config.split(CLIENT_SECRET).skip(1).any(is_written)
}

/// Visits each member with its siblings.
fn walk(spot: &Spot, visit: &mut dyn FnMut(&Member, &[Member])) {
    match &spot.value {
        Value::List(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(members) => {
            for member in members {
                visit(member, members);
                walk(&member.value, visit);
            }
        }
        // Configurations stand in strings too.
        Value::Text(text) => {
            spots(&text.text).iter().flatten().filter(|spot| spot.text().is_none()).for_each(|spot| walk(spot, visit));
        }
        _ => {}
    }
}

/// The request without the values of header fields that are credentials, and without a token in its query.
fn without_credentials(request: &str, left_out: &mut BTreeSet<&'static str>) -> String {
    if request.trim_start().starts_with(['{', '[']) {
        return request.to_owned();
    }
    let mut in_headers = true;
    let mut line = |line: &str| {
        let end = line.find(['\r', '\n']).unwrap_or(line.len());
        let (own, ending) = line.split_at(end);
        in_headers &= !own.trim().is_empty();
        let name = own.split_once(':').map(|(name, _)| name.trim().to_ascii_lowercase()).unwrap_or_default();
        if in_headers && CREDENTIALS.contains(&name.as_str()) {
            left_out.insert("credentials in the request");
            return format!("{}: {LEFT_OUT}{ending}", own.split(':').next().unwrap_or_default());
        }
        if in_headers && own.contains("access_token=") {
            left_out.insert("credentials in the request");
            let mut parts = own.split("access_token=");
            let mut without = parts.next().unwrap_or_default().to_owned();
            for after in parts {
                let rest = after.find(['&', ' ', '#']).map_or("", |end| after.split_at(end).1);
                without.extend(["access_token=", LEFT_OUT, rest]);
            }
            return without + ending;
        }
        line.to_owned()
    };
    request.trim_start().split_inclusive('\n').map(&mut line).collect()
}

/// The text without anything that looks like a signed token.
fn without_tokens(text: &str, left_out: &mut BTreeSet<&'static str>) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        let (before, found) = rest.split_at(at);
        let end = found.find(|c| !is_part(c)).unwrap_or(found.len());
        let (token, after) = found.split_at(end);
        out.push_str(before);
        if token.matches('.').count() >= 2 {
            left_out.insert("a token in another field");
            out.push_str(LEFT_OUT);
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";

    fn linked(case: Case, with_token: bool) -> (Case, Vec<&'static str>) {
        let Linked { case, left_out } = link(Link { case, with_token });
        (case, left_out.into_iter().collect())
    }

    #[test]
    fn the_token_stays_out_unless_it_is_wanted() {
        let case = Case { token: TOKEN.into(), introspection: r#"{"active":true}"#.into(), ..Case::default() };
        assert_eq!(linked(case.clone(), true), (case.clone(), vec![]));
        assert_eq!(linked(case, false), (Case::default(), vec!["the introspection response", "the token"]));
    }

    #[test]
    fn credentials_of_a_request_stay_out_of_a_link() {
        for (request, linked_as) in [
            (
                "GET /mcp HTTP/1.1\nHost: a\nAuthorization: Bearer x\n",
                "GET /mcp HTTP/1.1\nHost: a\nAuthorization: left-out-of-the-link\n",
            ),
            (
                "GET /mcp HTTP/1.1\r\nDPoP : p\r\nCOOKIE:c\r\n\r\n",
                "GET /mcp HTTP/1.1\r\nDPoP : left-out-of-the-link\r\nCOOKIE: left-out-of-the-link\r\n\r\n",
            ),
            ("GET /mcp?access_token=x&b=1 HTTP/1.1\n", "GET /mcp?access_token=left-out-of-the-link&b=1 HTTP/1.1\n"),
            ("GET /mcp?access_token=x HTTP/1.1\n", "GET /mcp?access_token=left-out-of-the-link HTTP/1.1\n"),
            (
                "GET /mcp?access_token=x&access_token=y HTTP/1.1\n",
                "GET /mcp?access_token=left-out-of-the-link&access_token=left-out-of-the-link HTTP/1.1\n",
            ),
            // The body is not made of fields.
            ("POST / HTTP/1.1\nHost: a\n\ncookie: 1", "POST / HTTP/1.1\nHost: a\n\ncookie: 1"),
            (r#"{"cookie": "authorization: x"}"#, r#"{"cookie": "authorization: x"}"#),
        ] {
            let (case, _) = linked(Case { request: request.into(), ..Case::default() }, false);
            assert_eq!(case.request, linked_as);
        }
    }

    #[test]
    fn a_token_in_any_other_field_stays_out_of_a_link() {
        for text in [
            format!("a: {TOKEN}"),
            format!(r#"{{"x": "{TOKEN}"}}"#),
            format!("# {TOKEN}\neyJ"),
            format!("{TOKEN}{TOKEN}"),
        ] {
            let case = Case { config: text.clone(), request: format!("{{{text}}}"), tools: text, ..Case::default() };
            let (case, left_out) = linked(case, false);
            assert!(!format!("{case:?}").contains("c2lnbmF0dXJl"), "{case:?}");
            assert_eq!(left_out, ["a token in another field"]);
        }
        let (case, left_out) = linked(Case { config: "eyJ: eyJa.b".into(), ..Case::default() }, false);
        assert_eq!((case.config.as_str(), left_out), ("eyJ: eyJa.b", vec![]));
    }

    #[test]
    fn client_secrets_never_get_into_a_link() {
        for config in [
            "issuers: [{introspection: {client_secret: hunter2}}]",
            "introspection:\n  client_secret: >-\n    hunter2\n",
            "spec:\n  pluginConfig: {a: {client_secret: 'hunter2'}}",
            r#"{"value": "{\"client_secret\": \"hunter2\"}"}"#,
            "client_secret: hunter2\nbroken: [",
            // As it is written, it is another text.
            r#"{"client_secret": "\"hunter2"}"#,
            r#"{"value": "{\"client_secret\": \"\\\"hunter2\"}"}"#,
            "client_secret: 'it''s hunter2'",
            "client_secret: >-\n  two\n  hunter2\n",
            "client_secret: [hunter2]",
            "a: 1\n# client_secret: hunter2\n",
            "a: {client_secret_env: S}\nenvironment_variables: {key_values: {S: hunter2}}",
            "a: {client_secret_env: S}\nvmConfig: {env: [{name: S, value: hunter2}]}",
            r#"{"environmentVariables": {"keyValues": {"S": "hunter2"}}, "value": "{\"client_secret_env\": \"S\"}"}"#,
        ] {
            for with_token in [false, true] {
                let (case, left_out) = linked(Case { config: config.into(), ..Case::default() }, with_token);
                assert!(!case.config.contains("hunter2"), "{}", case.config);
                assert_eq!(left_out, ["a client secret"]);
            }
        }
        let named = "client_secret_env: NAME";
        assert_eq!(linked(Case { config: named.into(), ..Case::default() }, false).0.config, named);
        let whole = "issuer:\n  client_secret: 'left-out-of-the-link'\nenv: [{name: A, value: b}]\n";
        assert_eq!(linked(Case { config: whole.into(), ..Case::default() }, false).0.config, whole);
    }

    #[test]
    fn private_keys_never_get_into_a_link() {
        let config = "secret: {private_key: {inline_string: \"-----BEGIN EC PRIVATE KEY-----\\nBB\"}}";
        let (case, left_out) = linked(Case { config: config.into(), ..Case::default() }, true);
        assert_eq!((case.config.as_str(), left_out.len()), ("", 1));
        for keys in [
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","d":"BB"}]}"#,
            r#"{"kty":"oct","k":"BB"}"#,
            r#"{"keys":[{"kty":"RSA","n":"AA","e":"AQAB","oth":[{"r":"BB"}]}]}"#,
            "-----BEGIN PRIVATE KEY-----\nBB\n-----END PRIVATE KEY-----\n",
            "d: [BB",
        ] {
            let (case, left_out) = linked(Case { keys: keys.into(), ..Case::default() }, true);
            assert_eq!((case.keys.as_str(), left_out.len()), ("", 1), "{keys}");
        }
        let public = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}"#;
        assert_eq!(linked(Case { keys: public.into(), ..Case::default() }, false).0.keys, public);
    }
}
