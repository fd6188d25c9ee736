//! Makes a mistake, and reads the first line of each place.

use std::io::{BufRead, Write};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::lines::{Lines, Place};
use crate::plan::{Plan, Transport, provider, server};
use crate::run::{Place as Folder, Ran};
use crate::support::bootstrap::{Configuration, Setup};
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::keys::{Key, key_set};
use crate::support::process::free_addresses;
use crate::support::provider::{Behaviour, Provider};
use crate::support::server::{Connection, Server, listen};
use crate::support::tls::Authority;
use crate::support::upstream::Upstream;
use crate::support::wait_for;
use crate::table::Mistake;

const CA: &str = "/transport_socket/typed_config/common_tls_context/validation_context";

/// The gate in which the mistake is made.
struct World {
    plan: Plan,
    upstream: Upstream,
    _provider: Provider,
    /// A server that answers whatever is no HTTP.
    _strict: Option<Server>,
    issuer_port: u16,
    setup: Setup,
    folder: Folder,
    port: u16,
}

impl World {
    fn new(mistake: &Mistake) -> Self {
        let [gate] = free_addresses();
        let listener = listen();
        let port = listener.local_addr().unwrap().port();
        let authority = Authority::new();
        // Certificates have names.
        let issuer = match mistake.served {
            Transport::Plain if mistake.reached == Transport::Plain => format!("http://127.0.0.1:{port}"),
            _ => format!("https://localhost:{port}"),
        };
        let url = format!("http://{gate}/mcp");
        let script = Behaviour::Script(Arc::new(provider(issuer.clone(), mistake.provided)));
        let mut strict = None;
        let mut provider = match mistake.served {
            Transport::Plain if mistake.reached == Transport::Tls => {
                strict = Some(Server::start(listener, None, refuse));
                Provider::start(script)
            }
            Transport::Plain => Provider::start_at(listener, script),
            Transport::Tls => Provider::start_tls_at(listener, &authority, "localhost", script),
        };
        if mistake.is_down {
            provider.stop();
        }
        let mut plan = Plan::new(&issuer, &url);
        (mistake.make)(&mut plan);
        let upstream = Upstream::start_with(server);
        let listening = json!({"socket_address": {"address": "127.0.0.1", "port_value": gate.port()}});
        let setup = Setup::new(&upstream)
            .configuration(&Configuration::Struct(plan.config.clone()))
            .host_flag(true)
            .edit(|bootstrap| bootstrap["static_resources"]["listeners"][0]["address"] = listening);
        let setup = match mistake.reached {
            Transport::Plain => setup.provider(&provider),
            Transport::Tls => setup.provider_tls(&provider, &authority).cluster("auth", |cluster| {
                cluster["transport_socket"]["typed_config"]["sni"] = json!("localhost");
                let validation = cluster.pointer_mut(CA).unwrap();
                validation["match_typed_subject_alt_names"] =
                    json!([{"san_type": "DNS", "matcher": {"exact": "localhost"}}]);
                cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] =
                    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
            }),
        };
        let setup = plan.changed(setup);
        let folder = Folder::new("mistakes");
        folder.file("envoy.json", format!("{:#}", setup.bootstrap())).file("ca.pem", authority.pem());
        folder.file("jwks.json", key_set([&Key::rsa_a()]).to_string());
        folder.file("token.txt", plan.token.sign(&plan.key));
        let (_provider, _strict, issuer_port) = (provider, strict, port);
        let own = Self { plan, upstream, _provider, _strict, issuer_port, setup, folder, port: gate.port() };
        own.folder.file("request.http", own.request().bytes());
        own
    }

    /// The call, as the client sends it.
    fn request(&self) -> Request {
        let params = if self.plan.method == "tools/call" { json!({"name": self.plan.tool}) } else { json!({}) };
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": self.plan.method, "params": params});
        Request::post(self.plan.path, &message).host(&format!("{}:{}", self.plan.host, self.port))
    }

    /// Reads the tools that need no Envoy.
    fn tell_offline(&self, lines: &mut Lines, has_keys: bool) {
        let check = self.folder.run("check --quiet envoy.json");
        lines.set(Place::Check, checked(&check));
        let keys = if has_keys { " --keys jwks.json" } else { "" };
        let ran = self.folder.run(&format!("explain envoy.json --token token.txt --request request.http{keys}"));
        let line = first(if ran.code == 2 { &ran.err } else { &ran.out });
        // The line of a file that this test wrote.
        let line = match line.split_once("envoy.json:") {
            Some((before, after)) => {
                format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':').trim_start())
            }
            None => line,
        };
        lines.set(Place::Explain, line);
    }

    fn tell_doctor(&self, lines: &mut Lines) {
        let url = format!("http://{}:{}{}", self.plan.host, self.port, self.plan.path);
        let ran = self.folder.run(&format!("doctor --json --url {url} --token token.txt --ca ca.pem"));
        let report = ran.json();
        let steps = report["steps"].as_array().unwrap();
        let bad = |outcome: &str| steps.iter().find(|step| step["outcome"] == outcome);
        let line = bad("failed").or_else(|| bad("warning")).map(|step| {
            let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
            format!("{}: {}: {}", text("step"), text("detail"), text("remedy"))
        });
        lines.set(Place::Doctor, line.unwrap_or_else(|| "all is well".to_owned()));
    }

    /// The texts that differ from run to run, and what is shown in their place.
    fn texts(&self) -> Vec<(String, String)> {
        let issuer = self.plan.issuer.clone();
        let (_, authority) = issuer.split_once("://").unwrap();
        let provider = format!("127.0.0.1:{}", self.issuer_port);
        [
            (format!("http://127.0.0.1:{}", self.port), "https://mcp.example.com"),
            (format!("127.0.0.1:{}", self.port), "mcp.example.com"),
            (format!("http://localhost:{}", self.port), "https://mcp.internal"),
            (format!("localhost:{}", self.port), "mcp.internal"),
            (issuer.clone(), "https://auth.example.com"),
            (authority.to_owned(), "auth.example.com"),
            (provider, "auth.example.com"),
            // `explain` names hosts without their port.
            ("host `localhost`".to_owned(), "host `mcp.internal`"),
            ("host `127.0.0.1`".to_owned(), "host `mcp.example.com`"),
        ]
        .map(|(from, to)| (from, to.to_owned()))
        .into()
    }
}

