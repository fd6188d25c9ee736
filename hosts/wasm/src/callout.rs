//! HTTP callouts: requests to clusters of the host, and their answers.

use proxy_wasm::hostcalls;

use crate::host::{self, Buffer};
use toolgate::callout::Request;
use toolgate::gate::Answer;
use toolgate::headers::Headers;

/// Sends a request. Returns the host's id of the call, or the host's status if it refused. Then no answer will come.
pub fn send(request: &Request) -> Result<u32, u32> {
    let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    hostcalls::dispatch_http_call(&request.cluster, headers, request.body.as_deref(), vec![], request.timeout)
        .map_err(|status| status as u32)
}

/// The host's answer with these headers and a body of `size` bytes.
pub fn answer(headers: &Headers, size: usize) -> Answer<'_> {
    let status = headers.text(":status").and_then(|status| status.parse().ok());
    let read = &|max| host::buffer(Buffer::CallResponseBody, max);
    Answer { status, etag: headers.text("etag"), size, read }
}
