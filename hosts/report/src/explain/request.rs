//! Reads a request from a file: an HTTP message or a bare JSON-RPC message.

use toolgate::config::{Config, Resource};
use toolgate::explain::HttpRequest;
use toolgate::routes::HostPattern;

use crate::ask;
use crate::output::Trouble;

/// The maximum number of header fields, as in Envoy.
const MOST_HEADERS: usize = 100;

/// The request in `bytes`, with `token` as its credential if given.
pub fn read(
    bytes: &[u8],
    token: Option<&str>,
    resource: Option<&str>,
    config: &Config,
) -> Result<HttpRequest, Trouble> {
    let mut request = if matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) {
        bare(bytes, ask::resource(config, resource)?)
    } else {
        message(bytes)?
    };
    if let Some(token) = token {
        if request.headers.iter().any(|(name, _)| name == "authorization") {
            return Err(Trouble("the request has an `Authorization` header, and a token is given too".to_owned()));
        }
        request.headers.push(("authorization".to_owned(), format!("Bearer {token}").into_bytes()));
    }
    Ok(request)
}

/// A message as an MCP client posts it to `resource`.
fn bare(body: &[u8], resource: &Resource) -> HttpRequest {
    let url = &resource.identifier;
    let host = HostPattern::of_url(url).map(|host| host.to_string()).unwrap_or_default();
    let path = if url.path().is_empty() { "/" } else { url.path() };
    let fields = [
        (":method", "POST"),
        (":path", path),
        (":authority", &host),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    let headers = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
    HttpRequest { headers, body: Some(body.trim_ascii().to_vec()), trailers: Vec::new() }
}

fn message(bytes: &[u8]) -> Result<HttpRequest, Trouble> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut fields);
    let wrong = |what: &str| Trouble(format!("the request is no HTTP message: {what}"));
    // Accept a file that ends with its last header.
    let mut ended = bytes.to_vec();
    if !bytes.windows(2).any(|pair| pair == b"\n\n") && !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        ended.extend_from_slice(b"\n\n");
    }
    let start = match parsed.parse(&ended).map_err(|fault| wrong(&fault.to_string()))? {
        httparse::Status::Complete(start) => start,
        httparse::Status::Partial => return Err(wrong("it ends within its headers")),
    };
    let named = |name: &str| parsed.headers.iter().find(|own| own.name.eq_ignore_ascii_case(name)).map(|own| own.value);
    let (path, absolute) = target(parsed.path.unwrap_or_default());
    let host = match (absolute, named("host")) {
        (Some(host), _) => host.into_bytes(),
        (None, Some(host)) => host.to_vec(),
        (None, None) => return Err(wrong("it has no `Host`")),
    };
    let mut headers = vec![
        (":method".to_owned(), parsed.method.unwrap_or_default().as_bytes().to_vec()),
        (":path".to_owned(), path.into_bytes()),
        (":authority".to_owned(), host),
    ];
    let own = parsed.headers.iter().filter(|own| !own.name.eq_ignore_ascii_case("host"));
    headers.extend(own.map(|own| (own.name.to_ascii_lowercase(), own.value.to_vec())));
    let body = ended.get(start..).unwrap_or_default();
    let length =
        named("content-length").and_then(|value| std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok());
    let body = match length {
        Some(length) => body.get(..length).unwrap_or(body),
        // Editors add a line end at the end of a file.
        None => body.trim_ascii(),
    };
    Ok(HttpRequest { headers, body: (!body.is_empty()).then(|| body.to_vec()), trailers: Vec::new() })
}

/// The path and query. For the absolute form (RFC 9112 section 3.2.2), also the authority.
fn target(target: &str) -> (String, Option<String>) {
    let Some((_, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) else {
        return (target.to_owned(), None);
    };
    match rest.split_once('/') {
        Some((host, path)) => (format!("/{path}"), Some(host.to_owned())),
        None => ("/".to_owned(), Some(rest.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> HttpRequest {
        message(text.as_bytes()).unwrap()
    }

    fn field(request: &HttpRequest, name: &str) -> String {
        let found = request.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| String::from_utf8(value.clone()).unwrap()).unwrap_or_default()
    }

    #[test]
    fn a_message_is_read_as_http_does() {
        for text in [
            "POST /mcp?x=1 HTTP/1.1\nHost: a.b\nX-A: 1\n\n{}\n",
            "POST /mcp?x=1 HTTP/1.1\r\nHost: a.b\r\nX-A: 1\r\n\r\n{}",
        ] {
            let request = read(text);
            assert_eq!(field(&request, ":method"), "POST");
            assert_eq!(field(&request, ":path"), "/mcp?x=1");
            assert_eq!(field(&request, ":authority"), "a.b");
            assert_eq!(field(&request, "x-a"), "1");
            assert_eq!(request.body.as_deref(), Some(&b"{}"[..]));
        }
        assert_eq!(read("GET /mcp HTTP/1.1\nHost: a\n").body, None);
        assert_eq!(field(&read("GET http://b:1/mcp HTTP/1.1\nHost: a\n\n"), ":authority"), "b:1");
        assert_eq!(read("POST / HTTP/1.1\nHost: a\nContent-Length: 3\n\n{} \n").body.as_deref(), Some(&b"{} "[..]));
        assert!(message(b"hello").is_err() && message(b"GET / HTTP/1.1\n\n").is_err());
    }
}
