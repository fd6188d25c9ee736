//! The decision and the reason for a denial.

use std::time::Duration;

use super::rules::{Found, Rules};
use super::{
    Arguments, Authentication, Counted, Denial, Mode, Occasion, Outcome, Permit, Policy, Requirement, Scenario,
    Standing, Verdict,
};
use crate::caller::Caller;
use crate::mcp::Access;
use crate::scope::{Scope, ScopeSet};
use crate::token::AccessToken;

/// Upper limit of scope sets when the alternatives of several rules are combined. Beyond it, each further rule adds
/// only its cheapest alternative. This bounds the cost of a denial and never changes what is allowed.
const MAX_COMBINATIONS: usize = 32;
/// With more rules than this, no alternatives are combined.
const MAX_COMBINED: usize = 8;

/// A request for a decision: the access and its occasion.
#[derive(Clone, Copy)]
struct Asked<'a> {
    access: &'a Access<'a>,
    occasion: &'a Occasion<'a>,
}

/// Which rules count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    All,
    Enforced,
    /// The scopes of all rules, and no other check. Finds the scenarios that deny, whatever else shadow mode lets pass.
    Scopes,
}

/// Why an operation is denied, before the missing scopes are computed.
enum Cause<'p> {
    Known(Denial),
    /// The caller lacks a scope of `base`, or has no complete alternative of one of the rules.
    Scopes {
        base: &'p [Scope],
        rules: Rules<'p>,
    },
}

impl From<Denial> for Cause<'_> {
    fn from(denial: Denial) -> Self {
        Self::Known(denial)
    }
}

/// A policy's decisions for one caller. The matching scenarios and the scopes that count are computed once.
#[derive(Debug)]
pub struct Decider<'a> {
    policy: &'a Policy,
    counted: Counted<'a>,
    /// The scopes under enforcing scenarios only, if some matching scenario or rule is in shadow mode.
    enforced: Option<Counted<'a>>,
}

impl<'a> Decider<'a> {
    /// The policy.
    pub fn policy(&self) -> &'a Policy {
        self.policy
    }

    /// The policy's mode. It never softens a denial for an anonymous caller.
    pub fn mode(&self) -> Mode {
        if self.counted.caller().is_anonymous() { Mode::Enforce } else { self.policy.mode }
    }

    /// Decides whether the caller may have `access`. The verdict depends only on the arguments.
    pub fn decide(&self, access: &Access<'_>, occasion: &Occasion<'_>) -> Verdict {
        let mut verdict = self.rule(access, occasion);
        if let Some(Denial::InsufficientScope { required, ask, .. }) = verdict.denial_mut() {
            *ask = self.policy.worth_asking(self.counted.caller(), required);
        }
        verdict
    }

    /// The outcome of [`Self::decide`] without its reason, which is cheaper.
    pub fn outcome(&self, access: &Access<'_>, occasion: &Occasion<'_>) -> Outcome {
        if self.policy.closed || self.enforced.is_some() {
            return self.rule(access, occasion).outcome();
        }
        match self.policy.check(Asked { access, occasion }, &self.counted, Counting::All) {
            Ok(()) => Outcome::Allow,
            Err(_) => Outcome::Deny,
        }
    }

    /// The sets of scopes of which any one would allow this access, `base_scopes` included. None if it is public.
    pub fn alternatives(&self, access: &Access<'_>) -> Vec<ScopeSet> {
        if self.policy.is_public(access) {
            return Vec::new();
        }
        let rules = self.policy.rules_for(access).unwrap_or(Rules::none());
        combinations(self.policy, &self.counted, &self.policy.base_scopes, &rules)
    }

    /// Whether another token of the same caller could be allowed this access.
    pub fn is_step_up(&self, access: &Access<'_>, occasion: &Occasion<'_>) -> bool {
        self.rule(access, occasion).denial().is_some_and(Denial::is_step_up)
    }

    /// The verdict without the scopes to ask for. Collecting those for each list entry would cost as much as the policy
    /// has scopes.
    fn rule(&self, access: &Access<'_>, occasion: &Occasion<'_>) -> Verdict {
        let policy = self.policy;
        if policy.closed {
            // A closed policy denies even if it was in shadow mode.
            return Verdict::Deny(Denial::PolicyUnavailable);
        }
        let permit = || Permit::new(self.counted.caller());
        let asked = Asked { access, occasion };
        let all = policy.judge(asked, &self.counted, Counting::All);
        let enforced = match &self.enforced {
            None => all,
            Some(counted) => match (policy.enforced(asked, counted), all) {
                (None, Err(denial)) => return Verdict::ShadowDeny(permit(), denial),
                (enforced, _) => enforced.map_or(Ok(()), Err),
            },
        };
        match enforced {
            Err(denial) => Verdict::Deny(denial),
            Ok(()) => Verdict::Allow(permit()),
        }
    }
}

