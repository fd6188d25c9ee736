//! Asking an introspection endpoint about tokens (RFC 7662): what is asked, what is kept, and how much at once.
//!
//! Events come in ([`Introspections::find`] wants a call, [`Introspections::finished`] ends it), answers go out; the
//! calls themselves and the time are the caller's. No call outlives its timeout, and nothing is kept beyond `exp`.
//!
//! Calls are numbered in the order in which they are sent, so that a request can tell an answer to a call of its own
//! time from one that was on its way before ([`Fresh`]).

mod request;

pub use request::request_body;

use std::time::Duration;

use crate::config::{Introspection, Issuer};
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
    /// A call runs or is wanted: ask again when it has ended.
    Wait,
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
    /// When each was found inactive.
    inactive: Recent<UnixTime>,
    /// Calls that run or are wanted.
    open: Vec<Open>,
    /// The answer that those who waited for it are just given, however short it is kept.
    handed_out: Option<HandedOut>,
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

/// What a request wants to know.
struct Wanted<'t> {
    digest: TokenDigest,
    token: &'t str,
    fresh: Option<Fresh>,
    now: UnixTime,
    may_wait: bool,
}

impl Wanted<'_> {
    /// Whether an answer to this call is recent enough.
    fn takes(&self, answered: Asked) -> bool {
        let is_recent = |fresh: Fresh| answered.call >= fresh.call || self.now.within(fresh.within, answered.at);
        self.fresh.is_none_or(is_recent)
    }
}

struct Open {
    digest: TokenDigest,
    asked: Asked,
    /// Until it is sent.
    token: Option<String>,
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
        Self { endpoints, next_call: 1 }
    }

    /// The number of the next call that is sent: an answer to it, or to a later one, was asked for after this moment.
    pub fn next_call(&self) -> u64 {
        self.next_call
    }

    /// What the endpoint of the issuer at `place` says of a token, where it is recent enough. It is asked only if
    /// `may_wait`.
    pub fn find(
        &mut self,
        place: usize,
        (digest, token): (TokenDigest, &str),
        fresh: Option<Fresh>,
        may_wait: bool,
        now: UnixTime,
    ) -> Lookup<'_> {
        match self.endpoint(place) {
            Some(endpoint) => endpoint.find(&Wanted { digest, token, fresh, now, may_wait }),
            None => Lookup::Unavailable,
        }
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
        self.endpoints.iter().flatten().any(|endpoint| endpoint.open.iter().any(|open| open.token.is_some()))
    }

    /// The calls that are to be sent, which now count as sent.
    pub fn due(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        for (issuer, endpoint) in self.endpoints.iter_mut().enumerate() {
            for open in endpoint.iter_mut().flat_map(|endpoint| &mut endpoint.open) {
                let Some(token) = open.token.take() else { continue };
                open.asked.call = self.next_call;
                self.next_call += 1;
                calls.push(Call { issuer, digest: open.digest, token });
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
        self.endpoint(place)?.finished(digest, answer, now)
    }

    /// All who waited for the latest answer have it.
    pub fn handed_out(&mut self, place: usize) {
        if let Some(endpoint) = self.endpoint(place) {
            endpoint.handed_out = None;
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
            handed_out: None,
            fails: false,
        }
    }

    fn find(&mut self, wanted: &Wanted<'_>) -> Lookup<'_> {
        let Wanted { digest, now, .. } = *wanted;
        // No answer, and that it is not active, is told however old: neither lets anyone through.
        let tells = |out: &HandedOut| {
            let is_active = matches!(out.answer, Some(Answer::Active(_)));
            out.digest == digest && (!is_active || wanted.takes(out.asked))
        };
        if self.handed_out.as_ref().is_some_and(tells) {
            return match self.handed_out.as_mut().map(|out| &mut out.answer) {
                Some(Some(Answer::Active(active))) => Lookup::Active(active),
                Some(Some(Answer::Inactive)) => Lookup::Inactive,
                Some(None) | None => Lookup::Unavailable,
            };
        }
        match self.active.get(&digest).map(|kept| (now.within(kept.lifetime, kept.since), kept.asked)) {
            Some((true, asked)) if wanted.takes(asked) => {
                return self.active.get(&digest).map_or(Lookup::Unavailable, |kept| Lookup::Active(&mut kept.active));
            }
            // Too old for this one, but not for others.
            Some((true, _)) => {}
            _ => self.active.remove(&digest),
        }
        if self.inactive.get(&digest).is_some_and(|since| now.within(INACTIVE_FOR.min(self.cache_ttl), *since)) {
            return Lookup::Inactive;
        }
        self.ask(wanted)
    }

    /// Identical tokens share one call. Whoever wants a more recent answer than that of the one that runs asks again
    /// when it has ended.
    fn ask(&mut self, wanted: &Wanted<'_>) -> Lookup<'_> {
        let Wanted { digest, token, now, .. } = *wanted;
        let runs = self.open.iter().any(|open| open.digest == digest);
        if !wanted.may_wait || (!runs && self.open.len() >= self.max_in_flight) {
            return Lookup::Unavailable;
        }
        if !runs {
            let asked = Asked { call: 0, at: now };
            self.open.push(Open { digest, asked, token: Some(token.to_owned()) });
        }
        Lookup::Wait
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
                if !lifetime.is_zero() {
                    let weight = active.weight();
                    self.active.insert(
                        digest,
                        Kept { active: (**active).clone(), since: now, lifetime, asked },
                        weight,
                    );
                }
            }
            Some(Answer::Inactive) => {
                // What was kept for others is over as well.
                self.active.remove(&digest);
                self.inactive.insert(digest, now, 0);
            }
            None => {}
        }
        self.handed_out = Some(HandedOut { digest, answer, asked });
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
