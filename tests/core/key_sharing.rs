//! Sharing an issuer's keys between workers: who fetches, at what cost, and how a worker treats shared data that is
//! old, broken or from the future.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::support::core::{NOW, at_millis};
use crate::support::keys::{Key, key_set};
use crate::support::shared_data::{Data, Fault};
use toolgate::jwks::{KeyNames, KeyQuery, KeySet, KeySetCache, Lookup, Worker};
use toolgate::signature::Algorithm;
use toolgate::time::UnixTime;
use toolgate::workers::{
    Attempts, Instance, Lease, NotShared, SharedData, SharedDocument, SharedNames, Timing, Versioned,
};

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
            // What this one does not know yet, it learns before it fetches.
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

#[test]
fn a_fetch_of_several_requests_keeps_its_lease() {
    let mut host = Host::new(2, Fault::None);
    assert!(host.tick(0, at(0)));
    host.worker(0).renew(at(5_000));
    host.worker(1).renew(at(5_000));
    assert!(!host.tick(1, at(9_000)), "renewed");
    assert!(!host.tick(0, at(11_999)));
    assert!(host.tick(1, at(12_000)), "and over");
}

#[test]
fn of_workers_that_race_exactly_one_fetches() {
    /// Another worker comes first, between reading and writing.
    struct Racing<'a> {
        data: &'a Data,
        rival: RefCell<Option<KeySetCache>>,
        names: &'a KeyNames,
    }
    impl SharedData for Racing<'_> {
        fn read(&self, name: &str) -> Result<Versioned, NotShared> {
            self.data.read(name)
        }
        fn replace(&self, name: &str, old: &Versioned, value: &[u8]) -> Result<bool, NotShared> {
            if let Some(mut cache) = self.rival.take() {
                let mut rival = Worker { data: self.data, names: self.names, cache: &mut cache };
                assert_eq!(rival.advance(at(0)).fetch, Some(false));
            }
            self.data.replace(name, old, value)
        }
        fn overwrite(&self, name: &str, value: &[u8]) -> Result<(), NotShared> {
            self.data.overwrite(name, value)
        }
    }
    for exists in [false, true] {
        let (data, names) = (Data::new(Fault::None), names(""));
        if exists {
            data.put(&names.attempts, Attempts::default().encode());
        }
        let rival = RefCell::new(Some(KeySetCache::fetched(TIMING, 1 << 8)));
        let racing = Racing { data: &data, rival, names: &names };
        let mut cache = KeySetCache::fetched(TIMING, 2 << 8);
        let mut worker = Worker { data: &racing, names: &names, cache: &mut cache };
        assert_eq!(worker.advance(at(0)).fetch, None, "the record exists: {exists}");
        assert!(cache.needs_look(at(0)), "it waits for the other's");
    }
}

#[test]
fn where_a_host_shares_nothing_each_worker_fetches_for_itself() {
    for fault in [Fault::Absent, Fault::ReadOnly, Fault::Raced] {
        let mut host = Host::new(2, fault);
        host.live(
            &format!("{fault:?}"),
            &[
                (0, 0, Tick(Starts)),
                (0, 1, Tick(Starts)),
                (10, 0, Bring(&["k"])),
                (10, 0, Ask("k", "key")),
                (10, 1, Ask("k", "wait")),
                (20, 1, Bring(&["k"])),
                (20, 1, Ask("k", "key")),
            ],
        );
        assert_eq!(host.fetches, 2, "{fault:?}");
    }
    Host::new(1, Fault::Absent).live(
        "back-off and cooldown hold all the same",
        &[
            (0, 0, Tick(Starts)),
            (10, 0, Fail),
            (500, 0, Tick(Not)),
            (1_010, 0, Tick(Starts)),
            (1_020, 0, Bring(&["k"])),
            (2_000, 0, Ask("x", "wait")),
            (2_000, 0, Tick(Starts)),
            (2_010, 0, Bring(&["k"])),
            (3_000, 0, Ask("y", "wait")),
            (3_000, 0, Tick(Starts)),
            (3_010, 0, Bring(&["k"])),
            (4_000, 0, Ask("z", "401")),
        ],
    );
}

