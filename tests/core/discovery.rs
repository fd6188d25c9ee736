//! Discovery: where an issuer may be described, what of a description is used, and how an attempt goes on.

use serde_json::{Value, json};
use toolgate::jwks::{FetchFault, KeySetFault, MAX_BYTES, MetadataFault, Progress, Source, documents, jwks_uri};
use toolgate::url::{Url, UrlFault};

const ISSUER: &str = "https://auth.example.com/tenant";
const OAUTH: &str = "https://auth.example.com/.well-known/oauth-authorization-server/tenant";
const OPENID_INSERTED: &str = "https://auth.example.com/.well-known/openid-configuration/tenant";
const OPENID_APPENDED: &str = "https://auth.example.com/tenant/.well-known/openid-configuration";
const KEYS: &str = "https://keys.example.com/tenant?v=1";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

#[test]
fn metadata_is_looked_for_where_both_standards_put_it() {
    let cases: &[(&str, Option<&[&str]>)] = &[
        (ISSUER, Some(&[OAUTH, OPENID_INSERTED, OPENID_APPENDED])),
        (
            "https://a.example/x/y/",
            Some(&[
                "https://a.example/.well-known/oauth-authorization-server/x/y",
                "https://a.example/.well-known/openid-configuration/x/y",
                "https://a.example/x/y/.well-known/openid-configuration",
            ]),
        ),
        (
            "https://A.example:8443",
            Some(&[
                "https://A.example:8443/.well-known/oauth-authorization-server",
                "https://A.example:8443/.well-known/openid-configuration",
            ]),
        ),
        (
            "http://127.0.0.1:9400/",
            Some(&[
                "http://127.0.0.1:9400/.well-known/oauth-authorization-server",
                "http://127.0.0.1:9400/.well-known/openid-configuration",
            ]),
        ),
        ("https://a.example/?tenant=1", None),
    ];
    for (issuer, expected) in cases {
        let found = documents(&url(issuer));
        let found: Option<Vec<_>> = found.as_ref().map(|urls| urls.iter().map(Url::as_str).collect());
        assert_eq!(found.as_deref(), *expected, "{issuer}");
    }
}

fn document(issuer: &str, keys: &str) -> Value {
    json!({"issuer": issuer, "jwks_uri": keys, "token_endpoint": "https://auth.example.com/token"})
}

