//! The root context: reads the configuration, owns the fetches of key sets, and wakes the streams that wait.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::callout;
use super::host::{self, Buffer};
use super::http::Stream;
use super::shared::{Shared, TICK};
use crate::config::{Config, KeySource};
use crate::exchange::{Awaited, Exchange};
use crate::jwks::{self, KeySet};
use crate::token::TokenDigest;

/// What the plugin configuration may have: far beyond any real one, far below a worker's memory.
const MAX_CONFIGURATION: usize = 64 << 20;

/// One plugin instance in one worker.
pub struct Root {
    pub(super) id: u32,
    pub(super) shared: Option<Rc<Shared>>,
    /// What each call under way is about, by the host's name for it.
    pub(super) calls: Vec<(u32, Call)>,
}

/// What a callout is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A token of the issuer at this place, by its digest.
    Introspection(usize, TokenDigest),
    /// The key set of the issuer at this place.
    Keys(usize),
}

impl Root {
    pub fn new(id: u32) -> Self {
        Self { id, shared: None, calls: Vec::new() }
    }

    /// Starts every fetch that is due. An answer comes to the context that asked, so streams never ask themselves:
    /// with one of them the answer for all others would be lost.
    fn fetch_due(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        let due = shared.keys.borrow().due(host::now());
        let mut failed = false;
        for place in due {
            let sent = self.fetch(&shared, place);
            let mut keys = shared.keys.borrow_mut();
            let Some(cache) = keys.cache(place) else { continue };
            cache.started(host::now());
            if !sent {
                cache.finished(None, host::now());
                failed = true;
            }
        }
        // No answer will come for what was not sent, so whoever waits for it is told now.
        if failed {
            self.wake_for_keys();
        }
    }

    fn fetch(&mut self, shared: &Shared, place: usize) -> bool {
        let Some(issuer) = shared.config.issuers.get(place) else { return false };
        let Some(KeySource::Fetched { uri, cluster, timing }) = &issuer.keys else { return false };
        let request = callout::Request {
            cluster,
            method: "GET",
            uri,
            headers: vec![("accept", "application/json, application/jwk-set+json")],
            body: None,
            timeout: timing.timeout,
        };
        match callout::send(request) {
            Ok(token) => {
                self.calls.push((token, Call::Keys(place)));
                true
            }
            Err(status) => {
                let name = &issuer.name;
                log::warn!(
                    "the keys of issuer {name} cannot be fetched: the host refused a call to its cluster {cluster} ({status}); \
                     is it defined? (under --mode validate every call is refused)"
                );
                false
            }
        }
    }

    /// The key set of an answer.
    fn read_keys(body_size: usize, issuer: &str) -> Option<KeySet> {
        let answer = callout::answer(body_size, jwks::MAX_BYTES);
        let (Some(200), Some(body)) = (answer.status, answer.body) else {
            let status = answer.status.map_or("none".to_owned(), |status| status.to_string());
            log::warn!("the keys of issuer {issuer} were not delivered: status {status}, {body_size} bytes");
            return None;
        };
        match KeySet::parse(&body) {
            Ok(set) => {
                for (place, fault) in &set.skipped {
                    log::warn!("key {place} of issuer {issuer} is left out: {}", fault.code());
                }
                Some(set)
            }
            Err(fault) => {
                log::warn!("the keys of issuer {issuer} are no key set: {fault:?}");
                None
            }
        }
    }

    fn wake_for_keys(&self) {
        let Some(shared) = &self.shared else { return };
        let body = |size| host::buffer(Buffer::RequestBody, size);
        let waits = |exchange: &Exchange| exchange.awaits() == Some(Awaited::Keys);
        shared.wake(self.id, waits, |exchange, env| exchange.try_again(&body, env));
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _headers: usize, body_size: usize, _trailers: usize) {
        let Some(call) = self.calls.iter().position(|(own, _)| *own == token) else { return };
        let (_, call) = self.calls.swap_remove(call);
        match call {
            Call::Introspection(issuer, digest) => self.read_endpoint_answer(issuer, digest, body_size),
            Call::Keys(place) => self.keys_answered(place, body_size),
        }
    }
}

impl Root {
    fn keys_answered(&mut self, place: usize, body_size: usize) {
        let Some(shared) = self.shared.clone() else { return };
        let name = shared.config.issuers.get(place).map(|issuer| issuer.name.as_str()).unwrap_or_default();
        let set = Self::read_keys(body_size, name);
        if let Some(cache) = shared.keys.borrow_mut().cache(place) {
            cache.finished(set, host::now());
        }
        self.wake_for_keys();
        // A waiting token may have asked for yet another fetch, or for its issuer's word.
        self.fetch_due();
        self.ask_endpoints();
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = host::buffer(Buffer::PluginConfiguration, MAX_CONFIGURATION).unwrap_or_default();
        let config = match Config::parse(&bytes, &|name| std::env::var(name).ok()) {
            Ok(config) => config,
            Err(faults) => {
                faults.iter().for_each(|fault| log::error!("configuration refused: {fault}"));
                return false;
            }
        };
        config.warnings.iter().for_each(|warning| log::warn!("configuration: {warning}"));
        self.shared = Some(Rc::new(Shared::new(config)));
        if host::set_tick_period(TICK).is_err() {
            log::error!("configuration refused: the host has no timer");
            return false;
        }
        self.fetch_due();
        true
    }

    fn on_tick(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        shared.ticked();
        let given_up = shared.keys.borrow_mut().tick(host::now());
        if !given_up.is_empty() {
            // Should their answers come after all, they are nobody's.
            self.calls.retain(|(_, call)| !matches!(call, Call::Keys(place) if given_up.contains(place)));
            self.wake_for_keys();
        }
        self.fetch_due();
        self.give_up_endpoints();
        self.ask_endpoints();
        shared.wake(self.id, |exchange| exchange.awaits().is_none(), |exchange, env| exchange.tick(env));
        shared.end_outlived(self.id);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(id, self.shared.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