#[test]
fn a_clock_that_steps_never_leaves_workers_waiting_or_a_set_too_young() {
    live(
        "set back under a lease: it is over",
        &[(0, 0, Tick(Starts)), (0, 0, Die), (-1, 1, Tick(Starts)), (0, 1, Bring(&["k"])), (0, 1, Ask("k", "key"))],
    );
    live("set forward under a lease", &[(0, 0, Tick(Starts)), (1, 1, Tick(Not)), (3_600_000, 1, Tick(Starts))]);
    live(
        "set back behind a set",
        &[
            (0, 0, Tick(Starts)),
            (0, 0, Bring(&["k"])),
            (10, 1, Tick(Not)),
            (-5_000, 1, Ask("k", "wait")),
            (-5_000, 1, Tick(Starts)),
            (-5_000, 1, Bring(&["k2"])),
            (-4_000, 1, Ask("k2", "key")),
            (-4_000, 0, Tick(Not)),
            (-4_000, 0, Ask("k2", "key")),
            (-4_000, 2, Tick(Not)),
            (-4_000, 2, Ask("k2", "key")),
            // And forth again, past the old time.
            (1_000, 0, Tick(Not)),
            (1_000, 0, Ask("k2", "key")),
        ],
    );
    live(
        "set back within a back-off",
        &[(0, 0, Tick(Starts)), (0, 0, Fail), (1, 1, Tick(Not)), (-60_000, 1, Tick(Starts))],
    );
    live(
        "set back within a cooldown: absent and spent are forgotten",
        &[
            (0, 0, Tick(Starts)),
            (0, 0, Bring(&["k"])),
            (1_000, 0, Ask("x", "wait")),
            (1_000, 0, Tick(Starts)),
            (1_000, 0, Bring(&["k"])),
            (1_001, 0, Ask("y", "wait")),
            (1_001, 0, Tick(Starts)),
            (1_001, 0, Bring(&["k"])),
            (1_002, 0, Ask("z", "401")),
            (-9_000, 0, Ask("k", "wait")),
            (-9_000, 0, Tick(Starts)),
            (-9_000, 0, Bring(&["k"])),
            (-8_000, 0, Ask("x", "wait")),
            (-8_000, 0, Tick(Starts)),
        ],
    );
    live(
        "set forward beyond everything",
        &[
            (0, 0, Tick(Starts)),
            (0, 0, Bring(&["k"])),
            (86_400_000, 1, Ask("k", "wait")),
            (86_400_000, 1, Tick(Starts)),
            (86_400_000, 1, Fail),
            (86_400_000, 1, Ask("k", "503")),
        ],
    );
}

