//! The dashboard and the alerts on a real Envoy: every metric that they name is in its scrape, under each of the names that
//! it may have, and a real Prometheus answers every query (`make dashboard`).

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::weather::{policy, token};
use crate::support::answer::Answer;
use crate::support::at_root;
use crate::support::client::{Client, Request};
use crate::support::envoy::Envoy;
use crate::support::gate::{Gate, Mode, configuration};
use crate::support::keys::Key;
use crate::support::native;
use crate::support::process::{Process, Scratch, free_addresses};
use crate::support::tokens::Token;
use crate::support::{wait_for, wait_until};

const ALERTS: &str = "envoy/alerts.yaml";
/// Series, and the alerts that must fire for them.
const TESTS: [&str; 2] = ["tests/alerts/alerts_test.yaml", "tests/alerts/weeks_test.yaml"];

/// A query of a panel.
struct Query {
    panel: String,
    expression: String,
    legend: String,
}

/// The queries that go to Prometheus.
fn queries() -> Vec<Query> {
    let dashboard: Value = serde_json::from_str(include_str!("../../envoy/grafana-dashboard.json")).unwrap();
    let mut all = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let text = |own: &Value| own.as_str().unwrap_or_default().to_owned();
        let is_row = panel["type"] == "row";
        assert!(is_row || text(&panel["description"]).len() > 40, "{}: says what it shows", panel["title"]);
        for target in panel["targets"].as_array().into_iter().flatten() {
            if target["datasource"]["type"] == "prometheus" {
                let (expression, legend) = (text(&target["expr"]), text(&target["legendFormat"]));
                all.push(Query { panel: text(&panel["title"]), expression, legend });
            }
        }
    }
    assert!(all.len() >= 20, "{} queries", all.len());
    all
}

/// The expressions of the rules.
fn rules() -> Vec<String> {
    let rules: Value = serde_norway::from_str(&std::fs::read_to_string(at_root(ALERTS)).unwrap()).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    rules.iter().map(|rule| rule["expr"].as_str().unwrap().to_owned()).collect()
}

/// The metrics that an expression names, without what stands for their prefix and their outcome.
fn metrics(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let prefix = "(envoy_dynamicmodulescustom_)?toolgate_";
    for part in expression.replace(prefix, "toolgate_").split("toolgate_").skip(1) {
        let things = match part.strip_prefix('(') {
            Some(group) => group.split(')').next().unwrap().split('|').collect(),
            None => vec![part.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).next().unwrap()],
        };
        found.extend(things.into_iter().map(|thing| format!("toolgate_{}", thing.trim_end_matches('_'))));
    }
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let own =
        words.filter(|word| word.starts_with("envoy_") && !word.ends_with('_') && !word.starts_with("envoy_dynamic"));
    // Labels of Envoy's have the prefix too.
    found.extend(own.filter(|word| !word.ends_with("_name") && !word.ends_with("_class")).map(str::to_owned));
    found
}

#[test]
fn metrics_are_found_in_expressions() {
    let found = metrics(
        r#"label_replace({__name__=~"(envoy_dynamicmodulescustom_)?toolgate_(jwks|key_set_age)(_.+)?"}, "a", "$2", "__name__", "toolgate_events_(.+)") and envoy_server_uptime"#,
    );
    assert_eq!(found, ["toolgate_jwks", "toolgate_key_set_age", "toolgate_events", "envoy_server_uptime"]);
}

/// A configuration that counts everything, soon and again and again.
fn busy() -> Value {
    let mut configuration = configuration(&policy());
    let resource = "https://mcp.example.com/mcp";
    configuration["issuers"][0]["jwks"]["max_age"] = json!("3s");
    configuration["issuers"][0]["validation"] = json!("jwt_or_introspection");
    configuration["issuers"][0]["introspection"] =
        json!({"uri": "https://auth.example.com/introspect", "cluster": "auth", "timeout": "200ms"});
    configuration["issuers"].as_array_mut().unwrap().push(json!({
        "issuer": "https://down.example.com", "name": "down",
        "jwks": {"uri": "https://down.example.com/jwks", "cluster": "mcp_server", "cooldown": "1s"},
    }));
    configuration["audit"] = json!({"sink": {"uri": "https://audit.example.com/", "cluster": "auth"}});
    let own = &mut configuration["resources"][0];
    own["resource"] = json!(resource);
    own["policy"]["tools"]["trial"] = json!({"scopes": ["x"], "mode": "shadow"});
    own["manifest"] = json!({"tools": {}});
    own["publish"] = json!({"uri": "https://plane.example.com/tools", "cluster": "auth"});
    let mut remote = own.clone();
    let members = remote.as_object_mut().unwrap();
    for member in ["policy", "publish", "manifest"] {
        members.remove(member);
    }
    members.insert("resource".to_owned(), json!("https://remote.example.com/mcp"));
    members.insert(
        "policy_source".to_owned(),
        json!({"uri": "https://plane.example.com/policy", "cluster": "auth", "interval": "1s", "timeout": "200ms"}),
    );
    configuration["resources"].as_array_mut().unwrap().push(remote);
    configuration
}

