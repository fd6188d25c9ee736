//! Scopes that the issuer's entry grants by claims, and what is asked for where it does.

use serde_json::{Value, json};

use super::config::{ASKED, BOTH, MAPPED, MAPPING, OFFERED, OPAQUE};
use super::endpoint::active;
use super::expect::*;
use super::request::{Grant, answer_json, call, list_tools, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    [of_claims(), of_identities(), of_decisions(), of_challenges(), of_answers()].concat()
}

fn of(scope: &str) -> Grant {
    token(scope).claim("iss", MAPPING)
}

fn with_roles(roles: Value) -> Grant {
    of("").claim("realm_access", json!({"roles": roles}))
}

/// A denied call that lacks one scope, which alone is asked for.
fn lacks(tool: &str, scope: &str) -> Expected {
    step_up("tools/call", tool, scope, scope, scope)
}

fn of_claims() -> Vec<Scenario> {
    let admin = |name, grant: Grant| row(name, call("admin").at(MAPPED).bearer(grant), forwarded());
    let no_admin =
        |name, grant: Grant| row(name, call("admin").at(MAPPED).bearer(grant), lacks("admin", "weather:admin"));
    let run = |name, level: Value| row(name, call("run").at(MAPPED).bearer(of("").claim("level", level)), forwarded());
    let no_run = |name, level: Value| {
        row(name, call("run").at(MAPPED).bearer(of("").claim("level", level)), lacks("run", "tasks:run"))
    };
    vec![
        admin("a role in a list is mapped to a scope", with_roles(json!(["x", "weather-admin"]))),
        admin("a role that is the whole claim is mapped to a scope", with_roles(json!("weather-admin"))),
        no_admin("a role that differs by case is another role", with_roles(json!(["Weather-Admin"]))),
        no_admin("a role within a text of roles is no role", with_roles(json!("x weather-admin"))),
        no_admin("a role in a list within the list is no role", with_roles(json!([["weather-admin"]]))),
        no_admin("a role that is a member's name is no role", with_roles(json!({"weather-admin": true}))),
        no_admin(
            "a path does not go through a list",
            of("").claim("realm_access", json!([{"roles": ["weather-admin"]}])),
        ),
        admin(
            "a claim whose whole name has the dots is found",
            of("").claim("realm_access.roles", json!(["weather-admin"])),
        ),
        no_admin(
            "a claim whose whole name has the dots is final",
            with_roles(json!(["weather-admin"])).claim("realm_access.roles", json!(["x"])),
        ),
        admin(
            "a claim whose whole name has the dots is absent if it is null",
            with_roles(json!(["weather-admin"])).claim("realm_access.roles", json!(null)),
        ),
        no_admin("a path stops at a part that is null", of("").claim("realm_access", json!({"roles": null}))),
        row(
            "the roles of one client are not those of another",
            call("read").at(MAPPED).bearer(of("").claim("resource_access", json!({"other": {"roles": ["reader"]}}))),
            lacks("read", "weather:read"),
        ),
        row(
            "the roles of one client are mapped",
            call("read").at(MAPPED).bearer(of("").claim("resource_access", json!({"gate": {"roles": ["reader"]}}))),
            forwarded(),
        ),
        run("a number is mapped", json!(7)),
        run("a number is mapped however it is written", json!(7.0)),
        run("a number in a list is mapped", json!([1, 7])),
        no_run("a number as text is not that number", json!("7")),
        no_run("a flag is not a number", json!(true)),
        row(
            "scopes are read from a path",
            call("write").at(MAPPED).bearer(of("").claim("granted", json!({"scopes": ["weather:write"]}))),
            forwarded(),
        ),
        row(
            "scopes at a path count only where no earlier claim has any",
            call("write").at(MAPPED).bearer(of("openid").claim("granted", json!({"scopes": "weather:write"}))),
            step_up("tools/call", "write", "weather:write", "weather:write", "openid weather:write"),
        ),
        row(
            "scopes at a path that are no texts are refused",
            call("echo").at(MAPPED).bearer(of("").claim("granted", json!({"scopes": {"weather:write": true}}))),
            invalid_token("claim_malformed"),
        ),
    ]
}

fn of_identities() -> Vec<Scenario> {
    let read = |name, grant: Grant| row(name, call("read").at(MAPPED).bearer(grant), forwarded());
    let no_read = |name, grant: Grant| row(name, call("read").at(MAPPED).bearer(grant), lacks("read", "weather:read"));
    let workload = |subject: &str| of("").claim("sub", subject);
    let group = |group: &str| of("").claim("groups", json!([group]));
    let by = |client: &str| of("").claim("sub", "bob").claim("client_id", client);
    vec![
        read("a subject is mapped by a pattern", workload("spiffe://example.com/ns/prod/sa/robot")),
        no_read("a subject of another trust domain is not", workload("spiffe://evil.example/ns/prod/sa/robot")),
        read("a pattern for everything matches a client", group("any-client")),
        no_read("a pattern for everything matches no absent client", group("any-client").without("client_id")),
        read("a pattern for everything matches a subject", group("any-subject")),
        no_read("a pattern for everything matches no absent subject", group("any-subject").without("sub")),
        no_read("a subject that is null is absent", group("any-subject").claim("sub", json!(null))),
        read("a client that is a URL is mapped by a pattern", by("https://app.example.com/client.json")),
        no_read(
            "a client whose URL only contains the pattern is not",
            by("https://evil.test/?.example.com/client.json#"),
        ),
        read(
            "a star in the place of a host matches any URL that ends so, as the loader warns",
            by("https://evil.test/x.example.com/client.json"),
        ),
        no_read("one selector of two is not enough", by("https://app.example.com/other.json")),
        no_read("nor is the other", by("https://app.example.com/client.json").claim("sub", "eve")),
    ]
}

