//! Simulated workers: gates that share one map of data and one network, under one clock. Nothing here takes real time.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Value, json};
use toolgate::audit::Record;
use toolgate::callout::Request;
use toolgate::gate::CallId;

use super::fake::{self, End, Fields, Outcome, Part, Response, Stream};
use super::shared_data::{Data, Fault};

/// A request for the list of tools.
const LIST: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// A request that a worker sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub worker: usize,
    pub call: CallId,
    pub request: Request,
}

/// One worker, and the requests that came to it, by their numbers.
pub struct Worker {
    pub host: fake::Worker,
    pub streams: HashMap<u32, Stream>,
}

impl Worker {
    /// The outcome of a request.
    pub fn outcome(&self, id: u32) -> Outcome {
        self.streams[&id].outcome()
    }
}

/// Everything that the workers have in common.
pub struct World {
    pub workers: Vec<Worker>,
    pub shared: Rc<Data>,
    /// The requests under way.
    pub network: Vec<Sent>,
    /// The clusters to which the host can send nothing.
    pub refused: Vec<&'static str>,
    /// The worker that is held up, and does not run.
    pub held_up: Option<usize>,
    /// The lines of the instances that have ended.
    pub left: Vec<String>,
    /// The clock of all workers, in milliseconds.
    pub now: u64,
    next_stream: u32,
}

impl World {
    /// So many workers, at a time in seconds.
    pub fn new(configuration: &Value, workers: usize, now: i64) -> Self {
        let mut world = Self {
            workers: Vec::new(),
            shared: Rc::new(Data::new(Fault::None)),
            network: Vec::new(),
            refused: Vec::new(),
            held_up: None,
            left: Vec::new(),
            now: u64::try_from(now).expect("a time") * 1000,
            next_stream: 1,
        };
        (0..workers).for_each(|n| world.start(n, configuration));
        world
    }

    /// Worker `n` gets this configuration. The instance that it may have had ends then, and nobody gets the answers to
    /// its calls. The module may be another one: instances know of each other by the shared data only.
    pub fn start(&mut self, n: usize, configuration: &Value) {
        let old = self.begin(n, configuration);
        self.end(n, old);
    }

    /// All workers get configurations, before any of the instances that they had ends.
    pub fn start_all(&mut self, configurations: &[Value]) {
        let old: Vec<_> = configurations.iter().enumerate().map(|(n, own)| self.begin(n, own)).collect();
        old.into_iter().enumerate().for_each(|(n, old)| self.end(n, old));
    }

    fn begin(&mut self, n: usize, configuration: &Value) -> Option<Worker> {
        let holds = configuration["hold_request_headers"] == true;
        let host = fake::Worker::start(configuration, holds, self.now, &self.shared);
        let worker = Worker { host, streams: HashMap::new() };
        match self.workers.get_mut(n) {
            Some(current) => Some(std::mem::replace(current, worker)),
            None => {
                self.workers.push(worker);
                None
            }
        }
    }

    fn end(&mut self, n: usize, old: Option<Worker>) {
        if let Some(mut old) = old {
            old.host.now = self.now;
            self.left.extend(old.host.release());
            self.network.retain(|sent| sent.worker != n);
        }
    }

    /// Something happens to worker `n`.
    fn on<T>(&mut self, n: usize, act: impl FnOnce(&mut Worker) -> T) -> T {
        let worker = &mut self.workers[n];
        worker.host.now = self.now;
        worker.host.refused.clone_from(&self.refused);
        let done = act(worker);
        let sent = worker.host.network.drain(..);
        self.network.extend(sent.map(|fake::Sent { call, request }| Sent { worker: n, call, request }));
        done
    }

    /// A GET with this token comes to worker `n`.
    pub fn request(&mut self, n: usize, token: &str) -> u32 {
        self.request_to(n, "/mcp", token)
    }

    /// A GET of this path with this token comes to worker `n`.
    pub fn request_to(&mut self, n: usize, path: &str, token: &str) -> u32 {
        let stream = self.open(n, "GET", path, token, End::Last);
        self.next_stream += 1;
        self.workers[n].streams.insert(self.next_stream, stream);
        self.next_stream
    }

