//! From the token of a request to a verified caller: by the token cache, the issuer's keys, or introspection.

use super::possession;
use super::request::Request;
use super::step::Env;
use crate::bearer::{Scheme, SentToken};
use crate::config::{Issuer, Resource, Validation};
use crate::ids::IssuerId;
use crate::introspection::{Fresh, Lookup as Said};
use crate::jwks::Lookup;
use crate::meter::{Charged, Meter, Payer, Turn};
use crate::places::{Place, Places, Standing, Waiter};
use crate::reply::Refusal;
use crate::time::UnixTime;
use crate::token::{AccessToken, Active, Candidate, Expectations, TokenDigest, TokenError, UntrustedJwt};

/// Why there is no caller, or not yet.
pub(super) enum Unverified {
    Refused(Refusal),
    Waits(Waiting),
}

/// A token that waits, and the place that its request occupies meanwhile.
pub(super) struct Waiting {
    pub awaited: Awaited,
    place: Place,
    turn: Option<Turn>,
}

impl Waiting {
    fn new(awaited: Awaited, place: Place) -> Self {
        Self { awaited, place, turn: None }
    }

    /// The share of the worker's time that pays for its token.
    pub fn payer(&self) -> Payer {
        self.place.standing().into()
    }

    /// Queues the request for its turn: it no longer waits for keys or a response, but others come first.
    pub fn postpone(&mut self, meter: &Meter) {
        let answered = matches!(self.awaited, Awaited::Answer(_) | Awaited::Turn { answered: true });
        self.awaited = Awaited::Turn { answered };
        self.turn.get_or_insert_with(|| meter.queue(self.place.standing().into()));
    }
}

/// The reason why a token waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The introspection response for the token with this digest.
    Answer(TokenDigest),
    /// Its issuer's keys.
    Keys,
    /// Its turn: everything is available, but too many requests are ready at once.
    Turn {
        /// Whether it waited for an introspection response, which is kept for it until its turn.
        answered: bool,
    },
}

impl From<TokenError> for Unverified {
    fn from(error: TokenError) -> Self {
        Self::Refused(Refusal::InvalidToken(error))
    }
}

/// Tries once to verify the token of `request`. Cheap checks come first, then the signature, introspection, and last
/// the proof of possession. `fresh`: an introspection response of this age is required, whatever the issuer's
/// `validation`.
pub(super) fn validate(request: &Request, fresh: Option<Fresh>, env: &mut Env<'_>) -> Result<AccessToken, Unverified> {
    let (scheme, token) = request.credentials(env.config).map_err(Unverified::Refused)?;
    let caller = vouched(request, token, fresh, env)?;
    not_revoked(request, &caller, env)?;
    // A proof costs the verification of another signature, by a key that the client chose.
    if scheme == Scheme::Dpop && request.proven.get().is_none() && request.dpop_proof(env.config).is_ok() {
        let issuer = env.config.issuers.find(|issuer| issuer.identifier == caller.issuer());
        let waiter = Waiter { issuer, digest: env.tokens.digest(token.bytes()), standing: Standing::Verified };
        admit(request, &waiter, (env.meter, env.places), env.now)?;
    }
    possession::prove(request, (scheme, token), &caller, env).map_err(Unverified::Refused)?;
    Ok(caller)
}

/// Verifies the token of a verified request again. The client's proof of possession stays valid: it was checked for
/// this request.
pub(super) fn again(request: &Request, fresh: Fresh, env: &mut Env<'_>) -> Result<AccessToken, Unverified> {
    let (_, token) = request.credentials(env.config).map_err(Unverified::Refused)?;
    // The rate is limited for each stream.
    request.admitted.set(true);
    let caller = vouched(request, token, Some(fresh), env)?;
    not_revoked(request, &caller, env)?;
    Ok(caller)
}

