//! The kinds of answer that a request can get, because each is read in another way.

use crate::mcp::AnswerKind;

/// The possible contents of an answer. The one answer to a batch may hold what any of its messages asks for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Expects {
    /// A list, or the result of a task, which may be a list.
    pub list: bool,
    /// A resource that not every caller may read: no cache may serve it to others.
    pub private: bool,
    /// A stream that may replay any earlier message.
    pub stream: bool,
}

impl Expects {
    /// This answer to a message. `is_restricted`: not every valid token is enough for it.
    pub fn of(answer: AnswerKind, is_restricted: impl FnOnce() -> bool) -> Self {
        Self {
            list: matches!(answer, AnswerKind::List(_) | AnswerKind::Task),
            private: answer == AnswerKind::Contents && is_restricted(),
            stream: answer == AnswerKind::Stream,
        }
    }

    /// The answer to two messages together.
    pub fn and(self, other: Self) -> Self {
        let Self { list, private, stream } = other;
        Self { list: self.list || list, private: self.private || private, stream: self.stream || stream }
    }

    /// Whether the answer may have to be changed.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }
}
