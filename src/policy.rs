//! The policy: which scopes an operation needs, per scenario, and the one function that decides.
//!
//! A [`Decider`] is asked for calls and for every entry of a list alike, so that a list never shows what a call would be
//! refused.

mod arguments;
mod authentication;
mod counted;
mod decide;
mod matrix;
mod rules;
mod verdict;

pub use arguments::{ArgumentTest, Condition};
pub use authentication::Authentication;
pub use counted::Counted;
pub use decide::Decider;
pub use matrix::{DeniedTools, Matches, Row};
pub use rules::{Found, Requirement, RuleSet, Unlisted};
pub use verdict::{Denial, Outcome, Permit, Verdict};

use crate::scope::{Hierarchy, Scope, ScopeSet};
use crate::time::UnixTime;

/// What a decision depends on besides the caller and what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion<'a> {
    /// The time.
    pub now: UnixTime,
    /// What is known of a call's arguments.
    pub arguments: Arguments<'a>,
    /// How the tool stands that is asked for.
    pub standing: Standing,
}

/// How a tool stands towards its approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// As approved, or nobody asks for approval.
    #[default]
    Approved,
    /// It is not what was approved, and must not be used until it is.
    Drifted,
}

/// What is known of a call's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments<'a> {
    /// All: the JSON of `params.arguments`, if there is one.
    Given(Option<&'a str>),
    /// Nothing yet: an entry of a list, or a call of which only the headers came. A condition on them denies nothing.
    Open,
}

impl Occasion<'_> {
    /// Without a call.
    pub fn at(now: UnixTime) -> Self {
        Self { now, arguments: Arguments::Open, standing: Standing::Approved }
    }
}

/// Whether denials are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    Enforce,
    /// They are recorded only.
    Shadow,
}

/// What a list keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// What the caller may use now.
    Hide,
    /// That, and what a step-up could unlock.
    Offer,
}

/// The policy of one resource, checked and ready to decide.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Needed by every request, in the order written.
    pub base_scopes: Vec<Scope>,
    /// Which scope implies which.
    pub hierarchy: Hierarchy,
    /// `tools/call`, by name.
    pub tools: RuleSet,
    /// `prompts/get`, by name.
    pub prompts: RuleSet,
    /// `resources/*`, by URI.
    pub resources: RuleSet,
    /// Any other method.
    pub methods: RuleSet,
    /// What lists keep.
    pub lists: Lists,
    /// Scenarios that narrow what a caller may do.
    pub matrix: Vec<Row>,
    /// Whether denials are carried out.
    pub mode: Mode,
    /// Whether a rule has a mode of its own that is not carried out.
    pub has_shadow_rules: bool,
    /// Whether a rule wants the issuer asked.
    pub has_fresh_rules: bool,
    /// The identifiers of the resource's issuers that cannot be asked about tokens.
    pub unasked_issuers: Vec<String>,
    /// The scopes that `base_scopes` or a rule names: what a client that replaces its scopes should keep.
    pub needed_scopes: ScopeSet,
    /// Whether it may not decide any more, or not yet: then everything is denied.
    pub closed: bool,
}

impl Policy {
    /// A policy that is not there: it denies everything.
    pub fn closed() -> Self {
        let none = || RuleSet::new(Vec::new(), Unlisted::Deny, &[]);
        Self {
            base_scopes: Vec::new(),
            hierarchy: Hierarchy::default(),
            tools: none(),
            prompts: none(),
            resources: none(),
            methods: none(),
            lists: Lists::Hide,
            matrix: Vec::new(),
            mode: Mode::Enforce,
            has_shadow_rules: false,
            has_fresh_rules: false,
            unasked_issuers: Vec::new(),
            needed_scopes: ScopeSet::new(),
            closed: true,
        }
    }

    /// Every scope that the policy names, for `scopes_supported`.
    pub fn named_scopes(&self) -> ScopeSet {
        let mut named = self.needed_scopes.clone();
        named.extend(self.hierarchy.scopes().cloned());
        named
    }
}
