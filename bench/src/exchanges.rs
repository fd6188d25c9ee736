//! A host without a network: single exchanges of the core, one after the other.

use std::cell::RefCell;

use toolgate::config::Config;
use toolgate::exchange::{Event, RequestHead, Step, Wants};
use toolgate::gate::{self, Host, Stream, StreamId};
use toolgate::headers::Headers;
use toolgate::meter::Meter;
use toolgate::signature::{Algorithm, PublicKey, PureVerifier, SignatureVerifier};
use toolgate::time::UnixTime;
use toolgate::workers::{Alone, SharedNames};

/// One plugin instance of one worker.
pub struct Gate {
    gate: gate::Gate,
    shared: Alone,
    verifier: Box<dyn SignatureVerifier>,
}

/// A host that verifies signatures. One that comes again costs nothing, so that what is counted is the core's own work.
#[derive(Default)]
struct Verifying {
    last: RefCell<(Vec<u8>, Vec<u8>, bool)>,
}

impl SignatureVerifier for Verifying {
    fn verify(&self, algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
        let (text, made, answer) = &mut *self.last.borrow_mut();
        if text != signed || made != signature {
            *answer = PureVerifier.verify(algorithm, key, signed, signature);
            (*text, *made) = (signed.to_vec(), signature.to_vec());
        }
        *answer
    }

    fn tries(&self, algorithm: Algorithm) -> usize {
        PureVerifier.tries(algorithm)
    }

    fn cost(&self, algorithm: Algorithm, key: &PublicKey) -> u64 {
        PureVerifier.cost(algorithm, key)
    }
}

impl Gate {
    pub fn new(config: Config, now: UnixTime) -> Self {
        Self::with(Box::new(PureVerifier), config, now)
    }

    /// On a host that verifies signatures, at no cost here.
    pub fn on_verifying_host(config: Config, now: UnixTime) -> Self {
        Self::with(Box::<Verifying>::default(), config, now)
    }

    fn with(verifier: Box<dyn SignatureVerifier>, config: Config, now: UnixTime) -> Self {
        let shared = Alone::default();
        let random = |bytes: &mut [u8]| {
            bytes.fill(7);
            true
        };
        let names = SharedNames::new(&[], &[]);
        let (mut gate, _) = gate::Gate::new(config, &names, &random, &lend(&shared, &*verifier, now));
        gate.known().host_shows_bodies = true;
        // As on a host whose log is at the level of warnings.
        gate.set_prints_info(false);
        Self { gate, shared, verifier }
    }

    /// The step that ends with the verdict on a request with this body.
    pub fn decide(&mut self, headers: Headers, body: &[u8], now: UnixTime) -> Step {
        self.exchange(headers, body, now).1
    }

    /// A request with its body, up to the verdict: the stream as it then stands, and the verdict's step.
    pub fn exchange(&mut self, headers: Headers, body: &[u8], now: UnixTime) -> (Stream, Step) {
        let (stream, has_body) = (Stream::new(StreamId(1)), !body.is_empty());
        let head = RequestHead::new(headers);
        let mut step = self.event(&stream, Event::RequestHeaders { head, end: !has_body }, now);
        if has_body && stream.wants() == Wants::Verdict {
            let read = |max: usize| body.get(..max.min(body.len())).map(<[u8]>::to_vec);
            step = self.event(&stream, Event::RequestBody { size: body.len(), end: true, read: &read }, now);
        }
        (stream, step)
    }

    /// A `tools/list`, answered by this document: the step that trims it.
    pub fn list(&mut self, headers: &Headers, document: &[u8], now: UnixTime) -> Step {
        const LIST: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let (stream, _) = self.exchange(headers.clone(), LIST, now);
        let answered = Headers::new(vec![("content-type".to_owned(), b"application/json".to_vec())]);
        self.event(&stream, Event::ResponseHeaders { status: 200, headers: &answered, end: false }, now);
        let read = |max: usize| document.get(..max.min(document.len())).map(<[u8]>::to_vec);
        self.event(&stream, Event::ResponseBody { size: document.len(), end: true, read: &read }, now)
    }

    /// Forgets the work done so far: nobody waits for a turn here, because what is measured is the work itself.
    pub fn rest(&mut self) {
        self.gate.known().meter = Meter::default();
    }

    /// Runs one event. Its effects on the worker, a timer and lines of the log, are left out.
    fn event(&mut self, stream: &Stream, event: Event<'_>, now: UnixTime) -> Step {
        self.rest();
        self.gate.stream(stream, event, &lend(&self.shared, &*self.verifier, now)).1
    }
}

fn lend<'h>(shared: &'h Alone, verifier: &'h dyn SignatureVerifier, now: UnixTime) -> Host<'h> {
    Host { now, node: None, shared, verifier, peer_certificate: &|| None }
}
