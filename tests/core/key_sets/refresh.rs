//! When a set is fetched again, and for which keys.

mod outages;

use std::time::Duration;

use super::{parse, query};
use crate::support::core::{NOW, at_millis};
use crate::support::keys::{Key, key_set};
use toolgate::jwks::{KeySet, KeySetCache, Lookup};
use toolgate::signature::Algorithm;
use toolgate::time::UnixTime;
use toolgate::workers::Timing;

/// An event of a cache, or a question to it.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A fetch starts.
    Start,
    /// It ends with these keys.
    Bring(&'static [&'static str]),
    /// It ends without.
    Fail,
    /// Time is told; whether a fetch was lost.
    Tick(bool),
    /// A token with this kid comes.
    Ask(&'static str, &'static str),
    /// Whether a fetch should start.
    Due(bool),
}

use Act::{Ask, Bring, Due, Fail, Start, Tick};

const TIMING: Timing = Timing {
    timeout: Duration::from_secs(5),
    max_age: Duration::from_secs(600),
    cooldown: Duration::from_secs(30),
    max_stale: Duration::from_secs(3600),
};

fn set_of(kids: &[&str]) -> KeySet {
    let keys: Vec<Key> = kids.iter().map(|kid| Key::ed25519().named(kid)).collect();
    parse(&key_set(&keys)).unwrap()
}

/// Lives through `story`: each line a moment in milliseconds after the start,
/// and what happens then.
fn live(name: &str, story: &[(i64, Act)]) {
    live_with(name, KeySetCache::fetched(TIMING, 0), story);
}

fn live_with(name: &str, mut cache: KeySetCache, story: &[(i64, Act)]) {
    for (line, (millis, act)) in story.iter().enumerate() {
        let now: UnixTime = at_millis(NOW * 1000 + millis);
        let place = || format!("{name}, line {line}: {act:?} at {millis} ms");
        match *act {
            Start => cache.started(now),
            Bring(kids) => cache.finished(Some(set_of(kids)), now),
            Fail => cache.finished(None, now),
            Tick(lost) => assert_eq!(cache.tick(now), lost, "{}", place()),
            Due(due) => assert_eq!(cache.is_due(now), due, "{}", place()),
            Ask(kid, expected) => {
                let kid = Some(kid).filter(|kid| !kid.is_empty());
                let found = match cache.find(&query(kid, Algorithm::EdDsa), now) {
                    Lookup::Keys(keys) => format!("{} key", keys.len()),
                    Lookup::NoKey => "401".to_owned(),
                    Lookup::Unavailable => "503".to_owned(),
                    Lookup::Wait => "wait".to_owned(),
                };
                assert_eq!(found, expected, "{}", place());
            }
        }
    }
}

#[test]
fn a_token_that_comes_before_the_first_fetch_waits_for_it() {
    live(
        "first fetch",
        &[
            (0, Due(true)),
            (0, Ask("k", "wait")),
            (0, Start),
            (0, Due(false)),
            (100, Ask("k", "wait")),
            (200, Bring(&["k"])),
            (200, Ask("k", "1 key")),
            (200, Due(false)),
        ],
    );
    live(
        "first fetch fails",
        &[
            (0, Start),
            (10, Ask("k", "wait")),
            (20, Fail),
            (30, Ask("k", "503")),
            (30, Due(false)),
            (1_019, Due(false)),
            (1_020, Due(true)),
            (1_020, Ask("k", "wait")),
            (1_020, Start),
            (1_100, Bring(&["k"])),
            (1_100, Ask("k", "1 key")),
        ],
    );
}

#[test]
fn a_set_is_refreshed_ahead_of_its_age_with_jitter() {
    // Between 80 and 90 per cent of 600 s.
    for (jitter, due_at) in [(0, 480_000), (255, 540_000)] {
        live_with(
            &format!("jitter {jitter}"),
            KeySetCache::fetched(TIMING, jitter),
            &[
                (0, Start),
                (0, Bring(&["k"])),
                (due_at - 1, Due(false)),
                (due_at, Due(true)),
                (due_at, Ask("k", "1 key")),
                (due_at, Start),
                (due_at, Due(false)),
                (due_at + 50, Ask("k", "1 key")),
                (due_at + 100, Bring(&["k2"])),
                (due_at + 100, Ask("k2", "1 key")),
                (due_at + 101, Due(false)),
            ],
        );
    }
    let due = |jitter| {
        let mut cache = KeySetCache::fetched(TIMING, jitter);
        cache.started(at_millis(NOW * 1000));
        cache.finished(Some(set_of(&["k"])), at_millis(NOW * 1000));
        (0..600).find(|second| cache.is_due(at_millis((NOW + second) * 1000))).unwrap()
    };
    let times: Vec<i64> = (0..=255).step_by(15).map(due).collect();
    assert!(times.is_sorted() && times.iter().all(|at| (480..=540).contains(at)), "{times:?}");
    assert!(times.first() < times.last(), "jitter spreads them");
}

