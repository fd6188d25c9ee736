//! Requests without a token, where sessions are bound: no server finds another session in what goes on than the one of
//! nobody that the input names `OWN`. An endpoint that is tagged comes back as the server wrote it.
//!
//! The input: header fields, one a line, with `path` for the query; after an empty line the URL of an endpoint.
#![no_main]

#[path = "../../tests/support/session_readers.rs"]
mod session_readers;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use session_readers::SessionReader;
use toolgate::bearer::NoCredentials;
use toolgate::caller::Caller;
use toolgate::config::Config;
use toolgate::exchange::HeaderEdit;
use toolgate::explain::{HttpRequest, Question, decide};
use toolgate::jwks::IssuerKeys;
use toolgate::sessions::{Owner, Sessions};
use toolgate::signature::PureVerifier;
use toolgate::time::UnixTime;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const RESOURCE: &str = "https://mcp.example.com/mcp";
const ID: &str = "mcp-session-id";

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "TyE10Y2vZUQYdlcvw8xpqoce7rhzBxdem3iIWwcsoOE"});
    let config = json!({
        "issuers": [{"issuer": "https://auth.example.com", "jwks": {"keys": [key]}}],
        "resources": [{
            "resource": RESOURCE, "policy": {"tools": {"help": {"public": true}}, "mode": "shadow"},
            "sessions": {"bind": true, "secret_env": "SECRET"},
        }],
    });
    Config::parse(config.to_string().as_bytes(), &|_| Some(SECRET.to_owned())).expect("a configuration")
});

fn request(head: &str, seen: &str) -> Option<HttpRequest> {
    let mut headers = vec![(":method", "POST".to_owned()), (":authority", "mcp.example.com".to_owned())];
    headers.push(("content-type", "application/json".to_owned()));
    let mut path = "/mcp".to_owned();
    for line in head.lines() {
        let (name, value) = line.split_once(':')?;
        let value = value.trim_matches(' ').replace("OWN", seen);
        match name {
            "path" => path = format!("/mcp{value}"),
            name if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b"-_".contains(&b)) => {
                return None;
            }
            name => headers.push((name, value)),
        }
    }
    headers.push((":path", path));
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.to_vec();
    Some(HttpRequest { headers, body: Some(body), trailers: Vec::new() })
}

/// The fields that the server gets.
fn edited(mut fields: Vec<(String, Vec<u8>)>, edits: &[HeaderEdit]) -> Vec<(String, String)> {
    edits.iter().for_each(|edit| edit.apply(&mut fields));
    fields.into_iter().map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned())).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((head, url)) = std::str::from_utf8(bytes).ok().and_then(|text| text.split_once("\n\n")) else { return };
    let (nobody, sessions) = (Caller::Anonymous(NoCredentials::assumed()), Sessions::new(SECRET.to_owned(), None));
    let owner = Owner { resource: RESOURCE, caller: &nobody };
    if let Some(request) = request(head, &sessions.tagged(owner, "own")) {
        let mut keys = IssuerKeys::new(CONFIG.key_sources(), 0);
        let now = UnixTime::from_millis(1_800_000_000_000);
        let mut question = Question { config: &CONFIG, keys: &mut keys, verifier: &PureVerifier, endpoint: None, now };
        let answered = decide(&mut question, &request);
        if answered.reply.is_none() {
            let fields = edited(request.headers, &answered.edits);
            let in_fields =
                fields.iter().filter(|(name, _)| name.replace('_', "-") == ID).map(|(_, value)| value.clone());
            let target = fields.iter().find(|(name, _)| name == ":path").map(|(_, value)| value.as_str());
            let in_query = SessionReader::ALL.into_iter().flat_map(|reader| reader.read(target.unwrap_or_default()));
            for session in in_fields.chain(in_query) {
                assert_eq!(session, "own", "{fields:?}");
            }
        }
    }
    if let Some(seen) = sessions.tagged_endpoint(owner, url) {
        let sent = |url: &str| url.split('#').next().unwrap_or_default().trim_ascii_end().to_owned();
        assert_eq!(sessions.own_target(owner, &sent(&seen)), Ok(Some(sent(url))));
    }
});
