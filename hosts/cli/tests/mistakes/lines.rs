//! The places where people look, and the first line of each.

use std::collections::BTreeMap;
use std::ops::Index;

/// Where people look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Client,
    Log,
    Audit,
    Check,
    Explain,
    Doctor,
}

impl Place {
    pub const ALL: [Self; 6] = [Self::Client, Self::Log, Self::Audit, Self::Check, Self::Explain, Self::Doctor];

    /// The name in the documentation.
    pub fn title(self) -> &'static str {
        match self {
            Self::Client => "the client gets",
            Self::Log => "Envoy's log",
            Self::Audit => "audit line",
            Self::Check => "`check`",
            Self::Explain => "`explain`",
            Self::Doctor => "`doctor`",
        }
    }
}

/// The first line of each place. Empty: it says nothing.
#[derive(Clone, Debug, Default)]
pub struct Lines(BTreeMap<Place, String>);

impl Lines {
    pub fn set(&mut self, place: Place, line: impl Into<String>) {
        self.0.insert(place, line.into());
    }

    /// With each of these texts in the place of another one, and times that are always the same.
    pub fn replaced(mut self, texts: &[(String, String)]) -> Self {
        for line in self.0.values_mut() {
            for (from, to) in texts {
                *line = line.replace(from, to);
            }
            *line = steady(line);
        }
        self
    }
}

impl Index<&Place> for Lines {
    type Output = String;

    fn index(&self, place: &Place) -> &String {
        const EMPTY: &String = &String::new();
        self.0.get(place).unwrap_or(EMPTY)
    }
}

/// The text with times and ages that no run changes.
fn steady(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let age = age(&words[at..]);
        let open = word.trim_end_matches(|c: char| c.is_ascii_digit());
        match age {
            // How long ago depends on how long Envoy took to start.
            1 => out.push(format!("{open}2 s")),
            2.. => out.push(format!("{open}2 h 0 min")),
            0 if is_time(word) => out.push(word.replace(word.trim_matches(punctuation), "2027-01-15T08:00:00Z")),
            0 => out.push((*word).to_owned()),
        }
        at += if age == 0 { 1 } else { 2 * age };
    }
    out.join(" ")
}

/// How many numbers with their units an age has that begins here: `9 min 58 s ago` has two.
fn age(words: &[&str]) -> usize {
    let units = words.chunks(2).take_while(|pair| {
        let is_number = pair[0].trim_start_matches('(').parse::<u32>().is_ok();
        is_number && pair.get(1).is_some_and(|unit| ["s", "min", "h", "d"].contains(unit))
    });
    let count = units.count();
    let next = words.get(2 * count).unwrap_or(&"");
    if ["ago", "from", "ahead"].iter().any(|own| next.starts_with(own)) { count } else { 0 }
}

fn punctuation(c: char) -> bool {
    !c.is_ascii_alphanumeric()
}

fn is_time(word: &str) -> bool {
    let word = word.trim_matches(punctuation);
    word.len() >= 20 && word.as_bytes()[4] == b'-' && word.as_bytes()[10] == b'T' && word.ends_with('Z')
}

#[test]
fn times_are_always_the_same() {
    for (text, shown) in [
        ("exp: 2026-11-29T21:39:14Z (60 min 1 s ago)", "exp: 2027-01-15T08:00:00Z (2 h 0 min ago)"),
        ("it expired 1 h 59 min ago: get", "it expired 2 h 0 min ago: get"),
        ("(fetched 41 s ago, 3 keys)", "(fetched 2 s ago, 3 keys)"),
        ("the leeway is 30 s. 3 keys", "the leeway is 30 s. 3 keys"),
        ("within 20 s", "within 20 s"),
    ] {
        assert_eq!(steady(text), shown);
    }
}
