//! The timer of the native module, on a thread of its own.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::native_clock::{Clock, Ticker, instant};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn it_calls_once_for_each_time_and_never_after_its_end() {
    let clock = Arc::<Clock>::default();
    let (call, calls) = channel();
    let ticker = Ticker::start(clock.clone(), move || call.send(()).unwrap()).unwrap();
    for _ in 0..3 {
        clock.at(instant());
        assert_eq!(calls.recv_timeout(PATIENCE), Ok(()));
    }
    clock.at(instant() + PATIENCE);
    drop(ticker);
    assert_eq!(calls.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "its thread is gone");
}

#[test]
fn it_may_be_ended_by_its_own_thread() {
    let clock = Arc::<Clock>::default();
    let place = Arc::new(Mutex::new(None));
    let (own, (end, ended)) = (place.clone(), channel());
    let due = move || {
        drop(own.lock().unwrap().take());
        end.send(()).unwrap();
    };
    *place.lock().unwrap() = Ticker::start(clock.clone(), due);
    clock.at(instant());
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(()), "it does not wait for itself");
}
