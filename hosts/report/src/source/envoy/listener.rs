//! The listener and the connection manager around the filter.

use super::{Filter, Manager, called, remark};
use crate::source::surroundings::largest_body;
use crate::source::{Remark, Spot};

/// The most that Envoy buffers of a stream without a setting.
const DEFAULT_BUFFER: u64 = 1 << 20;

const REMEDY: &str = "beyond it lists are cut, and calls refused by Envoy. Set it to 2097152, or well above `limits`";

/// Whether Envoy buffers as much as toolgate reads.
pub fn buffers(filter: &Filter<'_>) -> Vec<Remark> {
    let Some(chain) = &filter.chain else { return Vec::new() };
    let least = largest_body(filter.root);
    let mut found = Vec::new();
    if let Some(listener) = chain.manager.listener {
        const NAME: &str = "per_connection_buffer_limit_bytes";
        let own = listener.field(NAME);
        if own.map_or(Some(DEFAULT_BUFFER), Spot::number).is_some_and(|bytes| bytes <= least) {
            let message = format!("is too small: {REMEDY}");
            found.push(remark(own.unwrap_or(listener), path(&chain.manager, NAME), message));
        }
    }
    const WINDOW: &str = "http2_protocol_options.initial_stream_window_size";
    let window = chain.manager.spot.at(WINDOW);
    if let Some(own) = window.filter(|own| own.number().is_some_and(|bytes| bytes <= least)) {
        let message = format!("is too small: Envoy buffers no more of an HTTP/2 stream; {REMEDY}");
        found.push(remark(own, path(&chain.manager, WINDOW), message));
    }
    found
}

fn path(manager: &Manager<'_>, setting: &str) -> String {
    let listener = manager.listener.map(|own| called("listener", own));
    listener.map_or_else(|| setting.to_owned(), |listener| format!("{listener}, {setting}"))
}

/// Whether toolgate and the server see the same path. toolgate compares paths byte for byte; most servers do not.
pub fn paths(filter: &Filter<'_>) -> Vec<Remark> {
    let Some(chain) = &filter.chain else { return Vec::new() };
    let manager = &chain.manager;
    let mut found = Vec::new();
    for name in ["normalize_path", "merge_slashes"] {
        let own = manager.spot.field(name);
        if !own.is_some_and(Spot::is_true) {
            let message = "is not true: servers read paths that toolgate takes for others. Set it to true";
            found.push(remark(own.unwrap_or(manager.spot), path(manager, name), message));
        }
    }
    const ESCAPED: &str = "path_with_escaped_slashes_action";
    const SOUND: [&str; 3] = ["REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD"];
    let own = manager.spot.field(ESCAPED);
    if !own.and_then(Spot::text).is_some_and(|own| SOUND.contains(&own)) {
        let message = "leaves `%2F` in paths, which servers read as a slash: set it to REJECT_REQUEST";
        found.push(remark(own.unwrap_or(manager.spot), path(manager, ESCAPED), message));
    }
    found
}

/// Whether a client can send a header that the server takes for one of toolgate's.
pub fn header_names(filter: &Filter<'_>) -> Vec<Remark> {
    let Some(chain) = &filter.chain else { return Vec::new() };
    const NAME: &str = "common_http_protocol_options.headers_with_underscores_action";
    let own = chain.manager.spot.at(NAME);
    if own.and_then(Spot::text).is_some_and(|own| matches!(own, "REJECT_REQUEST" | "DROP_HEADER")) {
        return Vec::new();
    }
    let message = "lets `x_mcp_subject` through, which servers read as `x-mcp-subject`: set it to REJECT_REQUEST";
    vec![remark(own.unwrap_or(chain.manager.spot), path(&chain.manager, NAME), message)]
}

/// Whether Envoy replaces toolgate's answers.
pub fn replies(filter: &Filter<'_>) -> Vec<Remark> {
    let Some(chain) = &filter.chain else { return Vec::new() };
    let Some(local) = chain.manager.spot.field("local_reply_config") else { return Vec::new() };
    // Mappers choose the answers that they change.
    let all = local.field("body_format");
    let message =
        "gives toolgate's answers another body: clients need their JSON-RPC errors. Use `mappers` with filters";
    all.map(|own| remark(own, path(&chain.manager, "local_reply_config.body_format"), message)).into_iter().collect()
}
