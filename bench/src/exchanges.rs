//! Exchanges of the core without a host: what the filter does between two of the host's calls.

use toolgate::audit::DecisionIds;
use toolgate::config::Config;
use toolgate::dpop::Proofs;
use toolgate::drift::Drift;
use toolgate::exchange::{Env, Exchange, RequestHead, Step};
use toolgate::headers::Headers;
use toolgate::introspection::Introspections;
use toolgate::jwks::{NotShared, SharedData, SharedNames, Versioned};
use toolgate::keys::IssuerKeys;
use toolgate::signature::PureVerifier;
use toolgate::time::UnixTime;
use toolgate::token::TokenCache;

/// One plugin instance: what the streams of a worker share.
pub struct Gate {
    config: Config,
    keys: IssuerKeys,
    tokens: TokenCache,
    introspection: Introspections,
    drift: Drift,
    proofs: Proofs,
    ids: DecisionIds,
    host_shows_bodies: bool,
}

/// A host that shares nothing: no token here is bound to a key.
struct Alone;

impl SharedData for Alone {
    fn read(&self, _: &str) -> Result<Versioned, NotShared> {
        Err(NotShared)
    }

    fn replace(&self, _: &str, _: &Versioned, _: &[u8]) -> Result<bool, NotShared> {
        Err(NotShared)
    }

    fn overwrite(&self, _: &str, _: &[u8]) -> Result<(), NotShared> {
        Err(NotShared)
    }
}

impl Gate {
    pub fn new(config: Config) -> Self {
        Self {
            keys: IssuerKeys::new(&config.issuers, 1),
            tokens: TokenCache::keyed(config.token_cache_entries, Some([7; 16])),
            introspection: Introspections::new(&config.issuers),
            drift: Drift::new(&config, 1),
            proofs: Proofs::new(SharedNames::new(b"", b"", b""), None),
            config,
            ids: DecisionIds::new(1),
            host_shows_bodies: true,
        }
    }

    /// The step that ends with the verdict on a request with this body.
    pub fn decide(&mut self, headers: Headers, body: &[u8], now: UnixTime) -> Step {
        self.exchange(headers, body, now).1
    }

    /// A request with its body, up to the verdict: the exchange as it then stands, and the verdict's step.
    pub fn exchange(&mut self, headers: Headers, body: &[u8], now: UnixTime) -> (Exchange, Step) {
        let mut exchange = Exchange::default();
        let has_body = !body.is_empty();
        let mut step = self.run(now, |env| exchange.request_headers(RequestHead::new(headers), !has_body, env));
        if has_body && exchange.is_undecided() {
            let read = |max: usize| body.get(..max.min(body.len())).map(<[u8]>::to_vec);
            step = self.run(now, |env| exchange.request_body(body.len(), true, &read, env));
        }
        (exchange, step)
    }

    /// A `tools/list`, answered by this document: the step that trims it.
    pub fn list(&mut self, headers: &Headers, document: &[u8], now: UnixTime) -> Step {
        const LIST: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let (mut exchange, _) = self.exchange(headers.clone(), LIST, now);
        let answered = Headers::new(vec![("content-type".to_owned(), b"application/json".to_vec())]);
        self.run(now, |env| exchange.response_headers(200, &answered, false, env));
        let read = |max: usize| document.get(..max.min(document.len())).map(<[u8]>::to_vec);
        self.run(now, |env| exchange.response_body(document.len(), true, &read, env))
    }

    /// Runs one event.
    pub fn run(&mut self, now: UnixTime, event: impl FnOnce(&mut Env<'_>) -> Step) -> Step {
        event(&mut Env {
            config: &self.config,
            keys: &mut self.keys,
            tokens: &mut self.tokens,
            introspection: &mut self.introspection,
            drift: &mut self.drift,
            proofs: &mut self.proofs,
            shared: &Alone,
            peer_certificate: &|| None,
            verifier: &PureVerifier,
            now,
            ids: &mut self.ids,
            host_shows_bodies: &mut self.host_shows_bodies,
            may_wait: true,
        })
    }
}
