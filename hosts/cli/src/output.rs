//! The output of commands, and the reading of files.

use std::path::Path;

use toolgate::time::UnixTime;
pub use toolgate_report::output::{
    Trouble, bad, columns, counted, doubtful, faint, good, heading, markup, printable, token, visible,
};

/// The output of a command.
#[derive(Debug, Default)]
pub struct Report {
    /// For standard output. May contain ANSI colours, which are removed if they cannot be shown.
    pub text: String,
    /// For standard error.
    pub notes: String,
    /// Whether the result is positive.
    pub is_well: bool,
}

impl Report {
    /// A positive result.
    pub fn well(text: String) -> Self {
        Self { text, notes: String::new(), is_well: true }
    }
}

/// Reads a file, or standard input for `-`.
pub fn read(path: &Path) -> Result<Vec<u8>, Trouble> {
    let read = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| Trouble(format!("{}: {error}", path.display())))
}

/// Like [`read`], for text.
pub fn read_text(path: &Path) -> Result<String, Trouble> {
    String::from_utf8(read(path)?).map_err(|_| Trouble(format!("{}: not UTF-8", path.display())))
}

/// Reads a token from a file, or from standard input for `-`.
pub fn read_token(path: &Path) -> Result<String, Trouble> {
    let text = read_text(path)?;
    token(&text).map(str::to_owned).ok_or_else(|| Trouble(format!("{}: holds no token", path.display())))
}

/// A time in RFC 3339 or seconds since 1970. `None` is the current time.
#[allow(clippy::disallowed_methods)] // the command line is where the clock is read
pub fn moment(at: Option<&str>) -> Result<UnixTime, Trouble> {
    if let Some(at) = at {
        return toolgate_report::output::moment(at);
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(UnixTime::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)))
}
