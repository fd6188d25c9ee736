//! The scope matrix as a table. The policy's own code decides each cell.

mod html;
mod scenario;
mod text;

use serde_json::json;
use toolgate::config::{Config, Resource};
use toolgate::explain::conditions;
use toolgate::pattern::Pattern;
use toolgate::policy::{Denial, Matches, Mode, Occasion, Policy};
use toolgate::reason::Reason;
use toolgate::scope::Scope;
use toolgate::time::UnixTime;

use crate::ask::{Ruling, Target, ask, names};
use crate::likely::did_you_mean;
use crate::output::visible;
use crate::summary::{kinds, listed, rules_for};
pub use html::page;
pub use scenario::Scenario;
use scenario::scenarios;
pub use text::{markdown, terminal};

/// The matrix.
pub struct Table {
    /// The identifier of the resource.
    pub resource: String,
    /// The base scopes.
    pub base_scopes: Vec<String>,
    /// The scopes of its columns.
    pub scopes: Vec<String>,
    /// Further scopes of the policy, which have no effect on any row.
    pub without_effect: Vec<String>,
    /// The scenarios, each a table of its own.
    pub scenarios: Vec<Scenario>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether denials are only recorded.
    pub in_shadow: bool,
}

/// A tool, prompt, resource or method.
pub struct Row {
    /// `tools`, `prompts`, `resources` or `methods`.
    pub kind: &'static str,
    /// The name, or a pattern.
    pub name: String,
    /// A description of its rules' other requirements.
    pub conditions: String,
    /// One element per scenario.
    pub cells: Vec<Cells>,
}

/// The decisions about one row in one scenario.
pub struct Cells {
    /// The effect of each scope, in the order of the table's scopes.
    pub by_scope: Vec<Cell>,
    /// The scopes that a caller with only the base scopes needs.
    pub need: Need,
}

/// The effect of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Denied regardless of scopes.
    Closed,
    /// The scope is sufficient.
    Opens,
    /// The scope is needed together with others.
    Part,
    /// The scope has no effect.
    Useless,
}

/// The scopes that a caller needs in addition to the base scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// No token.
    NoToken,
    /// Any token.
    Nothing,
    /// Any token with the base scopes.
    Base,
    /// A token: the caller has none.
    SignIn,
    /// All scopes of any one of these sets.
    Scopes(Vec<Vec<String>>),
    /// No scope helps, for this reason.
    Closed(Reason),
}

/// Notes about rules for tools that the server does not have.
pub fn unknown_tools(resource: &Resource, tools: &[String]) -> String {
    let rules = resource.policy.tools.names();
    let unknown = rules.filter(|rule| !tools.iter().any(|tool| rule.matches(tool))).map(Pattern::as_str);
    let note = |rule: &str| {
        let likely = did_you_mean(rule, tools.iter().map(String::as_str));
        format!("note: the server has no tool `{}`{}\n", visible(rule), visible(&likely))
    };
    let mut unknown: Vec<_> = unknown.collect();
    unknown.sort_unstable();
    unknown.into_iter().map(note).collect()
}

/// The matrix of `resource`, with the server's tools or the rules' names and patterns.
pub fn build(config: &Config, resource: &Resource, tools: Option<Vec<String>>) -> Table {
    let policy = &resource.policy;
    let base: Vec<String> = policy.base_scopes.iter().map(ToString::to_string).collect();
    let named = policy.named_scopes();
    let mut scopes: Vec<String> = named.iter().map(Scope::to_string).filter(|scope| !base.contains(scope)).collect();
    let scenarios = scenarios(config, resource);
    let mut rows = Vec::new();
    for (kind, rules) in kinds(policy) {
        let listed = || listed(rules).into_iter().map(str::to_owned).collect();
        let names: Vec<String> = tools.clone().filter(|_| kind == "tools").unwrap_or_else(listed);
        for name in names {
            let target = Target::of_kind(kind, name.clone());
            let cells = scenarios.iter().map(|own| cells(config, resource, own, &base, &scopes, &target)).collect();
            let conditions = rules_for(policy, &target).iter().map(|rule| conditions(rule)).collect::<String>();
            let conditions = conditions.trim_start_matches(", ").replace('`', "");
            rows.push(Row { kind, name, conditions, cells });
        }
    }
    let without_effect = without_columns(&mut rows, &mut scopes);
    Table {
        resource: resource.identifier.as_str().to_owned(),
        base_scopes: base,
        scopes,
        without_effect,
        scenarios,
        rows,
        in_shadow: policy.mode == Mode::Shadow,
    }
}

/// Removes the columns of scopes that have no effect, and returns these.
fn without_columns(rows: &mut [Row], scopes: &mut Vec<String>) -> Vec<String> {
    let all = || rows.iter().flat_map(|row| &row.cells);
    let effect = |n: usize| {
        all().any(|cells| cells.by_scope.get(n).is_some_and(|cell| *cell != Cell::Useless && *cell != Cell::Closed))
    };
    let kept: Vec<bool> = (0..scopes.len()).map(effect).collect();
    let keep = |n: usize| kept.get(n).copied().unwrap_or(true);
    for cells in rows.iter_mut().flat_map(|row| &mut row.cells) {
        let own = cells.by_scope.iter().enumerate().filter(|(n, _)| keep(*n));
        cells.by_scope = own.map(|(_, cell)| *cell).collect();
    }
    let (own, others): (Vec<_>, Vec<_>) = std::mem::take(scopes).into_iter().enumerate().partition(|(n, _)| keep(*n));
    let names = |all: Vec<(usize, String)>| all.into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    *scopes = names(own);
    names(others)
}

