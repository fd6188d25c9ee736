//! The authorization server: its metadata, its keys, and what MCP clients need of it.

use serde_json::Value;
use toolgate::jwks::KeySet;
use toolgate::url::Url;

use super::Steps;
use crate::client::Client;

/// Looks at an authorization server. Returns the names of its keys.
pub fn look(client: &Client, issuer: &str, steps: &mut Steps) -> Vec<String> {
    let Ok(url) = Url::parse(issuer) else {
        let remedy = "clients take it for the URL of its metadata: set `authorization_servers`";
        steps.failed("issuer", format!("`{issuer}` is no URL"), remedy);
        return Vec::new();
    };
    let Some(metadata) = metadata(client, issuer, &url, steps) else { return Vec::new() };
    let names = keys(client, &metadata, steps);
    endpoints(&metadata, steps);
    let list = |name: &str| metadata.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    if list("code_challenge_methods_supported").contains(&Value::from("S256")) {
        steps.passed("pkce", "S256");
    } else {
        let remedy = "MCP clients refuse to sign in without it: turn PKCE on, and have the metadata say so";
        steps.failed("pkce", "`code_challenge_methods_supported` has no S256", remedy);
    }
    let documents = metadata.get("client_id_metadata_document_supported") == Some(&Value::from(true));
    match (documents, metadata.get("registration_endpoint").and_then(Value::as_str)) {
        (true, _) => steps.passed("registration", "client id metadata documents"),
        (false, Some(_)) => steps.passed("registration", "dynamic registration"),
        (false, None) => {
            let remedy = "each client needs an id that is registered by hand and configured in it";
            steps.warned("registration", "neither client id metadata documents nor dynamic registration", remedy);
        }
    }
    names
}

/// The places of the metadata, in the order in which MCP clients try them.
fn places(url: &Url) -> Vec<String> {
    let origin = format!("{}://{}", url.scheme().as_str(), url.authority());
    let path = url.path().trim_end_matches('/');
    let mut places = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        places.push(format!("{origin}{path}/.well-known/openid-configuration"));
    }
    places
}

fn metadata(client: &Client, issuer: &str, url: &Url, steps: &mut Steps) -> Option<Value> {
    let mut faults = Vec::new();
    for place in places(url) {
        let document = match client.get(&place) {
            Ok(response) if response.status == 200 => response.json(),
            Ok(response) => {
                faults.push(format!("{place}: HTTP {}", response.status));
                continue;
            }
            Err(fault) => {
                faults.push(format!("{place}: {fault}"));
                continue;
            }
        };
        let Some(document) = document else {
            faults.push(format!("{place}: no JSON"));
            continue;
        };
        let own = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
        if own == issuer {
            steps.passed("issuer", format!("{issuer}, by {place}"));
            return Some(document);
        }
        let remedy = format!("the two must be equal byte for byte: configure the issuer as `{own}`");
        steps.failed("issuer", format!("{place} is of `{own}`, not of `{issuer}`"), remedy);
        return Some(document);
    }
    let remedy = "clients cannot sign in: the authorization server must publish its metadata (RFC 8414)";
    steps.failed("issuer", faults.join("; "), remedy);
    None
}

/// Looks at the key set. Returns the names of the keys.
fn keys(client: &Client, metadata: &Value, steps: &mut Steps) -> Vec<String> {
    let Some(uri) = metadata.get("jwks_uri").and_then(Value::as_str) else {
        let remedy = "with opaque tokens and introspection that is right; else toolgate needs `jwks.uri`";
        steps.warned("keys", "the metadata names no `jwks_uri`", remedy);
        return Vec::new();
    };
    let response = match client.get(uri) {
        Ok(response) => response,
        Err(fault) => {
            steps.failed("keys", format!("{uri}: {fault}"), "tokens cannot be verified without keys");
            return Vec::new();
        }
    };
    let set = (response.status == 200).then(|| KeySet::parse(&response.body).ok()).flatten();
    match set {
        Some(set) if !set.is_empty() => steps.passed("keys", format!("{uri}: {} for signatures", set.len())),
        Some(_) => {
            let remedy = "tokens need a signature by RSA, ECDSA or EdDSA: have the issuer publish such a key";
            steps.failed("keys", format!("{uri}: no key that toolgate can use"), remedy);
        }
        None => {
            let detail = format!("{uri}: HTTP {}, no key set", response.status);
            steps.failed("keys", detail, "it must answer with a JWK Set (RFC 7517): correct `jwks_uri`");
        }
    }
    let document = response.json().unwrap_or_default();
    let keys = document.get("keys").and_then(Value::as_array).into_iter().flatten();
    keys.filter_map(|key| key.get("kid")?.as_str().map(str::to_owned)).collect()
}

fn endpoints(metadata: &Value, steps: &mut Steps) {
    let missing: Vec<_> = ["authorization_endpoint", "token_endpoint"]
        .into_iter()
        .filter(|name| metadata.get(name).and_then(Value::as_str).is_none())
        .collect();
    if missing.is_empty() {
        steps.passed("endpoints", "authorization and token");
    } else {
        let remedy = "clients cannot sign users in: turn the authorization code grant on";
        steps.failed("endpoints", format!("the metadata has no `{}`", missing.join("`, `")), remedy);
    }
}
