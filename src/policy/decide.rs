//! The decision, with its reasons.

use std::time::Duration;

use super::matrix::Matches;
use super::rules::{Found, Requirement, RuleSet};
use super::{Access, Arguments, Denial, Mode, Occasion, Outcome, Policy, Standing, Verdict};
use crate::mcp;
use crate::scope::{Scope, ScopeSet};
use crate::token::AccessToken;

/// Alternatives of rules that must all be satisfied are combined up to this many sets; beyond it each further rule adds
/// its cheapest alternative only. It bounds what a denial costs, never what is allowed.
const MAX_COMBINATIONS: usize = 32;
/// With more rules than this, none is combined.
const MAX_COMBINED: usize = 8;

/// Who asks for what, and when.
#[derive(Clone, Copy)]
struct Asked<'a> {
    caller: &'a AccessToken,
    access: &'a Access<'a>,
    occasion: &'a Occasion<'a>,
}

/// What of a policy is judged by: all of it, or what is carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    Enforced,
}

/// Why an operation is denied, before it is said in full.
enum Cause<'p> {
    Known(Denial),
    /// Not all of `base`, and of each rule all scopes of one alternative, are granted.
    Scopes {
        base: &'p [Scope],
        rules: Vec<&'p Requirement>,
    },
}

impl From<Denial> for Cause<'_> {
    fn from(denial: Denial) -> Self {
        Self::Known(denial)
    }
}

/// What a policy decides for one caller: which rows of the matrix are about the caller is found once.
#[derive(Debug)]
pub struct Decider<'a> {
    policy: &'a Policy,
    caller: &'a AccessToken,
    rows: Matches<'a>,
    /// Whether all that is about the caller is carried out.
    enforces_all: bool,
}

impl<'a> Decider<'a> {
    /// The policy that decides.
    pub fn policy(&self) -> &'a Policy {
        self.policy
    }

    /// Decides whether the caller may have `access`. Pure: the same arguments, the same verdict.
    pub fn decide(&self, access: &Access<'_>, occasion: &Occasion<'_>) -> Verdict {
        let (policy, caller) = (self.policy, self.caller);
        if policy.closed {
            // Whatever its mode was: that went with it.
            return Verdict { outcome: Outcome::Deny, denial: Some(Denial::PolicyUnavailable) };
        }
        let asked = Asked { caller, access, occasion };
        let all = policy.judge(asked, &self.rows, Part::All);
        let enforced = if self.enforces_all {
            all
        } else {
            let rows = Matches::new(&policy.matrix, caller, |row| policy.enforces(row.mode));
            match (policy.enforced(asked, &rows), all) {
                (None, Err(denial)) => return Verdict { outcome: Outcome::ShadowDeny, denial: Some(denial) },
                (enforced, _) => enforced.map_or(Ok(()), Err),
            }
        };
        match enforced {
            Err(denial) => Verdict { outcome: Outcome::Deny, denial: Some(denial) },
            Ok(()) => Verdict { outcome: Outcome::Allow, denial: None },
        }
    }

    /// The outcome alone of [`Self::decide`], which is quicker where nobody asks why.
    pub fn outcome(&self, access: &Access<'_>, occasion: &Occasion<'_>) -> Outcome {
        if self.policy.closed || !self.enforces_all {
            return self.decide(access, occasion).outcome;
        }
        let asked = Asked { caller: self.caller, access, occasion };
        match self.policy.check(asked, &self.rows, Part::All) {
            Ok(()) => Outcome::Allow,
            Err(_) => Outcome::Deny,
        }
    }
}

impl Policy {
    /// Decides whether `caller` may have `access`. Pure: the same arguments, the same verdict.
    pub fn decide(&self, caller: &AccessToken, access: &Access<'_>, occasion: &Occasion<'_>) -> Verdict {
        self.for_caller(caller).decide(access, occasion)
    }

    /// What it decides for `caller`, where that is asked more than once.
    pub fn for_caller<'a>(&'a self, caller: &'a AccessToken) -> Decider<'a> {
        let rows = Matches::new(&self.matrix, caller, |_| true);
        let enforces_all = self.enforces(None) && !self.has_shadow_rules && rows.all(|row| self.enforces(row.mode));
        Decider { policy: self, caller, rows, enforces_all }
    }

