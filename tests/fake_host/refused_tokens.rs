//! Records of refused tokens: what is wrong, and what the token claims, but nothing else of it.

use std::time::Duration;

use crate::support::fake::{End, STAMP, Stream, Worker, ok};
use crate::support::keys::{Key, key_set};
use crate::support::tokens::{AUDIENCE, ISSUER, Token, sign_raw, tampered};
use serde_json::{Value, json};
use toolgate::config::SubjectForm;

const NOW: i64 = 1_800_000_000;
const SUBJECT: &str = "subject-nobody-may-read";
const SCOPE: &str = "scope:nobody:may:read";

fn worker(audit: &Value) -> Worker {
    let mut worker = Worker::new(
        &json!({
            "issuers": [{
                "issuer": ISSUER,
                "name": "main",
                "jwks": {"uri": format!("{ISSUER}/jwks"), "cluster": "auth"},
                "required_claims": {"tenant": "acme"},
            }],
            "resources": [{"resource": AUDIENCE, "policy": {}}],
            "audit": audit,
        }),
        false,
        NOW,
    );
    let keys = ok(&key_set([&Key::ed25519(), &Key::p256()]));
    worker.settle(&|_| Some(keys.clone()));
    worker.wait(Duration::from_secs(41));
    worker
}

fn token() -> Token {
    Token::at(NOW).subject(SUBJECT).scope(SCOPE).claim("tenant", "acme").claim("jti", "id-nobody-may-read")
}

/// A request with this token.
fn open(worker: &mut Worker, token: &str) -> Stream {
    let fields = [(":method", "GET"), (":path", "/mcp"), (":authority", "mcp.example.com")];
    let bearer = format!("Bearer {token}");
    let fields = fields.into_iter().chain([("authorization", bearer.as_str())]);
    let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect();
    Stream::open(worker, fields, End::Last)
}

/// The audit line of a request with this token.
fn record(worker: &mut Worker, token: &str) -> Value {
    let stream = open(worker, token);
    let keys = ok(&key_set([&Key::ed25519(), &Key::p256()]));
    worker.settle(&|_| Some(keys.clone()));
    let line = stream.records().last().expect("a record").line(SubjectForm::Plain, &STAMP);
    for secret in
        [SUBJECT, SCOPE, "id-nobody-may-read"].into_iter().chain(token.split('.').filter(|part| part.len() > 9))
    {
        assert!(!line.contains(secret), "{secret} in {line}");
    }
    serde_json::from_str(line.strip_prefix("toolgate.audit ").unwrap()).unwrap()
}

