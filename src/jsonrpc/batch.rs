//! Checks on the messages of a batch.

use super::{Message, MessageFault, MessageKind};
use crate::index::Index;
use crate::json::{self, JsonFault};

/// A batch must not contain `initialize` (2025-03-26, Lifecycle), and its ids must be distinct to match the responses.
pub(super) fn check_batch(messages: &[Message<'_>]) -> Result<(), MessageFault> {
    let ids =
        || messages.iter().filter(|message| message.kind == MessageKind::Request).filter_map(|message| message.id);
    let distinct = Index::new(ids().map(plain_id)).places().count();
    if messages.is_empty() {
        return Err(MessageFault::NotJsonRpc);
    }
    if distinct < ids().count() || messages.iter().any(|message| message.method == "initialize") {
        return Err(MessageFault::BatchElements);
    }
    Ok(())
}

/// An id as parsers compare it: `1` and `1.0` are the same number, `0` and `-0` too, and `"a"` and `"\u0061"` are the same
/// string.
fn plain_id(id: &str) -> String {
    let text = json::read::<_, JsonFault>(id.as_bytes(), 0, |reader| Ok(reader.string()?.decode()));
    match (text, id.parse::<f64>()) {
        (Ok(Some(text)), _) => ["\"", &text].concat(),
        // `-0.0 + 0.0` is `0.0`.
        (_, Ok(number)) => (number + 0.0).to_bits().to_string(),
        _ => id.to_owned(),
    }
}
