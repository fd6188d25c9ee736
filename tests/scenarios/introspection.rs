//! Keys that cannot be had, and tokens that somebody must be asked about, which cannot be done yet.

use super::config::{ASKED, BOTH, DOWN, DOWN_ISSUER, EITHER, MAIN};
use super::expect::*;
use super::request::{SignedBy, call, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    let asked = |issuer: &str| token("weather:read").claim("iss", issuer);
    let cannot_ask = || unavailable("introspection_unavailable");
    vec![
        row(
            "keys that cannot be had are nobody's fault",
            call("echo").at(DOWN).bearer(asked(DOWN_ISSUER)),
            unavailable("keys_unavailable"),
        ),
        row(
            "an opaque token cannot be asked about yet",
            call("echo").at(ASKED).authorization(&["Bearer opaque"]),
            cannot_ask(),
        ),
        row(
            "a token that is verified and wants to be asked about is not taken",
            call("echo").at(ASKED).bearer(asked(BOTH)),
            cannot_ask(),
        ),
        row(
            "a token that is not verified is not even asked about",
            call("echo").at(ASKED).bearer(asked(BOTH).tampered()),
            invalid_token("bad_signature"),
        ),
        row(
            "a token that is verified need not be asked about",
            call("echo").at(ASKED).bearer(asked(EITHER)),
            forwarded(),
        ),
        row(
            "a token of an unknown key cannot be asked about yet",
            call("echo").at(ASKED).bearer(asked(EITHER).signed_by(SignedBy::Unknown)),
            cannot_ask(),
        ),
        row(
            "a bad signature is final where one could ask",
            call("echo").at(ASKED).bearer(asked(EITHER).tampered()),
            invalid_token("bad_signature"),
        ),
        row(
            "a wrong audience is final where one could ask",
            call("echo").at(ASKED).bearer(asked(EITHER).claim("aud", "x")),
            invalid_token("audience_mismatch"),
        ),
        row(
            "an opaque token is invalid where nobody takes one",
            call("echo").at(MAIN).authorization(&["Bearer opaque"]),
            invalid_token("token_malformed"),
        ),
    ]
}
