//! Mistakes in names, and the forms of help and of the matrix.

use serde_json::json;

use crate::commands::{configuration, place};
use crate::support::tokens::{AUDIENCE, ISSUER};

#[test]
fn help_is_wrapped_once() {
    let place = place("wrapped");
    // At 60 columns every paragraph is wrapped, and no line ends before its last word that fits.
    for command in ["", "check", "explain", "test", "matrix", "replay", "init", "manifest", "diff", "schema"] {
        let help = place.run_in(&format!("{command} --help"), &[("COLUMNS", "60")]).well();
        let lines: Vec<_> = help.lines().collect();
        for pair in lines.windows(2) {
            let [line, next] = pair else { continue };
            let is_prose = |text: &str| !text.is_empty() && !text.starts_with(' ') && !text.ends_with(':');
            if is_prose(line) && is_prose(next) && !line.ends_with('.') {
                let word = next.split(' ').next().unwrap();
                assert!(line.chars().count() + 1 + word.chars().count() > 60, "{command}: `{line}` / `{next}`");
            }
        }
    }
}

#[test]
fn names_that_do_not_exist_are_answered_with_those_that_are_meant() {
    let place = place("likely");
    let faulty = json!({
        "issuers": [{"issuer": ISSUER, "name": "main", "jwks": {"uri": format!("{ISSUER}/jwks"), "cluster": "auth"}, "leeway": 30}],
        "resources": [{"resource": AUDIENCE, "issuers": ["mian"], "policy": {"tols": {}, "tools": {"read": {"scope": ["a"]}}}}],
        "hold_request_header": true,
    });
    place.file("faulty.json", faulty.to_string());
    place.file("cases.yaml", "callers: {alice: {scopes: [a:read]}}\ncases: [{as: alise, tool: read, expect: allow}]\n");
    place.file("tool.yaml", "cases: [{as: {scopes: [a:read]}, tool: raed, expect: allow}]\n");
    place.file("issuer.yaml", "cases: [{as: {issuer: mian}, tool: read, expect: allow}]\n");
    place.file("tools.json", json!({"tools": [{"name": "reads"}, {"name": "write"}]}).to_string());
    place.file("manifest.json", place.run("manifest tools.json").well());
    for (command, said) in [
        ("check faulty.json", "resources[0].policy.tols: unknown field; did you mean `tools`?"),
        ("check faulty.json", "resources[0].policy.tools.read.scope: unknown field; did you mean `scopes`?"),
        ("check faulty.json", "hold_request_header: unknown field; did you mean `hold_request_headers`?"),
        ("check faulty.json", "no issuer is named `mian`; did you mean `main`?"),
        ("check faulty.json", "issuers[0].leeway: must be a duration with its unit, such as `30s`"),
        ("test toolgate.json cases.yaml", "no caller is named `alise`; did you mean `alice`?"),
        ("test toolgate.json tool.yaml", "no rule lists `raed`; did you mean `read`?"),
        ("test toolgate.json issuer.yaml", "no issuer of the resource is named `mian`; did you mean `main`?"),
        ("matrix toolgate.json --tools tools.json", "the server has no tool `read`; did you mean `reads`?"),
        ("matrix toolgate.json --resource https://mcp.example.com/mpc", "did you mean `https://mcp.example.com/mcp`?"),
        ("explain toolgate.json --request call.json --keys mian=none", "no issuer is named `mian`"),
        ("diff tools.json manifest.json", "tools.json: is a response to `tools/list`, not a manifest"),
        ("diff manifest.json manifest.json", "manifest.json: is a manifest, not a server's response"),
    ] {
        let ran = place.run(command);
        assert!(ran.out.contains(said) || ran.err.contains(said), "{command}: {ran:?}");
    }
}

#[test]
fn a_scope_that_resembles_another_is_a_warning() {
    let place = place("misspelled");
    let warnings = |other: &str| {
        let tools = json!({"read": {"scopes": ["weather:read"]}, "write": {"scopes": [other]}});
        place.file("toolgate.json", configuration(json!({ "tools": tools })));
        place.run("check --json toolgate.json").json()["configurations"][0]["warnings"].as_array().unwrap().len()
    };
    for (other, count) in [("weather:raed", 1), ("Weather:read", 1), ("weather:write", 0), ("weather:read", 0)] {
        assert_eq!(warnings(other), count, "{other}");
    }
}

#[test]
fn a_matrix_names_the_base_scopes_and_leaves_out_columns_without_effect() {
    let place = place("columns");
    let tools = json!({"about": {"scopes": []}, "set": {"scopes": ["a:write"]}});
    let policy = json!({"tools": tools, "base_scopes": ["a:base"], "hierarchy": {"a:all": ["a:none"]}});
    place.file("toolgate.json", configuration(policy));
    let terminal = place.run("matrix toolgate.json").well();
    let expected = "\
https://mcp.example.com/mcp
always required: a:base

every caller
       a:write  needs
about  base     base scopes
set    yes      a:write

no effect on these: a:all, a:none
";
    assert_eq!(terminal, expected);
    let markdown = place.run("matrix toolgate.json --format markdown").well();
    assert!(
        markdown.contains("| | `a:write` | needs |\n|---|---|---|\n| `about` | base | base scopes |\n"),
        "{markdown}"
    );
    let page = place.run("matrix toolgate.json --format html").well();
    assert!(page.contains("2 names, 1 scope, 1 scenario."), "{page}");
    // Without any scope there is still what a caller needs.
    place.file("toolgate.json", configuration(json!({"tools": {"about": {"scopes": []}}})));
    assert!(place.run("matrix toolgate.json").well().contains("       needs\nabout  any token\n"));
}
