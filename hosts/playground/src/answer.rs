//! All answers about one case.

use serde_json::{Value, json};
use toolgate::config::Config;
use toolgate_report::check::Checked;
use toolgate_report::explain::Hints;
use toolgate_report::listed::listed;
use toolgate_report::matrix::{Table, build, terminal, unknown_tools};
use toolgate_report::output::{Trouble, printable};
use toolgate_report::source::Found;

use crate::case::{CONFIG, Case};
use crate::way;

/// The most bytes of a configuration, and of any other text. The page is one thread, and stands still while it is answered.
/// Each rule of a configuration is compared with others; lists of a megabyte are the largest that the gate trims.
const MOST_CONFIG: usize = 250_000;
const MOST_TEXT: usize = 1_000_000;
/// The most cells of a matrix. Each is several decisions.
const MOST_CELLS: usize = 20_000;

/// The fields of the page with what an explanation may lack.
const FIELDS: Hints = Hints { keys: "`Key set of the issuer`", introspection: "`Introspection response`" };

/// Everything that the tools say of a case.
pub fn answer(case: Case) -> Value {
    if let Some(trouble) = too_large(&case) {
        return failed(&trouble);
    }
    let found = match case.found() {
        Ok(found) => found,
        Err(trouble) => return json!({"check": failed(&trouble)}),
    };
    let chosen = case.plugin.max(1).min(found.len());
    match found.get(chosen - 1) {
        Some(one) => with(&case, one, found.len()),
        None => json!({"check": {"error": "there is no plugin configuration"}}),
    }
}

fn too_large(case: &Case) -> Option<Trouble> {
    let config = ("the configuration", case.config.len(), MOST_CONFIG);
    let others = case.others().map(|(name, text)| (name, text.len(), MOST_TEXT));
    let (name, bytes, most) = std::iter::once(config).chain(others).find(|(_, bytes, most)| bytes > most)?;
    Some(Trouble(format!("{name} has {bytes} bytes, and this page takes {most}: use the command line")))
}

fn with(case: &Case, found: &Found, configurations: usize) -> Value {
    // No variable is set in a page.
    let parsed = found.parse(&|_| None);
    let files = [CONFIG.to_owned()];
    let checked = Checked { files: &files, found, parsed: &parsed };
    let check = joined(checked.json(), [("text", printable(&checked.words(false)).into())]);
    let answers = json!({"configurations": configurations, "check": check});
    let Some(config) = &parsed.config else { return answers };
    let or_error = |answer: Result<Value, Trouble>| answer.unwrap_or_else(|trouble| failed(&trouble));
    joined(
        answers,
        [
            ("resources", config.resources.iter().map(|own| own.identifier.as_str()).collect()),
            ("issuers", config.issuers.iter().map(|own| own.name.as_str()).collect()),
            ("explain", or_error(explain(case, config))),
            ("matrix", or_error(matrix(case, config))),
            ("list", or_error(list(case, config))),
        ],
    )
}

/// An object with more members.
fn joined<const N: usize>(mut object: Value, members: [(&str, Value); N]) -> Value {
    if let Value::Object(own) = &mut object {
        own.extend(members.map(|(name, value)| (name.to_owned(), value)));
    }
    object
}

fn failed(trouble: &Trouble) -> Value {
    json!({ "error": trouble.to_string() })
}

fn explain(case: &Case, config: &Config) -> Result<Value, Trouble> {
    let explained = case.question(config)?.explain();
    let text = printable(&explained.words(&FIELDS)).into();
    let way = json!(way::of(&explained));
    Ok(joined(explained.json(&FIELDS), [("text", text), ("goes_on", explained.is_well().into()), ("way", way)]))
}

fn list(case: &Case, config: &Config) -> Result<Value, Trouble> {
    let Some(tools) = case.tools()? else { return Ok(Value::Null) };
    let listed = listed(&case.question(config)?, &tools);
    Ok(joined(listed.json(), [("text", printable(&listed.words()).into())]))
}

fn matrix(case: &Case, config: &Config) -> Result<Value, Trouble> {
    let resource = case.shown(config)?;
    let names: Option<Vec<String>> = case.tools()?.map(|tools| tools.names().into_iter().map(str::to_owned).collect());
    let policy = &resource.policy;
    let rules = [&policy.tools, &policy.prompts, &policy.resources, &policy.methods].map(|rules| rules.names().count());
    let rows = rules.iter().sum::<usize>() + names.as_ref().map_or(0, Vec::len);
    let cells = rows.saturating_mul(policy.named_scopes().len() + 1).saturating_mul(policy.matrix.len() + 2);
    if cells > MOST_CELLS {
        return Err(Trouble(format!("a matrix of {cells} cells is too large for this page: use `toolgate matrix`")));
    }
    let notes = names.as_ref().map(|names| unknown_tools(resource, names)).unwrap_or_default();
    let table = build(config, resource, names);
    if table.rows.is_empty() {
        return Err(Trouble("the policy has no rule, so there is nothing to show".to_owned()));
    }
    let texts = [("text", printable(&terminal(&table)).into()), ("notes", printable(&notes).into())];
    Ok(joined(cells_of(&table), texts))
}

