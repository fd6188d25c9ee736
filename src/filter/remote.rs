//! Policies of a control plane: asked for once for all workers, and swapped in each.

use super::callout;
use super::host;
use super::shared::Shared;
use crate::audit::event_line;
use crate::callout::Request;
use crate::config::{Live, MAX_POLICY};
use crate::policy::Policy;
use crate::remote::{Answered, Names, PolicyWorker, RemotePolicy, State};
use crate::time::UnixTime;
use crate::workers::{SharedNames, first_to_say};

/// The remote policies of one plugin instance in one worker.
pub struct PolicyFetches {
    sources: Vec<Source>,
}

/// Where one resource's policy comes from.
struct Source {
    /// The resource.
    place: usize,
    names: Names,
    policy: RemotePolicy,
    /// The request under way, by the host's name for it.
    call: Option<u32>,
    /// What held when this worker last looked.
    state: State,
}

impl PolicyFetches {
    /// For a configuration. What other workers have is taken over at once: the first request may find it.
    pub fn new(shared: &Shared, names: &SharedNames) -> Self {
        let worker = host::random().map_or_else(|| host::now().as_millis(), u64::from_le_bytes);
        let config = shared.config.borrow();
        let sources = config.resources.iter().enumerate().filter_map(|(place, resource)| {
            let source = resource.policy_source.as_ref()?;
            let names = Names::new(names, resource.identifier.as_str(), source);
            let policy = RemotePolicy::new(source.timing(), worker);
            Some(Source { place, names, policy, call: None, state: State::Waiting })
        });
        let mut own = Self { sources: sources.collect() };
        drop(config);
        for source in &mut own.sources {
            let live = source.share(shared, |mut worker| worker.look(host::now()));
            source.apply(shared, live, host::now());
        }
        own
    }

    /// Time goes by: takes over what other workers did, and asks where it is due.
    pub fn advance(&mut self, shared: &Shared) {
        for source in &mut self.sources {
            source.advance(shared);
        }
    }

    /// An answer came. Says whether it was to one of these.
    pub fn answered(&mut self, shared: &Shared, call: u32, body_size: usize) -> bool {
        let Some(source) = self.sources.iter_mut().find(|source| source.call == Some(call)) else { return false };
        source.call = None;
        source.answered(shared, body_size);
        true
    }

    /// The names of what is shared.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.sources.iter().flat_map(|source| source.names.all())
    }
}

impl Source {
    /// Does something as one worker of several.
    fn share<T>(&mut self, shared: &Shared, act: impl FnOnce(PolicyWorker<'_, host::Shared>) -> T) -> T {
        let config = shared.config.borrow();
        let read = |document: &[u8]| config.read_policy(self.place, document);
        act(PolicyWorker { data: &host::Shared, names: &self.names, policy: &mut self.policy, read: &read })
    }

    fn advance(&mut self, shared: &Shared) {
        let now = host::now();
        if self.share(shared, |mut worker| worker.tick(now)) {
            // Should its answer come after all, it is nobody's.
            self.call = None;
            self.warn(shared, "no answer in time");
        }
        let (live, asks) = self.share(shared, |mut worker| worker.advance(now));
        if asks && let Err(fault) = self.ask(shared) {
            self.share(shared, |mut worker| worker.finish(false, now));
            self.warn(shared, &fault);
        }
        self.apply(shared, live, now);
    }

    fn ask(&mut self, shared: &Shared) -> Result<(), String> {
        let config = shared.config.borrow();
        let source = config.resources.get(self.place).and_then(|resource| resource.policy_source.as_ref());
        let mut request =
            source.ok_or("there is no source")?.endpoint.request("GET").with("accept", "application/json");
        request.headers.extend(self.policy.etag().map(|etag| ("if-none-match", etag.to_owned())));
        self.call = Some(send(&request)?);
        Ok(())
    }

    fn answered(&mut self, shared: &Shared, body_size: usize) {
        let answer = callout::answer(body_size, MAX_POLICY);
        let (etag, body, now) = (answer.etag.as_deref(), answer.body.as_deref(), host::now());
        let mut live = None;
        match self.share(shared, |mut worker| worker.answered(answer.status, etag, body, now)) {
            Answered::New(new) => {
                shared.count("policy", "success");
                self.tell(shared, &new);
                live = Some(new);
            }
            Answered::Same => shared.count("policy", "success"),
            Answered::Refused(faults) => {
                shared.count("policy", "failure");
                faults.iter().for_each(|fault| self.warn(shared, &format!("refused: {fault}")));
            }
            Answered::Failed(fault) => {
                shared.count("policy", "failure");
                self.warn(shared, &fault);
            }
        }
        self.apply(shared, live, now);
    }

    /// Puts `live` into force, and closes or opens the policy as its state has become.
    fn apply(&mut self, shared: &Shared, live: Option<Live>, now: UnixTime) {
        let state = self.policy.state(now);
        let before = std::mem::replace(&mut self.state, state);
        if live.is_none() && state == before {
            return;
        }
        if let Some(resource) = shared.config.borrow_mut().resources.get_mut(self.place) {
            match live {
                Some(Live::InForce { policy, supported, .. }) => resource.adopt(*policy, supported),
                Some(Live::Withheld { .. }) => resource.adopt(Policy::closed(), None),
                None => {}
            }
            // Before anything came, what is configured stays as it is.
            if self.policy.has_document() {
                resource.close(state.is_closed());
            }
        }
        if let Some(resource) = shared.config.borrow().resources.get(self.place) {
            shared.drift.borrow_mut().policy_changed(self.place, &resource.policy);
        }
        self.tell_state(shared, before, state);
    }

    /// What all workers see changes once in the log.
    fn tell_state(&self, shared: &Shared, before: State, state: State) {
        if state == before {
            return;
        }
        let Some(last) = first_to_say(&host::Shared, &self.names.state, state.as_str()) else { return };
        let (event, detail) = match state {
            State::Waiting => return,
            State::Live if last.is_empty() || last == State::Live.as_str() => return,
            State::Live => ("recovered", "the control plane's policy is in force"),
            State::Failing => ("outage", "the control plane does not deliver it; what was in force still is"),
            State::Stale => ("outage", "the control plane has not delivered it for too long: everything is denied"),
            State::Withheld => ("outage", "the control plane's policy is not complete: everything is denied"),
        };
        shared.log_event(event, &event_line(event, None, &format!("policy of {}: {detail}", self.resource(shared))));
    }

    /// A new document, told of by the worker that got it.
    fn tell(&self, shared: &Shared, live: &Live) {
        let resource = self.resource(shared);
        match live {
            Live::InForce { warnings, .. } => {
                let line = event_line("policy_changed", None, &format!("policy of {resource}: another is in force"));
                shared.log_event("policy_changed", &line);
                warnings.iter().for_each(|warning| self.warn(shared, &warning.to_string()));
            }
            Live::Withheld { state } => self.warn(shared, &format!("withheld in state {state}")),
        }
    }

    fn warn(&self, shared: &Shared, message: &str) {
        log::warn!("the policy of {} from its control plane: {message}", self.resource(shared));
    }

    fn resource(&self, shared: &Shared) -> String {
        let config = shared.config.borrow();
        config.resources.get(self.place).map(|resource| resource.identifier.as_str().to_owned()).unwrap_or_default()
    }
}

/// Sends a request to a control plane.
pub fn send(request: &Request) -> Result<u32, String> {
    let cluster = &request.cluster;
    callout::send(request)
        .map_err(|status| format!("the host refused a call to cluster {cluster} ({status}); is it defined?"))
}
