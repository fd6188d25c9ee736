//! The responses of one endpoint, and the calls to it.

use std::time::Duration;

use super::{Change, Fresh, Lookup};
use crate::config::Introspection;
use crate::places::Standing;
use crate::time::UnixTime;
use crate::token::{Active, Answer, Recent, TokenDigest};

/// The maximum number of active responses cached per issuer.
const MAX_ACTIVE: usize = 4096;
/// Their maximum size in bytes: four thousand for each, as in the token cache.
const MAX_ACTIVE_BYTES: usize = 16 << 20;
/// The maximum number of inactive responses. They are cached separately, so that a flood of bad tokens evicts no good
/// one.
const MAX_INACTIVE: usize = 1024;
/// How long an inactive response is cached. A token may become active, and another call is cheap for its holder.
const INACTIVE_FOR: Duration = Duration::from_secs(5);
/// A stream that waits for a response but is not woken, such as an established stream, finds it for this long, even if
/// `cache_ttl` is shorter: four ticks.
const OWN_FOR: Duration = Duration::from_secs(2);
/// The maximum number of responses that wait for their streams' turn. Beyond it, the oldest is requested again, unless
/// it is cached.
const MAX_HANDED_OUT: usize = 256;
/// A call is lost if its response has not arrived this long after its timeout.
const GRACE: Duration = Duration::from_secs(2);

/// The responses of one endpoint, and the calls to it.
#[derive(Debug)]
pub struct Endpoint {
    timeout: Duration,
    cache_ttl: Duration,
    max_in_flight: usize,
    active: Recent<Kept>,
    /// For each inactive token, the time of the response and the number of the call.
    inactive: Recent<(UnixTime, u64)>,
    /// Calls that are under way or requested.
    open: Vec<Open>,
    /// The responses for the streams that waited for them, even if they are cached for a shorter time.
    handed_out: Vec<HandedOut>,
    /// Whether the latest call failed.
    fails: bool,
}

#[derive(Debug)]
struct Kept {
    active: Active,
    since: UnixTime,
    lifetime: Duration,
    asked: Asked,
}

impl Kept {
    fn is_current(&self, now: UnixTime) -> bool {
        !self.lifetime.is_zero() && now.within(self.lifetime, self.since)
    }
}

#[derive(Debug)]
struct HandedOut {
    digest: TokenDigest,
    answer: Option<Answer>,
    asked: Asked,
}

/// A call: its number, which is 0 until it is sent, and the time it was requested.
#[derive(Clone, Copy, Debug)]
struct Asked {
    call: u64,
    at: UnixTime,
}

impl Asked {
    /// Whether a response to it is recent enough at `now`.
    fn is(self, fresh: Option<Fresh>, now: UnixTime) -> bool {
        fresh.is_none_or(|fresh| self.call >= fresh.call || now.within(fresh.within, self.at))
    }
}

struct Open {
    digest: TokenDigest,
    asked: Asked,
    standing: Standing,
    /// The token, until the call is sent.
    token: Option<String>,
}

impl Open {
    fn is_unsent(&self) -> bool {
        self.token.is_some()
    }
}

