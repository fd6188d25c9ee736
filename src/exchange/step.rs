//! The environment of an event, and its outcome.

use std::borrow::Cow;

use log::Level;

use super::{BUFFER_EXCEEDED, MISCONFIGURED, NO_RESOURCE};
use crate::audit::{self, DecisionIds, Limits, Record};
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

/// Everything that a step depends on besides the event and the stream.
pub(crate) struct Env<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The key sets.
    pub keys: &'a mut IssuerKeys,
    /// The cache of verified tokens.
    pub tokens: &'a mut TokenCache,
    /// Introspection responses, and the calls that are due.
    pub introspection: &'a mut Introspections,
    /// The approved tools of the servers, and those seen.
    pub drift: &'a mut Drift,
    /// The cache of lists that were read.
    pub lists: &'a mut KnownLists,
    /// The DPoP proofs that were used.
    pub proofs: &'a mut Proofs,
    /// The data that the host's workers share.
    pub shared: &'a dyn SharedData,
    /// The client certificate of the connection, if the host terminates mutual TLS.
    pub peer_certificate: &'a dyn Fn() -> Option<Thumbprint>,
    /// The verifier of signatures.
    pub verifier: &'a dyn SignatureVerifier,
    /// The time.
    pub now: UnixTime,
    /// Whether someone reads the lines of decisions.
    pub keeps_records: bool,
    /// The source of decision ids.
    pub ids: &'a mut DecisionIds,
    /// The limits on lines about requests without a route.
    pub limits: &'a mut Limits,
    /// Whether this worker has ever seen a body while headers were held.
    pub host_shows_bodies: &'a mut bool,
    /// The places for requests that wait for keys or introspection.
    pub places: &'a Places,
    /// The limit on work that clients can cause.
    pub meter: &'a Meter,
}

/// How the host treats the part of the message that the event brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It is forwarded, with all that was held before it.
    Continue,
    /// It is held.
    Pause,
    /// It is held, and the host resumes the stream by its call for that, with all that was held before.
    Resume,
}

/// A change of a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderEdit {
    /// Adds a value.
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

    /// Applies the edit to `fields`, whose names are in lower case. Hosts with a map of their own do the same by its
    /// functions.
    pub fn apply(&self, fields: &mut Vec<(String, Vec<u8>)>) {
        match self {
            Self::Add(name, value) => fields.push((name.clone(), value.clone().into_bytes())),
            Self::Remove(name) => fields.retain(|(own, _)| own != name.as_ref()),
            Self::Set(name, value) => {
                fields.retain(|(own, _)| own != name);
                fields.push((name.clone(), value.clone().into_bytes()));
            }
        }
    }
}

/// An action of the host. It carries them out in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Change the headers of the message that the event belongs to. Request headers change before they are released.
    EditHeaders(Vec<HeaderEdit>),
    /// Change the trailers of the event.
    EditTrailers(Vec<HeaderEdit>),
    /// Log the line of this event, which the gate adds, and counts the event.
    Event(audit::Event, Option<String>),
    /// Count a list that passed: `whole` or `trimmed`.
    Listed(&'static str),
    /// Put the decision into the filter state, and log its line, which the gate adds if the host prints it.
    Record(Box<Record>, Option<String>),
    /// Replace the buffered body.
    ReplaceBody(Vec<u8>),
    /// Answer the client.
    Reply(Reply),
}

impl Effect {
    /// The effect of a decision.
    #[inline]
    pub fn record(record: Record) -> Self {
        Self::Record(Box::new(record), None)
    }

    /// An event after a decision, or without one.
    pub fn event(event: audit::Event) -> Self {
        Self::Event(event, None)
    }

    /// The line to log, if there is one.
    pub fn line(&self) -> Option<(Level, &str)> {
        match self {
            // Hosts of a mesh print no more than warnings, and only their operator can mend these.
            Self::Event(event, Some(line)) if matches!(event.name, BUFFER_EXCEEDED | MISCONFIGURED | NO_RESOURCE) => {
                Some((Level::Warn, line))
            }
            Self::Event(_, Some(line)) | Self::Record(_, Some(line)) => Some((Level::Info, line)),
            _ => None,
        }
    }
}

/// The outcome of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The actions to carry out first.
    pub effects: Vec<Effect>,
    /// The treatment of the message after them.
    pub flow: Flow,
}

impl Step {
    /// Holds the message, without effects.
    pub fn hold() -> Self {
        Self { effects: Vec::new(), flow: Flow::Pause }
    }

    /// Forwards the message after `effects`.
    pub fn go_on(effects: Vec<Effect>) -> Self {
        Self { effects, flow: Flow::Continue }
    }

    /// Ends the stream with `effects`, the last of which is a reply.
    pub fn end(effects: Vec<Effect>) -> Self {
        Self { effects, flow: Flow::Pause }
    }
}
