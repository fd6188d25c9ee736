//! The rules that apply to an access.

use super::rules::{Found, RuleSet, Rules};
use super::{Denial, Mode, Policy, Requirement};
use crate::mcp;
use crate::mcp::{Access, Part};

impl Policy {
    /// Whether a rule or scenario with this mode is enforced. Without its own mode, the policy's mode applies.
    pub(super) fn enforces(&self, mode: Option<Mode>) -> bool {
        mode.unwrap_or(self.mode) == Mode::Enforce
    }

    /// The rules for `access`, without duplicates. All of them must be satisfied.
    pub(super) fn rules_for<'p>(&'p self, access: &Access<'_>) -> Result<Rules<'p>, Denial> {
        let mut rules = Rules::none();
        for part in access.parts() {
            match self.find(part) {
                Found::NearName => return Err(Denial::NearName),
                Found::Rules(found) => rules.add_once(found),
                Found::Unlisted => return Err(Denial::Unlisted),
            }
        }
        Ok(rules)
    }

    /// Whether public rules open all parts of `access`, or it has none and some rule is public. A name that only
    /// `unlisted` lets through needs a token.
    pub(super) fn is_public(&self, access: &Access<'_>) -> bool {
        let is_open = |part| {
            let (set, name) = self.set_of(part);
            let found = match part {
                Part::Method(_) => self.find(part),
                _ => set.find_listed(name, matches!(part, Part::Template(_))),
            };
            matches!(found, Found::Rules(rules) if !rules.is_empty() && rules.iter().all(|rule| rule.public))
        };
        self.has_public_rules && access.parts().all(is_open)
    }

    /// Like [`Self::rules_for`], with enforcing rules only. Shadow rules neither deny nor allow anything. In a shadow
    /// policy, an unlisted name is denied only if a careless server would take it for the subject of an enforcing rule.
    pub(super) fn enforced_rules<'p>(&'p self, access: &Access<'_>) -> Result<Rules<'p>, Denial> {
        let counts = |rule: &Requirement| self.enforces(rule.mode);
        let mut rules = Rules::none();
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
            rules.add_once(self.counted_rules(part, counts));
        }
        Ok(rules)
    }

    /// All rules for `access`, without duplicates, and those of the names that it resembles, because a careless server
    /// would use these. Unlisted names and near names are not denied.
    pub(super) fn unguarded_rules<'p>(&'p self, access: &Access<'_>) -> Rules<'p> {
        let mut rules = Rules::none();
        for part in access.parts() {
            rules.add_once(self.counted_rules(part, |_| true));
            rules.add_once(Rules::Many(self.near_rules(part, |_| true)));
        }
        rules
    }

    /// The rule set in which a part is looked up, and the part's name in it.
    pub(crate) fn set_of<'a>(&self, part: Part<'a>) -> (&RuleSet, &'a str) {
        match part {
            Part::Method(name) => (&self.methods, name),
            Part::Prompt(name) => (&self.prompts, name),
            Part::Resource(name) | Part::Template(name) => (&self.resources, name),
            Part::Tool(name) => (&self.tools, name),
        }
    }

    #[inline]
    pub(super) fn find(&self, part: Part<'_>) -> Found<'_> {
        let (set, name) = self.set_of(part);
        match part {
            // A careless server would run the method that it resembles, which is decided by its target or has its list
            // filtered.
            Part::Method(name) if mcp::looks_known(name) => Found::NearName,
            Part::Template(template) => set.find_template(template),
            _ => set.find(name),
        }
    }

    /// The rules for `part` that satisfy `counts`, as if there were no others.
    pub(super) fn counted_rules(&self, part: Part<'_>, counts: impl Fn(&Requirement) -> bool) -> Rules<'_> {
        match (part, self.set_of(part)) {
            (Part::Template(template), (set, _)) => set.find_template_counted(template, counts),
            (_, (set, name)) => set.find_counted(name, counts),
        }
    }

    /// The rules that satisfy `counts` of the names that a careless server would take `part` for.
    pub(super) fn near_rules(&self, part: Part<'_>, counts: impl Fn(&Requirement) -> bool) -> Vec<&Requirement> {
        match (part, self.set_of(part)) {
            (Part::Method(name), _) if mcp::looks_known(name) => {
                let sets = [&self.tools, &self.prompts, &self.resources, &self.methods];
                sets.into_iter().flat_map(RuleSet::rules).filter(|rule| counts(rule)).collect()
            }
            (_, (set, name)) => set.near_rules(name, counts),
        }
    }
}
