//! The token rules of an issuer: its profile, with the fields that override it.

use crate::loader::fields::{At, Fields, Findings, Zero, join};
use crate::node::Node;
use crate::token::{ClaimTest, Profile, TokenRules};

pub(super) fn read(fields: &mut Fields<'_>, profile: &Profile, found: &mut Findings) -> TokenRules {
    let mut rules = profile.rules();
    if let Some(types) = fields.take("token_types").and_then(|at| at.texts(Zero::Refuse, found)) {
        let plain = |typ: &String| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
        };
        rules.types = types.iter().map(plain).collect();
        rules.type_may_be_absent = false;
    }
    if let Some(names) = fields.take("scope_claims").and_then(|at| at.texts(Zero::Refuse, found)) {
        rules.answer_scope_claims.clone_from(&names);
        rules.scope_claims = names;
    }
    if let Some(names) = fields.take("client_claims").and_then(|at| at.texts(Zero::Refuse, found)) {
        rules.answer_client_claims.clone_from(&names);
        rules.client_claims = names;
    }
    if let Some(name) = fields.take("subject_claim").and_then(|at| at.text(found)) {
        name.clone_into(&mut rules.subject_claim);
    }
    if let Some(tests) = fields.take("required_claims").and_then(|at| claim_tests(&at, found)) {
        rules.required_claims = tests;
    }
    if let Some(clients) = fields.take("audience_missing").and_then(|at| audience_missing(&at, found)) {
        rules.audience_missing = clients;
    }
    let nonce = fields.take("nonce").and_then(|at| at.choice(&[("refuse", false), ("allow", true)], found));
    rules.nonce_is_tolerated = nonce.unwrap_or(rules.nonce_is_tolerated);
    if let Some(leeway) = fields.take("leeway").and_then(|at| at.duration(Zero::Allow, found)) {
        rules.leeway = leeway;
    }
    rules
}

/// The clients whose tokens may lack `aud`.
fn audience_missing(at: &At<'_>, found: &mut Findings) -> Option<Vec<String>> {
    let mut fields = at.fields(found)?;
    let clients = fields.require("clients", found).and_then(|at| at.texts(Zero::Refuse, found));
    fields.finish(found);
    let clients = clients?;
    let message = format!(
        "accepts tokens without `aud` from {}, so one that was issued for another server is accepted here too",
        clients.join(", ")
    );
    found.warn(&at.path, message);
    if clients.iter().any(|client| client.contains('*')) {
        found.warn(&join(&at.path, "clients"), "names are exact: `*` is not a wildcard here");
    }
    Some(clients)
}

/// An object of claims with their required values.
pub fn claim_tests(at: &At<'_>, found: &mut Findings) -> Option<Vec<ClaimTest>> {
    let entries = at.entries(found)?;
    let test = |(name, at): &(&str, At<'_>)| match at.node {
        Node::Object(_) | Node::List(_) | Node::Null => {
            found.fault(&at.path, "expected a string, a number or a boolean")
        }
        expected => Some(ClaimTest { name: (*name).to_owned(), expected: expected.clone() }),
    };
    Some(entries.iter().filter_map(test).collect())
}
