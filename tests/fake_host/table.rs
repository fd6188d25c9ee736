//! The scenario table on the fake host: every row in both modes, with bodies
//! delivered in every way a host may deliver them.

use std::time::Duration;

use crate::scenarios::check::{self, Outcome, Received, Seen};
use crate::scenarios::keys_and_bodies::{self, BODY_WAIT, Cell, Keys, PER_HOST};
use crate::scenarios::request::{Answer, Request};
use crate::scenarios::{Scenario, config, endpoint};
use crate::support::fake::{End, Fields, Message, Part, Response, STAMP, Stream, Worker, ok};
use crate::support::gate::Mode;
use toolgate::callout::Request as Call;
use toolgate::config::SubjectForm;

/// The time of every test.
pub const NOW: i64 = 1_800_000_000;

/// How a host may deliver a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    /// The end comes with the last piece.
    Joined,
    /// The end comes alone.
    Apart,
    /// Byte by byte.
    Bytewise,
}

#[test]
fn every_row_holds_on_the_fake_host() {
    let mut failures = Vec::new();
    for mode in Mode::ALL {
        let mut configuration = config::configuration();
        configuration["hold_request_headers"] = mode.holds().into();
        for delivery in [Delivery::Joined, Delivery::Apart, Delivery::Bytewise] {
            let mut worker = Worker::new(&configuration, mode.holds(), NOW);
            for row in crate::scenarios::all() {
                let outcome = exchange(&mut worker, &row.request, &row.answer, delivery);
                let mut differences = check::differences(&row, mode, &outcome);
                let again = exchange(&mut worker, &row.request, &row.answer, delivery);
                if same(&outcome) != same(&again) {
                    differences.push(format!("an equal request gets other bytes:\n      {again:?}"));
                }
                if !differences.is_empty() {
                    failures.push((format!("{} ({mode:?}, {delivery:?})", row.name), differences));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} rows fail:{}", failures.len(), check::report(&failures));
}

#[test]
fn the_table_is_large_and_its_names_are_sentences() {
    let rows = crate::scenarios::all();
    let mut names: Vec<_> = rows.iter().map(|row: &Scenario| row.name).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert!(twice.is_empty(), "two rows have one name: {twice:?}");
    let count = names.len();
    assert!(count >= 300, "{count} rows");
}

#[test]
fn nothing_undecided_goes_on_whenever_keys_arrive() {
    let cells = keys_and_bodies::groups().concat();
    assert_eq!(cells.len(), 4 * PER_HOST);
    let differ = |cell: &Cell, request: Request| (cell.name(), run_cell(cell, &request));
    // A request may end in its body or in trailers.
    let endings = |cell| [differ(cell, cell.request()), differ(cell, cell.request().trailer("x-sum", "1"))];
    let failures: Vec<_> = cells.iter().flat_map(endings).filter(|(_, differences)| !differences.is_empty()).collect();
    assert!(failures.is_empty(), "{} cells fail:{}", failures.len(), check::report(&failures));
}

fn run_cell(cell: &Cell, request: &Request) -> Vec<String> {
    let mut worker = Worker::new(&keys_and_bodies::configuration(cell.setting), cell.flag, NOW);
    let keys = ok(&config::published_keys());
    worker.tick();
    let path = keys_and_bodies::path(cell.number);
    let [fetch] = worker.take(|sent| sent.request.url().ends_with(&path)).try_into().unwrap();
    if cell.keys == Keys::Before {
        worker.answer(fetch.call, Some(&keys));
    }
    let stream = Stream::open(&mut worker, head(request), End::More);
    let arrive = |worker: &mut Worker, stream: &Stream, now: Keys| {
        if cell.keys == now && now != Keys::Before {
            worker.answer(fetch.call, Some(&keys));
        }
        // Of an unknown key the keys are asked for again, and are the same.
        worker.settle(&provider);
        serve_if_asked(worker, stream, &Answer::default(), Delivery::Joined);
    };
    let mut parts = request_parts(request, Delivery::Apart).into_iter();
    arrive(&mut worker, &stream, Keys::Before);
    stream.receive(&mut worker, parts.next().unwrap());
    arrive(&mut worker, &stream, Keys::During);
    parts.for_each(|part| stream.receive(&mut worker, part));
    arrive(&mut worker, &stream, Keys::After);
    let early = outcome(&stream, request);
    let mut differences = Vec::new();
    if cell.expected.status == 500 {
        worker.wait(Duration::from_millis(BODY_WAIT * 1000 - 1));
        if early.client.is_some() || early.server.is_some() || stream.client().is_some() {
            differences.push(format!("an answer before {BODY_WAIT} s: {early:?}"));
        }
    }
    worker.wait(Duration::from_secs(BODY_WAIT));
    differences.extend(cell.differences(&outcome(&stream, request)));
    differences
}

#[test]
fn where_too_many_wait_for_keys_no_more_do_and_their_places_are_free_again_when_they_are_gone() {
    let mut worker = Worker::new(&keys_and_bodies::configuration(true), true, NOW);
    let request = keys_and_bodies::groups()[0][0].request();
    let mut waiting = Vec::new();
    let refused = loop {
        let stream = Stream::open(&mut worker, head(&request), End::More);
        if stream.client().is_some() {
            break stream;
        }
        waiting.push(stream);
    };
    assert_eq!(outcome(&refused, &request).reason, "keys_unavailable");
    assert_eq!(
        (waiting.len(), worker.gate.known().places.taken()),
        (256, 256),
        "one token has a quarter of the places"
    );
    waiting.pop();
    assert!(Stream::open(&mut worker, head(&request), End::More).client().is_none(), "one that leaves makes room");
    waiting.clear();
    assert_eq!(worker.gate.known().places.taken(), 0);
}

#[test]
fn a_worker_that_was_never_shown_a_body_waits_ten_seconds_for_one() {
    let mut worker = Worker::new(&keys_and_bodies::configuration(true), true, NOW);
    let cells = keys_and_bodies::groups().concat();
    let request = cells[0].request();
    let mut parts = request_parts(&request, Delivery::Joined).into_iter();
    worker.settle(&provider);

    let silent = Stream::open(&mut worker, head(&request), End::More);
    worker.wait(Duration::from_millis(9_999));
    assert!(silent.client().is_none(), "an answer before ten seconds");
    worker.wait(Duration::from_millis(1));
    assert_eq!(outcome(&silent, &request).reason, "misconfigured");
    for cause in ["allow_on_headers_stop_iteration", "sends too slowly"] {
        assert!(silent.events().iter().any(|event| event.contains(cause)), "{:?}", silent.events());
    }

    // The time counts from the token's verification, and a body that was shown ends the doubt for good.
    let slow = Stream::open(&mut worker, head(&request), End::More);
    worker.wait(Duration::from_millis(9_999));
    slow.receive(&mut worker, parts.next().unwrap());
    let silent = Stream::open(&mut worker, head(&request), End::More);
    worker.wait(Duration::from_secs(60));
    assert!(slow.client().is_none() && silent.client().is_none(), "a worker that sees bodies has time");
    parts.for_each(|part| slow.receive(&mut worker, part));
    assert!(slow.server().is_some_and(|server| server.complete));
}

fn same(outcome: &Outcome) -> Option<Received> {
    outcome.client.as_ref().map(check::repeatable)
}

/// Answers every call of toolgate's.
fn provider(call: &Call) -> Option<Response> {
    match &call.body {
        Some(form) => {
            let (status, body) = endpoint::answer(form);
            Some((status, None, body))
        }
        None => (!call.url().ends_with(config::DOWN_PATH)).then(|| ok(&config::published_keys())),
    }
}

/// One exchange, with keys that come as soon as they are asked for.
fn exchange(worker: &mut Worker, request: &Request, answer: &Answer, delivery: Delivery) -> Outcome {
    worker.settle(&provider);
    let end = if request.body.is_none() { End::Last } else { End::More };
    let stream = Stream::open(worker, head(request), end);
    worker.settle(&provider);
    serve_if_asked(worker, &stream, answer, delivery);
    for part in request_parts(request, delivery) {
        stream.receive(worker, part);
        worker.settle(&provider);
        serve_if_asked(worker, &stream, answer, delivery);
    }
    outcome(&stream, request)
}

fn serve_if_asked(worker: &mut Worker, stream: &Stream, answer: &Answer, delivery: Delivery) {
    if stream.wants_answer(answer.early) {
        let (parts, end) = answer_parts(answer, delivery);
        stream.answer(worker, answer.status, answer_fields(answer), parts, end);
    }
}

fn head(request: &Request) -> Fields {
    let pseudo = [(":method", &request.method), (":path", &request.path), (":authority", &request.host)];
    let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.clone().into_bytes()));
    let length = request.body.iter().filter(|body| body.declared).map(|_| request.bytes().len().to_string());
    let length = length.map(|length| ("content-length".to_owned(), length.into_bytes()));
    let fields = request.fields(NOW).into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    // CONNECT names no path (RFC 9113 section 8.5).
    let pseudo = pseudo.into_iter().filter(|(name, _)| name != ":path" || request.method != "CONNECT");
    pseudo.chain(fields).chain(length).collect()
}

fn request_parts(request: &Request, delivery: Delivery) -> Vec<Part> {
    let Some(body) = &request.body else { return Vec::new() };
    let trailers = body.trailers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    parts(&body.pieces, trailers, delivery, End::Last)
}

fn answer_parts(answer: &Answer, delivery: Delivery) -> (Vec<Part>, End) {
    let bare = answer.bytes().is_empty() && answer.trailers.is_empty() && !answer.cut;
    if bare && delivery != Delivery::Apart {
        return (Vec::new(), End::Last);
    }
    let trailers = answer.trailers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    let end = if answer.cut { End::More } else { End::Last };
    (parts(&answer.pieces, trailers, delivery, end), End::More)
}

/// The pieces as the host delivers them, with the end where it says so.
fn parts(pieces: &[Vec<u8>], trailers: Fields, delivery: Delivery, end: End) -> Vec<Part> {
    let all = pieces.concat();
    let pieces: Vec<Vec<u8>> = match delivery {
        // Beyond this it takes long and shows nothing new.
        Delivery::Bytewise if all.len() < 2_000 => all.chunks(1).map(<[u8]>::to_vec).collect(),
        Delivery::Bytewise => all.chunks(997).map(<[u8]>::to_vec).collect(),
        Delivery::Joined | Delivery::Apart => pieces.to_vec(),
    };
    let mut parts: Vec<_> = pieces.into_iter().map(|piece| Part::Data(piece, End::More)).collect();
    match (parts.last_mut(), delivery) {
        _ if !trailers.is_empty() => parts.push(Part::Trailers(trailers)),
        (Some(Part::Data(_, last)), Delivery::Joined | Delivery::Bytewise) => *last = end,
        _ if end == End::Last => parts.push(Part::Data(Vec::new(), End::Last)),
        _ => {}
    }
    parts
}

fn answer_fields(answer: &Answer) -> Fields {
    let length = answer.declared.then(|| ("content-length".to_owned(), answer.bytes().len().to_string()));
    let fields = answer.headers.iter().cloned().chain(length);
    fields.map(|(name, value)| (name, value.into_bytes())).collect()
}

fn outcome(stream: &Stream, request: &Request) -> Outcome {
    let value = |message: &Message, name: &str| {
        let found = message.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    };
    let client = stream.client().map(|answer| Received {
        status: value(&answer, ":status").parse().expect("a status"),
        headers: answer.headers.clone(),
        body: if request.method == "HEAD" { Vec::new() } else { answer.body.clone() },
        trailers: answer.trailers.clone(),
        complete: answer.complete && !stream.is_reset(),
    });
    let server = stream.server().map(|seen| Seen {
        method: value(&seen, ":method"),
        target: value(&seen, ":path"),
        headers: seen.headers.clone(),
        body: seen.body.clone(),
        trailers: seen.trailers.clone(),
        complete: seen.complete,
    });
    let records = stream.records();
    let state = |name: &str| {
        let all = records.iter().flat_map(|record| record.filter_state(SubjectForm::Plain));
        all.filter(|(own, _)| *own == name).map(|(_, value)| value.into_owned()).next_back().unwrap_or_default()
    };
    let audited = records.iter().filter(|record| record.resource.is_some());
    let audit = audited.map(|record| {
        let line = record.line(SubjectForm::Plain, &STAMP);
        let (_, json) = line.split_once("toolgate.audit ").expect("an audit line");
        serde_json::from_str(json).expect("JSON")
    });
    Outcome {
        client,
        server,
        decision: state("toolgate_decision"),
        reason: state("toolgate_reason"),
        audit: audit.collect(),
    }
}
