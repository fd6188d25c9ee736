//! `resources[].in_band`: callers who get challenges inside results.

use super::fields::{At, Fields, Findings, Zero};
use crate::config::InBand;
use crate::pattern::Pattern;

/// Reads `in_band`. Without any pattern, it would be about nobody.
pub fn read(at: &At<'_>, found: &mut Findings) -> Option<InBand> {
    let mut fields = at.fields(found)?;
    let clients = patterns(&mut fields, "clients", found);
    let user_agents = patterns(&mut fields, "user_agents", found);
    let security_schemes = fields.take("security_schemes").and_then(|at| at.flag(found)).unwrap_or(false);
    fields.finish(found);
    if clients.is_none() && user_agents.is_none() {
        return found.fault(&at.path, "needs `clients` or `user_agents`: without them it applies to no caller");
    }
    let (clients, user_agents) = (clients.unwrap_or_default(), user_agents.unwrap_or_default());
    Some(InBand { clients, user_agents, security_schemes })
}

fn patterns(fields: &mut Fields<'_>, name: &'static str, found: &mut Findings) -> Option<Vec<Pattern>> {
    let texts = fields.take(name)?.texts(Zero::Refuse, found).unwrap_or_default();
    Some(texts.iter().map(|text| Pattern::new(text)).collect())
}
