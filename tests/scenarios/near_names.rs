//! Near names: what only looks like a name that is listed exactly is decided by no pattern.

use serde_json::{Value, json};

use super::config::{LOCAL, PATTERNS};
use super::endpoint::text;
use super::expect::*;
use super::request::{answer_json, rpc, token};
use super::{Scenario, row};

pub fn rows() -> Vec<Scenario> {
    let sent = |method: &str, params: Value| {
        rpc(method, params).at(PATTERNS).bearer(token("weather:delete weather:read tasks:run"))
    };
    let near = |name, method: &str, params: Value, target: Value| {
        row(name, sent(method, params), denied(method, target, "near_name"))
    };
    let near_tool = |name, tool: &str| near(name, "tools/call", json!({"name": tool}), json!(tool));
    let open = |name, method: &str, params: Value| row(name, sent(method, params), forwarded());
    let open_tool = |name, tool: &str| open(name, "tools/call", json!({"name": tool}));
    let listed = |name, method: &str, from: &str, to: &str| {
        let result = |members: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{members}}}}}"#);
        row(name, sent(method, json!({})), forwarded().text(&result(to))).answered(answer_json(result(from)))
    };
    vec![
        near_tool("no pattern opens a name that differs by case", "Delete_All"),
        near_tool("no pattern opens a name with a space behind", "delete_all "),
        near_tool("no pattern opens a name with a tab before", "\tdelete_all"),
        near_tool("no pattern opens a name with a NUL behind", "delete_all\0"),
        near_tool("no pattern opens a name with a NUL before", "\0delete_all"),
        near_tool("no pattern opens a name that a server ends at its NUL", "delete_all\0.txt"),
        near_tool("no pattern opens a name with a character that cannot be seen", "delete\u{200b}_all"),
        near_tool("no pattern opens a name with a mark of order before", "\u{feff}delete_all"),
        near_tool("a row denies what differs by case from its exact name", "FORMAT_DISK"),
        near_tool("a row denies its exact name with a NUL behind", "format_disk\0"),
        near_tool("a row denies its exact name with a character that cannot be seen", "format\u{ad}_disk"),
        near_tool("a row for others guards its exact name from near ones", "Drop_Table"),
        open_tool("a row for others leaves its exact name to the rules", "drop_table"),
        open_tool("the pattern of a row has no near names", "Wipe_x"),
        open_tool("a pattern opens what looks like nothing listed", "delete_alle"),
        row(
            "no near name gets around the issuer's word",
            rpc("tools/call", json!({"name": "Erase"}))
                .at(PATTERNS)
                .bearer(token("").claim("iss", LOCAL).said(text("not asked"))),
            denied("tools/call", "Erase", "near_name"),
        ),
        near("no pattern opens a near name of a prompt", "prompts/get", json!({"name": "BRIEF"}), json!("BRIEF")),
        near(
            "no pattern opens a near name of a prompt to a completion",
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "brief\0"}, "argument": {"name": "a", "value": "b"}}),
            json!("brief\0"),
        ),
        near(
            "no pattern opens a near name of a resource",
            "resources/read",
            json!({"uri": "weather://Secret"}),
            json!("weather://Secret"),
        ),
        near("no pattern opens a near name of a method", "Tasks/Cancel", json!({}), json!(null)),
        near("no pattern opens a method that a server ends at its NUL", "tasks/cancel\0", json!({}), json!(null)),
        open("a pattern opens a method that looks like nothing listed", "tasks/cancelled", json!({})),
        listed(
            "a list shows no near names beside a pattern",
            "tools/list",
            r#""tools":[{"name":"Delete_All"},{"name":"delete_all"},{"name":"delete_all\u0000"},{"name":"format_disk "},{"name":"any"}]"#,
            r#""tools":[{"name":"delete_all"},{"name":"any"}]"#,
        ),
        listed(
            "a list of prompts shows none either",
            "prompts/list",
            r#""prompts":[{"name":"Brief"},{"name":"brief"},{"name":"any"}]"#,
            r#""prompts":[{"name":"brief"},{"name":"any"}]"#,
        ),
        listed(
            "nor does a list of resources",
            "resources/list",
            r#""resources":[{"uri":"weather://SECRET"},{"uri":"weather://secret"},{"uri":"weather://any"}]"#,
            r#""resources":[{"uri":"weather://secret"},{"uri":"weather://any"}]"#,
        ),
    ]
}
