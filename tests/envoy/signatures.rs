//! Signatures are verified alike by the host's crypto and by the module's own:
//! the same tokens pass, the same forgeries do not, and the log tells which it
//! was.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::weather::policy;
use crate::support::client::Request;
use crate::support::forgeries::{self, Forgery};
use crate::support::gate::{Gate, Mode, configuration};
use crate::support::keys::{Key, openssl_tokens};
use crate::support::native;
use crate::support::raw::Response;
use crate::support::tokens::{self, Token, tampered, with_payload};
use crate::support::wait_until;

/// Who verifies what the host could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Host,
    Module,
}

impl By {
    const ALL: [Self; 2] = [Self::Host, Self::Module];

    /// The log line of the module at its start.
    fn line(self) -> &'static str {
        match self {
            _ if native::is_it() => {
                "signatures: ring verifies RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA; \
                 the module verifies ES512"
            }
            Self::Host => {
                "signatures: the host verifies RS256 RS384 RS512 ES256 ES384 ES512; \
                 the module verifies PS256 PS384 PS512 EdDSA"
            }
            Self::Module => {
                "signatures: the host verifies nothing; \
                 the module verifies RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"
            }
        }
    }

    /// An Envoy for every key of the forgeries, and whatever RSA keys sign with
    /// the other algorithms.
    fn gate(self) -> &'static Gate {
        static HOST: LazyLock<Gate> = LazyLock::new(|| By::Host.start());
        static MODULE: LazyLock<Gate> = LazyLock::new(|| By::Module.start());
        match self {
            Self::Host => &HOST,
            Self::Module => &MODULE,
        }
    }

    fn start(self) -> Gate {
        let mut configuration = configuration(&policy());
        let keys = all_keys().into_iter().map(|key| key.jwk()).chain(openssl_tokens().into_iter().map(|(jwk, _)| jwk));
        configuration["issuers"][0]["jwks"] = json!({"keys": keys.collect::<Vec<_>>()});
        let gate = Gate::start_changed(Mode::Held, &configuration, |setup| {
            // Records are found by the id that the test gives.
            let setup = setup.http_manager(|http| http["preserve_external_request_id"] = json!(true));
            if self == Self::Host { setup } else { setup.without_foreign_functions() }
        });
        gate.envoy.wait_for_log(self.line());
        gate
    }

    fn send(self, token: &str, id: &str) -> Response {
        let request = Request::call("get_forecast").header("x-request-id", id).bearer(token);
        self.gate().envoy.client().send(&request)
    }
}

/// One key for each RSA algorithm but RS256.
fn rsa_keys() -> Vec<Key> {
    let named = |alg: &'static str| Key::rsa_b().with_alg(alg).named(&alg.to_lowercase());
    ["RS384", "RS512", "PS256", "PS384", "PS512"].map(named).into()
}

fn all_keys() -> Vec<Key> {
    forgeries::keys().into_iter().chain(rsa_keys()).collect()
}

fn good() -> Token {
    Token::new().scope("weather:read")
}

#[test]
fn a_good_token_of_each_algorithm_passes_and_a_tampered_one_does_not() {
    for by in By::ALL {
        for key in all_keys() {
            let token = good().sign(&key);
            assert_eq!(by.send(&token, "good").status, 200, "{by:?}: {}", key.alg());
            assert_eq!(by.send(&tampered(&token), "bad").status, 401, "{by:?}: {}, tampered", key.alg());
        }
    }
}

#[test]
fn rsa_keys_of_every_size_and_exponent_are_good_for_either() {
    for (jwk, token) in openssl_tokens() {
        for by in By::ALL {
            assert_eq!(by.send(&token, "good").status, 200, "{by:?}: {}", jwk["kid"]);
            assert_eq!(by.send(&tampered(&token), "bad").status, 401, "{by:?}: {}, tampered", jwk["kid"]);
        }
    }
}

