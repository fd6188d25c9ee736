//! Provider profiles: rules for the access tokens of each kind of authorization server.

use std::time::Duration;

use super::{ClaimTest, TokenRules};
use crate::node::Node;

/// The rules for the access tokens of one kind of authorization server. The fields are those of [`TokenRules`].
#[derive(Debug)]
pub struct Profile {
    /// The name in the configuration.
    pub name: &'static str,
    types: &'static [&'static str],
    type_may_be_absent: bool,
    scope_claims: &'static [&'static str],
    client_claims: &'static [&'static str],
    /// Names and values.
    required_claims: &'static [(&'static str, &'static str)],
    present_claims: &'static [&'static str],
    client_may_be_audience: bool,
    nonce_is_tolerated: bool,
    payload_types: Option<&'static [&'static str]>,
}

/// The default profile.
pub const GENERIC: Profile = Profile {
    name: "generic",
    types: &["at+jwt", "jwt"],
    type_may_be_absent: true,
    scope_claims: &["scope", "scp"],
    client_claims: &["client_id", "azp", "cid", "appid"],
    required_claims: &[],
    present_claims: &[],
    client_may_be_audience: false,
    nonce_is_tolerated: false,
    payload_types: None,
};

/// Common rules of most other profiles. Not a profile itself.
const SHARED: Profile =
    Profile { type_may_be_absent: false, scope_claims: &["scope"], client_claims: &["client_id"], ..GENERIC };

/// All profiles. The configuration, the schema and the documentation take the names from here.
pub static PROFILES: [Profile; 9] = [
    GENERIC,
    Profile {
        name: "rfc9068",
        types: &["at+jwt"],
        // RFC 9068 section 2.2. Every token requires `iss`, `exp` and `aud`.
        present_claims: &["sub", "client_id", "iat", "jti"],
        ..SHARED
    },
    Profile { name: "auth0", client_claims: &["client_id", "azp"], ..SHARED },
    Profile { name: "authentik", client_claims: &["client_id", "azp"], nonce_is_tolerated: true, ..SHARED },
    Profile {
        name: "cognito",
        types: &["jwt"],
        type_may_be_absent: true,
        required_claims: &[("token_use", "access")],
        client_may_be_audience: true,
        ..SHARED
    },
    Profile { name: "entra", types: &["jwt"], scope_claims: &["scp"], client_claims: &["azp", "appid"], ..SHARED },
    Profile { name: "hydra", scope_claims: &["scp", "scope"], ..SHARED },
    Profile {
        name: "keycloak",
        client_claims: &["azp", "client_id"],
        nonce_is_tolerated: true,
        payload_types: Some(&["Bearer", "DPoP"]),
        ..SHARED
    },
    Profile {
        name: "okta",
        types: &["jwt"],
        type_may_be_absent: true,
        scope_claims: &["scp"],
        client_claims: &["cid"],
        ..SHARED
    },
];

/// The default of `leeway`.
const LEEWAY: Duration = Duration::from_secs(30);

impl Profile {
    /// The rules of the profile, before the configuration overrides any.
    pub fn rules(&self) -> TokenRules {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        // RFC 7662 section 2.2 defines these names, even if the provider's tokens use others.
        let or = |names: &[&str], standard: &str| owned(&[names, &[standard]].concat());
        let required = |(name, value): &(&str, &str)| ClaimTest {
            name: (*name).to_owned(),
            expected: Node::Text((*value).to_owned()),
        };
        TokenRules {
            types: owned(self.types),
            type_may_be_absent: self.type_may_be_absent,
            scope_claims: owned(self.scope_claims),
            client_claims: owned(self.client_claims),
            answer_scope_claims: or(self.scope_claims, "scope"),
            answer_client_claims: or(self.client_claims, "client_id"),
            scope_map: Vec::new(),
            subject_claim: "sub".into(),
            required_claims: self.required_claims.iter().map(required).collect(),
            present_claims: self.present_claims,
            client_may_be_audience: self.client_may_be_audience,
            audience_missing: Vec::new(),
            nonce_is_tolerated: self.nonce_is_tolerated,
            payload_types: self.payload_types,
            answer_completes: false,
            leeway: LEEWAY,
        }
    }
}
