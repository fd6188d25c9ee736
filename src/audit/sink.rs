//! The queue of audit lines that are posted to an endpoint in addition to the log. It is bounded: if the endpoint is
//! down, memory stays limited, lines are dropped, and no request is delayed.
//!
//! Anyone can cause a line, even without a token. Lines of unauthenticated requests have their own share of the queue,
//! so that a flood of refusals does not displace lines of verified callers.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::UnixTime;

/// The maximum number of queued lines.
const MAX_WAITING: usize = 4096;
/// The maximum number of queued lines of unauthenticated requests.
const MAX_STRANGERS: usize = 1024;
/// The maximum size of the queue in bytes. A line has some hundred bytes, but with thousands of scopes ten thousand.
const MAX_BYTES: usize = 8 << 20;
/// The maximum number of lines per call.
const MAX_BATCH: usize = 256;
/// The maximum number of concurrent calls. With one call, a slow endpoint would limit delivery to one batch per
/// response.
const MAX_POSTS: usize = 4;
/// The first pause after a failure. It doubles up to the longest pause.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);
/// A call is lost if its response has not arrived this long after its timeout.
const GRACE: Duration = Duration::from_secs(2);

/// Who caused a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A caller whose token was verified.
    Caller,
    /// Anyone else.
    Stranger,
}

#[derive(Debug)]
struct Line {
    cause: Cause,
    /// The number of the line in order of arrival.
    number: u64,
    text: String,
}

/// A call under way.
#[derive(Debug)]
struct Post {
    id: u64,
    lines: Vec<Line>,
    since: UnixTime,
    /// The failure count when the call was sent, so that calls that fail together count once.
    failures: u32,
}

/// Lines to be delivered to an endpoint.
#[derive(Debug)]
pub struct Sink {
    timeout: Duration,
    callers: VecDeque<Line>,
    strangers: VecDeque<Line>,
    bytes: usize,
    /// One in this many lines of unauthenticated requests is kept, since their share was full.
    stride: u64,
    skipped: u64,
    next_number: u64,
    next_post: u64,
    posts: Vec<Post>,
    failed_at: Option<UnixTime>,
    failures: u32,
}

/// The fate of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Delivered lines.
    pub delivered: u64,
    /// Dropped lines of verified callers.
    pub dropped: u64,
    /// Dropped lines of unauthenticated requests.
    pub sampled_out: u64,
}

impl Outcome {
    fn lose(&mut self, line: &Line) {
        match line.cause {
            Cause::Caller => self.dropped += 1,
            Cause::Stranger => self.sampled_out += 1,
        }
    }
}

