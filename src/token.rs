//! Access tokens: untrusted text in, verified claims out. Both have their own type, and only verification produces the
//! second.

#[cfg(feature = "explain")]
mod assumed;
mod bounds;
mod cache;
mod claims;
mod confirmation;
mod digest;
pub mod fault;
mod introspected;
mod jwt;
mod kept;
mod known;
mod profile;
mod recent;
mod rules;
mod scope_map;
mod selector;

#[cfg(feature = "explain")]
pub use assumed::{Assumed, acting};
pub use cache::TokenCache;
pub(crate) use claims::first_text;
pub use claims::{ClaimTest, Claims};
pub use confirmation::{Confirmation, Thumbprint};
pub use digest::{ByFirstBytes, TokenDigest};
pub use introspected::{Active, Answer, NoAnswer};
pub use jwt::{Candidate, UntrustedJwt};
#[cfg(feature = "explain")]
pub use jwt::{Checked, TokenCheck};
pub use profile::{GENERIC, PROFILES, Profile};
pub use recent::Recent;
pub use rules::{Expectations, TokenRules};
pub use scope_map::MappedScopes;
pub use selector::Selector;

use std::fmt;
use std::rc::Rc;

use bounds::Bounds;
use kept::KeptClaims;

use crate::index::Index;
use crate::node::allocated;
use crate::reason::Reason;
use crate::scope::Scope;
use crate::time::UnixTime;

/// A verified access token. Clones share their content.
#[derive(Clone, PartialEq)]
pub struct AccessToken(Rc<Vouched>);

#[derive(PartialEq)]
struct Vouched {
    issuer: Box<str>,
    issuer_name: Box<str>,
    subject: Option<Box<str>>,
    client: Option<Rc<str>>,
    /// The issued scopes, then those of `scope_map` that were not issued.
    scopes: Box<[String]>,
    /// The number of issued scopes.
    issued: usize,
    /// Index of `scopes`, if there are more than [`FEW_SCOPES`].
    many_scopes: Option<Box<Index>>,
    /// One per source: the token itself, the introspection response.
    bounds: Box<[Bounds]>,
    claims: KeptClaims,
}

/// Up to this number, a linear search is as fast as an index.
const FEW_SCOPES: usize = 8;

fn index_many(scopes: &[String]) -> Option<Box<Index>> {
    (scopes.len() > FEW_SCOPES).then(|| Box::new(Index::new(scopes.iter().cloned())))
}

impl AccessToken {
    fn new(
        issuer: Expectations<'_>,
        subject: Option<Box<str>>,
        client: Option<Rc<str>>,
        scopes: Vec<String>,
        bounds: Vec<Bounds>,
        claims: KeptClaims,
    ) -> Self {
        Self(Rc::new(Vouched {
            issuer: issuer.issuer.into(),
            issuer_name: issuer.issuer_name.into(),
            subject,
            client,
            many_scopes: index_many(&scopes),
            issued: scopes.len(),
            scopes: scopes.into(),
            bounds: bounds.into(),
            claims,
        }))
    }

    /// The verified token, with the scopes that the issuer's `scope_map` grants its caller.
    fn with_mapped_scopes(mut self, rules: &TokenRules) -> Self {
        if rules.scope_map.is_empty() {
            return self;
        }
        let mapped = scope_map::scopes_for(&rules.scope_map, &self);
        let more: Vec<_> = mapped.iter().map(Scope::as_str).filter(|scope| !self.has_scope(scope)).collect();
        // Nobody else has a token that was just verified. One that is shared would only lack the scopes.
        if let Some(vouched) = Rc::get_mut(&mut self.0) {
            let issued = std::mem::take(&mut vouched.scopes).into_iter();
            vouched.scopes = issued.chain(more.into_iter().map(str::to_owned)).collect();
            vouched.many_scopes = index_many(&vouched.scopes);
        }
        self
    }

    /// A caller for tests.
    #[cfg(test)]
    pub(crate) fn of(issuer: &str, subject: &str, scopes: &[&str]) -> Self {
        Self(Rc::new(Vouched {
            issuer: issuer.into(),
            issuer_name: issuer.into(),
            subject: Some(subject.into()),
            client: None,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            issued: scopes.len(),
            many_scopes: None,
            bounds: Box::default(),
            claims: KeptClaims::default(),
        }))
    }

