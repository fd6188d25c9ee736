//! What goes in and out of the machine.

use std::borrow::Cow;

use log::Level;

use crate::audit::{DecisionIds, LookAlikes, Record};
use crate::config::Config;
use crate::dpop::Proofs;
use crate::drift::Drift;
use crate::introspection::Introspections;
use crate::jwks::IssuerKeys;
use crate::listing::KnownLists;
use crate::meter::Meter;
use crate::places::Places;
use crate::reply::Reply;
use crate::signature::SignatureVerifier;
use crate::time::UnixTime;
use crate::token::{Thumbprint, TokenCache};
use crate::workers::SharedData;

/// Everything that a step depends on besides the event.
pub struct Env<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The key sets.
    pub keys: &'a mut IssuerKeys,
    /// Tokens that were verified before.
    pub tokens: &'a mut TokenCache,
    /// What introspection endpoints say.
    pub introspection: &'a mut Introspections,
    /// What is known of the servers' tools.
    pub drift: &'a mut Drift,
    /// Lists that were read before.
    pub lists: &'a mut KnownLists,
    /// What is known of proofs that were used.
    pub proofs: &'a mut Proofs,
    /// What the host's workers share.
    pub shared: &'a dyn SharedData,
    /// The client certificate of the connection, where the host itself ended mutual TLS.
    pub peer_certificate: &'a dyn Fn() -> Option<Thumbprint>,
    /// How signatures are verified.
    pub verifier: &'a dyn SignatureVerifier,
    /// The time.
    pub now: UnixTime,
    /// Where decision ids come from.
    pub ids: &'a mut DecisionIds,
    /// How many audit lines look-alike paths may still have.
    pub look_alikes: &'a mut LookAlikes,
    /// Whether this worker has once seen a body while headers were held.
    pub host_shows_bodies: &'a mut bool,
    /// Places for requests that wait for what verifies their tokens.
    pub places: &'a Places,
    /// How much work senders may still choose.
    pub meter: &'a Meter,
}

/// What happens with the part of the message that the event brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It goes on, with all that was held before it.
    Continue,
    /// It is held.
    Pause,
    /// It stays where it is while the host resumes the stream, by its call for that, with all that was held before.
    Resume,
}

/// A change of a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderEdit {
    /// Adds a value to those that are there.
    Add(String, String),
    /// Removes every value.
    Remove(Cow<'static, str>),
    /// Replaces every value.
    Set(String, String),
}

impl HeaderEdit {
    /// The removal of `name`.
    pub fn remove(name: &str) -> Self {
        Self::Remove(Cow::Owned(name.to_owned()))
    }
}

/// What the host is to do, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Change the headers of the message that the event belongs to; on a request, before they are released.
    EditHeaders(Vec<HeaderEdit>),
    /// Change the trailers that the event brought.
    EditTrailers(Vec<HeaderEdit>),
    /// Log a `toolgate.event` line about this event.
    Event(&'static str, String),
    /// A list has passed: `whole`, or `trimmed`.
    Listed(&'static str),
    /// Put the decision into the filter state, and log its line, which the gate adds if the host prints it.
    Record(Box<Record>, Option<String>),
    /// Log what the operator must mend.
    Warn(String),
    /// Put other bytes in the place of the buffered body.
    ReplaceBody(Vec<u8>),
    /// Answer the client.
    Reply(Reply),
}

impl Effect {
    /// The effect of a decision.
    pub fn record(record: Record) -> Self {
        Self::Record(Box::new(record), None)
    }

    /// The line to log, if there is one.
    pub fn line(&self) -> Option<(Level, &str)> {
        match self {
            Self::Event(_, line) | Self::Record(_, Some(line)) => Some((Level::Info, line)),
            Self::Warn(line) => Some((Level::Warn, line)),
            _ => None,
        }
    }
}

/// The outcome of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What to do first.
    pub effects: Vec<Effect>,
    /// What to do with the message then.
    pub flow: Flow,
}

impl Step {
    /// Nothing to do but wait.
    pub fn hold() -> Self {
        Self { effects: Vec::new(), flow: Flow::Pause }
    }

    /// It goes on after `effects`.
    pub fn go_on(effects: Vec<Effect>) -> Self {
        Self { effects, flow: Flow::Continue }
    }

    /// It ends with `effects`, the last of which is a reply.
    pub fn end(effects: Vec<Effect>) -> Self {
        Self { effects, flow: Flow::Pause }
    }
}
