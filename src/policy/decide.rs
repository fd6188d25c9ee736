//! The decision, with its reasons.

use std::time::Duration;

use super::rules::{Found, Requirement, RuleSet};
use super::{Arguments, Counted, Denial, Mode, Occasion, Outcome, Permit, Policy, Row, Standing, Verdict};
use crate::mcp;
use crate::mcp::{Access, Part};
use crate::scope::{Scope, ScopeSet};
use crate::token::AccessToken;

/// Alternatives of rules that must all be satisfied are combined up to this many sets; beyond it each further rule adds
/// its cheapest alternative only. It bounds what a denial costs, never what is allowed.
const MAX_COMBINATIONS: usize = 32;
/// With more rules than this, none is combined.
const MAX_COMBINED: usize = 8;

/// What is asked for, and when.
#[derive(Clone, Copy)]
struct Asked<'a> {
    access: &'a Access<'a>,
    occasion: &'a Occasion<'a>,
}

/// The rules that count: all, or those that are carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    All,
    Enforced,
    /// All rules, as if names had no near names: a name that is closed on trial only is decided like any other.
    Unguarded,
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

/// What a policy decides for one caller: which rows of the matrix are about the caller, and which scopes count, is
/// found once.
#[derive(Debug)]
pub struct Decider<'a> {
    policy: &'a Policy,
    counted: Counted<'a>,
    /// By the rows that are carried out, where not all that is about the caller is.
    enforced: Option<Counted<'a>>,
}