    /// The checks that every use repeats, even for a cached token: its audience is one of `audiences`, and it is valid
    /// at `now`.
    #[inline]
    pub fn check(&self, audiences: &[String], rules: &TokenRules, now: UnixTime) -> Result<(), TokenError> {
        self.0.bounds.iter().try_for_each(|bounds| bounds.check(audiences, rules, now))
    }

    /// The token, confirmed by an introspection response.
    pub fn confirmed_by(self, active: &mut Active, expected: Expectations<'_>) -> Result<Self, TokenError> {
        active.token(Some(self), expected)
    }

    /// The bindings that the client must prove at every use, one per source. All must be proven.
    pub fn confirmations(&self) -> impl Iterator<Item = Confirmation> {
        self.0.bounds.iter().map(Bounds::confirmation)
    }

    /// The approximate size in memory, for the bounds of caches.
    pub fn weight(&self) -> usize {
        let Vouched { issuer, issuer_name, subject, client, scopes, bounds, claims, .. } = &*self.0;
        let texts = [Some(&**issuer), Some(&**issuer_name), subject.as_deref(), client.as_deref()];
        let texts = texts.into_iter().flatten().map(|text| allocated(text.len()));
        let each = |scope: &String| size_of::<String>() + allocated(scope.capacity());
        // The index holds each scope again.
        let copies = if self.0.many_scopes.is_some() { 2 } else { 1 };
        let scopes = allocated(copies * scopes.iter().map(each).sum::<usize>());
        let bounds = allocated(size_of_val(&**bounds)) + bounds.iter().map(Bounds::heap).sum::<usize>();
        size_of::<Vouched>() + texts.sum::<usize>() + scopes + bounds + claims.weight()
    }

    /// The same token in less memory, for a cache: its claims are text. It is a clone if they have none.
    pub fn compact(&self) -> Self {
        let Some(claims) = self.0.claims.take_text() else { return self.clone() };
        let Vouched { issuer, issuer_name, subject, client, scopes, issued, many_scopes, bounds, claims: _ } = &*self.0;
        Self(Rc::new(Vouched {
            issuer: issuer.clone(),
            issuer_name: issuer_name.clone(),
            subject: subject.clone(),
            client: client.clone(),
            scopes: scopes.clone(),
            issued: *issued,
            many_scopes: many_scopes.clone(),
            bounds: bounds.clone(),
            claims,
        }))
    }

    fn bounds(&self) -> &[Bounds] {
        &self.0.bounds
    }

    /// `iss`, byte for byte.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The issuer's name in the configuration.
    pub fn issuer_name(&self) -> &str {
        &self.0.issuer_name
    }

