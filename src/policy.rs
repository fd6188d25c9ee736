//! The policy of a resource: the scopes each operation needs, the scope matrix, and the function that decides.
//!
//! A [`Decider`] decides calls and list entries with the same code, so a list hides every entry whose use the policy
//! would deny.

mod applicable;
mod arguments;
mod authentication;
mod counted;
mod decide;
mod matrix;
mod near;
mod requirement;
mod revoked;
mod rules;
mod verdict;

pub use arguments::{ArgumentTest, Condition, scalar_at};
pub use authentication::Authentication;
pub use counted::Counted;
pub use decide::Decider;
pub use matrix::{DeniedTools, Matches, Scenario};
pub use requirement::Requirement;
pub use revoked::Revocation;
pub use rules::{Found, RuleSet, Rules, Unlisted};
pub use verdict::{Denial, Outcome, Permit, Verdict};

use crate::scope::{Hierarchy, Scope, ScopeSet};
use crate::time::UnixTime;

/// The inputs of a decision besides the caller and the access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion<'a> {
    /// The current time.
    pub now: UnixTime,
    /// The known arguments of the call.
    pub arguments: Arguments<'a>,
    /// The approval state of the requested tool.
    pub standing: Standing,
}

/// The approval state of a tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// The tool matches its approved definition, or approval is not required.
    #[default]
    Approved,
    /// The tool differs from its approved definition and is denied until it is approved again.
    Drifted,
}

/// The part of a call's arguments that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments<'a> {
    /// The complete JSON of `params.arguments`, or `None` if the call has none.
    Given(Option<&'a [u8]>),
    /// Not known: a list entry, or a call whose body has not arrived. Conditions on arguments are skipped.
    Open,
}

impl Occasion<'_> {
    /// An occasion without a call.
    pub fn at(now: UnixTime) -> Self {
        Self { now, arguments: Arguments::Open, standing: Standing::Approved }
    }
}

/// Whether denials are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Denials are enforced.
    Enforce,
    /// Denials are only recorded.
    Shadow,
}

/// Which entries a list keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// Entries the caller may use now.
    Hide,
    /// Entries the caller may use now, and entries that a step-up could unlock.
    Offer,
}

/// The policy of one resource, validated and ready to decide.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Scopes that every request needs, in configuration order.
    pub base_scopes: Vec<Scope>,
    /// The scopes that each scope implies.
    pub hierarchy: Hierarchy,
    /// Rules for `tools/call`, by tool name.
    pub tools: RuleSet,
    /// Rules for `prompts/get`, by prompt name.
    pub prompts: RuleSet,
    /// Rules for `resources/*`, by URI.
    pub resources: RuleSet,
    /// Rules for all other methods, by method name.
    pub methods: RuleSet,
    /// Which entries lists keep.
    pub lists: Lists,
    /// Scenarios of the scope matrix. Each can only narrow what a caller may do.
    pub matrix: Vec<Scenario>,
    /// Tokens that are refused.
    pub revoked: Vec<Revocation>,
    /// Whether denials are enforced, unless a rule or scenario has its own mode.
    pub mode: Mode,
    /// Whether a rule is in shadow mode by its own `mode`.
    pub has_shadow_rules: bool,
    /// Whether the whole policy is in shadow mode: it, each rule and each scenario.
    pub is_shadow_only: bool,
    /// Whether a rule is public. Then requests without credentials come from anonymous callers.
    pub has_public_rules: bool,
    /// Whether a rule requires a fresh introspection response.
    pub has_fresh_rules: bool,
    /// The identifiers of the resource's issuers that have no introspection endpoint.
    pub unasked_issuers: Vec<String>,
    /// The scopes that `base_scopes` or a rule names. A client that replaces its scopes in a step-up should keep these.
    pub needed_scopes: ScopeSet,
    /// The scopes that challenges may ask for. Without a value, all.
    pub offered: Option<ScopeSet>,
    /// Whether the policy denies everything because it is not available yet or has expired.
    pub closed: bool,
}

impl Policy {
    /// A policy that denies everything, for when no policy is available.
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
            revoked: Vec::new(),
            mode: Mode::Enforce,
            has_shadow_rules: false,
            is_shadow_only: false,
            has_public_rules: false,
            has_fresh_rules: false,
            unasked_issuers: Vec::new(),
            needed_scopes: ScopeSet::new(),
            offered: None,
            closed: true,
        }
    }

    /// Whether challenges may ask for `scope`.
    pub fn offers(&self, scope: &Scope) -> bool {
        self.offered.as_ref().is_none_or(|offered| offered.contains(scope.as_str()))
    }

    /// All scopes that the policy names, for `scopes_supported`.
    pub fn named_scopes(&self) -> ScopeSet {
        let mut named = self.needed_scopes.clone();
        named.extend(self.hierarchy.scopes().cloned());
        named
    }
}
