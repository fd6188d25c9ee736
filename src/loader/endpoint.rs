//! The endpoints that toolgate calls: `audit.sink`, `resources[].policy_source`, `resources[].publish`, and the fields
//! that they have in common with `issuers[].introspection`.

use std::time::Duration;

use super::Environment;
use super::fields::{At, Fields, Findings, Zero, join};
use crate::config::{AuthenticationMethod, ClientAuthentication, ControlPlane, Endpoint, Format};
use crate::url::Url;

/// The maximum timeout. The host stores it as 32 bits of milliseconds.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// The timeout of a call.
pub fn timeout(fields: &mut Fields<'_>, found: &mut Findings) -> Duration {
    let timeout = fields.duration("timeout", 5, Zero::Refuse, found);
    if timeout > MAX_TIMEOUT {
        found.fault::<()>(&join(&fields.path, "timeout"), "must be at most an hour");
    }
    timeout
}

/// Reads `uri` and `cluster`.
pub fn target(fields: &mut Fields<'_>, found: &mut Findings) -> (Option<Url>, Option<String>) {
    let uri = fields.require("uri", found).and_then(|at| at.url(found));
    let cluster = fields.require("cluster", found).and_then(|at| at.text(found)).map(str::to_owned);
    (uri, cluster)
}

/// Reads `client_id`, and `client_secret` or `client_secret_env`, if they are given.
pub fn read_client(
    fields: &mut Fields<'_>,
    method: AuthenticationMethod,
    environment: Environment<'_>,
    found: &mut Findings,
) -> Option<ClientAuthentication> {
    let id = fields.take("client_id").map(|at| at.text(found));
    let written = fields.take("client_secret").map(|at| (at.text(found).map(str::to_owned), at.path));
    let named = fields.take("client_secret_env").map(|at| {
        let name = at.text(found);
        let secret = name.and_then(|name| match environment(name).filter(|secret| !secret.is_empty()) {
            Some(secret) => Some(secret),
            None => found.fault(&at.path, format!("the variable `{name}` is not set")),
        });
        (secret, at.path)
    });
    let (secret, path) = match (written, named) {
        (Some(_), Some((_, path))) => return found.fault(&path, "cannot be combined with `client_secret`"),
        (Some(secret), None) | (None, Some(secret)) => secret,
        (None, None) => return None,
    };
    match id {
        Some(id) => Some(ClientAuthentication { id: id?.to_owned(), secret: secret?, method }),
        None => found.fault(&path, "needs a `client_id`"),
    }
}

/// Reads `audit.sink`.
pub fn read_sink(at: &At<'_>, found: &mut Findings) -> Option<Endpoint> {
    let mut fields = at.fields(found)?;
    let (uri, cluster) = target(&mut fields, found);
    let timeout = timeout(&mut fields, found);
    fields.finish(found);
    let (uri, cluster) = uri.zip(cluster)?;
    Some(Endpoint { uri, cluster, timeout, client: None })
}

/// The maximum pause between attempts to publish.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// Reads `policy_source`.
pub fn read_policy_source(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<ControlPlane> {
    let mut fields = at.fields(found)?;
    let interval = fields.duration("interval", 30, Zero::Refuse, found);
    let max_stale = fields.duration("max_stale", 600, Zero::Allow, found);
    let plane = read_plane(&mut fields, (interval, max_stale), environment, found);
    fields.finish(found);
    plane
}

/// Reads `publish`.
pub fn read_publish(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<ControlPlane> {
    let mut fields = at.fields(found)?;
    let plane = read_plane(&mut fields, (MAX_PAUSE, Duration::ZERO), environment, found);
    fields.finish(found);
    plane
}

fn read_plane(
    fields: &mut Fields<'_>,
    (interval, max_stale): (Duration, Duration),
    environment: Environment<'_>,
    found: &mut Findings,
) -> Option<ControlPlane> {
    const FORMATS: [(&str, Format); 2] = [("toolgate", Format::Toolgate), ("authsec", Format::Authsec)];
    let (uri, cluster) = target(fields, found);
    let client = read_client(fields, AuthenticationMethod::Basic, environment, found);
    if client.as_ref().is_some_and(|client| client.id.contains(':')) {
        found.fault::<()>(
            &join(&fields.path, "client_id"),
            "must not contain a colon, which would end it in HTTP Basic",
        );
    }
    let format = fields.take("format").and_then(|at| at.choice(&FORMATS, found)).unwrap_or(Format::Toolgate);
    let timeout = timeout(fields, found);
    let endpoint = Endpoint { uri: uri?, cluster: cluster?, timeout, client };
    Some(ControlPlane { endpoint, format, interval, max_stale })
}
