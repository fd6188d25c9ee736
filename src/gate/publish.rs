//! Manifests of live tools, sent to a control plane. No request waits for it: it is done when time goes by.

use log::Level;

use super::effect::{Answer, Host};
use super::{Gate, Purpose};
use crate::audit::{event_line, manifest_line};
use crate::callout::Request;
use crate::config::{Config, ControlPlane, Format, Resource};
use crate::drift::inventory::{Inventory, MAX_BYTES};
use crate::ids::ResourceId;
use crate::node::Node;
use crate::remote::{PublishNames, Publisher};
use crate::workers::SharedNames;

/// As many bytes of an answer are read.
const MAX_ANSWER: usize = 64 << 10;

/// The manifests that one plugin instance publishes.
pub(super) struct Publishing {
    targets: Vec<Target>,
    /// A number that no other worker has.
    owner: u64,
}

struct Target {
    resource: ResourceId,
    names: PublishNames,
}

impl Publishing {
    /// For a configuration.
    pub fn new(config: &Config, names: &SharedNames, owner: u64) -> Self {
        let target = |(id, resource): (ResourceId, &Resource)| {
            let names = PublishNames::new(names, resource.identifier.as_str(), resource.publish.as_ref()?);
            Some(Target { resource: id, names })
        };
        let targets = config.resources.with_ids().filter_map(target);
        Self { targets: targets.collect(), owner }
    }

    /// The names of what is shared.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.targets.iter().flat_map(|target| target.names.all())
    }
}

impl Gate {
    fn publisher<'g>(&'g self, at: usize, host: &Host<'g>) -> Option<Publisher<'g>> {
        let target = self.publishing.targets.get(at)?;
        let timing = self.control_plane(at)?.timing();
        Some(Publisher { data: host.shared, names: &target.names, timing, owner: self.publishing.owner })
    }

    fn control_plane(&self, at: usize) -> Option<&ControlPlane> {
        self.config.resources.get(self.publishing.targets.get(at)?.resource)?.publish.as_ref()
    }

    /// Time goes by: merges what was seen, and publishes what has changed.
    pub(super) fn advance_publishing(&mut self, host: &Host<'_>) {
        for at in 0..self.publishing.targets.len() {
            self.give_up_manifest(at, host);
            self.merge_lists(at, host);
            let due = self.publisher(at, host).and_then(|publisher| publisher.due(host.now));
            let Some((digest, inventory)) = due else { continue };
            match self.manifest_request(at, &inventory) {
                Ok(request) => self.call(Purpose::Manifest(at, digest), request),
                Err(fault) => self.publishing_failed(at, &digest, &fault, host),
            }
        }
    }

    /// Ends a call whose answer never came.
    fn give_up_manifest(&mut self, at: usize, host: &Host<'_>) {
        let Some(digest) = self.calls.purposes().find_map(|purpose| purpose.of_manifest(at)).map(str::to_owned) else {
            return;
        };
        if self.publisher(at, host).is_some_and(|publisher| publisher.is_lost(host.now)) {
            self.calls.give_up(|purpose| purpose.of_manifest(at).is_some());
            self.publishing_failed(at, &digest, "no answer in time", host);
        }
    }

    fn merge_lists(&mut self, at: usize, host: &Host<'_>) {
        let Some(resource) = self.publishing.targets.get(at).map(|target| target.resource) else { return };
        let Some(current) = self.publisher(at, host).map(|publisher| publisher.current()) else { return };
        let lists = self.known.drift.take_lists(resource, current);
        if lists.is_empty() {
            return;
        }
        let merged = self.publisher(at, host).map(|publisher| publisher.merge(&lists, host.now));
        let (changed, late) = merged.unwrap_or_default();
        if let Some(inventory) = changed {
            let line = manifest_line(&self.resource_name(resource), &inventory.manifest());
            self.log_event("manifest", line);
        }
        if late {
            self.known.drift.forget_lists(resource);
        }
    }

    fn manifest_request(&self, at: usize, inventory: &Inventory) -> Result<Request, String> {
        let resource = self.publishing.targets.get(at).and_then(|target| self.config.resources.get(target.resource));
        let published = resource.and_then(|resource| Some((resource, resource.publish.as_ref()?)));
        let (resource, plane) = published.ok_or("there is no endpoint")?;
        let body = match plane.format {
            Format::Authsec => inventory.authsec(&resource.policy),
            Format::Toolgate => inventory.manifest().json(),
        };
        if body.len() > MAX_BYTES {
            return Err(format!("it is over {MAX_BYTES} bytes"));
        }
        let request = plane.endpoint.request("PUT").with("content-type", "application/json");
        Ok(request.with("accept", "application/json").carrying(body.into_bytes()))
    }

    /// The host could not send a manifest.
    pub(super) fn manifest_refused(&mut self, at: usize, digest: &str, status: u32, host: &Host<'_>) {
        let fault = super::policies::refused(self.control_plane(at), status);
        self.publishing_failed(at, digest, &fault, host);
    }

    /// An answer came to the manifest of this digest.
    pub(super) fn manifest_answered(&mut self, at: usize, digest: &str, answer: &Answer<'_>, host: &Host<'_>) {
        if !answer.is_success() {
            let status = answer.status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
            return self.publishing_failed(at, digest, &status, host);
        }
        let Some(publisher) = self.publisher(at, host) else { return };
        publisher.ended(digest, true, host.now);
        self.count("publish", "success");
        let generation = answer.body(MAX_ANSWER).and_then(|body| serde_json::from_slice::<Node>(&body).ok());
        let generation = match generation.as_ref().and_then(|answer| answer.member("generation")) {
            Some(Node::Number(generation)) => format!(", generation {generation}"),
            _ => String::new(),
        };
        let detail = format!("manifest of {}: arrived{generation}", self.published_resource(at));
        self.log_event("manifest_published", event_line("manifest_published", None, &detail));
    }

    fn publishing_failed(&mut self, at: usize, digest: &str, fault: &str, host: &Host<'_>) {
        if let Some(publisher) = self.publisher(at, host) {
            publisher.ended(digest, false, host.now);
        }
        self.count("publish", "failure");
        let resource = self.published_resource(at);
        self.log(Level::Warn, format!("the manifest of {resource} was not published: {fault}"));
    }

    fn published_resource(&self, at: usize) -> String {
        let target = self.publishing.targets.get(at);
        target.map(|target| self.resource_name(target.resource)).unwrap_or_default()
    }
}
