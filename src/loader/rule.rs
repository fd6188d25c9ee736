//! One rule of a policy: scopes, and conditions on the call and the caller.

use super::fields::{At, Fields, Findings, Zero, join};
use crate::node::Node;
use crate::pattern::Pattern;
use crate::policy::{ArgumentTest, Authentication, Condition, Mode, Requirement};
use crate::scope::ScopeSet;

/// The modes of a policy, a rule or a scenario.
pub(super) const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];

/// The largest number. Beyond it, a double cannot represent every integer.
const MAX_NUMBER: f64 = 9_007_199_254_740_991.0;
/// The fault of a field that a public rule must not have.
const NEEDS_TOKEN: &str = "needs a token, and `public: true` needs none: remove one of the two";
/// The maximum depth of an argument. Each call walks every level.
const MAX_STEPS: usize = 16;

/// Reads a rule. `for_tools` allows conditions on arguments. `scopes` is one alternative, `any_of` several. If both are
/// given, a caller needs all of `scopes` and one of `any_of`. `public` needs no token, so nothing may depend on one.
pub fn read(at: &At<'_>, for_tools: bool, found: &mut Findings) -> Option<Requirement> {
    let mut fields = at.fields(found)?;
    let public = fields.take("public").and_then(|at| at.flag(found)).unwrap_or(false);
    if public {
        check_public(&mut fields, found);
    }
    let scopes = fields.take("scopes").map(|at| scope_set(&at, Zero::Allow, found));
    let any_of =
        fields.take("any_of").map(|at| at.list(Zero::Refuse, found, |at, found| scope_set(&at, Zero::Refuse, found)));
    let arguments = read_arguments(&mut fields, for_tools, public, found);
    let authentication = read_authentication(&mut fields, found);
    let fresh = fields.take("fresh").and_then(|at| at.duration(Zero::Allow, found));
    let mode = fields.take("mode").and_then(|at| at.choice(&MODES, found));
    fields.finish(found);
    let alternatives = match (scopes, any_of) {
        (None, None) if public => vec![ScopeSet::new()],
        (None, None) => return found.fault(&at.path, "needs `scopes` or `any_of`, or `public: true` to need no token"),
        (Some(all), None) => vec![all?],
        (None, Some(any)) => any?,
        (Some(all), Some(any)) => {
            let all = all?;
            any?.into_iter().map(|one| one.union(&all)).collect()
        }
    };
    Some(Requirement { alternatives, public, arguments, authentication, fresh, mode })
}

/// Records what a public rule must not have, because only a token could satisfy it.
fn check_public(fields: &mut Fields<'_>, found: &mut Findings) {
    for name in ["scopes", "any_of", "acr", "max_auth_age", "fresh"] {
        if let Some(at) = fields.take(name) {
            found.fault::<()>(&at.path, NEEDS_TOKEN);
        }
    }
}

/// Reads an array of scopes.
pub(super) fn scope_set(at: &At<'_>, empty: Zero, found: &mut Findings) -> Option<ScopeSet> {
    Some(at.list(empty, found, |at, found| at.scope(found))?.into_iter().collect())
}

fn read_arguments(fields: &mut Fields<'_>, for_tools: bool, public: bool, found: &mut Findings) -> Vec<ArgumentTest> {
    let Some(at) = fields.take("arguments") else { return Vec::new() };
    if !for_tools {
        return found.fault(&at.path, "only rules of `tools` may have conditions on arguments").unwrap_or_default();
    }
    let Some(entries) = at.entries(found) else { return Vec::new() };
    if entries.is_empty() {
        found.fault::<()>(&at.path, "may not be empty");
    }
    let test = |(pointer, at): (&str, At<'_>)| {
        let path = self::pointer(pointer, &at, found);
        let condition = read_condition(&at, found);
        if public && matches!(condition, Some(Condition::Claim(_))) {
            found.fault::<()>(&join(&at.path, "claim"), NEEDS_TOKEN);
        }
        Some(ArgumentTest { path: path?, condition: condition? })
    };
    entries.into_iter().filter_map(test).collect()
}

/// Reads a JSON Pointer into `params.arguments`.
pub(super) fn pointer(text: &str, at: &At<'_>, found: &mut Findings) -> Option<Vec<String>> {
    let path = read_pointer(text);
    if path.is_none() {
        found.fault::<()>(&at.path, "must be a JSON pointer such as `/amount`, of at most 16 steps");
    }
    path
}

/// Parses a JSON Pointer (RFC 6901 section 3).
fn read_pointer(text: &str) -> Option<Vec<String>> {
    let steps: Vec<_> = text.strip_prefix('/')?.split('/').collect();
    let legal = |step: &&str| !step.replace("~0", "").replace("~1", "").contains('~');
    (steps.len() <= MAX_STEPS && steps.iter().all(legal))
        .then(|| steps.iter().map(|step| step.replace("~1", "/").replace("~0", "~")).collect())
}

/// Exactly one of `equals`, `in`, `pattern`, `max`, `claim`.
fn read_condition(at: &At<'_>, found: &mut Findings) -> Option<Condition> {
    let mut fields = at.fields(found)?;
    let equals = fields.take("equals").map(|at| scalar(&at, found).map(Condition::Equals));
    let one_of =
        fields.take("in").map(|at| at.list(Zero::Refuse, found, |at, found| scalar(&at, found)).map(Condition::In));
    let pattern = fields.take("pattern").map(|at| at.text(found).map(|text| Condition::Pattern(Pattern::new(text))));
    let max = fields.take("max").map(|at| number(&at, found).map(Condition::Max));
    let claim = fields.take("claim").map(|at| at.text(found).map(|path| Condition::Claim(path.to_owned())));
    fields.finish(found);
    let mut given = [equals, one_of, pattern, max, claim].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(condition), None) => condition,
        _ => found.fault(&at.path, "needs exactly one of `equals`, `in`, `pattern`, `max`, `claim`"),
    }
}

fn scalar(at: &At<'_>, found: &mut Findings) -> Option<Node> {
    match at.node {
        Node::List(_) | Node::Object(_) => found.fault(&at.path, "expected a string, a number, a boolean or null"),
        Node::Number(_) => number(at, found).map(|_| at.node.clone()),
        other => Some(other.clone()),
    }
}

fn number(at: &At<'_>, found: &mut Findings) -> Option<f64> {
    match at.node {
        Node::Number(n) if n.as_f64().abs() <= MAX_NUMBER => Some(n.as_f64()),
        Node::Number(_) => found.fault(&at.path, "is too large to be represented exactly"),
        _ => found.fault(&at.path, format!("expected a number, got {}", at.node.type_name())),
    }
}

/// RFC 9470 section 3: the values of `acr_values` are space-separated, in a quoted string.
fn read_authentication(fields: &mut Fields<'_>, found: &mut Findings) -> Authentication {
    let levels = fields.take("acr").and_then(|at| match at.node {
        Node::Text(_) => level(&at, found).map(|level| vec![level]),
        _ => at.list(Zero::Refuse, found, |at, found| level(&at, found)),
    });
    let max_age = fields.take("max_auth_age").and_then(|at| at.duration(Zero::Allow, found));
    if max_age.is_some_and(|age| age.subsec_millis() > 0) {
        found.fault::<()>(&join(&fields.path, "max_auth_age"), "must be whole seconds");
    }
    Authentication { levels: levels.unwrap_or_default(), max_age }
}

fn level(at: &At<'_>, found: &mut Findings) -> Option<String> {
    let text = at.text(found)?;
    let legal = text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
    if legal { Some(text.to_owned()) } else { found.fault(&at.path, "must not contain spaces or quotes") }
}
