//! Requests on connections that are kept, for as long as something else happens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::proxy::list;
use crate::support::client::Request;
use crate::support::raw::Raw;

/// So many connections.
const CLIENTS: usize = 4;
/// Between two requests of a connection.
const PAUSE: Duration = Duration::from_millis(10);

/// The clients, until they are stopped.
pub struct Load {
    stopped: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Seen>>,
}

/// The answers that the clients saw.
#[derive(Default)]
pub struct Seen {
    pub requests: usize,
    /// Answers but 200, and connections that ended.
    pub failures: Vec<String>,
    pub slowest: Duration,
}

impl Load {
    pub fn start(address: SocketAddr, token: &str) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let client = |number: usize| {
            let request = if number.is_multiple_of(2) { list() } else { Request::call("get-sum") };
            let (bytes, stopped) = (request.bearer(token).bytes(), Arc::clone(&stopped));
            thread::spawn(move || ask(address, &bytes, &stopped))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stopped, clients }
    }

    /// Ends it; all that was seen.
    pub fn stop(self) -> Seen {
        self.stopped.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for client in self.clients {
            let seen = client.join().expect("a client");
            all.requests += seen.requests;
            all.failures.extend(seen.failures);
            all.slowest = all.slowest.max(seen.slowest);
        }
        all
    }
}

fn ask(address: SocketAddr, request: &[u8], stopped: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut connection = None;
    while !stopped.load(Ordering::Relaxed) {
        let start = Instant::now();
        let mut kept = match connection.take().map_or_else(|| Raw::try_connect(address), Ok) {
            Ok(kept) => kept,
            Err(fault) => {
                seen.failures.push(fault.to_string());
                thread::sleep(PAUSE);
                continue;
            }
        };
        let answer = kept.send(request).try_response();
        seen.requests += 1;
        seen.slowest = seen.slowest.max(start.elapsed());
        match answer {
            Ok(answer) if answer.status == 200 && answer.complete => {
                let closes = answer.header("connection").is_some_and(|value| value == "close");
                connection = (!closes).then_some(kept);
            }
            Ok(answer) => seen.failures.push(format!("{} {}", answer.status, answer.text())),
            Err(fault) => seen.failures.push(fault.to_string()),
        }
        thread::sleep(PAUSE);
    }
    seen
}
