//! The scenario table on a real Envoy: every row in both modes, all rows of a
//! mode on one Envoy with one worker.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::scenarios::check::{self, Outcome, Received, Seen};
use crate::scenarios::explained;
use crate::scenarios::keys_and_bodies::{self, BODY_WAIT, Cell, Keys};
use crate::scenarios::request::{Answer, Request};
use crate::scenarios::{self, Scenario, config, endpoint};
use crate::support::bootstrap::{Configuration, Setup};
use crate::support::envoy::Envoy;
use crate::support::gate::{self, Mode};
use crate::support::native;
use crate::support::provider::{Behaviour, Provider};
use crate::support::raw::Response;
use crate::support::upstream::{self, State, Upstream};
use crate::support::{answer, tokens, wait_until};

#[test]
fn every_row_holds_with_headers_held() {
    every_row_holds(Mode::Held);
}

#[test]
fn every_row_holds_with_headers_ahead() {
    // The native module has no such mode.
    if !native::is_it() {
        every_row_holds(Mode::Ahead);
    }
}

#[test]
fn nothing_undecided_goes_on_whenever_keys_arrive() {
    let mut groups = keys_and_bodies::groups();
    // The native module has neither the setting nor the flag: it is as if both were true.
    groups.retain(|group| !native::is_it() || (group[0].setting && group[0].flag));
    let failures: Vec<_> = std::thread::scope(|scope| {
        let hosts: Vec<_> = groups.iter().map(|group| scope.spawn(|| run_group(group))).collect();
        hosts.into_iter().flat_map(|host| host.join().expect("a group that runs to its end")).collect()
    });
    assert!(failures.is_empty(), "{} cells fail:{}", failures.len(), check::report(&failures));
}

/// A request that was sent, what the server may have seen of it, and the answer.
struct Sent {
    id: String,
    server: upstream::Scenario,
    client: Option<Received>,
}

/// A row that was sent twice: equal requests get equal bytes.
struct SentTwice {
    row: Scenario,
    sent: Sent,
    again: Option<Received>,
}

fn every_row_holds(mode: Mode) {
    let upstream = Upstream::start();
    let provider = Provider::start(Behaviour::Script(Arc::new(|request| {
        if request.method == "POST" {
            let (status, body) = endpoint::answer(&request.body);
            return answer::Answer::new(status).header("content-type", "application/json").body(body);
        }
        let keys = answer::Answer::json(&config::published_keys());
        if request.target == config::DOWN_PATH { keys.status(500) } else { keys }
    })));
    let setup = gate::setup(&upstream, mode, &config::configuration()).provider(&provider);
    let envoy = gate::with_secrets(as_sent(setup), &config::SECRETS).start();

    let rows = scenarios::all().into_iter().enumerate();
    let sent: Vec<_> = rows.map(|(number, row)| send_twice(&envoy, &upstream, row, number)).collect();
    let records = Records::of(&envoy, sent.iter().map(|twice| &twice.sent));
    let (config, mut explained) = (explained::configuration(mode), 0);
    let failures: Vec<_> = sent
        .iter()
        .filter_map(|SentTwice { row, sent, again }| {
            let mut differences = check::differences(row, mode, &records.outcome(sent));
            if let Some(more) = explained::differences(&config, row, tokens::now(), sent.client.as_ref()) {
                explained += 1;
                differences.extend(more);
            }
            let [client, again] = [&sent.client, again].map(|client| client.as_ref().map(check::repeatable));
            if client != again {
                differences.push(format!("an equal request gets other bytes:\n      {client:?}\n      {again:?}"));
            }
            (!differences.is_empty()).then(|| (format!("{} ({mode:?})", row.name), differences))
        })
        .collect();
    assert!(failures.is_empty(), "{} rows fail:{}", failures.len(), check::report(&failures));
    // The command line explains toolgate's own answers as Envoy sent them, byte for byte.
    assert!(explained >= 250, "{explained} answers were compared");
}

/// The filter sees what the client sent: nothing before it tidies up, and ids of requests are the client's.
fn as_sent(setup: Setup) -> Setup {
    let setup = setup.unnormalised().trailers().upgrades(&["websocket", "CONNECT"]);
    setup.http_manager(|http| {
        http["preserve_external_request_id"] = json!(true);
        let filters = http["http_filters"].as_array_mut().expect("a list of filters");
        filters.retain(|filter| filter["name"] != "envoy.filters.http.compressor");
    })
}

