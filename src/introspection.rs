//! Asking an introspection endpoint about tokens (RFC 7662): what is asked, what is kept, and how much at once.
//!
//! Events come in ([`Introspections::ask`] wants a call, [`Introspections::finished`] ends it), answers go out; the
//! calls themselves and the time are the caller's. No call outlives its timeout, and no answer is used beyond `exp`.
//!
//! Calls are numbered in the order in which they are sent, so that a request can tell an answer to a call of its own
//! time from one that was on its way before ([`Fresh`]).

mod request;

pub use request::request_body;

use std::time::Duration;

use crate::config::{Introspection, Issuer};
use crate::places::Standing;
use crate::time::UnixTime;
use crate::token::{Active, Answer, Recent, TokenDigest};

/// An answer beyond this size is taken for something else.
pub const MAX_ANSWER: usize = 65_536;
/// As many active answers of one issuer are kept.
const MAX_ACTIVE: usize = 4096;
/// As many bytes they take: four thousand for each, as many as for a token that was verified here.
const MAX_ACTIVE_BYTES: usize = 16 << 20;
/// As many inactive ones, apart, so that a flood of bad tokens pushes out no good one.
const MAX_INACTIVE: usize = 1024;
/// An inactive answer is kept this long at most: a token may become active, and none costs its holder much.
const INACTIVE_FOR: Duration = Duration::from_secs(5);
/// Who waits for an answer without being woken, such as a stream that goes on, finds it for this long, however short it is
/// kept for others: four ticks.
const OWN_FOR: Duration = Duration::from_secs(2);
/// As many answers wait for the turn of those who are given them: of more, the oldest is asked for again, unless it is kept
/// for others.
const MAX_HANDED_OUT: usize = 256;
/// A call whose answer is this much later than its timeout will have none.
const GRACE: Duration = Duration::from_secs(2);

/// What there is for a token.
#[derive(Debug, PartialEq)]
pub enum Lookup<'a> {
    /// The endpoint says that it is active.
    Active(&'a mut Active),
    /// The endpoint says that it is not.
    Inactive,
    /// The endpoint cannot be asked now, or did not answer.
    Unavailable,
    /// Nothing that is recent enough: the endpoint is to be asked.
    Unknown {
        /// Whether it said once that the token is active, and nothing else since.
        was_active: bool,
    },
}

/// How recent an answer must be. Its age counts from when its call was wanted: what was revoked before that, it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// Not older than this ...
    pub within: Duration,
    /// ... or to a call of this number or a later one.
    pub call: u64,
}

/// A call that is to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The place of the issuer.
    pub issuer: usize,
    /// The token's digest, by which the call is ended.
    pub digest: TokenDigest,
    /// The token.
    pub token: String,
}

/// What is known from the endpoints of all issuers, in the configuration's order.
#[derive(Debug)]
pub struct Introspections {
    endpoints: Vec<Option<Endpoint>>,
    /// Whether those who waited for answers are just given them.
    hands_out: bool,
    /// The number of the next call.
    next_call: u64,
}

/// What is known from one endpoint.
#[derive(Debug)]
struct Endpoint {
    timeout: Duration,
    cache_ttl: Duration,
    max_in_flight: usize,
    active: Recent<Kept>,
    /// When each was found inactive, and by which call.
    inactive: Recent<(UnixTime, u64)>,
    /// Calls that run or are wanted.
    open: Vec<Open>,
    /// The answers that those who waited for them are given, however short they are kept.
    handed_out: Vec<HandedOut>,
    /// Whether the latest call had no answer.
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

/// A call, by its number, which is 0 until it is sent, and when it was wanted.
#[derive(Clone, Copy, Debug)]
struct Asked {
    call: u64,
    at: UnixTime,
}

impl Asked {
    /// Whether an answer to it is recent enough at `now`.
    fn is(self, fresh: Option<Fresh>, now: UnixTime) -> bool {
        fresh.is_none_or(|fresh| self.call >= fresh.call || now.within(fresh.within, self.at))
    }
}

struct Open {
    digest: TokenDigest,
    asked: Asked,
    standing: Standing,
    /// Until it is sent.
    token: Option<String>,
}

impl Open {
    fn is_unsent(&self) -> bool {
        self.token.is_some()
    }
}

/// Without the token.
impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("digest", &self.digest).field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// What has become of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It had been answering.
    Fails,
    /// It had not been answering.
    Recovers,
}

