//! The only way to the host's log. It takes the lines of all `log` macros, those of dependencies included, and the
//! messages of panics.

use std::borrow::Cow;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::host::{self, LogLevel};
use toolgate::audit::log_line;

struct Lines;

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
    let level = match level {
        Level::Error => LogLevel::Error,
        Level::Warn => LogLevel::Warn,
        Level::Info => LogLevel::Info,
        Level::Debug | Level::Trace => LogLevel::Debug,
    };
    host::log(level, &log_line(text));
}

/// Starts to log, at the info level and above.
pub fn start() {
    if log::set_logger(&Lines).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
    std::panic::set_hook(Box::new(|panic| host::log(LogLevel::Critical, &log_line(&panic.to_string()))));
}
