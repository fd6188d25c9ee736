//! The Model Context Protocol as far as a gate must know it: which method uses what, and what headers repeat.

mod access;
mod headers;
mod operation;

pub use access::Access;
pub(crate) use access::Part;
pub use headers::{CHECKED, HeaderFault, McpHeaders, Version};
pub use operation::{ListKind, MAX_TARGET, Operation, OperationFault, may_hold_lists};

use crate::text::look_alike;

/// Methods that a valid token with `base_scopes` may always use. What a list shows is decided entry by entry.
const OPEN: [&str; 8] = [
    "initialize",
    "logging/setLevel",
    "ping",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "server/discover",
    "tools/list",
];

/// Methods that are decided by the name or `uri` they ask for.
const TARGETED: [&str; 7] = [
    "completion/complete",
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
    "tools/call",
];

/// Whether this method may lack its `uri`. MCP 2026-07-28 has removed it, and its servers are to say so themselves; the
/// rules for methods decide it then.
pub fn takes_no_uri(method: &str) -> bool {
    matches!(method, "resources/subscribe" | "resources/unsubscribe")
}

/// Whether the method is open, or decided by the name or `uri` it asks for.
pub fn is_decided_elsewhere(method: &str) -> bool {
    OPEN.contains(&method) || TARGETED.contains(&method)
}

/// Whether a careless server would take `method`, which is none of these, for an open or a targeted one.
pub fn looks_known(method: &str) -> bool {
    let known = |method: &str| look_alike(method, &OPEN).or_else(|| look_alike(method, &TARGETED)).is_some();
    let trimmed = method.trim();
    known(trimmed) || (trimmed != method && (is_decided_elsewhere(trimmed) || is_notification(trimmed)))
}

/// Whether this is the name of a notification. With an `id` it is a request of that name, which a server may answer.
fn is_notification(method: &str) -> bool {
    method.starts_with("notifications/")
}
