//! A real Envoy: started on a [`Setup`], asked about itself, and gone when its
//! owner is, however that ended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::bootstrap::{Setup, module};
use super::client::{Client, Request};
use super::native;
use super::process::{Process, Scratch};
use super::raw::Raw;
use super::wait_for;

/// The file of listeners that can be replaced.
const LISTENERS: &str = "listeners.json";

/// A running Envoy; dropping it ends it.
pub struct Envoy {
    process: Process,
    admin: SocketAddr,
    address: SocketAddr,
}

impl Setup {
    /// Starts it and waits until it serves.
    ///
    /// # Panics
    /// If it refuses to start; the log is shown then.
    pub fn start(&self) -> Envoy {
        let (process, admin) = self.run();
        let admin = admin.expect("Envoy refuses to start");
        let address = listener(&Client::new(admin).get("/listeners?format=json").json(), "mcp");
        Envoy { process, admin, address }
    }

    /// Starts it with a configuration that it has to refuse; returns its log.
    ///
    /// # Panics
    /// If it starts nevertheless.
    pub fn start_expecting_refusal(&self) -> String {
        let (process, admin) = self.run();
        assert_eq!(admin, None, "Envoy takes a configuration that it should refuse");
        process.log()
    }

    /// Has it check the configuration only, the module's included. `Err`: what
    /// it says against it.
    pub fn validate(&self) -> Result<(), String> {
        let scratch = Scratch::new();
        let config = scratch.write("bootstrap.json", &native::hosted(self.bootstrap.clone()).to_string());
        let mut process = Process::start(scratch, &[&binary(), "--mode", "validate", "-c", &config], &[]);
        if process.wait() { Ok(()) } else { Err(process.log()) }
    }

    /// Runs it until it serves, and then its admin address is known, or until
    /// it ends.
    fn run(&self) -> (Process, Option<SocketAddr>) {
        let mut process = self.spawn();
        let admin = wait_for("Envoy to serve or to end", || {
            if process.has_ended() {
                return Some(None);
            }
            let admin = process.scratch().read("admin").parse().ok()?;
            // The port is open before the configuration is judged, and an
            // Envoy that refuses it ends in the middle of this.
            let mut connection = Raw::try_connect(admin).ok()?;
            let ready = connection.send(Request::get("/ready").bytes()).try_response().ok()?;
            (ready.status == 200).then_some(Some(admin))
        });
        (process, admin)
    }

    fn spawn(&self) -> Process {
        let scratch = Scratch::new();
        let bootstrap = self.written(&scratch).to_string();
        let module = if native::is_it() { native::module() } else { module() };
        assert!(
            module.exists() || !bootstrap.contains(&*module.to_string_lossy()),
            "no {}: run `make build` and `make build-native`",
            module.display()
        );
        let config = scratch.write("bootstrap.json", &bootstrap);
        let (admin, workers) = (scratch.path("admin"), self.concurrency.to_string());
        let drain = self.updatable.unwrap_or(2).to_string();
        #[rustfmt::skip]
        let command = [
            &*binary(), "-c", &config, "--admin-address-path", &admin, "--concurrency", &workers,
            // Several run side by side.
            "--disable-hot-restart",
            "--log-level", "warning", "--component-log-level", if native::is_it() { "dynamic_modules:info" } else { "wasm:info" },
            // Lines of the access log are there when a test looks for them.
            "--file-flush-interval-msec", "10",
            "--drain-time-s", &drain,
        ];
        Process::start(scratch, &command, &self.environment)
    }

    /// The bootstrap as it is written for Envoy.
    fn written(&self, scratch: &Scratch) -> Value {
        let mut bootstrap = self.bootstrap.clone();
        if self.updatable.is_some() {
            let path = scratch.write(LISTENERS, &native::hosted(self.listeners()).to_string());
            bootstrap["static_resources"]["listeners"] = json!([]);
            bootstrap["dynamic_resources"] = json!({"lds_config": {"path_config_source": {"path": path}}});
            bootstrap["node"] = json!({"id": "test", "cluster": "test"});
        }
        native::hosted(bootstrap)
    }
}

