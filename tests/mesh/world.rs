//! The machines around a mesh, each at an address of its own on loopback: the MCP server, the authorization server, a
//! registry, a web server. They have the names that the files in `deploy/` use, and certificates for them.

use std::fs;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::dist;
use crate::support::answer::Answer;
use crate::support::keys::{Key, key_set};
use crate::support::process::{Process, Scratch};
use crate::support::provider::{Behaviour, Provider};
use crate::support::tls::Authority;
use crate::support::tokens::Token;
use crate::support::upstream::{Recorded, Upstream};

/// Where the gateway's pod would be; neither control plane takes loopback's own address for one.
pub const GATEWAY: &str = "10.99.0.2";
/// The MCP server's pod.
pub const SERVER: &str = "10.99.0.3";
/// Where it listens, behind port 3000 of its service; on loopback too, for a sidecar.
pub const SERVER_PORT: u16 = 3001;
/// The pod of the MCP server with a sidecar.
pub const SIDECAR: &str = "10.99.0.7";
const ISSUER: &str = "10.99.0.4";
const REGISTRY: &str = "10.99.0.5";
const WEB: &str = "10.99.0.6";

/// Names as a cluster's DNS and the Internet's would have them.
const NAMES: [(&str, &str); 7] = [
    ("127.0.0.1", "localhost"),
    ("127.0.0.1", "envoy-gateway envoy-gateway.envoy-gateway-system.svc.cluster.local"),
    (ISSUER, "auth.example.com"),
    (REGISTRY, "registry.example.com"),
    (WEB, "example.com"),
    (SERVER, "mcp-server.mcp.svc.cluster.local"),
    (GATEWAY, "mcp.example.com"),
];

/// The machines; dropping it ends them.
pub struct World {
    pub server: Upstream,
    pub issuer: Provider,
    pub registry: Registry,
    /// The authority that every process of this namespace trusts.
    pub authority: Authority,
    _web: Provider,
    key: Key,
}

impl World {
    pub fn start() -> Self {
        for address in ["10.99.0.1", GATEWAY, SERVER, SIDECAR, ISSUER, REGISTRY, WEB] {
            run("ip", &["addr", "add", &format!("{address}/32"), "dev", "lo"]);
        }
        let names = NAMES.map(|(address, names)| format!("{address} {names}\n")).concat();
        fs::write("/etc/hosts", names).expect("a namespace with names of its own: run `make mesh`");
        let authority = Authority::new();
        fs::write("/etc/ssl/certs/ca-certificates.crt", authority.pem()).expect("a file");

        let key = Key::rsa_a();
        let keys = Behaviour::Json(key_set([&key]));
        let module = dist::module();
        let module =
            move |_: &Recorded| Answer::new(200).header("content-type", "application/wasm").body(module.clone());
        let provider =
            |address, name, behaviour| Provider::start_tls_at(listen(address, 443), &authority, name, behaviour);
        Self {
            server: Upstream::start_at(listen("0.0.0.0", SERVER_PORT), answer),
            issuer: provider(ISSUER, "auth.example.com", keys),
            _web: provider(WEB, "example.com", Behaviour::Script(Arc::new(module))),
            registry: Registry::start(&authority),
            authority,
            key,
        }
    }

    /// A token that is good for all of a run.
    pub fn token(&self, scope: &str) -> String {
        self.token_of("alice", scope)
    }

    /// One of this subject, whose records are told apart by it.
    pub fn token_of(&self, subject: &str, scope: &str) -> String {
        Token::new().subject(subject).scope(scope).expires_in(3600).sign(&self.key)
    }

    /// A token that nobody issued.
    pub fn forged_token(&self) -> String {
        Token::new().scope("mcp:read").expires_in(3600).sign(&Key::rsa_b().named(self.key.kid()))
    }

    /// Another takes the issuer's place, with a certificate for this name of an authority that nobody trusts, or of the one
    /// that all trust.
    pub fn impostor(&mut self, stranger: Option<&Authority>, name: &str) {
        self.issuer.stop();
        let keys = Behaviour::Json(key_set([&self.key]));
        let authority = stranger.unwrap_or(&self.authority);
        self.issuer = Provider::start_tls_at(listen(ISSUER, 443), authority, name, keys);
    }

