//! One configuration: its workers, and what the main thread does for them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::abi::{self, Filter, only_validates};
use crate::calls::Calls;
use crate::clock::{Ticker, instant};
use crate::log::start;
use crate::metrics::Metrics;
use crate::outbox::{Call, Outbox};
use crate::signature::verifier;
use crate::state::{Mail, Received};
use crate::worker::{Settings, Worker};
use toolgate::config::Config;
use toolgate::version;
use toolgate::workers::SharedNames;

/// How often calls that Envoy refuses may lead to more calls, in one turn of the main thread.
const MAX_ROUNDS: usize = 16;

thread_local! {
    /// The number of this thread. Envoy's own number of a worker is not known to all supported versions.
    static THREAD: Cell<u64> = Cell::new(NEXT_THREAD.fetch_add(1, Ordering::Relaxed));
}
static NEXT_THREAD: AtomicU64 = AtomicU64::new(0);

/// The workers of a configuration.
#[derive(Default)]
struct Crew {
    /// Each with its thread. The first one exists before any thread asks for it: it fetches keys and policies at once.
    workers: RwLock<Vec<(Option<u64>, Arc<Worker>)>>,
}

impl Crew {
    fn all(&self) -> Vec<Arc<Worker>> {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|(_, worker)| worker.clone()).collect()
    }

    /// The worker of the current thread, which takes over one without a thread, or becomes a new one.
    fn of_this_thread(&self, settings: &Arc<Settings>) -> Arc<Worker> {
        let thread = Some(THREAD.get());
        let known = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, worker)) = known.iter().find(|(own, _)| *own == thread) {
            return worker.clone();
        }
        drop(known);
        let mut workers = self.workers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((own, worker)) = workers.iter_mut().find(|(own, _)| own.is_none()) {
            *own = thread;
            return worker.clone();
        }
        let worker = Arc::new(Worker::new(workers.len(), settings));
        workers.push((thread, worker.clone()));
        settings.outbox.clock.at(instant());
        worker
    }
}

/// The filter of one configuration.
pub struct Plugin {
    handle: abi::Plugin,
    settings: Arc<Settings>,
    crew: Arc<Crew>,
    metrics: Metrics,
    metrics_need_no_stream: bool,
    calls: Calls,
    ticker: Mutex<Option<Ticker>>,
}

impl Plugin {
    /// Reads a configuration, on the main thread. Every fault is in the log if there is one.
    pub fn configure(handle: abi::Plugin, name: &[u8], configuration: &[u8]) -> Option<Self> {
        start();
        let mut config = match Config::parse(configuration, &|name| std::env::var(name).ok()) {
            Ok(config) => config,
            Err(faults) => {
                faults.iter().for_each(|fault| log::error!("configuration refused: {fault}"));
                return None;
            }
        };
        // This host decides by itself how Envoy holds headers, and always shows bodies meanwhile.
        config.hold_request_headers = true;
        config.warnings.iter().for_each(|warning| log::warn!("configuration: {warning}"));
        log::info!("{}", version::started(&config, abi::VERSIONS, "Envoy, as a native module"));
        let [ring, module] = [true, false].map(|by_ring| verifier().names(by_ring));
        log::info!("signatures: ring verifies {ring}; the module verifies {module}");
        let Some(scheduler) = handle.scheduler() else {
            log::error!("configuration refused: the host has no scheduler");
            return None;
        };
        let metrics = Metrics::define(handle);
        let metrics_need_no_stream = metrics.need_no_stream();
        let names = SharedNames::new(name, b"");
        let settings = Arc::new(Settings { config, names, outbox: Outbox::new(scheduler) });
        let crew = Arc::new(Crew::default());
        if !only_validates() {
            let first = (None, Arc::new(Worker::new(0, &settings)));
            crew.workers.write().unwrap_or_else(PoisonError::into_inner).push(first);
            // The timer starts when the main thread runs, which it does not do for an Envoy that only validates.
            settings.outbox.call_main();
        }
        let (calls, ticker) = (Calls::new(), Mutex::default());
        Some(Self { handle, settings, crew, metrics, metrics_need_no_stream, calls, ticker })
    }

    /// A stream begins: its worker is that of the current thread. Older versions of Envoy take metrics from streams only.
    pub fn begin(&self, filter: Filter) -> Arc<Worker> {
        #[cfg(feature = "panic-hook")]
        crate::panics::STREAM.reach();
        if !self.metrics_need_no_stream {
            self.metrics.take(self.settings.outbox.measures(), Some(filter));
        }
        self.crew.of_this_thread(&self.settings)
    }

    /// The main thread was called.
    pub fn called(&self) {
        if let Some(_visit) = self.calls.visit() {
            self.turn();
        }
    }

    /// The answer came to the call that has this name for Envoy.
    pub fn answered(&self, name: u64, answer: Received) {
        let Some((_visit, ticket)) = self.calls.visit_with_answer(name) else { return };
        if let Some(worker) = self.crew.all().get(ticket.worker) {
            worker.post(Mail::Answer(ticket, answer));
        }
        self.turn();
    }

    /// The configuration ends, after all its streams.
    pub fn end(&self) {
        // First the main thread: it would start the timer anew.
        self.calls.close();
        // Then the timer's: it may be about to call the main thread.
        drop(self.ticker().take());
        self.crew.all().iter().for_each(|worker| worker.release());
    }

    fn turn(&self) {
        self.start_ticker();
        self.settings.outbox.main_has_come();
        let workers = self.crew.all();
        for _ in 0..MAX_ROUNDS {
            for worker in &workers {
                // Each by itself: the others have no part in its panic.
                if catch_unwind(AssertUnwindSafe(|| worker.open_mail(true))).is_err() {
                    worker.recover();
                }
            }
            let calls = self.settings.outbox.calls();
            if calls.is_empty() {
                break;
            }
            calls.into_iter().for_each(|call| self.send(call, &workers));
        }
        if self.metrics_need_no_stream {
            self.metrics.take(self.settings.outbox.measures(), None);
        }
    }

    fn send(&self, Call { ticket, request }: Call, workers: &[Arc<Worker>]) {
        match self.handle.call(&request) {
            Ok(name) => self.calls.add(name, ticket),
            Err(status) => {
                workers.get(ticket.worker).into_iter().for_each(|worker| worker.post(Mail::Refused(ticket, status)));
            }
        }
    }

    fn ticker(&self) -> MutexGuard<'_, Option<Ticker>> {
        self.ticker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_ticker(&self) {
        let mut ticker = self.ticker();
        if ticker.is_some() {
            return;
        }
        let crew = self.crew.clone();
        let due = move || crew.all().iter().for_each(|worker| worker.tick_if_due());
        *ticker = Ticker::start(self.settings.outbox.clock.clone(), due);
        match *ticker {
            Some(_) => self.settings.outbox.clock.at(instant()),
            None => log::error!("no thread for the timer: nothing is fetched or written"),
        }
    }
}