fn of_decisions() -> Vec<Scenario> {
    let admin = || with_roles(json!(["weather-admin"]));
    let list = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"admin"},{"name":"run"}]}}"#;
    vec![
        row(
            "records and the server get the sum of the scopes",
            call("echo").at(MAPPED).bearer(admin().claim("scope", "openid weather:read")),
            forwarded()
                .audit("scopes", json!(["openid", "weather:read", "weather:admin"]))
                .server_gets("x-mcp-scopes", &["openid weather:read weather:admin"]),
        ),
        row(
            "a scope that is issued and mapped counts once",
            call("echo").at(MAPPED).bearer(admin().claim("scope", "weather:admin")),
            forwarded().audit("scopes", json!(["weather:admin"])),
        ),
        row("a mapped scope implies what the hierarchy says", call("read").at(MAPPED).bearer(admin()), forwarded()),
        row(
            "a row narrows mapped scopes too",
            call("admin").at(MAPPED).bearer(admin().claim("sub", "guest")),
            denied("tools/call", "admin", "matrix_narrows_scopes").audit("matrix_row", "the guest only reads"),
        ),
        row(
            "a row narrows mapped scopes before the hierarchy implies",
            call("read").at(MAPPED).bearer(admin().claim("sub", "guest")),
            lacks("read", "weather:read"),
        ),
        row(
            "a list is trimmed by mapped scopes",
            list_tools().at(MAPPED).bearer(admin()),
            forwarded().text(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"admin"}]}}"#),
        )
        .answered(answer_json(list)),
        row(
            "a token without a valid signature gets no scope by its roles",
            call("admin").at(MAPPED).bearer(admin().tampered()),
            invalid_token("bad_signature"),
        ),
    ]
}

fn of_challenges() -> Vec<Scenario> {
    let admin = || with_roles(json!(["weather-admin"]));
    let at = |tool: &str, grant: Grant| call(tool).at(OFFERED).bearer(grant);
    vec![
        row(
            "a scope that was only mapped is not kept",
            call("run").at(MAPPED).bearer(admin().claim("scope", "weather:read")),
            step_up("tools/call", "run", "tasks:run", "tasks:run", "tasks:run weather:read"),
        ),
        row(
            "a scope that was issued and is mapped too is kept",
            call("run").at(MAPPED).bearer(admin().claim("scope", "weather:admin")),
            step_up("tools/call", "run", "tasks:run", "tasks:run", "tasks:run weather:admin"),
        ),
        row(
            "no challenge before sign-in asks for what is not offered",
            call("echo").at(OFFERED),
            unauthorized().scope("weather:read openid"),
        ),
        row(
            "nor does one for an invalid token",
            at("echo", of("").tampered()),
            invalid_token("bad_signature").scope("weather:read openid"),
        ),
        row(
            "what is not offered is not asked for",
            at("admin", of("weather:read")),
            denied("tools/call", "admin", "scope_not_offered"),
        ),
        row("what is not offered opens all the same if it is mapped", at("admin", admin()), forwarded()),
        row("what is not offered opens all the same if it is issued", at("admin", of("weather:admin")), forwarded()),
        row(
            "an alternative that is offered is asked for, though the other misses less",
            at("either", of("")),
            step_up("tools/call", "either", "openid weather:read", "openid weather:read", "openid weather:read"),
        ),
        row(
            "a scope that is needed, granted and not offered is not asked for",
            at("both", admin()),
            step_up("tools/call", "both", "openid weather:admin", "openid", "openid"),
        ),
        row(
            "a scope that is needed and mapped is asked for where all are offered",
            call("both").at(MAPPED).bearer(admin()),
            step_up("tools/call", "both", "openid weather:admin", "openid", "openid weather:admin"),
        ),
        row(
            "a scope that is issued and not offered is not kept",
            at("read", of("tasks:run openid")),
            step_up("tools/call", "read", "weather:read", "weather:read", "openid weather:read"),
        ),
        row(
            "a list offers nothing that is not offered",
            list_tools().at(OFFERED).bearer(of("weather:read")),
            forwarded().text(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read"}]}}"#),
        )
        .answered(answer_json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"admin"},{"name":"read"}]}}"#)),
    ]
}

fn of_answers() -> Vec<Scenario> {
    let roles = || json!({"roles": ["reader"]});
    let both = |grant: Grant| call("read").at(ASKED).bearer(grant.claim("iss", BOTH));
    vec![
        row(
            "the roles of an introspection answer are mapped",
            call("read").at(OPAQUE).opaque(active("").member("realm_access", roles())),
            forwarded().audit("scopes", json!(["weather:read"])),
        ),
        row(
            "the roles of a token are mapped where the answer has none",
            both(token("").claim("realm_access", roles()).said(active("openid"))),
            forwarded().audit("scopes", json!(["openid", "weather:read"])),
        ),
        row(
            "the roles of the answer hold where both have some",
            both(
                token("").claim("realm_access", roles()).said(active("").member("realm_access", json!({"roles": []}))),
            ),
            lacks("read", "weather:read"),
        ),
    ]
}
