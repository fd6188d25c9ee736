//! The mistakes that people make most, each made for real in front of an Envoy, and the first line that every place has to
//! say about it: `docs/mistakes.md`, which this test writes with `UPDATE_SNAPSHOTS=1` and compares without.
//!
//! It needs Envoy and the module: `make build` first.

// Tests fail loudly, and they run in real time.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

#[path = "../cli/run.rs"]
#[allow(dead_code)] // of which the other tests use more
mod run;
#[path = "../../../../tests/support/mod.rs"]
mod support;

mod lines;
mod page;
mod plan;
mod table;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use lines::Place;
use table::MISTAKES;
use world::made;

/// Envoys side by side.
const WORKERS: usize = 3;

#[test]
fn each_place_names_the_cause_or_the_remedy_of_each_mistake_in_its_first_line() {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(vec![None; MISTAKES.len()]);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(mistake) = MISTAKES.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let place = MISTAKES.iter().position(|own| own.name == mistake.name).unwrap();
                    let lines = made(mistake);
                    found.lock().unwrap()[place] = Some(lines);
                }
            });
        }
    });
    let found: Vec<_> = found.into_inner().unwrap().into_iter().map(Option::unwrap).collect();
    let page = page::of(MISTAKES, &found);
    let mut faults = Vec::new();
    for (mistake, lines) in MISTAKES.iter().zip(&found) {
        for (place, words) in mistake.says {
            let line = &lines[place];
            if !line.contains(words) {
                faults.push(format!("{}: {place:?}: no `{words}` in: {line}", mistake.name));
            }
        }
        let is_named = mistake.says.iter().any(|(place, _)| *place != Place::Client);
        assert!(is_named, "{}: no place names it", mistake.name);
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        run::assert_snapshot("docs/mistakes.md", &page);
    }
    assert!(faults.is_empty(), "{}\n{page}", faults.join("\n"));
    run::assert_snapshot("docs/mistakes.md", &page);
}
