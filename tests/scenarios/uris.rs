//! Resources by all their spellings: two that a server may take for one get one decision, the stricter.

use serde_json::{Value, json};

use super::config::URIS;
use super::expect::*;
use super::request::{Request, answer_events, answer_json, request, rpc, token};
use super::{Scenario, row};

const READ: &str = "resources/read";

pub fn rows() -> Vec<Scenario> {
    let sent = |method: &str, params: Value| rpc(method, params).at(URIS).bearer(token(""));
    let read = |uri: &str| sent(READ, json!({ "uri": uri }));
    let ambiguous = |name, uri: &str| row(name, read(uri), rpc_refusal(-32602, 1, "uri_ambiguous"));
    let lacks = |name, request: Request, method: &str, target: &str| {
        row(name, request, step_up(method, target, "docs:admin", "docs:admin", "docs:admin"))
    };
    let strict = |name, uri: &str| lacks(name, read(uri), READ, uri);
    let open = |name, uri: &str| row(name, read(uri), forwarded());
    let listen =
        |uris: &[&str]| sent("subscriptions/listen", json!({"notifications": {"resourceSubscriptions": uris}}));
    let complete = |uri: &str| sent("completion/complete", json!({"ref": {"type": "ref/resource", "uri": uri}}));
    let listed = |name, method: &str, from: &str, to: &str| {
        let result = |members: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{members}}}}}"#);
        row(name, sent(method, json!({})), forwarded().text(&result(to))).answered(answer_json(result(from)))
    };
    let updated = |uri: &str| {
        format!("data: {{\"method\":\"notifications/resources/updated\",\"params\":{{\"uri\":\"{uri}\"}}}}\n\n")
    };
    let stream = request("GET").header("accept", "text/event-stream").at(URIS).bearer(token(""));
    vec![
        ambiguous("a uri with an encoded letter is refused", "docs://%73ecret/key"),
        ambiguous("a uri with a letter that is encoded twice is refused", "docs://%2573ecret/key"),
        ambiguous("a uri with an encoded hyphen is refused", "docs://a%2Db"),
        ambiguous("a uri with lower-case hexadecimal digits is refused", "docs://secret%2fkey"),
        ambiguous("a uri with half an escape is refused", "docs://100%"),
        ambiguous("a uri with an encoded NUL is refused", "docs://secret%00"),
        ambiguous("a uri with a dot segment that is encoded twice is refused", "docs://a/%252E%252E/secret"),
        ambiguous("a uri with an empty user name is refused", "docs://@secret/key"),
        ambiguous("a uri with an empty port is refused", "docs://secret:/key"),
        ambiguous("a url with an upper-case host is refused", "https://ADMIN.example/keys"),
        ambiguous("a url with the default port is refused", "https://admin.example:443/keys"),
        ambiguous("a url with a user is refused", "https://me@admin.example/keys"),
        ambiguous("a url with a dot behind its host is refused", "https://admin.example./keys"),
        ambiguous("a url with too few slashes is refused", "https:/admin.example/keys"),
        ambiguous("a url with no slashes is refused", "https:admin.example/keys"),
        ambiguous("a url with too many slashes is refused", "https:///admin.example/keys"),
        ambiguous("a url with an encoded host is refused", "https://%61dmin.example/keys"),
        ambiguous("a url with a host in another script is refused", "https://\u{ff41}dmin.example/keys"),
        ambiguous("a url with an address in hexadecimal digits is refused", "https://0x7f.1/keys"),
        ambiguous("a url with a long form of an IPv6 address is refused", "https://[0:0:0:0:0:0:0:1]/keys"),
        ambiguous("a url with an IPv4 address in an IPv6 address is refused", "http://[::ffff:127.0.0.1]/keys"),
        ambiguous("a file of this host by name is refused", "file://localhost/srv/key"),
        ambiguous("a file with one slash is refused", "file:/srv/key"),
        strict("an encoded slash is decided like a slash", "docs://secret%2Fkey"),
        strict("a slash that is encoded twice is decided like a slash", "docs://secret%252Fkey"),
        strict("a host in upper case is decided like one in lower case", "docs://SECRET/key"),
        strict("a path without an authority is decided like one with it", "docs:/secret/key"),
        strict("an empty authority is decided like none", "docs:///secret/key"),
        strict("a doubled slash is decided like one", "docs://public//key"),
        strict("a fragment is decided like what it is a part of", "docs://public/key#top"),
        strict("a question mark with nothing behind it is decided like none", "docs://public/key?"),
        strict("a query is decided like what it is put to", "docs://public/key?x=1"),
        strict("a slash behind a uri is decided like none", "docs://public/key/"),
        strict("a uri with a user is decided like one without", "docs://me@secret/key"),
        strict("a uri with a port that its scheme does not know is decided like one without", "docs://secret:80/key"),
        strict("an encoded port is decided like a port", "docs://secret%3A80/key"),
        strict("an encoded user is decided like a user", "docs://me%40secret/key"),
        strict("an encoded query is decided like a query", "docs://public/key%3Fx"),
        strict("an encoded colon is decided like a colon", "docs%3A//secret/key"),
        strict("a uri with parameters is decided like one without", "https://exact.example/key;x"),
        strict("encoded parameters are decided like parameters", "docs://public/key%3Bx"),
        strict("parameters of any segment are left out", "docs://secret;x/key"),
        strict("the host of a file may be left out", "file://x/srv/secret/key"),
        strict("a host without slashes is decided like one with them", "docs:secret/key"),
        strict("an encoded backslash is decided like a slash", "docs://secret%5Ckey"),
        strict("a dot behind a host is decided like none", "docs://secret./key"),
        strict("a blank beside a host is decided like none", "docs://%20secret/key"),
        strict("an invisible character in a host is decided like none", "docs://sec\u{ad}ret/key"),
        strict("a bare authority is decided like its root", "docs://secret"),
        strict("a bare host is decided like its root", "https://admin.example"),
        strict("a bare host before a query is decided like its root", "https://admin.example?all"),
        strict("the root of a bare host in a rule is that host", "https://exact.example/"),
        strict("a character is decided like its escape in a rule", "docs://caf\u{e9}/x"),
        strict("an escape is decided like its character in a rule", "docs://na%C3%AFve/x"),
        strict("a uri is decided as it is written, too", "docs://na\u{ef}ve/x"),
        open("a character that parsers encode is no fault", "docs://public/{\u{e9}}'`"),
        open("an escape that is needed is no fault", "docs://public/a%20b%2Fc%25"),
        open("a url in normal form is decided as it is", "https://a.example:8443/A//b?c=%7B#d"),
        row(
            "who may have the stricter reading has the uri",
            rpc(READ, json!({"uri": "docs://secret%2Fkey"})).at(URIS).bearer(token("docs:admin")),
            forwarded(),
        ),
        lacks(
            "one of many uris may be spelled otherwise",
            listen(&["docs://public/a", "docs://secret%2Fkey"]),
            "subscriptions/listen",
            "docs://public/a docs://secret%2Fkey",
        ),
        row(
            "one of many uris may be no normal form",
            listen(&["docs://public/a", "https://ADMIN.example/"]),
            rpc_refusal(-32602, 1, "uri_ambiguous"),
        ),
        lacks(
            "an unsubscription is decided by all spellings",
            sent("resources/unsubscribe", json!({"uri": "docs:/secret/key"})),
            "resources/unsubscribe",
            "docs:/secret/key",
        ),
        lacks(
            "a completion is decided by the strictest rule that it reaches",
            complete("docs://{+path}"),
            "completion/complete",
            "docs://{+path}",
        ),
        lacks(
            "a completion that reaches an exact uri is decided by its rule",
            complete("docs://public/{name}"),
            "completion/complete",
            "docs://public/{name}",
        ),
        lacks(
            "a completion is decided by what its text may be decoded to",
            complete("docs://secret%2F{name}"),
            "completion/complete",
            "docs://secret%2F{name}",
        ),
        row("a completion that reaches no stricter rule is open", complete("docs://other/{name}"), forwarded()),
        row(
            "a completion of a template in no normal form is refused",
            complete("https://ADMIN.example/{name}"),
            rpc_refusal(-32602, 1, "uri_ambiguous"),
        ),
        listed(
            "a list of resources is trimmed by all spellings",
            "resources/list",
            r#""resources":[{"uri":"docs://secret%2Fa"},{"uri":"docs://a"},{"uri":"https://A.example/"},{"uri":"docs://caf\u00e9/x"}]"#,
            r#""resources":[{"uri":"docs://a"}]"#,
        ),
        listed(
            "a list of templates is trimmed by all that they reach",
            "resources/templates/list",
            r#""resourceTemplates":[{"uriTemplate":"docs://{+path}"},{"uriTemplate":"docs://other/{x}"},{"uriTemplate":"https://{host}.example/"}]"#,
            r#""resourceTemplates":[{"uriTemplate":"docs://other/{x}"}]"#,
        ),
        row("news of a resource are decided by all spellings", stream, forwarded().text(&updated("docs://a")))
            .answered(answer_events(&[
                &updated("docs://secret%2Fa"),
                &updated("docs:/secret/a"),
                &updated("https://A.example/"),
                &updated("docs://a"),
            ])),
    ]
}