impl Introspections {
    /// For `issuers`, of which nothing is known yet.
    pub fn new(issuers: &[Issuer]) -> Self {
        let endpoints = issuers.iter().map(|issuer| issuer.introspection.as_ref().map(Endpoint::new)).collect();
        Self { endpoints, hands_out: false, next_call: 1 }
    }

    /// The number of the next call that is sent: an answer to it, or to a later one, was asked for after this moment.
    pub fn next_call(&self) -> u64 {
        self.next_call
    }

    /// What the endpoint of the issuer at `place` says of a token, where it is recent enough.
    pub fn find(&mut self, place: usize, digest: &TokenDigest, fresh: Option<Fresh>, now: UnixTime) -> Lookup<'_> {
        let waited = self.hands_out;
        match self.endpoint(place) {
            Some(endpoint) => endpoint.find(digest, fresh, waited, now),
            None => Lookup::Unavailable,
        }
    }

    /// Has the endpoint asked about a token. Says whether an answer will come: no more calls run at once than allowed.
    pub fn ask(
        &mut self,
        place: usize,
        (digest, token): (TokenDigest, &str),
        standing: Standing,
        now: UnixTime,
    ) -> bool {
        self.endpoint(place).is_some_and(|endpoint| endpoint.ask((digest, token), standing, now))
    }

    /// When the answer was asked for that is kept about this token.
    pub fn asked_at(&mut self, place: usize, digest: &TokenDigest) -> Option<UnixTime> {
        self.endpoint(place)?.active.get(digest).map(|kept| kept.asked.at)
    }

    /// Whether half of the calls that may run at once are wanted for verified tokens, so that what can wait should.
    /// Calls of strangers do not count: else they could end streams of others.
    pub fn is_busy(&mut self, place: usize) -> bool {
        self.endpoint(place).is_none_or(|endpoint| endpoint.verified() * 2 >= endpoint.max_in_flight)
    }

    /// The answer about this token was read: what follows from it is kept with it from now on, and counts.
    pub fn was_read(&mut self, place: usize, digest: &TokenDigest) {
        let Some(endpoint) = self.endpoint(place) else { return };
        if let Some(weight) = endpoint.active.get(digest).map(|kept| kept.active.weight()) {
            endpoint.active.weigh(digest, weight);
        }
    }

    /// The bytes that the answers take that are kept.
    pub fn bytes(&self) -> usize {
        self.endpoints.iter().flatten().map(|endpoint| endpoint.active.bytes()).sum()
    }

    /// Whether a call is to be sent.
    pub fn is_due(&self) -> bool {
        self.endpoints.iter().flatten().any(|endpoint| endpoint.room() > 0 && endpoint.open.iter().any(Open::is_unsent))
    }

    /// The calls that are to be sent, which now count as sent: a verified token's before a stranger's.
    pub fn due(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        for (issuer, endpoint) in self.endpoints.iter_mut().enumerate() {
            let Some(endpoint) = endpoint else { continue };
            let mut room = endpoint.room();
            for standing in [Standing::Verified, Standing::Stranger] {
                for open in endpoint.open.iter_mut().filter(|open| open.standing == standing) {
                    let Some(token) = open.token.take_if(|_| room > 0) else { continue };
                    open.asked.call = self.next_call;
                    self.next_call += 1;
                    room -= 1;
                    calls.push(Call { issuer, digest: open.digest, token });
                }
            }
        }
        calls
    }

    /// A call has ended, with an answer or without. Until [`Introspections::handed_out`], those who waited for it find
    /// it; tells what has become of the endpoint.
    pub fn finished(
        &mut self,
        place: usize,
        digest: TokenDigest,
        answer: Option<Answer>,
        now: UnixTime,
    ) -> Option<Change> {
        self.hands_out = true;
        self.endpoint(place)?.finished(digest, answer, now)
    }

    /// Those who waited for answers are given them now.
    pub fn hand_out(&mut self) {
        self.hands_out = true;
    }

    /// All whose turn it was have the answers that they waited for. `for_others`: they are kept for those who wait on.
    pub fn handed_out(&mut self, for_others: bool) {
        self.hands_out = false;
        if !for_others {
            self.endpoints.iter_mut().flatten().for_each(|endpoint| endpoint.handed_out.clear());
        }
    }

    /// Calls whose answers never came; the caller ends them.
    pub fn overdue(&self, now: UnixTime) -> Vec<(usize, TokenDigest)> {
        let endpoints = self.endpoints.iter().enumerate().filter_map(|(n, endpoint)| Some((n, endpoint.as_ref()?)));
        endpoints.flat_map(|(n, endpoint)| endpoint.overdue(now).map(move |digest| (n, digest))).collect()
    }

    fn endpoint(&mut self, place: usize) -> Option<&mut Endpoint> {
        self.endpoints.get_mut(place)?.as_mut()
    }
}

