//! JWT access tokens (RFC 7519, RFC 9068). They are parsed, checked against the issuer's rules, and verified last,
//! because the signature is the expensive part.

#[cfg(feature = "explain")]
mod explain;

#[cfg(feature = "explain")]
pub use explain::{Checked, TokenCheck};

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::bounds::Bounds;
use super::kept::KeptClaims;
use super::{AccessToken, Active, Claims, Expectations, TokenError, TokenRules, claims};
use crate::jwks::KeyQuery;
use crate::signature::{Algorithm, PublicKey, SignatureVerifier};
use crate::time::UnixTime;

/// A parsed JWT. Nothing in it is verified.
pub struct UntrustedJwt<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    header: Claims,
    claims: Claims,
    /// The text of `claims`.
    payload: Vec<u8>,
}

/// A token that passed every check except its signature.
pub struct Candidate<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    rules: &'t TokenRules,
    query: KeyQuery,
    access: AccessToken,
}

impl<'t> UntrustedJwt<'t> {
    /// Splits and decodes `token`.
    pub fn parse(token: &'t str) -> Result<Self, TokenError> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let signed = token.get(..header.len() + 1 + payload.len()).ok_or(TokenError::Malformed)?;
        let signature = decode(signature)?;
        let header = object(&decode(header)?)?;
        let payload = decode(payload)?;
        Ok(Self { signed, signature, header, claims: object(&payload)?, payload })
    }

    /// Whether `token` looks like a JWT: three parts, of which the first decodes to the start of a JSON object.
    /// Anything else is opaque. The looser this test, the fewer tokens are sent to an introspection endpoint.
    pub fn is_shaped_like(token: &str) -> bool {
        let first = token.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
        token.split('.').count() == 3 && first.is_some_and(|header| header.trim_ascii_start().starts_with(b"{"))
    }

    /// The unverified header.
    pub fn claimed_header(&self) -> &Claims {
        &self.header
    }

    /// The unverified claims.
    pub fn claimed(&self) -> &Claims {
        &self.claims
    }

    /// The signed bytes.
    pub fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    /// The signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The unverified `iss`.
    #[inline]
    pub fn issuer(&self) -> Result<&str, TokenError> {
        claims::text(&self.claims, "iss")?.ok_or(TokenError::IssuerMissing)
    }

    /// Makes every check except the signature's. A failure is final, whoever signed the token.
    pub fn check(self, expected: Expectations<'t>, now: UnixTime) -> Result<Candidate<'t>, TokenError> {
        let query = self.check_header(expected)?;
        expected.rules.check_kind(&self.claims, self.nonce_tells()?)?;
        if self.issuer()? != expected.issuer {
            return Err(TokenError::IssuerMismatch);
        }
        let client: Option<Rc<str>> = claims::first_text(&self.claims, &expected.rules.client_claims)?.map(Into::into);
        let bounds = Bounds::of_jwt(&self.claims, client.clone(), expected.rules)?;
        bounds.check(expected.audiences, expected.rules, now)?;
        bounds.check_end()?;
        self.check_required(expected.rules)?;
        let subject = claims::text(&self.claims, &expected.rules.subject_claim)?;
        let scopes = claims::scope_list(&self.claims, &expected.rules.scope_claims)?;
        let subject = subject.map(Into::into);
        let claims = KeptClaims::of_text(self.payload, self.claims);
        let access = AccessToken::new(expected, subject, client, scopes, vec![bounds], claims);
        Ok(Candidate { signed: self.signed, signature: self.signature, rules: expected.rules, query, access })
    }

    fn check_header(&self, expected: Expectations<'_>) -> Result<KeyQuery, TokenError> {
        if self.header.asks_for_extension() {
            return Err(TokenError::CriticalHeader);
        }
        let allowed = match self.typ()? {
            Some(typ) => expected.rules.types.iter().any(|own| own.eq_ignore_ascii_case(typ)),
            None => expected.rules.type_may_be_absent,
        };
        if !allowed {
            return Err(TokenError::TypeNotAllowed);
        }
        let name = claims::text(&self.header, "alg")?.ok_or(TokenError::Malformed)?;
        let written = expected.algorithms;
        let is_allowed = |algorithm: &Algorithm| written.is_none_or(|written| written.contains(algorithm));
        let algorithm = Algorithm::from_name(name).filter(is_allowed).ok_or(TokenError::AlgorithmNotAllowed)?;
        let kid = claims::text(&self.header, "kid")?.map(str::to_owned);
        Ok(KeyQuery { kid, algorithm, written: written.is_some() })
    }

    /// The media type without its optional prefix (RFC 7515 section 4.1.9). Letters have any case.
    fn typ(&self) -> Result<Option<&str>, TokenError> {
        const PREFIX: &str = "application/";
        let typ = claims::text(&self.header, "typ")?;
        Ok(typ.map(|typ| match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, bare)) if prefix.eq_ignore_ascii_case(PREFIX) => bare,
            _ => typ,
        }))
    }

    /// Whether a `nonce` marks the token as an ID token: an access token that says so may have one.
    fn nonce_tells(&self) -> Result<bool, TokenError> {
        Ok(!self.typ()?.is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt")))
    }

    fn check_required(&self, rules: &TokenRules) -> Result<(), TokenError> {
        let left_to_answer = |name: &str| rules.answer_completes && !self.claims.has(name);
        rules.check_required(&self.claims, left_to_answer)
    }
}

impl Candidate<'_> {
    /// The key that the token needs.
    pub fn query(&self) -> &KeyQuery {
        &self.query
    }

    /// The token, confirmed by an introspection response instead of a signature.
    pub fn confirmed_by(self, active: &mut Active, expected: Expectations<'_>) -> Result<AccessToken, TokenError> {
        active.token(Some(self.access), expected)
    }

    /// Returns the verified token if one of `keys` made its signature. The configuration must allow the algorithm, and
    /// it must fit the key. The token alone chooses nothing.
    pub fn verify(self, keys: &[&PublicKey], verifier: &dyn SignatureVerifier) -> Result<AccessToken, TokenError> {
        let algorithm = self.query.algorithm;
        let signed = self.signed.as_bytes();
        let made = |key: &&PublicKey| algorithm.fits(key) && verifier.verify(algorithm, key, signed, &self.signature);
        if keys.iter().take(verifier.tries(algorithm)).any(made) {
            Ok(self.access.with_mapped_scopes(self.rules))
        } else {
            Err(TokenError::BadSignature)
        }
    }
}

/// Decodes base64url without padding.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}

/// Parses a strict JSON object.
fn object(text: &[u8]) -> Result<Claims, TokenError> {
    Claims::parse(text).ok_or(TokenError::Malformed)
}
