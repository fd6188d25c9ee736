//! An issuer: who is trusted to issue tokens, and how its tokens are validated.

use super::Introspection;
use crate::jwks::KeySource;
use crate::signature::Algorithm;
use crate::token::TokenRules;
use crate::url::Url;

/// One trusted authorization server.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Equals `iss` byte for byte.
    pub identifier: String,
    /// Its name in the rest of the configuration.
    pub name: String,
    /// How its tokens are validated.
    pub validation: Validation,
    /// Its keys, where it has any configured.
    pub keys: Option<KeySource>,
    /// Its introspection endpoint, where one is configured.
    pub introspection: Option<Introspection>,
    /// The algorithms it may sign with, where that is configured; else all, as its keys imply them.
    pub algorithms: Option<Vec<Algorithm>>,
    /// The rules for its tokens.
    pub rules: TokenRules,
    /// Whether they are bound to keys of which clients prove that they have them.
    pub dpop: Dpop,
}

/// The treatment of tokens that are bound to a key (RFC 9449).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dpop {
    /// They are refused.
    Off,
    /// They are accepted with a proof, other tokens without one.
    Optional,
    /// Only they are accepted, with a proof.
    Required,
}

/// How tokens are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// Always asked.
    Introspection,
    /// By signature.
    Jwt,
    /// By signature, then asked.
    JwtAndIntrospection,
    /// By signature; asked where that cannot be.
    JwtOrIntrospection,
}

impl Validation {
    /// Whether a token that is no JWT can be accepted.
    pub fn takes_opaque_tokens(self) -> bool {
        matches!(self, Self::Introspection | Self::JwtOrIntrospection)
    }

    /// Whether it needs keys.
    pub(crate) fn uses_keys(self) -> bool {
        self != Self::Introspection
    }

    /// Whether it needs an introspection endpoint.
    pub(crate) fn uses_introspection(self) -> bool {
        self != Self::Jwt
    }
}

impl Issuer {
    /// Whether clients can be sent to it: its identifier is a URL.
    pub fn can_be_found(&self) -> bool {
        Url::parse(&self.identifier).is_ok()
    }

    /// Whether a token that is no JWT can be one of this issuer.
    pub fn takes_opaque_tokens(&self) -> bool {
        self.validation.takes_opaque_tokens()
    }
}
