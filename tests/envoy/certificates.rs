//! Tokens that are bound to a client certificate (RFC 8705), over real TLS: they are worth nothing without it.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::weather::policy;
use crate::support::answer::Answer;
use crate::support::client::{HOST, Request};
use crate::support::envoy::Envoy;
use crate::support::gate::{Mode, configuration, setup};
use crate::support::keys::{Key, key_set};
use crate::support::provider::{Behaviour, Provider};
use crate::support::tls::{Authority, Identity, TlsClient};
use crate::support::tokens::{AUDIENCE, ISSUER, Token};
use crate::support::upstream::Upstream;

/// toolgate behind a listener with TLS, which asks for a certificate, and one without, `plain`.
struct Ends {
    authority: Authority,
    envoy: Envoy,
    _provider: Provider,
    upstream: Upstream,
}

impl Ends {
    fn start(mode: Mode, validation: &str, thumbprint: &str, authority: Authority) -> Self {
        let said = json!({
            "active": true, "aud": AUDIENCE, "scope": "weather:read", "sub": "alice", "cnf": {"x5t#S256": thumbprint},
        });
        let provider = Provider::start(Behaviour::Script(Arc::new(move |request| {
            Answer::json(&if request.method == "GET" { key_set([&Key::rsa_a()]) } else { said.clone() })
        })));
        let upstream = Upstream::start();
        let mut configuration = configuration(&policy());
        configuration["issuers"][0]["validation"] = json!(validation);
        configuration["issuers"][0]["introspection"] =
            json!({"uri": format!("{ISSUER}/introspect"), "cluster": "auth", "cache_ttl": "0s"});
        let server = authority.identity(HOST);
        let tls = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "tls_certificates": [{
                        "certificate_chain": {"inline_string": server.certificate_pem},
                        "private_key": {"inline_string": server.key_pem},
                    }],
                    "validation_context": {"trusted_ca": {"inline_string": authority.pem()}},
                },
            },
        });
        let setup = setup(&upstream, mode, &configuration).provider(&provider).edit(|bootstrap| {
            let listeners = bootstrap["static_resources"]["listeners"].as_array_mut().unwrap();
            let mut plain = listeners[0].clone();
            plain["name"] = json!("plain");
            listeners.push(plain);
            listeners[0]["filter_chains"][0]["transport_socket"] = tls;
        });
        Self { authority, envoy: setup.start(), _provider: provider, upstream }
    }

    fn client(&self, identity: Option<&Identity>) -> TlsClient {
        TlsClient::new(self.envoy.address(), &self.authority, identity)
    }

    fn plain(&self) -> SocketAddr {
        self.envoy.listener("plain")
    }

    /// The reasons so far, in the order of the requests.
    fn reasons(&self) -> Vec<String> {
        self.envoy.audit().iter().map(|line| line["reason"].as_str().unwrap().to_owned()).collect()
    }
}

fn call(token: &str) -> Request {
    Request::call("get_forecast").bearer(token)
}

/// The `x-forwarded-client-cert` header that a proxy sets for a client with this certificate.
fn forwarded_certificate(identity: &Identity) -> String {
    format!("Hash={};Subject=\"CN=alice\"", identity.hex())
}

#[test]
fn a_bound_token_is_worth_nothing_without_its_certificate() {
    for mode in Mode::ALL {
        let authority = Authority::new();
        let (own, other) = (authority.identity("alice.example.com"), authority.identity("mallory.example.com"));
        let ends = Ends::start(mode, "jwt", "", authority);
        let jwt = |thumbprint: Value| {
            Token::new().scope("weather:read").claim("cnf", json!({"x5t#S256": thumbprint})).sign(&Key::rsa_a())
        };
        let (bound, unbound) = (jwt(json!(own.thumbprint())), Token::new().scope("weather:read").sign(&Key::rsa_a()));
        let told = call(&bound).header("x-forwarded-client-cert", forwarded_certificate(&own));
        let [with_own, with_other, without] = [Some(&own), Some(&other), None].map(|identity| ends.client(identity));
        let plain = crate::support::client::Client::new(ends.plain());

        let scenario = ends.upstream.scenario(|_| Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})));
        assert_eq!(with_own.send(&call(&bound).scenario(&scenario)).status, 200, "{mode:?}");
        assert_eq!(scenario.requests().len(), 1, "{mode:?}");
        assert_eq!(with_own.send(&call(&bound)).status, 200, "{mode:?}: in a resumed session");
        assert_eq!(with_own.send(&call(&unbound)).status, 200, "{mode:?}: who shows a certificate need not be bound");
        let refused = [
            (with_other.send(&call(&bound)), "certificate_mismatch"),
            (with_other.send(&told), "certificate_mismatch"),
            (without.send(&call(&bound)), "certificate_missing"),
            (without.send(&told), "certificate_missing"),
            (plain.send(&call(&bound)), "certificate_missing"),
            (plain.send(&told), "certificate_missing"),
            (with_own.send(&call(&jwt(json!(own.hex())))), "token_bound"),
        ];
        for (response, reason) in &refused {
            assert_eq!(response.status, 401, "{mode:?}: {reason}");
            assert!(response.challenge().unwrap().starts_with("Bearer error=\"invalid_token\""), "{mode:?}: {reason}");
        }
        let reasons = ["allowed"; 3].into_iter().chain(refused.iter().map(|(_, reason)| *reason));
        crate::support::wait_until("all records", || ends.reasons().len() >= 10);
        assert_eq!(ends.reasons(), reasons.collect::<Vec<_>>(), "{mode:?}");
    }
}

#[test]
fn what_an_endpoint_says_of_a_certificate_holds_for_those_that_waited_for_it() {
    for mode in Mode::ALL {
        for validation in ["introspection", "jwt_and_introspection"] {
            let authority = Authority::new();
            let (own, other) = (authority.identity("alice.example.com"), authority.identity("mallory.example.com"));
            let ends = Ends::start(mode, validation, &own.thumbprint(), authority);
            let token = Token::new().scope("weather:read").sign(&Key::rsa_a());
            let status = |identity| ends.client(identity).send(&call(&token)).status;
            let found = [Some(&own), Some(&other), None, Some(&own)].map(status);
            assert_eq!(found, [200, 401, 401, 200], "{mode:?}, {validation}");
            let plain = crate::support::client::Client::new(ends.plain());
            assert_eq!(plain.send(&call(&token)).status, 401, "{mode:?}, {validation}");
        }
    }
}
