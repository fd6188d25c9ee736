//! N exchanges in the core, for `valgrind --tool=callgrind`: `exchange warm|verified|cold|body|structured|structured-900|list|new-list N`.

use std::hint::black_box;
use std::process::ExitCode;

use toolgate::headers::Headers;
use toolgate_bench::exchanges::Gate;
use toolgate_bench::samples;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (kind, count) = (arguments.next().unwrap_or_default(), arguments.next().and_then(|count| count.parse().ok()));
    let Some(count) = count else { return usage() };
    let mut gate = match kind.as_str() {
        "cold" => Gate::new(samples::config(0), samples::now()),
        "verified" => Gate::on_verifying_host(samples::config(0), samples::now()),
        _ => Gate::new(samples::config(16), samples::now()),
    };
    let headers = samples::headers();
    match kind.as_str() {
        "cold" | "verified" | "warm" => repeat(count, || {
            black_box(gate.decide(headers.clone(), black_box(samples::CALL), samples::now()));
        }),
        "body" => {
            let body = call_with_a_note_of(200_000);
            repeat(count, || {
                black_box(gate.decide(headers.clone(), black_box(&body), samples::now()));
            });
        }
        "structured" | "structured-900" => {
            let body = samples::structured(if kind == "structured" { 200_000 } else { 900_000 });
            repeat(count, || {
                black_box(gate.decide(headers.clone(), black_box(&body), samples::now()));
            });
        }
        "list" => {
            let list = samples::list(1000);
            repeat(count, || {
                black_box(gate.list(&headers, black_box(&list), samples::now()));
            });
        }
        "new-list" => {
            // Together more than is known by their bytes.
            let lists: Vec<_> = (0..4).map(|version| samples::list_of(1000, version)).collect();
            lists.iter().cycle().take(count).for_each(|list| {
                black_box(gate.list(&headers, black_box(list), samples::now()));
            });
        }
        // The cost of the harness itself.
        "nothing" => repeat(count, || {
            black_box::<Headers>(headers.clone());
            // Once for the headers, once for the body.
            gate.rest();
            gate.rest();
        }),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn repeat(count: usize, mut exchange: impl FnMut()) {
    (0..count).for_each(|_| exchange());
}

fn call_with_a_note_of(bytes: usize) -> Vec<u8> {
    let text = "Grüße aus Bern: 24 degrees, and not a cloud in the sky. ";
    let note = text.repeat(bytes / text.len());
    let params = serde_json::json!({"name": "get_forecast", "arguments": {"city": "Bern", "note": note}});
    serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string().into_bytes()
}

fn usage() -> ExitCode {
    eprintln!("usage: exchange warm|verified|cold|body|structured|structured-900|list|new-list|nothing COUNT");
    ExitCode::FAILURE
}