impl Sink {
    /// An empty queue. `timeout` limits one call.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            callers: VecDeque::new(),
            strangers: VecDeque::new(),
            bytes: 0,
            stride: 1,
            skipped: 0,
            next_number: 0,
            next_post: 0,
            posts: Vec::new(),
            failed_at: None,
            failures: 0,
        }
    }

    /// Queues a line, which must be one JSON object. Queued lines of verified callers are never displaced. Lines of
    /// unauthenticated requests give way to them, and are sampled evenly.
    pub fn push(&mut self, text: &str, cause: Cause) -> Outcome {
        let line = Line { cause, number: self.next_number, text: text.to_owned() };
        self.next_number += 1;
        let mut lost = Outcome::default();
        if cause == Cause::Stranger {
            self.skipped += 1;
            if self.skipped < self.stride {
                lost.lose(&line);
                return lost;
            }
            self.skipped = 0;
            if self.strangers.len() >= MAX_STRANGERS {
                self.thin_out(&mut lost);
            }
        }
        self.bytes += line.text.len();
        self.queue(cause).push_back(line);
        self.shrink(&mut lost);
        lost
    }

    fn queue(&mut self, cause: Cause) -> &mut VecDeque<Line> {
        match cause {
            Cause::Caller => &mut self.callers,
            Cause::Stranger => &mut self.strangers,
        }
    }

    /// Drops every other line of unauthenticated requests, and halves the rate for new ones.
    fn thin_out(&mut self, lost: &mut Outcome) {
        self.stride = self.stride.saturating_mul(2);
        let (mut keep, bytes) = (false, &mut self.bytes);
        self.strangers.retain(|line| {
            keep = !keep;
            if !keep {
                *bytes -= line.text.len();
                lost.lose(line);
            }
            keep
        });
    }

    /// Drops the newest lines until all limits hold, first those of unauthenticated requests.
    fn shrink(&mut self, lost: &mut Outcome) {
        loop {
            let is_over = self.callers.len() + self.strangers.len() > MAX_WAITING || self.bytes > MAX_BYTES;
            let line = if is_over || self.strangers.len() > MAX_STRANGERS { self.strangers.pop_back() } else { None };
            let line = if is_over { line.or_else(|| self.callers.pop_back()) } else { line };
            let Some(line) = line else { break };
            self.bytes -= line.text.len();
            lost.lose(&line);
        }
    }

    /// The next call to send: its number, and its body with one line per record. It counts as sent. While the endpoint
    /// fails, only one call is under way at a time.
    pub fn due(&mut self, now: UnixTime) -> Option<(u64, String)> {
        let pause = FIRST_BACK_OFF.saturating_mul(1 << self.failures.saturating_sub(1).min(16)).min(LONGEST_BACK_OFF);
        let backs_off = self.failed_at.is_some_and(|at| now.within(pause, at));
        let most = if self.failures > 0 { 1 } else { MAX_POSTS };
        if backs_off || self.posts.len() >= most {
            return None;
        }
        let lines = self.take_batch();
        if lines.is_empty() {
            return None;
        }
        let body = lines.iter().fold(String::new(), |body, line| body + &line.text + "\n");
        let id = self.next_post;
        self.next_post += 1;
        self.posts.push(Post { id, lines, since: now, failures: self.failures });
        Some((id, body))
    }

    /// The next lines, in order of arrival. If there are too many, at most a quarter are of unauthenticated requests.
    fn take_batch(&mut self) -> Vec<Line> {
        let of_strangers = self.strangers.len().min(MAX_BATCH.saturating_sub(self.callers.len()).max(MAX_BATCH / 4));
        let of_callers = self.callers.len().min(MAX_BATCH - of_strangers);
        let mut callers = self.callers.drain(..of_callers).peekable();
        let mut strangers = self.strangers.drain(..of_strangers).peekable();
        let mut lines = Vec::with_capacity(of_callers + of_strangers);
        loop {
            let is_caller = match (callers.peek(), strangers.peek()) {
                (Some(caller), Some(stranger)) => caller.number < stranger.number,
                (caller, _) => caller.is_some(),
            };
            match if is_caller { callers.next() } else { strangers.next() } {
                Some(line) => lines.push(line),
                None => break,
            }
        }
        drop((callers, strangers));
        self.bytes -= lines.iter().map(|line| line.text.len()).sum::<usize>();
        if self.strangers.is_empty() {
            self.stride = 1;
        }
        lines
    }

    /// Ends the call with this number. Lines that were not delivered are queued again, within the limits.
    pub fn ended(&mut self, id: u64, arrived: bool, now: UnixTime) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(place) = self.posts.iter().position(|post| post.id == id) else { return outcome };
        let post = self.posts.swap_remove(place);
        if arrived {
            (self.failures, self.failed_at) = (0, None);
            outcome.delivered = post.lines.len() as u64;
            return outcome;
        }
        if post.failures == self.failures {
            (self.failures, self.failed_at) = (self.failures.saturating_add(1), Some(now));
        }
        for line in post.lines.into_iter().rev() {
            self.bytes += line.text.len();
            self.queue(line.cause).push_front(line);
        }
        self.shrink(&mut outcome);
        outcome
    }

    /// Whether the last call failed.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// A call whose response is overdue.
    pub fn overdue(&self, now: UnixTime) -> Option<u64> {
        let is_overdue = |post: &&Post| !now.within(self.timeout + GRACE, post.since);
        self.posts.iter().find(is_overdue).map(|post| post.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_millis(1_000_000 + seconds * 1000)
    }

    /// A queue with this many lines of verified callers.
    fn sink(lines: usize) -> Sink {
        let mut sink = Sink::new(Duration::from_secs(5));
        for n in 0..lines {
            sink.push(&n.to_string(), Cause::Caller);
        }
        sink
    }

    fn dropped(dropped: usize) -> Outcome {
        Outcome { dropped: dropped as u64, ..Outcome::default() }
    }

    /// The body of the next call.
    fn body(sink: &mut Sink, now: u64) -> Option<String> {
        sink.due(at(now)).map(|(_, body)| body)
    }

    #[test]
    fn lines_go_in_their_order_several_calls_at_a_time() {
        let mut sink = sink(MAX_BATCH * MAX_POSTS + 1);
        let calls: Vec<_> = std::iter::from_fn(|| sink.due(at(0))).collect();
        assert_eq!(calls.len(), MAX_POSTS);
        for (n, (_, body)) in calls.iter().enumerate() {
            assert!(body.starts_with(&format!("{}\n{}\n", n * MAX_BATCH, n * MAX_BATCH + 1)), "{body}");
            assert_eq!(body.lines().count(), MAX_BATCH);
        }
        let delivered = Outcome { delivered: MAX_BATCH as u64, ..Outcome::default() };
        assert_eq!(sink.ended(calls[2].0, true, at(1)), delivered);
        assert_eq!(sink.ended(calls[2].0, true, at(1)), Outcome::default(), "a call ends once");
        assert_eq!(body(&mut sink, 1), Some(format!("{}\n", MAX_BATCH * MAX_POSTS)));
        sink.ended(calls[0].0, true, at(1));
        assert_eq!(sink.due(at(1)), None, "nothing waits");
    }

    #[test]
    fn what_did_not_arrive_is_sent_again_with_back_off() {
        let mut sink = sink(2);
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            let (call, body) = sink.due(at(now)).unwrap();
            assert_eq!(body, "0\n1\n", "at {now}");
            assert_eq!(sink.ended(call, false, at(now)), Outcome::default());
            assert_eq!(sink.due(at(now + pause - 1)), None, "at {now}");
            now += pause;
        }
        let (call, _) = sink.due(at(now)).unwrap();
        sink.ended(call, true, at(now));
        sink.push("new", Cause::Caller);
        assert!(sink.due(at(now)).is_some(), "it healed");
    }

    #[test]
    fn calls_that_fail_together_count_once_and_then_there_is_one_at_a_time() {
        let mut sink = sink(MAX_BATCH * MAX_POSTS);
        let calls: Vec<_> = std::iter::from_fn(|| sink.due(at(0))).map(|(call, _)| call).collect();
        for call in calls.iter().rev() {
            sink.ended(*call, false, at(0));
        }
        let (call, body) = sink.due(at(1)).expect("the first pause is over");
        assert!(body.starts_with("0\n1\n"), "in the old order: {body}");
        assert_eq!(sink.due(at(1)), None);
        sink.ended(call, true, at(2));
        assert_eq!(std::iter::from_fn(|| sink.due(at(2))).count(), MAX_POSTS - 1, "it healed");
    }

    #[test]
    fn an_endpoint_that_is_down_costs_lines_and_no_memory_beyond_the_limit() {
        let mut sink = sink(MAX_WAITING);
        assert_eq!(sink.push("too many", Cause::Caller), dropped(1));
        let (call, _) = sink.due(at(0)).unwrap();
        for n in 0..MAX_BATCH - 6 {
            assert_eq!(sink.push(&n.to_string(), Cause::Caller), Outcome::default(), "there is room while a call runs");
        }
        assert_eq!(sink.ended(call, false, at(1)), dropped(MAX_BATCH - 6));
        assert_eq!(sink.callers.len(), MAX_WAITING);
        assert!(body(&mut sink, 10).unwrap().starts_with("0\n1\n"), "the oldest are kept");
    }

    #[test]
    fn long_lines_are_bounded_by_their_bytes() {
        let mut sink = sink(0);
        let line = "x".repeat(MAX_BYTES / 10);
        let lost: u64 = (0..20).map(|_| sink.push(&line, Cause::Caller).dropped).sum();
        assert_eq!((sink.callers.len(), lost), (10, 10));
        while sink.due(at(0)).is_some() {}
        assert_eq!(sink.bytes, 0);
    }

    #[test]
    fn no_flood_of_strangers_takes_the_place_of_what_callers_did() {
        const FLOOD: u64 = 100_000;
        let mut sink = sink(0);
        let mut lost = 0;
        for n in 0..FLOOD {
            lost += sink.push(&format!("s{n}"), Cause::Stranger).sampled_out;
        }
        let kept: Vec<u64> = sink.strangers.iter().map(|line| line.number).collect();
        assert!((MAX_STRANGERS / 2..=MAX_STRANGERS).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.len() as u64 + lost, FLOOD, "every line is counted");
        let gap = kept.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gap.clone().max() <= gap.min().map(|gap| gap * 2), "an even sample: {kept:?}");
        let lost = (0..MAX_WAITING).map(|n| sink.push(&format!("c{n}"), Cause::Caller));
        assert!(lost.into_iter().all(|lost| lost.dropped == 0), "all lines of callers are kept");
        assert_eq!((sink.callers.len(), sink.strangers.len()), (MAX_WAITING, 0));
        assert_eq!(sink.push("c", Cause::Caller), dropped(1));
        assert_eq!(sink.push("s", Cause::Stranger).dropped, 0);
    }

    #[test]
    fn a_call_holds_lines_of_both_in_the_order_in_which_they_came() {
        let mut sink = sink(0);
        for n in 0..MAX_BATCH {
            sink.push(&format!("s{n}"), Cause::Stranger);
            sink.push(&format!("c{n}"), Cause::Caller);
        }
        let first = body(&mut sink, 0).unwrap();
        assert!(first.starts_with("s0\nc0\ns1\nc1\n"), "{first}");
        assert_eq!(first.lines().filter(|line| line.starts_with('s')).count(), MAX_BATCH / 4);
        assert_eq!(first.lines().count(), MAX_BATCH);
        let bodies: String = std::iter::from_fn(|| body(&mut sink, 0)).collect();
        assert_eq!(bodies.lines().count(), MAX_BATCH);
    }

    #[test]
    fn a_call_whose_answer_never_comes_is_given_up() {
        let mut sink = sink(1);
        assert_eq!(sink.overdue(at(0)), None);
        let (call, _) = sink.due(at(0)).unwrap();
        assert_eq!((sink.overdue(at(6)), sink.overdue(at(7))), (None, Some(call)));
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nothing_up() {
        let mut sink = sink(1);
        let (call, _) = sink.due(at(100)).unwrap();
        sink.ended(call, false, at(100));
        assert!(sink.due(at(50)).is_some());
        assert!(sink.overdue(at(40)).is_some());
    }
}
