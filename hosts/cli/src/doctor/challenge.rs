//! The first answer to a client without a token: the 401, and its challenge.

use serde_json::json;
use toolgate::url::{Scheme, Url};

use super::Steps;
use crate::client::{Client, Response};
use crate::mcp::Session;

/// The name of a tool that no server has.
pub const NO_TOOL: &str = "toolgate-doctor-asks-for-a-tool-that-does-not-exist";

/// The challenge, as far as the next steps need it.
#[derive(Default)]
pub struct Challenge {
    /// The URL of the metadata.
    pub metadata: Option<String>,
}

/// Asks without a token. `None` if nothing answers.
pub fn look(client: &Client, url: &Url, steps: &mut Steps) -> Option<Challenge> {
    let mut session = Session::new(client, url.as_str(), None);
    let first = match session.initialize() {
        Ok(answer) => answer.response,
        Err(fault) => {
            let (name, remedy) = unreached(&fault);
            steps.failed(name, fault, remedy);
            return None;
        }
    };
    if url.scheme() == Scheme::Https {
        steps.passed("tls", format!("the certificate is good for {}", url.authority()));
    }
    let response = if first.status == 200 {
        // Where rules are public, sessions are too; what no rule names is not.
        let params = json!({"name": NO_TOOL, "arguments": {}});
        let second = session.ask("tools/call", &params);
        session.end();
        match second {
            Ok(answer) if answer.response.status == 401 || answer.response.status == 403 => {
                steps.passed("no token", "some operations need no token (public rules), others do");
                answer.response
            }
            _ => {
                let remedy = "toolgate is not in front of this URL: look at the route, the filter, and \
                              `typed_per_filter_config`";
                steps.failed("no token", "a call without a token reaches the server", remedy);
                return Some(Challenge::default());
            }
        }
    } else {
        first
    };
    Some(read(&response, steps))
}

/// The step at which a connection failed, and the remedy.
fn unreached(fault: &str) -> (&'static str, &'static str) {
    let said = fault.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["certificate", "unknownissuer", "invalid peer"]) {
        ("tls", "clients refuse this certificate: serve the whole chain, for this name; see --ca for a private CA")
    } else if has(&["tls", "handshake", "invalidcontenttype", "corrupt message"]) {
        ("tls", "nothing ends TLS here: give the listener a DownstreamTlsContext, or use the port that has one")
    } else if has(&["dns", "resolve", "lookup", "host not found"]) {
        ("reached", "the host's name is not known: correct the URL or the DNS")
    } else {
        ("reached", "nothing answers here: look at the listener's address and port, and at firewalls")
    }
}

fn read(response: &Response, steps: &mut Steps) -> Challenge {
    match response.status {
        401 => steps.passed("no token", "401 without a token"),
        // A mixed resource answers so where no sign-in would help.
        403 if response.header("www-authenticate").is_none() => {
            steps.skipped("challenge", "none here: the call is denied to everyone");
            return Challenge::default();
        }
        status => {
            let remedy = match status {
                404 => {
                    "no resource in toolgate's configuration, or no route, has this host and path: compare `hosts` and `paths`"
                }
                500 => "see Envoy's log: a filter or its configuration fails",
                503 => "the module, the keys or the server are not available: see Envoy's log",
                300..=399 => "something redirects before toolgate: clients follow no redirect of a POST",
                _ => "something other than toolgate responds: check the filters before it",
            };
            steps.failed("no token", format!("HTTP {status} instead of 401"), remedy);
            return Challenge::default();
        }
    }
    let all: Vec<_> = response.all("www-authenticate").collect();
    let [one] = all.as_slice() else {
        let detail = format!("{} `WWW-Authenticate` headers instead of one", all.len());
        steps.failed("challenge", detail, "something before toolgate responds, or changes its responses");
        return Challenge::default();
    };
    let parameters = parameters(one);
    let get = |name: &str| parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
    let Some(metadata) = get("resource_metadata") else {
        let remedy = "clients do not find where to sign in: a filter before toolgate responds, such as jwt_authn";
        steps.failed("challenge", format!("has no `resource_metadata`: {one}"), remedy);
        return Challenge::default();
    };
    let scope = get("scope").map_or_else(|| "no scope".to_owned(), |scope| format!("scope `{scope}`"));
    match get("error") {
        Some(error) => {
            let remedy = "the request had no token: something adds one, such as a credential_injector";
            steps.warned("challenge", format!("Bearer with error `{error}`"), remedy);
        }
        None => steps.passed("challenge", format!("Bearer, {scope}")),
    }
    Challenge { metadata: Some(metadata) }
}

/// The parameters of a Bearer challenge. Commas and quotes may stand inside quotes.
fn parameters(challenge: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let Some((scheme, mut rest)) = challenge.trim().split_once(' ') else { return found };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return found;
    }
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_start_matches([',', ' ']).trim().to_ascii_lowercase();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.push((name, value.trim().to_owned()));
        rest = next;
    }
    found
}