fn cells(
    config: &Config,
    resource: &Resource,
    scenario: &Scenario,
    base: &[String],
    scopes: &[String],
    target: &Target,
) -> Cells {
    let with = |more: Option<&String>| {
        let granted = base.iter().chain(more).cloned().collect();
        ask(config, resource, &scenario.caller(granted), target, &Occasion::at(UnixTime::default()))
    };
    let without = with(None);
    let cell = |scope: &String| {
        let ruling = with(Some(scope));
        match &ruling.denial {
            _ if opens(&ruling) && opens(&without) => Cell::Useless,
            _ if opens(&ruling) => Cell::Opens,
            Some(Denial::InsufficientScope { .. }) if helps(resource, scenario, scope, target) => Cell::Part,
            Some(Denial::InsufficientScope { .. } | Denial::NoToken { .. }) => Cell::Useless,
            _ => Cell::Closed,
        }
    };
    Cells { by_scope: scopes.iter().map(cell).collect(), need: need(resource, scenario, &without, target) }
}

/// Whether the scopes are sufficient. Authentication is a separate requirement.
fn opens(ruling: &Ruling) -> bool {
    matches!(ruling.reason, Reason::Allowed | Reason::Public)
        || matches!(ruling.denial, Some(Denial::Authentication(_)))
}

/// Whether an alternative of the rules requires `scope` or a scope that it implies, and the scenario counts it.
fn helps(resource: &Resource, scenario: &Scenario, scope: &str, target: &Target) -> bool {
    let policy = &resource.policy;
    let counts = Matches::new(&policy.matrix, &scenario.caller(Vec::new()), |_| true).discounting(scope).is_none();
    let rules = rules_for(policy, target);
    let mut needed = rules.iter().flat_map(|rule| rule.alternatives.iter().flatten());
    let implied = policy.hierarchy.implied_by(|own| own.as_str() == scope);
    counts && needed.any(|needed| needed.as_str() == scope || implied.contains(needed.as_str()))
}

/// Whether the rules for `target` need no token.
fn is_public(policy: &Policy, target: &Target) -> bool {
    let rules = rules_for(policy, target);
    !rules.is_empty() && rules.iter().all(|rule| rule.public)
}

fn need(resource: &Resource, scenario: &Scenario, ruling: &Ruling, target: &Target) -> Need {
    let policy = &resource.policy;
    match &ruling.denial {
        Some(Denial::InsufficientScope { .. }) => {
            let caller = scenario.caller(Vec::new());
            let matches = Matches::new(&policy.matrix, &caller, |_| true);
            match rules_for(policy, target).as_slice() {
                // For a single rule, all alternatives that the scenario leaves open.
                [rule] => {
                    let open = rule.alternatives.iter().filter(|scopes| matches.would_count(scopes.iter()));
                    Need::Scopes(open.map(names).collect())
                }
                _ => Need::Scopes(vec![ruling.missing()]),
            }
        }
        Some(Denial::NoToken { .. }) => Need::SignIn,
        _ if opens(ruling) && is_public(policy, target) => Need::NoToken,
        _ if opens(ruling) && !policy.base_scopes.is_empty() && !scenario.is_anonymous() => Need::Base,
        _ if opens(ruling) => Need::Nothing,
        _ => Need::Closed(ruling.reason),
    }
}

impl Cell {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "no",
            Self::Opens => "yes",
            Self::Part => "part",
            Self::Useless => ".",
        }
    }
}

impl Cells {
    /// The words for the scopes in tables.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        let all = match self.need {
            Need::Nothing => Some("any"),
            Need::Base => Some("base"),
            Need::NoToken => Some("open"),
            _ => None,
        };
        self.by_scope.iter().map(move |cell| all.unwrap_or(cell.word()))
    }
}

impl Need {
    /// As text.
    pub fn words(&self) -> String {
        match self {
            Self::NoToken => "no token".to_owned(),
            Self::Nothing => "any token".to_owned(),
            Self::Base => "base scopes".to_owned(),
            Self::SignIn => "a token".to_owned(),
            Self::Scopes(sets) => sets.iter().map(|scopes| scopes.join(" + ")).collect::<Vec<_>>().join(" or "),
            Self::Closed(reason) => format!("no: {reason}"),
        }
    }
}

/// As JSON, for programs.
pub fn as_json(table: &Table) -> String {
    let row = |row: &Row| {
        let one = |(scenario, cells): (&Scenario, &Cells)| {
            let scopes = table.scopes.iter().zip(&cells.by_scope);
            let scopes: serde_json::Map<_, _> =
                scopes.map(|(scope, cell)| (scope.clone(), json!(cell.word()))).collect();
            json!({"scenario": scenario.name, "needs": cells.need.words(), "scopes": scopes})
        };
        let scenarios: Vec<_> = table.scenarios.iter().zip(&row.cells).map(one).collect();
        json!({"kind": row.kind, "name": row.name, "conditions": row.conditions, "scenarios": scenarios})
    };
    let rows: Vec<_> = table.rows.iter().map(row).collect();
    format!("{:#}\n", json!({"resource": table.resource, "base_scopes": table.base_scopes, "rows": rows}))
}