    fn open(&mut self, n: usize, method: &str, path: &str, token: &str, end: End) -> Stream {
        let fields = [
            (":method", method),
            (":authority", "mcp.example.com"),
            (":path", path),
            ("authorization", &format!("Bearer {token}")),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        self.on(n, |worker| Stream::open(&mut worker.host, fields, end))
    }

    /// A POST with this token comes to worker `n`, and its body takes its time.
    pub fn slow(&mut self, n: usize, token: &str) -> u32 {
        let stream = self.open(n, "POST", "/mcp", token, End::More);
        self.next_stream += 1;
        self.workers[n].streams.insert(self.next_stream, stream);
        self.next_stream
    }

    /// A client of worker `n` asks for the list of the server's tools. Its answer begins, and is larger than the host's
    /// buffer, or the client leaves.
    pub fn list_that_is_cut(&mut self, n: usize, token: &str, by_host: bool) {
        let stream = self.open(n, "POST", "/mcp", token, End::More);
        self.on(n, |worker| {
            stream.receive(&mut worker.host, Part::Data(LIST.to_vec(), End::Last));
            let parts = vec![Part::Data(vec![b' '; 40_000], End::More)];
            stream.answer(&mut worker.host, 200, content_type("application/json"), parts, End::More);
            if by_host { stream.exceed_buffer(&mut worker.host) } else { stream.leave(&mut worker.host) }
        });
    }

    /// A client of worker `n` reads the list of the server's tools.
    pub fn list(&mut self, n: usize, token: &str, tools: &[&str]) {
        let tools: Vec<_> = tools.iter().map(|name| json!({"name": name, "inputSchema": {"type": "object"}})).collect();
        let list = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).to_string();
        let stream = self.open(n, "POST", "/mcp", token, End::More);
        self.on(n, |worker| {
            stream.receive(&mut worker.host, Part::Data(LIST.to_vec(), End::Last));
            assert_eq!(stream.outcome(), Outcome::Forwarded);
            let parts = vec![Part::Data(list.into_bytes(), End::Last)];
            stream.answer(&mut worker.host, 200, content_type("application/json"), parts, End::More);
        });
    }

    /// The server answers a forwarded GET with a stream that does not end.
    pub fn answer_with_a_stream(&mut self, n: usize, id: u32) {
        self.on(n, |worker| {
            worker.streams[&id].begin_answer(&mut worker.host, 200, content_type("text/event-stream"));
        });
    }

    /// The client of a stream goes away.
    pub fn leave(&mut self, n: usize, id: u32) -> Vec<Record> {
        let stream = self.workers[n].streams.remove(&id).expect("a stream");
        self.on(n, |worker| stream.leave(&mut worker.host));
        stream.records()
    }

    /// The answer to the call at this place in [`Self::network`] comes; without a response, only a failure.
    pub fn answer(&mut self, at: usize, response: Option<&Response>) {
        let sent = self.network.swap_remove(at);
        self.answer_again(&sent, response);
    }

    /// An answer comes to this call, whether it is still under way or not.
    pub fn answer_again(&mut self, sent: &Sent, response: Option<&Response>) {
        self.on(sent.worker, |worker| worker.host.answer(sent.call, response));
    }

    /// Time goes by: workers tick, and what they send is answered at once by `provider`, where that answers. The rest
    /// stays in the network.
    pub fn run(&mut self, millis: u64, provider: &dyn Fn(&Request) -> Option<Response>) {
        let mut left = millis;
        loop {
            let mut at = 0;
            while at < self.network.len() {
                match provider(&self.network[at].request) {
                    Some(response) => self.answer(at, Some(&response)),
                    None => at += 1,
                }
            }
            if left == 0 {
                return;
            }
            let awake: Vec<_> = (0..self.workers.len()).filter(|n| self.held_up != Some(*n)).collect();
            let next = awake.iter().map(|n| self.workers[*n].host.until_tick()).min().unwrap_or(left).min(left);
            awake.into_iter().for_each(|n| self.on(n, |worker| worker.host.pass(next)));
            self.now += next;
            left -= next;
        }
    }

    /// The lines of all workers that contain this.
    pub fn logged(&self, what: &str) -> usize {
        self.workers.iter().flat_map(|worker| &worker.host.log).filter(|line| line.contains(what)).count()
    }
}

fn content_type(value: &str) -> Fields {
    vec![("content-type".to_owned(), value.as_bytes().to_vec())]
}