impl Policy {
    /// Decides whether `caller` may have `access`. The verdict depends only on the arguments.
    pub fn decide<'c, C>(&self, caller: &'c C, access: &Access<'_>, occasion: &Occasion<'_>) -> Verdict
    where
        Caller: From<&'c C>,
    {
        self.for_caller(caller).decide(access, occasion)
    }

    /// A decider for `caller`, for several decisions.
    pub fn for_caller<'c, C>(&self, caller: &'c C) -> Decider<'_>
    where
        Caller: From<&'c C>,
    {
        let counted = Counted::new(self, caller.into(), |_| true);
        let enforces = |scenario: &Scenario| self.enforces(scenario.mode);
        let enforces_all = self.enforces(None) && !self.has_shadow_rules && counted.scenarios().all(enforces);
        let caller = counted.caller();
        // Shadow mode is for callers that records can name: everything is enforced for anonymous ones.
        let enforced = (!caller.is_anonymous() && !enforces_all).then(|| Counted::new(self, caller.clone(), enforces));
        Decider { policy: self, counted, enforced }
    }

    /// The maximum age of the introspection response for `access`: the strictest of its rules. It applies in shadow
    /// mode too, because shadow mode does not accept invalid tokens. `None` if the issuer has no introspection
    /// endpoint: then the access is denied.
    pub fn freshness(&self, caller: &AccessToken, access: &Access<'_>) -> Option<Duration> {
        if !self.has_fresh_rules || self.is_unasked(caller) {
            return None;
        }
        let mut rules = Vec::new();
        for part in access.parts() {
            match self.find(part) {
                Found::Rules(found) => rules.extend_from_slice(&found),
                // Denied, so freshness does not matter.
                _ if self.enforces(None) && !self.has_shadow_rules => {}
                // Shadow mode may forward it, and a careless server would use the name that it resembles.
                Found::NearName | Found::Unlisted => {
                    rules.extend(self.near_rules(part, |_| true));
                    rules.extend_from_slice(&self.counted_rules(part, |_| true));
                }
            }
            // A shadow rule may take precedence over the enforced one. It must not relax the requirement.
            if self.has_shadow_rules {
                rules.extend_from_slice(&self.counted_rules(part, |rule| self.enforces(rule.mode)));
            }
        }
        rules.iter().filter_map(|rule| rule.fresh).min()
    }

    /// Whether `access` requires more than a valid token or, if some rules are public, a token at all.
    pub fn is_restricted(&self, access: &Access<'_>) -> bool {
        if self.has_public_rules {
            return !self.is_public(access);
        }
        let is_open = |part| match self.find(part) {
            Found::Rules(rules) => rules.iter().all(|rule| rule.is_any_token()),
            Found::NearName | Found::Unlisted => false,
        };
        !self.base_scopes.is_empty() || !access.parts().all(is_open)
    }

    fn is_unasked(&self, caller: &AccessToken) -> bool {
        self.unasked_issuers.iter().any(|issuer| issuer == caller.issuer())
    }

    /// The denial by enforcing rules and scenarios. A denial by a scenario comes before one that a step-up would cure:
    /// the scenario would still deny after the step-up.
    fn enforced(&self, asked: Asked<'_>, counted: &Counted<'_>) -> Option<Denial> {
        let denial = self.judge(asked, counted, Counting::Enforced).err();
        if counted.scenarios().is_empty() || denial.as_ref().is_some_and(|denial| !denial.is_step_up()) {
            return denial;
        }
        self.denial_by_scenario(asked, counted).or(denial)
    }

    /// The denial by an enforcing scenario, whatever the rules enforce. A scenario also denies scopes that it narrows
    /// even if the caller was never granted them. Otherwise a caller with fewer scopes could do more.
    fn denial_by_scenario(&self, asked: Asked<'_>, counted: &Counted<'_>) -> Option<Denial> {
        // A careless server would treat the method as a tool call, possibly of a tool that a scenario denies.
        if matches!(asked.access, Access::Method(_))
            && counted.scenarios().denies_tools()
            && matches!(self.rules_for(asked.access), Err(Denial::NearName))
        {
            return Some(Denial::NearName);
        }
        self.judge(asked, counted, Counting::Scopes).err().filter(Denial::is_by_scenario)
    }

    /// Decides with the given scenarios and rules as if all of them were enforced.
    fn judge(&self, asked: Asked<'_>, counted: &Counted<'_>, counting: Counting) -> Result<(), Denial> {
        self.check(asked, counted, counting).map_err(|cause| match cause {
            Cause::Known(denial) => denial,
            Cause::Scopes { base, rules } => match cheapest_denial(self, counted, base, &rules) {
                Denial::InsufficientScope { required, .. } if counted.caller().is_anonymous() => {
                    Denial::NoToken { required }
                }
                denial => denial,
            },
        })
    }

    /// Like [`Self::judge`]. Denials that no token can change come first, because a step-up would be useless.
    /// Authentication comes last, because it only matters to a caller who has the scopes.
    fn check(&self, asked: Asked<'_>, counted: &Counted<'_>, counting: Counting) -> Result<(), Cause<'_>> {
        let (Asked { access, occasion }, caller) = (asked, counted.caller().token());
        if let Access::Tool(name) = access
            && let Some(denial) = counted.scenarios().denial(name, &self.tools)
        {
            return Err(denial.into());
        }
        let is_whole = counting != Counting::Enforced || self.enforces(None);
        let rules = match counting {
            Counting::All => self.rules_for(access)?,
            Counting::Enforced => self.enforced_rules(access)?,
            Counting::Scopes => self.unguarded_rules(access),
        };
        if counting != Counting::Scopes {
            if occasion.standing == Standing::Drifted && is_whole {
                return Err(Denial::Drifted.into());
            }
            self.check_call(occasion, caller, &rules)?;
        }
        // A token takes nothing away that its caller would have without it.
        let is_public = self.is_public(access);
        let base: &[Scope] = if is_whole && !is_public { &self.base_scopes } else { &[] };
        let has = |scope: &Scope| counted.has(scope);
        let opens = |rule: &&Requirement| rule.alternatives.iter().any(|scopes| scopes.iter().all(has));
        let Some(caller) = caller.filter(|_| base.iter().all(has) && rules.iter().all(opens)) else {
            let is_allowed = is_public && counted.caller().is_anonymous();
            return if is_allowed { Ok(()) } else { Err(Cause::Scopes { base, rules }) };
        };
        let wanted = rules.iter().map(|rule| &rule.authentication);
        if wanted.clone().all(|wanted| wanted.holds(caller, occasion.now)) {
            return Ok(());
        }
        // The new sign-in must satisfy every rule, including those that the current one satisfies. Otherwise two rules
        // could ask for each other's sign-in in turn.
        Err(Denial::Authentication(Authentication::of_all(wanted)).into())
    }

    /// Checks freshness and the arguments of a call against the rules.
    fn check_call(
        &self,
        occasion: &Occasion<'_>,
        caller: Option<&AccessToken>,
        rules: &[&Requirement],
    ) -> Result<(), Denial> {
        let is_unasked = || caller.is_some_and(|caller| self.is_unasked(caller));
        if self.has_fresh_rules && rules.iter().any(|rule| rule.fresh.is_some()) && is_unasked() {
            return Err(Denial::Unverifiable);
        }
        if let Arguments::Given(arguments) = occasion.arguments {
            // The claims of a token that is kept are read only where a condition asks for them.
            let claims = || caller.map(AccessToken::claims);
            let holds = |rule: &&Requirement| rule.arguments.iter().all(|test| test.holds(arguments, claims()));
            if !rules.iter().all(holds) {
                return Err(Denial::Arguments);
            }
        }
        Ok(())
    }

    /// `required` and the caller's granted scopes that this resource names, so that a client which replaces its scopes
    /// keeps them.
    fn worth_asking(&self, caller: &Caller, required: &ScopeSet) -> ScopeSet {
        let kept = self.needed_scopes.iter().filter(|scope| caller.was_issued(scope.as_str()));
        required.iter().chain(kept).filter(|scope| self.offers(scope)).cloned().collect()
    }
}

