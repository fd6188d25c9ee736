//! `resources[].forward`: the parts of the identity that are forwarded to the server.

use super::fields::{At, Findings, join};
use crate::config::{ForwardedHeader, IdentityValue, OVERRIDES, folded_header};
use crate::ids::IssuerId;

/// Reads `forward`: whether the token is forwarded, and the headers.
pub fn read(at: Option<At<'_>>, found: &mut Findings) -> (bool, Vec<ForwardedHeader>) {
    let Some(mut fields) = at.and_then(|at| at.fields(found)) else {
        return (false, Vec::new());
    };
    let keep = fields.take("authorization").and_then(|at| at.choice(&[("strip", false), ("keep", true)], found));
    let entries = fields.take("headers").and_then(|at| at.entries(found)).unwrap_or_default();
    let mut forwarded: Vec<ForwardedHeader> = Vec::new();
    for (name, at) in entries {
        let Some(header) = read_header(name, &at, found) else { continue };
        if forwarded.iter().any(|other| other.folded == header.folded) {
            found.fault::<()>(&at.path, "servers may confuse it with another header of this list");
        }
        forwarded.push(header);
    }
    fields.finish(found);
    (keep.unwrap_or(false), forwarded)
}

fn read_header(name: &str, at: &At<'_>, found: &mut Findings) -> Option<ForwardedHeader> {
    if !may_be_forwarded(name) {
        return found.fault(&at.path, "this header may not be forwarded");
    }
    let value = match at.text(found)? {
        "sub" => IdentityValue::Subject,
        "issuer" => IdentityValue::Issuer,
        "client" => IdentityValue::Client,
        "actor" => IdentityValue::Actor,
        "scope" => IdentityValue::Scope,
        text => match text.strip_prefix("claims.").filter(|path| !path.is_empty()) {
            Some(path) => IdentityValue::Claim(path.to_owned()),
            None => {
                return found.fault(&at.path, "must be `sub`, `issuer`, `client`, `actor`, `scope` or `claims.<name>`");
            }
        },
    };
    Some(ForwardedHeader { name: name.to_ascii_lowercase(), folded: folded_header(name), value })
}

/// Whether a header may carry identity. Headers that affect the message, the connection or the protocol may not.
fn may_be_forwarded(name: &str) -> bool {
    const RESERVED: [&str; 14] = [
        "authorization",
        "connection",
        "dpop",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    ];
    // RFC 9110 section 5.6.2: `token`; a pseudo-header's colon is not in it.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let folded = folded_header(name);
    !name.is_empty()
        && name.bytes().all(token)
        && !RESERVED.contains(&folded.as_str())
        && !OVERRIDES.contains(&folded.as_str())
        && !folded.starts_with("content-")
        && !folded.starts_with("mcp-")
}

/// Warns if `sub` or `actor` is forwarded from several issuers without the issuer.
pub fn warn_of_ambiguous_subject(
    path: &str,
    issuers: &[IssuerId],
    forwarded: &[ForwardedHeader],
    found: &mut Findings,
) {
    let carries = |value| forwarded.iter().any(|header| header.value == value);
    if issuers.len() < 2 || carries(IdentityValue::Issuer) {
        return;
    }
    for (value, name) in [(IdentityValue::Subject, "sub"), (IdentityValue::Actor, "actor")] {
        if carries(value) {
            let message =
                format!("forwards `{name}` without `issuer`, but two issuers may use the same name for two parties");
            found.warn(&join(path, "forward.headers"), message);
        }
    }
}
