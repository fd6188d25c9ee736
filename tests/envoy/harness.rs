//! The harness is tested first, with the module left out: what it reports must
//! be what happened.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::json;

use crate::support::answer::{Answer, Latch};
use crate::support::bootstrap::Setup;
use crate::support::client::Request;
use crate::support::envoy::Envoy;
use crate::support::http2::Http2;
use crate::support::upstream::{State, Upstream};
use crate::support::{deadline, wait_until};

/// One Envoy for all tests that need nothing special of it. Statics are never
/// dropped; it ends with the test run nevertheless.
static PLAIN: LazyLock<(Upstream, Envoy)> = LazyLock::new(|| {
    let upstream = Upstream::start();
    let setup = Setup::new(&upstream).without_filter().unnormalised().trailers();
    let envoy = setup.upgrades(&["websocket"]).start();
    (upstream, envoy)
});

fn ok() -> Answer {
    Answer::json(&json!({"ok": true}))
}

#[test]
fn the_upstream_records_the_bytes_that_were_sent() {
    let (upstream, envoy) = &*PLAIN;
    let scenario = upstream.scenario(|_| ok());
    let body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let request = Request::new("POST", "/mcp//%6d?a=b%00")
        .header("X-Odd", *b"\xff\xfe")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .body(body.clone())
        .scenario(&scenario);

    assert_eq!(envoy.client().send(&request).json(), json!({"ok": true}));

    let recorded = scenario.request();
    assert_eq!((recorded.method.as_str(), recorded.target.as_str()), ("POST", "/mcp//%6d?a=b%00"));
    assert_eq!(recorded.headers.bytes("x-odd").next(), Some(&b"\xff\xfe"[..]));
    assert_eq!(recorded.headers.all("x-twice"), ["1", "2"]);
    assert_eq!(recorded.body, body);
    assert_eq!(recorded.body_state, State::Complete);
}

#[test]
fn chunks_and_trailers_arrive() {
    let (upstream, envoy) = &*PLAIN;
    let scenario = upstream.scenario(|_| ok().trailer("x-sum", "2"));
    let request = Request::new("POST", "/").body("abcdef").scenario(&scenario);

    let mut connection = envoy.client().raw();
    let response = connection.send(request.chunked(&[1, 2], &[("x-sum", "1")])).response();

    let recorded = scenario.request();
    assert_eq!(recorded.body, b"abcdef");
    assert_eq!(recorded.trailers.all("x-sum"), ["1"]);
    assert_eq!(response.trailers.all("x-sum"), ["2"]);
    assert!(response.complete);
}

#[test]
fn http2_ends_in_trailers_too() {
    let (upstream, envoy) = &*PLAIN;
    let scenario = upstream.scenario(|_| ok());
    let request = Http2::new("POST", "http://mcp.example.com/mcp")
        .header("x-scenario", scenario.id())
        .piece("ab")
        .piece("c")
        .trailer("x-sum", "1");

    assert_eq!(request.send(envoy.address()).expect("an answer").json(), json!({"ok": true}));

    let recorded = scenario.request();
    assert_eq!(recorded.body, b"abc");
    assert_eq!(recorded.trailers.all("x-sum"), ["1"]);
}

#[test]
fn a_body_cut_short_is_recorded_as_aborted() {
    let (upstream, envoy) = &*PLAIN;
    let scenario = upstream.scenario(|_| ok());
    let whole = Request::new("POST", "/mcp").body("0123456789").scenario(&scenario).bytes();

    let mut connection = envoy.client().raw();
    connection.send(&whole[..whole.len() - 5]);
    wait_until("the headers at the upstream", || !scenario.requests().is_empty());
    assert_eq!(scenario.requests()[0].body_state, State::Pending);
    drop(connection);

    let recorded = scenario.request();
    assert_eq!(recorded.body_state, State::Aborted);
    assert_eq!(recorded.body, b"01234");
}

