//! Header fields as the host hands them over: names in lower case, values as bytes, each entry apart.

/// The header fields of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    entries: Vec<(String, Vec<u8>)>,
}

/// How often a field is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Single<'a> {
    /// More than once.
    Many,
    /// Not at all.
    None,
    /// Once.
    One(&'a [u8]),
}

impl Headers {
    /// The fields `entries`; names are compared in lower case.
    pub fn new(mut entries: Vec<(String, Vec<u8>)>) -> Self {
        entries.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        Self { entries }
    }

    /// Every value of `name`.
    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.entries.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// The one value of `name`, if it is one.
    pub fn single<'h>(&'h self, name: &'h str) -> Single<'h> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (None, _) => Single::None,
            (Some(value), None) => Single::One(value),
            (Some(_), Some(_)) => Single::Many,
        }
    }

    /// The first value of `name`, if it is text.
    pub fn text<'h>(&'h self, name: &'h str) -> Option<&'h str> {
        self.all(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Whether `name` is there.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Every name, as often as it is there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }
}