/// One request for each kind of outcome.
fn traffic(gate: &Gate, client: &Client, round: usize) {
    let tools = json!([{"name": "echo"}, {"name": "delete_city"}, {"name": format!("new_{round}")}]);
    let list =
        gate.upstream.scenario(move |_| Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}})));
    let token = token("weather:read");
    let call = |tool: &str| Request::call(tool).bearer(&token);
    let down = Token::new().issuer("https://down.example.com").sign(&Key::rsa_a());
    let remote = Token::new().audience("https://remote.example.com/mcp").sign(&Key::rsa_a());
    for request in [
        call("get_forecast"),
        call("set_alert"),
        call("trial"),
        Request::call("echo"),
        Request::call("echo").bearer("opaque"),
        Request::call("echo").bearer(&down),
        Request::call("echo").host("remote.example.com").bearer(&remote),
        Request::new("PUT", "/mcp").bearer(&token),
        Request::rpc("tools/list", json!({})).bearer(&token).scenario(&list),
    ] {
        client.send(&request);
    }
}

/// Without what turns names into labels, or removes their prefix.
fn bare(gate_mode: Mode, configuration: &Value) -> Gate {
    Gate::start_changed(gate_mode, configuration, |setup| {
        setup.edit(|bootstrap| {
            bootstrap.as_object_mut().unwrap().remove("stats_config");
            bootstrap["layered_runtime"] = json!({});
        })
    })
}

fn scrape(envoy: &Envoy) -> String {
    envoy.admin().get("/stats/prometheus").text()
}

#[test]
fn every_metric_of_the_dashboard_and_of_the_alerts_is_in_a_scrape() {
    let expressions = queries().into_iter().map(|query| query.expression).chain(rules());
    let named: BTreeSet<String> = expressions.flat_map(|own| metrics(&own)).collect();
    assert!(named.len() >= 14, "{named:?}");
    // The native module has no virtual machine to restart.
    let named = named.into_iter().filter(|name| !(native::is_it() && name.contains("_vm_")));
    let named: Vec<_> = named.map(|name| name.replace("envoy_wasm_", "envoy_wasm_toolgate_vm_reload")).collect();
    let gates = [Gate::start(Mode::Held, &busy()), bare(Mode::Held, &busy())];
    for (gate, (prefix, end)) in
        gates.iter().zip([("", " "), if native::is_it() { ("envoy_dynamicmodulescustom_", " ") } else { ("", "_") }])
    {
        traffic(gate, &gate.envoy.client(), 0);
        let mut missing = Vec::new();
        wait_until(&format!("every metric: {named:?}"), || {
            let scraped = scrape(&gate.envoy);
            let is_there = |name: &&String| match name.strip_prefix("toolgate_") {
                Some(_) => scraped.contains(&format!("# TYPE {prefix}{name}{end}")),
                None => scraped.contains(&**name),
            };
            missing = named.iter().filter(|name| !is_there(name)).cloned().collect();
            missing.is_empty()
        });
    }
}

/// The folder of `prometheus` and `promtool`: `TOOLGATE_PROMETHEUS`, or one of the PATH.
fn prometheus() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let named = env::var_os("TOOLGATE_PROMETHEUS").map(PathBuf::from);
    let mut folders = named.into_iter().chain(env::split_paths(&path));
    let found = folders.find(|folder| folder.join("prometheus").is_file() && folder.join("promtool").is_file());
    if found.is_none() {
        println!("SKIPPED, nothing was tested: there is no prometheus with promtool; `make dashboard` gets them");
    }
    found
}

#[test]
fn promtool_finds_no_fault_in_the_alerts_and_their_tests_pass() {
    let Some(folder) = prometheus() else { return };
    for arguments in [["check", "rules", ALERTS], ["test", "rules", TESTS[0]], ["test", "rules", TESTS[1]]] {
        let ran = Command::new(folder.join("promtool")).args(arguments).current_dir(at_root("")).output().unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success() && told.contains("SUCCESS"), "{arguments:?}: {told}");
        println!("{told}");
    }
}

#[test]
fn the_dashboard_is_what_its_panels_make() {
    let ran = Command::new("node").args(["tools/dashboard/dashboard.mjs", "--check"]).current_dir(at_root("")).output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn each_alert_has_a_test_with_series_and_a_row_in_the_documentation() {
    let alerts: Value = serde_norway::from_str(&std::fs::read_to_string(at_root(ALERTS)).unwrap()).unwrap();
    let tests = TESTS.map(|path| std::fs::read_to_string(at_root(path)).unwrap()).concat();
    let names: Vec<_> =
        alerts["groups"][0]["rules"].as_array().unwrap().iter().filter_map(|own| own["alert"].as_str()).collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in &names {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name}");
    }
    let page = std::fs::read_to_string(at_root("docs/monitoring.md")).unwrap();
    let rows: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| `Toolgate")?.split('`').next()).collect();
    assert_eq!(rows, names.iter().map(|name| &name["Toolgate".len()..]).collect::<Vec<_>>());
}

