//! The Model Context Protocol as far as a gate must know it: which method uses what, and what headers repeat.

mod access;
mod headers;
mod methods;
mod operation;

pub use access::Access;
pub(crate) use access::Part;
pub use headers::{CHECKED, HeaderFault, McpHeaders, Version};
pub use methods::{AnswerKind, ListKind, METHODS, Method, TargetKind, is_decided_elsewhere, looks_known, takes_no_uri};
pub use operation::{MAX_TARGET, Operation, OperationFault};
