//! The queue of audit lines that are posted to an endpoint besides the log: bounded, so that an endpoint that is down
//! costs memory up to a limit, lines beyond it, and no request anything.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::UnixTime;

/// As many lines wait: some megabytes in the worst case.
const MAX_WAITING: usize = 4096;
/// As many lines are sent at once.
const MAX_BATCH: usize = 256;
/// The first pause after a failure; it doubles up to the longest.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);
/// A call whose answer is this much later than its timeout will have none.
const GRACE: Duration = Duration::from_secs(2);

/// Lines on their way to an endpoint.
#[derive(Debug)]
pub struct Sink {
    timeout: Duration,
    waiting: VecDeque<String>,
    sent: Vec<String>,
    since: Option<UnixTime>,
    failed_at: Option<UnixTime>,
    failures: u32,
}

/// What became of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Lines that arrived.
    pub delivered: u64,
    /// Lines that were given up.
    pub dropped: u64,
}

impl Sink {
    /// An empty queue; `timeout` is how long one call may take.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, waiting: VecDeque::new(), sent: Vec::new(), since: None, failed_at: None, failures: 0 }
    }

    /// Takes a line, which must be one JSON object. Says whether there was room: what waits already was there first.
    pub fn push(&mut self, line: &str) -> bool {
        let fits = self.waiting.len() < MAX_WAITING;
        if fits {
            self.waiting.push_back(line.to_owned());
        }
        fits
    }

    /// The body of a call that is to be sent now: a line for each record. It counts as sent.
    pub fn due(&mut self, now: UnixTime) -> Option<String> {
        let pause = FIRST_BACK_OFF.saturating_mul(1 << self.failures.saturating_sub(1).min(16)).min(LONGEST_BACK_OFF);
        let backs_off = self.failed_at.is_some_and(|at| now.within(pause, at));
        if self.since.is_some() || self.waiting.is_empty() || backs_off {
            return None;
        }
        self.sent = self.waiting.drain(..self.waiting.len().min(MAX_BATCH)).collect();
        self.since = Some(now);
        Some(self.sent.iter().fold(String::new(), |body, line| body + line + "\n"))
    }

    /// The call has ended. What did not arrive is sent again, as far as there is room.
    pub fn ended(&mut self, arrived: bool, now: UnixTime) -> Outcome {
        self.since = None;
        let lines = std::mem::take(&mut self.sent);
        let count = lines.len() as u64;
        if arrived {
            (self.failures, self.failed_at) = (0, None);
            return Outcome { delivered: count, dropped: 0 };
        }
        (self.failures, self.failed_at) = (self.failures.saturating_add(1), Some(now));
        let room = MAX_WAITING.saturating_sub(self.waiting.len());
        let again = lines.into_iter().take(room).rev();
        let kept = again.map(|line| self.waiting.push_front(line)).count() as u64;
        Outcome { delivered: 0, dropped: count - kept }
    }

    /// Whether a call runs whose answer will not come any more.
    pub fn is_overdue(&self, now: UnixTime) -> bool {
        self.since.is_some_and(|since| !now.within(self.timeout + GRACE, since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_millis(1_000_000 + seconds * 1000)
    }

    fn sink(lines: usize) -> Sink {
        let mut sink = Sink::new(Duration::from_secs(5));
        for n in 0..lines {
            sink.push(&n.to_string());
        }
        sink
    }

    #[test]
    fn lines_go_in_their_order_one_call_at_a_time() {
        let mut sink = sink(MAX_BATCH + 1);
        let first = sink.due(at(0)).unwrap();
        assert!(first.starts_with("0\n1\n") && first.lines().count() == MAX_BATCH);
        assert_eq!(sink.due(at(0)), None, "one call at a time");
        assert_eq!(sink.ended(true, at(1)), Outcome { delivered: MAX_BATCH as u64, dropped: 0 });
        assert_eq!(sink.due(at(1)), Some(format!("{MAX_BATCH}\n")));
        sink.ended(true, at(1));
        assert_eq!(sink.due(at(1)), None, "nothing waits");
    }

    #[test]
    fn what_did_not_arrive_is_sent_again_with_back_off() {
        let mut sink = sink(2);
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(sink.due(at(now)).as_deref(), Some("0\n1\n"), "at {now}");
            assert_eq!(sink.ended(false, at(now)), Outcome::default());
            assert_eq!(sink.due(at(now + pause - 1)), None, "at {now}");
            now += pause;
        }
        assert!(sink.due(at(now)).is_some());
        sink.ended(true, at(now));
        sink.push("new");
        assert!(sink.due(at(now)).is_some(), "it healed");
    }

    #[test]
    fn an_endpoint_that_is_down_costs_lines_and_no_memory_beyond_the_limit() {
        let mut sink = sink(MAX_WAITING);
        assert!(!sink.push("too many"));
        sink.due(at(0)).unwrap();
        for n in 0..MAX_BATCH - 6 {
            assert!(sink.push(&n.to_string()), "there is room while a call runs");
        }
        assert_eq!(sink.ended(false, at(1)), Outcome { delivered: 0, dropped: MAX_BATCH as u64 - 6 });
        assert_eq!(sink.waiting.len(), MAX_WAITING);
        assert!(sink.due(at(10)).unwrap().starts_with("0\n1\n"), "the oldest are kept");
    }

    #[test]
    fn a_call_whose_answer_never_comes_is_given_up() {
        let mut sink = sink(1);
        assert!(!sink.is_overdue(at(0)));
        sink.due(at(0));
        assert!(!sink.is_overdue(at(6)) && sink.is_overdue(at(7)));
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nothing_up() {
        let mut sink = sink(1);
        sink.due(at(100));
        sink.ended(false, at(100));
        assert!(sink.due(at(50)).is_some());
        assert!(sink.is_overdue(at(40)));
    }
}
