//! Races, clocks that step, hosts that share nothing, and shared data that is old or broken.

use std::cell::{Cell, RefCell};

use super::Act::{Ask, Bring, Die, Fail, Tick};
use super::Fetch::{Not, Starts};
use super::{Fetch, Host, TIMING, at, document, live, names};
use crate::support::shared_data::{Data, Fault};
use toolgate::jwks::{KeyNames, KeySetCache, Worker};
use toolgate::time::UnixTime;
use toolgate::workers::{Attempts, Instance, Lease, NotShared, SharedData, SharedDocument, SharedNames, Versioned};

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
        // Without a mark where a part ends, it could be either.
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
