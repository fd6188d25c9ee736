//! Keys that cannot be had, and tokens that somebody is asked about.

use serde_json::json;

use super::config::{ASKED, ASKED_ONLY, BOTH, DOWN, DOWN_ISSUER, EITHER, MAIN, OPAQUE};
use super::endpoint::{Said, active, inactive, text};
use super::expect::*;
use super::request::{Grant, SignedBy, call, rpc, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    [of_keys(), of_opaque_tokens(), of_answers(), of_jwts()].concat()
}

/// A token that is verified, and of which the endpoint says this.
fn of(issuer: &str, said: Said) -> Grant {
    token("weather:read").claim("iss", issuer).said(said)
}

fn of_keys() -> Vec<Scenario> {
    vec![
        row(
            "keys that cannot be had are nobody's fault",
            call("echo").at(DOWN).bearer(token("weather:read").claim("iss", DOWN_ISSUER)),
            unavailable("keys_unavailable"),
        ),
        row(
            "an opaque token is invalid where nobody takes one",
            call("echo").at(MAIN).opaque(active("")),
            invalid_token("token_malformed"),
        ),
    ]
}

fn of_opaque_tokens() -> Vec<Scenario> {
    let read = |host: &str, said: Said| call("read").at(host).opaque(said);
    vec![
        row("an opaque token is asked about", read(OPAQUE, active("weather:read")), forwarded()),
        row("an opaque token goes to the one issuer that takes it", read(ASKED, active("weather:read")), forwarded()),
        row(
            "an opaque token grants what its endpoint says",
            read(OPAQUE, active("other")),
            step_up("tools/call", "read", "weather:read", "weather:read", "weather:read"),
        ),
        row(
            "an opaque token that grants nothing may do what needs nothing",
            call("echo").at(OPAQUE).opaque(active("").without("scope")),
            forwarded(),
        ),
        row("an inactive token is refused", read(OPAQUE, inactive()), invalid_token("token_inactive")),
        row(
            "a token of three parts is opaque where the first is no header",
            call("echo").at(OPAQUE).authorization(&["Bearer a.b.c"]),
            invalid_token("token_inactive"),
        ),
        row(
            "a denied call is told who was asked about",
            rpc("tools/call", json!({"name": "unknown"})).at(OPAQUE).opaque(active("weather:read")),
            denied("tools/call", "unknown", "unlisted").audit("subject", "alice").audit("issuer", ASKED_ONLY),
        ),
    ]
}

