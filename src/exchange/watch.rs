//! Long-lived streams: whether they are still allowed.
//!
//! ```text
//! token expired ─► ends
//! no token, or one without `exp`: older than `limits.stream` ─► ends
//!   every `cache_ttl` the issuer is asked again ─┬ active ─► the current caller
//!                                                ├ not active ─► ends
//!                                                └ no answer ─► continues, for twice that time
//! another policy, or another caller ─► the request is decided again ─ denied ─► ends
//! ```
//!
//! After a policy change, each tick decides as many streams again as the [meter](crate::meter) allows. A stream that
//! has to wait is decided at once when the server sends something: nothing passes before.

use std::time::Duration;

use super::step::Env;
use super::validation::{Unverified, again};
use super::verified::Verified;
use crate::ids::IssuerId;
use crate::introspection::{Fresh, Lookup};
use crate::mcp::Access;
use crate::meter::{Payer, Turn};
use crate::policy::{Arguments, Permit};
use crate::reason::Reason;
use crate::reply::Refusal;
use crate::time::UnixTime;
use crate::token::TokenDigest;

/// The longest request body that is kept, since each of thousands of streams may keep one. A stream with a longer body
/// ends when the policy changes. This is enough for five hundred URIs.
const MAX_BODY: usize = 32 << 10;
/// The work to decide a stream again, beside its body, in bytes read.
const LEAST: usize = 500;
/// The issuer is not asked more often about a stream, however short `cache_ttl` is.
const SHORTEST: Duration = Duration::from_secs(1);
/// The pause after a call without an answer.
const RETRY: Duration = Duration::from_secs(2);

/// Why a stream ends: the reason in its event.
pub(super) type Ended = Reason;

/// The request that a stream answers, and everything that a new decision on it needs.
pub(super) struct Watch {
    verified: Verified,
    /// The request body, if there was one and it is not too long.
    body: Option<Vec<u8>>,
    /// Whether the request had a body.
    has_body: bool,
    /// The version of the policy that decided.
    version: u64,
    /// Whether that policy denies the request.
    denied: bool,
    /// Its place in the queue for a new decision, if the policy changed and too many streams have to be decided again.
    turn: Option<Turn>,
    began: UnixTime,
    /// In seconds.
    leeway: f64,
    /// `None` if the token has an expiry time, or there is no token.
    renewal: Option<Renewal>,
}

/// The introspection of a token without `exp`.
struct Renewal {
    issuer: IssuerId,
    digest: TokenDigest,
    /// The time between two calls.
    every: Duration,
    /// The maximum age of the last good response.
    longest: Duration,
    /// The time of the call that got the last good response.
    good: UnixTime,
    /// The time of a later call, and the number of the first call since then.
    asked: Option<(UnixTime, u64)>,
}

impl Watch {
    /// For a request that was just forwarded; `body`: the bytes that were decided on.
    pub fn new(verified: Verified, body: Option<&[u8]>, env: &mut Env<'_>) -> Self {
        let token = verified.caller.token();
        let id = token.and_then(|token| env.config.issuers.find(|issuer| issuer.identifier == token.issuer()));
        let issuer = id.and_then(|id| Some((id, env.config.issuers.get(id)?)));
        let leeway = issuer.map_or(0.0, |(_, issuer)| issuer.rules.leeway.as_secs_f64());
        let is_endless = verified.caller.expires_at().is_infinite();
        let renewal = issuer.filter(|_| is_endless).and_then(|(id, issuer)| {
            let asked = issuer.introspection.as_ref()?;
            let (_, token) = verified.request.credentials(env.config).ok()?;
            let digest = env.tokens.digest(token.bytes());
            let every = asked.cache_ttl.max(SHORTEST);
            let good = env.introspection.asked_at(id, &digest).unwrap_or(env.now);
            let longest = every * 2 + asked.endpoint.timeout;
            Some(Renewal { issuer: id, digest, every, longest, good, asked: None })
        });
        let version = verified.request.resource(env.config).map_or(0, |resource| resource.policy_version);
        Self {
            has_body: body.is_some(),
            body: body.filter(|body| body.len() <= MAX_BODY).map(<[u8]>::to_vec),
            version,
            denied: false,
            turn: None,
            began: env.now,
            leeway,
            renewal,
            verified,
        }
    }

