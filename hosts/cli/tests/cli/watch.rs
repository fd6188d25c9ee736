//! `toolgate suggest` and `toolgate watch`: from the records of a shadow run to the smallest policy that allows it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use crate::commands::configuration;
use crate::run::Place;
use crate::support::server;
use crate::support::tokens::{AUDIENCE, ISSUER};

fn record(target: &str, reason: &str, subject: &str, scopes: &[&str]) -> Value {
    json!({
        "decision": "shadow_deny", "reason": reason, "resource": AUDIENCE, "method": "tools/call", "target": target,
        "subject": subject, "client": "c", "issuer": ISSUER, "scopes": scopes,
    })
}

fn line(record: &Value) -> String {
    format!("[2026-11-29 10:00:00][info] toolgate.audit {record}\n")
}

fn with(mut record: Value, change: &Value) -> Value {
    record.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    record
}

fn place() -> Place {
    let place = Place::new("suggest");
    let tools = json!({
        "read": {"scopes": ["a:read"]}, "set_*": {"scopes": ["a:write"]}, "erase": {"scopes": ["a:admin"], "acr": "high"},
        "low": {"scopes": []},
    });
    let hierarchy = json!({"a:write": ["a:read"]});
    let matrix = json!([{"name": "no admin", "clients": ["x"], "scopes": ["a:read"]}]);
    let policy =
        json!({"mode": "shadow", "base_scopes": ["a:base"], "hierarchy": hierarchy, "tools": tools, "matrix": matrix});
    place.file("toolgate.json", configuration(policy));
    let log = [
        record("run", "unlisted", "alice", &["a:base", "a:write", "other"]),
        record("run", "unlisted", "bob", &["a:base", "a:write", "a:admin"]),
        record("set_alert", "insufficient_scope", "bob", &["a:base", "a:read"]),
        record("read", "insufficient_scope", "eve", &["a:base"]),
        record("erase", "insufficient_scope", "bob", &["a:base", "a:read"]),
        with(record("brief", "unlisted", "bob", &["a:base", "a:read"]), &json!({"method": "prompts/get"})),
        // A rule changes nothing about these.
        record("read", "matrix_narrows_scopes", "bob", &["a:base", "a:read"]),
        record("read", "insufficient_scope", "mallory", &["a:read"]),
        // Those that were denied are of another run.
        with(record("gone", "unlisted", "bob", &["a:base"]), &json!({"decision": "deny"})),
        with(record("read", "allowed", "bob", &["a:base", "a:read"]), &json!({"decision": "allow"})),
    ];
    let lines: String = log.iter().map(line).collect();
    place.file("log", format!("something else\n{lines}{}", &line(&log[0])[..90]));
    place
}

#[test]
fn the_smallest_rules_are_suggested_as_a_diff() {
    let place = place();
    let expected = "\
https://mcp.example.com/mcp, policy.prompts
+ \"brief\": {\"scopes\":[\"a:read\"]}  # 1 call by bob through c
https://mcp.example.com/mcp, policy.tools
- \"erase\": {\"scopes\":[\"a:admin\"]}
+ \"erase\": {\"any_of\":[[\"a:admin\"],[\"a:read\"]]}  # 1 call by bob through c
- \"read\": {\"scopes\":[\"a:read\"]}
+ \"read\": {\"scopes\":[]}  # 1 call by eve through c
+ \"run\": {\"scopes\":[\"a:write\"]}  # 2 calls by alice through c, bob through c
+ \"set_alert\": {\"any_of\":[[\"a:write\"],[\"a:read\"]]}  # 1 call by bob through c

5 rules; 2 cannot be allowed by a rule
";
    assert_eq!(place.run("suggest toolgate.json log").well(), expected);
    let denied = place.run("suggest toolgate.json log --denied --json").json();
    assert_eq!((denied["changes"].as_array().unwrap().len(), &denied["others"]), (6, &json!(2)));
}

