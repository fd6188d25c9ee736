//! URIs and their spellings, and URI templates.

use super::assert_decides;
use serde_json::json;

#[test]
fn all_spellings_of_a_uri_get_one_decision_the_stricter() {
    let policy = json!({"resources": {
        "docs://*": {"scopes": []},
        "docs://secret/*": {"scopes": ["s"]},
        "docs://secret/open/*": {"scopes": []},
        "docs://exact": {"scopes": ["e"]},
        "docs://a%2Fb": {"scopes": ["slash"]},
        "docs://caf\u{e9}": {"scopes": ["raw"]},
        "docs://caf%C3%A9": {"scopes": ["encoded"]},
        "docs://{x}/*": {"scopes": ["brace"]},
        "https://*.example": {"scopes": ["h"]},
        "https://a.example/?*": {"scopes": ["q"]},
        "https://b.test": {"scopes": ["b"]},
        "https://b.test/*": {"scopes": []},
    }});
    assert_decides(
        &policy,
        &[
            ("", "uri docs://open/x", "allow"),
            ("", "uri docs://secret%2Fx", "deny s | s | s"),
            ("", "uri docs://secret%25252Fx", "deny s | s | s"),
            ("s", "uri docs://secret%2Fx", "allow"),
            ("", "uri docs:///secret/x", "deny s | s | s"),
            ("", "uri docs:/secret/x", "deny unlisted"),
            ("", "uri docs://open//..x", "allow"),
            ("", "uri docs://Secret/x", "deny s | s | s"),
            ("", "uri docs://secret", "deny s | s | s"),
            ("", "uri docs://secret?x", "deny s | s | s"),
            ("", "uri docs://exact/", "deny e | e | e"),
            ("", "uri docs://exact#x", "deny e | e | e"),
            ("e", "uri docs://exact/", "allow"),
            ("slash", "uri docs://a%2Fb", "allow"),
            ("", "uri docs://a/b", "deny slash | slash | slash"),
            ("", "uri docs://a%252Fb", "deny slash | slash | slash"),
            ("raw", "uri docs://caf\u{e9}", "deny encoded raw | encoded | encoded raw"),
            ("raw", "uri docs://caf%C3%A9", "deny encoded raw | encoded | encoded raw"),
            ("raw encoded", "uri docs://caf%C3%A9", "allow"),
            ("", "uri docs://{x}/y", "deny brace | brace | brace"),
            ("", "uri docs://%7Bx%7D/y", "deny brace | brace | brace"),
            ("", "uri https://c.example", "deny h | h | h"),
            ("", "uri https://c.example/", "deny h | h | h"),
            ("q", "uri https://a.example?x", "allow"),
            ("", "uri https://a.example?x", "deny q | q | q"),
            ("", "uri https://b.test/", "deny b | b | b"),
            ("", "uri https://b.test/x", "allow"),
            ("s", "uri docs://open docs://secret%2Fx", "allow"),
            ("", "uri docs://open docs://secret%2Fx", "deny s | s | s"),
            ("", "uri docs://secret:80/x", "deny s | s | s"),
            ("", "uri docs://me@Secret:80/x", "deny s | s | s"),
            ("", "uri docs://me%40secret/x", "deny s | s | s"),
            ("", "uri docs://secret%3A80/x", "deny s | s | s"),
            ("", "uri docs://exact%3Fx", "deny e | e | e"),
            ("", "uri docs://exact%23x", "deny e | e | e"),
            ("", "uri docs://exact:80?x", "deny e | e | e"),
            ("", "template docs://{host}:80/x", "deny brace s | brace s | brace s"),
            ("", "uri https://b.test:8443/x", "deny unlisted"),
            // A server may do one of these and not the others.
            ("", "uri docs://SECRET/open%2Fx", "deny s | s | s"),
            ("", "uri docs:///secret/open%2Fx", "deny s | s | s"),
            ("", "uri docs://secret%2F/open/x", "deny s | s | s"),
            ("", "uri docs://SECRET/open/x", "allow"),
        ],
    );
    let speaking = json!({"resources": {
        "db://*": {"scopes": ["a"]},
        "db://t?public=*": {"scopes": []},
        "db://guest@*": {"scopes": []},
        "db://t#top": {"scopes": []},
        "db://t:1/*": {"scopes": []},
        "db://u@t:2/exact": {"scopes": ["x"]},
    }});
    assert_decides(
        &speaking,
        &[
            ("", "uri db://t?public=1", "allow"),
            ("", "uri db://t?public=1#x", "allow"),
            ("", "uri db://guest@t", "allow"),
            ("", "uri db://t#top", "allow"),
            ("", "uri db://t#other", "deny a | a | a"),
            ("", "uri db://t?x", "deny a | a | a"),
            ("", "uri db://t:1/x", "allow"),
            ("", "uri db://t:2/x", "deny a | a | a"),
            ("a", "uri db://u@t:2/exact?x", "deny a x | x | a x"),
        ],
    );
    let open = json!({
        "unlisted": {"resources": "authenticated"},
        "resources": {"docs://secret/*": {"scopes": ["s"]}, "docs://exact": {"scopes": ["e"]}, "file:///srv/*": {"scopes": ["s"]}},
    });
    assert_decides(
        &open,
        &[
            ("", "uri docs://other", "allow"),
            ("", "uri docs:/secret/x", "deny s | s | s"),
            ("", "uri docs://secret%2Fx", "deny s | s | s"),
            ("", "uri docs://Exact", "deny near_name"),
            ("", "uri docs://exact%20", "deny e | e | e"),
            ("", "uri %20docs://exact", "deny near_name"),
            ("", "uri %1F%20docs://secret/x", "deny s | s | s"),
            ("", "uri do%0Acs://secret/x", "deny s | s | s"),
            ("", "uri %09file%3A%0A//x/srv/key", "deny s | s | s"),
            ("", "uri docs://exact%09", "deny near_name"),
            ("", "uri docs:/exact", "deny e | e | e"),
        ],
    );
}

