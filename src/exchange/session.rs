//! The session of a request, where sessions are bound to their caller.

use super::request::Request;
use super::step::HeaderEdit;
use crate::caller::Caller;
use crate::config::Config;
use crate::headers::Headers;
use crate::ids::ResourceId;
use crate::reply::Refusal;
use crate::sessions::{Owner, Sessions};

/// The header of a session id (MCP, Streamable HTTP).
const SESSION_ID: &str = "mcp-session-id";

/// The session of a request.
#[derive(Clone, Default)]
pub(super) struct Session {
    /// The caller as admitted, if sessions are bound. A later introspection may tell more of the caller, but none
    /// precedes the check of an id.
    owner: Option<(ResourceId, Caller)>,
    /// The edits that give the server its own session id.
    pub edits: Vec<HeaderEdit>,
}

impl Session {
    /// The session of a request of `caller`. Each id in it must be one of the caller.
    pub fn of(request: &Request, caller: &Caller, config: &Config) -> Result<Self, Refusal> {
        let Some(resource) = request.resource(config) else { return Ok(Self::default()) };
        let Some(sessions) = &resource.sessions else { return Ok(Self::default()) };
        let owner = Owner { resource: resource.identifier.as_str(), caller };
        let refused = |fault| Refusal::Session(fault, request.head.method() == "POST");
        let mut edits = Vec::new();
        if let Some(seen) = request.head.session_id() {
            let id = sessions.own(owner, seen).map_err(refused)?;
            edits.push(HeaderEdit::Set(SESSION_ID.to_owned(), id.to_owned()));
        }
        if let Some(target) = sessions.own_target(owner, request.head.target()).map_err(refused)? {
            edits.push(HeaderEdit::Set(":path".to_owned(), target));
        }
        Ok(Self { owner: Some((request.resource, caller.clone())), edits })
    }

    /// Whether sessions are bound.
    pub fn is_bound(&self) -> bool {
        self.owner.is_some()
    }

    /// The secrets of the resource, and the owner of the session, if sessions are bound.
    fn bound<'s>(&'s self, config: &'s Config) -> Option<(&'s Sessions, Owner<'s>)> {
        let (resource, caller) = self.owner.as_ref()?;
        let resource = config.resources.get(*resource)?;
        Some((resource.sessions.as_ref()?, Owner { resource: resource.identifier.as_str(), caller }))
    }

    /// The edits that tag the session id of an answer. A value that is not text is removed, since nobody could send it
    /// back.
    pub fn answer_edits(&self, headers: &Headers, config: &Config) -> Vec<HeaderEdit> {
        let Some((sessions, owner)) = self.bound(config) else { return Vec::new() };
        if !headers.has(SESSION_ID) {
            return Vec::new();
        }
        let seen = headers.all(SESSION_ID).filter_map(|id| std::str::from_utf8(id).ok());
        let tagged = seen.map(|id| HeaderEdit::Add(SESSION_ID.to_owned(), sessions.tagged(owner, id)));
        std::iter::once(HeaderEdit::remove(SESSION_ID)).chain(tagged).collect()
    }

    /// The data of an `endpoint` event with the tagged session id, if it has one.
    pub fn tagged_endpoint(&self, data: &[u8], config: &Config) -> Option<Vec<u8>> {
        let (sessions, owner) = self.bound(config)?;
        sessions.tagged_endpoint(owner, std::str::from_utf8(data).ok()?).map(String::into_bytes)
    }
}
