//! Tokens without an audience, from clients that may have them.

use serde_json::{Value, json};

use super::config::{AUDIENCELESS, LOOSE, OPAQUE};
use super::endpoint::{Said, active};
use super::expect::*;
use super::request::{Grant, call, token};
use super::{Scenario, row};

fn of(client: &str) -> Grant {
    token("weather:read").claim("iss", LOOSE).claim("client_id", client)
}

pub fn rows() -> Vec<Scenario> {
    let read = |grant: Grant| call("read").at(AUDIENCELESS).bearer(grant);
    let with = |audience: Value| read(of("loose").claim("aud", audience));
    let asked = |said: Said| call("read").at(OPAQUE).opaque(said);
    let loose = || active("weather:read").member("client_id", "loose");
    let missing = || invalid_token("audience_missing");
    let mismatch = || invalid_token("audience_mismatch");
    vec![
        row(
            "a client that may have them has tokens without an audience",
            read(of("loose").without("aud")),
            forwarded(),
        ),
        row("an audience that is null is missing", with(json!(null)), forwarded()),
        row("another client has not", read(of("other").without("aud")), missing()),
        row("a client whose name only begins alike has not", read(of("loose-1").without("aud")), missing()),
        row("a name with a star is that name", read(of("loose-*").without("aud")), forwarded()),
        row("a client of another case has not", read(of("Loose").without("aud")), missing()),
        row("no client at all has not", read(of("").without("client_id").without("aud")), missing()),
        row(
            "a client that may have them is checked for one that is there",
            with(json!("https://other.example.com")),
            mismatch(),
        ),
        row("an empty audience is there", with(json!("")), mismatch()),
        row("an empty list of audiences is there", with(json!([])), missing()),
        row("an audience that is no text is refused", with(json!(7)), invalid_token("claim_malformed")),
        row("a token with the audience is taken as ever", read(of("other")), forwarded()),
        row(
            "an expired token is refused though it may lack an audience",
            read(of("loose").without("aud").time("exp", -31)),
            invalid_token("token_expired"),
        ),
        row(
            "a tampered token is refused though it may lack an audience",
            read(of("loose").without("aud").tampered()),
            invalid_token("bad_signature"),
        ),
        row("an answer for nobody is taken about such a client", asked(loose().without("aud")), forwarded()),
        row(
            "an answer whose audience is null is taken about such a client",
            asked(loose().member("aud", json!(null))),
            forwarded(),
        ),
        row(
            "an answer about such a client is checked for another audience",
            asked(loose().member("aud", "x")),
            mismatch(),
        ),
        row(
            "an answer about such a client is checked for an empty list",
            asked(loose().member("aud", json!([]))),
            missing(),
        ),
        row(
            "an answer for nobody without a client is refused",
            asked(loose().without("client_id").without("aud")),
            missing(),
        ),
    ]
}