    /// How recent the issuer's word on the caller's token must be for `access`: the strictest of its rules, in shadow
    /// mode too, since tokens are refused there as ever. Nothing where the issuer cannot be asked: that was denied.
    pub fn freshness(&self, caller: &AccessToken, access: &Access<'_>) -> Option<Duration> {
        if !self.has_fresh_rules || self.is_unasked(caller) {
            return None;
        }
        // A policy in shadow mode lets resources that are listed nowhere pass beside others, and near names.
        let parts = match access {
            Access::Resources(uris) => uris.iter().map(|uri| Access::Resources(vec![uri])).collect(),
            _ => vec![access.clone()],
        };
        let mut rules = Vec::new();
        for part in &parts {
            match self.rules_for(part) {
                Ok(found) => rules.extend(found),
                Err(_) if self.enforces(None) => {}
                Err(_) => rules.extend(self.near_rules(part, |_| true)),
            }
            // A rule on trial may stand before the one that is carried out, and must not make it less strict.
            if self.has_shadow_rules {
                rules.extend(self.enforced_rules(part).unwrap_or_default());
            }
        }
        rules.iter().filter_map(|rule| rule.fresh).min()
    }

    fn is_unasked(&self, caller: &AccessToken) -> bool {
        self.unasked_issuers.iter().any(|issuer| issuer == caller.issuer())
    }

    /// Whether what has this mode, or none of its own, is carried out.
    fn enforces(&self, mode: Option<Mode>) -> bool {
        mode.unwrap_or(self.mode) == Mode::Enforce
    }

    /// The denial that is carried out: by rules and rows that enforce. Beyond those, an enforcing row takes away what it
    /// narrows whatever the caller was granted: else less scope would get more.
    fn enforced(&self, asked: Asked<'_>, rows: &Matches<'_>) -> Option<Denial> {
        if let Err(denial) = self.judge(asked, rows, Part::Enforced) {
            return Some(denial);
        }
        // Nor may arguments that a rule in shadow mode refuses hide what a row takes away.
        let asked = Asked { occasion: &Occasion::at(asked.occasion.now), ..asked };
        let Err(denial) = self.judge(asked, rows, Part::All) else { return None };
        // A careless server would run a tool that a row denies under the name that only looks like it.
        let around_row = denial == Denial::NearName
            && match asked.access {
                Access::Tool(name) => rows.nearly_denies(name),
                Access::Method(_) => rows.denies_tools(),
                _ => false,
            };
        if denial.is_by_row() || around_row {
            return Some(denial);
        }
        // What no rule lists needs the base scopes all the same, and those a row may take away.
        let open = Asked { access: &Access::Open, ..asked };
        self.judge(open, rows, Part::All).err().filter(Denial::is_by_row)
    }

    /// Decides under the given rows, as if they were enforced, and with all rules or those that are.
    fn judge(&self, asked: Asked<'_>, rows: &Matches<'_>, part: Part) -> Result<(), Denial> {
        self.check(asked, rows, part).map_err(|cause| match cause {
            Cause::Known(denial) => denial,
            Cause::Scopes { base, rules } => self.cheapest_denial(asked.caller, rows, base, &rules),
        })
    }

