//! Everything at once, with four workers under load: the provider is killed, restarted, slow and wrong, while it
//! rotates its keys. No forgery is accepted, no good token is refused but for an outage, and the provider is asked no
//! more often than it may be.
//!
//! `TOOLGATE_CHAOS_SECONDS` says how long (12); `make chaos` takes a minute.

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::weather::policy;
use crate::support::answer::Answer;
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::gate::{Mode, configuration, setup};
use crate::support::keys::{Key, key_set};
use crate::support::provider::{Behaviour, Provider};
use crate::support::tokens::Token;
use crate::support::upstream::{Recorded, Upstream};

const WORKERS: usize = 4;
const TIMEOUT: Duration = Duration::from_secs(2);
const MAX_AGE: Duration = Duration::from_secs(3);
const COOLDOWN: Duration = Duration::from_secs(2);
const MAX_STALE: Duration = Duration::from_secs(4);
/// An answer that takes as long as this still comes in time.
const LATE: Duration = Duration::from_millis(200);
/// From the provider's answer to the last worker that goes by it.
const SPREAD: Duration = Duration::from_secs(1);

/// The faults of the provider in order, and their durations.
const FAULTS: &[(Fault, Duration)] = &[
    (Fault::None, Duration::from_millis(700)),
    (Fault::Dead, Duration::from_millis(1_500)),
    (Fault::Late, Duration::from_millis(1_500)),
    (Fault::Status, Duration::from_millis(1_300)),
    (Fault::None, Duration::from_millis(2_900)),
    (Fault::Html, Duration::from_millis(900)),
    (Fault::HangUp, Duration::from_millis(1_100)),
    (Fault::TooLate, Duration::from_millis(1_700)),
    (Fault::None, Duration::from_millis(2_300)),
    // Longer than a set serves.
    (Fault::Dead, Duration::from_millis(9_000)),
    (Fault::Late, Duration::from_millis(3_100)),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Connections are refused.
    Dead,
    HangUp,
    Html,
    Late,
    Status,
    TooLate,
}

/// The key sets that the provider serves, and its history.
#[derive(Default)]
struct Truth {
    /// The keys of the set. The provider signs with one of them.
    published: Vec<Key>,
    fault: Option<Fault>,
    /// When sets were served in time, and with which keys.
    served: Vec<(Instant, Vec<String>)>,
}

impl Truth {
    /// The answer to a request for keys. Introspection would be answered here, too.
    fn answer(truth: &Mutex<Self>) -> Answer {
        let (fault, document) = {
            let mut truth = truth.lock().unwrap();
            let fault = truth.fault.unwrap_or(Fault::None);
            if matches!(fault, Fault::None | Fault::Late) {
                let kids = truth.published.iter().map(|key| key.kid().to_owned()).collect();
                truth.served.push((Instant::now(), kids));
            }
            (fault, key_set(&truth.published))
        };
        match fault {
            Fault::None => Answer::json(&document),
            Fault::Late | Fault::TooLate => {
                thread::sleep(if fault == Fault::Late { LATE } else { TIMEOUT * 2 });
                Answer::json(&document)
            }
            Fault::Status => Answer::json(&Value::Null).status(500),
            Fault::Html => Answer::new(200).header("content-type", "text/html").body("<p>Sign in"),
            Fault::Dead | Fault::HangUp => Answer::raw("").cut(),
        }
    }

    /// Whether a request with a token of `kid`, from `start` to `end`, may have met an outage: the set was too old, or
    /// no set with this key has come.
    fn excuses(&self, kid: &str, start: Instant, end: Instant) -> bool {
        let come = |at: &Instant| *at + SPREAD <= start;
        let fresh = self.served.iter().any(|(at, _)| come(at) && end - *at < MAX_AGE + MAX_STALE);
        let known = self.served.iter().any(|(at, kids)| come(at) && kids.iter().any(|own| own == kid));
        !(fresh && known)
    }
}

/// The key with the number `n`: another kind each time, another name every time.
fn key(n: usize) -> Key {
    let kinds = [Key::rsa_a, Key::p256, Key::ed25519];
    kinds[n % kinds.len()]().named(&format!("key-{n}"))
}

/// How requests were answered, and those answers that should not have been.
#[derive(Default)]
struct Seen {
    statuses: BTreeMap<(&'static str, u16), usize>,
    wrong: Vec<String>,
}

struct Chaos {
    envoy: Envoy,
    truth: Arc<Mutex<Truth>>,
    /// The number of the key that tokens are signed with. While it is held, that key is in the set.
    signing: RwLock<usize>,
    seen: Mutex<Seen>,
    done: AtomicBool,
}

impl Chaos {
    fn goes_on(&self) -> bool {
        !self.done.load(Ordering::SeqCst)
    }

