//! The methods of MCP, from 2024-11-05 to 2026-07-28 and its tasks extension, as data.

use crate::text::{look_alike, near};

/// A method that the policy, the answer or the headers treat in a way of their own.
#[derive(Debug)]
pub struct Method {
    /// The name.
    pub name: &'static str,
    /// What decides a request.
    pub target: TargetKind,
    /// What an answer holds.
    pub answer: AnswerKind,
    /// Whether 2026-07-28 or its tasks extension requires `Mcp-Name` for it.
    pub(super) requires_name: bool,
}

/// What decides a request, besides the token and `base_scopes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// The prompt or the template of `params.ref`.
    Completion,
    /// The rules for methods.
    Method,
    /// Nothing. What a list shows is decided entry by entry.
    Open,
    /// As [`Self::Resource`], or the rules for methods where there is no `uri`: MCP 2026-07-28 has removed the method,
    /// and its servers are to say so themselves.
    OptionalResource,
    /// The prompt `params.name`.
    Prompt,
    /// The resource `params.uri`.
    Resource,
    /// The resources and tasks of `params.notifications`.
    Subscriptions,
    /// The rules for methods; `params.taskId` is its name in headers.
    Task,
    /// The tool `params.name`, and its `arguments`.
    Tool,
}

/// What an answer holds that may have to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// A resource, which may be private to the caller.
    Contents,
    /// A list.
    List(ListKind),
    /// Nothing.
    Other,
    /// Events, as on the stream of a GET: lists may be replayed on it.
    Stream,
    /// A task, which may have ended in a list.
    Task,
}

/// The lists that are trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ListKind {
    Prompts,
    Resources,
    Templates,
    Tools,
}

const fn method(name: &'static str, target: TargetKind, answer: AnswerKind, requires_name: bool) -> Method {
    Method { name, target, answer, requires_name }
}

/// All that is known by name. Other methods are decided by the rules for methods.
pub static METHODS: [Method; 18] = {
    use AnswerKind::{Contents, List, Other, Stream};
    use TargetKind::{Completion, Open, OptionalResource, Prompt, Resource, Subscriptions, Task, Tool};
    [
        method("initialize", Open, Other, false),
        method("ping", Open, Other, false),
        method("server/discover", Open, Other, false),
        method("logging/setLevel", Open, Other, false),
        method("prompts/list", Open, List(ListKind::Prompts), false),
        method("resources/list", Open, List(ListKind::Resources), false),
        method("resources/templates/list", Open, List(ListKind::Templates), false),
        method("tools/list", Open, List(ListKind::Tools), false),
        method("completion/complete", Completion, Other, false),
        method("prompts/get", Prompt, Other, true),
        method("resources/read", Resource, Contents, true),
        method("resources/subscribe", OptionalResource, Other, false),
        method("resources/unsubscribe", OptionalResource, Other, false),
        method("subscriptions/listen", Subscriptions, Stream, false),
        method("tasks/cancel", Task, AnswerKind::Task, true),
        method("tasks/get", Task, AnswerKind::Task, true),
        method("tasks/update", Task, AnswerKind::Task, true),
        method("tools/call", Tool, Other, true),
    ]
};

impl Method {
    /// The method of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.name == name)
    }

    /// Whether the rules for methods have no part in it.
    fn is_decided_elsewhere(&self) -> bool {
        !matches!(self.target, TargetKind::Method | TargetKind::Task)
    }
}

impl TargetKind {
    /// What decides a request of the method `name`.
    pub fn of(name: &str) -> Self {
        match Method::find(name) {
            Some(method) => method.target,
            None if name.starts_with("tasks/") => Self::Task,
            None => Self::Method,
        }
    }

    /// The members of `params` that decide: there a look-alike is a fault, elsewhere it is the server's own.
    pub(super) fn members(self) -> &'static [&'static str] {
        match self {
            Self::Completion => &["_meta", "ref"],
            Self::Method | Self::Open => &["_meta"],
            Self::OptionalResource | Self::Resource => &["_meta", "uri"],
            Self::Prompt => &["_meta", "name"],
            Self::Subscriptions => &["_meta", "notifications"],
            Self::Task => &["_meta", "taskId"],
            Self::Tool => &["_meta", "arguments", "name"],
        }
    }
}

impl AnswerKind {
    /// What an answer to the method `name` holds.
    pub fn of(name: &str) -> Self {
        match Method::find(name) {
            Some(method) => method.answer,
            // A careless server may take the method for one about tasks.
            None if near(name).starts_with("TASKS/") => Self::Task,
            None => Self::Other,
        }
    }

    /// The list, if it is one.
    pub fn list(self) -> Option<ListKind> {
        match self {
            Self::List(kind) => Some(kind),
            Self::Contents | Self::Other | Self::Stream | Self::Task => None,
        }
    }
}

/// Whether this method may lack its `uri`; then the rules for methods decide it.
pub fn takes_no_uri(name: &str) -> bool {
    TargetKind::of(name) == TargetKind::OptionalResource
}

/// Whether the method is open, or decided by the name or `uri` it asks for.
pub fn is_decided_elsewhere(name: &str) -> bool {
    Method::find(name).is_some_and(Method::is_decided_elsewhere)
}

/// Whether a careless server would take `name`, which is none of these, for an open or a targeted method.
pub fn looks_known(name: &str) -> bool {
    let known = || METHODS.iter().filter(|method| method.is_decided_elsewhere());
    let trimmed = name.trim();
    known().any(|method| look_alike(trimmed, &[method.name]).is_some())
        || (trimmed != name && (is_decided_elsewhere(trimmed) || is_notification(trimmed)))
}

/// Whether this is the name of a notification. With an `id` it is a request of that name, which a server may answer.
pub(super) fn is_notification(name: &str) -> bool {
    name.starts_with("notifications/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_stands_in_the_table_once() {
        for method in &METHODS {
            assert_eq!(METHODS.iter().filter(|other| other.name == method.name).count(), 1, "{}", method.name);
            // No header can name what a request does not ask for by one name.
            assert!(!method.requires_name || !matches!(method.target, TargetKind::Method | TargetKind::Open));
        }
    }
}
