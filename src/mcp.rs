//! The parts of the Model Context Protocol that the gate knows: the targets of methods, and the headers that mirror the
//! body.

mod access;
mod headers;
mod methods;
mod operation;

pub use access::Access;
pub(crate) use access::Part;
pub use headers::{CHECKED, HeaderFault, McpHeaders, Version};
pub use methods::{AnswerKind, ListKind, METHODS, Method, TargetKind, is_decided_elsewhere, looks_known, takes_no_uri};
pub use operation::{MAX_TARGET, Operation, OperationFault};