#[test]
fn what_a_server_may_leave_out_of_a_uri_makes_no_other_resource() {
    let (any, admin) = (json!({"scopes": []}), json!({"scopes": ["a"]}));
    let denied = "deny a | a | a";
    let policy = json!({"resources": {
        "https:*": any, "https://h/keys": admin, "https://h/*.key": admin, "https://h/v;v=1": any, "https://h/v": admin,
        "file*": any, "file:///srv/secret/*": admin, "file://open/srv/secret/*": any,
        "docs*": any, "docs://secret/*": admin, "docs://h/a/b": admin,
        "docs://g/A": admin, "docs://g/A/*": any,
    }});
    let cases = [
        ("https://h/keys;", denied),
        ("https://h/keys;x", denied),
        ("https://h/keys;x=1;y", denied),
        ("https://h/keys%3Bx", denied),
        ("https://h/keys;x?y", denied),
        ("https://h/keys;x%2Fy#z", denied),
        ("https://h/a.key;x", denied),
        ("https://h/v;v=1", "allow"),
        ("https://h/v;v=2", denied),
        ("https://h/open;x", "allow"),
        ("file://x/srv/secret/key", denied),
        ("file://x.example/srv/secret/key;y?z", denied),
        ("file://open/srv/secret/key", "allow"),
        ("file://x/srv/open/key", "allow"),
        ("file%3A//x/srv/secret/key", denied),
        ("docs://secret;x/key", denied),
        ("docs://secret;x/key;y", denied),
        ("docs://h;x/a;y/b;z", denied),
        ("docs://h;x%2Fy/a%2Fb", denied),
        ("docs://h/a%2Fb;x%2Fy", denied),
        ("docs://u%2Fv@h/a%2Fb", denied),
        ("docs://h/a;x%2Fb", denied),
        ("docs:secret/key", denied),
        ("docs:secret%2Fkey?x", denied),
        ("docs:h/a/b", denied),
        ("docs:G/A", denied),
        ("docs:me@secret:80/key", denied),
        ("docs://secret%5Ckey", denied),
        ("docs:%5C%5Csecret%255Ckey", denied),
        ("docs://secret./key", denied),
        ("docs://u@Secret..:80/key", denied),
        ("docs://%20secret/key", denied),
        ("docs://secret%20/key", denied),
        ("docs://me@%20secret/key", denied),
        ("docs://secret%0A:1/key", denied),
        ("docs://sec%0Aret/key", denied),
        ("docs:%09//secret/%0D%0Akey", denied),
        ("docs://sec%250Aret/key", denied),
        ("docs://secret\u{a0}/key", denied),
        ("docs://secret\u{200b}/key", denied),
        ("docs://sec\u{ad}ret/key", denied),
        ("docs://secret%E2%80%8B/key", denied),
        ("docs://open%20/key", "allow"),
        ("docs:open", "allow"),
        ("docs://open./a;b", "allow"),
        ("docs:", "allow"),
    ];
    for (uri, expected) in cases {
        assert_eq!(toolgate::uri::check_uri(uri), Ok(()), "{uri:?}");
        assert_decides(&policy, &[("", &format!("uri {uri}"), expected), ("a", &format!("uri {uri}"), "allow")]);
    }
    for (template, expected) in [
        ("https://h/{x}.key;{y}", denied),
        ("file://{host}/srv/secret/{x}", denied),
        ("file://x/srv/secret/{x}", denied),
        ("docs://secret;{x}/{y}", denied),
        ("docs://secret./{x}", denied),
        ("docs://open;{x}/{y}", "allow"),
    ] {
        assert_decides(&policy, &[("", &format!("template {template}"), expected)]);
    }
}