    /// The issuer has its place again.
    pub fn issuer_returns(&mut self) {
        self.impostor(None, "auth.example.com");
    }

    /// The issuer's key endpoint fails from now on.
    pub fn issuer_fails(&self) {
        self.issuer.set(Behaviour::Status(503));
    }

    pub fn issuer_is_back(&self) {
        self.issuer.set_keys(key_set([&self.key]));
    }
}

fn listen(address: &str, port: u16) -> TcpListener {
    TcpListener::bind((address, port)).expect("a port of this namespace")
}

/// An MCP server with four tools.
fn answer(request: &Recorded) -> Answer {
    let message: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let result = match message["method"].as_str() {
        Some("tools/list") => {
            let tools = ["echo", "get-sum", "get-env", "secret"];
            json!({"tools": tools.map(|name| json!({"name": name, "inputSchema": {"type": "object"}}))})
        }
        _ => json!({"content": [{"type": "text", "text": "done"}]}),
    };
    Answer::json(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}))
}

/// A registry.
pub struct Registry {
    process: Option<Process>,
    configuration: String,
    _files: Scratch,
}

impl Registry {
    fn start(authority: &Authority) -> Self {
        let files = Scratch::new();
        let identity = authority.identity("registry.example.com");
        let certificate = files.write("certificate.pem", &identity.certificate_pem);
        let key = files.write("key.pem", &identity.key_pem);
        let configuration = json!({
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": files.path("storage")}},
            "http": {"addr": format!("{REGISTRY}:443"), "tls": {"certificate": certificate, "key": key}},
        });
        // JSON is YAML.
        let configuration = files.write("registry.yml", &configuration.to_string());
        let mut registry = Self { process: None, configuration, _files: files };
        registry.restart();
        registry
    }

    pub fn stop(&mut self) {
        self.process = None;
    }

    pub fn restart(&mut self) {
        self.stop();
        let command = ["docker-registry", "serve", &self.configuration];
        self.process = Some(Process::start(Scratch::new(), &command, &[]));
        within(20, "the registry", || TcpStream::connect((REGISTRY, 443)).ok());
    }
}

/// Runs a command to its end; what it printed.
///
/// # Panics
/// Shows what it said if it fails.
pub fn run(program: &str, arguments: &[&str]) -> String {
    try_run(program, arguments).unwrap_or_else(|fault| panic!("{program} {}: {fault}", arguments.join(" ")))
}

/// As [`run`], for a command that may fail.
pub fn try_run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|fault| fault.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Polls until `attempt` gives a value.
///
/// # Panics
/// Names `what` if that takes longer than these seconds.
pub fn within<T>(seconds: u64, what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    try_within(seconds, attempt).unwrap_or_else(|| panic!("waited {seconds} s in vain for {what}"))
}

/// As [`within`], for a value that may not come.
pub fn try_within<T>(seconds: u64, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return Some(value);
        }
        if start.elapsed() >= Duration::from_secs(seconds) {
            return None;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Passes connections on from one address to another, as a Service would; dropping it ends that.
pub struct Forward {
    from: (&'static str, u16),
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Forward {
    pub fn start(from: (&'static str, u16), to: (&'static str, u16)) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stopped);
        let is_stopped = move || told.load(Ordering::Relaxed);
        let thread = thread::spawn(move || {
            // Connections are refused until somebody listens there.
            while TcpStream::connect(to).is_err() {
                if is_stopped() {
                    return;
                }
                thread::sleep(Duration::from_millis(100));
            }
            for client in listen(from.0, from.1).incoming().flatten() {
                if is_stopped() {
                    return;
                }
                if let Ok(server) = TcpStream::connect(to) {
                    copy(&client, &server);
                    copy(&server, &client);
                }
            }
        });
        Self { from, stopped, thread: Some(thread) }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread, which closes the port.
        let _ = TcpStream::connect(self.from);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Passes on what comes on a connection until it ends.
fn copy(from: &TcpStream, to: &TcpStream) {
    let clone = |connection: &TcpStream| connection.try_clone().expect("another handle of a connection");
    let (mut from, mut to) = (clone(from), clone(to));
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
