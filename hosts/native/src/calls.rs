//! The calls under way. The main thread sends them, and hears their answers.
//!
//! Envoy ends a configuration with whatever holds it last, which may be a stream on a thread of a worker, if the
//! configuration came by extension discovery. It would then cancel the calls from that thread, while the main thread uses
//! them. So the end of a configuration waits there until none is under way and the main thread has left the module.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::outbox::Ticket;

/// How long a worker stands still at most for the end of calls. An answer usually comes well within it, and clients
/// hardly notice it.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

pub struct Calls {
    main: ThreadId,
    desk: Mutex<Desk>,
    changed: Condvar,
}

#[derive(Default)]
struct Desk {
    /// By Envoy's names of the calls.
    under_way: HashMap<u64, Ticket>,
    is_main_in: bool,
    /// The configuration ends: nothing is sent any more, and no answer is used.
    is_closed: bool,
}

/// The main thread is in the module until this is dropped.
pub struct Visit<'c>(&'c Calls);

impl Calls {
    /// Made on the main thread.
    pub fn new() -> Self {
        Self { main: thread::current().id(), desk: Mutex::default(), changed: Condvar::new() }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The main thread comes. Nothing if the configuration ends.
    pub fn visit(&self) -> Option<Visit<'_>> {
        self.enter(&mut self.desk())
    }

    /// The main thread comes with the answer to a call. Nothing if nobody waits for it.
    pub fn visit_with_answer(&self, name: u64) -> Option<(Visit<'_>, Ticket)> {
        let mut desk = self.desk();
        let ticket = desk.under_way.remove(&name)?;
        self.changed.notify_all();
        Some((self.enter(&mut desk)?, ticket))
    }

    fn enter(&self, desk: &mut Desk) -> Option<Visit<'_>> {
        if desk.is_closed {
            return None;
        }
        desk.is_main_in = true;
        Some(Visit(self))
    }

    /// A call is under way.
    pub fn add(&self, name: u64, ticket: Ticket) {
        self.desk().under_way.insert(name, ticket);
    }

    /// The configuration ends.
    pub fn close(&self) {
        let mut desk = self.desk();
        desk.is_closed = true;
        // Envoy may cancel calls on the main thread.
        if thread::current().id() != self.main {
            let is_busy = |desk: &mut Desk| desk.is_main_in || !desk.under_way.is_empty();
            let _ = self.changed.wait_timeout_while(desk, LAST_ANSWERS, is_busy);
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.0.desk().is_main_in = false;
        self.0.changed.notify_all();
    }
}