#[test]
fn metadata_names_the_keys_or_is_refused_for_one_reason() {
    let text = |issuer: &str, keys: &str| document(issuer, keys).to_string();
    let good = text(ISSUER, KEYS);
    let no_issuer = || MetadataFault::Issuer(None);
    let another = |name, issuer: &str| (name, text(issuer, KEYS), Err(MetadataFault::Issuer(Some(issuer.to_owned()))));
    let cases: Vec<(&str, String, Result<(), MetadataFault>)> = vec![
        ("as it should be", good.clone(), Ok(())),
        another("another issuer", "https://evil.example.com/tenant"),
        another("a slash more", "https://auth.example.com/tenant/"),
        another("a slash less", "https://auth.example.com"),
        another("another case", "https://Auth.example.com/tenant"),
        another("the default port", "https://auth.example.com:443/tenant"),
        ("no issuer", json!({"jwks_uri": KEYS}).to_string(), Err(no_issuer())),
        ("a list of issuers", json!({"issuer": [ISSUER], "jwks_uri": KEYS}).to_string(), Err(no_issuer())),
        ("a long issuer", text(&"x".repeat(100_000), KEYS), Err(MetadataFault::Issuer(Some("x".repeat(200))))),
        ("no keys", json!({"issuer": ISSUER}).to_string(), Err(MetadataFault::NoJwksUri)),
        ("null for keys", json!({"issuer": ISSUER, "jwks_uri": null}).to_string(), Err(MetadataFault::NoJwksUri)),
        ("keys in the clear", text(ISSUER, "http://auth.example.com/jwks"), Err(MetadataFault::Insecure)),
        ("a relative URL", text(ISSUER, "/jwks"), Err(MetadataFault::Url(UrlFault::Scheme))),
        ("a file", text(ISSUER, "file:///etc/passwd"), Err(MetadataFault::Url(UrlFault::Scheme))),
        ("a fragment", text(ISSUER, "https://a.example/#x"), Err(MetadataFault::Url(UrlFault::Fragment))),
        ("a user", text(ISSUER, "https://u@a.example/"), Err(MetadataFault::Url(UrlFault::UserInfo))),
        ("a line break", text(ISSUER, "https://a.example/\r\nx: y"), Err(MetadataFault::Url(UrlFault::Character))),
        ("no host", text(ISSUER, "https:///jwks"), Err(MetadataFault::Url(UrlFault::Host))),
        ("two issuers", good.replacen('{', "{\"issuer\":\"x\",", 1), Err(MetadataFault::NotMetadata)),
        ("two key sets", good.replacen('{', "{\"jwks_uri\":\"x\",", 1), Err(MetadataFault::NotMetadata)),
        ("a list", format!("[{good}]"), Err(MetadataFault::NotMetadata)),
        ("a page", "<p>Sign in".to_owned(), Err(MetadataFault::NotMetadata)),
        ("cut short", good[..good.len() - 1].to_owned(), Err(MetadataFault::NotMetadata)),
        ("two documents", format!("{good}{good}"), Err(MetadataFault::NotMetadata)),
        ("a byte order mark", format!("\u{feff}{good}"), Err(MetadataFault::NotMetadata)),
        ("nothing", String::new(), Err(MetadataFault::NotMetadata)),
        ("nesting without end", "[".repeat(200_000), Err(MetadataFault::NotMetadata)),
        (
            "a byte too large",
            format!("{good}{}", " ".repeat(MAX_BYTES + 1 - good.len())),
            Err(MetadataFault::NotMetadata),
        ),
        ("as large as may be", format!("{good}{}", " ".repeat(MAX_BYTES - good.len())), Ok(())),
    ];
    for (name, document, expected) in cases {
        let found = jwks_uri(document.as_bytes(), &url(ISSUER));
        assert_eq!(found, expected.map(|()| url(KEYS)), "{name}");
    }
    let plain = url("http://127.0.0.1:9400");
    for keys in ["http://127.0.0.1:9400/jwks", KEYS] {
        let document = document(plain.as_str(), keys).to_string();
        assert_eq!(jwks_uri(document.as_bytes(), &plain), Ok(url(keys)), "an issuer in the clear may have its keys so");
    }
}

/// One answer, and how the attempt goes on.
type Turn<'a> = (Option<u16>, &'a str, &'a dyn Fn(&Progress) -> bool);

fn asks(url: &'static str) -> impl Fn(&Progress) -> bool {
    move |progress| matches!(progress, Progress::Ask(asked) if asked.as_str() == url)
}

fn fails(fault: FetchFault) -> impl Fn(&Progress) -> bool {
    move |progress| matches!(progress, Progress::Failed(own, _) if *own == fault)
}

/// An answer in words is the fault alone.
fn words(fault: &str) -> String {
    fault.to_owned()
}