    /// Why the stream must end, if it must. A changed policy or caller leads to a new decision and a new `permit`.
    pub fn ends(&mut self, permit: &mut Permit, env: &mut Env<'_>) -> Option<Ended> {
        let expires_at = self.verified.caller.expires_at();
        if env.now.as_numeric_date() >= expires_at + self.leeway {
            return Some(Reason::TokenExpired);
        }
        if expires_at.is_infinite() && !env.now.within(env.config.limits.stream, self.began) {
            return Some(Reason::StreamLimit);
        }
        let renewed = match self.renew(env) {
            Ok(renewed) => renewed,
            Err(ended) => return Some(ended),
        };
        if renewed {
            self.decide(permit, env);
        } else if self.is_outdated(env) {
            if env.meter.has_left(Payer::Streams, env.now) {
                self.decide(permit, env);
            } else {
                self.turn.get_or_insert_with(|| env.meter.queue(Payer::Streams));
            }
        }
        self.denied.then_some(Reason::PolicyDenies)
    }

    /// Whether data from the server may pass: the current policy allows the stream.
    pub fn lets_pass(&mut self, permit: &mut Permit, env: &Env<'_>) -> bool {
        if self.is_outdated(env) {
            self.decide(permit, env);
        }
        !self.denied
    }

    /// Whether the policy has changed since the last decision.
    fn is_outdated(&self, env: &Env<'_>) -> bool {
        self.version != self.policy_version(env)
    }

    fn policy_version(&self, env: &Env<'_>) -> u64 {
        self.verified.request.resource(env.config).map_or(0, |resource| resource.policy_version)
    }

    /// Decides the request again, and replaces the permit. A denied stream stays denied.
    fn decide(&mut self, permit: &mut Permit, env: &Env<'_>) {
        env.meter.read(Payer::Streams, self.body.as_ref().map_or(0, Vec::len) + LEAST);
        self.version = self.policy_version(env);
        match self.permit(env) {
            Some(anew) => *permit = anew,
            None => self.denied = true,
        }
        self.turn = None;
    }

    /// Asks the issuer again if it is time to. Returns whether the caller has changed.
    fn renew(&mut self, env: &mut Env<'_>) -> Result<bool, Ended> {
        let Some(renewal) = &mut self.renewal else { return Ok(false) };
        if env.now.within(renewal.every, renewal.good) {
            return Ok(false);
        }
        let outage = if env.now.within(renewal.longest, renewal.good) {
            Ok(false)
        } else {
            Err(Reason::IntrospectionUnavailable)
        };
        let call = renewal.asked.map_or(env.introspection.next_call(), |(_, call)| call);
        let fresh = Fresh { within: renewal.every, call };
        let is_unknown = matches!(
            env.introspection.find(renewal.issuer, &renewal.digest, Some(fresh), env.now),
            Lookup::Unknown { .. }
        );
        let was_asked = renewal.asked.is_some_and(|(at, _)| env.now.within(RETRY, at));
        // Half of the calls are reserved for requests that wait.
        if is_unknown && (was_asked || env.introspection.is_busy(renewal.issuer)) {
            return outage;
        }
        match again(&self.verified.request, fresh, env) {
            Ok(caller) => {
                renewal.good = env.introspection.asked_at(renewal.issuer, &renewal.digest).unwrap_or(env.now);
                renewal.asked = None;
                Ok(std::mem::replace(&mut self.verified.caller, caller.into()) != self.verified.caller)
            }
            Err(Unverified::Refused(Refusal::InvalidToken(error))) => Err(error.reason()),
            Err(Unverified::Waits(_)) => {
                renewal.asked = Some((env.now, call));
                outage
            }
            Err(Unverified::Refused(_)) => outage,
        }
    }

    /// The permit that the request would get now.
    fn permit(&self, env: &Env<'_>) -> Option<Permit> {
        match &self.body {
            Some(body) => self.verified.permit(body, env),
            None if self.has_body => None,
            None => Permit::for_all([&self.verified.decide(&Access::Open, Arguments::Open, env)]),
        }
    }
}
