//! An external authorizer with the policy of toolgate itself: Envoy sends it headers and body of each request
//! (`ext_authz` over HTTP), and it lets the core decide. What differs from the filter is where that happens.

use std::cell::RefCell;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{Request, Response, StatusCode};
use hyper::body::Bytes;
use toolgate::config::Config;
use toolgate::exchange::{Effect, Flow};
use toolgate::headers::Headers;
use toolgate::time::UnixTime;
use toolgate_bench::exchanges::Gate;
use toolgate_bench::server;

fn main() -> ExitCode {
    let (Some(port), Some(config)) = (server::port_argument(), std::env::args().nth(2)) else {
        eprintln!("usage: authorizer PORT CONFIGURATION");
        return ExitCode::FAILURE;
    };
    let config = match std::fs::read(&config).map(|bytes| Config::parse(&bytes, &|_| None)) {
        Ok(Ok(config)) => config,
        other => {
            eprintln!("{config}: {:?}", other.map(|parsed| parsed.err()));
            return ExitCode::FAILURE;
        }
    };
    let gate = RefCell::new(Gate::new(config, now()));
    match server::serve(port, move |request| decide(&mut gate.borrow_mut(), request)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// 200 lets the request go on; anything else is the client's answer.
fn decide(gate: &mut Gate, request: Request<Bytes>) -> Response<Bytes> {
    let mut headers = vec![
        (":method".to_owned(), request.method().as_str().as_bytes().to_vec()),
        (":path".to_owned(), request.uri().path().as_bytes().to_vec()),
    ];
    for (name, value) in request.headers() {
        let name = if name == "host" { ":authority" } else { name.as_str() };
        headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    let step = gate.decide(Headers::new(headers), request.body(), now());
    let mut response = Response::new(Bytes::new());
    if step.flow == Flow::Pause {
        *response.status_mut() = StatusCode::FORBIDDEN;
        for effect in step.effects {
            if let Effect::Reply(reply) = effect {
                *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::FORBIDDEN);
                *response.body_mut() = Bytes::from(reply.body);
            }
        }
    }
    response
}

#[allow(clippy::disallowed_methods)] // Time is an argument of the core; this is its host.
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(since.as_millis().try_into().unwrap_or(u64::MAX))
}