impl<'a> Decider<'a> {
    /// The policy that decides.
    pub fn policy(&self) -> &'a Policy {
        self.policy
    }

    /// Decides whether the caller may have `access`. Pure: the same arguments, the same verdict.
    pub fn decide(&self, access: &Access<'_>, occasion: &Occasion<'_>) -> Verdict {
        let mut verdict = self.rule(access, occasion);
        if let Some(Denial::InsufficientScope { required, ask, .. }) = verdict.denial_mut() {
            *ask = self.policy.worth_asking(self.counted.caller(), required);
        }
        verdict
    }

    /// The outcome alone of [`Self::decide`], which is quicker where nobody asks why.
    pub fn outcome(&self, access: &Access<'_>, occasion: &Occasion<'_>) -> Outcome {
        if self.policy.closed || self.enforced.is_some() {
            return self.rule(access, occasion).outcome();
        }
        match self.policy.check(Asked { access, occasion }, &self.counted, Counting::All) {
            Ok(()) => Outcome::Allow,
            Err(_) => Outcome::Deny,
        }
    }

    /// Whether another token of the caller would open what is denied.
    pub fn is_step_up(&self, access: &Access<'_>, occasion: &Occasion<'_>) -> bool {
        self.rule(access, occasion).denial().is_some_and(Denial::is_step_up)
    }

    /// The verdict, without the scopes that are worth asking for: to put those together for each entry of a list costs
    /// as much as the policy has scopes.
    fn rule(&self, access: &Access<'_>, occasion: &Occasion<'_>) -> Verdict {
        let policy = self.policy;
        if policy.closed {
            // Whatever its mode was: that went with it.
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
    /// Decides whether `caller` may have `access`. Pure: the same arguments, the same verdict.
    pub fn decide(&self, caller: &AccessToken, access: &Access<'_>, occasion: &Occasion<'_>) -> Verdict {
        self.for_caller(caller).decide(access, occasion)
    }

    /// What it decides for `caller`, where that is asked more than once.
    pub fn for_caller<'a>(&'a self, caller: &'a AccessToken) -> Decider<'a> {
        let counted = Counted::new(self, caller, |_| true);
        let enforces = |row: &Row| self.enforces(row.mode);
        let enforces_all = self.enforces(None) && !self.has_shadow_rules && counted.rows().all(enforces);
        let enforced = (!enforces_all).then(|| Counted::new(self, caller, enforces));
        Decider { policy: self, counted, enforced }
    }

    /// How recent the issuer's word on the caller's token must be for `access`: the strictest of its rules, in shadow
    /// mode too, since tokens are refused there as ever. Nothing where the issuer cannot be asked: that was denied.
    pub fn freshness(&self, caller: &AccessToken, access: &Access<'_>) -> Option<Duration> {
        if !self.has_fresh_rules || self.is_unasked(caller) {
            return None;
        }
        let mut rules = Vec::new();
        for part in access.parts() {
            match self.find(part) {
                Found::Rules(found) => rules.extend(found),
                // It is denied.
                _ if self.enforces(None) && !self.has_shadow_rules => {}
                // On trial it may go on, and a careless server would take it for what it looks like.
                Found::NearName | Found::Unlisted => {
                    rules.extend(self.near_rules(part, |_| true));
                    rules.extend(self.counted_rules(part, |_| true));
                }
            }
            // A rule on trial may stand before the one that is carried out, and must not make it less strict.
            if self.has_shadow_rules {
                rules.extend(self.counted_rules(part, |rule| self.enforces(rule.mode)));
            }
        }
        rules.iter().filter_map(|rule| rule.fresh).min()
    }

    /// Whether `access` needs more than any valid token.
    pub fn is_restricted(&self, access: &Access<'_>) -> bool {
        let is_open = |part| match self.find(part) {
            Found::Rules(rules) => rules.into_iter().all(Requirement::is_any_token),
            Found::NearName | Found::Unlisted => false,
        };
        !self.base_scopes.is_empty() || !access.parts().all(is_open)
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
    fn enforced(&self, asked: Asked<'_>, counted: &Counted<'_>) -> Option<Denial> {
        if let Err(denial) = self.judge(asked, counted, Counting::Enforced) {
            return Some(denial);
        }
        // All that is left is what rows take away.
        if counted.rows().is_empty() {
            return None;
        }
        // Nor may arguments that a rule in shadow mode refuses hide what a row takes away.
        let asked = Asked { occasion: &Occasion::at(asked.occasion.now), ..asked };
        let Err(denial) = self.judge(asked, counted, Counting::All) else { return None };
        // A careless server would take it for a call of a tool, perhaps of one that a row denies.
        let is_near_method = denial == Denial::NearName && matches!(asked.access, Access::Method(_));
        if denial.is_by_row() || (is_near_method && counted.rows().denies_tools()) {
            return Some(denial);
        }
        if denial == Denial::NearName
            && let Err(narrowed) = self.judge(asked, counted, Counting::Unguarded)
            && narrowed.is_by_row()
        {
            return Some(narrowed);
        }
        // What no rule lists needs the base scopes all the same, and those a row may take away.
        let open = Asked { access: &Access::Open, ..asked };
        self.judge(open, counted, Counting::All).err().filter(Denial::is_by_row)
    }

    /// Decides under the given rows, as if they were enforced, and with all rules or those that are.
    fn judge(&self, asked: Asked<'_>, counted: &Counted<'_>, counting: Counting) -> Result<(), Denial> {
        self.check(asked, counted, counting).map_err(|cause| match cause {
            Cause::Known(denial) => denial,
            Cause::Scopes { base, rules } => cheapest_denial(counted, base, &rules),
        })
    }

    /// As [`Self::judge`]. What is denied whatever the token comes first, since a step-up would be asked for in vain; a
    /// sign-in is asked for last, since only who may have the scopes needs it.
    fn check(&self, asked: Asked<'_>, counted: &Counted<'_>, counting: Counting) -> Result<(), Cause<'_>> {
        let (Asked { access, occasion }, caller) = (asked, counted.caller());
        if let Access::Tool(name) = access
            && let Some(denial) = counted.rows().denial(name, &self.tools)
        {
            return Err(denial.into());
        }
        let is_whole = counting != Counting::Enforced || self.enforces(None);
        let rules = match counting {
            Counting::All => self.rules_for(access)?,
            Counting::Enforced => self.enforced_rules(access)?,
            Counting::Unguarded => self.unguarded_rules(access),
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
        let has = |scope: &Scope| counted.has(scope);
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
        let mut rules = Vec::new();
        for part in access.parts() {
            match self.find(part) {
                Found::NearName => return Err(Denial::NearName),
                Found::Rules(found) => add_once(&mut rules, found),
                Found::Unlisted => return Err(Denial::Unlisted),
            }
        }
        Ok(rules)
    }

    /// As [`Self::rules_for`], by the rules that are carried out, as if there were no others: a rule on trial neither
    /// closes nor opens anything. In a policy in shadow mode, what is listed nowhere is closed only if a careless server
    /// would take it for what an enforcing rule is about.
    fn enforced_rules(&self, access: &Access<'_>) -> Result<Vec<&Requirement>, Denial> {
        let counts = |rule: &Requirement| self.enforces(rule.mode);
        let mut rules = Vec::new();
        for part in access.parts() {
            let (set, name) = self.set_of(part);
            if self.enforces(None) {
                if self.find(part) == Found::Unlisted {
                    return Err(Denial::Unlisted);
                }
                if set.is_near_guarded(name) || matches!(part, Part::Method(name) if mcp::looks_known(name)) {
                    return Err(Denial::NearName);
                }
            }
            if !self.near_rules(part, counts).is_empty() {
                return Err(Denial::NearName);
            }
            add_once(&mut rules, self.counted_rules(part, counts));
        }
        Ok(rules)
    }

    /// All rules for `access`, each once, as if nothing were closed for being listed nowhere or for its near names.
    fn unguarded_rules(&self, access: &Access<'_>) -> Vec<&Requirement> {
        let mut rules = Vec::new();
        access.parts().for_each(|part| add_once(&mut rules, self.counted_rules(part, |_| true)));
        rules
    }

    /// The rules that a part is looked up in, and its name there.
    pub(crate) fn set_of<'a>(&self, part: Part<'a>) -> (&RuleSet, &'a str) {
        match part {
            Part::Method(name) => (&self.methods, name),
            Part::Prompt(name) => (&self.prompts, name),
            Part::Resource(name) | Part::Template(name) => (&self.resources, name),
            Part::Tool(name) => (&self.tools, name),
        }
    }

    fn find(&self, part: Part<'_>) -> Found<'_> {
        let (set, name) = self.set_of(part);
        match part {
            // A careless server would run the method that is decided by its name or uri, or is trimmed.
            Part::Method(name) if mcp::looks_known(name) => Found::NearName,
            Part::Template(template) => set.find_template(template),
            _ => set.find(name),
        }
    }

    /// The rules for `part` of those that `counts` lets count, as if there were no others.
    fn counted_rules(&self, part: Part<'_>, counts: impl Fn(&Requirement) -> bool) -> Vec<&Requirement> {
        match (part, self.set_of(part)) {
            (Part::Template(template), (set, _)) => set.find_template_counted(template, counts),
            (_, (set, name)) => set.find_counted(name, counts),
        }
    }

    /// The rules, of those that `counts` lets count, of what a careless server would take `part` for.
    fn near_rules(&self, part: Part<'_>, counts: impl Fn(&Requirement) -> bool) -> Vec<&Requirement> {
        match (part, self.set_of(part)) {
            (Part::Method(name), _) if mcp::looks_known(name) => {
                let sets = [&self.tools, &self.prompts, &self.resources, &self.methods];
                sets.into_iter().flat_map(RuleSet::rules).filter(|rule| counts(rule)).collect()
            }
            (_, (set, name)) => set.near_rules(name, counts),
        }
    }

    /// `required`, and the granted scopes (as issued) that this resource knows, so that a client which replaces its
    /// scopes keeps them.
    fn worth_asking(&self, caller: &AccessToken, required: &ScopeSet) -> ScopeSet {
        let kept = self.needed_scopes.iter().filter(|scope| caller.has_scope(scope.as_str()));
        required.iter().chain(kept).cloned().collect()
    }
}

/// The alternative with the fewest missing scopes, of those that could be granted under the rows.
fn cheapest_denial(counted: &Counted<'_>, base: &[Scope], rules: &[&Requirement]) -> Denial {
    let mut combined: Vec<ScopeSet> = vec![base.iter().cloned().collect()];
    // Many rules are many resources in one message, and their sets grow: there, the cheapest of each.
    let most = if rules.len() <= MAX_COMBINED { MAX_COMBINATIONS } else { 1 };
    for rule in rules {
        combined = combine(counted, combined, rule, most);
    }
    let rows = counted.rows();
    let candidates = combined.into_iter().map(|required| (counted.missing(&required), required));
    let grantable = candidates.filter(|(missing, _)| rows.would_count(missing.iter()));
    match (grantable.min_by_key(|(missing, _)| missing.len()), rows.narrowing()) {
        (Some((missing, required)), row) => {
            let row = row.map(|row| row.name.clone());
            Denial::InsufficientScope { required, missing, ask: ScopeSet::new(), row }
        }
        (None, Some(row)) => Denial::MatrixNarrows { row: row.name.clone() },
        // Without a row that narrows, everything counts, so this is not reached; were it, it denies.
        (None, None) => Denial::Unlisted,
    }
}

/// Each of `combined` together with each alternative of `rule`, in the order written.
fn combine(counted: &Counted<'_>, combined: Vec<ScopeSet>, rule: &Requirement, most: usize) -> Vec<ScopeSet> {
    // Of those that could be granted under the rows, if there is one: the kind of denial must not depend on the cut.
    let cost = |scopes: &&ScopeSet| {
        let missing = counted.missing(scopes);
        (!counted.rows().would_count(missing.iter()), missing.len())
    };
    let cheapest = || rule.alternatives.iter().min_by_key(cost);
    let alternatives: Vec<&ScopeSet> = if combined.len() * rule.alternatives.len() <= most {
        rule.alternatives.iter().collect()
    } else {
        cheapest().into_iter().collect()
    };
    combined.iter().flat_map(|scopes| alternatives.iter().map(|more| scopes.union(more))).collect()
}

/// Adds those of `more` that are not among `rules` yet.
fn add_once<'p>(rules: &mut Vec<&'p Requirement>, more: Vec<&'p Requirement>) {
    // A template may reach every rule, each once.
    if rules.is_empty() {
        *rules = more;
        return;
    }
    for rule in more {
        if !rules.iter().any(|known| std::ptr::eq(*known, rule)) {
            rules.push(rule);
        }
    }
}
