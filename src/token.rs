//! Access tokens: untrusted text in, verified claims out. The two are different types, and only a verification makes
//! the second.

#[cfg(feature = "cli")]
mod assumed;
mod bounds;
mod cache;
mod claims;
mod confirmation;
mod digest;
mod introspected;
mod jwt;
mod profile;
mod recent;
mod rules;

#[cfg(feature = "cli")]
pub use assumed::Assumed;
pub use cache::TokenCache;
pub use claims::{ClaimTest, Claims};
pub use confirmation::{Confirmation, Thumbprint};
pub use digest::{ByFirstBytes, TokenDigest};
pub use introspected::{Active, Answer, NoAnswer};
pub use jwt::{Candidate, UntrustedJwt};
#[cfg(feature = "cli")]
pub use jwt::{Checked, TokenCheck};
pub use profile::{GENERIC, PROFILES, Profile};
pub use recent::Recent;
pub use rules::{Expectations, TokenRules};

use std::fmt;
use std::rc::Rc;

use bounds::Bounds;

use crate::index::Index;
use crate::node::{Node, allocated};
use crate::reason::Reason;
use crate::time::UnixTime;

/// A verified access token, as its issuer vouches for it. Copies share what they hold.
#[derive(Clone, PartialEq)]
pub struct AccessToken(Rc<Vouched>);

#[derive(PartialEq)]
struct Vouched {
    issuer: String,
    issuer_name: String,
    subject: Option<String>,
    client: Option<String>,
    scopes: Vec<String>,
    /// `scopes` by their text, where there are more than [`FEW_SCOPES`].
    many_scopes: Index,
    /// One for each voice that vouches: the token's own, the endpoint's.
    bounds: Vec<Bounds>,
    claims: Claims,
}

/// So many are looked through as fast as they are searched.
const FEW_SCOPES: usize = 8;

fn index_many(scopes: &[String]) -> Index {
    let is_many = scopes.len() > FEW_SCOPES;
    Index::new(scopes.iter().filter(|_| is_many).cloned())
}

impl AccessToken {
    fn new(
        issuer: Expectations<'_>,
        subject: Option<&str>,
        client: Option<&str>,
        scopes: Vec<String>,
        bounds: Vec<Bounds>,
        claims: Claims,
    ) -> Self {
        Self(Rc::new(Vouched {
            issuer: issuer.issuer.to_owned(),
            issuer_name: issuer.issuer_name.to_owned(),
            subject: subject.map(str::to_owned),
            client: client.map(str::to_owned),
            many_scopes: index_many(&scopes),
            scopes,
            bounds,
            claims,
        }))
    }

    /// A caller for tests of what is done with one.
    #[cfg(test)]
    pub(crate) fn of(issuer: &str, subject: &str, scopes: &[&str]) -> Self {
        Self(Rc::new(Vouched {
            issuer: issuer.to_owned(),
            issuer_name: issuer.to_owned(),
            subject: Some(subject.to_owned()),
            client: None,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            many_scopes: Index::default(),
            bounds: Vec::new(),
            claims: Claims::default(),
        }))
    }

    /// What must hold anew at every use, whatever was verified before: that the token is for one of `audiences`, and
    /// for `now`.
    pub fn check(&self, audiences: &[String], rules: &TokenRules, now: UnixTime) -> Result<(), TokenError> {
        self.0.bounds.iter().try_for_each(|bounds| bounds.check(audiences, rules, now))
    }

    /// The token as an introspection endpoint vouches for it besides.
    pub fn confirmed_by(self, active: &mut Active, expected: Expectations<'_>) -> Result<Self, TokenError> {
        active.token(Some(self), expected)
    }

    /// What has to be proven at every use, as each voice that vouches says. All of it must be.
    pub fn confirmations(&self) -> impl Iterator<Item = Confirmation> {
        self.0.bounds.iter().map(Bounds::confirmation)
    }

    /// The bytes that it takes in memory, as nearly as a bound on many of them needs.
    pub fn weight(&self) -> usize {
        let Vouched { issuer, issuer_name, subject, client, scopes, bounds, claims, .. } = &*self.0;
        // An index holds them once more.
        let indexed = scopes.iter().filter(|_| !self.0.many_scopes.is_empty());
        let texts = [Some(issuer), Some(issuer_name), subject.as_ref(), client.as_ref()];
        let texts =
            texts.into_iter().flatten().chain(scopes).chain(indexed).chain(bounds.iter().flat_map(Bounds::texts));
        let each = |text: &String| size_of::<String>() + allocated(text.capacity());
        size_of::<Vouched>() + allocated(size_of_val(&**bounds)) + texts.map(each).sum::<usize>() + claims.weight()
    }

    fn bounds(&self) -> &[Bounds] {
        &self.0.bounds
    }

    /// `iss`, byte for byte.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// What the configuration calls the issuer.
    pub fn issuer_name(&self) -> &str {
        &self.0.issuer_name
    }

