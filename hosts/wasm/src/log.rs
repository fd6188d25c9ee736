//! The only way to the host's log. It takes the lines of all `log` macros, those of dependencies included, and the
//! messages of panics.

use std::borrow::Cow;

use log::{LevelFilter, Log, Metadata, Record};

use crate::host::{self, LogLevel};
use toolgate::audit::log_line;

struct Lines;

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let level = match record.level() {
            log::Level::Error => LogLevel::Error,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Info => LogLevel::Info,
            log::Level::Debug | log::Level::Trace => LogLevel::Debug,
        };
        let text = record.args().as_str().map_or_else(|| Cow::Owned(record.args().to_string()), Cow::Borrowed);
        host::log(level, &log_line(&text));
    }

    fn flush(&self) {}
}

/// Starts to log, at the info level and above.
pub fn start() {
    if log::set_logger(&Lines).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
    std::panic::set_hook(Box::new(|panic| host::log(LogLevel::Critical, &log_line(&panic.to_string()))));
}
