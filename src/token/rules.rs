//! The rules for the tokens of one issuer, and their checks.

use std::time::Duration;

use super::{ClaimTest, Claims, MappedScopes, TokenError};
use crate::node::Node;
use crate::signature::Algorithm;

/// The properties of the issuer and the resource that a token is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'c> {
    /// The issuer's identifier.
    pub issuer: &'c str,
    /// Its name in the configuration.
    pub issuer_name: &'c str,
    /// Its algorithms, if configured.
    pub algorithms: Option<&'c [Algorithm]>,
    /// Its rules.
    pub rules: &'c TokenRules,
    /// The resource's audiences.
    pub audiences: &'c [String],
}

/// The rules for the tokens of one issuer, in addition to those for all tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRules {
    /// Accepted values of the header's `typ`, in lower case, without `application/`.
    pub types: Vec<String>,
    /// Whether the header may lack `typ`.
    pub type_may_be_absent: bool,
    /// Claims that may hold the scopes, by name or path. The first one present counts.
    pub scope_claims: Vec<String>,
    /// Claims that may name the client. The first one present counts.
    pub client_claims: Vec<String>,
    /// Like `scope_claims`, for introspection responses.
    pub answer_scope_claims: Vec<String>,
    /// Like `client_claims`, for introspection responses.
    pub answer_client_claims: Vec<String>,
    /// Scopes for callers with certain claims.
    pub scope_map: Vec<MappedScopes>,
    /// The claim that names the subject.
    pub subject_claim: String,
    /// Claims that must have a value.
    pub required_claims: Vec<ClaimTest>,
    /// Claims that must be present.
    pub present_claims: &'static [&'static str],
    /// Without `aud`, the client must be one of the audiences. Cognito sets no audience by default.
    pub client_may_be_audience: bool,
    /// Clients whose tokens may lack `aud`.
    pub audience_missing: Vec<String>,
    /// Whether a `nonce` is accepted. Otherwise it marks an ID token. authentik and older Keycloak versions put it into
    /// access tokens.
    pub nonce_is_tolerated: bool,
    /// The accepted values of a `typ` in the payload, if it is present.
    pub payload_types: Option<&'static [&'static str]>,
    /// Whether an introspection response supplies claims that a JWT lacks. It is then always required.
    pub answer_completes: bool,
    /// The tolerated clock difference.
    pub leeway: Duration,
}

impl TokenRules {
    /// Checks that `claims` contain what is required, except for claims that `are_elsewhere`.
    pub(super) fn check_required(
        &self,
        claims: &Claims,
        are_elsewhere: impl Fn(&str) -> bool,
    ) -> Result<(), TokenError> {
        let there = |name: &&str| claims.get(name).is_some_and(|value| *value != Node::Text(String::new()));
        let held = self.required_claims.iter().all(|test| are_elsewhere(&test.name) || test.holds(claims));
        let present = self.present_claims.iter().all(|name| are_elsewhere(name) || there(name));
        if held && present { Ok(()) } else { Err(TokenError::RequiredClaim) }
    }

    /// Refuses every token that is not an access token, even if the issuer signs it with the same keys or calls it
    /// active. `nonce_tells`: a `nonce` makes it an ID token, unless these rules tolerate one.
    pub(super) fn check_kind(&self, claims: &Claims, nonce_tells: bool) -> Result<(), TokenError> {
        let has = |name: &str| claims.has(name);
        let nonce_tells = nonce_tells && !self.nonce_is_tolerated;
        let id_token = has("at_hash") || has("c_hash") || (has("nonce") && nonce_tells);
        let logout_token = claims
            .get("events")
            .is_some_and(|events| events.member("http://schemas.openid.net/event/backchannel-logout").is_some());
        let other_use = match claims.get("token_use") {
            Some(purpose) => !matches!(purpose.as_text(), Some("access" | "access_token")),
            None => false,
        };
        let other_type = match (claims.get("typ"), self.payload_types) {
            (None, _) => false,
            (Some(typ), Some(allowed)) => !typ.as_text().is_some_and(|typ| allowed.contains(&typ)),
            (Some(typ), None) => typ.as_text().is_some_and(|typ| {
                ["id", "refresh", "offline", "logout"].iter().any(|kind| typ.eq_ignore_ascii_case(kind))
            }),
        };
        if id_token || logout_token || other_use || other_type { Err(TokenError::NotAnAccessToken) } else { Ok(()) }
    }
}
