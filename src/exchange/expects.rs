//! What a request asks for, and how its answer has to be read therefore.

use crate::mcp::AnswerKind;

/// The parts of an answer that need care. The one answer to a batch needs all that each of its messages needs.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Expects {
    /// A list, or a task that may have ended in one.
    pub list: bool,
    /// A resource that not every caller may read, so that no cache may serve it to others.
    pub private: bool,
    /// A stream on which anything may be replayed.
    pub stream: bool,
}

impl Expects {
    /// The needs of a message of this method. `is_restricted`: not every valid token may do it.
    pub fn of(method: &str, is_restricted: impl FnOnce() -> bool) -> Self {
        let answer = AnswerKind::of(method);
        Self {
            list: matches!(answer, AnswerKind::List(_) | AnswerKind::Task),
            private: answer == AnswerKind::Contents && is_restricted(),
            stream: answer == AnswerKind::Stream,
        }
    }

    /// The needs of two messages together.
    pub fn and(self, other: Self) -> Self {
        let Self { list, private, stream } = other;
        Self { list: self.list || list, private: self.private || private, stream: self.stream || stream }
    }

    /// Whether anything of the answer may have to be changed.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }
}