/// The alternative with the fewest missing scopes among those that could be granted under the scenarios, and that a
/// challenge may ask for.
fn cheapest_denial(policy: &Policy, counted: &Counted<'_>, base: &[Scope], rules: &[&Requirement]) -> Denial {
    let combined = combinations(policy, counted, base, rules);
    let scenarios = counted.scenarios();
    let candidates = combined.into_iter().map(|required| (counted.missing(&required), required));
    // A sign-in may bring mapped scopes, too.
    let asks = |scope: &Scope| counted.caller().is_anonymous() || policy.offers(scope);
    let mut grantable = candidates.filter(|(missing, _)| scenarios.would_count(missing.iter())).peekable();
    let is_grantable = grantable.peek().is_some();
    let offered = grantable.filter(|(missing, _)| missing.iter().all(asks));
    match (offered.min_by_key(|(missing, _)| missing.len()), scenarios.narrowing()) {
        (Some((missing, required)), scenario) => {
            let scenario = scenario.map(|scenario| scenario.name.clone());
            Denial::InsufficientScope { required, missing, ask: ScopeSet::new(), scenario }
        }
        (None, _) if is_grantable => Denial::NotOffered,
        (None, Some(scenario)) => Denial::MatrixNarrows { scenario: scenario.name.clone() },
        // Unreachable: without a narrowing scenario every scope counts. It denies in any case.
        (None, None) => Denial::Unlisted,
    }
}