impl Endpoint {
    fn new(config: &Introspection) -> Self {
        Self {
            timeout: config.timeout,
            cache_ttl: config.cache_ttl,
            max_in_flight: config.max_in_flight,
            active: Recent::new(MAX_ACTIVE, MAX_ACTIVE_BYTES),
            // A time each: their number is their bound.
            inactive: Recent::new(MAX_INACTIVE, usize::MAX),
            open: Vec::new(),
            handed_out: Vec::new(),
            fails: false,
        }
    }

    /// `waited`: the request may have waited for an answer that is handed out.
    fn find(&mut self, digest: &TokenDigest, fresh: Option<Fresh>, waited: bool, now: UnixTime) -> Lookup<'_> {
        // No answer, and that it is not active, is told however old: neither lets anyone through.
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
        // One that is too old for this request may serve others, and tells of a token that is not just made up.
        // What was asked since is for whoever waited for it, however short it is kept for others.
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

    /// Identical tokens share one call. Whoever wants a more recent answer than that of the one that runs asks again
    /// when it has ended.
    ///
    /// Strangers may have all calls under way; they cannot have those that come next. A verified token is refused only
    /// where verified ones have them all.
    fn ask(&mut self, (digest, token): (TokenDigest, &str), standing: Standing, now: UnixTime) -> bool {
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

    /// How many calls are about verified tokens.
    fn verified(&self) -> usize {
        self.open.iter().filter(|open| open.standing == Standing::Verified).count()
    }

    /// How many more calls may be sent.
    fn room(&self) -> usize {
        let unsent = self.open.iter().filter(|open| open.is_unsent()).count();
        self.max_in_flight.saturating_sub(self.open.len() - unsent)
    }

    fn finished(&mut self, digest: TokenDigest, answer: Option<Answer>, now: UnixTime) -> Option<Change> {
        // A call that nobody wanted was never recent.
        let open = self.open.iter().find(|open| open.digest == digest);
        let asked = open.map_or(Asked { call: 0, at: UnixTime::default() }, |open| open.asked);
        self.open.retain(|open| open.digest != digest);
        let failed = answer.is_none();
        match &answer {
            Some(Answer::Active(active)) => {
                let lifetime = self.cache_ttl.min(time_until(active.expires_at(), now));
                // One that may not be used again still tells that the token is not just made up.
                let kept = Kept { active: (**active).clone(), since: now, lifetime, asked };
                self.active.insert(digest, kept, active.weight());
            }
            Some(Answer::Inactive) => {
                // What was kept for others is over as well.
                self.active.remove(&digest);
                self.inactive.insert(digest, (now, asked.call), 0);
            }
            None => {}
        }
        self.handed_out.retain(|out| out.digest != digest);
        // While the worker has ever more to do, it never gets to the last of them.
        self.handed_out.drain(..(self.handed_out.len() + 1).saturating_sub(MAX_HANDED_OUT));
        self.handed_out.push(HandedOut { digest, answer, asked });
        match (std::mem::replace(&mut self.fails, failed), failed) {
            (false, true) => Some(Change::Fails),
            (true, false) => Some(Change::Recovers),
            _ => None,
        }
    }

    fn overdue(&self, now: UnixTime) -> impl Iterator<Item = TokenDigest> {
        let late = move |open: &&Open| !now.within(self.timeout + GRACE, open.asked.at);
        self.open.iter().filter(late).map(|open| open.digest)
    }
}

/// How long it is until a date, which may have passed; for ever if there is none.
fn time_until(date: Option<f64>, now: UnixTime) -> Duration {
    let Some(date) = date else { return Duration::MAX };
    Duration::try_from_secs_f64((date - now.as_numeric_date()).max(0.0)).unwrap_or(Duration::MAX)
}
