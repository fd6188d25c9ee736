//! Sharing an issuer's keys between workers: who fetches, at what cost, and how a worker treats shared data that is
//! old, broken or from the future.

mod faults;

use std::time::Duration;

use crate::support::core::{NOW, at_millis};
use crate::support::keys::{Key, key_set};
use crate::support::shared_data::{Data, Fault};
use toolgate::jwks::{KeyNames, KeyQuery, KeySet, KeySetCache, Lookup, Worker};
use toolgate::signature::Algorithm;
use toolgate::time::UnixTime;
use toolgate::workers::{SharedNames, Timing};

const TIMING: Timing = Timing {
    timeout: Duration::from_secs(5),
    max_age: Duration::from_secs(600),
    cooldown: Duration::from_secs(30),
    max_stale: Duration::from_secs(3600),
};

/// The moment `millis` after the start.
fn at(millis: i64) -> UnixTime {
    at_millis(NOW * 1000 + millis)
}

/// The names of an issuer's keys.
fn names(issuer: &str) -> KeyNames {
    KeyNames::new(&SharedNames::new(b"toolgate", b"root"), issuer, ("https://auth.example.com/jwks", "auth"))
}

/// The document of a set with these keys.
fn document(kids: &[&str]) -> Vec<u8> {
    let keys: Vec<Key> = kids.iter().map(|kid| Key::ed25519().named(kid)).collect();
    key_set(&keys).to_string().into_bytes()
}

/// Workers of one host, and their provider.
struct Host {
    data: Data,
    names: KeyNames,
    caches: Vec<KeySetCache>,
    fetches: usize,
}

/// An action or observation of a worker.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Its root ticks: it starts a fetch, or does not.
    Tick(Fetch),
    /// The answer to its fetch comes, with these keys.
    Bring(&'static [&'static str]),
    /// It comes without.
    Fail,
    /// A token with this kid comes.
    Ask(&'static str, &'static str),
    /// It ends, and its memory with it; another takes its place.
    Die,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fetch {
    Starts,
    Not,
}

use Act::{Ask, Bring, Die, Fail, Tick};
use Fetch::{Not, Starts};

impl Host {
    fn new(workers: u64, fault: Fault) -> Self {
        Self {
            data: Data::new(fault),
            names: names("https://auth.example.com"),
            caches: (0..workers).map(|n| KeySetCache::fetched(TIMING, n << 8)).collect(),
            fetches: 0,
        }
    }

    fn worker(&mut self, n: usize) -> Worker<'_> {
        Worker { data: &self.data, names: &self.names, cache: &mut self.caches[n] }
    }

    fn tick(&mut self, n: usize, now: UnixTime) -> bool {
        let mut worker = self.worker(n);
        worker.tick(now);
        let fetches = worker.advance(now).fetch.is_some();
        self.fetches += usize::from(fetches);
        fetches
    }

    fn finish(&mut self, n: usize, document: Option<&[u8]>, now: UnixTime) {
        let fetched = document.map(|document| (KeySet::parse(document).unwrap(), document));
        self.worker(n).finish(fetched, now);
    }

    fn ask(&mut self, n: usize, kid: &str, now: UnixTime) -> &'static str {
        let query = KeyQuery { kid: Some(kid.to_owned()), algorithm: Algorithm::EdDsa, written: false };
        match self.caches[n].find(&query, now) {
            Lookup::Keys(_) => "key",
            Lookup::NoKey => "401",
            Lookup::Unavailable => "503",
            Lookup::Wait => "wait",
        }
    }

    /// Lives through `story`: each line a moment in milliseconds after the start, a worker, and what happens to it.
    fn live(&mut self, name: &str, story: &[(i64, usize, Act)]) {
        for (line, (millis, n, act)) in story.iter().enumerate() {
            let now = at(*millis);
            let place = format!("{name}, line {line}: {act:?} of {n} at {millis} ms");
            match *act {
                Tick(fetch) => assert_eq!(self.tick(*n, now), fetch == Starts, "{place}"),
                Bring(kids) => self.finish(*n, Some(&document(kids)), now),
                Fail => self.finish(*n, None, now),
                Ask(kid, expected) => assert_eq!(self.ask(*n, kid, now), expected, "{place}"),
                Die => self.caches[*n] = KeySetCache::fetched(TIMING, (100 + line as u64) << 8),
            }
        }
    }
}

fn live(name: &str, story: &[(i64, usize, Act)]) {
    Host::new(3, Fault::None).live(name, story);
}

