//! The request that the server gets: no token, no forged identity, no method other than the decided one.

use super::config::{FORWARD, KEEP, MAIN};
use super::expect::*;
use super::request::{Request, call, request, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    let echo = |host: &str| -> Request { call("echo").at(host).bearer(token("")) };
    let forged = |name, header: &'static str, host: &str| {
        row(name, echo(host).header(header, "root"), forwarded().server_gets(header, &[]))
    };
    vec![
        row("the token does not reach the server", echo(MAIN), forwarded().server_gets("authorization", &[])),
        row(
            "a trace goes on",
            echo(MAIN)
                .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
                .header("tracestate", "vendor=1")
                .header("baggage", "k=v"),
            forwarded()
                .server_gets("traceparent", &["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"])
                .server_gets("tracestate", &["vendor=1"])
                .server_gets("baggage", &["k=v"]),
        ),
        row(
            "another credential passes where nothing is decided",
            request("GET").path("/open").authorization(&["Basic dTpw"]),
            passed().server_gets("authorization", &["Basic dTpw"]),
        ),
        row(
            "a header of the client's own passes",
            echo(MAIN).header("x-own", "1").header("x-own", "2"),
            forwarded().server_gets("x-own", &["1", "2"]),
        ),
        forged("a forged identity is removed", "x-mcp-org", FORWARD),
        forged("a forged identity is removed where nothing is forwarded", "x-mcp-subject", MAIN),
        forged("a forged identity is removed in any case", "X-MCP-Org", FORWARD),
        forged("a forged identity with underscores is removed", "x_mcp_org", FORWARD),
        forged("a forged identity with one underscore is removed", "x-mcp_org", MAIN),
        row(
            "a forged identity beside a true one is removed",
            echo(FORWARD).header("x-mcp-subject", "root"),
            forwarded().server_gets("x-mcp-subject", &["alice"]),
        ),
        row(
            "an underscore beside a true identity is removed",
            echo(FORWARD).header("x_mcp_subject", "root"),
            forwarded().server_gets("x_mcp_subject", &[]).server_gets("x-mcp-subject", &["alice"]),
        ),
        row(
            "a forged identity is removed where nothing is decided",
            request("GET").path("/open").header("x-mcp-subject", "root").header("x_mcp_org", "root"),
            passed().server_gets("x-mcp-subject", &[]).server_gets("x_mcp_org", &[]),
        ),
        row(
            "a forged identity in the trailers is removed",
            echo(FORWARD).trailer("x-mcp-subject", "root").trailer("x-own", "1"),
            forwarded()
                .server_gets_trailer("x-mcp-subject", &[])
                .server_gets_trailer("x-own", &["1"])
                .server_gets("x-mcp-subject", &["alice"]),
        ),
        row(
            "an underscore in the trailers is removed",
            echo(MAIN).trailer("X_Mcp_Subject", "root"),
            forwarded().server_gets_trailer("x_mcp_subject", &[]),
        ),
        row(
            "a forged identity in trailers is removed where nothing is decided",
            call("echo").path("/open").trailer("x-mcp-subject", "root"),
            passed().server_gets_trailer("x-mcp-subject", &[]),
        ),
        forged("another spelling of an encoding is removed", "Content_Encoding", MAIN),
        forged("another spelling of a type is removed", "content_type", MAIN),
        forged("another spelling of a framing is removed", "transfer_encoding", MAIN),
        row(
            "what tells how to read a body is removed from the trailers",
            echo(MAIN)
                .trailer("content-encoding", "deflate")
                .trailer("content_type", "text/plain")
                .trailer("x-own", "1"),
            forwarded()
                .server_gets_trailer("content-encoding", &[])
                .server_gets_trailer("content_type", &[])
                .server_gets_trailer("x-own", &["1"]),
        ),
        forged("a method override is removed", "x-http-method-override", MAIN),
        forged("its kin is removed", "x-method-override", MAIN),
        forged("its kin with underscores is removed", "x_http_method", MAIN),
        row(
            "a method override is removed where nothing is decided",
            request("GET").path("/open").header("x-http-method-override", "DELETE"),
            passed().server_gets("x-http-method-override", &[]),
        ),
        row("the token reaches a server that wants it", echo(KEEP).bearer(token("")), forwarded()),
    ]
}
