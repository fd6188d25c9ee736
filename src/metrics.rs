//! Counters, collected until the host takes them, so that no request waits for them.
//!
//! A counter is named `toolgate.<thing>.<outcome>`. Both are constants in the code, never taken from a request, so the
//! number of counters is bounded.

/// Counts since the last call of `take`.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Vec<(&'static str, &'static str, u64)>,
}

impl Metrics {
    /// Increments the counter of `thing` with this outcome.
    pub fn count(&mut self, thing: &'static str, outcome: &'static str) {
        self.add(thing, outcome, 1);
    }

    /// Adds `more` to the counter of `thing` with this outcome.
    pub fn add(&mut self, thing: &'static str, outcome: &'static str, more: u64) {
        match self.counts.iter_mut().find(|(own, its, _)| *own == thing && *its == outcome) {
            Some((.., count)) => *count += more,
            None if more > 0 => self.counts.push((thing, outcome, more)),
            None => {}
        }
    }

    /// Takes the counts since the last call.
    pub fn take(&mut self) -> Vec<(&'static str, &'static str, u64)> {
        std::mem::take(&mut self.counts)
    }
}

/// The name of a counter.
pub fn counter(thing: &str, outcome: &str) -> String {
    format!("toolgate.{thing}.{outcome}")
}

/// The name of the gauge for the age of a key set, in seconds. Special characters in the issuer's name become `_`,
/// because a dot would split the name.
pub fn key_set_age(issuer: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let scheme = |rest: &str| issuer.strip_prefix(rest).map(str::to_owned);
    let name = scheme("https://").or_else(|| scheme("http://")).unwrap_or_else(|| issuer.to_owned());
    format!("toolgate.key_set_age.{}", name.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_taken_once() {
        let mut metrics = Metrics::default();
        for _ in 0..3 {
            metrics.count("decisions", "allowed");
        }
        metrics.count("decisions", "unlisted");
        metrics.add("cache", "hit", 0);
        assert_eq!(metrics.take(), [("decisions", "allowed", 3), ("decisions", "unlisted", 1)]);
        assert_eq!(metrics.take(), []);
    }

    #[test]
    fn names_have_the_dots_that_divide_them_and_no_others() {
        assert_eq!(counter("jwks", "failure"), "toolgate.jwks.failure");
        assert_eq!(key_set_age("main"), "toolgate.key_set_age.main");
        assert_eq!(key_set_age("https://auth.example.com/t-1"), "toolgate.key_set_age.auth_example_com_t_1");
    }
}
