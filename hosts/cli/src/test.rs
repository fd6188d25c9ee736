//! `toolgate test`: unit tests of a policy.

mod junit;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::json;
use toolgate::bearer::NoCredentials;
use toolgate::caller;
use toolgate::config::{Config, Resource};
use toolgate::policy::{Arguments, Occasion, Standing};
use toolgate::reason::Reason;
use toolgate::token::{AccessToken, Assumed, acting};

use crate::ask::{Ruling, Target, ask, resource};
use crate::likely::{closest, did_you_mean};
use crate::output::{Report, Trouble, bad, columns, counted, faint, good, moment, read_text};
use crate::source::ConfigArgument;
use crate::summary::{kinds, listed};

/// Tests a policy with a list of cases
#[derive(Args)]
#[command(after_help = "\
A file of cases:
  callers:
    alice: {subject: alice, client: claude-desktop, scopes: [weather:read]}
  cases:
    - {as: alice, tool: get_forecast, expect: allow}
    - {as: alice, tool: set_alert, expect: deny, reason: insufficient_scope, missing: [weather:write]}
    - {as: anonymous, tool: help, expect: allow, reason: public}

Examples:
  toolgate test toolgate.yaml cases.yaml
  toolgate test envoy.yaml cases.yaml --junit report.xml")]
pub struct Test {
    #[command(flatten)]
    config: ConfigArgument,
    /// The cases, in YAML or JSON
    cases: PathBuf,
    /// Only print failed cases and the count
    #[arg(long, short)]
    quiet: bool,
    /// Also write a JUnit report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

/// A file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    /// The resource of cases that name none. Required if there are several resources.
    at: Option<String>,
    /// The time of all cases, for rules with `max_auth_age`. By default now.
    time: Option<String>,
    #[serde(default)]
    callers: BTreeMap<String, Caller>,
    cases: Vec<Case>,
}

/// The name of the caller without credentials, unless `callers` defines it.
const ANONYMOUS: &str = "anonymous";

/// A caller with a token. The token lacks members that are not given.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Caller {
    subject: Option<String>,
    client: Option<String>,
    /// Who acts for the subject.
    actor: Option<String>,
    /// The issuer's name or identifier. By default the first issuer of the resource.
    issuer: Option<String>,
    #[serde(default)]
    scopes: Names,
    #[serde(default)]
    claims: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: Option<String>,
    at: Option<String>,
    r#as: Who,
    tool: Option<String>,
    prompt: Option<String>,
    resource: Option<String>,
    method: Option<String>,
    /// The arguments of a call.
    arguments: Option<serde_json::Value>,
    expect: Expect,
    reason: Option<String>,
    row: Option<String>,
    missing: Option<Names>,
    ask: Option<Names>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Who {
    Named(String),
    Given(Box<Caller>),
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Expect {
    Allow,
    Deny,
    ShadowDeny,
}

impl Expect {
    fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::ShadowDeny => "shadow_deny",
        }
    }
}

/// A list, or a space-separated string as in tokens.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "NamesForm")]
struct Names(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum NamesForm {
    List(Vec<String>),
    Text(String),
}

impl From<NamesForm> for Names {
    fn from(form: NamesForm) -> Self {
        Self(match form {
            NamesForm::List(names) => names,
            NamesForm::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
        })
    }
}

/// A case with its result.
struct Outcome {
    name: String,
    who: String,
    target: Target,
    ruling: Ruling,
    /// Differences from the expected result. Empty if the case passed.
    differences: Vec<String>,
}

impl Test {
    pub fn run(self) -> Result<Report, Trouble> {
        let config = self.config.load()?;
        let trouble = |message: String| Trouble(format!("{}: {message}", self.cases.display()));
        let suite: Suite =
            serde_norway::from_str(&read_text(&self.cases)?).map_err(|fault| trouble(fault.to_string()))?;
        if suite.cases.is_empty() {
            return Err(trouble("there is no case".to_owned()));
        }
        let cases = suite.cases.iter().enumerate();
        let run = |(n, case)| run(&config, &suite, case).map_err(|fault| trouble(format!("case {}: {fault}", n + 1)));
        let outcomes: Vec<Outcome> = cases.map(run).collect::<Result<_, _>>()?;
        if let Some(path) = &self.junit {
            let written = std::fs::write(path, junit::report(&outcomes));
            written.map_err(|error| Trouble(format!("{}: {error}", path.display())))?;
        }
        let is_well = outcomes.iter().all(|outcome| outcome.differences.is_empty());
        let text = if self.json { as_json(&outcomes) } else { table(&outcomes, self.quiet) };
        Ok(Report { text, notes: String::new(), is_well })
    }
}

fn run(config: &Config, suite: &Suite, case: &Case) -> Result<Outcome, Trouble> {
    let resource = resource(config, case.at.as_deref().or(suite.at.as_deref()))?;
    let (who, caller) = match &case.r#as {
        Who::Given(caller) => {
            (caller.subject.clone().unwrap_or_else(|| "(given)".to_owned()), caller.signed_in(config, resource)?)
        }
        Who::Named(name) => match suite.callers.get(name) {
            Some(caller) => (name.clone(), caller.signed_in(config, resource)?),
            None if name == ANONYMOUS => (name.clone(), caller::Caller::Anonymous(NoCredentials::assumed())),
            None => {
                let likely = did_you_mean(name, suite.callers.keys().map(String::as_str));
                return Err(Trouble(format!("no caller is named `{name}`{likely}")));
            }
        },
    };
    let target = target(case)?;
    let arguments = case.arguments.as_ref().map(|arguments| arguments.to_string().into_bytes());
    let now = moment(suite.time.as_deref()).map_err(|fault| Trouble(format!("time: {fault}")))?;
    let occasion = Occasion { now, arguments: Arguments::Given(arguments.as_deref()), standing: Standing::Approved };
    let ruling = ask(config, resource, &caller, &target, &occasion);
    let (kind, name) = target.words();
    let default_name = || format!("{who}, {kind} {name}: {}", case.expect.word());
    Ok(Outcome {
        name: case.name.clone().unwrap_or_else(default_name),
        who,
        differences: differences(resource, case, &target, &ruling),
        target,
        ruling,
    })
}