#[test]
fn in_shadow_all_spellings_are_decided_by_what_is_carried_out() {
    let policy = json!({"mode": "shadow", "resources": {
        "docs://*": {"scopes": []},
        "docs://secret/*": {"scopes": ["s"], "mode": "enforce"},
        "docs://secret%2Ftrial": {"scopes": []},
        "docs://trial/*": {"scopes": ["t"]},
    }});
    assert_decides(
        &policy,
        &[
            ("", "uri docs://secret%2Fx", "deny s | s | s"),
            ("", "uri docs://secret%2Ftrial", "deny s | s | s"),
            ("", "uri docs://trial%2Fx", "shadow t | t | t"),
            ("", "uri docs://other", "allow"),
            ("", "template docs://{+path}", "deny s | s | s"),
            ("s", "template docs://{+path}", "shadow s t | t | s t"),
        ],
    );
}

#[test]
fn a_template_is_decided_by_all_rules_that_it_can_reach() {
    let policy = json!({"resources": {
        "*": {"scopes": ["never"]},
        "docs://*": {"scopes": []},
        "docs://secret/*": {"scopes": ["s"]},
        "docs://*/key": {"scopes": ["k"]},
        "docs://public/*": {"scopes": []},
        "docs://public/one": {"scopes": ["one"]},
        "docs://%C3%A9/*": {"scopes": ["e"]},
    }});
    assert_decides(
        &policy,
        &[
            ("", "template docs://{+path}", "deny e k one s | e k one s | e k one s"),
            ("e k one s", "template docs://{+path}", "allow"),
            ("", "template docs://other/{x}.txt", "allow"),
            ("", "template docs://other/{x}", "deny k | k | k"),
            ("", "template docs://secret/{x}.txt", "deny s | s | s"),
            ("", "template docs://secret%2F{x}.txt", "deny s | s | s"),
            ("", "template docs://public/{x}.txt", "allow"),
            ("", "template docs://public/{x}", "deny one | one | one"),
            ("", "template docs://\u{e9}/{x}.txt", "deny e | e | e"),
            ("", "template docs:{x}", "deny e k never one s | e k never one s | e k never one s"),
        ],
    );
}

#[test]
fn a_template_needs_a_pattern_over_all_that_it_can_expand_to() {
    let policy = json!({"resources": {
        "docs://public/*": {"scopes": []},
        "docs://team/*/notes": {"scopes": ["t"]},
        "docs://one": {"scopes": []},
    }});
    assert_decides(
        &policy,
        &[
            ("", "template docs://public/{id}", "allow"),
            ("", "template docs://public/{a}/{b}{?q}", "allow"),
            ("", "template docs://{area}/x", "deny unlisted"),
            ("", "template {+all}", "deny unlisted"),
            ("t", "template docs://team/{id}/notes", "allow"),
            ("", "template docs://team/{id}/notes", "deny t | t | t"),
            ("t", "template docs://team/{id}", "deny unlisted"),
            ("", "template docs://one", "allow"),
            ("", "template docs://public/{id", "deny unlisted"),
        ],
    );
}