fn send_twice(envoy: &Envoy, upstream: &Upstream, row: Scenario, number: usize) -> SentTwice {
    let script = |answer: &Answer| {
        let answer = scripted(answer);
        move |_: &upstream::Recorded| answer.clone()
    };
    let open = || match row.answer.early {
        true => upstream.early_scenario(script(&row.answer)),
        false => upstream.scenario(script(&row.answer)),
    };
    let (id, server) = (format!("row-{number}"), open());
    let client = send(envoy, &row, &id, &server);
    let again = send(envoy, &row, &format!("again-{number}"), &open());
    SentTwice { row, sent: Sent { id, server, client }, again }
}

/// The cells of one setting and flag, on one Envoy, side by side.
fn run_group(cells: &[Cell]) -> Vec<(String, Vec<String>)> {
    let (setting, flag) = (cells[0].setting, cells[0].flag);
    let latches: HashMap<_, _> =
        cells.iter().map(|cell| (keys_and_bodies::path(cell.number), answer::Latch::new())).collect();
    let upstream = Upstream::start();
    let keys = latches.clone();
    let provider = Provider::start(Behaviour::Script(Arc::new(move |request| {
        let arrived = keys[&request.target].pass().is_ok();
        if arrived { answer::Answer::json(&config::published_keys()) } else { answer::Answer::new(500) }
    })));
    let configuration = Configuration::Struct(keys_and_bodies::configuration(setting));
    let setup = Setup::new(&upstream).configuration(&configuration).host_flag(flag).provider(&provider);
    let envoy = as_sent(setup).start();

    let run = |cell: &Cell| run_cell(cell, &envoy, &upstream, &latches[&keys_and_bodies::path(cell.number)]);
    let sent: Vec<Sent> = std::thread::scope(|scope| {
        let run = &run;
        let cells: Vec<_> = cells.iter().map(|cell| scope.spawn(move || run(cell))).collect();
        cells.into_iter().map(|cell| cell.join().expect("a cell that runs to its end")).collect()
    });
    let records = Records::of(&envoy, &sent);
    let judge = |(cell, sent): (&Cell, &Sent)| (cell.name(), cell.differences(&records.outcome(sent)));
    cells.iter().zip(&sent).map(judge).filter(|(_, differences)| !differences.is_empty()).collect()
}

fn run_cell(cell: &Cell, envoy: &Envoy, upstream: &Upstream, keys: &answer::Latch) -> Sent {
    // Whether Envoy has taken in what was sent cannot be seen from outside, so this waits for it.
    let settle = || std::thread::sleep(Duration::from_millis(300));
    let (id, server) = (format!("cell-{}", cell.number), upstream.scenario(|_| scripted(&Answer::default())));
    let unrecorded = upstream.scenario(|_| scripted(&Answer::default()));
    let mut connection = envoy.client().raw();
    if cell.keys == Keys::Before {
        keys.open();
        let warm_up = wire(&cell.warm_up(), "warm-up", &unrecorded);
        assert_eq!(connection.send(warm_up.concat()).response().status, 200, "{}", cell.name());
    }
    let start = Instant::now();
    let pieces = wire(&cell.request(), &id, &server);
    connection.send_in_pieces(&pieces[..2], Duration::from_millis(20));
    if cell.keys == Keys::During {
        settle();
        keys.open();
        settle();
    }
    connection.send_in_pieces(&pieces[2..], Duration::from_millis(20));
    if cell.keys == Keys::After {
        settle();
        assert!(server.requests().is_empty(), "{}: headers went before the keys came", cell.name());
        keys.open();
    }
    let client = connection.try_response().ok().map(received);
    if cell.expected.status == 500 {
        assert!(start.elapsed() >= Duration::from_secs(BODY_WAIT), "{}: answered too soon", cell.name());
    }
    Sent { id, server, client }
}

