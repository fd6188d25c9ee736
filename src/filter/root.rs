//! The root context: reads the configuration, looks after keys and time, and wakes the streams that wait.

use std::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::drift;
use super::host::{self, Buffer};
use super::http::Stream;
use super::keys::KeyFetches;
use super::metrics::{self, Defined};
use super::publish::Publishing;
use super::remote::PolicyFetches;
use super::shared::{AT_ONCE, Shared};
use super::sink::Posts;
use crate::config::Config;
use crate::drift::worker::Told;
use crate::exchange::Awaited;
use crate::token::TokenDigest;
use crate::workers::{InUse, SharedData, SharedNames};

/// What the plugin configuration may have: far beyond any real one, far below a worker's memory.
const MAX_CONFIGURATION: usize = 64 << 20;

thread_local! {
    /// What the instances in this VM share with others: an old and a new configuration are two of them for a while.
    static IN_USE: RefCell<InUse> = RefCell::default();
}

/// One plugin instance in one worker.
pub struct Root {
    pub(super) id: u32,
    pub(super) shared: Option<Rc<Shared>>,
    keys: Option<KeyFetches>,
    policies: Option<PolicyFetches>,
    publishing: Option<Publishing>,
    metrics: Defined,
    posts: Posts,
    /// The names of all that this instance shares, and which may go when it ends.
    names: Vec<String>,
    /// Whether time ever went by: not for the copy that only checks a configuration, which leaves nothing to others.
    ticked: bool,
    /// The token that each call to an introspection endpoint is about, by the host's name for the call: its issuer's
    /// place and its digest.
    pub(super) calls: Vec<(u32, (usize, TokenDigest))>,
}

impl Root {
    pub fn new(id: u32) -> Self {
        Self {
            id,
            shared: None,
            keys: None,
            policies: None,
            publishing: None,
            metrics: Defined::default(),
            posts: Posts::default(),
            names: Vec::new(),
            ticked: false,
            calls: Vec::new(),
        }
    }

    /// Looks after the keys, and then after what tokens that waited for them need besides.
    fn advance_keys(&mut self) {
        let (Some(shared), Some(keys)) = (&self.shared, &mut self.keys) else { return };
        keys.advance(shared, || wake_for_keys(shared, self.id));
        self.ask_endpoints();
    }
}

fn wake_for_keys(shared: &Shared, root: u32) {
    shared.try_again(root, &|exchange| exchange.awaits() == Some(Awaited::Keys));
}

impl Context for Root {
    fn on_http_call_response(&mut self, call: u32, _headers: usize, body_size: usize, _trailers: usize) {
        if let Some(at) = self.calls.iter().position(|(own, _)| *own == call) {
            let (_, (issuer, digest)) = self.calls.swap_remove(at);
            self.read_endpoint_answer(issuer, digest, body_size);
            // Whoever wants a more recent answer than this one asks anew.
            self.ask_endpoints();
            return;
        }
        let Some(shared) = self.shared.clone() else { return };
        // Nobody waits for these.
        if self.posts.answered(&shared, call) {
            return;
        }
        if self.publishing.as_mut().is_some_and(|publishing| publishing.answered(&shared, call, body_size)) {
            return;
        }
        if self.policies.as_mut().is_some_and(|policies| policies.answered(&shared, call, body_size)) {
            return;
        }
        if self.keys.as_mut().is_some_and(|keys| keys.answered(&shared, call, body_size)) {
            wake_for_keys(&shared, self.id);
            // A waiting token may have asked for yet another fetch.
            self.advance_keys();
        }
    }

    fn on_done(&mut self) -> bool {
        if let (Some(shared), Some(keys)) = (&self.shared, &self.keys) {
            keys.release(shared);
        }
        let unused = IN_USE.with_borrow_mut(|in_use| in_use.end(&self.names));
        for name in unused.into_iter().filter(|_| self.ticked) {
            let _ = host::Shared.overwrite(name, &[]);
        }
        true
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
        let property = |name| host::property(name).unwrap_or_default();
        let names = SharedNames::new(&property("plugin_name"), &property("plugin_root_id"));
        let keys = KeyFetches::new(&config, &names);
        let told = Told::new(&config, &names);
        let mut used = told.names().to_vec();
        let shared = Rc::new(Shared::new(config, told, &names));
        shared.look_at_host();
        keys.look(&shared);
        let (policies, publishing) = (PolicyFetches::new(&shared, &names), Publishing::new(&shared, &names));
        used.extend(keys.names().chain(policies.names()).chain(publishing.names()));
        IN_USE.with_borrow_mut(|in_use| in_use.begin(&used));
        self.names = used;
        (self.policies, self.publishing) = (Some(policies), Some(publishing));
        (self.shared, self.keys) = (Some(shared), Some(keys));
        // What is missing is fetched at the first tick.
        if host::set_tick_period(AT_ONCE).is_err() {
            log::error!("configuration refused: the host has no timer");
            return false;
        }
        true
    }

    fn on_tick(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        self.ticked = true;
        shared.look_at_host();
        if let Some(policies) = &mut self.policies {
            policies.advance(&shared);
        }
        if let Some(publishing) = &mut self.publishing {
            publishing.advance(&shared);
        }
        self.give_up_endpoints();
        self.advance_keys();
        shared.take_turns(self.id);
        shared.wake(self.id, &|exchange| exchange.awaits().is_none(), &|exchange, env| exchange.tick(env));
        shared.end_outlived(self.id);
        // Of some, their issuer is asked again.
        self.ask_endpoints();
        let told = drift::look(&mut shared.told.borrow_mut(), &mut shared.drift.borrow_mut(), &shared.config.borrow());
        told.iter().for_each(|(event, line)| shared.log_event(event, line));
        self.posts.advance(&shared);
        metrics::flush(&shared, &mut self.metrics);
        shared.ticked();
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(id, self.shared.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
