//! The needs of a stream: parts of the answer, from its host, and events without a message, from the gate.
//!
//! They follow from the state, not from the last step: a stream also advances in events of the root context, whose
//! steps its own context does not see.

use super::validation::Awaited;
use super::{Exchange, State};

/// The parts of the answer that a stream needs. The host forwards the others without an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// The request has no verdict. It only matters whether an answer is the host's own. If the stream ends, the host
    /// sends [`Event::EndedByClient`](super::Event::EndedByClient).
    Verdict,
    /// Nothing.
    Nothing,
    /// The status. The host may leave out the headers.
    Status,
    /// The status, the headers, and the trailers.
    Headers,
    /// The status, the headers, the body, and the trailers. If the stream ends while bytes are held, because the host's
    /// buffer is full, the host sends [`Event::BufferExceeded`](super::Event::BufferExceeded).
    Body {
        /// The number of bytes of the body that the host holds.
        held: usize,
    },
}

/// The events that the gate has to send to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// None.
    Nothing,
    /// Ticks: the stream holds its headers until a body arrives, and the host may never show one.
    Tick,
    /// Another try, once this arrives.
    TryAgain(Awaited),
    /// Regular checks whether the stream has to end (`Exchange::ends`).
    Watch,
}

impl FollowUp {
    /// The reason why the stream waits for another try.
    pub fn awaited(self) -> Option<Awaited> {
        match self {
            Self::TryAgain(awaited) => Some(awaited),
            Self::Nothing | Self::Tick | Self::Watch => None,
        }
    }
}

impl Wants {
    /// The number of bytes of the body that the host holds before trailers, if the stream needs those.
    pub fn trailers(self) -> Option<usize> {
        match self {
            Self::Body { held } => Some(held),
            Self::Headers => Some(0),
            Self::Verdict | Self::Nothing | Self::Status => None,
        }
    }
}

impl Exchange {
    /// The parts of the answer that the stream needs from now on.
    pub fn wants(&self) -> Wants {
        match &self.state {
            State::Start | State::Overtaken(_) => Wants::Body { held: 0 },
            State::AwaitingToken(_) | State::AwaitingCall(_) => Wants::Verdict,
            State::AwaitingBody(_) | State::AwaitingFreshness(..) => Wants::Verdict,
            State::Passing => Wants::Status,
            State::Forwarded(answer) => answer.wants(),
            State::Answered(_) => Wants::Headers,
            State::Replied => Wants::Nothing,
        }
    }

    /// The events that the gate has to send to the stream from now on.
    pub fn follow_up(&self) -> FollowUp {
        match &self.state {
            State::AwaitingToken(asking) => FollowUp::TryAgain(asking.waiting.awaited),
            State::AwaitingFreshness(_, waiting) => FollowUp::TryAgain(waiting.awaited),
            State::AwaitingCall(_) => FollowUp::Tick,
            State::AwaitingBody(verified) if !verified.released => FollowUp::Tick,
            State::Forwarded(answer) if answer.is_long_lived() => FollowUp::Watch,
            _ => FollowUp::Nothing,
        }
    }
}
