//! The bounds of a token that are checked at every use: audience, time, and proof of possession.

use std::rc::Rc;

use super::{Claims, Confirmation, TokenError, TokenRules, claims};
use crate::node::allocated;
use crate::time::UnixTime;

/// The audience and times of a token, read from its claims once.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    audiences: Box<[Box<str>]>,
    /// Whether `aud` is present, even if it is empty.
    names_audiences: bool,
    /// Whether the introspection response supplies claims that the token lacks.
    answer_completes: bool,
    client: Option<Rc<str>>,
    expires_at: Option<f64>,
    not_before: Option<f64>,
    issued_at: Option<f64>,
    /// Absent if there is nothing to prove, as for most tokens: it is large.
    confirmation: Option<Box<Confirmation>>,
}

impl Bounds {
    /// Reads the claims of a token issued to `client`.
    pub fn read(set: &Claims, client: Option<Rc<str>>) -> Result<Self, TokenError> {
        claims::check_actors(set)?;
        let confirmation = Confirmation::read(set)?;
        Ok(Self {
            audiences: claims::audiences(set)?,
            names_audiences: set.has("aud"),
            answer_completes: false,
            client,
            expires_at: claims::date(set, "exp")?,
            not_before: claims::date(set, "nbf")?,
            issued_at: claims::date(set, "iat")?,
            confirmation: (confirmation != Confirmation::default()).then(|| Box::new(confirmation)),
        })
    }

    /// The size of what it owns elsewhere, in bytes.
    pub fn heap(&self) -> usize {
        let client = self.client.iter().map(|client| allocated(client.len()));
        let texts = self.audiences.iter().map(|audience| allocated(audience.len())).chain(client);
        let confirmation = if self.confirmation.is_some() { allocated(size_of::<Confirmation>()) } else { 0 };
        allocated(size_of_val(&*self.audiences)) + texts.sum::<usize>() + confirmation
    }

    /// Reads the claims of a JWT issued to `client`.
    pub fn of_jwt(set: &Claims, client: Option<Rc<str>>, rules: &TokenRules) -> Result<Self, TokenError> {
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
        self.confirmation.as_deref().copied().unwrap_or_default()
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
        if !self.names_audiences
            && self.client.as_ref().is_some_and(|own| rules.audience_missing.iter().any(|client| **client == **own))
        {
            return Ok(());
        }
        let accepted = |audience: &str| expected.iter().any(|own| same_audience(own, audience));
        if !self.names_audiences && rules.client_may_be_audience {
            return if self.client.as_deref().is_some_and(accepted) {
                Ok(())
            } else {
                Err(TokenError::AudienceMismatch)
            };
        }
        match &*self.audiences {
            [] => Err(TokenError::AudienceMissing),
            several if several.iter().any(|audience| accepted(audience)) => Ok(()),
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