fn target(case: &Case) -> Result<Target, Trouble> {
    let given = [
        case.tool.clone().map(Target::Tool),
        case.prompt.clone().map(Target::Prompt),
        case.resource.clone().map(Target::Resource),
        case.method.clone().map(Target::Method),
    ];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(target), None) => Ok(target),
        _ => Err(Trouble("needs one of `tool`, `prompt`, `resource` and `method`".to_owned())),
    }
}

impl Caller {
    fn signed_in(&self, config: &Config, resource: &Resource) -> Result<caller::Caller, Trouble> {
        let trusted = || resource.issuers.iter().filter_map(|place| config.issuers.get(*place));
        let issuer = match &self.issuer {
            None => trusted().next(),
            Some(own) => trusted().find(|issuer| issuer.name == *own || issuer.identifier == *own),
        };
        let issuer = issuer.ok_or_else(|| {
            let own = self.issuer.as_deref().unwrap_or_default();
            let likely = did_you_mean(own, trusted().map(|issuer| issuer.name.as_str()));
            Trouble(format!("no issuer of the resource is named `{own}`{likely}"))
        })?;
        let claims = self.claims.iter().map(|(name, value)| {
            let node = serde_json::from_value(value.clone());
            node.map(|node| (name.clone(), node)).map_err(|error| Trouble(error.to_string()))
        });
        let actor = self.actor.iter().map(|actor| Ok(acting(actor)));
        let assumed = Assumed {
            issuer: issuer.identifier.clone(),
            issuer_name: issuer.name.clone(),
            subject: self.subject.clone(),
            client: self.client.clone(),
            scopes: self.scopes.0.clone(),
            claims: claims.chain(actor).collect::<Result<_, _>>()?,
        };
        Ok(AccessToken::assumed_by(&issuer.rules, assumed).into())
    }
}

fn differences(resource: &Resource, case: &Case, target: &Target, ruling: &Ruling) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, expected: &str, got: &str| {
        if expected != got {
            found.push(format!("{what}: expected {expected}, got {got}"));
        }
    };
    compare("decision", case.expect.word(), ruling.decision.as_str());
    if let Some(reason) = &case.reason {
        compare("reason", reason, ruling.reason.as_str());
    }
    if let Some(row) = &case.row {
        let own = ruling.denial.as_ref().and_then(|denial| denial.scenario());
        compare("row", row, own.unwrap_or("none"));
    }
    for (what, expected, got) in [("missing", &case.missing, ruling.missing()), ("ask", &case.ask, ruling.ask())] {
        if let Some(Names(expected)) = expected {
            let mut expected = expected.clone();
            expected.sort();
            compare(what, &format!("[{}]", expected.join(", ")), &format!("[{}]", got.join(", ")));
        }
    }
    if !found.is_empty() && ruling.reason == Reason::Unlisted {
        let (kind, name) = target.words();
        let rules = kinds(&resource.policy).into_iter().find(|(own, _)| own.strip_suffix('s') == Some(kind));
        let known = rules.map(|(_, rules)| listed(rules)).unwrap_or_default();
        found.extend(closest(name, known).map(|own| format!("no rule lists `{name}`; did you mean `{own}`?")));
    }
    found
}

fn table(outcomes: &[Outcome], quiet: bool) -> String {
    let failed = |outcome: &&Outcome| !outcome.differences.is_empty();
    let shown: Vec<_> = outcomes.iter().filter(|outcome| !quiet || failed(outcome)).collect();
    let cells = |outcome: &&Outcome| {
        let (kind, name) = outcome.target.words();
        let word = if failed(outcome) { "FAIL" } else { "ok" };
        let decided = format!("{} ({})", outcome.ruling.decision.as_str(), outcome.ruling.reason);
        vec![word.to_owned(), outcome.who.clone(), format!("{kind} {name}"), decided]
    };
    let rows: Vec<_> = shown.iter().map(cells).collect();
    let colour = |row: usize, column: usize, cell: &str| match column {
        0 if shown.get(row).is_some_and(failed) => bad(cell),
        0 => good(cell),
        _ => cell.to_owned(),
    };
    let lines = columns(&rows, colour);
    let mut text = String::new();
    for (line, outcome) in lines.lines().zip(&shown) {
        let _ = writeln!(text, "{line}");
        for difference in &outcome.differences {
            let _ = writeln!(text, "      {} {difference}", faint(&format!("{}:", outcome.name)));
        }
    }
    let failures = outcomes.iter().filter(failed).count();
    let summary = format!("{}, {failures} failed", counted(outcomes.len(), "case"));
    let _ = writeln!(text, "{}", if failures == 0 { good(&summary) } else { bad(&summary) });
    text
}

fn as_json(outcomes: &[Outcome]) -> String {
    let one = |outcome: &Outcome| {
        let (kind, name) = outcome.target.words();
        json!({
            "name": outcome.name, "as": outcome.who, kind: name, "passed": outcome.differences.is_empty(),
            "ruling": outcome.ruling.json(), "differences": outcome.differences,
        })
    };
    format!("{:#}\n", json!({ "cases": outcomes.iter().map(one).collect::<Vec<_>>() }))
}
