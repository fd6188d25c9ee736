//! The rules that the tokens of one issuer must follow, and their checks.

use std::time::Duration;

use super::{ClaimTest, Claims, TokenError};
use crate::node::Node;
use crate::signature::Algorithm;

/// The properties of the issuer and of the resource that a token is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'c> {
    /// The issuer's identifier.
    pub issuer: &'c str,
    /// Its name in the configuration.
    pub issuer_name: &'c str,
    /// Its algorithms, if they are configured.
    pub algorithms: Option<&'c [Algorithm]>,
    /// Its rules.
    pub rules: &'c TokenRules,
    /// The resource's audiences.
    pub audiences: &'c [String],
}

/// The rules for the tokens of one issuer, besides those that hold for all.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRules {
    /// Header `typ` values, in lower case, without `application/`.
    pub types: Vec<String>,
    /// Whether a header without `typ` will do.
    pub type_may_be_absent: bool,
    /// The first of these that is present holds the scopes.
    pub scope_claims: Vec<String>,
    /// The first of these that is present names the client.
    pub client_claims: Vec<String>,
    /// As `scope_claims`, for what an introspection endpoint says.
    pub answer_scope_claims: Vec<String>,
    /// As `client_claims`, for what an introspection endpoint says.
    pub answer_client_claims: Vec<String>,
    /// Names the subject.
    pub subject_claim: String,
    /// Claims that must have a value.
    pub required_claims: Vec<ClaimTest>,
    /// Claims that must be there.
    pub present_claims: &'static [&'static str],
    /// Without `aud`, the client must be one of the audiences (Cognito binds no audience by default).
    pub client_may_be_audience: bool,
    /// `nonce` does not make it an ID token (authentik and older Keycloak put it into access tokens).
    pub nonce_is_tolerated: bool,
    /// The accepted values of a `typ` in the payload, if it is present.
    pub payload_types: Option<&'static [&'static str]>,
    /// Whether claims that a JWT lacks are left to the introspection answer, which it always needs.
    pub answer_completes: bool,
    /// How far clocks may differ.
    pub leeway: Duration,
}

impl TokenRules {
    /// Checks that `claims` have what is required, except for claims that `are_elsewhere`.
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
