//! Hosts and paths: byte for byte, and nothing that a careless server could take for a resource's.

use super::config::{FILES, MAIN, NAMED, NO_URL, PORT};
use super::expect::*;
use super::request::{Request, call, request, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    let to = |host: &str, path: &str| -> Request { call("echo").at(host).path(path).bearer(token("")) };
    let reached = |name, host: &str, path: &str| row(name, to(host, path), forwarded());
    let hidden = |name, host: &str, path: &str| row(name, to(host, path), not_found());
    let look_alike =
        |name, host: &str, path: &str| row(name, to(host, path), not_found().audited().audit("status", 404));
    let passes = |name, path: &str| row(name, request("GET").path(path), passed());
    vec![
        row(
            "a path with a slash more can be a resource of its own",
            call("read").at(NAMED).path("/mcp/").bearer(token("weather:read").claim("iss", NO_URL)),
            forwarded().audit("resource", "https://named.example.com/mcp/"),
        ),
        reached("a host is compared without case", "MCP.Example.COM", "/mcp"),
        reached("a host may end in a dot", "mcp.example.com.", "/mcp"),
        reached("a query makes no difference", MAIN, "/mcp?session=1"),
        reached("a host without a port is reached on any", "mcp.example.com:8080", "/mcp"),
        reached("a host with its port is reached there", PORT, "/mcp"),
        hidden("a host with a port is not reached on another", "port.example.com:8444", "/mcp"),
        hidden("a host with a port is not reached without it", "port.example.com", "/mcp"),
        reached("a resource of any host is reached on any", "any.example.org", "/anywhere"),
        reached("a second path of one host is a second resource", MAIN, "/second"),
        reached("a resource at the root is reached there", "root.example.com", "/"),
        reached("all below a pattern is reached", FILES, "/files/a/b.txt"),
        reached("an exact path besides a pattern is reached", FILES, "/files/own"),
        look_alike("a pattern does not match its own stem", FILES, "/files"),
        look_alike("an encoded slash below a pattern is not found", FILES, "/files/a%2fb"),
        look_alike("an encoded backslash below a pattern is not found", FILES, "/files/a%5Cb"),
        look_alike("an encoded NUL below a pattern is not found", FILES, "/files/a%00"),
        look_alike("a backslash below a pattern is not found", FILES, "/files/a\\b"),
        look_alike("a dot segment below a pattern is not found", FILES, "/files/../mcp"),
        look_alike("an encoded dot segment below a pattern is not found", FILES, "/files/%2e%2e/mcp"),
        look_alike("a trailing slash makes another path", MAIN, "/mcp/"),
        look_alike("a doubled slash makes another path", MAIN, "//mcp"),
        look_alike("an encoded letter makes another path", MAIN, "/%6dcp"),
        look_alike("a letter encoded twice makes another path", MAIN, "/%256dcp"),
        look_alike("an upper-case letter makes another path", MAIN, "/MCP"),
        look_alike("a path with a dot segment is another path", MAIN, "/./mcp"),
        look_alike("a path that goes up is another path", MAIN, "/x/../mcp"),
        look_alike("a path with a parameter is another path", MAIN, "/mcp;x=1"),
        look_alike("a path with a backslash is another path", MAIN, "/x\\..\\mcp"),
        look_alike("a look-alike is not passed even where it is listed", MAIN, "/mcp/"),
        look_alike("a look-alike below a listed pattern is not passed", MAIN, "/assets/../mcp"),
        look_alike("a look-alike on another host is not passed", "elsewhere.example.com", "/assets/%2e%2e/mcp"),
        look_alike("an encoded question mark hides no path behind it", MAIN, "/assets/x%3f/%252e%252e/%252e%252e/mcp"),
        look_alike("an encoded number sign hides no path behind it", MAIN, "/assets/x%23/%252e%252e/%252e%252e/mcp"),
        look_alike(
            "a NUL that is encoded twice hides no path behind it",
            MAIN,
            "/assets/%2500/%252e%252e/%252e%252e/mcp",
        ),
        hidden("a dot segment that is encoded twice is not passed", MAIN, "/assets/%252e%252e/internal"),
        hidden("a dot segment in an encoding of IIS is not passed", MAIN, "/assets/%u002e%u002e/internal"),
        hidden("a dot segment in overlong UTF-8 is not passed", MAIN, "/assets/%c0%ae%c0%ae/internal"),
        look_alike("a dot segment that is encoded twice below a pattern is not found", FILES, "/files/%252e%252e/mcp"),
        passes("an encoded question mark alone passes", "/assets/what%3f"),
        passes("a listed path passes without a token", "/open"),
        passes("a listed path passes with its query", "/open?access_token=x"),
        passes("all below a listed pattern passes", "/assets/a/b.css"),
        row("a listed path passes on any host", request("GET").at("elsewhere.example.com").path("/open"), passed()),
        row("what passes is not decided", call("format_disk").path("/open"), passed()),
        row("a path near a listed one does not pass", request("GET").path("/opened"), not_found()),
    ]
}
