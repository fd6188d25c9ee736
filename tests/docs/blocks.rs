//! Every fenced block says what it is, and is held to it.
//!
//! | info string | held to |
//! |---|---|
//! | `yaml` | a configuration, a part of a policy, or cases for `toolgate test`: accepted without a warning |
//! | `yaml resource` | a part of a resource, likewise |
//! | `yaml envoy` | YAML of Envoy or of another program: can be parsed |
//! | `json` | can be parsed |
//! | `console` | the command line's tests run it and compare the output |
//! | `sh` | a test runs it, see [`RUN`], or it consists of targets of the Makefile |
//! | `sh not-run` | commands that no test runs |
//! | `text`, `http` | shown, not run |

use serde_json::{Value, json};
use toolgate::config::Config;

use crate::pages::{Block, Page, all, page, root};

/// Pages with commands, and the test that runs them, which names the page.
const RUN: [(&str, &str); 9] = [
    ("README.md", "tests/envoy/front_door.rs"),
    ("docs/envoy.md", "tests/envoy/front_door.rs"),
    ("docs/your-server.md", "tests/envoy/front_door.rs"),
    ("docs/istio.md", "tests/mesh/mesh.rs"),
    ("docs/envoy-gateway.md", "tests/mesh/mesh.rs"),
    ("docs/packages.md", "tests/mesh/mesh.rs"),
    ("examples/README.md", "hosts/cli/tests/cli/examples.rs"),
    ("docs/cli.md", "hosts/cli/tests/cli/newcomer.rs"),
    ("docs/providers/keycloak.md", "tests/interop/parts.mjs"),
];
/// The fields of a policy: a block with these alone is a part of one.
const POLICY: [&str; 11] = [
    "base_scopes",
    "hierarchy",
    "tools",
    "prompts",
    "resources",
    "methods",
    "unlisted",
    "lists",
    "matrix",
    "revoked",
    "mode",
];