#[test]
fn one_worker_fetches_and_the_others_take_over_what_it_got() {
    live(
        "start",
        &[
            (0, 0, Ask("k", "wait")),
            (1, 0, Tick(Starts)),
            (1, 1, Tick(Not)),
            (2, 1, Ask("k", "wait")),
            (20, 1, Tick(Not)),
            (50, 0, Bring(&["k"])),
            (50, 0, Ask("k", "key")),
            (60, 1, Tick(Not)),
            (60, 1, Ask("k", "key")),
            // One that saw nothing of it all has the keys at its first tick.
            (100, 2, Ask("k", "wait")),
            (101, 2, Tick(Not)),
            (101, 2, Ask("k", "key")),
        ],
    );
    live(
        "refresh",
        &[
            (0, 0, Tick(Starts)),
            (10, 0, Bring(&["old"])),
            (20, 1, Tick(Not)),
            (480_009, 1, Tick(Not)),
            (480_010, 1, Tick(Starts)),
            (480_011, 0, Tick(Not)),
            (480_011, 0, Ask("old", "key")),
            (480_100, 1, Bring(&["new"])),
            (480_200, 0, Tick(Not)),
            (480_200, 0, Ask("new", "key")),
            (900_000, 2, Tick(Not)),
            (900_000, 2, Ask("new", "key")),
        ],
    );
}

#[test]
fn failures_and_their_back_off_are_everybodys() {
    live(
        "provider down at the start",
        &[
            (0, 0, Tick(Starts)),
            (0, 1, Ask("k", "wait")),
            (1, 1, Tick(Not)),
            (100, 0, Fail),
            (100, 0, Ask("k", "503")),
            (120, 1, Tick(Not)),
            (120, 1, Ask("k", "503")),
            (1_099, 1, Tick(Not)),
            (1_100, 1, Tick(Starts)),
            (1_101, 0, Tick(Not)),
            (1_101, 0, Ask("k", "wait")),
            (1_200, 1, Fail),
            (3_199, 2, Tick(Not)),
            (3_199, 0, Tick(Not)),
            (3_200, 2, Tick(Starts)),
            (3_300, 2, Bring(&["k"])),
            (3_400, 0, Tick(Not)),
            (3_400, 1, Tick(Not)),
            (3_400, 0, Ask("k", "key")),
            (3_400, 1, Ask("k", "key")),
        ],
    );
    live(
        "an answer that never comes: the pause begins when it is given up, so that nobody waits for two fetches",
        &[
            (0, 0, Tick(Starts)),
            (1, 0, Ask("k", "wait")),
            (1, 1, Tick(Not)),
            (1, 1, Ask("k", "wait")),
            (7_000, 0, Tick(Not)),
            (7_000, 0, Ask("k", "503")),
            (7_001, 1, Tick(Not)),
            (7_001, 1, Ask("k", "503")),
            (8_000, 1, Tick(Starts)),
        ],
    );
}

#[test]
fn nobody_is_refused_for_a_failure_that_another_worker_has_made_good_since() {
    live(
        "nothing usable",
        &[
            (0, 0, Tick(Starts)),
            (10, 0, Fail),
            (20, 1, Tick(Not)),
            (24, 1, Ask("k", "503")),
            (25, 1, Ask("k", "wait")),
            (26, 1, Tick(Not)),
            (26, 1, Ask("k", "503")),
            (1_010, 0, Tick(Starts)),
            (1_100, 0, Bring(&["k"])),
            // The failure is the last that this one knows of.
            (1_101, 1, Ask("k", "wait")),
            (1_102, 1, Tick(Not)),
            (1_102, 1, Ask("k", "key")),
        ],
    );
    live(
        "an unknown kid",
        &[
            (0, 0, Tick(Starts)),
            (0, 0, Bring(&["k"])),
            (480_000, 0, Tick(Starts)),
            (480_010, 0, Fail),
            (480_020, 1, Tick(Not)),
            (480_021, 1, Ask("x", "503")),
            (481_010, 0, Tick(Starts)),
            (481_100, 0, Bring(&["k", "x"])),
            (481_101, 1, Ask("x", "wait")),
            (481_102, 1, Tick(Not)),
            (481_102, 1, Ask("x", "key")),
        ],
    );
}

