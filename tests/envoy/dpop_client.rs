//! A real MCP client that sends proofs, the official SDK, on its whole way: through the challenge and the metadata to a
//! real authorization server, and with a token bound to its key to a real MCP server. `make conformance` holds the same
//! client to the scenarios that the official suite has for proofs.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use super::introspection::before;
use crate::support::envoy::Envoy;
use crate::support::gate::Mode;
use crate::support::oidc::Oidc;
use crate::support::process::{Process, Scratch, free_addresses};
use crate::support::upstream::Upstream;
use crate::support::wait_until;

/// All that a client meets, at URLs of loopback that it really reaches. Fields are dropped from top to bottom.
struct World {
    envoy: Envoy,
    _upstream: Upstream,
    _mcp_server: Process,
    _oidc: Oidc,
    issuer: String,
    /// The resource for which the authorization server's tokens are opaque, and the one for which they are JWTs.
    resources: [String; 2],
}

impl World {
    fn start(mode: Mode, dpop: &str) -> Self {
        let [gate, auth, mcp] = free_addresses();
        let issuer = format!("http://{auth}");
        let resources = ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:{}/mcp", gate.port()));
        let oidc = Oidc::start_as(&issuer, &resources[0], &resources[1], auth.port());
        let policy = json!({"lists": "offer", "tools": {
            "echo": {"scopes": ["weather:read"]},
            "get-sum": {"scopes": ["weather:write"]},
        }});
        let resource = |url: &str| json!({"resource": url, "challenge_scopes": ["weather:read"], "policy": policy});
        let configuration = json!({
            "issuers": [{
                "issuer": issuer, "dpop": dpop, "validation": "jwt_or_introspection",
                "jwks": {"discover": true, "cluster": "auth"},
                "introspection": {
                    "uri": format!("{issuer}/token/introspection"), "cluster": "auth", "client_id": "gate",
                    "client_secret": "gate-s3cret",
                },
            }],
            "resources": [resource(&resources[0]), resource(&resources[1])],
        });
        let upstream = Upstream::start();
        let setup = before(&oidc, &upstream, mode, &configuration).server(mcp).edit(|bootstrap| {
            let address = &mut bootstrap["static_resources"]["listeners"][0]["address"]["socket_address"];
            address["port_value"] = json!(gate.port());
        });
        let server = mcp_server(mcp);
        Self { envoy: setup.start(), _upstream: upstream, _mcp_server: server, _oidc: oidc, issuer, resources }
    }