/// Checks that the policy does not revoke the token of `caller`.
#[inline]
pub(super) fn not_revoked(request: &Request, caller: &AccessToken, env: &Env<'_>) -> Result<(), TokenError> {
    match request.resource(env.config) {
        Some(resource) if !resource.policy.revokes(caller) => Ok(()),
        _ => Err(TokenError::Revoked),
    }
}

/// Verifies the token, without proof of possession.
fn vouched(
    request: &Request,
    sent: SentToken<'_>,
    fresh: Option<Fresh>,
    env: &mut Env<'_>,
) -> Result<AccessToken, Unverified> {
    let resource = request.resource(env.config).ok_or(TokenError::IssuerMismatch)?;
    let digest = env.tokens.digest(sent.bytes());
    let wanted = (fresh, request.head.weight());
    let (keys, now) = (&*env.keys, env.now);
    if let Some((id, known)) = env.tokens.find(&digest, |id| keys.generation(id, now))
        && let Some(asked) = Asked::of(id, resource, (digest, sent), wanted, env)
    {
        known.check(&resource.audiences, &asked.issuer.rules, now)?;
        return asked.after_signature(known, env);
    }
    let token = sent.check().map_err(|fault| Unverified::Refused(Refusal::InvalidRequest(fault)))?.reveal();
    let mut trusted = env.config.trusted_by(resource);
    if let Some((id, _)) = trusted.clone().find(|(_, issuer)| issuer.takes_opaque_tokens())
        && !UntrustedJwt::is_shaped_like(token)
    {
        let asked = Asked::of(id, resource, (digest, sent), wanted, env).ok_or(TokenError::IssuerMismatch)?;
        return asked.confirm(Standing::Stranger, env, Active::vouch);
    }
    let jwt = UntrustedJwt::parse(token)?;
    let claimed = jwt.issuer()?;
    let (id, _) = trusted.find(|(_, issuer)| issuer.identifier == claimed).ok_or(TokenError::IssuerMismatch)?;
    let asked = Asked::of(id, resource, (digest, sent), wanted, env).ok_or(TokenError::IssuerMismatch)?;
    let candidate = jwt.check(asked.expected, now)?;
    asked.judge(request, candidate, env)
}

/// Whether the work for `request` may be done now. If not, the request waits for its turn.
pub(super) fn admit(
    request: &Request,
    waiter: &Waiter,
    (meter, places): (&Meter, &Places),
    now: UnixTime,
) -> Result<(), Unverified> {
    let payer = waiter.standing.into();
    if request.admitted.get() {
        return Ok(());
    }
    if !meter.admits(payer, now) {
        let place = places.take(waiter, request.head.weight());
        let place = place.ok_or(Unverified::Refused(Refusal::KeysUnavailable))?;
        let mut waiting = Waiting::new(Awaited::Turn { answered: false }, place);
        waiting.postpone(meter);
        return Err(Unverified::Waits(waiting));
    }
    request.admitted.set(true);
    meter.read(payer, request.head.weight());
    Ok(())
}

/// A token, and the issuer that must confirm it.
struct Asked<'a> {
    id: IssuerId,
    issuer: &'a Issuer,
    expected: Expectations<'a>,
    digest: TokenDigest,
    token: SentToken<'a>,
    fresh: Option<Fresh>,
    /// The memory that the request takes while it waits, in bytes.
    size: usize,
}