#[test]
fn unknown_kids_cost_all_workers_together_two_fetches_a_cooldown() {
    live(
        "flood",
        &[
            (0, 0, Tick(Starts)),
            (0, 0, Bring(&["k"])),
            (10, 1, Tick(Not)),
            (10, 2, Tick(Not)),
            (1_000, 0, Ask("x0", "wait")),
            (1_000, 0, Tick(Starts)),
            (1_001, 1, Ask("x1", "wait")),
            (1_002, 1, Tick(Not)),
            (1_100, 0, Bring(&["k"])),
            (1_100, 0, Ask("x0", "401")),
            (1_110, 1, Tick(Not)),
            (1_110, 1, Ask("x1", "401")),
            // This one learns what others know before it fetches.
            (2_000, 2, Ask("x2", "wait")),
            (2_000, 2, Tick(Not)),
            (2_000, 2, Ask("x2", "wait")),
            (2_000, 2, Tick(Starts)),
            (2_100, 2, Bring(&["k"])),
            (3_000, 0, Ask("x3", "wait")),
            (3_000, 0, Tick(Not)),
            (3_000, 0, Ask("x3", "401")),
            (3_000, 2, Ask("x4", "401")),
            (30_999, 1, Ask("x5", "wait")),
            (30_999, 1, Tick(Not)),
            (30_999, 1, Ask("x5", "401")),
            (31_000, 1, Ask("x6", "wait")),
            (31_000, 1, Tick(Starts)),
        ],
    );
    let mut host = Host::new(3, Fault::None);
    host.live("flood", &[(0, 0, Tick(Starts)), (0, 0, Bring(&["k"]))]);
    for n in 0..6_000 {
        let (worker, now) = (n % 3, at(1_000 + n as i64));
        host.ask(worker, &format!("random-{n}"), now);
        if host.tick(worker, now) {
            host.finish(worker, Some(&document(&["k"])), now);
        }
    }
    assert_eq!(host.fetches, 1 + 2);
    assert!(host.data.size() < 1_000, "{} bytes are shared", host.data.size());
}

#[test]
fn a_rotated_key_that_one_worker_found_is_there_for_all() {
    live(
        "rotation",
        &[
            (0, 0, Tick(Starts)),
            (0, 0, Bring(&["old"])),
            (10, 1, Tick(Not)),
            (40_000, 0, Ask("new", "wait")),
            (40_000, 0, Tick(Starts)),
            (40_100, 0, Bring(&["old", "new"])),
            (40_200, 1, Ask("new", "wait")),
            (40_201, 1, Tick(Not)),
            (40_201, 1, Ask("new", "key")),
            (40_201, 1, Ask("old", "key")),
        ],
    );
    live(
        "a set that was fetched before the token came says nothing about it",
        &[
            (0, 0, Tick(Starts)),
            (1, 1, Tick(Not)),
            (10, 0, Bring(&["old"])),
            // This one has not seen yet that the fetch is over.
            (400, 1, Ask("new", "wait")),
            (401, 1, Tick(Not)),
            (401, 1, Ask("new", "wait")),
            (402, 1, Tick(Starts)),
            (500, 1, Bring(&["old", "new"])),
            (500, 1, Ask("new", "key")),
        ],
    );
}

#[test]
fn a_worker_that_dies_with_the_lease_delays_the_others_no_longer_than_its_fetch_could() {
    live(
        "dead at the start",
        &[
            (0, 0, Tick(Starts)),
            (10, 0, Die),
            (10, 0, Tick(Not)),
            (10, 1, Ask("k", "wait")),
            (6_999, 1, Tick(Not)),
            (6_999, 1, Ask("k", "wait")),
            (7_000, 1, Tick(Starts)),
            (7_001, 0, Tick(Not)),
            (7_100, 1, Bring(&["k"])),
            (7_200, 0, Tick(Not)),
            (7_200, 0, Ask("k", "key")),
        ],
    );
    live(
        "dead again and again: counted as failures, so that the pause grows",
        &[
            (0, 0, Tick(Starts)),
            (0, 0, Die),
            (7_000, 0, Tick(Starts)),
            (7_000, 0, Die),
            (14_000, 0, Tick(Starts)),
            (14_000, 0, Die),
            (21_000, 0, Tick(Starts)),
            (21_000, 0, Die),
            (28_000, 0, Tick(Starts)),
            (28_100, 0, Fail),
            // 16 s for the fifth failure.
            (44_099, 1, Tick(Not)),
            (44_100, 1, Tick(Starts)),
        ],
    );
    live(
        "taken for dead, but only slow: what it brings is welcome",
        &[
            (0, 0, Tick(Starts)),
            (7_000, 1, Tick(Starts)),
            (7_100, 0, Bring(&["k"])),
            (7_100, 0, Ask("k", "key")),
            (7_200, 2, Tick(Not)),
            (7_200, 2, Ask("k", "key")),
            (7_300, 1, Fail),
            (7_300, 2, Tick(Not)),
            (7_300, 2, Ask("k", "key")),
            (7_300, 1, Ask("k", "key")),
        ],
    );
}