    /// As [`Self::judge`]. What is denied whatever the token comes first, since a step-up would be asked for in vain; a
    /// sign-in is asked for last, since only who may have the scopes needs it.
    fn check(&self, asked: Asked<'_>, rows: &Matches<'_>, part: Part) -> Result<(), Cause<'_>> {
        let Asked { caller, access, occasion } = asked;
        if let Access::Tool(name) = access
            && let Some(row) = rows.denying(name)
        {
            return Err(Denial::MatrixDeniesTool { row: row.name.clone() }.into());
        }
        let is_whole = part == Part::All || self.enforces(None);
        let rules = match part {
            Part::All => self.rules_for(access)?,
            Part::Enforced => self.enforced_rules(access)?,
        };
        if occasion.standing == Standing::Drifted && is_whole {
            return Err(Denial::Drifted.into());
        }
        if self.has_fresh_rules && rules.iter().any(|rule| rule.fresh.is_some()) && self.is_unasked(caller) {
            return Err(Denial::Unverifiable.into());
        }
        if let Arguments::Given(arguments) = occasion.arguments {
            let holds = |rule: &&Requirement| rule.arguments.iter().all(|test| test.holds(arguments, caller.claims()));
            if !rules.iter().all(holds) {
                return Err(Denial::Arguments.into());
            }
        }
        let base: &[Scope] = if is_whole { &self.base_scopes } else { &[] };
        let has = |scope: &Scope| self.has(caller, rows, scope);
        let opens = |rule: &&Requirement| rule.alternatives.iter().any(|scopes| scopes.iter().all(has));
        if !(base.iter().all(has) && rules.iter().all(opens)) {
            return Err(Cause::Scopes { base, rules });
        }
        let lacking =
            rules.iter().map(|rule| &rule.authentication).filter(|wanted| !wanted.holds(caller, occasion.now));
        match lacking.cloned().reduce(|all, more| all.and(&more)) {
            Some(wanted) => Err(Denial::Authentication(wanted).into()),
            None => Ok(()),
        }
    }

    /// The rules that must all be satisfied for `access`, each once.
    fn rules_for(&self, access: &Access<'_>) -> Result<Vec<&Requirement>, Denial> {
        let found = match access {
            Access::Open => return Ok(Vec::new()),
            // A careless server would run the method that is decided by its name or uri, or is trimmed.
            Access::Method(name) if mcp::looks_known(name) => Found::NearName,
            Access::Method(name) => self.methods.find(name),
            Access::Prompt(name) => self.prompts.find(name),
            Access::Resources(uris) => {
                let mut rules = Vec::new();
                for uri in uris {
                    add_once(&mut rules, self.resources.find(uri).into_rules()?);
                }
                return Ok(rules);
            }
            Access::Template(template) => self.resources.find_template(template),
            Access::Tool(name) => self.tools.find(name),
        };
        found.into_rules()
    }

    /// The rules of what a careless server would take `access` for, where no rule is about that itself: of those that
    /// `counts` lets count, as if there were no others.
    fn near_rules(&self, access: &Access<'_>, counts: impl Fn(&Requirement) -> bool) -> Vec<&Requirement> {
        let sets = [&self.tools, &self.prompts, &self.resources, &self.methods];
        match access {
            Access::Open | Access::Template(_) => vec![],
            Access::Method(name) if mcp::looks_known(name) => {
                sets.into_iter().flat_map(RuleSet::rules).filter(|rule| counts(rule)).collect()
            }
            Access::Method(name) => self.methods.near_rules(name, counts),
            Access::Prompt(name) => self.prompts.near_rules(name, counts),
            Access::Resources(uris) => uris.iter().flat_map(|uri| self.resources.near_rules(uri, &counts)).collect(),
            Access::Tool(name) => self.tools.near_rules(name, counts),
        }
    }

    /// The rules that are carried out for `access`, as if there were no others: a rule on trial neither closes nor opens
    /// anything. In a policy in shadow mode, what is listed nowhere is closed only if a careless server would take it for
    /// what an enforcing rule is about.
    fn enforced_rules(&self, access: &Access<'_>) -> Result<Vec<&Requirement>, Denial> {
        let counts = |rule: &Requirement| self.enforces(rule.mode);
        if self.enforces(None) {
            self.rules_for(access)?;
        } else if !self.near_rules(access, counts).is_empty() {
            return Err(Denial::NearName);
        }
        let found = match access {
            Access::Open => vec![],
            Access::Method(name) => self.methods.find_counted(name, counts),
            Access::Prompt(name) => self.prompts.find_counted(name, counts),
            Access::Resources(uris) => uris.iter().flat_map(|uri| self.resources.find_counted(uri, counts)).collect(),
            Access::Template(template) => self.resources.find_template_counted(template, counts),
            Access::Tool(name) => self.tools.find_counted(name, counts),
        };
        let mut rules = Vec::new();
        add_once(&mut rules, found);
        Ok(rules)
    }

    /// Whether the caller has `scope`, counting only what the rows count.
    fn has(&self, caller: &AccessToken, rows: &Matches<'_>, scope: &Scope) -> bool {
        let counted = caller.scopes().iter().map(String::as_str).filter(|scope| rows.discounting(scope).is_none());
        self.hierarchy.grants(counted, scope)
    }

    /// Those of `needed` that the caller lacks.
    fn missing(&self, caller: &AccessToken, rows: &Matches<'_>, needed: &ScopeSet) -> ScopeSet {
        needed.iter().filter(|scope| !self.has(caller, rows, scope)).cloned().collect()
    }

    /// The alternative with the fewest missing scopes, of those that could be granted under the rows.
    fn cheapest_denial(
        &self,
        caller: &AccessToken,
        rows: &Matches<'_>,
        base: &[Scope],
        rules: &[&Requirement],
    ) -> Denial {
        let mut combined: Vec<ScopeSet> = vec![base.iter().cloned().collect()];
        // Many rules are many resources in one message, and their sets grow: there, the cheapest of each.
        let most = if rules.len() <= MAX_COMBINED { MAX_COMBINATIONS } else { 1 };
        for rule in rules {
            combined = self.combine(caller, rows, combined, rule, most);
        }
        let candidates = combined.into_iter().map(|required| (self.missing(caller, rows, &required), required));
        let grantable = candidates.filter(|(missing, _)| rows.would_count(missing.iter()));
        match (grantable.min_by_key(|(missing, _)| missing.len()), rows.narrowing()) {
            (Some((missing, required)), row) => {
                let ask = self.worth_asking(caller, &required);
                Denial::InsufficientScope { required, missing, ask, row: row.map(|row| row.name.clone()) }
            }
            (None, Some(row)) => Denial::MatrixNarrows { row: row.name.clone() },
            // Without a row that narrows, everything counts, so this is not reached; were it, it denies.
            (None, None) => Denial::Unlisted,
        }
    }

    /// Each of `combined` together with each alternative of `rule`, in the order written.
    fn combine(
        &self,
        caller: &AccessToken,
        rows: &Matches<'_>,
        combined: Vec<ScopeSet>,
        rule: &Requirement,
        most: usize,
    ) -> Vec<ScopeSet> {
        // Of those that could be granted under the rows, if there is one: the kind of denial must not depend on the cut.
        let cost = |scopes: &&ScopeSet| {
            let missing = self.missing(caller, rows, scopes);
            (!rows.would_count(missing.iter()), missing.len())
        };
        let cheapest = || rule.alternatives.iter().min_by_key(cost);
        let alternatives: Vec<&ScopeSet> = if combined.len() * rule.alternatives.len() <= most {
            rule.alternatives.iter().collect()
        } else {
            cheapest().into_iter().collect()
        };
        combined.iter().flat_map(|scopes| alternatives.iter().map(|more| scopes.union(more))).collect()
    }

    /// `required`, and the granted scopes (as issued) that this resource knows, so that a client which replaces its
    /// scopes keeps them.
    fn worth_asking(&self, caller: &AccessToken, required: &ScopeSet) -> ScopeSet {
        let kept = caller.scopes().iter().filter_map(|scope| self.needed_scopes.get(scope.as_str()));
        required.iter().chain(kept).cloned().collect()
    }
}

impl<'p> Found<'p> {
    fn into_rules(self) -> Result<Vec<&'p Requirement>, Denial> {
        match self {
            Self::NearName => Err(Denial::NearName),
            Self::Rules(rules) => Ok(rules),
            Self::Unlisted => Err(Denial::Unlisted),
        }
    }
}

/// Adds those of `more` that are not among `rules` yet.
fn add_once<'p>(rules: &mut Vec<&'p Requirement>, more: Vec<&'p Requirement>) {
    for rule in more {
        if !rules.iter().any(|known| std::ptr::eq(*known, rule)) {
            rules.push(rule);
        }
    }
}