impl<'a> Asked<'a> {
    /// `None` if the resource does not trust that issuer.
    #[inline]
    fn of(
        id: IssuerId,
        resource: &'a Resource,
        (digest, token): (TokenDigest, SentToken<'a>),
        (fresh, size): (Option<Fresh>, usize),
        env: &Env<'a>,
    ) -> Option<Self> {
        let issuer = env.config.issuers.get(id).filter(|_| resource.issuers.contains(&id))?;
        let expected = issuer.expectations(&resource.audiences);
        Some(Self { id, issuer, expected, digest, token, fresh, size })
    }

    /// Verifies the signature of a JWT that passed every other check, or asks the introspection endpoint instead.
    fn judge(&self, request: &Request, candidate: Candidate<'_>, env: &mut Env<'_>) -> Result<AccessToken, Unverified> {
        if self.issuer.validation == Validation::Introspection {
            return self.confirm(Standing::Stranger, env, |active, expected| candidate.confirmed_by(active, expected));
        }
        let or_ask = self.issuer.validation == Validation::JwtOrIntrospection;
        let generation = env.keys.generation(self.id, env.now);
        let known = env.tokens.was_verified(&self.digest);
        let waiter = self.waiter(if known { Standing::Verified } else { Standing::Stranger });
        let verified = match env.keys.find(self.id, candidate.query(), env.now) {
            Lookup::Keys(keys) => {
                admit(request, &waiter, (env.meter, env.places), env.now)?;
                let payer = waiter.standing.into();
                candidate.verify(&keys, &Charged { verifier: env.verifier, meter: env.meter, payer })?
            }
            Lookup::Wait => {
                let place = env.places.take(&waiter, self.size);
                let place = place.ok_or(Unverified::Refused(Refusal::KeysUnavailable))?;
                return Err(Unverified::Waits(Waiting::new(Awaited::Keys, place)));
            }
            Lookup::NoKey | Lookup::Unavailable if or_ask => {
                return self
                    .confirm(Standing::Stranger, env, |active, expected| candidate.confirmed_by(active, expected));
            }
            Lookup::NoKey => return Err(TokenError::KeyUnknown.into()),
            Lookup::Unavailable => return Err(Unverified::Refused(Refusal::KeysUnavailable)),
        };
        if let Some(generation) = generation {
            env.tokens.insert(self.digest, self.id, generation, verified.clone());
        }
        self.after_signature(verified, env)
    }

    /// Asks the introspection endpoint about a JWT with a valid signature, if the issuer's `validation` requires it.
    fn after_signature(&self, verified: AccessToken, env: &mut Env<'_>) -> Result<AccessToken, Unverified> {
        match self.issuer.validation {
            Validation::Jwt | Validation::JwtOrIntrospection if self.fresh.is_none() => Ok(verified),
            _ => self.confirm(Standing::Verified, env, |active, expected| verified.confirmed_by(active, expected)),
        }
    }

    fn waiter(&self, standing: Standing) -> Waiter {
        Waiter { issuer: Some(self.id), digest: self.digest, standing }
    }

    /// Verifies the token by the cached introspection response, or asks the endpoint. `standing`: how much is known of
    /// the token without the endpoint.
    fn confirm(
        &self,
        standing: Standing,
        env: &mut Env<'_>,
        vouch: impl FnOnce(&mut Active, Expectations<'_>) -> Result<AccessToken, TokenError>,
    ) -> Result<AccessToken, Unverified> {
        let unavailable = || Unverified::Refused(Refusal::IntrospectionUnavailable);
        let (issuer, digest) = (self.id, self.digest);
        match env.introspection.find(issuer, &digest, self.fresh, env.now) {
            Said::Active(active) => {
                let is_new = !active.is_read();
                let token = vouch(active, self.expected);
                if is_new {
                    env.introspection.was_read(issuer, &digest);
                }
                let token = token?;
                token.check(self.expected.audiences, self.expected.rules, env.now)?;
                Ok(token)
            }
            Said::Inactive => Err(TokenError::Inactive.into()),
            Said::Unavailable => Err(unavailable()),
            Said::Unknown { was_active } => {
                let standing = if was_active { Standing::Verified } else { standing };
                // A request without a place may not call the endpoint.
                let taken = env.places.take(&self.waiter(standing), self.size).ok_or_else(unavailable)?;
                let token = self.token.check().map_err(|fault| Unverified::Refused(Refusal::InvalidRequest(fault)))?;
                if !env.introspection.ask(issuer, (digest, token.reveal()), standing, env.now) {
                    return Err(unavailable());
                }
                Err(Unverified::Waits(Waiting::new(Awaited::Answer(digest), taken)))
            }
        }
    }
}
