//! Limits on lines about outages and their ends.

use super::per_minute::PerMinute;
use crate::time::UnixTime;

/// The maximum number of lines per worker, minute and endpoint. An endpoint that flaps changes with each response, and
/// this many lines show it.
const CHANGES: u32 = 6;

/// The lines about outages and their ends, by what fails: an endpoint that flaps hides no outage of another.
#[derive(Debug, Default)]
pub struct Outages(Vec<Changes>);

#[derive(Debug, Default)]
struct Changes {
    /// The failing endpoint. The configuration bounds how many there are.
    what: String,
    limit: PerMinute<CHANGES>,
    /// The latest line beyond the limit. Without it, the last line about an endpoint could tell the opposite of its
    /// state.
    held: Option<Line>,
}

/// The name of an event, and its line.
pub type Line = (&'static str, String);

impl Outages {
    /// The lines about `what` that may be written at `now`: one that was held, and `line`. Beyond the limit, `line` is
    /// held, and replaces an older one.
    pub fn take(&mut self, what: &str, line: Line, now: UnixTime) -> Vec<Line> {
        let place = self.0.iter().position(|own| own.what == what).unwrap_or_else(|| {
            self.0.push(Changes { what: what.to_owned(), ..Changes::default() });
            self.0.len() - 1
        });
        let Some(own) = self.0.get_mut(place) else { return vec![line] };
        let before = own.due(now);
        own.held = Some(line);
        before.into_iter().chain(own.due(now)).collect()
    }

    /// Drops the line about `what` that is held, if it is one of an event that is `wrong`: another worker has told a
    /// later change.
    pub fn forget(&mut self, what: &str, wrong: &dyn Fn(&str) -> bool) {
        for own in self.0.iter_mut().filter(|own| own.what == what) {
            own.held.take_if(|(event, _)| wrong(event));
        }
    }

    /// The held lines that may be written at `now`.
    pub fn due(&mut self, now: UnixTime) -> Vec<Line> {
        self.0.iter_mut().filter_map(|own| own.due(now)).collect()
    }

    /// All held lines, because the instance ends.
    pub fn rest(&mut self) -> Vec<Line> {
        self.0.iter_mut().filter_map(|own| own.held.take()).collect()
    }

    /// Whether a line is held.
    pub fn holds_any(&self) -> bool {
        self.0.iter().any(|own| own.held.is_some())
    }
}

impl Changes {
    fn due(&mut self, now: UnixTime) -> Option<Line> {
        if self.held.is_some() && self.limit.take(now) { self.held.take() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [Line; 0] = [];

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_millis(1_800_000_000_000 + seconds * 1000)
    }

    fn change(n: u64) -> Line {
        (if n.is_multiple_of(2) { "outage" } else { "recovered" }, n.to_string())
    }

    /// Ten changes, one per second.
    fn flapping() -> (Outages, Vec<Line>) {
        let mut outages = Outages::default();
        let written = (0..10).flat_map(|n| outages.take("keys", change(n), at(n))).collect();
        (outages, written)
    }

    #[test]
    fn an_endpoint_that_flaps_hides_no_other_and_its_last_change_is_written_after_the_minute() {
        let (mut outages, written) = flapping();
        assert_eq!(written, (0..6).map(change).collect::<Vec<_>>());
        assert_eq!(outages.take("introspection", change(0), at(10)), [change(0)], "another endpoint");
        assert_eq!(outages.due(at(59)), NONE);
        assert_eq!(outages.due(at(60)), [change(9)]);
        assert_eq!(outages.due(at(120)), NONE, "it is written once");
        let written = (0..10).flat_map(|n| outages.take("keys", change(n), at(200))).count();
        assert_eq!(written, 6, "the next minute");
    }

    #[test]
    fn a_change_after_the_minute_is_written_behind_the_one_that_was_held() {
        let (mut outages, _) = flapping();
        assert_eq!(outages.take("keys", change(10), at(61)), [change(9), change(10)]);
        assert!(!outages.holds_any());
    }

    #[test]
    fn a_held_line_that_became_wrong_is_not_written() {
        for (what, wrong, is_kept) in
            [("keys", "recovered", false), ("keys", "outage", true), ("introspection", "recovered", true)]
        {
            let (mut outages, _) = flapping();
            outages.forget(what, &|event| event == wrong);
            assert_eq!(outages.holds_any(), is_kept, "{what}, {wrong}");
            assert_eq!(outages.due(at(60)).len(), usize::from(is_kept), "{what}, {wrong}");
        }
    }

    #[test]
    fn the_rest_is_written_once_when_the_instance_ends() {
        let (mut outages, _) = flapping();
        assert_eq!(outages.rest(), [change(9)]);
        assert_eq!((outages.rest(), outages.due(at(60))), (vec![], vec![]));
    }
}
