//! HTTP callouts: one request to a cluster of the host, one answer.

use proxy_wasm::hostcalls;

use super::host::{self, Buffer, Map};
use crate::callout::Request;

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
pub fn send(request: &Request) -> Result<u32, u32> {
    let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (cluster, body) = (request.cluster.as_str(), request.body.as_deref());
    let call = hostcalls::dispatch_http_call(cluster, headers, body, vec![], request.timeout);
    call.map_err(|status| status as u32)
}

/// The answer that the host announces, with a body of `size` bytes if that is at most `max`.
pub fn answer(size: usize, max: usize) -> Answer {
    let headers = host::headers(Map::CallResponseHeaders).unwrap_or_default();
    let status = headers.text(":status").and_then(|status| status.parse().ok());
    let body = if size > max { None } else { host::buffer(Buffer::CallResponseBody, size) };
    Answer { status, body, etag: headers.text("etag").map(str::to_owned) }
}
