//! A lock for values that several threads use in turn.

use std::sync::{Mutex, PoisonError};

/// A value that one thread at a time uses. The value itself may be made for one thread: it may hold an `Rc`.
pub struct Locked<T>(Mutex<Confined<T>>);

struct Confined<T>(T);

// SAFETY: a `T` is reached by `Locked::with` only, under its lock, and so is everything that it shares with itself, such
// as the two owners of an `Rc`. Nothing of it remains with a thread after that: results are `Send`, and nothing in the
// module keeps its values in thread-local storage. So the threads use it one after the other, and the lock orders them.
unsafe impl<T> Send for Confined<T> {}

impl<T> Locked<T> {
    /// Locks `value` away. The caller keeps no part of it.
    pub fn new(value: T) -> Self {
        Self(Mutex::new(Confined(value)))
    }

    /// Uses the value. Only what any thread may have comes out. A panic in here before is no obstacle: whoever caught it
    /// has seen to the value.
    pub fn with<R: Send>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).0)
    }
}
