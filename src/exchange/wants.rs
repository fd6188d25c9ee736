//! What a stream needs next: of its host, parts of the answer; of the gate, events that no message brings.
//!
//! A stream also moves on in events of the root context. So its state says what it needs, and a host that remembered the
//! last step would be wrong.

use super::validation::Awaited;
use super::{Exchange, State};

/// The parts of the answer that the stream has to see. The host passes the others without an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// The request has no verdict yet. Of an answer, only matters whether it is the host's own; and if the stream ends,
    /// that has to be recorded.
    Verdict,
    /// Nothing.
    Nothing,
    /// The status. The headers may be left out.
    Status,
    /// The status and the headers.
    Headers,
    /// All of it.
    Body {
        /// The number of bytes of it that the host holds.
        held: usize,
    },
}

/// The events that the gate has to bring to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// None.
    Nothing,
    /// Ticks: it holds its headers until a body comes, and the host may never show one.
    Tick,
    /// Another try, once this is there.
    TryAgain(Awaited),
    /// The question whether it has to end ([`Exchange::ends`]), from time to time.
    Watch,
}

impl FollowUp {
    /// What the stream waits for.
    pub fn awaited(self) -> Option<Awaited> {
        match self {
            Self::TryAgain(awaited) => Some(awaited),
            Self::Nothing | Self::Tick | Self::Watch => None,
        }
    }
}

impl Exchange {
    /// The parts of the answer that it has to see from now on.
    pub fn wants(&self) -> Wants {
        match &self.state {
            State::Start | State::Overtaken(_) => Wants::Body { held: 0 },
            State::AwaitingToken(_) | State::AwaitingBody(_) | State::AwaitingFreshness(..) => Wants::Verdict,
            State::Passing => Wants::Status,
            State::Forwarded(answer) => answer.wants(),
            State::Answered(_) => Wants::Headers,
            State::Replied => Wants::Nothing,
        }
    }

    /// The events that the gate has to bring to it from now on.
    pub fn follow_up(&self) -> FollowUp {
        match &self.state {
            State::AwaitingToken(asking) => FollowUp::TryAgain(asking.waiting.awaited),
            State::AwaitingFreshness(_, waiting) => FollowUp::TryAgain(waiting.awaited),
            State::AwaitingBody(verified) if !verified.released => FollowUp::Tick,
            State::Forwarded(answer) if answer.is_long_lived() => FollowUp::Watch,
            _ => FollowUp::Nothing,
        }
    }
}
