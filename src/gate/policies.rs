//! Policies of a control plane. One worker fetches for all; each puts the policy into force.

use log::Level;

use super::effect::{Answer, Host};
use super::record::{OUTAGE, RECOVERED};
use super::sent::{Sent, late};
use super::{Gate, Purpose};
use crate::audit::Event;
use crate::callout::Request;
use crate::config::{Config, Live, MAX_POLICY, Resource};
use crate::ids::{ById, ResourceId};
use crate::policy::Policy;
use crate::remote::{Answered, Names, PolicyWorker, RemotePolicy, State};
use crate::workers::{SharedNames, first_to_say};

/// The source of each resource's policy. `None` if its policy is configured.
pub(super) struct PolicySources(ById<ResourceId, Option<PolicySource>>);

struct PolicySource {
    names: Names,
    policy: RemotePolicy,
    /// The state when this worker last looked.
    state: State,
    /// This worker's last call in words.
    told: Option<String>,
}

impl PolicySources {
    /// The sources of a configuration. `worker` is a number that no other worker has.
    pub fn new(config: &Config, names: &SharedNames, worker: u64) -> Self {
        let source = |resource: &Resource| {
            let source = resource.policy_source.as_ref()?;
            let names = Names::new(names, resource.identifier.as_str(), source);
            let policy = RemotePolicy::new(source.timing(), worker);
            Some(PolicySource { names, policy, state: State::Waiting, told: None })
        };
        Self(config.resources.map(source))
    }

    /// The names of all shared values.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().flatten().flat_map(|source| source.names.all())
    }

    fn get(&self, id: ResourceId) -> Option<&PolicySource> {
        self.0.get(id)?.as_ref()
    }

    fn get_mut(&mut self, id: ResourceId) -> Option<&mut PolicySource> {
        self.0.get_mut(id)?.as_mut()
    }
}

