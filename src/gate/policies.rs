//! Policies of a control plane: asked for once for all workers, and swapped in each.

use log::Level;

use super::effect::{Answer, Host};
use super::{Gate, Purpose};
use crate::audit::event_line;
use crate::callout::Request;
use crate::config::{Config, ControlPlane, Live, MAX_POLICY};
use crate::ids::ResourceId;
use crate::policy::Policy;
use crate::remote::{Answered, Names, PolicyWorker, RemotePolicy, State};
use crate::workers::{SharedNames, first_to_say};

/// The source of one resource's policy.
pub(super) struct PolicySource {
    resource: ResourceId,
    names: Names,
    policy: RemotePolicy,
    /// The state that held when this worker last looked.
    state: State,
}

impl PolicySource {
    /// The sources of a configuration. `worker` is a number that no other worker has.
    pub fn all(config: &Config, names: &SharedNames, worker: u64) -> Vec<Self> {
        let sources = config.resources.with_ids().filter_map(|(id, resource)| {
            let source = resource.policy_source.as_ref()?;
            let names = Names::new(names, resource.identifier.as_str(), source);
            let policy = RemotePolicy::new(source.timing(), worker);
            Some(Self { resource: id, names, policy, state: State::Waiting })
        });
        sources.collect()
    }

    /// The names of what is shared.
    pub fn names(&self) -> [String; 3] {
        self.names.all()
    }
}

