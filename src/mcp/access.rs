//! The targets that a message or a list entry would use.

/// The targets of a request or a list entry. The policy decides on these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access<'a> {
    /// A method without a specific target, by name.
    Method(&'a str),
    /// The endpoint only: `base_scopes` are sufficient.
    Open,
    /// A prompt, by name.
    Prompt(&'a str),
    /// All resources with these URIs.
    Resources(Vec<&'a str>),
    /// All resources with these URIs, and task state, which requires the same as `tasks/get`.
    ResourcesAndTasks(Vec<&'a str>),
    /// Every expansion of a URI template (RFC 6570).
    Template(&'a str),
    /// A tool, by name.
    Tool(&'a str),
}

/// A part of an [`Access`], which is looked up on its own.
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
    #[inline]
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
