//! Introspection responses (RFC 7662 section 2.2).

use std::rc::Rc;

use super::bounds::Bounds;
use super::kept::KeptClaims;
use super::{AccessToken, Claims, Expectations, TokenError, claims};
use crate::node::Node;

/// An endpoint's response about one token.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The token is active, with these properties.
    Active(Box<Active>),
    /// The token is expired, revoked, unknown, or not meant for this resource server.
    Inactive,
}

/// The response about an active token.
#[derive(Clone, Debug, PartialEq)]
pub struct Active {
    claims: Claims,
    /// The token derived from the response, once it was requested.
    token: Option<Result<AccessToken, TokenError>>,
}

/// The body is not a valid response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAnswer;

impl Answer {
    /// Parses a body: one strict JSON object with a boolean `active`. Anything else is no response; in particular it
    /// does not mean that the token is inactive.
    pub fn parse(body: &[u8]) -> Result<Self, NoAnswer> {
        let claims = Claims::parse(body).ok_or(NoAnswer)?;
        match claims.get("active") {
            Some(Node::Bool(true)) => Ok(Self::Active(Box::new(Active { claims, token: None }))),
            Some(Node::Bool(false)) => Ok(Self::Inactive),
            _ => Err(NoAnswer),
        }
    }
}

impl Active {
    /// `exp`, if it is present and a number.
    pub fn expires_at(&self) -> Option<f64> {
        claims::date(&self.claims, "exp").ok().flatten()
    }

    /// Whether the token has been derived.
    pub fn is_read(&self) -> bool {
        self.token.is_some()
    }

    /// The size in memory, in bytes, including the derived token.
    pub fn weight(&self) -> usize {
        let token = self.token.as_ref().and_then(|token| token.as_ref().ok());
        self.claims.weight() + token.map_or(0, AccessToken::weight)
    }

    /// The opaque token that the response describes, before [`AccessToken::check`]. For a JWT, see
    /// [`AccessToken::confirmed_by`].
    pub fn vouch(&mut self, expected: Expectations<'_>) -> Result<AccessToken, TokenError> {
        self.token(None, expected)
    }

    /// The token that the response describes. `local` is the token's own content if it is a JWT. A response is about
    /// one token, so the result is derived once.
    pub(super) fn token(
        &mut self,
        local: Option<AccessToken>,
        expected: Expectations<'_>,
    ) -> Result<AccessToken, TokenError> {
        let token = self.token.take().unwrap_or_else(|| self.read(local, expected));
        self.token = Some(token.clone());
        token
    }

    fn read(&self, local: Option<AccessToken>, expected: Expectations<'_>) -> Result<AccessToken, TokenError> {
        let (said, rules) = (&self.claims, expected.rules);
        let is_dpop = claims::text(said, "token_type")?.is_some_and(|typ| typ.eq_ignore_ascii_case("dpop"));
        // A `nonce` does not indicate an ID token here: some endpoints repeat the nonce of the authorization request.
        rules.check_kind(said, false)?;
        if claims::text(said, "iss")?.is_some_and(|issuer| issuer != expected.issuer) {
            return Err(TokenError::IssuerMismatch);
        }
        match &local {
            // The token's own claims were checked before.
            Some(local) if rules.answer_completes => rules.check_required(said, |name| local.claims().has(name))?,
            None if !rules.required_claims.iter().all(|test| test.holds(said)) => {
                return Err(TokenError::RequiredClaim);
            }
            _ => {}
        }
        let subject = claims::text(said, &rules.subject_claim)?;
        let known = local.as_ref().and_then(AccessToken::subject);
        if subject.zip(known).is_some_and(|(said, known)| said != known) {
            return Err(TokenError::SubjectMismatch);
        }
        // `sub` identifies the subject even if the configuration reads it from another claim.
        let own = local.as_ref().and_then(|local| local.claims().get("sub"));
        if said.get("sub").zip(own).is_some_and(|(said, own)| said != own) {
            return Err(TokenError::SubjectMismatch);
        }
        let client: Option<Rc<str>> = claims::first_text(said, &rules.answer_client_claims)?.map(Into::into);
        let mut bounds = vec![Bounds::read(said, client.clone())?];
        let mut all = said.clone();
        if let Some(local) = &local {
            bounds.extend_from_slice(local.bounds());
            all.add_missing(local.claims());
        }
        // RFC 9449 section 6.2: a response may mark a bound token by its type alone, without naming the key.
        if is_dpop && bounds.iter().all(|bounds| bounds.confirmation().key.is_none()) {
            return Err(TokenError::Bound);
        }
        let known_client = local.as_ref().and_then(AccessToken::client);
        Ok(AccessToken::new(
            expected,
            subject.or(known).map(Into::into),
            client.or_else(|| known_client.map(Into::into)),
            // The scopes of the response apply, even if there are none.
            claims::scope_list(said, &rules.answer_scope_claims)?,
            bounds,
            KeptClaims::of_tree(all),
        )
        .with_mapped_scopes(rules))
    }
}
