//! How servers find the session id in the query of a request. Each reader is a model of what some framework does.
//!
//! The fuzz target for sessions includes this file as well.

/// A way to read a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionReader {
    /// Names as they are: Go, Node.js, Python.
    Plain,
    /// The same, with `;` as a separator too: Python before 3.10, Go before 1.17, many in Java and Perl.
    Semicolons,
    /// Names in any case: ASP.NET.
    AnyCase,
    /// Names up to a bracket: `qs` of Express, Rack.
    Brackets,
    /// Names as PHP makes variables of them.
    Php,
    /// Names without underscores, in any case: relaxed binding.
    Relaxed,
}

impl SessionReader {
    pub const ALL: [Self; 6] = [Self::Plain, Self::Semicolons, Self::AnyCase, Self::Brackets, Self::Php, Self::Relaxed];

    /// All values that it may take for the session id of a request to this target.
    pub fn read(self, target: &str) -> Vec<String> {
        let query = target.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let separators: &[char] = if self == Self::Semicolons { &['&', ';'] } else { &['&'] };
        let pairs = query.split(separators).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(|(name, _)| self.is_session(&decode(name))).map(|(_, value)| decode(value)).collect()
    }

    fn is_session(self, name: &str) -> bool {
        let is_plain = |name: &str| matches!(name, "sessionId" | "session_id");
        match self {
            Self::Plain | Self::Semicolons => is_plain(name),
            Self::AnyCase => matches!(&*name.to_uppercase(), "SESSIONID" | "SESSION_ID"),
            Self::Brackets => is_plain(name.split('[').next().unwrap_or_default()),
            Self::Php => is_plain(&variable(name)),
            Self::Relaxed => name.replace('_', "").eq_ignore_ascii_case("sessionid"),
        }
    }
}

/// The variable that PHP makes of a name.
fn variable(name: &str) -> String {
    let name = name.trim_start_matches(' ').split('\0').next().unwrap_or_default();
    let (base, index) = name.split_once('[').map_or((name, None), |(base, index)| (base, Some(index)));
    let written = match index {
        // A bracket that is never closed is part of the name.
        Some(index) if !index.contains(']') => format!("{base}_{index}"),
        _ => base.to_owned(),
    };
    written.replace([' ', '.'], "_")
}

/// Decodes a form's escapes once.
fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(0).zip(digit(1))) {
            (b'%', Some((high, low))) => {
                out.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&out).into_owned()
}
