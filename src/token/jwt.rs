//! JWT access tokens (RFC 7519, RFC 9068): split, checked against the issuer's rules, and verified last, because a
//! signature is what costs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{AccessToken, Claims, TokenError, TokenRules, claims};
use crate::jwks::KeyQuery;
use crate::node::Node;
use crate::signature::{Algorithm, PublicKey, SignatureVerifier};
use crate::time::UnixTime;

/// A token of which nothing is known but that it has the form of a JWT.
#[derive(Clone)]
pub struct UntrustedJwt {
    signed: String,
    signature: Vec<u8>,
    header: Claims,
    claims: Claims,
}

/// A token that passed every check but that of its signature.
pub struct Candidate<'t> {
    token: &'t UntrustedJwt,
    query: KeyQuery,
    access: AccessToken,
}

/// What the checks need to know of the issuer and the resource.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'c> {
    /// The issuer's identifier.
    pub issuer: &'c str,
    /// Its name in the configuration.
    pub issuer_name: &'c str,
    /// Its algorithms.
    pub algorithms: &'c [Algorithm],
    /// Its rules.
    pub rules: &'c TokenRules,
    /// The resource's audiences.
    pub audiences: &'c [String],
}

impl UntrustedJwt {
    /// Splits and decodes `token`.
    pub fn parse(token: &str) -> Result<Self, TokenError> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let signed = token.get(..header.len() + 1 + payload.len()).ok_or(TokenError::Malformed)?;
        Ok(Self {
            signed: signed.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?,
            header: object(header)?,
            claims: object(payload)?,
        })
    }

    /// Whether `token` has the form of a JWT; anything else is opaque. The looser this is, the fewer tokens are sent
    /// to an introspection endpoint: three parts, of which the first is a JSON object.
    pub fn is_shaped_like(token: &str) -> bool {
        token.split('.').count() == 3 && token.split('.').next().is_some_and(|header| object(header).is_ok())
    }

    /// `iss` as the token claims it.
    pub fn issuer(&self) -> Result<&str, TokenError> {
        claims::text(&self.claims, "iss")?.ok_or(TokenError::IssuerMissing)
    }

    /// Every check but that of the signature. What it finds wrong is final, whoever signed.
    pub fn check(&self, expected: Expectations<'_>, now: UnixTime) -> Result<Candidate<'_>, TokenError> {
        let query = self.check_header(expected)?;
        self.check_kind(expected.rules)?;
        if self.issuer()? != expected.issuer {
            return Err(TokenError::IssuerMismatch);
        }
        let client = claims::first_text(&self.claims, &expected.rules.client_claims)?;
        self.check_audience(expected, client)?;
        let expires_at = self.check_times(expected.rules, now)?;
        self.check_required(expected.rules)?;
        let subject = claims::text(&self.claims, &expected.rules.subject_claim)?;
        let access = AccessToken {
            issuer: expected.issuer.to_owned(),
            issuer_name: expected.issuer_name.to_owned(),
            subject: subject.map(str::to_owned),
            client: client.map(str::to_owned),
            scopes: claims::scope_list(&self.claims, &expected.rules.scope_claims)?,
            expires_at,
            claims: self.claims.clone(),
        };
        Ok(Candidate { token: self, query, access })
    }

    fn check_header(&self, expected: Expectations<'_>) -> Result<KeyQuery, TokenError> {
        if self.header.has("crit") || self.header.has("b64") {
            return Err(TokenError::CriticalHeader);
        }
        let typ = self.typ()?;
        let allowed = match &typ {
            Some(typ) => expected.rules.types.contains(typ),
            None => expected.rules.type_may_be_absent,
        };
        if !allowed {
            return Err(TokenError::TypeNotAllowed);
        }
        let name = claims::text(&self.header, "alg")?.ok_or(TokenError::Malformed)?;
        let algorithm = Algorithm::from_name(name).filter(|algorithm| expected.algorithms.contains(algorithm));
        let kid = claims::text(&self.header, "kid")?.map(str::to_owned);
        Ok(KeyQuery { kid, algorithm: algorithm.ok_or(TokenError::AlgorithmNotAllowed)? })
    }

    /// The media type without its optional prefix (RFC 7515 section 4.1.9), in lower case.
    fn typ(&self) -> Result<Option<String>, TokenError> {
        let typ = claims::text(&self.header, "typ")?.map(str::to_ascii_lowercase);
        Ok(typ.map(|typ| typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)))
    }

    /// Refuses what an issuer signs with the same keys but did not mean as an access token.
    fn check_kind(&self, rules: &TokenRules) -> Result<(), TokenError> {
        let has = |name: &str| self.claims.has(name);
        if has("cnf") {
            return Err(TokenError::Bound);
        }
        let nonce_tells = !rules.nonce_is_tolerated && self.typ()?.as_deref() != Some("at+jwt");
        let id_token = has("at_hash") || has("c_hash") || (has("nonce") && nonce_tells);
        let logout_token = self
            .claims
            .get("events")
            .is_some_and(|events| events.member("http://schemas.openid.net/event/backchannel-logout").is_some());
        let other_use = match self.claims.get("token_use") {
            Some(purpose) => !matches!(purpose.as_text(), Some("access" | "access_token")),
            None => false,
        };
        let other_type = match (self.claims.get("typ"), rules.payload_types) {
            (None, _) => false,
            (Some(typ), Some(allowed)) => !typ.as_text().is_some_and(|typ| allowed.contains(&typ)),
            (Some(typ), None) => typ.as_text().is_some_and(|typ| {
                ["id", "refresh", "offline", "logout"].iter().any(|kind| typ.eq_ignore_ascii_case(kind))
            }),
        };
        if id_token || logout_token || other_use || other_type { Err(TokenError::NotAnAccessToken) } else { Ok(()) }
    }

    fn check_audience(&self, expected: Expectations<'_>, client: Option<&str>) -> Result<(), TokenError> {
        let accepted = |audience: &str| expected.audiences.iter().any(|own| same_audience(own, audience));
        let audiences = claims::audiences(&self.claims)?;
        if audiences.is_empty() && !self.claims.has("aud") && expected.rules.client_may_be_audience {
            return if client.is_some_and(accepted) { Ok(()) } else { Err(TokenError::AudienceMismatch) };
        }
        match audiences.as_slice() {
            [] => Err(TokenError::AudienceMissing),
            several if several.iter().any(|audience| accepted(audience)) => Ok(()),
            _ => Err(TokenError::AudienceMismatch),
        }
    }

    fn check_times(&self, rules: &TokenRules, now: UnixTime) -> Result<f64, TokenError> {
        let (now, leeway) = (now.as_numeric_date(), rules.leeway.as_secs_f64());
        let expires_at = claims::date(&self.claims, "exp")?.ok_or(TokenError::ExpiryMissing)?;
        if now >= expires_at + leeway {
            return Err(TokenError::Expired);
        }
        if claims::date(&self.claims, "nbf")?.is_some_and(|not_before| now + leeway < not_before) {
            return Err(TokenError::NotYetValid);
        }
        if claims::date(&self.claims, "iat")?.is_some_and(|issued_at| now + leeway < issued_at) {
            return Err(TokenError::IssuedInFuture);
        }
        Ok(expires_at)
    }

    fn check_required(&self, rules: &TokenRules) -> Result<(), TokenError> {
        let there = |name: &&str| {
            !matches!(self.claims.get(name), None | Some(Node::Null))
                && self.claims.get(name) != Some(&Node::Text(String::new()))
        };
        let held = rules.required_claims.iter().all(|test| test.holds(&self.claims));
        if held && rules.present_claims.iter().all(there) { Ok(()) } else { Err(TokenError::RequiredClaim) }
    }
}

impl Candidate<'_> {
    /// The key it asks for.
    pub fn query(&self) -> &KeyQuery {
        &self.query
    }

    /// The verified token, if one of `keys` made its signature. The algorithm was allowed by the configuration and must
    /// fit the key; the token alone chooses nothing.
    pub fn verify(self, keys: &[&PublicKey], verifier: &dyn SignatureVerifier) -> Result<AccessToken, TokenError> {
        let algorithm = self.query.algorithm;
        let signed = self.token.signed.as_bytes();
        let made =
            |key: &&PublicKey| algorithm.fits(key) && verifier.verify(algorithm, key, signed, &self.token.signature);
        if keys.iter().any(made) { Ok(self.access) } else { Err(TokenError::BadSignature) }
    }
}

/// Equal but for one trailing slash, which some clients add to the resource they ask for.
fn same_audience(own: &str, audience: &str) -> bool {
    let bare = |text: &str| text.strip_suffix('/').map(str::len).unwrap_or(text.len());
    own.get(..bare(own)) == audience.get(..bare(audience)) && !audience.is_empty()
}

/// A strict JSON object in base64url without padding.
fn object(part: &str) -> Result<Claims, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    Claims::parse(&bytes).ok_or(TokenError::Malformed)
}
