//! An issuer and how its tokens are validated.

use std::time::Duration;

use super::Introspection;
use crate::jwks::KeySource;
use crate::signature::Algorithm;
use crate::token::{Expectations, TokenRules};
use crate::url::Url;

/// A trusted authorization server.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The value of `iss`, compared byte for byte.
    pub identifier: String,
    /// The issuer's name in the configuration.
    pub name: String,
    /// How its tokens are validated.
    pub validation: Validation,
    /// The source of its keys, if configured.
    pub keys: Option<KeySource>,
    /// Its introspection endpoint, if configured.
    pub introspection: Option<Introspection>,
    /// The algorithms it may sign with, if configured. Otherwise its keys determine them.
    pub algorithms: Option<Vec<Algorithm>>,
    /// The name of its profile.
    pub profile: &'static str,
    /// The rules for its tokens.
    pub rules: TokenRules,
    /// Whether its tokens must be bound to a key.
    pub dpop: Dpop,
    /// The maximum age of a proof without a nonce.
    pub dpop_window: Duration,
}

/// The treatment of tokens bound to a key (RFC 9449).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dpop {
    /// Bound tokens are refused.
    Off,
    /// Bound tokens require a proof. Other tokens are accepted without one.
    Optional,
    /// Only bound tokens with a proof are accepted.
    Required,
}

/// How tokens are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// Always by introspection.
    Introspection,
    /// By signature.
    Jwt,
    /// By signature and introspection.
    JwtAndIntrospection,
    /// By signature, or by introspection if that is not possible.
    JwtOrIntrospection,
}

impl Validation {
    /// Whether opaque tokens can be accepted.
    pub fn takes_opaque_tokens(self) -> bool {
        matches!(self, Self::Introspection | Self::JwtOrIntrospection)
    }

    /// Whether keys are required.
    pub(crate) fn uses_keys(self) -> bool {
        self != Self::Introspection
    }

    /// Whether an introspection endpoint is required.
    pub(crate) fn uses_introspection(self) -> bool {
        self != Self::Jwt
    }
}

impl Issuer {
    /// Whether clients can discover the issuer, because its identifier is a URL.
    pub fn can_be_found(&self) -> bool {
        Url::parse(&self.identifier).is_ok()
    }

    /// The expectations of its tokens at a resource with these audiences.
    pub fn expectations<'e>(&'e self, audiences: &'e [String]) -> Expectations<'e> {
        Expectations {
            issuer: &self.identifier,
            issuer_name: &self.name,
            algorithms: self.algorithms.as_deref(),
            rules: &self.rules,
            audiences,
        }
    }

    /// Whether an opaque token can be from this issuer.
    pub fn takes_opaque_tokens(&self) -> bool {
        self.validation.takes_opaque_tokens()
    }
}