impl Gate {
    /// Does something with the policy of source `at`, as one worker of several.
    fn with_policy<T>(
        &mut self,
        at: usize,
        host: &Host<'_>,
        act: impl FnOnce(&mut PolicyWorker<'_>) -> T,
    ) -> Option<T> {
        let PolicySource { resource, names, policy, .. } = self.policies.get_mut(at)?;
        let read = |document: &[u8]| self.config.read_policy(*resource, document);
        Some(act(&mut PolicyWorker { data: host.shared, names, policy, read: &read }))
    }

    /// Takes over what other workers have: the first request may find it.
    pub(super) fn look_at_policies(&mut self, host: &Host<'_>) {
        for at in 0..self.policies.len() {
            let live = self.with_policy(at, host, |worker| worker.look(host.now)).flatten();
            self.apply_policy(at, live, host);
        }
    }

    /// Time goes by: takes over what other workers did, and asks where it is due.
    pub(super) fn advance_policies(&mut self, host: &Host<'_>) {
        for at in 0..self.policies.len() {
            if self.with_policy(at, host, |worker| worker.tick(host.now)) == Some(true) {
                self.calls.give_up(|purpose| *purpose == Purpose::Policy(at));
                self.policy_failed(at, "no answer in time");
            }
            let Some((live, asks)) = self.with_policy(at, host, |worker| worker.advance(host.now)) else { continue };
            if asks && let Some(request) = self.policy_request(at) {
                // The answer to an older request must not replace that to this one.
                self.calls.give_up(|purpose| *purpose == Purpose::Policy(at));
                self.call(Purpose::Policy(at), request);
            }
            self.apply_policy(at, live, host);
        }
    }

    fn policy_request(&self, at: usize) -> Option<Request> {
        let source = self.policies.get(at)?;
        let plane = self.config.resources.get(source.resource)?.policy_source.as_ref()?;
        let mut request = plane.endpoint.request("GET").with("accept", "application/json");
        request.headers.extend(source.policy.etag().map(|etag| ("if-none-match", etag.to_owned())));
        Some(request)
    }

    /// The host could not send a request.
    pub(super) fn policy_refused(&mut self, at: usize, status: u32, host: &Host<'_>) {
        let source = self.policies.get(at);
        let resource = source.and_then(|source| self.config.resources.get(source.resource));
        let fault = refused(resource.and_then(|resource| resource.policy_source.as_ref()), status);
        self.with_policy(at, host, |worker| worker.finish(false, host.now));
        self.policy_failed(at, &fault);
        self.apply_policy(at, None, host);
    }

    /// An answer came.
    pub(super) fn policy_answered(&mut self, at: usize, answer: &Answer<'_>, host: &Host<'_>) {
        let body = answer.body(MAX_POLICY);
        let answered =
            self.with_policy(at, host, |worker| worker.answered(answer.status, answer.etag, body.as_deref(), host.now));
        let mut live = None;
        match answered {
            Some(Answered::New(new)) => {
                self.count("policy", "success");
                self.tell_policy(at, &new);
                live = Some(new);
            }
            Some(Answered::Same) => self.count("policy", "success"),
            Some(Answered::Refused(faults)) => {
                self.count("policy", "failure");
                faults.iter().for_each(|fault| self.policy_warning(at, &format!("refused: {fault}")));
            }
            Some(Answered::Failed(fault)) => self.policy_failed(at, &fault),
            None => {}
        }
        self.apply_policy(at, live, host);
    }

    /// Puts `live` into force, and closes or opens the policy as its state has become.
    fn apply_policy(&mut self, at: usize, live: Option<Live>, host: &Host<'_>) {
        let Some(source) = self.policies.get_mut(at) else { return };
        let state = source.policy.state(host.now);
        let before = std::mem::replace(&mut source.state, state);
        if live.is_none() && state == before {
            return;
        }
        if let Some(resource) = self.config.resources.get_mut(source.resource) {
            match live {
                Some(Live::InForce { policy, supported, .. }) => resource.adopt(*policy, supported),
                Some(Live::Withheld { .. }) => resource.adopt(Policy::closed(), None),
                None => {}
            }
            // Before anything came, what is configured stays as it is.
            if source.policy.has_document() {
                resource.close(state.is_closed());
            }
            self.known.drift.policy_changed(source.resource, &resource.policy);
        }
        if state != before {
            self.tell_state(at, state, host);
        }
    }

    /// A change that all workers see stands in the log once.
    fn tell_state(&mut self, at: usize, state: State, host: &Host<'_>) {
        let Some(source) = self.policies.get(at) else { return };
        let Some(last) = first_to_say(host.shared, &source.names.state, state.as_str()) else { return };
        let (event, detail) = match state {
            State::Waiting => return,
            State::Live if last.is_empty() || last == State::Live.as_str() => return,
            State::Live => ("recovered", "the control plane's policy is in force"),
            State::Failing => ("outage", "the control plane does not deliver it; what was in force still is"),
            State::Stale => ("outage", "the control plane has not delivered it for too long: everything is denied"),
            State::Withheld => ("outage", "the control plane's policy is not complete: everything is denied"),
        };
        let resource = self.resource_name(source.resource);
        self.event(event, &format!("policy of {resource}: {detail}"));
    }

    /// A new document, told of by the worker that got it.
    fn tell_policy(&mut self, at: usize, live: &Live) {
        let Some(source) = self.policies.get(at) else { return };
        let resource = self.resource_name(source.resource);
        match live {
            Live::InForce { warnings, .. } => {
                let line = event_line("policy_changed", None, &format!("policy of {resource}: another is in force"));
                self.log_event("policy_changed", line);
                warnings.iter().for_each(|warning| self.policy_warning(at, &warning.to_string()));
            }
            Live::Withheld { state } => self.policy_warning(at, &format!("withheld in state {state}")),
        }
    }

    fn policy_failed(&mut self, at: usize, fault: &str) {
        self.count("policy", "failure");
        self.policy_warning(at, fault);
    }

    fn policy_warning(&mut self, at: usize, message: &str) {
        let resource = self.policies.get(at).map(|source| self.resource_name(source.resource)).unwrap_or_default();
        self.log(Level::Warn, format!("the policy of {resource} from its control plane: {message}"));
    }
}

/// The fault of a request to a control plane that the host could not send.
pub(super) fn refused(plane: Option<&ControlPlane>, status: u32) -> String {
    let cluster = plane.map(|plane| plane.endpoint.cluster.as_str()).unwrap_or_default();
    format!("the host refused a call to cluster {cluster} ({status}); is it defined?")
}