/// Omits the token.
impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("digest", &self.digest).field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint without answers.
    pub fn new(config: &Introspection) -> Self {
        Self {
            timeout: config.endpoint.timeout,
            cache_ttl: config.cache_ttl,
            max_in_flight: config.max_in_flight,
            active: Recent::new(MAX_ACTIVE, MAX_ACTIVE_BYTES),
            // Entries have equal size, so their number is the bound.
            inactive: Recent::new(MAX_INACTIVE, usize::MAX),
            open: Vec::new(),
            handed_out: Vec::new(),
            fails: false,
        }
    }

    /// The response about a token, if it is recent enough. `waited`: the request may have waited for a response that is
    /// delivered now.
    pub fn find(&mut self, digest: &TokenDigest, fresh: Option<Fresh>, waited: bool, now: UnixTime) -> Lookup<'_> {
        // Failures and inactive responses count regardless of their age, because neither allows a request.
        let tells = |out: &HandedOut| {
            let is_active = matches!(out.answer, Some(Answer::Active(_)));
            let is_recent = now.within(self.timeout + GRACE + OWN_FOR, out.asked.at);
            out.digest == *digest && is_recent && (!is_active || out.asked.is(fresh, now))
        };
        if waited && let Some(at) = self.handed_out.iter().position(tells) {
            return match self.handed_out.get_mut(at).map(|out| &mut out.answer) {
                Some(Some(Answer::Active(active))) => Lookup::Active(active),
                Some(Some(Answer::Inactive)) => Lookup::Inactive,
                Some(None) | None => Lookup::Unavailable,
            };
        }
        // A response that is too old for this request may serve others. It also shows that the token is not made up.
        // A response to a later call is for the stream that waited for it, even if it is cached for a shorter time.
        let is_own = |call: u64, since| now.within(OWN_FOR, since) && fresh.is_some_and(|fresh| call >= fresh.call);
        let is_usable =
            |kept: &Kept| is_own(kept.asked.call, kept.since) || (kept.is_current(now) && kept.asked.is(fresh, now));
        let (was_active, is_usable) = self.active.get(digest).map_or((false, false), |kept| (true, is_usable(kept)));
        if is_usable {
            return self.active.get(digest).map_or(Lookup::Unavailable, |kept| Lookup::Active(&mut kept.active));
        }
        let lifetime = INACTIVE_FOR.min(self.cache_ttl);
        if self.inactive.get(digest).is_some_and(|(since, call)| is_own(*call, *since) || now.within(lifetime, *since))
        {
            return Lookup::Inactive;
        }
        Lookup::Unknown { was_active }
    }

    /// Requests a call about a token. Returns whether a response will arrive.
    ///
    /// Identical tokens share one call. A request that needs a more recent response than the call under way repeats it
    /// afterwards. Unverified tokens may occupy all calls under way, but not the next ones. A verified token is refused
    /// only if verified tokens occupy all calls.
    pub fn ask(&mut self, (digest, token): (TokenDigest, &str), standing: Standing, now: UnixTime) -> bool {
        if self.open.iter().any(|open| open.digest == digest) {
            return true;
        }
        let counted = if standing == Standing::Stranger { self.open.len() } else { self.verified() };
        let has_room = counted < self.max_in_flight;
        if has_room {
            let asked = Asked { call: 0, at: now };
            self.open.push(Open { digest, asked, standing, token: Some(token.to_owned()) });
        }
        has_room
    }

    /// When the cached response about a token was requested.
    pub fn asked_at(&mut self, digest: &TokenDigest) -> Option<UnixTime> {
        self.active.get(digest).map(|kept| kept.asked.at)
    }

    /// Whether half of the concurrent calls are taken by verified tokens.
    pub fn is_busy(&self) -> bool {
        self.verified() * 2 >= self.max_in_flight
    }

    /// The response about a token was parsed. The derived token is cached with it, and its size counts.
    pub fn was_read(&mut self, digest: &TokenDigest) {
        if let Some(weight) = self.active.get(digest).map(|kept| kept.active.weight()) {
            self.active.weigh(digest, weight);
        }
    }

    /// The size of the cached responses in bytes.
    pub fn bytes(&self) -> usize {
        self.active.bytes()
    }

    /// Whether a call is to be sent.
    pub fn is_due(&self) -> bool {
        self.room() > 0 && self.open.iter().any(Open::is_unsent)
    }

    /// Takes the digests and tokens of the calls to send, numbered from `next_call`. Calls for verified tokens come
    /// first.
    pub fn due(&mut self, next_call: &mut u64) -> Vec<(TokenDigest, String)> {
        let (mut room, mut calls) = (self.room(), Vec::new());
        for standing in [Standing::Verified, Standing::Stranger] {
            for open in self.open.iter_mut().filter(|open| open.standing == standing) {
                let Some(token) = open.token.take_if(|_| room > 0) else { continue };
                open.asked.call = *next_call;
                *next_call += 1;
                room -= 1;
                calls.push((open.digest, token));
            }
        }
        calls
    }

    /// The streams that waited for responses have them.
    pub fn forget_handed_out(&mut self) {
        self.handed_out.clear();
    }

    /// The number of calls for verified tokens.
    fn verified(&self) -> usize {
        self.open.iter().filter(|open| open.standing == Standing::Verified).count()
    }

    /// The number of calls that may be sent now.
    fn room(&self) -> usize {
        let unsent = self.open.iter().filter(|open| open.is_unsent()).count();
        self.max_in_flight.saturating_sub(self.open.len() - unsent)
    }

    /// Ends the call about a token, with or without a response. Returns a change in the endpoint's availability.
    pub fn finished(&mut self, digest: TokenDigest, answer: Option<Answer>, now: UnixTime) -> Option<Change> {
        // A call that was not requested is never recent.
        let open = self.open.iter().find(|open| open.digest == digest);
        let asked = open.map_or(Asked { call: 0, at: UnixTime::default() }, |open| open.asked);
        self.open.retain(|open| open.digest != digest);
        let failed = answer.is_none();
        match &answer {
            Some(Answer::Active(active)) => {
                let lifetime = self.cache_ttl.min(time_until(active.expires_at(), now));
                // A response that must not be reused still shows that the token is not made up.
                let kept = Kept { active: (**active).clone(), since: now, lifetime, asked };
                self.active.insert(digest, kept, active.weight());
            }
            Some(Answer::Inactive) => {
                // The cached active response is no longer valid.
                self.active.remove(&digest);
                self.inactive.insert(digest, (now, asked.call), 0);
            }
            None => {}
        }
        self.handed_out.retain(|out| out.digest != digest);
        // If the worker never catches up, the last of them would never be delivered.
        self.handed_out.drain(..(self.handed_out.len() + 1).saturating_sub(MAX_HANDED_OUT));
        self.handed_out.push(HandedOut { digest, answer, asked });
        match (std::mem::replace(&mut self.fails, failed), failed) {
            (false, true) => Some(Change::Fails),
            (true, false) => Some(Change::Recovers),
            _ => None,
        }
    }

    /// The tokens whose responses are overdue.
    pub fn overdue(&self, now: UnixTime) -> impl Iterator<Item = TokenDigest> {
        let late = move |open: &&Open| !now.within(self.timeout + GRACE, open.asked.at);
        self.open.iter().filter(late).map(|open| open.digest)
    }
}

/// The time until a date, zero if it has passed, and the maximum if there is none.
fn time_until(date: Option<f64>, now: UnixTime) -> Duration {
    let Some(date) = date else { return Duration::MAX };
    Duration::try_from_secs_f64((date - now.as_numeric_date()).max(0.0)).unwrap_or(Duration::MAX)
}
