//! `make demo` and `make up`: they do what they say, and when they end,
//! however that comes about, nothing of what they started is left.
//!
//! Needs the module (`make build`) and Node.js; the first time, packages are
//! installed into the project.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::{Client, Request};
use crate::support::process::Scratch;
use crate::support::raw::Response;
use crate::support::wait_until;

/// Generous: the first run downloads.
const PATIENCE: Duration = Duration::from_secs(300);
/// The last line of `up.mjs` once everything answers.
const RUNNING: &str = "Ctrl-C ends it all.";
/// A stack is ended in order, each part with five seconds of grace.
const ORDERLY: Duration = Duration::from_secs(20);

/// One stack at a time: they choose their ports before they take them.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A command in a process group of its own, as a terminal starts it.
struct Started {
    child: Child,
    scratch: Scratch,
    _alone: MutexGuard<'static, ()>,
}

impl Started {
    fn new(command: &[&str]) -> Self {
        let alone = alone();
        let scratch = Scratch::new();
        let file = |name: &str| File::create(scratch.path(name)).expect("a file");
        let child = Command::new(command[0])
            .args(&command[1..])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, scratch, _alone: alone }
    }

    fn output(&self) -> String {
        self.scratch.read("stdout")
    }

    fn wait_for_output(&mut self, needle: &str) {
        let start = Instant::now();
        while !self.output().contains(needle) {
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "it ended, {ended:?}, without {needle:?}");
            assert!(start.elapsed() < PATIENCE, "no {needle:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The exit code; none for a signal.
    fn wait(&mut self, within: Duration) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(start.elapsed() < within, "it goes on after {within:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// It and all that it started, directly or not.
    fn family(&self) -> BTreeSet<u32> {
        let all = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().expect("ps");
        let all = String::from_utf8_lossy(&all.stdout).into_owned();
        let pairs: Vec<(u32, u32)> = all
            .lines()
            .filter_map(|line| {
                let mut numbers = line.split_whitespace().map(str::parse);
                Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
            })
            .collect();
        let mut family = BTreeSet::from([self.child.id()]);
        loop {
            let born = pairs.iter().filter(|(_, parent)| family.contains(parent)).map(|(child, _)| *child);
            let grown: BTreeSet<_> = born.chain(family.iter().copied()).collect();
            if grown.len() == family.len() {
                return family;
            }
            family = grown;
        }
    }

    fn group(&self) -> String {
        format!("-{}", self.child.id())
    }
}

impl Drop for Started {
    /// Its child processes end when it does.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}\n{}", self.output(), self.scratch.read("stderr"));
        }
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            signal("KILL", &self.group());
            let _ = self.child.wait();
        }
        let _ = fs::remove_dir_all(self.scratch.path(""));
    }
}

/// Sends a signal to a process, or to a group if the id is negative.
fn signal(name: &str, id: &str) {
    Command::new("kill").args(["-s", name, "--", id]).status().expect("kill");
}

fn is_running(pid: u32) -> bool {
    let ask = Command::new("kill").args(["-0", &pid.to_string()]).stderr(Stdio::null()).status();
    ask.expect("kill").success()
}

/// The packages, before anything is timed.
fn set_up() {
    let mut setup = Started::new(&["node", "demo/setup.mjs"]);
    assert_eq!(setup.wait(PATIENCE), Some(0));
}

fn nothing_is_left(family: &BTreeSet<u32>) {
    wait_until("the last process to be gone", || !family.iter().any(|pid| is_running(*pid)));
}

#[test]
fn the_demo_walks_the_whole_loop_with_success() {
    set_up();
    let mut demo = Started::new(&["node", "demo/walk.mjs"]);
    demo.wait_for_output("Envoy with toolgate");
    let family = demo.family();
    assert_eq!(demo.wait(PATIENCE), Some(0));
    let output = demo.output();
    assert!(output.contains("all as expected") && !output.contains('✗'), "{output}");
    assert!(!output.contains('\u{1b}'), "no colours where no terminal is");
    assert!(output.contains("so this client registers nowhere"), "{output}");
    assert_page_shows(&output);
    assert_recording_shows(&output);
    nothing_is_left(&family);
}

#[test]
fn a_client_registers_where_its_document_is_not_read() {
    set_up();
    let mut demo = Started::new(&["node", "demo/walk.mjs", "--register"]);
    assert_eq!(demo.wait(PATIENCE), Some(0));
    let output = demo.output();
    assert!(output.contains("so this client registers (RFC 7591)"), "{output}");
    assert!(output.contains("all as expected") && !output.contains('✗'), "{output}");
}

/// Asserts that the page about the demo shows the output of the walk. Ports may differ.
fn assert_page_shows(output: &str) {
    let page = include_str!("../../docs/demo.md");
    let shown = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the walk");
    assert!(shown.contains("all as expected"), "{shown}");
    let ports = |line: &str| {
        line.split("127.0.0.1:").map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect::<String>()
    };
    let printed: BTreeSet<String> = output.lines().map(ports).collect();
    for line in shown.lines() {
        assert!(line.is_empty() || printed.contains(&ports(line)), "docs/demo.md shows what is not printed: {line}");
    }
}