    /// Whom the token is about.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The client it was issued to.
    pub fn client(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    /// The granted scopes as issued.
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Whether `scope` was granted, as issued.
    pub fn has_scope(&self, scope: &str) -> bool {
        if self.0.many_scopes.is_empty() {
            self.0.scopes.iter().any(|own| own == scope)
        } else {
            self.0.many_scopes.contains(scope)
        }
    }

    /// `exp`, in seconds since 1970, the earliest that is said. An endpoint need not say it: then it is infinite.
    pub fn expires_at(&self) -> f64 {
        self.0.bounds.iter().filter_map(Bounds::expires_at).fold(f64::INFINITY, f64::min)
    }

    /// All claims: the endpoint's, where there is one, before the token's own.
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }

    /// `jti`, where it is a string.
    pub fn id(&self) -> Option<&str> {
        self.0.claims.get("jti").and_then(Node::as_text)
    }
}

/// Without the claims: they are personal data.
impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("issuer", &self.0.issuer)
            .field("scopes", &self.0.scopes)
            .finish_non_exhaustive()
    }
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Its algorithm is not one that the issuer's configuration allows.
    AlgorithmNotAllowed,
    /// `aud` names other resource servers only.
    AudienceMismatch,
    /// No `aud`.
    AudienceMissing,
    /// No key of the issuer made this signature.
    BadSignature,
    /// `cnf`: bound to something whose proof cannot be checked.
    Bound,
    /// `cnf`: bound to a key, and sent as if whoever has it might use it (RFC 9449 section 7.2).
    BoundAsBearer,
    /// `cnf`: bound to another certificate than the connection's.
    CertificateMismatch,
    /// `cnf`: bound to a certificate, and the host ended no mutual TLS with the client.
    CertificateMissing,
    /// A claim is not of the type that its definition says.
    ClaimMalformed,
    /// `crit` or `b64` asks for what is not supported (RFC 7515 section 4.1.11, RFC 7797).
    CriticalHeader,
    /// `exp` has passed.
    Expired,
    /// No `exp`.
    ExpiryMissing,
    /// The introspection endpoint says that it is not active.
    Inactive,
    /// `iat` lies in the future.
    IssuedInFuture,
    /// `iss` is not an issuer of this resource.
    IssuerMismatch,
    /// No `iss`.
    IssuerMissing,
    /// The issuer has no such key.
    KeyUnknown,
    /// Not three parts of base64url with two strict JSON objects.
    Malformed,
    /// A token of another kind: an ID token, a refresh token, a logout token.
    NotAnAccessToken,
    /// `nbf` has not come.
    NotYetValid,
    /// A claim that the profile or the configuration requires is missing or another.
    RequiredClaim,
    /// The introspection endpoint speaks of somebody else.
    SubjectMismatch,
    /// Longer than `limits.token`.
    TooLong,
    /// The header's `typ` is not one of an access token.
    TypeNotAllowed,
    /// Bound to no key, where one is needed: sent with a proof, or of an issuer whose tokens must be bound.
    Unbound,
}

impl TokenError {
    /// The reason in records.
    pub fn reason(self) -> Reason {
        match self {
            Self::AlgorithmNotAllowed => Reason::AlgorithmNotAllowed,
            Self::AudienceMismatch => Reason::AudienceMismatch,
            Self::AudienceMissing => Reason::AudienceMissing,
            Self::BadSignature => Reason::BadSignature,
            Self::Bound => Reason::TokenBound,
            Self::BoundAsBearer => Reason::BoundTokenAsBearer,
            Self::CertificateMismatch => Reason::CertificateMismatch,
            Self::CertificateMissing => Reason::CertificateMissing,
            Self::ClaimMalformed => Reason::ClaimMalformed,
            Self::CriticalHeader => Reason::CriticalHeader,
            Self::Expired => Reason::TokenExpired,
            Self::ExpiryMissing => Reason::ExpiryMissing,
            Self::Inactive => Reason::TokenInactive,
            Self::IssuedInFuture => Reason::IssuedInFuture,
            Self::IssuerMismatch => Reason::IssuerMismatch,
            Self::IssuerMissing => Reason::IssuerMissing,
            Self::KeyUnknown => Reason::KeyUnknown,
            Self::Malformed => Reason::TokenMalformed,
            Self::NotAnAccessToken => Reason::NotAnAccessToken,
            Self::NotYetValid => Reason::TokenNotYetValid,
            Self::RequiredClaim => Reason::RequiredClaim,
            Self::SubjectMismatch => Reason::SubjectMismatch,
            Self::TooLong => Reason::TokenTooLong,
            Self::TypeNotAllowed => Reason::TypeNotAllowed,
            Self::Unbound => Reason::TokenNotBound,
        }
    }

    /// What the client is told: one of few sentences that say nothing of the token's contents.
    pub fn description(self) -> &'static str {
        match self {
            Self::Expired => "The access token has expired",
            Self::NotYetValid | Self::IssuedInFuture => "The access token is not valid yet",
            _ => "The access token is not valid for this resource",
        }
    }
}
