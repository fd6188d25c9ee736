//! The metadata of the protected resource (RFC 9728), and CORS.

use serde_json::Value;
use toolgate::routes::metadata_path;
use toolgate::url::Url;

use super::Steps;
use crate::client::Client;

/// The metadata, as far as the next steps need it.
pub struct Document {
    pub issuers: Vec<String>,
}

/// Fetches the metadata where the challenge says, or at its well-known place.
pub fn look(client: &Client, url: &Url, named: Option<&str>, steps: &mut Steps) -> Option<Document> {
    let expected = format!("{}://{}{}", url.scheme().as_str(), url.authority(), metadata_path(url));
    let at = named.unwrap_or(&expected);
    let response = match client.get(at) {
        Ok(response) => response,
        Err(fault) => {
            steps.failed("metadata", format!("{at}: {fault}"), "clients fetch it from there: it must be reachable");
            return None;
        }
    };
    if response.status != 200 {
        let remedy = "a route must lead this path to toolgate, which serves it without a token";
        steps.failed("metadata", format!("{at}: HTTP {}", response.status), remedy);
        return None;
    }
    let Some(document) = response.json().filter(|_| response.is("application/json")) else {
        let kind = response.header("content-type").unwrap_or("no content type");
        let remedy = "something other than toolgate serves this path, such as a page for all paths";
        steps.failed("metadata", format!("{at}: {kind} instead of JSON"), remedy);
        return None;
    };
    if at == expected {
        steps.passed("metadata", at);
    } else {
        let remedy = format!("some clients look at {expected} alone: `resource` should be the URL that they use");
        steps.warned("metadata", at, remedy);
    }
    if response.header("access-control-allow-origin") != Some("*") {
        let remedy = "web pages cannot read it: something removes the header";
        steps.warned("metadata", "no `Access-Control-Allow-Origin: *`", remedy);
    }
    identifier(&document, url, steps);
    Some(Document { issuers: issuers(&document, steps) })
}

fn identifier(document: &Value, url: &Url, steps: &mut Steps) {
    let own = document.get("resource").and_then(Value::as_str).unwrap_or_default();
    let stem = own.trim_end_matches('/');
    let is_parent = url.as_str().strip_prefix(stem).is_some_and(|rest| rest.starts_with('/')) && !own.is_empty();
    if own == url.as_str() {
        steps.passed("resource", format!("{own}, byte for byte"));
    } else if own.trim_end_matches('/') == url.as_str().trim_end_matches('/') {
        let remedy = format!("clients compare byte for byte: set `resource` to `{}`", url.as_str());
        steps.failed("resource", format!("`{own}` differs by a trailing slash"), remedy);
    } else if is_parent {
        let remedy = "strict clients want the URL itself: set `resource` to it";
        steps.warned("resource", format!("`{own}` is a parent of the URL"), remedy);
    } else {
        let remedy = format!("clients refuse the metadata of another resource: set `resource` to `{}`", url.as_str());
        steps.failed("resource", format!("`{own}` is another URL"), remedy);
    }
}

fn issuers(document: &Value, steps: &mut Steps) -> Vec<String> {
    let listed = document.get("authorization_servers").and_then(Value::as_array);
    let all: Vec<_> = listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if all.is_empty() {
        let remedy = "clients do not know where to sign in: set `authorization_servers`";
        steps.failed("issuers", "no authorization server is named", remedy);
    }
    all
}

/// Asks as the browser of a web page does before it calls.
pub fn preflight(client: &Client, url: &Url, origin: &str, steps: &mut Steps) {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,mcp-protocol-version,mcp-session-id"),
    ];
    let response = match client.send("OPTIONS", url.as_str(), &headers, None, &|_| true) {
        Ok(response) => response,
        Err(fault) => return steps.failed("cors", fault, "the preflight of a browser gets no response"),
    };
    let allowed = response.header("access-control-allow-origin").unwrap_or_default();
    let may_sign_in = response
        .header("access-control-allow-headers")
        .is_some_and(|own| own.to_ascii_lowercase().split(',').any(|name| name.trim() == "authorization"));
    if !(200..300).contains(&response.status) || (allowed != origin && allowed != "*") {
        let detail = format!("HTTP {}, which allows `{allowed}`", response.status);
        steps.failed("cors", detail, format!("add `{origin}` to `origins` of the resource"));
    } else if may_sign_in {
        steps.passed("cors", format!("{origin} may call, with a token"));
    } else {
        let remedy = "web pages cannot send their token: something other than toolgate responds to preflights";
        steps.failed("cors", "`authorization` is not among the allowed headers", remedy);
    }
}
