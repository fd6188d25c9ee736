//! The way to Envoy's log, of which there is one: every macro of `log` leads here, in the crates that are used too. So
//! does a panic, with its place and without its message, which may hold anything.

use std::borrow::Cow;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::abi;
use toolgate::audit::log_line;

struct Lines;

/// The number of a level in the ABI.
fn number(level: Level) -> u32 {
    match level {
        Level::Error => 4,
        Level::Warn => 3,
        Level::Info => 2,
        Level::Debug | Level::Trace => 1,
    }
}

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let text = record.args().as_str().map_or_else(|| Cow::Owned(record.args().to_string()), Cow::Borrowed);
        write(record.level(), &text);
    }

    fn flush(&self) {}
}

/// Writes a line. The macros lead here too, by way of a copy that a line of each request does not need.
pub fn write(level: Level, text: &str) {
    abi::log(number(level), &log_line(text));
}

/// Whether Envoy prints lines of the info level.
pub fn prints_info() -> bool {
    abi::prints(number(Level::Info))
}

/// Begins to log. What is finer than information is left out.
pub fn start() {
    const CRITICAL: u32 = 5;
    if log::set_logger(&Lines).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        abi::log(CRITICAL, &log_line(&format!("panicked at {place}")));
    }));
}
