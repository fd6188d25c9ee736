//! Notes on a configuration: known behaviour of the authorization server that a profile names.

use toolgate::config::{Config, Fault, Issuer, Resource};
use toolgate::scope::Scope;

use crate::output::counted;

/// Every note, with the path of the field that it is about.
pub fn notes(config: &Config) -> Vec<Fault> {
    let pairs = config.resources.iter().enumerate().flat_map(|(n, resource)| {
        let issuers = config.issuers.with_ids().enumerate();
        let trusted = issuers.filter(|(_, (id, _))| resource.issuers.contains(id));
        trusted.map(move |(m, (_, issuer))| (n, resource, m, issuer))
    });
    let keycloak = pairs.filter(|(.., issuer)| issuer.profile == "keycloak");
    let notes = keycloak.flat_map(|(n, resource, m, issuer)| {
        let notes = [
            narrow_challenge(resource).map(|message| (format!("resources[{n}].challenge_scopes"), message)),
            stranger(issuer, resource).map(|message| (format!("issuers[{m}].introspection.client_id"), message)),
            unknown_scopes(issuer, resource).map(|message| (format!("resources[{n}].scopes_supported"), message)),
        ];
        notes.into_iter().flatten()
    });
    notes.map(|(path, message)| Fault { path, message }).collect()
}

fn quoted<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().map(|text| format!("`{}`", text.as_ref())).collect::<Vec<_>>().join(", ")
}

/// SDKs register with the scope of the first challenge, and Keycloak grants a registered client no other.
fn narrow_challenge(resource: &Resource) -> Option<String> {
    let asked = &resource.challenge_scopes;
    let missing: Vec<_> = resource.scopes_supported.iter().filter(|scope| !asked.contains(scope)).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "lacks {}. A client that registers itself at Keycloak does so with the scopes of the first challenge, and gets \
             `invalid_scope` when it asks for others later. Name every scope, unless clients are made beforehand or known \
             by their documents",
            quoted(missing)
        )
    })
}

/// Keycloak reports a token as inactive to a client that is not in its `aud`, since 26.6.2.
fn stranger(issuer: &Issuer, resource: &Resource) -> Option<String> {
    let client = &issuer.introspection.as_ref()?.endpoint.client.as_ref()?.id;
    (!resource.audiences.contains(client)).then(|| {
        format!(
            "is none of the audiences of {}, {}. To a client that is not in the `aud` of a token, Keycloak reports it as \
             inactive. Make the resource the id of the client, or give the client to the tokens as another audience",
            resource.identifier.as_str(),
            quoted(&resource.audiences)
        )
    })
}

/// Scopes of a `scope_map` need not be client scopes of the realm.
fn unknown_scopes(issuer: &Issuer, resource: &Resource) -> Option<String> {
    let mapped = issuer.rules.scope_map.iter().flat_map(|entry| entry.scopes.iter().map(Scope::as_str));
    let mut published: Vec<_> =
        mapped.filter(|scope| resource.scopes_supported.iter().any(|own| own == scope)).collect();
    published.sort_unstable();
    published.dedup();
    (!published.is_empty()).then(|| {
        format!(
            "publishes {} of `scope_map`: {}. Keycloak refuses a registration and a login that ask for a scope which is no \
             client scope of the realm, and some clients ask for all of these. Leave out what only the map grants",
            counted(published.len(), "scope"),
            quoted(published)
        )
    })
}