#[test]
fn the_changed_policy_allows_what_was_recorded_and_keeps_the_conditions() {
    let place = place();
    place.run("suggest toolgate.json log --write changed.yaml").well();
    let changed: Value = serde_norway::from_str(&place.read("changed.yaml")).unwrap();
    assert_eq!(changed["resources"][0]["policy"]["tools"]["erase"]["acr"], "high");
    let replayed = place.run("replay changed.yaml log --json").json();
    let changes = replayed["changes"].as_array().unwrap();
    let now: Vec<_> =
        changes.iter().map(|own| (own["target"].as_str().unwrap(), own["now"].as_str().unwrap())).collect();
    for target in ["run", "set_alert", "read", "brief"] {
        assert!(now.contains(&(target, "allow (allowed)")), "{target}: {now:?}");
    }
    let others: Vec<_> = now.iter().filter(|(_, now)| *now != "allow (allowed)").collect();
    assert_eq!(others, [&("gone", "shadow_deny (unlisted)")], "it was not of the run");
    // A caller with less is denied still.
    place.file("cases.yaml", "cases: [{as: {scopes: [a:base, a:read]}, tool: run, expect: shadow_deny}]\n");
    place.run("test changed.yaml cases.yaml").well();
}

#[test]
fn a_table_shows_who_is_denied_what_and_what_would_allow_it() {
    let place = place();
    let watched = place.run("watch log --once").well();
    assert!(watched.starts_with("10 records, 9 denied\n\ntimes  decision     reason "), "{watched}");
    assert!(
        watched.contains("1      shadow_deny  unlisted               tools/call run        alice through c\n"),
        "{watched}"
    );
    assert!(
        watched.contains("1      deny         unlisted               tools/call gone       bob through c\n"),
        "{watched}"
    );
    // Without a terminal, each denial is a line as it comes, before the table.
    let log = place.read("log");
    let piped = place.run_with("watch -", &log).well();
    let lines = piped.strip_suffix(&watched).unwrap_or_else(|| panic!("{piped}"));
    assert_eq!(lines.lines().count(), 9, "{lines}");
    assert!(lines.starts_with("shadow_deny  unlisted  tools/call run  alice through c\n"), "{lines}");
    let timed = line(&with(record("run", "unlisted", "alice", &[]), &json!({"time": "2026-11-29T10:00:00.000Z"})));
    let piped = place.run_with("watch -", &timed).well();
    assert!(piped.starts_with("2026-11-29T10:00:00.000Z  shadow_deny  unlisted  tools/call run  "), "{piped}");
    let allowed = place.run("watch log --once --config toolgate.json").well();
    assert!(
        allowed.contains("\nto allow it:\n") && allowed.contains("+ \"run\": {\"scopes\":[\"a:write\"]}"),
        "{allowed}"
    );
    for (arguments, said) in [
        ("watch none --once", "none: No such file"),
        ("watch --listen 192.0.2.1:9", "must be a loopback address"),
        ("watch", "required arguments"),
        ("watch log --listen 127.0.0.1:9", "cannot be used with"),
    ] {
        let ran = place.run(arguments);
        assert!(ran.code == 2 && ran.err.contains(said), "{arguments}: {ran:?}");
    }
}

#[test]
fn a_record_steers_no_terminal() {
    let place = Place::new("watch-forged");
    let forged = record("x\u{1b}[2J\u{202e}\nall is well", "unlisted", "\u{9b}1A", &["a:base"]);
    place.file("log", line(&forged)).file("toolgate.json", configuration(json!({"tools": {}})));
    for command in ["watch log --once --config toolgate.json", "suggest toolgate.json log"] {
        let out = place.run(&format!("--color always {command}")).well();
        assert!(!["\u{1b}[2J", "\u{9b}", "\u{202e}"].iter().any(|own| out.contains(own)), "{command}: {out:?}");
        assert!(!out.lines().any(|line| line.starts_with("all is well")), "{command}: {out:?}");
    }
}

/// The program on a terminal of this size, as long as it runs.
struct OnTerminal {
    child: Child,
    written: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
    size: (usize, usize),
}

impl OnTerminal {
    /// `None` without the program `script` of util-linux, which makes the terminal.
    fn start(place: &Place, arguments: &str, size: (usize, usize)) -> Option<Self> {
        let is_there = Command::new("script")
            .arg("--version")
            .output()
            .is_ok_and(|ran| String::from_utf8_lossy(&ran.stdout).contains("util-linux"));
        if !is_there {
            println!("SKIPPED, nothing was tested: there is no `script` of util-linux");
            return None;
        }
        let (columns, rows) = size;
        let program = env!("CARGO_BIN_EXE_toolgate");
        let inside = format!("stty rows {rows} cols {columns}; exec {program} {arguments}");
        let mut child = Command::new("script")
            .args(["-qefc", &inside, "/dev/null"])
            .current_dir(&place.0)
            .env_remove("NO_COLOR")
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let (sender, written) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Some(Self { child, written, bytes: Vec::new(), size })
    }