    /// The subject.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The client to which the token was issued.
    pub fn client(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    /// The granted scopes: as issued, and those of `scope_map`.
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Whether `scope` was issued, not only granted by `scope_map`.
    pub fn was_issued(&self, scope: &str) -> bool {
        let mapped = self.0.scopes.get(self.0.issued..).unwrap_or_default();
        self.has_scope(scope) && !mapped.iter().any(|own| own == scope)
    }

    /// Whether `scope` was granted, before the hierarchy.
    #[inline]
    pub fn has_scope(&self, scope: &str) -> bool {
        match &self.0.many_scopes {
            None => self.0.scopes.iter().any(|own| own == scope),
            Some(index) => index.contains(scope),
        }
    }

    /// The earliest `exp` of all sources, in seconds since 1970. Infinite without one, as introspection responses may
    /// omit it.
    pub fn expires_at(&self) -> f64 {
        self.0.bounds.iter().filter_map(Bounds::expires_at).fold(f64::INFINITY, f64::min)
    }

    /// All claims. Claims of an introspection response take precedence over the token's own.
    pub fn claims(&self) -> &Claims {
        self.0.claims.all()
    }

    /// The parties that act for the subject, the current one first (RFC 8693 section 4.1).
    pub fn actors(&self) -> impl Iterator<Item = &str> {
        self.0.claims.actors()
    }

    /// The earliest `iat` of all sources, in seconds since 1970.
    pub fn issued_at(&self) -> Option<f64> {
        // Callers that are assumed have claims, but no source.
        let assumed = self.0.bounds.is_empty().then(|| claims::date(self.claims(), "iat").ok()?).flatten();
        self.0.bounds.iter().filter_map(Bounds::issued_at).chain(assumed).reduce(f64::min)
    }

    /// `jti`, if it is a string.
    pub fn id(&self) -> Option<&str> {
        self.0.claims.id()
    }
}

/// Omits the claims, which are personal data.
impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("issuer", &self.0.issuer)
            .field("scopes", &self.0.scopes)
            .finish_non_exhaustive()
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// `act` is not an actor at each level.
    ActMalformed,
    /// The issuer's configuration does not allow the algorithm.
    AlgorithmNotAllowed,
    /// `aud` names only other resource servers.
    AudienceMismatch,
    /// `aud` is missing.
    AudienceMissing,
    /// The signature matches no key of the issuer.
    BadSignature,
    /// `cnf` binds the token to something that cannot be verified.
    Bound,
    /// `cnf` binds the token to a key, but it was sent as a bearer token (RFC 9449 section 7.2).
    BoundAsBearer,
    /// `cnf` binds the token to another certificate than the connection's.
    CertificateMismatch,
    /// `cnf` binds the token to a certificate, but the connection to the client has no mutual TLS.
    CertificateMissing,
    /// A claim has the wrong type.
    ClaimMalformed,
    /// `crit` or `b64` requires an unsupported extension (RFC 7515 section 4.1.11, RFC 7797).
    CriticalHeader,
    /// `exp` has passed.
    Expired,
    /// `exp` is missing.
    ExpiryMissing,
    /// The introspection endpoint reports the token as inactive.
    Inactive,
    /// `iat` is in the future.
    IssuedInFuture,
    /// `iss` is not an issuer of this resource.
    IssuerMismatch,
    /// `iss` is missing.
    IssuerMissing,
    /// The issuer has no such key.
    KeyUnknown,
    /// The token is not three parts of base64url with two strict JSON objects.
    Malformed,
    /// The token is an ID token, a refresh token or a logout token.
    NotAnAccessToken,
    /// `nbf` is in the future.
    NotYetValid,
    /// A claim that the profile or the configuration requires is missing or has another value.
    RequiredClaim,
    /// The policy revokes the token.
    Revoked,
    /// The introspection response is about another subject.
    SubjectMismatch,
    /// The token is longer than `limits.token`.
    TooLong,
    /// The header's `typ` is not that of an access token.
    TypeNotAllowed,
    /// The token is not bound to a key, but was sent with a proof or its issuer requires bound tokens.
    Unbound,
}

impl TokenError {
    /// The reason in records.
    pub fn reason(self) -> Reason {
        match self {
            Self::ActMalformed => Reason::ActMalformed,
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
            Self::Revoked => Reason::TokenRevoked,
            Self::SubjectMismatch => Reason::SubjectMismatch,
            Self::TooLong => Reason::TokenTooLong,
            Self::TypeNotAllowed => Reason::TypeNotAllowed,
            Self::Unbound => Reason::TokenNotBound,
        }
    }

    /// Whether the token is good for nothing any more, whoever has it: it has expired, was revoked, or its key is gone.
    pub fn is_final(self) -> bool {
        matches!(self, Self::BadSignature | Self::Expired | Self::Inactive | Self::KeyUnknown | Self::Revoked)
    }

    /// The description for the client: one of a few sentences that repeat nothing of the token.
    pub fn description(self) -> &'static str {
        match self {
            Self::Expired => "The access token has expired",
            Self::NotYetValid | Self::IssuedInFuture => "The access token is not valid yet",
            Self::Inactive | Self::Revoked => "The access token is no longer active",
            Self::AudienceMismatch | Self::AudienceMissing => "The access token was not issued for this resource",
            Self::IssuerMismatch | Self::IssuerMissing => {
                "The access token was not issued by an authorization server of this resource"
            }
            Self::NotAnAccessToken | Self::TypeNotAllowed => "The token is not an access token",
            Self::BoundAsBearer => "The access token must be sent with a proof of possession of its key",
            Self::CertificateMismatch | Self::CertificateMissing => {
                "The access token must be sent over a connection with its client certificate"
            }
            Self::Unbound => "The access token must be bound to a key of the client",
            Self::TooLong => "The access token is too long",
            _ => "The access token is not valid for this resource",
        }
    }
}
