//! The methods of MCP, from 2024-11-05 to 2026-07-28 and its tasks extension.

use crate::text::{look_alike, near};

/// A method with its own handling in the policy, the response or the headers.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    /// The name of the method.
    pub name: &'static str,
    /// The target that decides a request.
    pub target: TargetKind,
    /// The content of a response.
    pub answer: AnswerKind,
    /// Whether 2026-07-28 or its tasks extension requires `Mcp-Name` for it.
    pub(super) requires_name: bool,
}

/// The target that decides a request, in addition to the token and `base_scopes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// The prompt or template in `params.ref`.
    Completion,
    /// The method itself, by the rules for methods.
    Method,
    /// No target. The entries of a list are decided one by one.
    Open,
    /// Like [`Self::Resource`], or the rules for methods if `uri` is missing. MCP 2026-07-28 removed these methods, and
    /// the server should report that itself.
    OptionalResource,
    /// The prompt in `params.name`.
    Prompt,
    /// The resource in `params.uri`.
    Resource,
    /// The resources and tasks in `params.notifications`.
    Subscriptions,
    /// The method itself, by the rules for methods. `Mcp-Name` mirrors `params.taskId`.
    Task,
    /// The tool in `params.name`, with its `arguments`.
    Tool,
}

/// The content of a response that may have to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// A resource, which may be private to the caller.
    Contents,
    /// A list.
    List(ListKind),
    /// No such content.
    Other,
    /// Events, as on a GET stream. Lists may be replayed on it.
    Stream,
    /// A task, whose result may be a list.
    Task,
}

/// The lists that are filtered.
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

/// All methods with their own handling. The rules for methods decide other methods.
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
    /// The method with this name.
    #[inline]
    pub fn find(name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.name == name)
    }

    /// Whether the rules for methods do not apply to it.
    fn is_decided_elsewhere(&self) -> bool {
        !matches!(self.target, TargetKind::Method | TargetKind::Task)
    }
}

impl TargetKind {
    /// The target that decides a request of the method `name`.
    pub fn of(name: &str) -> Self {
        Self::of_method(Method::find(name), name)
    }

    /// [`Self::of`], where the method was found before.
    #[inline]
    pub(super) fn of_method(method: Option<&Method>, name: &str) -> Self {
        match method {
            Some(method) => method.target,
            None if name.starts_with("tasks/") => Self::Task,
            None => Self::Method,
        }
    }

    /// The members of `params` that affect the decision. A look-alike of one is a fault. Elsewhere it is the server's
    /// own member.
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
    /// The content of a response to the method `name`.
    pub fn of(name: &str) -> Self {
        Self::of_method(Method::find(name), name)
    }

    /// [`Self::of`], where the method was found before.
    #[inline]
    pub fn of_method(method: Option<&Method>, name: &str) -> Self {
        match method {
            Some(method) => method.answer,
            // A careless server may treat the method as a task method.
            None if near(name).starts_with("TASKS/") => Self::Task,
            None => Self::Other,
        }
    }

    /// The kind of list, if it is one.
    pub fn list(self) -> Option<ListKind> {
        match self {
            Self::List(kind) => Some(kind),
            Self::Contents | Self::Other | Self::Stream | Self::Task => None,
        }
    }
}

/// Whether `uri` is optional for this method. Without it, the rules for methods decide.
pub fn takes_no_uri(name: &str) -> bool {
    TargetKind::of(name) == TargetKind::OptionalResource
}

/// Whether the method needs no rule, or is decided by the name or `uri` it asks for.
pub fn is_decided_elsewhere(name: &str) -> bool {
    Method::find(name).is_some_and(Method::is_decided_elsewhere)
}

/// Whether `name` is an unknown method that a careless server would take for an open or targeted one.
pub fn looks_known(name: &str) -> bool {
    let known = || METHODS.iter().filter(|method| method.is_decided_elsewhere());
    let trimmed = name.trim();
    known().any(|method| look_alike(trimmed, &[method.name]).is_some())
        || (trimmed != name && (is_decided_elsewhere(trimmed) || is_notification(trimmed)))
}

/// Whether `name` is a notification. With an `id` it is a request of that name, which a server may answer.
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
            // No header can mirror a request that does not have exactly one name.
            assert!(!method.requires_name || !matches!(method.target, TargetKind::Method | TargetKind::Open));
        }
    }
}