/// Asserts that the recording shows the output of the walk, line by line. Whatever has a digit may differ: ports, ids, times.
fn assert_recording_shows(output: &str) {
    let plain = |text: &str| {
        let words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_')));
        words
            .map(|word| if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let printed: Vec<String> = output.lines().map(plain).collect();
    let picture = include_str!("../../docs/demo.svg");
    let mut shown = 0;
    for line in picture.split("<text y=").skip(1).map(|rest| rest.split("</text>").next().unwrap()) {
        // The text without its tags; the first part is the rest of the tag that begins it.
        let text: String = line.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        // A line that is too wide is cut, perhaps in a word.
        let begins =
            text.strip_suffix('…').map(|cut| plain(cut.rsplit_once([' ', '"']).map_or(cut, |(whole, _)| whole)));
        let whole = plain(&text);
        let found =
            printed.iter().any(|line| begins.as_ref().map_or(*line == whole, |begins| line.starts_with(begins)));
        assert!(found, "docs/demo.svg shows what is not printed: {text}; `node demo/record.mjs` makes it anew");
        shown += 1;
    }
    let lines = output.lines().filter(|line| !line.is_empty()).count();
    assert!(shown + 5 > lines, "docs/demo.svg shows {shown} of {lines} lines");
}

#[test]
fn a_page_finds_and_registers_all_it_needs_in_the_stack_of_make_up() {
    set_up();
    let mut up = Started::new(&["node", "demo/up.mjs"]);
    up.wait_for_output(RUNNING);
    let output = up.output();
    let server = |name: &str| {
        let running = output.lines().skip_while(|line| *line != "Running");
        let url = running.filter_map(|line| line.strip_prefix(name)).next().expect(name).trim();
        let host = url.trim_start_matches("http://").trim_end_matches("/mcp").to_owned();
        let client = Client::new(host.parse().expect("an address"));
        move |request: Request| client.send(&request.host(&host))
    };
    let (gate, authorization) = (server("MCP endpoint, behind toolgate"), server("Authorization server"));
    let origin = "http://127.0.0.1:6274";
    let scopes = |answer: &Response| {
        let document = answer.json();
        let scopes = document["scopes_supported"].as_array().expect("scopes").clone();
        scopes.iter().map(|scope| scope.as_str().expect("a scope").to_owned()).collect::<BTreeSet<_>>()
    };
    let asked = scopes(&gate(Request::get("/.well-known/oauth-protected-resource/mcp")));
    let known = scopes(&authorization(Request::get("/.well-known/oauth-authorization-server")));
    assert!(!asked.is_empty() && asked.is_subset(&known), "{asked:?}: {known:?}");

    let preflight = Request::new("OPTIONS", "/reg").header("origin", origin);
    let preflight = preflight.header("access-control-request-method", "POST");
    let preflight = authorization(preflight.header("access-control-request-headers", "content-type"));
    assert_eq!(preflight.status, 204, "{}", preflight.text());
    assert_eq!(preflight.header("access-control-allow-headers").as_deref(), Some("content-type"));
    let metadata = json!({
        "redirect_uris": [format!("{origin}/oauth/callback")], "token_endpoint_auth_method": "none", "scope": "mcp:read",
    });
    let registered = authorization(Request::post("/reg", &metadata).header("origin", origin));
    assert_eq!(registered.status, 201, "{}", registered.text());
    for answer in [&preflight, &registered] {
        assert_eq!(answer.header("access-control-allow-origin").as_deref(), Some(origin));
    }
}

#[test]
fn a_signal_ends_the_stack_and_leaves_no_process() {
    set_up();
    for name in ["INT", "TERM", "HUP"] {
        let mut up = Started::new(&["node", "demo/up.mjs"]);
        up.wait_for_output(RUNNING);
        let family = up.family();
        // Three servers, each on a leash, beside itself.
        assert!(family.len() > 3 * 2, "{family:?}");
        signal(name, &up.child.id().to_string());
        assert_eq!(up.wait(ORDERLY), Some(0), "{name}");
        nothing_is_left(&family);
    }
}

#[test]
fn ctrl_c_in_make_up_leaves_no_process() {
    set_up();
    // The module is built already, as for the other tests here, which use it meanwhile. A build takes minutes, and comes
    // about whenever the commit is another one.
    let mut make = Started::new(&["make", "--assume-old=build", "up"]);
    make.wait_for_output(RUNNING);
    let family = make.family();
    // A terminal sends it to the whole group, `make` and its shell included.
    signal("INT", &make.group());
    make.wait(ORDERLY);
    nothing_is_left(&family);
}

#[test]
fn a_killed_stack_leaves_no_process() {
    set_up();
    let mut up = Started::new(&["node", "demo/up.mjs"]);
    up.wait_for_output(RUNNING);
    let family = up.family();
    signal("KILL", &up.child.id().to_string());
    assert_eq!(up.wait(ORDERLY), None);
    nothing_is_left(&family);
}

#[test]
fn an_interrupted_demo_fails_and_leaves_no_process() {
    set_up();
    // While it starts, and in the middle of the walk.
    for moment in ["Authorization server", "Without a token"] {
        let mut demo = Started::new(&["node", "demo/walk.mjs"]);
        demo.wait_for_output(moment);
        let family = demo.family();
        signal("INT", &demo.child.id().to_string());
        assert_eq!(demo.wait(ORDERLY), Some(130), "{moment}");
        nothing_is_left(&family);
    }
}

#[test]
fn the_script_that_gets_envoy_passes_its_tests() {
    let mut script = Started::new(&["sh", "tools/get-envoy-test.sh"]);
    assert_eq!(script.wait(PATIENCE), Some(0));
    assert!(script.output().contains(" 0 failed"), "{}", script.output());
}
