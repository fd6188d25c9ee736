//! The steps of one exchange in the core, natively, each alone.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use toolgate::config::Config;
use toolgate::headers::Headers;
use toolgate::jsonrpc;
use toolgate::jwks::{IssuerKeys, Lookup};
use toolgate::listing::{self, KnownLists, Private};
use toolgate::mcp::{Access, Operation};
use toolgate::policy::{Occasion, Outcome};
use toolgate::signature::PureVerifier;
use toolgate::sse::{EventReader, Piece};
use toolgate::token::{AccessToken, Expectations, TokenDigest, UntrustedJwt};
use toolgate_bench::exchanges::Gate;
use toolgate_bench::samples::{self, CALL};

fn expectations(config: &Config) -> Expectations<'_> {
    let issuer = &config.issuers[0];
    Expectations {
        issuer: &issuer.identifier,
        issuer_name: &issuer.name,
        algorithms: issuer.algorithms.as_deref(),
        rules: &issuer.rules,
        audiences: &config.resources[0].audiences,
    }
}

fn verified(config: &Config, keys: &mut IssuerKeys) -> AccessToken {
    let jwt = UntrustedJwt::parse(samples::TOKEN.trim()).expect("a JWT");
    let candidate = jwt.check(expectations(config), samples::now()).expect("a good token");
    let issuer = config.issuers.ids().next().expect("an issuer");
    match keys.find(issuer, candidate.query(), samples::now()) {
        Lookup::Keys(keys) => candidate.verify(&keys, &PureVerifier).expect("a good signature"),
        other => panic!("{other:?}"),
    }
}

fn tokens(c: &mut Criterion) {
    let config = samples::config(16);
    let mut keys = IssuerKeys::new(config.key_sources(), 1);
    let token = samples::TOKEN.trim();
    c.bench_function("token/digest", |b| b.iter(|| TokenDigest::of(black_box(token))));
    c.bench_function("token/split", |b| b.iter(|| UntrustedJwt::parse(black_box(token))));
    let parsed = || UntrustedJwt::parse(token).expect("a JWT");
    let check = |jwt: UntrustedJwt<'_>| jwt.check(expectations(&config), samples::now()).is_ok();
    c.bench_function("token/claims", |b| b.iter_batched(parsed, check, BatchSize::SmallInput));
    c.bench_function("token/split, claims and signature (RS256, pure)", |b| b.iter(|| verified(&config, &mut keys)));
}

fn bodies(c: &mut Criterion) {
    c.bench_function("jsonrpc/130 bytes", |b| b.iter(|| jsonrpc::read(black_box(CALL), 64).is_ok()));
    for size in [10_000, 200_000] {
        let params = serde_json::json!({"name": "get_forecast", "arguments": {"note": "x".repeat(size)}});
        let call = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        c.bench_function(&format!("jsonrpc/{size} bytes"), |b| {
            b.iter(|| jsonrpc::read(black_box(call.as_bytes()), 64).is_ok());
        });
    }
    let call = samples::structured(200_000);
    c.bench_function("jsonrpc/200000 bytes, structured", |b| b.iter(|| jsonrpc::read(black_box(&call), 64).is_ok()));
    let message = jsonrpc::read(CALL, 64).expect("a message");
    c.bench_function("mcp/operation", |b| b.iter(|| Operation::of(black_box(&message)).is_ok()));
}

fn decisions(c: &mut Criterion) {
    let config = samples::config(16);
    let caller = verified(&config, &mut IssuerKeys::new(config.key_sources(), 1));
    let policy = &config.resources[0].policy;
    let occasion = Occasion::at(samples::now());
    for (name, tool) in [("allowed", "get_forecast"), ("denied", "set_alert"), ("by pattern", "read_00001")] {
        c.bench_function(&format!("decide/{name}"), |b| {
            b.iter(|| policy.decide(black_box(&caller), &Access::Tool(black_box(tool)), &occasion));
        });
    }
    let list = samples::list(1000);
    let decider = policy.for_caller(&caller);
    let keeps = |_, name: &str, _: &[u8]| decider.outcome(&Access::Tool(name), &occasion) == Outcome::Allow;
    c.bench_function("trim/1000 tools", |b| {
        b.iter(|| {
            listing::trim(black_box(&list), 64, 1000, Private::Lists, &mut KnownLists::default(), &keeps).is_ok()
        });
    });
    let mut known = KnownLists::default();
    c.bench_function("trim/1000 tools, known", |b| {
        b.iter(|| listing::trim(black_box(&list), 64, 1000, Private::Lists, &mut known, &keeps).is_ok());
    });
}

fn streams(c: &mut Criterion) {
    let event = [b"event: message\ndata: ", samples::list(10).as_slice(), b"\n\n"].concat();
    let look = |piece: Piece<'_>| {
        black_box(piece);
    };
    c.bench_function("events/4 KB", |b| b.iter(|| EventReader::new(1_000_000).feed(black_box(&event), false, look)));
}

fn exchanges(c: &mut Criterion) {
    let headers: Headers = samples::headers();
    for (name, entries) in [("warm", 16), ("cold", 0)] {
        let mut gate = Gate::new(samples::config(entries), samples::now());
        c.bench_function(&format!("exchange/{name}"), |b| {
            b.iter(|| gate.decide(headers.clone(), black_box(CALL), samples::now()));
        });
    }
}

criterion_group!(core, tokens, bodies, decisions, streams, exchanges);
criterion_main!(core);