impl Gate {
    /// Does something with the policy of a resource, as one worker of several.
    fn with_policy<T>(
        &mut self,
        id: ResourceId,
        host: &Host<'_>,
        act: impl FnOnce(&mut PolicyWorker<'_>) -> T,
    ) -> Option<T> {
        let PolicySource { names, policy, .. } = self.policies.get_mut(id)?;
        let read = |document: &[u8]| self.config.read_policy(id, document);
        Some(act(&mut PolicyWorker { data: host.shared, names, policy, read: &read }))
    }

    /// Adopts the policies of other workers, so that the first request may find them.
    pub(super) fn look_at_policies(&mut self, host: &Host<'_>) {
        for id in self.policies.0.present() {
            let live = self.with_policy(id, host, |worker| worker.look(host.now)).flatten();
            self.apply_policy(id, live, host);
        }
    }

    /// Adopts the policies of other workers, and sends every request that is due.
    pub(super) fn advance_policies(&mut self, host: &Host<'_>) {
        for id in self.policies.0.present() {
            if self.with_policy(id, host, |worker| worker.tick(host.now)) == Some(true) {
                let sent = self.calls.give_up(&|purpose| *purpose == Purpose::Policy(id));
                self.policy_failed(id, late(sent.as_ref()));
            }
            let Some((live, asks)) = self.with_policy(id, host, |worker| worker.advance(host.now)) else { continue };
            if asks && let Some(request) = self.policy_request(id) {
                // The answer to an older request must not replace that to this one.
                self.calls.give_up(&|purpose| *purpose == Purpose::Policy(id));
                self.call(Purpose::Policy(id), request);
            }
            self.apply_policy(id, live, host);
        }
    }

    fn policy_request(&self, id: ResourceId) -> Option<Request> {
        let source = self.policies.get(id)?;
        let plane = self.config.resources.get(id)?.policy_source.as_ref()?;
        let mut request = plane.endpoint.request("GET").with("accept", "application/json");
        request.headers.extend(source.policy.etag().map(|etag| ("if-none-match", etag.to_owned())));
        Some(request)
    }

    /// Releases the lease of a request for this policy, because the instance ends.
    pub(super) fn release_policy(&mut self, id: ResourceId, host: &Host<'_>) {
        self.with_policy(id, host, |worker| worker.release(host.now));
    }

    /// The host could not send a request, which `told` is in words.
    pub(super) fn policy_refused(&mut self, id: ResourceId, told: String, host: &Host<'_>) {
        self.with_policy(id, host, |worker| worker.finish(false, host.now));
        self.policy_failed(id, told);
        self.apply_policy(id, None, host);
    }

    /// The answer to a request.
    pub(super) fn policy_answered(&mut self, id: ResourceId, (sent, answer): (&Sent, &Answer<'_>), host: &Host<'_>) {
        let body = answer.body(MAX_POLICY);
        let answered =
            self.with_policy(id, host, |worker| worker.answered(answer.status, answer.etag, body.as_deref(), host.now));
        let mut live = None;
        self.policy_told(id, sent.with_status(answer.status, ""));
        match answered {
            Some(Answered::New(new)) => {
                self.count("policy", "success");
                self.tell_policy(id, &new, host);
                live = Some(new);
            }
            Some(Answered::Same) => self.count("policy", "success"),
            Some(Answered::Refused(faults)) => {
                self.count("policy", "failure");
                faults.iter().for_each(|fault| self.policy_warning(id, &format!("refused: {fault}")));
            }
            Some(Answered::Failed(fault)) => self.policy_failed(id, sent.answered(answer, &fault)),
            None => {}
        }
        self.apply_policy(id, live, host);
    }

    /// Puts `live` into force, and closes or opens the policy according to its state.
    fn apply_policy(&mut self, id: ResourceId, live: Option<Live>, host: &Host<'_>) {
        let Some(source) = self.policies.get_mut(id) else { return };
        let state = source.policy.state(host.now);
        let before = std::mem::replace(&mut source.state, state);
        if live.is_none() && state == before {
            return;
        }
        if let Some(resource) = self.config.resources.get_mut(id) {
            match live {
                Some(Live::InForce { policy, supported, .. }) => resource.adopt(*policy, supported),
                Some(Live::Withheld { .. }) => resource.adopt(Policy::closed(), None),
                None => {}
            }
            // Until a document arrives, the configured policy stays in force.
            if source.policy.has_document() {
                resource.close(state.is_closed());
            }
            self.known.drift.policy_changed(id, &resource.policy);
        }
        if state != before {
            self.tell_state(id, state, host);
        }
    }

    /// Logs a change of state. All workers see it, and one of them logs it.
    fn tell_state(&mut self, id: ResourceId, state: State, host: &Host<'_>) {
        let what = format!("policy of {}", self.resource_name(id));
        let Some(source) = self.policies.get(id) else { return };
        let last = first_to_say(host.shared, &source.names.state, state.as_str());
        let Some((event, detail)) = last.and_then(|last| change(state, &last)) else {
            // What is held here is older than this change, which another worker has told.
            return self.known.limits.outages.forget(&what, &|_| true);
        };
        let told = source.told.as_ref().map(|told| format!(": {told}")).unwrap_or_default();
        self.change(&what, &Event::new(event, format!("{what}: {detail}{told}")), host);
    }

    /// Logs a new document. Only the worker that fetched it does.
    fn tell_policy(&mut self, id: ResourceId, live: &Live, host: &Host<'_>) {
        let resource = self.resource_name(id);
        match live {
            Live::InForce { warnings, .. } => {
                let detail = format!("policy of {resource}: a new one is in force");
                self.event(&Event::new("policy_changed", detail), host);
                warnings.iter().for_each(|warning| self.policy_warning(id, &warning.to_string()));
            }
            Live::Withheld { state } => self.policy_warning(id, &format!("withheld in state {state}")),
        }
    }

    /// A call failed, which `told` is in words.
    #[inline(never)]
    fn policy_failed(&mut self, id: ResourceId, told: String) {
        self.count("policy", "failure");
        self.policy_warning(id, &told);
        self.policy_told(id, told);
    }

    #[inline(never)]
    fn policy_told(&mut self, id: ResourceId, told: String) {
        if let Some(source) = self.policies.get_mut(id) {
            source.told = Some(told);
        }
    }

    fn policy_warning(&mut self, id: ResourceId, message: &str) {
        let resource = self.resource_name(id);
        self.log(Level::Warn, format!("the policy of {resource} from its control plane: {message}"));
    }
}

/// The event and the meaning of a change from the state `last` that was logged. `None` if it is neither an outage nor the
/// end of one.
fn change(state: State, last: &str) -> Option<(&'static str, &'static str)> {
    Some(match state {
        State::Waiting => return None,
        State::Live if last.is_empty() || last == State::Live.as_str() => return None,
        State::Live => (RECOVERED, "the control plane's policy is in force"),
        State::Failing => (OUTAGE, "the control plane does not deliver it; the previous policy stays in force"),
        State::Stale => (OUTAGE, "the control plane has not delivered it for too long: everything is denied"),
        State::Withheld => (OUTAGE, "the control plane's policy is not complete: everything is denied"),
    })
}
