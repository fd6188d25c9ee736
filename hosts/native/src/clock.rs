//! The timer. Envoy has none for HTTP filters, so that a thread of the module keeps the time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// The time of the timer, which never goes back.
// A host is where time comes from.
#[allow(clippy::disallowed_methods)]
pub fn instant() -> Instant {
    Instant::now()
}

/// The next time at which somebody wants to be called.
#[derive(Default)]
pub struct Clock {
    next: Mutex<Next>,
    changed: Condvar,
}

#[derive(Default)]
struct Next {
    at: Option<Instant>,
    is_over: bool,
}

/// The thread. It ends when this is dropped, which waits for it, unless it is the thread itself that does.
pub struct Ticker {
    clock: Arc<Clock>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls at this time, or before.
    pub fn at(&self, time: Instant) {
        let mut next = self.next();
        if next.at.is_none_or(|at| time < at) {
            next.at = Some(time);
            self.changed.notify_one();
        }
    }

    /// Waits for the time. `false` if there is none any more.
    fn wait(&self) -> bool {
        let mut next = self.next();
        loop {
            let now = instant();
            next = match next.at {
                _ if next.is_over => return false,
                Some(at) if at <= now => {
                    next.at = None;
                    return true;
                }
                Some(at) => self.changed.wait_timeout(next, at - now).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(next).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Ticker {
    /// Starts the thread, which calls `due` at each time of the clock.
    pub fn start(clock: Arc<Clock>, due: impl Fn() + Send + 'static) -> Option<Self> {
        let own = clock.clone();
        let run = move || {
            while own.wait() {
                // The time goes on whatever happened.
                let _ = catch_unwind(AssertUnwindSafe(&due));
            }
        };
        let thread = Builder::new().name("toolgate".to_owned()).spawn(run).ok()?;
        Some(Self { clock, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.clock.next().is_over = true;
        self.clock.changed.notify_one();
        // Envoy keeps a configuration while somebody calls the main thread for it, and so may end it on this very thread.
        let others = self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id());
        if others.is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread of the timer panicked");
        }
    }
}
