//! What tells an access token of each kind of provider, as data.

use std::time::Duration;

use super::{ClaimTest, Claims, TokenError};
use crate::node::Node;

/// A kind of authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Profile {
    Generic,
    Rfc9068,
    Auth0,
    Authentik,
    Cognito,
    Entra,
    Hydra,
    Keycloak,
    Okta,
}

/// What a token of one issuer must look like, besides the rules that hold for all.
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
    /// What a payload `typ` must be where it is present.
    pub payload_types: Option<&'static [&'static str]>,
    /// Whether claims that a JWT lacks are left to the introspection answer, which it always needs.
    pub answer_completes: bool,
    /// How far clocks may differ.
    pub leeway: Duration,
}

impl TokenRules {
    /// Whether `claims` are what is required, but for those that `are_elsewhere`.
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
}

/// The default of `leeway`.
const LEEWAY: Duration = Duration::from_secs(30);

impl Profile {
    /// The names in the configuration.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("generic", Self::Generic),
        ("rfc9068", Self::Rfc9068),
        ("auth0", Self::Auth0),
        ("authentik", Self::Authentik),
        ("cognito", Self::Cognito),
        ("entra", Self::Entra),
        ("hydra", Self::Hydra),
        ("keycloak", Self::Keycloak),
        ("okta", Self::Okta),
    ];

    /// The rules of the profile, before the configuration overrides any.
    pub fn rules(self) -> TokenRules {
        let (types, absent, scopes, clients): (&[&str], bool, &[&str], &[&str]) = match self {
            Self::Generic => (&["at+jwt", "jwt"], true, &["scope", "scp"], &["client_id", "azp", "cid", "appid"]),
            Self::Rfc9068 => (&["at+jwt"], false, &["scope"], &["client_id"]),
            Self::Auth0 | Self::Authentik => (&["at+jwt", "jwt"], false, &["scope"], &["client_id", "azp"]),
            Self::Cognito => (&["jwt"], true, &["scope"], &["client_id"]),
            Self::Entra => (&["jwt"], false, &["scp"], &["azp", "appid"]),
            Self::Hydra => (&["at+jwt", "jwt"], false, &["scp", "scope"], &["client_id"]),
            Self::Keycloak => (&["at+jwt", "jwt"], false, &["scope"], &["azp", "client_id"]),
            Self::Okta => (&["jwt"], true, &["scp"], &["cid"]),
        };
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        // Whatever a provider calls them in its tokens, RFC 7662 section 2.2 has names for them.
        let or = |names: &[&str], standard: &str| owned(&[names, &[standard]].concat());
        let token_use = ClaimTest { name: "token_use".into(), expected: Node::Text("access".into()) };
        TokenRules {
            types: owned(types),
            type_may_be_absent: absent,
            scope_claims: owned(scopes),
            client_claims: owned(clients),
            answer_scope_claims: or(scopes, "scope"),
            answer_client_claims: or(clients, "client_id"),
            subject_claim: "sub".into(),
            required_claims: if self == Self::Cognito { vec![token_use] } else { vec![] },
            // RFC 9068 section 2.2; `iss`, `exp` and `aud` are required of every token.
            present_claims: if self == Self::Rfc9068 { &["sub", "client_id", "iat", "jti"] } else { &[] },
            client_may_be_audience: self == Self::Cognito,
            nonce_is_tolerated: matches!(self, Self::Authentik | Self::Keycloak),
            payload_types: (self == Self::Keycloak).then_some(&["Bearer", "DPoP"]),
            answer_completes: false,
            leeway: LEEWAY,
        }
    }
}