#[test]
fn bytes_in_pieces_make_one_request() {
    let (upstream, envoy) = &*PLAIN;
    let scenario = upstream.scenario(|_| ok());
    let whole = Request::new("POST", "/mcp").body("0123456789").scenario(&scenario).bytes();

    let mut connection = envoy.client().raw();
    connection.send_in_pieces(whole.chunks(40), Duration::from_millis(1));

    assert_eq!(connection.response().status, 200);
    assert_eq!(scenario.request().body, b"0123456789");
}

#[test]
fn an_early_answer_does_not_wait_for_the_body() {
    let (upstream, envoy) = &*PLAIN;
    let scenario = upstream.early_scenario(|_| ok());
    let whole = Request::new("POST", "/mcp").body("0123456789").scenario(&scenario).bytes();

    let mut connection = envoy.client().raw();
    connection.send(&whole[..whole.len() - 5]);

    assert_eq!(connection.response().json(), json!({"ok": true}));
    assert_eq!(scenario.request().body_state, State::Aborted);
}

#[test]
fn events_arrive_one_by_one() {
    let (upstream, envoy) = &*PLAIN;
    let latch = Latch::new();
    let script = {
        let latch = latch.clone();
        move |_: &_| Answer::events(["data: 1\n\n"]).wait(&latch).body("data: 2\n\n")
    };
    let scenario = upstream.scenario(script);

    let mut stream = envoy.client().open(&Request::get("/mcp").scenario(&scenario));
    assert_eq!(stream.read_until("1\n\n"), "data: 1\n\n");
    latch.open();
    assert_eq!(stream.read_until("2\n\n"), "data: 2\n\n");
    assert_eq!(stream.piece(), None);
    assert_eq!(scenario.answered(), State::Complete);
}

#[test]
fn a_client_that_leaves_cuts_the_stream_at_the_upstream() {
    let (upstream, envoy) = &*PLAIN;
    let endless = |_: &_| {
        let beats = (0..1000).map(|_| ": beat\n\n");
        beats.fold(Answer::events([""; 0]), |answer, beat| answer.body(beat).delay(Duration::from_millis(10)))
    };
    let scenario = upstream.scenario(endless);

    let mut stream = envoy.client().open(&Request::get("/mcp").scenario(&scenario));
    stream.read_until("beat");
    drop(stream);

    assert_eq!(scenario.answered(), State::Aborted);
}

