//! Failed fetches, and clocks that are set back.

use super::Act::{Ask, Bring, Due, Fail, Start, Tick};
use super::live;

#[test]
fn an_unknown_kid_is_an_outage_where_the_latest_attempt_failed() {
    live(
        "refetch fails",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (1_000, Ask("x", "wait")),
            (1_000, Start),
            (1_100, Fail),
            (1_100, Ask("x", "503")),
            (1_100, Ask("k", "1 key")),
            (2_099, Ask("x", "503")),
            (2_100, Ask("x", "wait")),
            (2_100, Start),
            (2_200, Fail),
            (2_200, Ask("x", "503")),
            (10_000, Ask("x", "503")),
            (10_000, Ask("k", "1 key")),
            (31_000, Ask("x", "wait")),
            (31_000, Start),
            (31_100, Bring(&["k"])),
            (31_100, Ask("x", "401")),
        ],
    );
}

#[test]
fn a_failed_refetch_is_retried_and_heals_without_another_question() {
    live(
        "the provider heals",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (1_000, Ask("x", "wait")),
            (1_000, Start),
            (1_100, Fail),
            (1_500, Ask("x", "503")),
            (1_900, Due(false)),
            (2_100, Due(true)),
            (2_100, Start),
            (2_200, Bring(&["k", "x"])),
            (2_200, Ask("x", "1 key")),
        ],
    );
}

#[test]
fn failed_fetches_are_retried_with_back_off_up_to_the_cooldown() {
    // 1, 2, 4, 8, 16, then 30 s for ever.
    let mut story = vec![];
    let mut now = 0;
    for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000] {
        story.extend([(now, Due(true)), (now, Start), (now, Fail), (now, Due(false)), (now, Ask("k", "503"))]);
        story.extend([(now + pause - 1, Due(false)), (now + pause - 1, Ask("k", "503"))]);
        now += pause;
    }
    story.extend([(now, Due(true)), (now, Start), (now, Bring(&["k"])), (now, Ask("k", "1 key"))]);
    story.extend([
        (now + 480_000, Due(true)),
        (now + 480_000, Start),
        (now + 480_000, Fail),
        (now + 481_000, Due(true)),
    ]);
    live("provider down", &story);
}

#[test]
fn a_last_good_set_serves_until_max_stale_while_fetches_fail() {
    live(
        "stale",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (480_000, Start),
            (480_100, Fail),
            (600_001, Ask("k", "1 key")),
            (700_000, Start),
            (700_100, Fail),
            (700_200, Ask("k", "1 key")),
            (4_199_999, Ask("k", "1 key")),
            (4_199_999, Start),
            (4_199_999, Fail),
            (4_200_000, Ask("k", "503")),
            (4_229_999, Due(true)),
            (4_229_999, Ask("k", "wait")),
            (4_229_999, Start),
            (4_230_000, Bring(&["k"])),
            (4_230_000, Ask("k", "1 key")),
        ],
    );
}

#[test]
fn a_clock_set_back_never_makes_a_set_younger() {
    live(
        "set back beyond the fetch",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (-1, Ask("k", "wait")),
            (-1, Due(true)),
            (-1, Start),
            (100, Bring(&["k"])),
            (100, Ask("k", "1 key")),
        ],
    );
    live(
        "set back within a cooldown",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (100_000, Ask("x", "wait")),
            (100_000, Start),
            (100_000, Bring(&["k"])),
            (100_000, Ask("x", "401")),
            (-500_000, Ask("x", "wait")),
            (-500_000, Start),
            (-500_000, Bring(&["k"])),
            (-500_000, Ask("k", "1 key")),
            (-499_000, Ask("y", "wait")),
        ],
    );
    live("set back within a back-off", &[(0, Start), (0, Fail), (0, Due(false)), (-60_000, Due(true))]);
    live(
        "set forward by a day",
        &[
            (0, Start),
            (0, Bring(&["k"])),
            (86_400_000, Due(true)),
            (86_400_000, Ask("k", "wait")),
            (86_400_000, Start),
            (86_400_000, Fail),
            (86_400_000, Ask("k", "503")),
        ],
    );
}

#[test]
fn a_fetch_that_is_never_answered_is_given_up() {
    live(
        "lost",
        &[
            (0, Start),
            (6_999, Tick(false)),
            (6_999, Ask("k", "wait")),
            (7_000, Tick(true)),
            (7_000, Tick(false)),
            (7_000, Ask("k", "503")),
            (7_999, Due(false)),
            (8_000, Ask("k", "wait")),
            (8_000, Due(true)),
            (8_000, Start),
            (8_100, Bring(&["k"])),
            (20_000, Tick(false)),
            (20_000, Ask("k", "1 key")),
        ],
    );
    live("lost with a clock set back", &[(0, Start), (-10_000, Tick(true)), (-9_001, Due(false)), (-9_000, Due(true))]);
    live("nothing under way", &[(0, Tick(false)), (1_000_000, Tick(false))]);
}