fn send(envoy: &Envoy, row: &Scenario, id: &str, server: &upstream::Scenario) -> Option<Received> {
    let mut connection = envoy.client().raw();
    // An answer that shall come before the body needs the time to come.
    let pause = Duration::from_millis(if row.answer.early { 80 } else { 1 });
    connection.send_in_pieces(wire(&row.request, id, server), pause);
    let response = match row.request.method.as_str() {
        "HEAD" => Ok(connection.response_to_head()),
        _ => connection.try_response(),
    };
    response.ok().map(received)
}

fn received(response: Response) -> Received {
    let Response { status, headers, body, trailers, complete, .. } = response;
    Received { status, headers: headers.0, body, trailers: trailers.0, complete }
}

/// The request on the wire, in the pieces in which it is sent.
fn wire(request: &Request, id: &str, server: &upstream::Scenario) -> Vec<Vec<u8>> {
    let target = if request.method == "CONNECT" { &request.host } else { &request.path };
    let mut head = format!("{} {target} HTTP/1.1\r\nhost: {}\r\n", request.method, request.host).into_bytes();
    let own = [(upstream::HEADER, server.id()), ("x-request-id", id)];
    let own = own.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    for (name, value) in own.into_iter().chain(request.fields(tokens::now())) {
        head.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
    }
    let Some(body) = &request.body else {
        head.extend(b"\r\n");
        return vec![head];
    };
    if body.declared {
        head.extend(format!("content-length: {}\r\n\r\n", request.bytes().len()).into_bytes());
        head.extend(request.bytes());
        return vec![head];
    }
    head.extend(b"transfer-encoding: chunked\r\n\r\n");
    let chunk = |piece: &Vec<u8>| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
    let mut end = b"0\r\n".to_vec();
    for (name, value) in &body.trailers {
        end.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    end.extend(b"\r\n");
    std::iter::once(head).chain(body.pieces.iter().map(chunk)).chain([end]).collect()
}

fn scripted(answer: &Answer) -> answer::Answer {
    let fields = |script: answer::Answer, (name, value): &(String, String)| script.header(name, value.as_str());
    let script = answer.headers.iter().fold(answer::Answer::new(answer.status), fields);
    let script = if answer.declared { script } else { script.chunked() };
    let script = answer.pieces.iter().fold(script, |script, piece| script.body(piece.clone()));
    let script = answer.trailers.iter().fold(script, |script, (name, value)| script.trailer(name, value));
    if answer.cut { script.cut() } else { script }
}

/// The host's records, by the request's id.
struct Records {
    access: HashMap<String, Value>,
    audit: HashMap<String, Vec<Value>>,
}

impl Records {
    /// Waits until all is there.
    fn of<'s>(envoy: &Envoy, sent: impl IntoIterator<Item = &'s Sent>) -> Self {
        let sent: Vec<_> = sent.into_iter().collect();
        let id = |line: &Value| line["request_id"].as_str().unwrap_or_default().to_owned();
        let access = || envoy.access_log().into_iter().map(|line| (id(&line), line)).collect::<HashMap<_, _>>();
        wait_until("the access log of all rows", || {
            let access = access();
            sent.iter().all(|sent| access.contains_key(&sent.id))
        });
        wait_until("the end of all requests at the server", || {
            let pending = |request: &upstream::Recorded| request.body_state == State::Pending;
            !sent.iter().any(|sent| sent.server.requests().iter().any(pending))
        });
        let mut audit: HashMap<_, Vec<_>> = HashMap::new();
        for line in envoy.audit() {
            audit.entry(id(&line)).or_default().push(line);
        }
        Self { access: access(), audit }
    }

    fn outcome(&self, sent: &Sent) -> Outcome {
        let state = |name: &str| {
            let line = self.access.get(&sent.id);
            line.and_then(|line| line[name].as_str()).unwrap_or_default().to_owned()
        };
        let server = sent.server.requests().into_iter().next().map(|seen| Seen {
            method: seen.method,
            target: seen.target,
            headers: seen.headers.0,
            body: seen.body,
            trailers: seen.trailers.0,
            complete: seen.body_state == State::Complete,
        });
        Outcome {
            client: sent.client.clone(),
            server,
            decision: state("decision"),
            reason: state("reason"),
            audit: self.audit.get(&sent.id).cloned().unwrap_or_default(),
        }
    }
}
