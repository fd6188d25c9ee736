//! The individual checks of a token, to find out which one fails.

use super::{Bounds, Expectations, UntrustedJwt};
use crate::time::UnixTime;
use crate::token::{TokenError, claims};

/// One check of a token, with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenCheck {
    /// The subject of the check.
    pub about: Checked,
    /// The outcome.
    pub outcome: Result<(), TokenError>,
}

/// The subject of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Checked {
    /// `crit`, `typ`, `alg`
    Header,
    /// Whether it is an access token.
    Kind,
    Client,
    /// Whether `aud`, `exp`, `nbf` and `iat` have the right types. Only then are they compared.
    Types,
    Audience,
    /// `exp`, `nbf`, `iat`
    Times,
    /// Claims that the profile or the configuration requires.
    Required,
    Subject,
    Scopes,
}

impl UntrustedJwt<'_> {
    /// All checks of [`UntrustedJwt::check`], in the same order. Checks after a failed one are included. The first
    /// failure is the one for which `check` refuses the token.
    pub fn checks(&self, expected: Expectations<'_>, now: UnixTime) -> Vec<TokenCheck> {
        let rules = expected.rules;
        let kind = self.nonce_tells().and_then(|nonce_tells| rules.check_kind(&self.claims, nonce_tells));
        let client = claims::first_text(&self.claims, &rules.client_claims);
        let bounds = Bounds::of_jwt(&self.claims, client.unwrap_or_default().map(Into::into), rules);
        let audience = |bounds: &Bounds| bounds.check_audience(expected.audiences, rules);
        let times = |bounds: &Bounds| {
            bounds.check_times(rules, now)?;
            bounds.check_end()
        };
        let outcomes = [
            (Checked::Header, self.check_header(expected).map(drop)),
            (Checked::Kind, kind),
            (Checked::Client, client.map(drop)),
            (Checked::Types, bounds.as_ref().map(drop).map_err(|error| *error)),
            (Checked::Audience, bounds.as_ref().map_or(Ok(()), audience)),
            (Checked::Times, bounds.as_ref().map_or(Ok(()), times)),
            (Checked::Required, self.check_required(rules)),
            (Checked::Subject, claims::text(&self.claims, &rules.subject_claim).map(drop)),
            (Checked::Scopes, claims::scope_list(&self.claims, &rules.scope_claims).map(drop)),
        ];
        outcomes.into_iter().map(|(about, outcome)| TokenCheck { about, outcome }).collect()
    }
}