/// A Prometheus that scrapes these Envoys each second, with the alerts.
struct Prometheus {
    _process: Process,
    client: Client,
}

impl Prometheus {
    fn start(folder: &std::path::Path, gates: &[Gate]) -> Self {
        let scratch = Scratch::new();
        let targets: Vec<_> = gates.iter().map(|gate| gate.envoy.admin().address().to_string()).collect();
        let configuration = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [at_root(ALERTS)],
            "scrape_configs": [
                {"job_name": "envoy", "metrics_path": "/stats/prometheus", "static_configs": [{"targets": targets}]},
            ],
        });
        let file = scratch.write("prometheus.yaml", &configuration.to_string());
        let [address] = free_addresses();
        let listen = format!("--web.listen-address={address}");
        let data = format!("--storage.tsdb.path={}", scratch.path("data"));
        let program = folder.join("prometheus");
        let command = [program.to_str().unwrap(), &format!("--config.file={file}"), &listen, &data];
        let own = Self { _process: Process::start(scratch, &command, &[]), client: Client::new(address) };
        wait_until("Prometheus", || {
            std::net::TcpStream::connect(address).is_ok() && own.client.get("/-/ready").status == 200
        });
        own
    }

    /// The series that a query finds.
    fn query(&self, expression: &str) -> Vec<Value> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric();
        let encoded: String = expression
            .bytes()
            .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect();
        let form = Request::new("POST", "/api/v1/query").header("content-type", "application/x-www-form-urlencoded");
        let answer = self.client.send(&form.body(format!("query={encoded}"))).json();
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }
}

/// The legend of a series.
fn legend(query: &Query, labels: &Value) -> String {
    let mut text = query.legend.clone();
    for (name, value) in labels.as_object().unwrap() {
        text = text.replace(&format!("{{{{{name}}}}}"), value.as_str().unwrap());
    }
    text
}

/// As long as a window of the rates must be, so that it holds several steps of the subqueries.
const WINDOW: &str = "45s";
const TRAFFIC: Duration = Duration::from_secs(65);

#[test]
#[ignore = "takes a minute, and needs Prometheus: make dashboard"]
fn a_real_prometheus_answers_every_query_under_each_name_of_the_metrics() {
    let Some(folder) = prometheus() else { return };
    let gates = [Gate::start(Mode::Held, &busy()), bare(Mode::Held, &busy())];
    let prometheus = Prometheus::start(&folder, &gates);
    let began = Instant::now();
    for round in 0.. {
        gates.iter().for_each(|gate| traffic(gate, &gate.envoy.client(), round));
        if began.elapsed() > TRAFFIC {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    for (gate, names) in gates.iter().zip(["with labels", "with bare names"]) {
        let instance = gate.envoy.admin().address().to_string();
        let mut shown = format!("Envoy {instance}, {names}\n");
        for query in queries() {
            let expression = query.expression.replace("$instance", &instance).replace("$__rate_interval", WINDOW);
            let found = prometheus.query(&expression);
            let values: Vec<f64> = found.iter().map(|own| own["value"][1].as_str().unwrap().parse().unwrap()).collect();
            for (series, value) in found.iter().zip(&values) {
                let _ = writeln!(shown, "  {:<48} {:<40} {value:.3}", query.panel, legend(&query, &series["metric"]));
            }
            // A key set may be new.
            let may_be_zero = ["Oldest key set", "Age of key sets"].contains(&query.panel.as_str());
            let shows = values.iter().any(|value| *value > 0.0 || may_be_zero);
            let is_sound = values.iter().all(|value| value.is_finite()) && shows;
            assert!(is_sound, "{names}: {}: {values:?}\n{expression}\n{shown}", query.panel);
        }
        println!("{shown}");
    }
    let rules = prometheus.client.get("/api/v1/rules").json();
    let rules = rules["data"]["groups"][0]["rules"].as_array().unwrap().clone();
    let faults: Vec<_> = rules.iter().filter(|rule| rule["health"] != "ok").collect();
    assert_eq!(faults, Vec::<&Value>::new());
    for alert in ["ToolgateKeysMissing", "ToolgateToolsChanged", "ToolgatePolicyMissing"] {
        let firing = wait_for(alert, || {
            let found = prometheus.query(&format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}"));
            let instances: BTreeSet<_> = found.iter().map(|own| own["metric"]["instance"].to_string()).collect();
            (instances.len() == gates.len()).then_some(found.len())
        });
        println!("{alert}: {firing} firing");
    }
}