#[test]
fn what_others_left_is_validated_again() {
    let good = SharedDocument { fetched_at: at(-1_000), document: &document(&["k"]) }.encode();
    let record = Attempts { fetched_at: Some(at(-1_000)), started_at: Some(at(-1_100)), ..Attempts::default() };
    let with = |fetched_at: UnixTime, document: &[u8]| SharedDocument { fetched_at, document }.encode();
    let foreign = |mut bytes: Vec<u8>| {
        bytes[0] = 2;
        bytes
    };
    let lease = |since: i64| Attempts { lease: Some(Lease { owner: 77 << 8, since: at(since) }), ..record };
    let encoded = record.encode();
    let too_large = [document(&["k"]), vec![b' '; 256_000]].concat();
    let cases: Vec<(&str, Vec<u8>, Vec<u8>, Fetch, &str)> = vec![
        ("a good one", encoded.clone(), good.clone(), Not, "key"),
        ("no record", vec![], good.clone(), Starts, "wait"),
        ("a record cut short", encoded[..40].to_vec(), good.clone(), Starts, "wait"),
        ("a record that goes on", [encoded.clone(), vec![0]].concat(), good.clone(), Starts, "wait"),
        ("a record of another layout", foreign(encoded.clone()), good.clone(), Starts, "wait"),
        ("a record of text", b"{\"fetched_at\":1}".to_vec(), good.clone(), Starts, "wait"),
        ("no set", encoded.clone(), vec![], Starts, "wait"),
        ("a set without its time", encoded.clone(), good[..5].to_vec(), Starts, "wait"),
        ("a set of another layout", encoded.clone(), foreign(good.clone()), Starts, "wait"),
        ("a set cut short", encoded.clone(), good[..good.len() - 3].to_vec(), Starts, "wait"),
        ("a set that is none", encoded.clone(), with(at(-1_000), b"[]"), Starts, "wait"),
        ("a set too large", encoded.clone(), with(at(-1_000), &too_large), Starts, "wait"),
        ("a set from the future", encoded.clone(), with(at(1), &document(&["k"])), Starts, "wait"),
        ("a set too old to serve", encoded.clone(), with(at(-4_200_000), &document(&["k"])), Starts, "wait"),
        ("a set that serves, but not for long", encoded.clone(), with(at(-500_000), &document(&["k"])), Starts, "key"),
        ("a lease", lease(-6_999).encode(), vec![], Not, "wait"),
        ("a lease that is over", lease(-7_000).encode(), vec![], Starts, "wait"),
        ("a lease that ends too late", lease(1).encode(), vec![], Starts, "wait"),
        (
            "a lease for ever",
            Attempts { lease: Some(Lease { owner: 7, since: UnixTime::from_millis(u64::MAX) }), ..record }.encode(),
            vec![],
            Starts,
            "wait",
        ),
        ("failures", Attempts { failures: 3, fetched_at: None, ..record }.encode(), vec![], Not, "503"),
        (
            "failures without end",
            Attempts { failures: u32::MAX, fetched_at: None, ..record }.encode(),
            vec![],
            Not,
            "503",
        ),
        (
            "a failure in the future",
            Attempts { failures: 3, fetched_at: None, started_at: Some(at(1)), ..record }.encode(),
            vec![],
            Starts,
            "wait",
        ),
    ];
    for (name, record, set, fetch, found) in cases {
        let mut host = Host::new(1, Fault::None);
        let names = host.names.clone();
        host.data.put(&names.attempts, record);
        host.data.put(&names.set, set);
        assert_eq!(host.tick(0, at(0)), fetch == Starts, "{name}");
        assert_eq!(host.ask(0, "k", at(0)), found, "{name}");
        if fetch == Starts {
            host.finish(0, Some(&document(&["k"])), at(10));
            assert_eq!(host.ask(0, "k", at(10)), "key", "{name}: it heals");
        }
    }
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let full = Attempts {
        fetched_at: Some(at(1)),
        started_at: Some(at(2)),
        failures: 3,
        lease: Some(Lease { owner: u64::MAX, since: at(4) }),
        refetches: [Some(at(5)), Some(at(6))],
    };
    for record in [full, Attempts::default(), Attempts { refetches: [None, Some(at(6))], ..full }] {
        assert_eq!(Attempts::decode(&record.encode()), Some(record));
        assert_eq!(record.encode().len(), 57);
    }
    let document = document(&["k"]);
    let set = SharedDocument { fetched_at: at(1), document: &document };
    assert_eq!(SharedDocument::decode(&set.encode()), Some(set));
}

#[test]
fn names_tell_plugins_roots_issuers_and_places_apart_and_nothing_else() {
    let parts: [[&str; 5]; 10] = [
        ["toolgate", "root", "https://a.example", "https://a.example/jwks", "auth"],
        ["toolgate2", "root", "https://a.example", "https://a.example/jwks", "auth"],
        ["toolgate", "root2", "https://a.example", "https://a.example/jwks", "auth"],
        ["toolgate", "root", "https://b.example", "https://a.example/jwks", "auth"],
        ["toolgate", "root", "https://a.example", "https://b.example/jwks", "auth"],
        ["toolgate", "root", "https://a.example", "https://a.example/jwks", "other"],
        ["toolgate", "root", "https://a.example", "discover", "auth"],
        // What is not said where a part ends could be either.
        ["toolgater", "oot", "https://a.example", "https://a.example/jwks", "auth"],
        ["", "toolgateroot", "https://a.example", "https://a.example/jwks", "auth"],
        ["toolgate", "root", "https://a.examplehttps://a.example/jwks", "", "auth"],
    ];
    let of = |[plugin, root, issuer, uri, cluster]: [&str; 5]| {
        let names = SharedNames::new(plugin.as_bytes(), root.as_bytes());
        let keys = KeyNames::new(&names, issuer, (uri, cluster));
        [keys.attempts, keys.set, names.bodies(), names.proofs("nonce")]
    };
    let mut names: Vec<String> = parts.into_iter().flat_map(of).collect();
    assert!(names.iter().all(|name| name.starts_with("toolgate/1/") && name.len() < 160), "{names:?}");
    assert_eq!(of(parts[0]), of(parts[0]));
    names.sort();
    names.dedup();
    // Of one plugin, whatever its issuers: what is known of the host, and of proofs.
    assert_eq!(names.len(), 2 * parts.len() + 2 * 5);
}

