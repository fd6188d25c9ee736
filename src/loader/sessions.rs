//! `resources[].sessions`: sessions bound to their caller.

use super::Environment;
use super::fields::{At, Findings};
use crate::sessions::Sessions;

/// The minimum length of a secret in bytes, that of the tag's hash (RFC 2104 section 3).
const MIN_SECRET: usize = 32;

/// Reads `sessions`. `None` if they are not bound.
pub fn read(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<Sessions> {
    let mut fields = at.fields(found)?;
    let binds = fields.require("bind", found).and_then(|at| at.flag(found));
    let secret = match binds {
        Some(true) => fields.require("secret_env", found),
        _ => fields.take("secret_env"),
    };
    let secret = secret.and_then(|at| read_secret(&at, environment, found));
    let previous = fields.take("previous_secret_env").and_then(|at| read_secret(&at, environment, found));
    fields.finish(found);
    secret.filter(|_| binds == Some(true)).map(|secret| Sessions::new(secret, previous))
}

fn read_secret(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<String> {
    let name = at.text(found)?;
    let secret = environment(name).filter(|secret| secret.len() >= MIN_SECRET);
    if secret.is_none() {
        found.fault::<()>(&at.path, format!("the variable `{name}` is not set, or has less than {MIN_SECRET} bytes"));
    }
    secret
}
