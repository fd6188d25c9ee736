//! Exchanges of the core without a host: what the filter does between two of the host's calls.

use toolgate::config::Config;
use toolgate::exchange::{Env, Exchange, Instance, RequestHead, Step, Wants};
use toolgate::headers::Headers;
use toolgate::meter::Meter;
use toolgate::signature::PureVerifier;
use toolgate::time::UnixTime;
use toolgate::token::TokenCache;

/// One plugin instance: what the streams of a worker share.
pub struct Gate {
    config: Config,
    instance: Instance,
}

impl Gate {
    pub fn new(config: Config) -> Self {
        let tokens = TokenCache::keyed(config.token_cache_entries, Some([7; 16]));
        let instance = Instance { tokens, host_shows_bodies: true, ..Instance::new(&config) };
        Self { config, instance }
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
        if has_body && exchange.wants() == Wants::Verdict {
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

    /// Runs one event. Nobody waits for a turn here: what is measured is the work itself.
    pub fn run(&mut self, now: UnixTime, event: impl FnOnce(&mut Env<'_>) -> Step) -> Step {
        self.instance.meter = Meter::default();
        event(&mut self.instance.env(&self.config, &PureVerifier, now))
    }
}