/// The sets of scopes that satisfy `base` and all of `rules`.
fn combinations(policy: &Policy, counted: &Counted<'_>, base: &[Scope], rules: &[&Requirement]) -> Vec<ScopeSet> {
    // Many rules mean many resources in one message, and the sets grow: then only the cheapest alternative of each
    // counts.
    let most = if rules.len() <= MAX_COMBINED { MAX_COMBINATIONS } else { 1 };
    let start = vec![base.iter().cloned().collect()];
    rules.iter().fold(start, |combined, rule| combine(policy, counted, combined, rule, most))
}

/// The union of each set in `combined` with each alternative of `rule`, in configuration order.
fn combine(
    policy: &Policy,
    counted: &Counted<'_>,
    combined: Vec<ScopeSet>,
    rule: &Requirement,
    most: usize,
) -> Vec<ScopeSet> {
    // Prefer alternatives that could be granted under the scenarios, and asked for, so that the limit does not change
    // the kind of denial.
    let cost = |scopes: &&ScopeSet| {
        let missing = counted.missing(scopes);
        let is_offered = missing.iter().all(|scope| policy.offers(scope));
        (!counted.scenarios().would_count(missing.iter()), !is_offered, missing.len())
    };
    let cheapest = || rule.alternatives.iter().min_by_key(cost);
    let alternatives: Vec<&ScopeSet> = if combined.len() * rule.alternatives.len() <= most {
        rule.alternatives.iter().collect()
    } else {
        cheapest().into_iter().collect()
    };
    combined.iter().flat_map(|scopes| alternatives.iter().map(|more| scopes.union(more))).collect()
}
