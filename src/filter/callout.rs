//! HTTP callouts: one request to a cluster of the host, one answer.

use std::time::Duration;

use proxy_wasm::hostcalls;

use super::host::{self, Buffer, Map};
use crate::url::Url;

/// A request to be sent.
pub struct Request<'a> {
    /// The host's cluster that reaches `uri`.
    pub cluster: &'a str,
    pub method: &'static str,
    pub uri: &'a Url,
    /// Beyond the pseudo-headers.
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: Option<&'a [u8]>,
    pub timeout: Duration,
}

/// What came back. A failure of the host's looks like an answer too: a refused connection is a 503 with a body.
pub struct Answer {
    /// Nothing if there were no headers: a reset, or more than the host holds.
    pub status: Option<u16>,
    /// Nothing if it is longer than was asked for.
    pub body: Option<Vec<u8>>,
    /// What tells this version of the body from others.
    pub etag: Option<String>,
}

/// Sends a request and gives the host's name for the call, or its status: no answer will come then.
pub fn send(request: Request<'_>) -> Result<u32, u32> {
    let target = request.uri.request_target();
    let mut headers = vec![
        (":method", request.method),
        (":scheme", request.uri.scheme().as_str()),
        (":authority", request.uri.authority()),
        (":path", target.as_str()),
    ];
    headers.extend(request.headers);
    let call = hostcalls::dispatch_http_call(request.cluster, headers, request.body, vec![], request.timeout);
    call.map_err(|status| status as u32)
}

/// The answer that the host announces, with a body of `size` bytes if that is at most `max`.
pub fn answer(size: usize, max: usize) -> Answer {
    let headers = host::headers(Map::CallResponseHeaders).unwrap_or_default();
    let status = headers.text(":status").and_then(|status| status.parse().ok());
    let body = if size > max { None } else { host::buffer(Buffer::CallResponseBody, size) };
    Answer { status, body, etag: headers.text("etag").map(str::to_owned) }
}
