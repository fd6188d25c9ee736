//! Names that were probably misspelled, as the first hint at a denial by the policy.

use toolgate::audit::Record;
use toolgate::config::Config;
use toolgate::explain::{Check, Explanation, Finding};
use toolgate::mcp::TargetKind;
use toolgate::reason::Reason;

use crate::likely::{closest, is_misspelling};
use crate::summary::{kinds, listed};

/// Puts a guess before the hint of the check that failed, if a name resembles another.
pub fn complete(config: &Config, explanation: &mut Explanation) {
    let Some(record) = explanation.answered.records.first() else { return };
    let Some(guess) = guess(config, record) else { return };
    let reason = record.reason;
    let refused = explanation.checks.iter_mut().find_map(|check: &mut Check| match &mut check.finding {
        Finding::Refused(refused) | Finding::Recorded(refused) if refused.reason == reason => Some(refused),
        _ => None,
    });
    if let Some(refused) = refused {
        let rest = refused.hint.take().map(|hint| format!(" {}", super::capital(&hint))).unwrap_or_default();
        refused.hint = Some(format!("{guess}{rest}"));
    }
}

fn guess(config: &Config, record: &Record) -> Option<String> {
    let resource = config.resources.iter().find(|own| Some(own.identifier.as_str()) == record.resource.as_deref())?;
    match record.reason {
        Reason::Unlisted => {
            let kind = match TargetKind::of(record.method.as_deref()?) {
                TargetKind::Tool => "tools",
                TargetKind::Prompt => "prompts",
                _ => return None,
            };
            let rules = kinds(&resource.policy).into_iter().find(|(own, _)| *own == kind).map(|(_, rules)| rules)?;
            let target = record.target.as_deref()?;
            // What differs by case only has a hint of its own.
            let names = listed(rules).into_iter().filter(|own| !own.contains('*') && !own.eq_ignore_ascii_case(target));
            closest(target, names).map(|own| format!("a rule lists `{own}`: is one of the two misspelled?"))
        }
        Reason::InsufficientScope => {
            let granted = record.caller.as_ref().map(|token| token.scopes()).unwrap_or_default();
            let likely = |missing: &String| {
                let is_it = |own: &&String| is_misspelling(missing, own) && !missing.eq_ignore_ascii_case(own);
                granted.iter().find(is_it)
            };
            let found = record.missing.iter().find_map(likely)?;
            Some(format!("the token has `{found}`: is one of the two misspelled?"))
        }
        _ => None,
    }
}