fn faults(config: &Value) -> Vec<String> {
    // Every variable of a secret is set, and long enough.
    match Config::parse(config.to_string().as_bytes(), &|_| Some("s".repeat(32))) {
        Ok(config) => config.warnings.iter().map(|warning| format!("{warning:?}")).collect(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

/// A whole configuration, whose tokens can also be introspected.
fn whole() -> Value {
    json!({
        "issuers": [{
            "issuer": "https://auth.example.com", "jwks": {"discover": true, "cluster": "auth"},
            "introspection": {"uri": "https://auth.example.com/introspect", "cluster": "auth"},
        }],
        "resources": [{
            "resource": "https://mcp.example.com/mcp",
            "policy": {"tools": {"get_forecast": {"scopes": ["weather:read"]}, "get_help": {"public": true}}},
            "sessions": {"bind": true, "secret_env": "SECRET"},
        }],
    })
}

/// The configuration of which a page shows a part.
fn completed(block: &Block, shown: Value) -> Option<Value> {
    let Value::Object(members) = &shown else { return None };
    let has = |name: &str| members.contains_key(name);
    let mut config = whole();
    if block.has("resource") {
        config["resources"][0].as_object_mut().unwrap().extend(members.clone());
    } else if has("issuers") {
        // A page may show the issuers alone.
        let resources = std::mem::take(&mut config["resources"]);
        config = shown.clone();
        if !has("resources") {
            config["resources"] = resources;
            config["resources"][0]["scopes_supported"] = json!(["openid"]);
            let scopes = |scope: &str| json!({"scopes": [scope]});
            config["resources"][0]["policy"]["tools"] =
                json!({"get_forecast": scopes("weather:read"), "set_alert": scopes("weather:admin")});
        }
    } else if members.keys().all(|name| POLICY.contains(&name.as_str())) {
        config["resources"][0]["policy"] = shown;
    } else {
        return None;
    }
    Some(config)
}

/// The fault of a block; none if it is as it says.
fn fault(own: &Page, block: &Block) -> Option<String> {
    let text = &block.text;
    match block.language() {
        "yaml" => match serde_norway::from_str::<Value>(text) {
            Err(fault) => Some(fault.to_string()),
            Ok(_) if block.has("envoy") => None,
            Ok(Value::Null) => None,
            // The command line's tests run these.
            Ok(shown) if shown.get("cases").is_some() => None,
            Ok(shown) => match completed(block, shown) {
                Some(config) => Some(faults(&config)).filter(|faults| !faults.is_empty()).map(|all| all.join("; ")),
                None => Some("neither a configuration nor a part of one: is it `yaml envoy`?".to_owned()),
            },
        },
        "json" => serde_json::from_str::<Value>(text).err().map(|fault| fault.to_string()),
        "sh" if block.has("not-run") => None,
        "sh" => unrun(own, text),
        "console" | "text" | "http" => None,
        _ => Some("the fence says none of yaml, json, console, sh, text and http".to_owned()),
    }
}

/// The reason why no test runs these commands.
fn unrun(own: &Page, commands: &str) -> Option<String> {
    if let Some((_, test)) = RUN.iter().find(|(page, _)| *page == own.path) {
        let names = page(test).text.contains(&own.path);
        return (!names).then(|| format!("{test} does not name the page"));
    }
    let makefile = page("Makefile").text;
    let is_target = |line: &&str| {
        let target = line.strip_prefix("make ").and_then(|rest| rest.split(' ').next());
        target.is_some_and(|target| makefile.contains(&format!("\n{target}:")))
    };
    let other = commands.lines().find(|line| !line.is_empty() && !is_target(line))?;
    Some(format!("no test runs `{other}`: if that is so, say `sh not-run`"))
}

#[test]
fn every_block_is_what_its_fence_says() {
    let (mut found, mut counts) = (Vec::new(), std::collections::BTreeMap::<String, usize>::new());
    for own in all() {
        for block in own.blocks() {
            *counts.entry(block.info.clone()).or_default() += 1;
            let fault = fault(&own, &block);
            found.extend(fault.map(|fault| format!("{}:{}: {fault}", own.path, block.line)));
        }
    }
    println!("{counts:?}");
    assert!(found.is_empty(), "{found:#?}");
    assert!(counts["yaml"] > 15 && counts["sh"] > 5, "{counts:?}");
}

/// The pages whose `console` blocks the command line's tests run.
const CONSOLE: &str = "hosts/cli/tests/cli/docs.rs";

/// The commands of a block: one for each line that begins one.
fn commands(block: &Block) -> usize {
    let begins = |line: &&str| match block.language() {
        "console" => line.starts_with("$ "),
        _ => !line.is_empty() && !line.starts_with([' ', '#']),
    };
    block.text.lines().filter(begins).count()
}

/// `cargo test --test docs list -- --nocapture`: the pages with commands, and what runs them.
#[test]
fn list_of_the_pages_whose_commands_are_run() {
    let (mut rows, mut run, mut not_run) = (Vec::new(), 0, 0);
    for own in all() {
        let (mut tests, mut ran, mut left) = (Vec::new(), 0, 0);
        for block in own.blocks() {
            match block.language() {
                "sh" if block.has("not-run") => left += commands(&block),
                "sh" => {
                    let test =
                        RUN.iter().find(|(page, _)| *page == own.path).map_or("targets of the Makefile", |row| row.1);
                    tests.push(test);
                    ran += commands(&block);
                }
                "console" => {
                    assert!(page(CONSOLE).text.contains(&own.path), "{CONSOLE} does not name {}", own.path);
                    tests.push(CONSOLE);
                    ran += commands(&block);
                }
                _ => {}
            }
        }
        tests.dedup();
        if ran + left > 0 {
            rows.push(format!("| {} | {ran} | {} | {left} |", own.path, tests.join(", ")));
        }
        (run, not_run) = (run + ran, not_run + left);
    }
    println!("| page | commands run | by | not run |\n|---|---|---|---|\n{}", rows.join("\n"));
    println!("{} pages with commands: {run} are run, {not_run} are not", rows.len());
    assert!(rows.len() > 15 && run > 50 && not_run < run, "{run} are run, {not_run} are not");
}

#[test]
fn every_page_of_the_table_exists() {
    for (own, test) in RUN {
        assert!(root().join(own).exists() && root().join(test).exists(), "{own}, {test}");
    }
}