#[test]
fn an_unknown_kid_refetches_twice_per_cooldown_and_no_more() {
    live(
        "flood of unknown kids",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (1_000, Ask("x1", "wait")),
            (1_000, Due(true)),
            (1_000, Ask("x2", "wait")),
            (1_000, Start),
            (1_050, Ask("x3", "wait")),
            (1_050, Due(false)),
            (1_100, Bring(&["k"])),
            (1_100, Ask("x1", "401")),
            (1_100, Ask("x2", "401")),
            (1_100, Ask("x3", "401")),
            (1_100, Due(false)),
            (2_000, Ask("x4", "wait")),
            (2_000, Due(true)),
            (2_000, Start),
            (2_100, Bring(&["k"])),
            (2_100, Ask("x4", "401")),
            (3_000, Ask("x5", "401")),
            (3_000, Ask("x6", "401")),
            (3_000, Due(false)),
            (3_000, Ask("k", "1 key")),
            (30_999, Ask("x7", "401")),
            (31_000, Ask("x8", "wait")),
            (31_000, Start),
            (31_100, Bring(&["k", "x9"])),
            (31_100, Ask("x9", "1 key")),
            (31_200, Ask("x10", "401")),
            (32_000, Ask("x11", "wait")),
        ],
    );
}

#[test]
fn a_rotated_key_is_found_by_the_one_refetch() {
    live(
        "rotation",
        &[
            (0, Start),
            (0, Bring(&["old"])),
            (5_000, Ask("new", "wait")),
            (5_000, Start),
            (5_000, Ask("old", "1 key")),
            (5_100, Bring(&["old", "new"])),
            (5_100, Ask("new", "1 key")),
            (5_100, Ask("old", "1 key")),
        ],
    );
    live(
        "a key that leaves the set",
        &[
            (0, Start),
            (0, Bring(&["old", "new"])),
            (480_000, Start),
            (480_100, Bring(&["new"])),
            (480_100, Ask("old", "wait")),
            (480_100, Start),
            (480_200, Bring(&["new"])),
            (480_200, Ask("old", "401")),
        ],
    );
}

#[test]
fn a_kid_known_to_be_absent_is_refused_until_the_cooldown_ends() {
    live(
        "negative cache",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (1_000, Ask("x", "wait")),
            (1_000, Start),
            (1_100, Bring(&["k"])),
            (1_200, Ask("x", "401")),
            (1_200, Due(false)),
            // Counted from the start of the fetch: the provider may have published before it ended.
            (30_999, Ask("x", "401")),
            (31_000, Ask("x", "wait")),
            (31_000, Due(true)),
        ],
    );
}

#[test]
fn scheduled_refreshes_do_not_use_up_the_cooldown() {
    live(
        "refresh, then two refetches",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (480_000, Start),
            (480_100, Bring(&["k"])),
            (480_200, Ask("x1", "wait")),
            (480_200, Start),
            (480_300, Bring(&["k"])),
            (480_400, Ask("x2", "wait")),
            (480_400, Start),
            (480_500, Bring(&["k"])),
            (480_600, Ask("x3", "401")),
        ],
    );
}

#[test]
fn a_fixed_set_is_never_fetched() {
    live_with(
        "fixed",
        KeySetCache::fixed(set_of(&["k"])),
        &[
            (0, Due(false)),
            (0, Ask("k", "1 key")),
            (0, Ask("x", "401")),
            (0, Ask("", "1 key")),
            (0, Due(false)),
            (99_999_999, Tick(false)),
            (99_999_999, Ask("k", "1 key")),
            (-99_999_999, Ask("k", "1 key")),
            (99_999_999, Due(false)),
        ],
    );
}

#[test]
fn a_flood_of_random_kids_costs_the_provider_two_fetches_and_no_memory() {
    let mut cache = KeySetCache::fetched(TIMING, 0);
    let now = |millis: i64| at_millis(NOW * 1000 + millis);
    cache.started(now(0));
    cache.finished(Some(set_of(&["k"])), now(0));
    let mut fetches = 0;
    for n in 0..20_000 {
        let millis = 1_000 + n;
        let _ = cache.find(&query(Some(&format!("random-{n}")), Algorithm::EdDsa), now(millis));
        if cache.is_due(now(millis)) {
            fetches += 1;
            cache.started(now(millis));
            cache.finished(Some(set_of(&["k"])), now(millis));
        }
    }
    assert_eq!(fetches, 2, "in 20 s of a cooldown of 30 s");
    assert!(format!("{cache:?}").len() < 100_000, "what is remembered is bounded");
}

#[test]
fn the_age_of_a_set_is_never_negative() {
    let mut cache = KeySetCache::fetched(TIMING, 0);
    let now = |millis: i64| at_millis(NOW * 1000 + millis);
    assert_eq!(cache.age(now(0)), None);
    cache.started(now(0));
    cache.finished(Some(set_of(&["k"])), now(0));
    assert_eq!(cache.age(now(1_500)), Some(Duration::from_millis(1_500)));
    assert_eq!(cache.age(now(-1)), Some(Duration::ZERO));
}
