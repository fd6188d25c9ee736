//! A real authorization server whose tokens are JWTs, which it revokes and introspects as well: Ory Hydra, as
//! `tests/hydra/` builds it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::bootstrap::Setup;
use super::client::{Client, Request};
use super::oidc::form_post;
use super::process::{Process, Scratch, free_addresses};
use super::tokens::{AUDIENCE, ISSUER};
use super::wait_until;

/// The cluster of the port on which it introspects: not the public one.
pub const ADMIN_CLUSTER: &str = "hydra_admin";

/// The running server; dropping it ends it.
pub struct Hydra {
    _process: Process,
    public: SocketAddr,
    admin: SocketAddr,
}

impl Hydra {
    /// Starts it with one client, whose tokens live for `lifetime` seconds.
    pub fn start(lifetime: u32) -> Self {
        let binary = super::at_root(".cache/hydra/hydra");
        assert!(binary.exists(), "there is no {}: `make providers` builds it", binary.display());
        let binary = binary.to_str().expect("a path");
        let [public, admin] = free_addresses();
        let environment = [
            ("DSN", "memory".to_owned()),
            ("STRATEGIES_ACCESS_TOKEN", "jwt".to_owned()),
            ("TTL_ACCESS_TOKEN", format!("{lifetime}s")),
            ("URLS_SELF_ISSUER", ISSUER.to_owned()),
            ("SECRETS_SYSTEM", "of these tests and of no one else".to_owned()),
            ("SERVE_PUBLIC_HOST", public.ip().to_string()),
            ("SERVE_PUBLIC_PORT", public.port().to_string()),
            ("SERVE_ADMIN_HOST", admin.ip().to_string()),
            ("SERVE_ADMIN_PORT", admin.port().to_string()),
            // It tells no one that it runs.
            ("SQA_OPT_OUT", "true".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        // `--dev`: without TLS.
        let mut process = Process::start(Scratch::new(), &[binary, "serve", "all", "--dev"], &environment);
        wait_until("Hydra to be ready", || {
            assert!(!process.has_ended(), "Hydra has ended");
            std::net::TcpStream::connect(admin).is_ok()
                && Client::new(admin).get("/health/ready").status == 200
                && std::net::TcpStream::connect(public).is_ok()
        });
        let hydra = Self { _process: process, public, admin };
        let client = json!({
            "client_id": "caller", "client_secret": "caller-s3cret", "grant_types": ["client_credentials"],
            "scope": "weather:read weather:write", "audience": [AUDIENCE],
        });
        let answer = Client::new(admin).send(&Request::post("/admin/clients", &client));
        assert_eq!(answer.status, 201, "{}", answer.text());
        // It makes its keys when they are first needed, which takes seconds of the first token's life.
        hydra.token("weather:read");
        Client::new(public).get("/.well-known/openid-configuration");
        hydra
    }

    /// The part of an issuer's configuration that is needed to reach it.
    pub fn issuer(&self) -> Value {
        json!({
            "issuer": ISSUER, "profile": "hydra",
            "jwks": {"discover": true, "cluster": "auth"},
            "introspection": {"uri": format!("{ISSUER}/admin/oauth2/introspect"), "cluster": ADMIN_CLUSTER},
        })
    }

    /// Envoy with the clusters that reach it.
    pub fn before(&self, setup: Setup) -> Setup {
        let at = |cluster: &mut Value, address: SocketAddr| {
            cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"] =
                json!({"address": address.ip().to_string(), "port_value": address.port()});
        };
        let mut admin = Value::Null;
        setup
            .cluster("auth", |auth| {
                at(auth, self.public);
                auth.as_object_mut().expect("a cluster").remove("transport_socket");
                admin = auth.clone();
                at(&mut admin, self.admin);
                admin["name"] = json!(ADMIN_CLUSTER);
                admin["load_assignment"]["cluster_name"] = json!(ADMIN_CLUSTER);
            })
            .edit(|bootstrap| {
                let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters");
                clusters.push(admin);
            })
    }

    /// A token for [`AUDIENCE`], by client credentials.
    pub fn token(&self, scope: &str) -> String {
        let form = format!("grant_type=client_credentials&scope={scope}&audience={AUDIENCE}");
        let answer = Client::new(self.public).send(&form_post("/oauth2/token", &form));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }

    /// Revokes a token (RFC 7009).
    pub fn revoke(&self, token: &str) {
        let answer = Client::new(self.public).send(&form_post("/oauth2/revoke", &format!("token={token}")));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}