#[test]
fn a_truncated_answer_is_told_from_a_whole_one() {
    let (upstream, envoy) = &*PLAIN;
    type Case = (&'static str, fn() -> Answer, bool);
    const CASES: &[Case] = &[
        ("a length, whole", || Answer::new(200).body("abc"), true),
        ("a length, cut", || Answer::new(200).body("abc").cut(), false),
        ("chunks, whole", || Answer::new(200).body("abc").chunked(), true),
        ("chunks, cut", || Answer::new(200).body("abc").chunked().cut(), false),
        ("no framing", || Answer::raw("HTTP/1.1 200 OK\r\n\r\nabc").cut(), true),
    ];
    for (name, answer, complete) in CASES {
        let scenario = upstream.scenario(|_: &_| answer());
        let response = envoy.client().send(&Request::get("/").scenario(&scenario));
        assert_eq!((response.complete, response.text().as_str()), (*complete, "abc"), "{name}");
    }
}

#[test]
fn an_upgrade_is_answered_and_echoes() {
    let (upstream, envoy) = &*PLAIN;
    let scenario = upstream.scenario(|_| Answer::switching_protocols("websocket"));
    let request =
        Request::get("/mcp").header("connection", "upgrade").header("upgrade", "websocket").scenario(&scenario);

    let mut stream = envoy.client().open(&request);
    assert_eq!(stream.status, 101);
    stream.send("ping");
    assert_eq!(stream.read_until("ping"), "ping");
}

#[test]
fn a_head_has_no_body_to_wait_for() {
    let (upstream, envoy) = &*PLAIN;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    let scenario = upstream.scenario(move |_| Answer::raw(head));
    let response = envoy.client().send(&Request::new("HEAD", "/mcp").scenario(&scenario));
    assert_eq!(response.header("content-length").as_deref(), Some("5"));
}

#[test]
fn scenarios_in_parallel_do_not_mix() {
    let (upstream, envoy) = &*PLAIN;
    let ask = |number: usize| {
        let scenario = upstream.scenario(move |_| Answer::json(&json!(number)));
        let response = envoy.client().send(&Request::get("/").scenario(&scenario));
        assert_eq!(response.json(), json!(number));
        assert_eq!(scenario.requests().len(), 1);
    };
    let nobody = upstream.scenario(|_| ok());
    std::thread::scope(|scope| {
        for number in 0..20 {
            scope.spawn(move || ask(number));
        }
    });
    assert!(nobody.stays_empty());
}

#[test]
fn the_access_log_and_the_counters_tell_of_a_request() {
    let (_, envoy) = &*PLAIN;
    envoy.client().get("/counted");
    let line = envoy.wait_for_access(|line| line["path"] == "/counted");
    assert_eq!(line["status"], 200);
    assert!(envoy.stat("http.mcp.downstream_rq_total") > 0);
}

#[test]
fn an_upstream_that_stops_is_back_on_its_port() {
    let mut upstream = Upstream::start();
    let envoy = Setup::new(&upstream).without_filter().concurrency(2).start();
    let status = || envoy.client().get("/mcp").status;
    assert_eq!(status(), 200);
    upstream.stop();
    wait_until("Envoy to miss the upstream", || status() == 503);
    upstream.restart();
    wait_until("Envoy to find the upstream", || status() == 200);
}

#[test]
fn a_bad_bootstrap_is_refused_with_a_reason() {
    let setup = Setup::new(&PLAIN.0).without_filter().edit(|bootstrap| {
        bootstrap["static_resources"]["listener"] = json!([]);
    });
    assert!(setup.start_expecting_refusal().contains("listener"));
    assert!(setup.validate().expect_err("a refusal").contains("listener"));
    assert_eq!(Setup::new(&PLAIN.0).without_filter().validate(), Ok(()));
}

#[test]
fn a_dropped_envoy_leaves_no_process() {
    let envoy = Setup::new(&PLAIN.0).without_filter().start();
    let (address, pid) = (envoy.address(), envoy.pid());
    drop(envoy);
    assert!(TcpStream::connect(address).is_err(), "{address} still accepts");
    assert!(!is_running(pid), "{pid} is still there");
}

#[test]
fn a_panicking_test_leaves_no_process() {
    let started = std::sync::Mutex::new(None);
    let panicked = std::thread::scope(|scope| {
        let test = scope.spawn(|| {
            let envoy = Setup::new(&PLAIN.0).without_filter().start();
            *started.lock().unwrap() = Some(envoy.pid());
            panic!("a test that fails, on purpose");
        });
        test.join().is_err()
    });
    assert!(panicked);
    assert!(!is_running(started.lock().unwrap().expect("a process id")));
}

/// The hard case: nothing of the test run is left to clean up.
#[test]
fn a_killed_test_run_leaves_no_process() {
    let mut run = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "harness::victim", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let address = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("listening on ")?.1.parse::<SocketAddr>().ok())
        .expect("an address");
    assert!(TcpStream::connect(address).is_ok());

    run.kill().unwrap();
    run.wait().unwrap();

    wait_until("Envoy to end", || TcpStream::connect(address).is_err());
}

#[test]
#[ignore = "run and killed by `a_killed_test_run_leaves_no_process`"]
fn victim() {
    let envoy = Setup::new(&Upstream::start()).without_filter().start();
    println!("listening on {}", envoy.address());
    std::thread::sleep(deadline());
}

fn is_running(pid: u32) -> bool {
    let ask = ["-c", "kill -0 \"$0\" 2>/dev/null", &pid.to_string()];
    Command::new("sh").args(ask).status().unwrap().success()
}
