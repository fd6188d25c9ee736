//! The items that workers leave for the main thread: calls, which Envoy sends from there only, and metrics.

use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::abi::MainScheduler;
use crate::clock::Clock;
use toolgate::callout::Request;
use toolgate::gate::CallId;

/// A call of one of the workers.
pub struct Call {
    pub ticket: Ticket,
    pub request: Request,
}

/// The gate that a call's answer is for, and its name for the call.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    /// The number of the worker.
    pub worker: usize,
    /// The number of its gate. After a panic another gate takes its place, which begins to name its calls anew.
    pub gate: u32,
    pub call: CallId,
}

/// A change of a metric.
pub enum Measure {
    Count(&'static str, &'static str, u64),
    Gauge(String, u64),
}

impl Measure {
    /// Adds another change of the same metric. `false` if it is of another one.
    fn merge(&mut self, other: &Self) -> bool {
        match (self, other) {
            (Self::Count(thing, outcome, sum), Self::Count(other, its, more)) if thing == other && outcome == its => {
                *sum = sum.saturating_add(*more);
                true
            }
            (Self::Gauge(name, value), Self::Gauge(other, newer)) if name == other => {
                *value = *newer;
                true
            }
            _ => false,
        }
    }
}

#[derive(Default)]
struct Items {
    calls: Vec<Call>,
    measures: Vec<Measure>,
}

/// The items that wait for the main thread.
pub struct Outbox {
    /// The timer of all workers.
    pub clock: Arc<Clock>,
    scheduler: MainScheduler,
    items: Mutex<Items>,
    /// Whether the main thread was called and has not come yet.
    is_called: AtomicBool,
    has_measures: AtomicBool,
}

impl Outbox {
    pub fn new(scheduler: MainScheduler) -> Self {
        Self {
            clock: Arc::default(),
            scheduler,
            items: Mutex::default(),
            is_called: AtomicBool::new(false),
            has_measures: AtomicBool::new(false),
        }
    }

    fn items(&self) -> MutexGuard<'_, Items> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the main thread, once.
    pub fn call_main(&self) {
        if !self.is_called.swap(true, Ordering::AcqRel) {
            self.scheduler.commit();
        }
    }

    /// Leaves a call.
    pub fn send(&self, call: Call) {
        self.items().calls.push(call);
        self.call_main();
    }

    /// Leaves a change of a metric, for the next time that somebody takes it. Until then, changes of one metric are one.
    pub fn measure(&self, measure: Measure) {
        let mut items = self.items();
        if !items.measures.iter_mut().any(|own| own.merge(&measure)) {
            items.measures.push(measure);
        }
        self.has_measures.store(true, Ordering::Release);
    }

    /// The main thread has come.
    pub fn main_has_come(&self) {
        self.is_called.store(false, Ordering::Release);
    }

    /// The calls that wait.
    pub fn calls(&self) -> Vec<Call> {
        take(&mut self.items().calls)
    }

    /// The changes that wait.
    pub fn measures(&self) -> Vec<Measure> {
        if !self.has_measures.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        take(&mut self.items().measures)
    }
}