#[test]
fn every_forgery_is_refused_for_its_own_reason() {
    let forgeries = forgeries::all(tokens::now());
    assert!(forgeries.len() > 100, "{}", forgeries.len());
    for by in By::ALL {
        for (number, Forgery { name, token, .. }) in forgeries.iter().enumerate() {
            let response = by.send(token, &format!("forgery-{number}"));
            assert_eq!(response.status, 401, "{by:?}: {name}");
        }
        let envoy = &by.gate().envoy;
        let reason = |audit: &[Value], number: usize| {
            let id = format!("forgery-{number}");
            let line = audit.iter().find(|line| line["request_id"] == *id)?;
            line["reason"].as_str().map(str::to_owned)
        };
        wait_until("the records", || reason(&envoy.audit(), forgeries.len() - 1).is_some());
        let audit = envoy.audit();
        for (number, forgery) in forgeries.iter().enumerate() {
            assert_eq!(reason(&audit, number).as_deref(), Some(forgery.reason), "{by:?}: {}", forgery.name);
        }
        println!("{} forgeries refused where signatures are verified by: {by:?}", forgeries.len());
    }
}

#[test]
fn ecdsa_signatures_with_short_and_with_high_halves_pass() {
    for key in [Key::p256(), Key::p384(), Key::p521()] {
        for (name, wanted) in HALVES {
            let token = signed_until(&key, wanted);
            for by in By::ALL {
                assert_eq!(by.send(&token, "halves").status, 200, "{by:?}: {}, {name}", key.alg());
            }
        }
    }
}

type Halves = fn(&[u8], &[u8]) -> bool;

/// Where DER takes fewer octets than the fixed form, or more. On P-521 the
/// first octet holds one bit.
const HALVES: [(&str, Halves); 4] = [
    ("r is short", |r, _| r[0] == 0),
    ("s is short", |_, s| s[0] == 0),
    ("both have their highest bit set", |r, s| {
        [r, s].iter().all(|half| half[0] >= 0x80 || (half.len() == 66 && half[0] == 1))
    }),
    ("only below a zero octet", |r, s| [r, s].iter().any(|half| half[0] == 0 && half[1] >= 0x80)),
];

/// Tokens differ in their `jti`, signatures in chance.
fn signed_until(key: &Key, wanted: Halves) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    loop {
        let token = good().sign(key);
        let signature = URL_SAFE_NO_PAD.decode(token.rsplit('.').next().unwrap()).unwrap();
        let (r, s) = signature.split_at(signature.len() / 2);
        if wanted(r, s) {
            return token;
        }
    }
}

/// The cost of a verification: the median time of requests that are refused
/// after it, minus that of requests that are refused just before it. Run it
/// with `cargo test --test envoy -- --ignored --nocapture cost`.
#[test]
#[ignore = "a measurement: it asserts nothing about time"]
fn the_cost_of_a_verification() {
    const ROUNDS: usize = 300;
    for by in By::ALL {
        println!("{}", by.line());
        for key in all_keys() {
            // A signature of the right form: some others are refused at a glance.
            let refused = with_payload(&good().sign(&key), good().payload());
            let unread = good().audience("https://other.example").sign(&key);
            assert_eq!((by.send(&refused, "cost").status, by.send(&unread, "cost").status), (401, 401));
            let client = by.gate().envoy.client();
            let mut connection = client.raw();
            let mut median = |token: &str| {
                // Without a body: Envoy closes a connection that has one unread.
                let request = Request::get("/mcp").bearer(token).bytes();
                let mut times: Vec<Duration> = (0..ROUNDS)
                    .map(|_| {
                        let start = Instant::now();
                        connection.send(&request).response();
                        start.elapsed()
                    })
                    .collect();
                times.sort_unstable();
                times[ROUNDS / 2]
            };
            let (before, after) = (median(&unread), median(&refused));
            println!("  {}: {:?} ({before:?} without)", key.alg(), after.saturating_sub(before));
        }
    }
}
