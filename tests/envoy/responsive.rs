//! How long one worker keeps a second connection waiting while it is sent what
//! costs it most. Printed, not asserted: machines differ. What is asserted is
//! the number of steps, in `tests/module/steps.rs`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::weather::token;
use crate::support::client::Request;
use crate::support::gate::{Gate, Mode, configuration};
use crate::support::keys::{Key, base64url, key_set, sha256};
use crate::support::proofs::Proof;
use crate::support::raw::Raw;
use crate::support::tokens::{AUDIENCE, Token, now, tampered};

/// The connections of one client that sends tokens which are forged.
const POOL: usize = 16;
/// How long each kind of load lasts.
const TIME: Duration = Duration::from_secs(3);
/// Just below `limits.body`.
const BODY: usize = 990_000;

fn call(name: &str, arguments: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#)
}

fn members(n: usize) -> String {
    (0..n).map(|k| format!("\"{k:06}\":0")).collect::<Vec<_>>().join(",")
}

fn loads() -> Vec<(&'static str, Vec<u8>)> {
    let post = |body: String| Request::post("/mcp", &json!(null)).bearer(&token("")).body(body);
    let many = members(BODY / 11);
    let scattered: Vec<_> = (0..BODY / 11).map(|k| format!("\"{:06}\":0", k * 7_919 % 1_000_003)).collect();
    let element = |k: usize| {
        call("echo", &format!("{{{}}}", members(BODY / 32 / 11 - 10))).replacen("\"id\":1", &format!("\"id\":{k}"), 1)
    };
    let batch = format!("[{}]", (0..32).map(element).collect::<Vec<_>>().join(","));
    let bytewise = post(call("echo", &format!("\"{}\"", "x".repeat(100_000))));
    vec![
        ("nothing", Vec::new()),
        ("90,000 members in `arguments`", post(call("echo", &format!("{{{many}}}"))).bytes()),
        ("the same, in no order", post(call("echo", &format!("{{{}}}", scattered.join(",")))).bytes()),
        ("90,000 members in `params`", post(call("echo", "{}").replace("\"arguments\":{}", &many)).bytes()),
        ("a name of 900 kB", post(call(&"x".repeat(900_000), "{}")).bytes()),
        (
            "arrays sixty deep",
            post(call("echo", &format!("[{}0]", format!("{}{},", "[".repeat(60), "]".repeat(60)).repeat(BODY / 121))))
                .bytes(),
        ),
        ("32 messages of 30 kB in an array", post(batch).bytes()),
        ("100 kB in chunks of one byte", bytewise.chunked(&vec![1; 100_200], &[])),
    ]
}

/// The keys of the issuer: of every kind, and RSA keys that do not name their algorithm.
fn keys() -> Value {
    let any = ["one", "two"].map(|kid| {
        let mut jwk = Key::rsa_b().named(kid).jwk();
        jwk.as_object_mut().unwrap().remove("alg");
        jwk
    });
    key_set(&Key::all())["keys"].as_array().unwrap().iter().cloned().chain(any).collect()
}

/// Tokens that cost a signature, or would like to, and a proof of the dearest key that is looked at.
fn forgeries() -> Vec<(&'static str, Vec<u8>)> {
    let signed = |token: &Token, key: &Key| Request::call("echo").bearer(&tampered(&token.sign(key))).bytes();
    let by = |key: Key| signed(&Token::new(), &key);
    let pss = || Key::rsa_b().with_alg("PS512").named("one");
    let modulus = json!({"e": "AQAB", "kty": "RSA", "n": base64url([0xff; 512])});
    let jkt = base64url(sha256(modulus.to_string().as_bytes()));
    let bound = Token::new().claim("cnf", json!({"jkt": jkt})).sign(&Key::rsa_a());
    let proof = Proof::new(Key::p256(), AUDIENCE, &bound, now()).header("jwk", modulus).header("alg", "PS512");
    let proven = Request::call("echo").header("authorization", format!("DPoP {bound}")).header("dpop", proof.sign());
    vec![
        ("no tokens, for comparison", Request::call("echo").bytes()),
        ("tokens by RS256", by(Key::rsa_a())),
        ("tokens by ES512", by(Key::p521())),
        ("tokens by EdDSA", by(Key::ed25519())),
        ("tokens by EdDSA, without `kid`", signed(&Token::new().without_header("kid"), &Key::ed25519())),
        ("tokens by PS512, which no key names", by(pss())),
        ("tokens by PS512, without `kid`", signed(&Token::new().without_header("kid"), &pss())),
        ("tokens of 15 kB by EdDSA", signed(&Token::new().claim("x", "x".repeat(11_000)), &Key::ed25519())),
        ("proofs by PS512 of an RSA key of 4096 bits", proven.bytes()),
    ]
}

/// `make responsive` prints the table of `docs/responsiveness.md`.
#[test]
#[ignore = "measures time"]
fn a_second_connection_is_answered_meanwhile() {
    println!("| sent on the first connection, again and again | answered | second: median | 99 of 100 | longest |");
    println!("|---|---|---|---|---|");
    for mode in Mode::ALL {
        let mut configuration = configuration(&json!({"tools": {"echo": {"scopes": []}}}));
        configuration["batches"] = json!("authorize_each");
        configuration["issuers"][0]["jwks"] = json!({"keys": keys()});
        configuration["issuers"][0]["dpop"] = json!("optional");
        let gate = Gate::start(mode, &configuration);
        let forgeries = forgeries().into_iter().map(|(name, load)| (name, load, POOL));
        let loads = loads().into_iter().map(|(name, load)| (name, load, 1));
        for (name, load, connections) in loads.chain(forgeries) {
            let (answers, mut waits) = measure(&gate, &load, connections);
            waits.sort();
            let at = |part: usize| waits[(waits.len() - 1) * part / 100].as_secs_f64() * 1e3;
            let (median, most, longest) = (at(50), at(99), at(100));
            println!("| {name} ({mode:?}) | {answers} | {median:.1} ms | {most:.1} ms | {longest:.1} ms |");
        }
    }
}

/// How many loads were answered, and how long each request beside them took.
fn measure(gate: &Gate, load: &[u8], connections: usize) -> (usize, Vec<Duration>) {
    let (over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut waits = Vec::new();
    std::thread::scope(|scope| {
        let send = || {
            // As a client's pool does: a connection is used again unless it was closed.
            let mut kept = None;
            while !load.is_empty() && !over.load(Ordering::Relaxed) {
                let mut connection = kept.take().unwrap_or_else(|| Raw::connect(gate.envoy.address()));
                if let Ok(answer) = connection.send(load).try_response() {
                    answers.fetch_add(1, Ordering::Relaxed);
                    kept = answer.header("connection").is_none_or(|value| value != "close").then_some(connection);
                }
            }
        };
        for _ in 0..connections {
            scope.spawn(send);
        }
        let good = Request::call("echo").bearer(&token("")).bytes();
        let mut connection = Raw::connect(gate.envoy.address());
        let start = Instant::now();
        while start.elapsed() < TIME {
            let sent = Instant::now();
            assert_eq!(connection.send(&good).response().status, 200);
            waits.push(sent.elapsed());
            std::thread::sleep(Duration::from_millis(3));
        }
        over.store(true, Ordering::Relaxed);
    });
    (answers.into_inner(), waits)
}