#[test]
fn a_refused_token_is_recorded_with_what_was_expected_and_what_came() {
    let key = Key::ed25519();
    let claimed = json!({"iss": ISSUER, "aud": AUDIENCE, "client": "test-client"});
    let with = |name: &str, value: Value| {
        let mut claimed = claimed.clone();
        claimed[name] = value;
        claimed
    };
    let cases = [
        (
            "another audience",
            token().audience("api://default").sign(&key),
            "audience_mismatch",
            format!("aud: expected `{AUDIENCE}`, got `api://default`"),
            Some(with("aud", json!("api://default"))),
        ),
        (
            "several audiences",
            token().audience(json!(["a", "b"])).sign(&key),
            "audience_mismatch",
            format!("aud: expected `{AUDIENCE}`, got [`a`, `b`]"),
            Some(with("aud", json!(["a", "b"]))),
        ),
        (
            "no audience",
            token().without_claim("aud").sign(&key),
            "audience_missing",
            format!("aud: expected `{AUDIENCE}`, got nothing"),
            Some(json!({"iss": ISSUER, "client": "test-client"})),
        ),
        (
            "another issuer",
            token().issuer("https://auth.example.com/").sign(&key),
            "issuer_mismatch",
            format!("iss: expected `{ISSUER}`, got `https://auth.example.com/`"),
            Some(with("iss", json!("https://auth.example.com/"))),
        ),
        (
            "an expired one",
            token().expires_in(-312).sign(&key),
            "token_expired",
            "exp: 2027-01-15T07:54:48Z (5 min 53 s ago), and the leeway is 30 s".to_owned(),
            Some(claimed.clone()),
        ),
        (
            "one from the future",
            token().claim("nbf", NOW + 3600).sign(&key),
            "token_not_yet_valid",
            "nbf: 2027-01-15T09:00:00Z (59 min 19 s from now)".to_owned(),
            Some(claimed.clone()),
        ),
        (
            "a key that nobody knows",
            token().sign(&Key::ed25519().named("a1")),
            "key_unknown",
            "kid: `a1` is in no key set of issuer `main` (fetched 0 s ago, 2 keys)".to_owned(),
            Some(claimed.clone()),
        ),
        (
            "another signature",
            tampered(&token().sign(&key)),
            "bad_signature",
            "the signature matches no key of the issuer".to_owned(),
            Some(claimed.clone()),
        ),
        (
            "an ID token",
            token().claim("at_hash", "x").sign(&key),
            "not_an_access_token",
            "it is another kind of token: it has `at_hash`".to_owned(),
            Some(claimed.clone()),
        ),
        (
            "another type",
            token().typ("dpop+jwt").sign(&key),
            "type_not_allowed",
            "typ: expected `at+jwt`, `jwt` or none, got `dpop+jwt`".to_owned(),
            Some(claimed.clone()),
        ),
        (
            "a claim of another value, which is not told",
            token().claim("tenant", SUBJECT).sign(&key),
            "required_claim",
            "tenant: expected `acme`, got another value".to_owned(),
            Some(claimed.clone()),
        ),
        (
            "an actor that is none, which is not told",
            token().claim("act", SUBJECT).sign(&key),
            "act_malformed",
            "`act` is not an object with a string `sub` at each of at most eight levels".to_owned(),
            Some(claimed.clone()),
        ),
        (
            "an opaque one",
            "opaque".to_owned(),
            "token_malformed",
            "one part: an opaque token, and no issuer of this resource has `introspection`".to_owned(),
            None,
        ),
        (
            "JSON that is none",
            sign_raw(r#"{"alg":"EdDSA"}"#, r#"{"iss":"a","iss":"b"}"#, &key),
            "token_malformed",
            "three parts, but not two strict JSON objects and a signature in base64url".to_owned(),
            None,
        ),
        (
            "a long one",
            "a".repeat(20_000),
            "token_too_long",
            "it is longer than `limits.token`, 16384 bytes".to_owned(),
            None,
        ),
    ];
    for (name, sent, reason, detail, claimed) in cases {
        let record = record(&mut worker(&json!({})), &sent);
        assert_eq!(record["reason"], reason, "{name}");
        assert_eq!(record["detail"], detail, "{name}");
        assert_eq!(record.get("claimed"), claimed.as_ref(), "{name}");
        for absent in ["subject", "client", "issuer", "scopes", "jti"] {
            assert_eq!(record.get(absent), None, "{name}: {absent}");
        }
        let quiet = self::record(&mut worker(&json!({"detail": false})), &sent);
        assert_eq!((quiet.get("detail"), quiet.get("claimed")), (None, None), "{name}");
        assert_eq!(quiet["reason"], reason, "{name}");
    }
}

#[test]
fn what_a_refused_token_claims_is_cut_and_cannot_break_the_line() {
    let long = "é".repeat(400);
    let hostile = "a\n\u{202e}`\"toolgate.audit {";
    let many: Vec<_> = (0..200).map(|n| format!("https://{n}.example.com")).collect();
    let total = |value: &Value| -> usize {
        let texts = |value: &Value| match value {
            Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::len).sum(),
            other => other.as_str().map_or(0, str::len),
        };
        value.as_object().unwrap().values().map(texts).sum()
    };
    for (iss, aud, client) in [
        (long.as_str(), json!(AUDIENCE), "c"),
        (ISSUER, json!(long), long.as_str()),
        (ISSUER, json!(many), "c"),
        (hostile, json!([hostile, 7, {"a": SUBJECT}]), hostile),
    ] {
        let sent = token().issuer(iss).audience(aud.clone()).client(client).sign(&Key::ed25519());
        let record = record(&mut worker(&json!({})), &sent);
        let size = total(&record["claimed"]);
        let is_empty = |value: &Value| [json!(""), json!([])].contains(value);
        assert!(!record["claimed"].as_object().unwrap().values().any(is_empty), "{record}");
        assert!((1..=512).contains(&size), "{size}: {record}");
        assert!(
            record["detail"].as_str().is_some_and(|detail| detail.len() <= 512 && !detail.contains(['\n', '\u{202e}']))
        );
    }
}

#[test]
fn nothing_is_read_again_for_a_line_that_nobody_reads() {
    let sink = json!({"uri": "https://logs.example.com/", "cluster": "logs"});
    for (audit, prints, is_read) in [
        (json!({}), true, true),
        (json!({}), false, false),
        (json!({"sink": sink}), false, true),
        (json!({"decisions": "none", "sink": sink}), true, false),
    ] {
        let mut worker = worker(&audit);
        worker.gate.set_prints_info(prints);
        let stream = open(&mut worker, &token().audience("api://default").sign(&Key::ed25519()));
        let [record] = stream.records().try_into().expect("one record");
        assert_eq!(
            (record.reason.as_str(), record.refused.is_some()),
            ("audience_mismatch", is_read),
            "{audit} {prints}"
        );
    }
}

#[test]
fn an_accepted_token_and_a_refusal_of_the_policy_have_no_detail() {
    let mut worker = worker(&json!({}));
    let stream = open(&mut worker, &token().sign(&Key::ed25519()));
    let [record] = stream.records().try_into().expect("one record");
    assert_eq!((record.reason.as_str(), record.refused), ("allowed", None));
    assert_eq!(record.caller.and_then(|caller| caller.subject().map(str::to_owned)).as_deref(), Some(SUBJECT));
}
