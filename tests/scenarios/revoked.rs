//! Tokens that the policy revokes, though it is in shadow mode.

use serde_json::json;

use super::config::{LOCAL, REVOKED};
use super::expect::*;
use super::request::{Grant, call, list_tools, request, token};
use super::{Scenario, row};

fn of(subject: &str) -> Grant {
    token("weather:read").claim("sub", subject)
}

pub fn rows() -> Vec<Scenario> {
    let echo = |grant: Grant| call("echo").at(REVOKED).bearer(grant);
    let revoked = |name, grant: Grant| row(name, echo(grant), invalid_token("token_revoked"));
    let taken = |name, grant: Grant| row(name, echo(grant), forwarded());
    let agent = || token("").claim("act", json!({"sub": "agent"}));
    vec![
        taken("whom no entry names is not revoked", of("alice")),
        revoked("a subject is revoked by its name", of("mallory")),
        revoked("a subject is revoked by a pattern", of("evil-7")),
        taken("a subject of another case is another one", of("Mallory")),
        revoked("a client of a subject is revoked", of("bob").claim("client_id", "lost-phone")),
        taken("another client of the subject is not", of("bob")),
        taken("the client of another subject is not", of("alice").claim("client_id", "lost-phone")),
        revoked("a token is revoked by its id", of("alice").claim("jti", "stolen-2")),
        taken("an id is no pattern", of("alice").claim("jti", "stolen-")),
        taken("a token without an id is not revoked by one", of("alice").without("jti")),
        taken("an id that is no text is not that id", of("alice").claim("jti", json!(["stolen-2"]))),
        revoked("a token that was issued before is revoked", of("carol")),
        revoked("a token that does not say when it was issued is revoked", of("carol").without("iat")),
        revoked("a token whose time of issue is null is revoked", of("dave").claim("iat", json!(null))),
        taken("a token that was issued after is not", of("dave")),
        revoked("an actor is revoked, for the tokens of an issuer", agent().claim("iss", LOCAL)),
        taken("the actor with another issuer's token is not", agent()),
        taken("another actor is not revoked", token("").claim("iss", LOCAL).claim("act", json!({"sub": "other"}))),
        taken("who acts for himself is not", token("").claim("iss", LOCAL)),
        revoked("a pattern for everything revokes a token without a client", of("erin").without("client_id")),
        row(
            "a revoked token opens no stream",
            request("GET").at(REVOKED).bearer(of("mallory")),
            invalid_token("token_revoked"),
        ),
        row(
            "a revoked token gets no list",
            list_tools().at(REVOKED).bearer(of("mallory")),
            invalid_token("token_revoked"),
        ),
        row(
            "a revoked token is refused before what its policy would deny",
            call("unlisted").at(REVOKED).bearer(of("mallory")),
            invalid_token("token_revoked"),
        ),
        row(
            "a revoked token is refused before a method of HTTP",
            request("PUT").at(REVOKED).bearer(of("mallory")),
            invalid_token("token_revoked"),
        ),
        row("a tampered token is not called revoked", echo(of("mallory").tampered()), invalid_token("bad_signature")),
        row(
            "of a revoked token no subject is recorded",
            echo(of("mallory")),
            invalid_token("token_revoked").audit("subject", json!(null)).audit("scopes", json!(null)),
        ),
        row("a revocation of another resource is none here", call("echo").bearer(of("mallory")), forwarded()),
    ]
}