fn of_answers() -> Vec<Scenario> {
    let refused = |name, said, reason| row(name, call("echo").at(OPAQUE).opaque(said), invalid_token(reason));
    let outage = |name, said| row(name, call("echo").at(OPAQUE).opaque(said), unavailable("introspection_unavailable"));
    let taken = |name, said| row(name, call("echo").at(OPAQUE).opaque(said), forwarded());
    let good = || active("weather:read");
    vec![
        refused("an answer for another resource is not for this one", good().member("aud", "x"), "audience_mismatch"),
        refused("an answer for nobody is not for this resource", good().without("aud"), "audience_missing"),
        refused("an answer for an empty list is for nobody", good().member("aud", json!([])), "audience_missing"),
        refused(
            "an answer with null for an audience is for nobody",
            good().member("aud", json!(null)),
            "audience_missing",
        ),
        refused("an answer of another issuer is refused", good().member("iss", "https://x.example"), "issuer_mismatch"),
        refused(
            "a refresh token is active and refused",
            good().member("token_use", "refresh_token"),
            "not_an_access_token",
        ),
        refused("an answer about an ID token is refused", good().member("typ", "ID"), "not_an_access_token"),
        refused(
            "a token that is bound by its answer is refused",
            good().member("cnf", json!({"jkt": "x"})),
            "token_bound",
        ),
        refused("a token whose type is DPoP is refused", good().member("token_type", "dpop"), "token_bound"),
        row(
            "an answer that is over is refused, whatever it says",
            call("echo").at(OPAQUE).opaque(good().time("exp", -31)),
            invalid_token("token_expired"),
        ),
        row(
            "an answer for later is refused now",
            call("echo").at(OPAQUE).opaque(good().time("nbf", 120)),
            invalid_token("token_not_yet_valid"),
        ),
        taken(
            "members of an answer that are null are absent",
            ["iss", "exp", "nbf", "iat", "sub", "client_id", "username", "cnf", "token_type", "token_use", "typ"]
                .iter()
                .fold(good(), |said, name| said.member(name, json!(null))),
        ),
        taken("an answer need not name an issuer or an end", good().without("exp")),
        taken("an answer may name its issuer", good().member("iss", ASKED_ONLY)),
        taken("an answer may be of any token type but DPoP", good().member("token_type", "access_token")),
        taken("an answer may have leeway", good().time("exp", -5)),
        taken(
            "an answer may name several audiences",
            good().member("aud", json!(["x", "https://mcp.example.com/mcp/"])),
        ),
        outage("an endpoint that refuses our credentials is an outage", good().status(401)),
        outage("an endpoint that fails is an outage", good().status(500)),
        outage("an endpoint that sends us elsewhere is an outage", good().status(302)),
        outage("an endpoint that creates something is an outage", good().status(201)),
        outage("an answer that is no JSON is an outage", text("<p>Sign in")),
        outage("an answer that is no object is an outage", text("[true]")),
        outage("an answer without active is an outage", good().without("active")),
        outage("an answer whose active is text is an outage", good().member("active", "true")),
        outage("an answer that says active twice is an outage", text(r#"{"active":false,"active":true}"#)),
        outage("an answer that breaks off is an outage", text(r#"{"active":tr"#)),
        outage("an empty answer is an outage", text("")),
    ]
}

fn of_jwts() -> Vec<Scenario> {
    let echo = |grant: Grant| call("echo").at(ASKED).bearer(grant);
    let read = |grant: Grant| call("read").at(ASKED).bearer(grant);
    let good = || active("weather:read");
    vec![
        row("a token that verifies and is active is taken", read(of(BOTH, good())), forwarded()),
        row(
            "a token that verifies and is not active is refused",
            read(of(BOTH, inactive())),
            invalid_token("token_inactive"),
        ),
        row(
            "a token that is not verified is not even asked about",
            echo(of(BOTH, text("not asked")).tampered()),
            invalid_token("bad_signature"),
        ),
        row(
            "an unknown key is final where both are needed",
            echo(of(BOTH, good()).signed_by(SignedBy::Unknown)),
            invalid_token("key_unknown"),
        ),
        row(
            "an endpoint that takes all scopes away holds",
            read(of(BOTH, good().member("scope", ""))),
            step_up("tools/call", "read", "weather:read", "weather:read", "weather:read"),
        ),
        row(
            "an endpoint that says nothing of scopes grants none",
            read(of(BOTH, good().without("scope"))),
            step_up("tools/call", "read", "weather:read", "weather:read", "weather:read"),
        ),
        row(
            "an endpoint that grants more than the token holds",
            read(of(BOTH, good()).claim("scope", "other")),
            forwarded(),
        ),
        row(
            "an endpoint that speaks of somebody else is not believed",
            echo(of(BOTH, good().member("sub", "bob"))),
            invalid_token("subject_mismatch"),
        ),
        row("an endpoint need not name the subject", echo(of(BOTH, good().without("sub"))), forwarded()),
        row(
            "both the token and its endpoint must name the resource",
            echo(of(BOTH, good().without("aud"))),
            invalid_token("audience_missing"),
        ),
        row(
            "an endpoint that ends a token early holds",
            echo(of(BOTH, good().time("exp", -60))),
            invalid_token("token_expired"),
        ),
        row(
            "an endpoint that binds a token holds",
            echo(of(BOTH, good().member("cnf", json!({"x5t#S256": "x"})))),
            invalid_token("token_bound"),
        ),
        row(
            "an endpoint that cannot be asked is nobody's fault",
            echo(of(BOTH, good().status(503))),
            unavailable("introspection_unavailable"),
        ),
        row("a token that is verified need not be asked about", echo(of(EITHER, text("not asked"))), forwarded()),
        row(
            "a token of an unknown key is asked about",
            read(of(EITHER, good()).signed_by(SignedBy::Unknown)),
            forwarded(),
        ),
        row(
            "a token of an unknown key that is not active is refused",
            echo(of(EITHER, inactive()).signed_by(SignedBy::Unknown)),
            invalid_token("token_inactive"),
        ),
        row(
            "a bad signature is final where one could ask",
            echo(of(EITHER, good()).tampered()),
            invalid_token("bad_signature"),
        ),
        row(
            "a wrong audience is final where one could ask",
            echo(of(EITHER, good()).claim("aud", "x").signed_by(SignedBy::Unknown)),
            invalid_token("audience_mismatch"),
        ),
        row(
            "an expired token is not asked about",
            echo(of(EITHER, good()).time("exp", -31).signed_by(SignedBy::Unknown)),
            invalid_token("token_expired"),
        ),
        row(
            "a JWT goes to the issuer that it names only",
            echo(of("https://elsewhere.example.com", good())),
            invalid_token("issuer_mismatch"),
        ),
        row(
            "where the endpoint is always asked, a signature proves nothing",
            call("read").at(OPAQUE).bearer(of(ASKED_ONLY, good()).tampered()),
            forwarded(),
        ),
        row(
            "where the endpoint is always asked, a verified token may be inactive",
            call("read").at(OPAQUE).bearer(of(ASKED_ONLY, inactive())),
            invalid_token("token_inactive"),
        ),
        row(
            "what a JWT lacks is left to the endpoint that is always asked",
            call("read").at(OPAQUE).bearer(of(ASKED_ONLY, good()).without("aud").without("exp").without("sub")),
            forwarded(),
        ),
        row(
            "a JWT without an audience needs one of its endpoint",
            call("read").at(OPAQUE).bearer(of(ASKED_ONLY, good().without("aud")).without("aud")),
            invalid_token("audience_missing"),
        ),
        row(
            "a JWT without an end has that of its endpoint",
            call("read").at(OPAQUE).bearer(of(ASKED_ONLY, good().time("exp", -31)).without("exp")),
            invalid_token("token_expired"),
        ),
        row(
            "a JWT without an issuer is nobody's even where the endpoint is always asked",
            call("read").at(OPAQUE).bearer(of(ASKED_ONLY, good()).without("iss")),
            invalid_token("issuer_missing"),
        ),
        row(
            "a JWT without an audience is refused where its signature is needed too",
            read(of(BOTH, good()).without("aud")),
            invalid_token("audience_missing"),
        ),
        row(
            "what a JWT says of itself is final even where the endpoint is always asked",
            call("read").at(OPAQUE).bearer(of(ASKED_ONLY, good()).claim("aud", "x")),
            invalid_token("audience_mismatch"),
        ),
    ]
}
