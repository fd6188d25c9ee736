//! The session of a request, where sessions are bound to their caller.

use super::request::Request;
use super::step::{Effect, HeaderEdit};
use crate::caller::Caller;
use crate::config::Config;
use crate::headers::Headers;
use crate::ids::ResourceId;
use crate::reply::Refusal;
use crate::sessions::{Owner, Sessions};

/// The header of a session id (MCP, Streamable HTTP).
const SESSION_ID: &str = "mcp-session-id";

/// The session of a request.
#[derive(Default)]
pub(super) struct Session {
    /// The owner of the sessions in the answer, if sessions are bound.
    pub bound: Bound,
    /// The server's own id.
    id: Option<String>,
    /// The target with the server's own id.
    target: Option<String>,
}

/// The owner of sessions, if they are bound: the caller as admitted. A later introspection may tell more of the caller,
/// but none precedes the check of an id.
#[derive(Clone, Default)]
pub(super) struct Bound(Option<(ResourceId, Caller)>);

impl Session {
    /// The session of a request of `caller`. Each id in it must be one of the caller.
    pub fn of(request: &Request, caller: &Caller, config: &Config) -> Result<Self, Refusal> {
        let mut session = Self::default();
        if request.resource(config).is_some_and(|resource| resource.sessions.is_some()) {
            session.bound = Bound(Some((request.resource, caller.clone())));
        }
        if let Some((sessions, owner)) = session.bound.secrets(config) {
            let refused = |fault| Refusal::Session(fault, request.head.is_post());
            let id = request.head.session_id().map(|seen| sessions.own(owner, seen)).transpose();
            let (id, target) = (id.map_err(refused)?, sessions.own_target(owner, request.head.target()));
            (session.id, session.target) = (id.map(str::to_owned), target.map_err(refused)?);
        }
        Ok(session)
    }

    /// Adds the edits that give the server its own session id.
    pub fn edit(&self, edits: &mut Vec<HeaderEdit>) {
        for (name, value) in [(SESSION_ID, &self.id), (":path", &self.target)] {
            edits.extend(value.iter().map(|value| HeaderEdit::Set(name.to_owned(), value.clone())));
        }
    }
}

impl Bound {
    /// Whether sessions are bound.
    pub fn is_bound(&self) -> bool {
        self.0.is_some()
    }

    /// The secrets of the resource, and the owner, if sessions are bound.
    fn secrets<'s>(&'s self, config: &'s Config) -> Option<(&'s Sessions, Owner<'s>)> {
        let (resource, caller) = self.0.as_ref()?;
        let resource = config.resources.get(*resource)?;
        Some((resource.sessions.as_ref()?, Owner { resource: resource.identifier.as_str(), caller }))
    }

    /// Adds the edits that tag the session id of an answer. A value that is not text is removed, since nobody could
    /// send it back.
    pub fn edit(&self, headers: &Headers, edits: &mut Vec<HeaderEdit>, config: &Config) {
        let Some((sessions, owner)) = self.secrets(config).filter(|_| headers.has(SESSION_ID)) else { return };
        edits.push(HeaderEdit::remove(SESSION_ID));
        for id in headers.all(SESSION_ID) {
            if let Ok(id) = std::str::from_utf8(id) {
                edits.push(HeaderEdit::Add(SESSION_ID.to_owned(), sessions.tagged(owner, id)));
            }
        }
    }

    /// The edits that leave the trailers of an answer without a session id, which no client looks for there.
    pub fn edit_trailers(&self) -> Option<Effect> {
        self.is_bound().then(|| Effect::EditTrailers(vec![HeaderEdit::remove(SESSION_ID)]))
    }

    /// The data of an `endpoint` event with the tagged session id, if it has one.
    pub fn tagged_endpoint(&self, data: &[u8], config: &Config) -> Option<Vec<u8>> {
        let (sessions, owner) = self.secrets(config)?;
        sessions.tagged_endpoint(owner, std::str::from_utf8(data).ok()?).map(String::into_bytes)
    }
}