#[test]
fn an_attempt_asks_on_wherever_the_issuer_is_not_described_and_ends_with_what_was_wrong_first() {
    let good = document(ISSUER, KEYS).to_string();
    let foreign = document("https://other.example.com", KEYS).to_string();
    let bare = json!({"issuer": ISSUER}).to_string();
    let done = |progress: &Progress| matches!(progress, Progress::Done(set) if set.is_empty());
    let none = fails(FetchFault::NoMetadata);
    let (inserted, appended, keys) = (asks(OPENID_INSERTED), asks(OPENID_APPENDED), asks(KEYS));
    let status = |status| fails(FetchFault::Status(status));
    let (refused, gone, unanswered) = (status(Some(503)), status(Some(404)), status(None));
    let moved = status(Some(302));
    let other = MetadataFault::Issuer(Some("https://other.example.com".to_owned()));
    let [issuer, page, keyless, insecure] =
        [other, MetadataFault::NotMetadata, MetadataFault::NoJwksUri, MetadataFault::Insecure]
            .map(|fault| fails(FetchFault::Metadata(fault)));
    let in_the_clear = document(ISSUER, "http://auth.example.com/jwks").to_string();
    let no_set = fails(FetchFault::NotKeys(KeySetFault::NotAKeySet));
    let set = r#"{"keys":[]}"#;
    let cases: &[(&str, &[Turn<'_>])] = &[
        ("the first", &[(Some(200), &good, &keys), (Some(200), set, &done)]),
        ("the last", &[(Some(404), "", &inserted), (Some(404), "", &appended), (Some(200), &good, &keys)]),
        ("none", &[(Some(404), "", &inserted), (Some(404), "", &appended), (Some(404), "", &none)]),
        ("a redirect is not followed", &[(Some(302), "", &inserted)]),
        ("a page for everything", &[(Some(200), "<p>", &inserted), (Some(200), &good, &keys)]),
        ("a document without keys", &[(Some(200), &bare, &inserted)]),
        ("not for us", &[(Some(401), "", &inserted)]),
        ("an object without anything", &[(Some(200), "{}", &inserted), (Some(200), &good, &keys)]),
        ("an error in JSON", &[(Some(200), r#"{"error":"not_found"}"#, &inserted), (Some(200), &good, &keys)]),
        ("another issuer's first", &[(Some(200), &foreign, &inserted), (Some(200), &good, &keys)]),
        ("keys in the clear first", &[(Some(200), &in_the_clear, &inserted), (Some(200), &good, &keys)]),
        (
            "a fault of the provider first",
            &[(Some(500), "", &inserted), (Some(503), "", &appended), (Some(200), &good, &keys)],
        ),
        ("no answer first", &[(None, "", &inserted), (Some(200), &good, &keys)]),
        (
            "another issuer's everywhere",
            &[(Some(200), &foreign, &inserted), (Some(200), &foreign, &appended), (Some(200), &foreign, &issuer)],
        ),
        (
            "another issuer's, then pages",
            &[(Some(200), &foreign, &inserted), (Some(200), "<p>", &appended), (Some(200), "<p>", &issuer)],
        ),
        (
            "nothing, then keys in the clear",
            &[(Some(404), "", &inserted), (Some(404), "", &appended), (Some(200), &in_the_clear, &insecure)],
        ),
        (
            "pages everywhere",
            &[(Some(200), "<p>", &inserted), (Some(200), "<p>", &appended), (Some(200), "<p>", &page)],
        ),
        ("no keys anywhere", &[(Some(200), &bare, &inserted), (Some(404), "", &appended), (Some(404), "", &keyless)]),
        ("an outage", &[(Some(503), "", &inserted), (Some(503), "", &appended), (Some(503), "", &refused)]),
        ("no answer at all", &[(None, "", &inserted), (None, "", &appended), (None, "", &unanswered)]),
        ("no keys there", &[(Some(200), &good, &keys), (Some(404), "", &gone)]),
        ("keys that moved", &[(Some(200), &good, &keys), (Some(302), "", &moved)]),
        ("metadata for keys", &[(Some(200), &good, &keys), (Some(200), &good, &no_set)]),
    ];
    for (name, turns) in cases {
        let mut source = Source::discovered(url(ISSUER));
        let first = source.begin(false);
        assert!(asks(OAUTH)(&first), "{name}: {first:?}");
        for (n, (status, body, expected)) in turns.iter().enumerate() {
            let progress = source.answered(*status, Some(body.as_bytes()), &words);
            assert!(expected(&progress), "{name}, turn {n}: {progress:?}");
        }
    }
    let mut source = Source::discovered(url(ISSUER));
    source.begin(false);
    assert!(inserted(&source.answered(Some(200), None, &words)), "too large a document");
    source.answered(Some(404), None, &words);
    assert!(fails(FetchFault::Size)(&source.answered(Some(404), None, &words)), "and no other");
    assert!(asks(OAUTH)(&source.begin(false)), "the next attempt begins anew");
    source.answered(Some(404), None, &words);
    source.answered(Some(404), None, &words);
    assert!(none(&source.answered(Some(404), None, &words)), "and knows nothing of the faults of the last");
}

#[test]
fn what_was_discovered_is_kept_for_refetches_and_read_anew_by_refreshes_and_after_failures() {
    let mut source = Source::discovered(url(ISSUER));
    let (oauth, openid) = (Progress::Ask(url(OAUTH)), Progress::Ask(url(OPENID_APPENDED)));
    let keys = |url_: &str| Progress::Ask(url(url_));
    let described = |keys: &str| document(ISSUER, keys).to_string().into_bytes();
    let set: Option<&[u8]> = Some(b"{\"keys\":[]}");

    assert_eq!(source.begin(true), oauth, "nothing is known yet");
    source.answered(Some(404), None, &words);
    assert_eq!(source.answered(Some(404), None, &words), openid);
    assert_eq!(source.answered(Some(200), Some(&described(KEYS)), &words), keys(KEYS));
    assert!(matches!(source.answered(Some(200), set, &words), Progress::Done(_)));

    assert_eq!(source.begin(true), keys(KEYS), "a refetch costs one request");
    assert!(matches!(source.answered(Some(200), set, &words), Progress::Done(_)));

    assert_eq!(source.begin(false), openid, "a refresh begins with the document that was right");
    let moved = "https://elsewhere.example.com/jwks";
    assert_eq!(source.answered(Some(200), Some(&described(moved)), &words), keys(moved));
    source.answered(Some(500), set, &words);

    assert_eq!(source.begin(true), openid, "after a failure it may be elsewhere");
    assert_eq!(source.answered(Some(404), None, &words), oauth, "and so may the metadata");
}

#[test]
fn a_configured_url_is_the_only_one_that_is_asked() {
    let mut source = Source::at(url(KEYS));
    for status in [200, 302, 404, 503] {
        for refetch in [true, false] {
            assert_eq!(source.begin(refetch), Progress::Ask(url(KEYS)));
            let body = document(ISSUER, "https://elsewhere.example.com/").to_string();
            let progress = source.answered(Some(status), Some(body.as_bytes()), &words);
            assert!(matches!(progress, Progress::Failed(..)), "{status}: {progress:?}");
        }
    }
}

#[test]
fn a_failed_attempt_is_told_by_its_first_fault_with_what_was_expected_and_what_came() {
    let other = document("https://auth.example.com/tenant/", KEYS).to_string();
    for (answers, expected) in [
        (
            vec![(200, other.as_str()), (503, "down"), (404, "")],
            "the issuer's metadata was refused: its `issuer` is `https://auth.example.com/tenant/`, not `https://auth.example.com/tenant`",
        ),
        (vec![(404, ""), (404, ""), (404, "")], "no metadata was found that names the issuer's keys"),
        (
            vec![(200, &*document(ISSUER, "jwks").to_string()), (404, ""), (404, "")],
            "the issuer's metadata was refused: its `jwks_uri` must be an absolute `https` or `http` URL",
        ),
        (
            vec![(200, &*document(ISSUER, KEYS).to_string()), (200, "<p>")],
            "the response is not a key set: it is not a JSON object with an array `keys`",
        ),
        // The status says it all.
        (vec![(503, ""), (404, ""), (404, "")], ""),
    ] {
        let mut source = Source::discovered(url(ISSUER));
        source.begin(false);
        let answered = |(status, body): &(u16, &str)| source.answered(Some(*status), Some(body.as_bytes()), &words);
        let last = answers.iter().map(answered).last();
        assert!(matches!(&last, Some(Progress::Failed(_, told)) if told == expected), "{last:?}");
    }
}