    /// Lets a client with a clock that is this many seconds off go to `url`.
    fn walk(&self, url: &str, clock: i64) -> Walk {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc/dpop-client.mjs");
        let environment = [
            ("ISSUER", self.issuer.clone()),
            ("CLIENT_ID", "caller".to_owned()),
            ("CLIENT_SECRET", "caller-s3cret".to_owned()),
            ("CLOCK", clock.to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        let mut process = Process::start(Scratch::new(), &["node", script, url], &environment);
        assert!(process.wait(), "{}\n{}", process.output(), process.log());
        let printed: Value = serde_json::from_str(&process.output()).expect("what the client prints");
        Walk { said: printed["said"].clone(), wire: printed["wire"].as_array().expect("a list").clone() }
    }

    fn token_endpoint(&self) -> String {
        format!("{}/token", self.issuer)
    }
}

/// The demo's MCP server, which keeps to loopback.
fn mcp_server(address: SocketAddr) -> Process {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/demo");
    let loopback = format!("{demo}/loopback.mjs");
    let script = format!("{demo}/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let command = ["node", "--import", &loopback, &script, "streamableHttp"];
    let process = Process::start(Scratch::new(), &command, &[("PORT".to_owned(), address.port().to_string())]);
    wait_until("the MCP server", || TcpStream::connect(address).is_ok());
    process
}

/// The tool's answer to the client, and the exchanges on the wire.
struct Walk {
    said: Value,
    wire: Vec<Value>,
}

impl Walk {
    fn to<'a>(&'a self, url: &'a str) -> impl Iterator<Item = &'a Value> {
        self.wire.iter().filter(move |request| request["url"] == url)
    }

    /// Both tools, one of them after a step-up: for its scope the client went back to the authorization server.
    fn assert_heard_all(&self, at: &str) {
        assert_eq!(self.said["echo"], "Echo: with a proof", "{at}");
        assert_eq!(self.said["get-sum"], "The sum of 19 and 23 is 42.", "{at}");
        let calls = self.wire.iter().filter(|request| request["message"] == "tools/call");
        assert_eq!(statuses(calls.clone()), [200, 403, 200], "{at}");
        let denied = calls.clone().find(|call| call["status"] == 403).expect("a denial");
        let challenge = denied["challenge"].as_str().expect("a challenge");
        assert!(
            challenge.contains("error=\"insufficient_scope\", scope=\"weather:read weather:write\""),
            "{at}: {challenge}"
        );
    }
}

/// Statuses in the order in which they came.
fn statuses<'a>(requests: impl Iterator<Item = &'a Value>) -> Vec<u64> {
    requests.map(|request| request["status"].as_u64().expect("a status")).collect()
}

#[test]
fn an_official_client_walks_from_the_challenge_to_a_tool_with_a_proof_for_each_request() {
    for (mode, dpop) in [(Mode::Ahead, "required"), (Mode::Held, "optional")] {
        let world = World::start(mode, dpop);
        for url in &world.resources {
            let at = format!("{mode:?}: {url}");
            let walk = world.walk(url, 0);
            walk.assert_heard_all(&at);

            let (bare, proven): (Vec<_>, Vec<_>) = walk.to(url).partition(|request| request["scheme"].is_null());
            let [first] = bare.as_slice() else { panic!("{at}: {bare:?}") };
            assert_eq!(first["status"], 401, "{at}");
            let challenge = first["challenge"].as_str().expect("a challenge");
            assert!(challenge.starts_with("Bearer ") && challenge.contains(", DPoP "), "{at}: {challenge}");
            assert_eq!(statuses(walk.to(&world.token_endpoint())), [200, 200], "{at}");

            let used: Vec<_> =
                proven.iter().map(|request| (request["method"].clone(), request["message"].clone())).collect();
            for wanted in [
                (json!("POST"), json!("initialize")),
                (json!("POST"), json!("tools/list")),
                (json!("POST"), json!("tools/call")),
                (json!("GET"), Value::Null),
                (json!("DELETE"), Value::Null),
            ] {
                assert!(used.contains(&wanted), "{at}: no {wanted:?} in {used:?}");
            }
            let mut proofs = HashSet::new();
            for request in &proven {
                let proof = &request["proof"];
                assert_eq!(
                    (&request["scheme"], &proof["htm"]),
                    (&json!("DPoP"), &request["method"]),
                    "{at}: {request}"
                );
                assert_eq!((&proof["htu"], &proof["nonce"]), (&json!(url), &Value::Null), "{at}: {request}");
                assert!(matches!(request["status"].as_u64(), Some(200..=299 | 403)), "{at}: {request}");
                assert!(proofs.insert(proof["jti"].to_string()), "{at}: no two are alike");
            }
            let call = world.envoy.wait_for_audit(|line| line["target"] == "echo" && line["resource"] == *url);
            assert_eq!((&call["decision"], &call["client"]), (&json!("allow"), &json!("caller")), "{at}");
        }
    }
}

#[test]
fn an_official_client_whose_clock_is_an_hour_off_gets_on_with_one_nonce() {
    for (mode, clock) in [(Mode::Ahead, -3600), (Mode::Held, 3600)] {
        let world = World::start(mode, "required");
        for url in &world.resources {
            let at = format!("{mode:?}: {clock} s: {url}");
            let walk = world.walk(url, clock);
            walk.assert_heard_all(&at);
            assert_eq!(
                statuses(walk.to(&world.token_endpoint())),
                [400, 200, 200],
                "{at}: of the authorization server"
            );

            let mut proven = walk.to(url).filter(|request| !request["scheme"].is_null());
            let first = proven.next().expect("a request with a proof");
            assert_eq!((&first["status"], &first["proof"]["nonce"]), (&json!(401), &Value::Null), "{at}: {first}");
            let challenge = first["challenge"].as_str().expect("a challenge");
            assert!(challenge.starts_with("DPoP error=\"use_dpop_nonce\""), "{at}: {challenge}");
            for request in proven {
                assert_eq!(request["proof"]["nonce"], first["nonce"], "{at}: {request}");
                assert!(matches!(request["status"].as_u64(), Some(200..=299 | 403)), "{at}: {request}");
            }
        }
    }
}