/// Answers as web servers do where TLS begins and none is spoken.
fn refuse(mut connection: Connection) {
    let _ = connection.fill_buf();
    let answer = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let _ = connection.get_mut().write_all(answer.as_bytes());
}

/// Makes a mistake, and reads what each place says of it.
pub fn made(mistake: &Mistake) -> Lines {
    let world = World::new(mistake);
    let mut lines = Lines::default();
    world.tell_offline(&mut lines, mistake.has_keys);
    if mistake.starts {
        let envoy = world.setup.start();
        let token = world.plan.token.sign(&world.plan.key);
        let answer = envoy.client().send(&world.request().bearer(&token));
        let complete = if answer.complete { "" } else { ", cut" };
        lines.set(Place::Client, format!("{}{complete}: {}", answer.status, said(&answer.text())));
        lines.set(Place::Audit, audit(&envoy));
        world.tell_doctor(&mut lines);
        let log = wait_for("what the log says", || {
            let line = logged(&envoy.log());
            (!line.is_empty() || !mistake.is_logged).then_some(line)
        });
        lines.set(Place::Log, log);
    } else {
        lines.set(Place::Client, "nothing: Envoy does not start");
        lines.set(Place::Log, logged(&world.setup.start_expecting_refusal()));
        world.tell_doctor(&mut lines);
    }
    let texts = world.texts();
    drop(world.upstream);
    lines.replaced(&texts)
}

fn first(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The first fault or warning, without its place in a file that the tests wrote.
fn checked(ran: &Ran) -> String {
    let found = ran.out.lines().find(|line| line.contains(": fault: ") || line.contains(": warning: "));
    let line = found.map(|line| line.splitn(3, ':').nth(2).unwrap_or_default().trim().to_owned());
    line.unwrap_or_else(|| "no fault, no warning".to_owned())
}

/// The text of an answer for a person.
fn said(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let found = text("/error/message").or_else(|| text("/error_description")).or_else(|| text("/error"));
    found.unwrap_or_else(|| if body["result"].is_object() { "the result".to_owned() } else { "no JSON".to_owned() })
}

/// The decision on the call.
fn audit(envoy: &Envoy) -> String {
    let record = envoy.audit().into_iter().next().unwrap_or_default();
    let text = |name: &str| record[name].as_str().map(str::to_owned);
    let Some(reason) = text("reason") else { return String::new() };
    let decision = text("decision").filter(|own| own != "deny").map(|own| format!("{own}, ")).unwrap_or_default();
    let target = text("target").map(|target| format!(" ({} {target})", text("method").unwrap_or_default()));
    let target = target.unwrap_or_default();
    let missing =
        record["missing"].as_array().filter(|all| !all.is_empty()).map(|all| format!("missing {}", json!(all)));
    let detail = text("detail").or(missing).map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{decision}{reason}{target}{detail}")
}

/// The first warning or error of the log that is about toolgate, without Envoy's prefix. Of an event, its name and detail.
fn logged(log: &str) -> String {
    let of_level = |level: &str| log.lines().find(|line| line.contains(level) && line.contains("][wasm] "));
    let line = of_level("][error]").or_else(|| of_level("][warning]")).unwrap_or_default();
    let message = line.split_once("wasm log ").and_then(|(_, rest)| rest.split_once(": "));
    let message = message.or_else(|| line.split_once(".cc:").and_then(|(_, rest)| rest.split_once("] ")));
    let message = message.map_or(line, |(_, message)| message);
    match message.strip_prefix("toolgate.event ").and_then(|event| serde_json::from_str::<Value>(event).ok()) {
        Some(event) => {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            format!("toolgate.event {}: {}", text("event"), text("detail"))
        }
        None => message.to_owned(),
    }
}