/// The words of the matrix, by scenario.
fn cells_of(table: &Table) -> Value {
    let scenarios = table.scenarios.iter().enumerate().map(|(n, scenario)| {
        let rows = table.rows.iter().filter_map(|row| {
            let cells = row.cells.get(n)?;
            let words: Vec<_> = cells.words().collect();
            Some(json!({"kind": row.kind, "name": row.name, "cells": words, "needs": cells.need.words(), "conditions": row.conditions}))
        });
        json!({"name": scenario.name, "about": scenario.about, "rows": rows.collect::<Vec<_>>()})
    });
    json!({
        "resource": table.resource, "base_scopes": table.base_scopes, "scopes": table.scopes,
        "without_effect": table.without_effect, "in_shadow": table.in_shadow, "scenarios": scenarios.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_an_error() {
        let of = |case: Case| answer(case).to_string();
        let large = Case { config: "x".repeat(MOST_CONFIG + 1), ..Case::default() };
        assert!(of(large).contains("the configuration has 250001 bytes"));
        let large = Case { tools: "x".repeat(MOST_TEXT + 1), ..Case::default() };
        assert!(of(large).contains("the list of tools has 1000001 bytes"));
        let rules: Vec<_> = (0..200).map(|n| format!("t{n}: {{scopes: [s:{n}]}}")).collect();
        let config = format!(
            "issuers: [{{issuer: https://a, jwks: {{uri: https://a/k, cluster: a}}}}]\n\
             resources: [{{resource: https://m/mcp, policy: {{tools: {{{}}}}}}}]",
            rules.join(", ")
        );
        assert!(of(Case { config, ..Case::default() }).contains("too large for this page"));
    }

    #[test]
    fn a_hint_names_a_field_of_the_page_and_no_option() {
        let config = |issuer: &str| {
            format!(
                "issuers: [{{issuer: https://a, {issuer}}}]\n\
                 resources: [{{resource: https://m/mcp, policy: {{tools: {{a: {{scopes: [b]}}}}}}}}]"
            )
        };
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
        // Of the issuer https://a, for https://m/mcp, until 2000.
        let token = "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwczovL2EiLCJhdWQiOiJodHRwczovL20vbWNwIiwiZXhwIjoyMDAwLCJzY29wZSI6InJlYWQifQ.c2lnbmF0dXJl";
        for (issuer, token, expected) in [
            (
                "jwks: {uri: https://a/k, cluster: a}",
                token,
                "the issuer's keys are not here (see `Key set of the issuer`)",
            ),
            ("introspection: {uri: https://a/i, cluster: a}", "opaque", "see `Introspection response`"),
        ] {
            let (config, request, now) = (config(issuer), request.to_owned(), "1000".to_owned());
            let told = answer(Case { config, request, token: token.to_owned(), now, ..Case::default() })["explain"]
                .to_string();
            assert!(told.contains(expected) && !told.contains("--"), "{told}");
        }
    }

    #[test]
    fn a_case_without_a_part_says_which() {
        let config = "issuers: [{issuer: https://a, jwks: {uri: https://a/k, cluster: a}}]\nresources: [{resource: https://m/mcp, policy: {tools: {a: {scopes: [b]}}}}]";
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        for (case, place, said) in [
            (Case::default(), "/check/error", "there is no configuration yet"),
            (Case { config: config.into(), ..Case::default() }, "/explain/error", "there is no request yet"),
            (
                Case { config: config.into(), request: request.into(), ..Case::default() },
                "/explain/error",
                "there is no time yet",
            ),
            (
                Case { config: config.into(), request: request.into(), now: "soon".into(), ..Case::default() },
                "/explain/error",
                "neither RFC 3339 nor seconds",
            ),
            (
                Case {
                    config: config.into(),
                    request: request.into(),
                    now: "1".into(),
                    keys: "{}".into(),
                    ..Case::default()
                },
                "/explain/error",
                "the keys: not a key set",
            ),
            (
                Case { config: config.into(), tools: "{}".into(), ..Case::default() },
                "/list/error",
                "tools.json: it contains no `tools`",
            ),
            (Case { config: "a: [".into(), ..Case::default() }, "/check/error", "toolgate.yaml:2: not YAML"),
        ] {
            let answers = answer(case);
            let text = answers.pointer(place).and_then(Value::as_str).unwrap_or_default();
            assert!(text.contains(said), "{answers:#}");
        }
    }
}
