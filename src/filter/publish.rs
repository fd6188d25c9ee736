//! Manifests of live tools, sent to a control plane. No request waits for it: it is done when time goes by.

use super::callout;
use super::host;
use super::remote::send;
use super::shared::Shared;
use crate::audit::{event_line, manifest_line};
use crate::config::{Format, Resource};
use crate::drift::inventory::{Inventory, MAX_BYTES};
use crate::node::Node;
use crate::remote::{PublishNames, Publisher};
use crate::workers::SharedNames;

/// What is read of an answer.
const MAX_ANSWER: usize = 64 << 10;

/// The manifests that one plugin instance publishes.
pub struct Publishing {
    targets: Vec<Target>,
    /// A number that no other worker has.
    owner: u64,
}

struct Target {
    /// The resource.
    place: usize,
    names: PublishNames,
    /// The request under way, by the host's name for it, and the digest of what it carries.
    call: Option<(u32, String)>,
}

impl Publishing {
    /// For a configuration.
    pub fn new(shared: &Shared, names: &SharedNames) -> Self {
        let config = shared.config.borrow();
        let target = |(place, resource): (usize, &Resource)| {
            let names = PublishNames::new(names, resource.identifier.as_str(), resource.publish.as_ref()?);
            Some(Target { place, names, call: None })
        };
        let targets = config.resources.iter().enumerate().filter_map(target);
        let owner = host::random().map_or_else(|| host::now().as_millis(), u64::from_le_bytes);
        Self { targets: targets.collect(), owner }
    }

    /// Time goes by: merges what was seen, and publishes what has changed.
    pub fn advance(&mut self, shared: &Shared) {
        for target in &mut self.targets {
            target.advance(shared, self.owner);
        }
    }

    /// An answer came. Says whether it was to one of these.
    pub fn answered(&mut self, shared: &Shared, call: u32, body_size: usize) -> bool {
        let is_it = |target: &&mut Target| target.call.as_ref().is_some_and(|(own, _)| *own == call);
        let Some(target) = self.targets.iter_mut().find(is_it) else { return false };
        target.answered(shared, self.owner, body_size);
        true
    }

    /// The names of what is shared.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.targets.iter().flat_map(|target| target.names.all())
    }
}

impl Target {
    fn publisher(&self, shared: &Shared, owner: u64) -> Option<Publisher<'_, host::Shared>> {
        let timing = shared.config.borrow().resources.get(self.place)?.publish.as_ref()?.timing();
        Some(Publisher { data: &host::Shared, names: &self.names, timing, owner })
    }

    fn advance(&mut self, shared: &Shared, owner: u64) {
        let Some(publisher) = self.publisher(shared, owner) else { return };
        let lists = shared.drift.borrow_mut().take_lists(self.place, publisher.current());
        if !lists.is_empty() {
            let (changed, late) = publisher.merge(&lists, host::now());
            if let Some(inventory) = changed {
                let line = manifest_line(&self.resource(shared), &inventory.manifest());
                shared.log_event("manifest", &line);
            }
            if late {
                shared.drift.borrow_mut().forget_lists(self.place);
            }
        }
        let Some((digest, inventory)) = publisher.due(host::now()) else { return };
        match self.put(shared, &inventory) {
            Ok(call) => self.call = Some((call, digest)),
            Err(fault) => {
                publisher.ended(&digest, false, host::now());
                self.failed(shared, &fault);
            }
        }
    }

    fn put(&self, shared: &Shared, inventory: &Inventory) -> Result<u32, String> {
        let config = shared.config.borrow();
        let resource = config.resources.get(self.place).ok_or("there is no resource")?;
        let plane = resource.publish.as_ref().ok_or("there is no endpoint")?;
        let body = match plane.format {
            Format::Authsec => inventory.authsec(&resource.policy),
            Format::Toolgate => inventory.manifest().json(),
        };
        if body.len() > MAX_BYTES {
            return Err(format!("it is over {MAX_BYTES} bytes"));
        }
        let request = plane.endpoint.request("PUT").with("content-type", "application/json");
        send(&request.with("accept", "application/json").carrying(body.into_bytes()))
    }

    fn answered(&mut self, shared: &Shared, owner: u64, body_size: usize) {
        let Some((_, digest)) = self.call.take() else { return };
        let Some(publisher) = self.publisher(shared, owner) else { return };
        let answer = callout::answer(body_size, MAX_ANSWER);
        let arrived = answer.status.is_some_and(|status| (200..300).contains(&status));
        publisher.ended(&digest, arrived, host::now());
        if !arrived {
            let status = answer.status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
            return self.failed(shared, &status);
        }
        shared.count("publish", "success");
        let generation = answer.body.and_then(|body| serde_json::from_slice::<Node>(&body).ok());
        let generation = match generation.as_ref().and_then(|answer| answer.member("generation")) {
            Some(Node::Number(generation)) => format!(", generation {generation}"),
            _ => String::new(),
        };
        let detail = format!("manifest of {}: arrived{generation}", self.resource(shared));
        shared.log_event("manifest_published", &event_line("manifest_published", None, &detail));
    }

    fn failed(&self, shared: &Shared, fault: &str) {
        shared.count("publish", "failure");
        log::warn!("the manifest of {} was not published: {fault}", self.resource(shared));
    }

    fn resource(&self, shared: &Shared) -> String {
        let config = shared.config.borrow();
        config.resources.get(self.place).map(|resource| resource.identifier.as_str().to_owned()).unwrap_or_default()
    }
}
