//! `policy.revoked`: tokens that are refused.

use super::fields::{At, Findings, Zero};
use super::issuer::{Known, selector};
use crate::index::Index;
use crate::policy::Revocation;
use crate::time::UnixTime;

/// Reads one entry.
pub fn read(at: &At<'_>, known: Known<'_>, found: &mut Findings) -> Option<Revocation> {
    let mut fields = at.fields(found)?;
    let who = selector(&mut fields, found);
    known.check_issuers(&fields.path, who.issuers.as_deref(), found);
    let ids = fields.take("jti").and_then(|at| at.texts(Zero::Refuse, found));
    let issued_before = fields.take("issued_before").and_then(|at| match UnixTime::parse(at.text(found)?) {
        Some(time) => Some(time),
        None => found.fault(&at.path, "must be a time in UTC after 1970, such as `2026-11-28T12:00:00Z`"),
    });
    fields.finish(found);
    // A selector that cannot be read is a fault of its own.
    if !["subjects", "clients", "issuers", "jti"].iter().any(|name| at.node.member(name).is_some()) {
        return found.fault(&at.path, "needs `subjects`, `clients`, `issuers` or `jti`");
    }
    super::lint::check_actors(&at.path, who.actors.as_deref(), found);
    if who.is_for_all() && ids.is_none() {
        found.warn(
            &at.path,
            match issued_before {
                Some(_) => "revokes every token that was issued before",
                None => "revokes every token",
            },
        );
    }
    Some(Revocation { who, ids: ids.map(|ids| Index::new(ids.into_iter())), issued_before })
}