impl Envoy {
    /// Gives it the listeners of this setup, while it runs. It was started with an updatable one.
    pub fn update(&self, setup: &Setup) {
        let scratch = self.process.scratch();
        let new = scratch.write("new", &native::hosted(setup.listeners()).to_string());
        // Envoy looks for files that are moved into their place.
        std::fs::rename(new, scratch.path(LISTENERS)).expect("a file");
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Where clients connect to another listener.
    pub fn listener(&self, name: &str) -> SocketAddr {
        listener(&self.admin().get("/listeners?format=json").json(), name)
    }

    /// A client of the admin port.
    pub fn admin(&self) -> Client {
        Client::new(self.admin)
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its log so far, which includes the module's lines.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits for a line of the log.
    pub fn wait_for_log(&self, needle: &str) -> String {
        wait_for(&format!("{needle:?} in Envoy's log"), || {
            self.log().lines().find(|line| line.contains(needle)).map(str::to_owned)
        })
    }

    /// The audit records so far.
    pub fn audit(&self) -> Vec<Value> {
        records(&self.log(), "toolgate.audit ")
    }

    /// Waits for the first audit record that is `wanted`.
    pub fn wait_for_audit(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for("an audit record", || self.audit().into_iter().find(&wanted))
    }

    /// The event records so far.
    pub fn events(&self) -> Vec<Value> {
        records(&self.log(), "toolgate.event ")
    }

    /// The access log so far.
    pub fn access_log(&self) -> Vec<Value> {
        let lines = self.process.output();
        lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for the first line of the access log that is `wanted`.
    pub fn wait_for_access(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for("a line of the access log", || self.access_log().into_iter().find(&wanted))
    }

    /// The counters and gauges whose names start so.
    pub fn stats(&self, prefix: &str) -> BTreeMap<String, u64> {
        let all = self.admin().get("/stats?format=json").json();
        let one = |stat: &Value| {
            let name = native::statistic(stat["name"].as_str()?);
            Some((name, stat["value"].as_u64()?)).filter(|(name, _)| name.starts_with(prefix))
        };
        all["stats"].as_array().into_iter().flatten().filter_map(one).collect()
    }

    /// A counter or gauge; 0 if nothing has touched it.
    pub fn stat(&self, name: &str) -> u64 {
        self.stats(name).get(name).copied().unwrap_or_default()
    }
}

/// The JSON after `marker` in each line that has it.
fn records(log: &str, marker: &str) -> Vec<Value> {
    let json = |line: &str| {
        let (_, record) = line.split_once(marker)?;
        Some(serde_json::from_str(record).unwrap_or_else(|error| panic!("{error} in {line:?}")))
    };
    // The last line may still be on its way.
    log.split_inclusive('\n').filter(|line| line.ends_with('\n')).filter_map(json).collect()
}

fn listener(listeners: &Value, name: &str) -> SocketAddr {
    let all = listeners["listener_statuses"].as_array().expect("a list of listeners");
    let mcp = all.iter().find(|one| one["name"] == name).expect("a listener of this name");
    let address = &mcp["local_address"]["socket_address"];
    let ip = address["address"].as_str().and_then(|ip| ip.parse().ok()).expect("an address");
    let port = address["port_value"].as_u64().and_then(|port| port.try_into().ok());
    SocketAddr::new(ip, port.expect("a port"))
}

/// The Envoy that the project's script finds.
fn binary() -> String {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let script = super::at_root("tools/get-envoy.sh");
        let found = std::process::Command::new("sh").arg(&script).output().expect("a shell");
        let errors = String::from_utf8_lossy(&found.stderr);
        assert!(found.status.success(), "{} found no Envoy:\n{errors}", script.display());
        PathBuf::from(String::from_utf8_lossy(&found.stdout).trim_end())
    };
    BINARY.get_or_init(find).to_string_lossy().into_owned()
}