    /// Sleeps, but not beyond the end.
    fn pause(&self, time: Duration) {
        let start = Instant::now();
        while self.goes_on() && start.elapsed() < time {
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn send(&self, kind: &'static str, token: &str, is_right: impl Fn(u16, Instant, Instant) -> bool) {
        let start = Instant::now();
        let status = self.envoy.client().send(&Request::call("get_forecast").bearer(token)).status;
        let right = is_right(status, start, Instant::now());
        let mut seen = self.seen.lock().unwrap();
        *seen.statuses.entry((kind, status)).or_default() += 1;
        if !right {
            seen.wrong.push(format!("{kind}: {status}"));
        }
        drop(seen);
        thread::sleep(Duration::from_millis(2));
    }

    /// Good tokens, which are let in unless there is an outage.
    fn good(&self) {
        while self.goes_on() {
            let signing = self.signing.read().unwrap();
            let key = key(*signing);
            let token = Token::new().scope("weather:read").sign(&key);
            self.send("good", &token, |status, start, end| {
                status == 200 || (status == 503 && self.truth.lock().unwrap().excuses(key.kid(), start, end))
            });
        }
    }

    /// Tokens that nobody should let in, whatever the provider does.
    fn forged(&self) {
        let mut n = 0;
        while self.goes_on() {
            n += 1;
            let real = key(*self.signing.read().unwrap());
            let token = Token::new().scope("weather:read");
            let signed = token.clone().sign(&real);
            let (_, signature) = signed.rsplit_once('.').unwrap();
            let other = Token::new().scope("weather:read weather:admin").sign(&real);
            let (other, _) = other.rsplit_once('.').unwrap();
            let forgeries = [
                token.clone().sign(&Key::rsa_b().named(real.kid())),
                token.clone().sign(&Key::rsa_b().named(&format!("unknown-{n}"))),
                token.clone().sign(&Key::secret("public").named(real.kid())),
                format!("{other}.{signature}"),
                token.expires_in(-3600).sign(&real),
            ];
            for forgery in &forgeries {
                self.send("forged", forgery, |status, _, _| [401, 503].contains(&status));
            }
        }
    }

    /// A rotation: the next key is published a cooldown before its use, the last one leaves the set after its own.
    fn rotate(&self) {
        while self.goes_on() {
            let next = key(*self.signing.read().unwrap() + 1);
            self.truth.lock().unwrap().published.push(next);
            self.pause(COOLDOWN + Duration::from_millis(1));
            if !self.goes_on() {
                return;
            }
            *self.signing.write().unwrap() += 1;
            self.pause(Duration::from_millis(600));
            self.truth.lock().unwrap().published.remove(0);
            self.pause(Duration::from_millis(800));
        }
    }

    fn fail(&self, provider: &mut Provider) {
        for (fault, time) in FAULTS.iter().cycle() {
            self.truth.lock().unwrap().fault = Some(*fault);
            if *fault == Fault::Dead {
                // Requests under way are answered before.
                self.pause(Duration::from_millis(50));
                provider.stop();
            }
            self.pause(*time);
            if *fault == Fault::Dead {
                provider.restart();
            }
            if !self.goes_on() {
                return;
            }
        }
    }
}

#[test]
fn under_chaos_no_forgery_is_accepted_and_no_good_token_refused_but_for_an_outage() {
    let seconds = env::var("TOOLGATE_CHAOS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let upstream = Upstream::start();
    let truth = Arc::new(Mutex::new(Truth { published: vec![key(0)], ..Truth::default() }));
    let shared = Arc::clone(&truth);
    let mut provider = Provider::start(Behaviour::Script(Arc::new(move |_: &Recorded| Truth::answer(&shared))));
    let mut configuration = configuration(&policy());
    let millis = |time: Duration| json!(format!("{}ms", time.as_millis()));
    let jwks = &mut configuration["issuers"][0]["jwks"];
    jwks["timeout"] = millis(TIMEOUT);
    jwks["max_age"] = millis(MAX_AGE);
    jwks["cooldown"] = millis(COOLDOWN);
    jwks["max_stale"] = millis(MAX_STALE);
    let envoy = setup(&upstream, Mode::Held, &configuration).provider(&provider).concurrency(WORKERS).start();
    let chaos =
        Chaos { envoy, truth, signing: RwLock::default(), seen: Mutex::default(), done: AtomicBool::new(false) };
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| chaos.good());
        }
        scope.spawn(|| chaos.forged());
        scope.spawn(|| chaos.rotate());
        scope.spawn(|| chaos.fail(&mut provider));
        thread::sleep(Duration::from_secs(seconds));
        chaos.done.store(true, Ordering::SeqCst);
    });
    let (elapsed, fetches) = (start.elapsed(), provider.fetches());
    let seen = chaos.seen.into_inner().unwrap();
    let rotations = *chaos.signing.read().unwrap();
    // Two for unknown kids in each cooldown; else a refresh or a retry, never within the second after another.
    let bound = 2 * (1 + elapsed.as_secs() / COOLDOWN.as_secs()) + 2 + elapsed.as_secs();
    println!("{elapsed:.0?} of chaos, {WORKERS} workers, {rotations} rotations: {:?}", seen.statuses);
    println!("{fetches} fetches, at most {bound}");
    assert_eq!(seen.wrong, Vec::<String>::new());
    assert!(fetches as u64 <= bound, "{fetches} fetches");
    assert!(rotations >= 2 && seen.statuses.get(&("good", 200)).is_some_and(|count| *count > 100));
    assert!(!chaos.envoy.log().contains("panicked"), "{}", chaos.envoy.log());
}
