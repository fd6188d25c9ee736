//! Manifests of live tools, published to a control plane at ticks. No request waits for it.

use log::Level;

use super::effect::{Answer, Host};
use super::sent::{Sent, late};
use super::{Gate, Purpose};
use crate::audit::{Event, manifest_line};
use crate::callout::Request;
use crate::config::{Config, ControlPlane, Format, Resource};
use crate::drift::inventory::{Inventory, MAX_BYTES};
use crate::ids::{ById, ResourceId};
use crate::node::Node;
use crate::remote::{PublishNames, Publisher};
use crate::workers::SharedNames;

/// An answer longer than this is not read.
const MAX_ANSWER: usize = 64 << 10;

/// The manifests that one plugin instance publishes.
pub(super) struct Publishing {
    /// The names that the publication of each resource shares. `None` if it is not published.
    names: ById<ResourceId, Option<PublishNames>>,
    /// A number that no other worker has.
    owner: u64,
}

impl Publishing {
    /// For a configuration.
    pub fn new(config: &Config, names: &SharedNames, owner: u64) -> Self {
        let names = |resource: &Resource| {
            Some(PublishNames::new(names, resource.identifier.as_str(), resource.publish.as_ref()?))
        };
        Self { names: config.resources.map(names), owner }
    }

    /// The names of all shared values.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.names.iter().flatten().flat_map(PublishNames::all)
    }
}

impl Gate {
    fn publisher<'g>(&'g self, id: ResourceId, host: &Host<'g>) -> Option<Publisher<'g>> {
        let names = self.publishing.names.get(id)?.as_ref()?;
        let timing = self.control_plane(id)?.timing();
        Some(Publisher { data: host.shared, names, timing, owner: self.publishing.owner })
    }

    fn control_plane(&self, id: ResourceId) -> Option<&ControlPlane> {
        self.config.resources.get(id)?.publish.as_ref()
    }

    /// Merges the lists that were seen, and publishes every manifest that has changed.
    pub(super) fn advance_publishing(&mut self, host: &Host<'_>) {
        for id in self.publishing.names.present() {
            self.give_up_manifest(id, host);
            self.merge_lists(id, host);
            let due = self.publisher(id, host).and_then(|publisher| publisher.due(host.now));
            let Some((digest, inventory)) = due else { continue };
            match self.manifest_request(id, &inventory) {
                Ok(request) => self.call(Purpose::Manifest(id, digest), request),
                Err(fault) => self.publishing_failed(id, &digest, &fault, host),
            }
        }
    }

    /// Ends a call whose answer did not arrive in time.
    fn give_up_manifest(&mut self, id: ResourceId, host: &Host<'_>) {
        let Some(digest) = self.calls.purposes().find_map(|purpose| purpose.of_manifest(id)).map(str::to_owned) else {
            return;
        };
        if self.publisher(id, host).is_some_and(|publisher| publisher.is_lost(host.now)) {
            let sent = self.calls.give_up(&|purpose| purpose.of_manifest(id).is_some());
            self.publishing_failed(id, &digest, &late(sent.as_ref()), host);
        }
    }

    fn merge_lists(&mut self, id: ResourceId, host: &Host<'_>) {
        let Some(current) = self.publisher(id, host).map(|publisher| publisher.current()) else { return };
        let lists = self.known.drift.take_lists(id, current);
        if lists.is_empty() {
            return;
        }
        let merged = self.publisher(id, host).map(|publisher| publisher.merge(&lists, host.now));
        let (changed, late) = merged.unwrap_or_default();
        if let Some(inventory) = changed {
            let line = manifest_line(&self.resource_name(id), &inventory.manifest(), &host.stamp());
            self.log_event("manifest", line);
        }
        if late {
            self.known.drift.forget_lists(id);
        }
    }

    fn manifest_request(&self, id: ResourceId, inventory: &Inventory) -> Result<Request, String> {
        let published = self.config.resources.get(id).and_then(|own| Some((own, own.publish.as_ref()?)));
        let (resource, plane) = published.ok_or("there is no endpoint")?;
        let body = match plane.format {
            Format::Authsec => inventory.authsec(&resource.policy),
            Format::Toolgate => inventory.manifest().json(),
        };
        if body.len() > MAX_BYTES {
            return Err(format!("it is longer than {MAX_BYTES} bytes"));
        }
        let request = plane.endpoint.request("PUT").with("content-type", "application/json");
        Ok(request.with("accept", "application/json").carrying(body.into_bytes()))
    }

    /// Releases the lease of a request with this manifest, because the instance ends.
    pub(super) fn release_manifest(&mut self, id: ResourceId, host: &Host<'_>) {
        if let Some(publisher) = self.publisher(id, host) {
            publisher.release();
        }
    }

    /// The answer to the manifest with this digest.
    pub(super) fn manifest_answered(
        &mut self,
        id: ResourceId,
        digest: &str,
        (sent, answer): (&Sent, &Answer<'_>),
        host: &Host<'_>,
    ) {
        if !answer.is_success() {
            return self.publishing_failed(id, digest, &sent.answered(answer, ""), host);
        }
        let Some(publisher) = self.publisher(id, host) else { return };
        let was_failing = publisher.ended(digest, true, host.now);
        self.tell_publishing(id, (was_failing, false), &|| sent.with_status(answer.status, ""), host);
        self.count("publish", "success");
        let generation = answer.body(MAX_ANSWER).and_then(|body| Node::from_json(&body).ok());
        let generation = match generation.as_ref().and_then(|answer| answer.member("generation")) {
            Some(Node::Number(generation)) => format!(", generation {generation}"),
            _ => String::new(),
        };
        let detail = format!("manifest of {}: accepted{generation}", self.resource_name(id));
        self.event(&Event::new("manifest_published", detail), host);
    }

    /// A manifest was not accepted. `told`: the call in words.
    #[inline(never)]
    pub(super) fn publishing_failed(&mut self, id: ResourceId, digest: &str, told: &str, host: &Host<'_>) {
        let was_failing = self.publisher(id, host).is_some_and(|publisher| publisher.ended(digest, false, host.now));
        self.count("publish", "failure");
        let resource = self.resource_name(id);
        self.log(Level::Warn, format!("the manifest of {resource} was not published: {told}"));
        self.tell_publishing(id, (was_failing, true), &|| told.to_owned(), host);
    }

    #[inline(never)]
    fn tell_publishing(&mut self, id: ResourceId, change: (bool, bool), told: &dyn Fn() -> String, host: &Host<'_>) {
        let what = format!("publication of the manifest of {} is", self.resource_name(id));
        self.tell_outage(&what, change, told, host);
    }
}
