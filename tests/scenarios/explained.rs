//! The rows, answered by the function behind `toolgate explain`.

use toolgate::callout::Request as Call;
use toolgate::config::{Config, SubjectForm};
use toolgate::exchange::HeaderEdit;
use toolgate::explain::{Explanation, HttpRequest, Question, explain};
use toolgate::jwks::{IssuerKeys, KeySet, KeySource};
use toolgate::signature::PureVerifier;
use toolgate::time::UnixTime;

use super::check::{self, Outcome, Received, Seen};
use super::request::Request;
use super::{Scenario, config, endpoint};
use crate::support::fake::STAMP;
use crate::support::gate::Mode;
use crate::support::tokens::environment;

type Fields = Vec<(String, Vec<u8>)>;

/// The configuration of the rows, with the keys that their provider publishes; those of `down` cannot be had.
pub fn configuration(mode: Mode) -> Config {
    let mut configuration = config::configuration();
    configuration["hold_request_headers"] = mode.holds().into();
    let mut config = Config::parse(configuration.to_string().as_bytes(), &environment).unwrap();
    let keys = KeySet::parse(config::published_keys().to_string().as_bytes()).unwrap();
    // As `--keys main=FILE` does.
    config.issuers.iter_mut().find(|issuer| issuer.name == "main").unwrap().keys = Some(KeySource::Fixed(keys));
    config
}

fn http(request: &Request, now: i64) -> HttpRequest {
    let pseudo = [(":method", &request.method), (":path", &request.path), (":authority", &request.host)];
    // CONNECT names no path (RFC 9113 section 8.5).
    let pseudo = pseudo.into_iter().filter(|(name, _)| *name != ":path" || request.method != "CONNECT");
    let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.clone().into_bytes()));
    let length = request.body.iter().filter(|body| body.declared).map(|_| request.bytes().len().to_string());
    let length = length.map(|length| ("content-length".to_owned(), length.into_bytes()));
    let fields = request.fields(now).into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let trailers = request.body.iter().flat_map(|body| body.trailers.clone());
    HttpRequest {
        headers: pseudo.chain(fields).chain(length).collect(),
        body: request.body.as_ref().map(|_| request.bytes()),
        trailers: trailers.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
    }
}

fn edited(mut fields: Fields, edits: &[HeaderEdit]) -> Fields {
    edits.iter().for_each(|edit| edit.apply(&mut fields));
    fields
}

fn target(request: &Request, edits: &[HeaderEdit]) -> String {
    let set = |edit: &HeaderEdit| match edit {
        HeaderEdit::Set(name, value) if name == ":path" => Some(value.clone()),
        _ => None,
    };
    edits.iter().find_map(set).unwrap_or_else(|| request.path.clone())
}

/// Whether an answer to it has no body: that is so of HEAD, and Envoy drops the body of its own answers to gRPC.
fn has_no_answer_body(request: &Request) -> bool {
    request.method == "HEAD" || request.headers.iter().any(|(_, value)| value.starts_with(b"application/grpc"))
}

/// The outcome for client, server and records, if the request had been sent.
pub fn outcome(request: &Request, sent: &HttpRequest, explanation: &Explanation) -> Outcome {
    let answered = &explanation.answered;
    let bytes = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone().into_bytes());
    // Where Envoy drops the body, nothing declares one.
    let is_declared = |(name, _): &&(&str, String)| {
        *name != "content-type" || request.method == "HEAD" || !has_no_answer_body(request)
    };
    let client = answered.reply.as_ref().map(|reply| Received {
        status: reply.status,
        headers: reply.headers.iter().filter(is_declared).map(bytes).collect(),
        body: if has_no_answer_body(request) { Vec::new() } else { reply.body.clone().into_bytes() },
        trailers: Vec::new(),
        complete: true,
    });
    let server = answered.reply.is_none().then(|| Seen {
        method: request.method.clone(),
        target: target(request, &answered.edits),
        headers: edited(sent.headers.clone(), &answered.edits),
        body: sent.body.clone().unwrap_or_default(),
        trailers: edited(sent.trailers.clone(), &answered.trailer_edits),
        complete: true,
    });
    let state = |name: &str| {
        let all = answered.records.iter().flat_map(|record| record.filter_state(SubjectForm::Plain));
        all.filter(|(own, _)| *own == name).map(|(_, value)| value.into_owned()).next_back().unwrap_or_default()
    };
    let audited = answered.records.iter().filter(|record| record.resource.is_some());
    let audit = audited.map(|record| {
        let line = record.line(SubjectForm::Plain, &STAMP);
        serde_json::from_str(line.split_once("toolgate.audit ").unwrap().1).unwrap()
    });
    Outcome {
        client,
        server,
        decision: state("toolgate_decision"),
        reason: state("toolgate_reason"),
        audit: audit.collect(),
    }
}

/// The row's request, and its answer at a time in seconds.
pub fn run(config: &Config, row: &Scenario, now: i64) -> (HttpRequest, Explanation) {
    let request = http(&row.request, now);
    let now = UnixTime::from_millis(u64::try_from(now).unwrap() * 1000);
    let mut keys = IssuerKeys::new(config.key_sources(), 0);
    let said = |request: &Call| {
        let (status, body) = endpoint::answer(request.body.as_ref().unwrap());
        (status == 200).then(|| body.into_bytes())
    };
    let mut question = Question { config, keys: &mut keys, verifier: &PureVerifier, endpoint: Some(&said), now };
    let explanation = explain(&mut question, &request);
    (request, explanation)
}

/// The differences between the explained answer and the one that a client really got. `None` if the answer is the
/// server's. Headers that the host adds are ignored.
pub fn differences(config: &Config, row: &Scenario, now: i64, client: Option<&Received>) -> Option<Vec<String>> {
    let (sent, explanation) = run(config, row, now);
    let explained = outcome(&row.request, &sent, &explanation).client.filter(|_| !row.answer.early)?;
    let Some(client) = client else { return Some(vec![format!("explained, but not answered: {explained:?}")]) };
    let [mut explained, mut client] = [&explained, client].map(check::repeatable);
    client.headers.retain(|(name, _)| explained.headers.iter().any(|(own, _)| own == name));
    explained.headers.sort();
    client.headers.sort();
    Some(if explained == client {
        vec![]
    } else {
        vec![format!("explained {explained:?}\n      answered  {client:?}")]
    })
}
