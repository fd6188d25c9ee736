//! Answers that go on for as long as the server likes: whether what let them go on still holds.
//!
//! ```text
//! token expired ─► ends
//! token without `exp`: older than `limits.stream` ─► ends
//!   every `cache_ttl` the issuer is asked again ─┬ active ─► the caller of now
//!                                                ├ not active ─► ends
//!                                                └ no answer ─► goes on, for twice that time
//! another policy, or another caller ─► the request is decided anew ─ denied ─► ends
//! ```
//!
//! Where a policy changes, as many streams are decided anew at each tick as the [meter](crate::meter) lets. Nothing
//! passes on one that is not yet: what the server sends decides it at once.

use std::time::Duration;

use super::step::Env;
use super::validation::{Unverified, again};
use super::verified::Verified;
use crate::introspection::{Fresh, Lookup};
use crate::mcp::Access;
use crate::meter::{Payer, Turn};
use crate::policy::{Arguments, Permit};
use crate::reason::Reason;
use crate::reply::Refusal;
use crate::time::UnixTime;
use crate::token::TokenDigest;

/// A longer body is not kept, and its stream ends when the policy changes: each of thousands keeps its own. It has room for
/// five hundred URIs.
const MAX_BODY: usize = 32 << 10;
/// What is read to decide a stream anew beside its body, in bytes.
const LEAST: usize = 500;
/// However short answers are kept, the issuer is not asked more often about a stream.
const SHORTEST: Duration = Duration::from_secs(1);
/// After a call without an answer, it is not asked again about a stream for this long.
const RETRY: Duration = Duration::from_secs(2);

/// Why a stream ends: the stable detail of its event.
pub(super) type Ended = Reason;

/// What let a stream go on.
pub(super) struct Watch {
    verified: Verified,
    /// The body of its request, if that is what was decided.
    body: Option<Vec<u8>>,
    /// Whether the request had a body, kept or not.
    has_body: bool,
    /// The policy by which it was decided.
    version: u64,
    /// Whether that one denies it.
    denied: bool,
    /// Another policy is in force, and too many are to be decided by it at once.
    turn: Option<Turn>,
    began: UnixTime,
    /// In seconds.
    leeway: f64,
    /// Nothing if the token says when it ends.
    renewal: Option<Renewal>,
}

/// What is known of a token without `exp`.
struct Renewal {
    issuer: usize,
    digest: TokenDigest,
    /// How often the issuer is asked.
    every: Duration,
    /// How old its last good answer may be.
    longest: Duration,
    /// When it was asked for its last good answer.
    good: UnixTime,
    /// When it was asked since, with the first call that can have been sent then.
    asked: Option<(UnixTime, u64)>,
}

impl Watch {
    /// Of a request that was just let go on; `body`: what was decided.
    pub fn new(verified: Verified, body: Option<&[u8]>, env: &mut Env<'_>) -> Self {
        let place = env.config.issuers.iter().position(|issuer| issuer.identifier == verified.caller.issuer());
        let issuer = place.and_then(|place| Some((place, env.config.issuers.get(place)?)));
        let leeway = issuer.map_or(0.0, |(_, issuer)| issuer.rules.leeway.as_secs_f64());
        let is_endless = verified.caller.expires_at().is_infinite();
        let renewal = issuer.filter(|_| is_endless).and_then(|(place, issuer)| {
            let asked = issuer.introspection.as_ref()?;
            let (_, token) = verified.request.credentials(env.config).ok()?;
            let digest = env.tokens.digest(token);
            let every = asked.cache_ttl.max(SHORTEST);
            let good = env.introspection.asked_at(place, &digest).unwrap_or(env.now);
            let longest = every * 2 + asked.endpoint.timeout;
            Some(Renewal { issuer: place, digest, every, longest, good, asked: None })
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

    /// Whether it has to end by now, and why. Where something changed it is decided anew, and gets another `permit`.
    /// Little else is done.
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

    /// Whether what the server sends may pass: the policy of now lets the stream go on.
    pub fn lets_pass(&mut self, permit: &mut Permit, env: &Env<'_>) -> bool {
        if self.is_outdated(env) {
            self.decide(permit, env);
        }
        !self.denied
    }

    /// Whether another policy is in force than the one by which it was decided.
    fn is_outdated(&self, env: &Env<'_>) -> bool {
        self.version != self.policy_version(env)
    }

    fn policy_version(&self, env: &Env<'_>) -> u64 {
        self.verified.request.resource(env.config).map_or(0, |resource| resource.policy_version)
    }

    /// Decides its request anew, which brings another permit. Once denied, it stays so.
    fn decide(&mut self, permit: &mut Permit, env: &Env<'_>) {
        env.meter.read(Payer::Streams, self.body.as_ref().map_or(0, Vec::len) + LEAST);
        self.version = self.policy_version(env);
        match self.permit(env) {
            Some(anew) => *permit = anew,
            None => self.denied = true,
        }
        self.turn = None;
    }

    /// Asks the issuer again where it is time to. Says whether it answered with another caller.
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
        // Half of the calls are for those who wait for theirs.
        if is_unknown && (was_asked || env.introspection.is_busy(renewal.issuer)) {
            return outage;
        }
        match again(&self.verified.request, fresh, env) {
            Ok(caller) => {
                renewal.good = env.introspection.asked_at(renewal.issuer, &renewal.digest).unwrap_or(env.now);
                renewal.asked = None;
                Ok(std::mem::replace(&mut self.verified.caller, caller) != self.verified.caller)
            }
            Err(Unverified::Refused(Refusal::InvalidToken(error))) => Err(error.reason()),
            Err(Unverified::Waits(_)) => {
                renewal.asked = Some((env.now, call));
                outage
            }
            Err(Unverified::Refused(_)) => outage,
        }
    }

    /// The permit that its request would get now.
    fn permit(&self, env: &Env<'_>) -> Option<Permit> {
        match &self.body {
            Some(body) => self.verified.permit(body, env),
            None if self.has_body => None,
            None => Permit::for_all([&self.verified.decide(&Access::Open, Arguments::Open, env)]),
        }
    }
}
