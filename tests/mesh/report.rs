//! Lines for people while the checks run, and a table at the end.

use std::any::Any;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The checks so far.
pub struct Report {
    start: Instant,
    /// The environment, the check, and a remark or the fault.
    rows: Vec<(String, String, Result<String, String>)>,
    memory: Memory,
}

impl Report {
    pub fn new() -> Self {
        Self { start: Instant::now(), rows: Vec::new(), memory: Memory::watch() }
    }

    /// Tells of a step that is no check.
    pub fn say(&self, line: &str) {
        println!("[{:3} s] {line}", self.start.elapsed().as_secs());
    }

    /// Runs a check, which fails by a panic; it returns a remark for the table, which may be empty.
    pub fn check(&mut self, place: &str, name: &str, check: impl FnOnce() -> String) -> bool {
        // A failed check is a line of the report, and the rest runs on.
        let loud = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let result = panic::catch_unwind(AssertUnwindSafe(check));
        panic::set_hook(loud);
        let result = result.map_err(|payload| message(&*payload));
        let (word, remark) = match &result {
            Ok(remark) => ("ok  ", remark),
            Err(fault) => ("FAIL", fault),
        };
        let colon = if remark.is_empty() { "" } else { ": " };
        self.say(&format!("{word} {place}: {name}{colon}{remark}"));
        let passed = result.is_ok();
        self.rows.push((place.to_owned(), name.to_owned(), result));
        passed
    }

    /// Prints the table; whether all passed. `files` is the folder of this run's files, `programs` that of what it ran.
    pub fn finish(self, files: &Path, programs: &Path) -> bool {
        let mut places: Vec<&str> = Vec::new();
        for (place, ..) in &self.rows {
            if !places.contains(&place.as_str()) {
                places.push(place);
            }
        }
        println!("\n| where | passed | failed |\n|---|---|---|");
        for place in places {
            let of_place = || self.rows.iter().filter(|row| row.0 == place);
            let failed: Vec<_> = of_place().filter(|row| row.2.is_err()).map(|row| row.1.as_str()).collect();
            println!("| {place} | {} | {} |", of_place().count() - failed.len(), failed.join("; "));
        }
        let megabytes = |bytes: u64| bytes / 1_000_000;
        println!(
            "\n{} checks in {} s, peak memory {} MB, beside {} MB of files in memory, on disk {} MB of programs",
            self.rows.len(),
            self.start.elapsed().as_secs(),
            megabytes(self.memory.peak()),
            megabytes(size(files)),
            megabytes(size(programs)),
        );
        self.rows.iter().all(|row| row.2.is_ok())
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic");
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(600).collect()
}

/// The bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => size(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// Adds up the memory of every process of this namespace, once in a while.
struct Memory {
    peak: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

impl Memory {
    fn watch() -> Self {
        let (peak, stopped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let watched = Self { peak: Arc::clone(&peak), stopped: Arc::clone(&stopped) };
        thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                peak.fetch_max(resident(), Ordering::Relaxed);
                thread::sleep(Duration::from_secs(1));
            }
        });
        watched
    }

    fn peak(&self) -> u64 {
        self.stopped.store(true, Ordering::Relaxed);
        self.peak.load(Ordering::Relaxed)
    }
}

/// Shared pages are shared out (`Pss`), so that none counts twice.
fn resident() -> u64 {
    let Ok(processes) = fs::read_dir("/proc") else { return 0 };
    let of = |process: fs::DirEntry| {
        let text = fs::read_to_string(process.path().join("smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    processes.flatten().filter_map(of).sum::<u64>() * 1024
}
