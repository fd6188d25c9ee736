//! The targets that a message or a list's entry would use.

/// The targets of a request or of a list's entry: what the policy decides about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access<'a> {
    /// Any other method, by its name.
    Method(&'a str),
    /// No target but the endpoint itself: `base_scopes` are enough.
    Open,
    /// A prompt, by its name.
    Prompt(&'a str),
    /// Every resource of these URIs at once.
    Resources(Vec<&'a str>),
    /// Every resource of these URIs, and the state of tasks, which needs what `tasks/get` needs.
    ResourcesAndTasks(Vec<&'a str>),
    /// All that a URI template (RFC 6570) can expand to.
    Template(&'a str),
    /// A tool, by its name.
    Tool(&'a str),
}

/// One part of an [`Access`], which needs a rule of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    Method(&'a str),
    Prompt(&'a str),
    Resource(&'a str),
    Template(&'a str),
    Tool(&'a str),
}

impl Access<'_> {
    /// The parts of the access. All of them must be allowed.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let (uris, one): (&[&str], _) = match self {
            Self::Method(name) => (&[], Some(Part::Method(name))),
            Self::Open => (&[], None),
            Self::Prompt(name) => (&[], Some(Part::Prompt(name))),
            Self::Resources(uris) => (uris, None),
            Self::ResourcesAndTasks(uris) => (uris, Some(Part::Method("tasks/get"))),
            Self::Template(template) => (&[], Some(Part::Template(template))),
            Self::Tool(name) => (&[], Some(Part::Tool(name))),
        };
        uris.iter().map(|uri| Part::Resource(uri)).chain(one)
    }
}