#[test]
fn what_an_instance_shares_goes_with_the_last_one_that_uses_it() {
    let data = Data::new(Fault::None);
    let number = Cell::new(0);
    let created = |plugin: &[u8], uses: &[&str], now| {
        number.set(number.get() + 1);
        let uses = uses.iter().map(|name| (*name).to_owned()).collect();
        Instance::begin(&SharedNames::new(plugin, b""), number.get(), uses, &data, now)
    };
    let begin = |plugin: &[u8], uses: &[&str]| {
        let mut instance = created(plugin, uses, at(0));
        instance.tick(&data, at(1));
        instance
    };
    let [old, new, same] = [["one", "two"], ["two", "three"], ["two", "three"]].map(|uses| begin(b"plugin", &uses));
    let other = begin(b"another plugin", &["one", "two"]);
    assert_eq!(old.end(&data, at(2)), ["one"], "the other is the new configuration's too");
    assert_eq!(new.end(&data, at(2)), [""; 0], "a second listener has the same");
    assert_eq!(same.end(&data, at(2)), ["two", "three"]);
    assert_eq!(same.end(&data, at(2)), ["two", "three"], "what nobody uses is nobody's");
    assert_eq!(other.end(&data, at(2)), ["one", "two"], "names of other plugins differ");
    // Two issuers of one configuration may be one for what is fetched.
    let [one, other] = [["one", "one"], ["one", "one"]].map(|uses| begin(b"plugin", &uses));
    assert_eq!(one.end(&data, at(2)), [""; 0]);
    assert_eq!(other.end(&data, at(2)), ["one", "one"]);
    // One that only checks never ticks, and nobody hears of its end. Nobody knows when the clock was set back.
    for (now, kept) in [(59_999, true), (60_000, false), (-1, false)] {
        let old = begin(b"plugin", &["one"]);
        created(b"plugin", &["one"], at(0));
        let ended = old.end(&data, at(now));
        assert_eq!(ended.is_empty(), kept, "{now}");
        created(b"plugin", &["one"], at(0)).end(&data, at(60_000));
    }
    // The next one that uses the same takes its place, as those of all workers do at first.
    let mut all = [at(0); 3].map(|now| created(b"plugin", &["one"], now));
    all.iter_mut().for_each(|own| own.tick(&data, at(1)));
    let ended: Vec<_> = all.iter().map(|own| own.end(&data, at(2)).len()).collect();
    assert_eq!(ended, [0, 0, 1]);
    created(b"plugin", &["one"], at(0));
    let all = [(); 2].map(|()| begin(b"plugin", &["one"]));
    let ended: Vec<_> = all.iter().map(|own| own.end(&data, at(2)).len()).collect();
    assert_eq!(ended, [0, 1]);
    assert_eq!(created(b"plugin", &["one"], at(0)).end(&data, at(0)), [""; 0], "it leaves all to others");
    for fault in [Fault::Absent, Fault::ReadOnly, Fault::Raced] {
        data.fault.set(fault);
        let mut alone = created(b"plugin", &["one"], at(0));
        alone.tick(&data, at(0));
        assert_eq!(alone.end(&data, at(0)), [""; 0], "in doubt it stays: {fault:?}");
    }
}

#[test]
fn a_worker_of_another_configuration_takes_the_set_over_and_whoever_ends_holds_up_nobody() {
    let mut host = Host::new(2, Fault::None);
    host.live("start", &[(0, 0, Tick(Starts)), (0, 0, Bring(&["k"])), (10, 1, Tick(Not))]);
    // Its memory begins anew, as that of a new configuration does.
    host.live("a change", &[(20, 0, Die), (20, 0, Tick(Not)), (20, 0, Ask("k", "key")), (20, 1, Ask("k", "key"))]);
    host.live("a refresh", &[(560_000, 0, Tick(Starts)), (560_010, 1, Tick(Not))]);
    host.worker(0).release(at(560_020));
    host.live("its end", &[(560_030, 1, Tick(Starts)), (560_040, 1, Bring(&["k"]))]);
    let record = Attempts::decode(&host.data.read(&host.names.attempts).unwrap().bytes).unwrap();
    assert_eq!((record.failures, record.lease), (0, None), "a fetch that was given up has not failed");
}
