//! The bounds of a token that are checked at every use: audience, time, and proof of possession.

use super::{Claims, Confirmation, TokenError, TokenRules, claims};
use crate::time::UnixTime;

/// The audience and times of a token, read from its claims once.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    audiences: Vec<String>,
    /// Whether `aud` is present, even if it is empty.
    names_audiences: bool,
    /// Whether the introspection response supplies claims that the token lacks.
    answer_completes: bool,
    client: Option<String>,
    expires_at: Option<f64>,
    not_before: Option<f64>,
    issued_at: Option<f64>,
    confirmation: Confirmation,
}

impl Bounds {
    /// Reads the claims of a token issued to `client`.
    pub fn read(set: &Claims, client: Option<&str>) -> Result<Self, TokenError> {
        claims::check_actors(set)?;
        Ok(Self {
            audiences: claims::audiences(set)?,
            names_audiences: set.has("aud"),
            answer_completes: false,
            client: client.map(str::to_owned),
            expires_at: claims::date(set, "exp")?,
            not_before: claims::date(set, "nbf")?,
            issued_at: claims::date(set, "iat")?,
            confirmation: Confirmation::read(set)?,
        })
    }

    /// All strings, to compute the size.
    pub fn texts(&self) -> impl Iterator<Item = &String> {
        self.audiences.iter().chain(&self.client)
    }

    /// Reads the claims of a JWT issued to `client`.
    pub fn of_jwt(set: &Claims, client: Option<&str>, rules: &TokenRules) -> Result<Self, TokenError> {
        Ok(Self { answer_completes: rules.answer_completes, ..Self::read(set, client)? })
    }

    /// `exp`, if it is present.
    pub fn expires_at(&self) -> Option<f64> {
        self.expires_at
    }

    /// `iat`, if it is present.
    pub fn issued_at(&self) -> Option<f64> {
        self.issued_at
    }

    /// The proof of possession that a client needs.
    pub fn confirmation(&self) -> Confirmation {
        self.confirmation
    }

    /// Checks that the audience is one of `audiences` and that the token is valid at `now`.
    #[inline]
    pub fn check(&self, audiences: &[String], rules: &TokenRules, now: UnixTime) -> Result<(), TokenError> {
        self.check_audience(audiences, rules)?;
        self.check_times(rules, now)
    }

    /// Checks that the audience is one of `expected`.
    pub fn check_audience(&self, expected: &[String], rules: &TokenRules) -> Result<(), TokenError> {
        if !self.names_audiences && self.answer_completes {
            return Ok(());
        }
        if !self.names_audiences && self.client.as_ref().is_some_and(|own| rules.audience_missing.contains(own)) {
            return Ok(());
        }
        let accepted = |audience: &String| expected.iter().any(|own| same_audience(own, audience));
        if !self.names_audiences && rules.client_may_be_audience {
            return if self.client.as_ref().is_some_and(accepted) { Ok(()) } else { Err(TokenError::AudienceMismatch) };
        }
        match self.audiences.as_slice() {
            [] => Err(TokenError::AudienceMissing),
            several if several.iter().any(accepted) => Ok(()),
            _ => Err(TokenError::AudienceMismatch),
        }
    }

    /// Checks that `exp` is present, or that the introspection response supplies it.
    pub fn check_end(&self) -> Result<(), TokenError> {
        if self.expires_at.is_some() || self.answer_completes { Ok(()) } else { Err(TokenError::ExpiryMissing) }
    }

    /// Checks that the token is valid at `now`.
    pub fn check_times(&self, rules: &TokenRules, now: UnixTime) -> Result<(), TokenError> {
        let (now, leeway) = (now.as_numeric_date(), rules.leeway.as_secs_f64());
        if self.expires_at.is_some_and(|end| now >= end + leeway) {
            return Err(TokenError::Expired);
        }
        if self.not_before.is_some_and(|start| now + leeway < start) {
            return Err(TokenError::NotYetValid);
        }
        if self.issued_at.is_some_and(|issue| now + leeway < issue) {
            return Err(TokenError::IssuedInFuture);
        }
        Ok(())
    }
}

/// Equal except for one trailing slash, which some clients add to the resource.
fn same_audience(own: &str, audience: &str) -> bool {
    let bare = |text: &str| text.strip_suffix('/').map(str::len).unwrap_or(text.len());
    own.get(..bare(own)) == audience.get(..bare(audience)) && !audience.is_empty()
}