    /// The rows that a person sees, without those that are empty at the end.
    fn screen(&mut self) -> Vec<String> {
        self.bytes.extend(self.written.try_iter().flatten());
        let mut terminal = avt::Terminal::new(self.size.0, self.size.1).unwrap();
        terminal.feed(String::from_utf8_lossy(&self.bytes).as_ref());
        let screen = terminal.screen();
        let rows = (0..self.size.1).map(|row| screen.line(row).unwrap().text().trim_end().to_owned());
        let mut rows: Vec<String> = rows.collect();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }

    /// The screen, once its first row is this.
    fn wait_for(&mut self, first: &str) -> Vec<String> {
        crate::support::wait_for(first, || {
            let screen = self.screen();
            screen.first().is_some_and(|row| row == first).then_some(screen)
        })
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}", String::from_utf8_lossy(&self.bytes));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn on_a_terminal_the_table_is_drawn_again_in_its_place() {
    for colour in ["auto", "never"] {
        let place = Place::new("watch-terminal");
        place.file("log", "");
        let Some(mut terminal) = OnTerminal::start(&place, &format!("--color {colour} watch log"), (60, 9)) else {
            return;
        };
        assert_eq!(terminal.wait_for("0 records, 0 denied"), ["0 records, 0 denied"]);
        let append = |record: &Value| {
            let mut log = std::fs::OpenOptions::new().append(true).open(place.0.join("log")).unwrap();
            log.write_all(line(record).as_bytes()).unwrap();
        };
        append(&record("run", "unlisted", "alice", &[]));
        let screen = terminal.wait_for("1 record, 1 denied");
        let table = [
            "times  decision     reason    what            who",
            "1      shadow_deny  unlisted  tools/call run  alice through c",
        ];
        assert_eq!(screen[1..], ["", table[0], table[1][..60].trim_end()], "what is too wide is cut");
        append(&record("run", "unlisted", "alice", &[]));
        let screen = terminal.wait_for("2 records, 2 denied");
        assert_eq!(
            screen[1..],
            ["", table[0], table[1].replacen('1', "2", 1)[..60].trim_end()],
            "the first table is gone"
        );
        // Long lines take one row, and what does not fit is counted.
        for n in 0..7 {
            append(&record(&format!("{}-{n}", "long-name".repeat(9)), "unlisted", "alice", &[]));
        }
        let screen = terminal.wait_for("9 records, 9 denied");
        assert_eq!(screen.len(), 8, "{screen:#?}");
        assert!(screen[3].starts_with("2      shadow_deny  unlisted  tools/call run"), "{screen:#?}");
        assert!(screen[4..7].iter().all(|row| row.starts_with("1      shadow_deny")), "{screen:#?}");
        assert_eq!(screen[7], "... 4 more lines");
    }
}

#[test]
fn on_a_terminal_the_table_stays_at_the_end() {
    let place = Place::new("watch-terminal-end");
    place.file("log", line(&record("run", "unlisted", "alice", &[])));
    let Some(mut terminal) = OnTerminal::start(&place, "watch - < log", (80, 9)) else { return };
    terminal.child.wait().unwrap();
    let screen = terminal.wait_for("1 record, 1 denied");
    assert_eq!(screen.len(), 4, "once: {screen:#?}");
    assert!(String::from_utf8_lossy(&terminal.bytes).ends_with("alice through c\r\n"), "and the cursor is below it");
}

#[test]
fn it_is_the_endpoint_of_a_sink_too() {
    let port = server::listen().local_addr().unwrap().port();
    let mut child = Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .args(["watch", "--listen", &format!("127.0.0.1:{port}")])
        .stdout(Stdio::null())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut stream = crate::support::wait_for("the sink", || TcpStream::connect(("127.0.0.1", port)).ok());
    let body = format!("{}\n", record("run", "unlisted", "alice", &[]));
    for _ in 0..2 {
        write!(stream, "POST /audit HTTP/1.1\r\nhost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = [0; 27];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 204 No Content\r\n\r\n");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
