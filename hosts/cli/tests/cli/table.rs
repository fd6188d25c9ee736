//! The scenario table, answered by the function behind `toolgate explain`. The same rows are held to a real Envoy in
//! `tests/envoy/scenarios.rs`, so that what the command line answers is what the module answers.

use toolgate::audit::Decision;
use toolgate::explain::{Explanation, Finding};

use crate::scenarios::explained::{configuration, outcome, run};
use crate::scenarios::{self, Scenario, check};
use crate::support::gate::Mode;

const NOW: i64 = 1_800_000_000;

/// Rows whose server answers before the verdict: what becomes of those is not the request's doing.
fn hangs_on_the_server(row: &Scenario) -> bool {
    row.answer.early
}

#[test]
fn every_row_is_answered_as_the_module_answers_it() {
    let (mut failures, mut compared, mut left_out) = (Vec::new(), 0, 0);
    for mode in Mode::ALL {
        let config = configuration(mode);
        for row in scenarios::all() {
            if hangs_on_the_server(&row) {
                left_out += 1;
                continue;
            }
            let (request, explanation) = run(&config, &row, NOW);
            let outcome = outcome(&row.request, &request, &explanation);
            let mut differences = check::verdict_differences(&row, mode, &outcome);
            differences.extend(unexplained(&explanation));
            if !differences.is_empty() {
                failures.push((format!("{} ({mode:?})", row.name), differences));
            }
            compared += 1;
        }
    }
    assert!(failures.is_empty(), "{} rows fail:{}", failures.len(), check::report(&failures));
    assert!(compared >= 900 && left_out <= 20, "{compared} compared, {left_out} left out");
}

/// An explanation of a refusal names a check that failed for the very reason that is recorded; one of what goes on
/// has no failed check.
fn unexplained(explanation: &Explanation) -> Vec<String> {
    // A refusal inside a result has status 200.
    let is_denied = explanation.answered.records.iter().any(|record| record.decision == Decision::Deny);
    let refused = is_denied && explanation.answered.reply.is_some();
    let failed: Vec<_> =
        explanation.checks.iter().filter(|check| matches!(check.finding, Finding::Refused(_))).collect();
    match (refused, explanation.cause()) {
        (true, None) => vec![format!("nothing explains {:?}: {failed:?}", explanation.answered.reason())],
        (false, _) if !failed.is_empty() => vec![format!("what goes on has failed: {failed:?}")],
        _ => Vec::new(),
    }
}
