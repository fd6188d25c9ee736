//! `resources[].policy_source` and `resources[].publish`: what a control plane is asked for, and what it is told.

use std::time::Duration;

use super::fields::{At, Fields, Findings, Zero, join};
use super::issuer::{ClientAuthentication, Environment, duration, read_client, timeout};
use crate::url::Url;
use crate::workers::Timing;

/// The longest pause after publishing failed.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// An endpoint of a control plane.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its URL.
    pub uri: Url,
    /// The host's cluster that reaches it.
    pub cluster: String,
    /// How this resource server authenticates there (HTTP Basic).
    pub client: Option<ClientAuthentication>,
    /// What is spoken there.
    pub format: Format,
    /// When to call: every `max_age`, and after failures within the `cooldown`.
    pub timing: Timing,
}

impl Endpoint {
    /// Everything that its answers about `resource` depend on: another client may be told of another policy.
    pub fn identity<'e>(&'e self, resource: &'e str) -> [&'e str; 5] {
        let format = match self.format {
            Format::Authsec => "authsec",
            Format::Toolgate => "toolgate",
        };
        let client = self.client.as_ref().map(|client| client.id.as_str()).unwrap_or_default();
        [resource, self.uri.as_str(), &self.cluster, format, client]
    }
}

/// What a control plane speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// AuthSec's `sdk-policy` and `sdk-manifest`.
    Authsec,
    /// The policy of this configuration, and the manifest of the command line.
    Toolgate,
}

/// Reads `policy_source`.
pub fn read_policy_source(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<Endpoint> {
    let mut fields = at.fields(found)?;
    let interval = duration(&mut fields, "interval", 30, Zero::Refuse, found);
    let max_stale = duration(&mut fields, "max_stale", 600, Zero::Allow, found);
    let endpoint = read_endpoint(&mut fields, (interval, max_stale), environment, found);
    fields.finish(found);
    endpoint
}

/// Reads `publish`.
pub fn read_publish(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<Endpoint> {
    let mut fields = at.fields(found)?;
    let endpoint = read_endpoint(&mut fields, (MAX_PAUSE, Duration::ZERO), environment, found);
    fields.finish(found);
    endpoint
}

fn read_endpoint(
    fields: &mut Fields<'_>,
    (interval, max_stale): (Duration, Duration),
    environment: Environment<'_>,
    found: &mut Findings,
) -> Option<Endpoint> {
    const FORMATS: [(&str, Format); 2] = [("toolgate", Format::Toolgate), ("authsec", Format::Authsec)];
    let uri = fields.require("uri", found).and_then(|at| at.url(found));
    let cluster = fields.require("cluster", found).and_then(|at| at.text(found)).map(str::to_owned);
    let client = read_client(fields, false, environment, found);
    if client.as_ref().is_some_and(|client| client.id.contains(':')) {
        found.fault::<()>(&join(&fields.path, "client_id"), "may not hold a colon, which ends it in HTTP Basic");
    }
    let format = fields.take("format").and_then(|at| at.choice(&FORMATS, found)).unwrap_or(Format::Toolgate);
    let timing = Timing { timeout: timeout(fields, found), max_age: interval, cooldown: interval, max_stale };
    Some(Endpoint { uri: uri?, cluster: cluster?, client, format, timing })
}
