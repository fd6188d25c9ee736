//! Properties of reading and trimming, with generated messages.

use crate::support::readers::Reader;
use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate::jsonrpc::{self, MessageKind};
use toolgate::listing::{self, KnownLists, Private};
use toolgate::mcp::{ListKind, Operation};

/// Text that is a message, or nearly one.
fn near_message() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "jsonrpc",
        "method",
        "id",
        "params",
        "name",
        "uri",
        "_meta",
        "ref",
        "arguments",
        "result",
        "n\\u0061me",
        "Name",
        "x",
        "taskId",
        "m\\u0065thod",
        "",
        "é",
        "\\ud83d\\ude00",
    ]);
    let scalar = prop::sample::select(vec![
        "\"2.0\"",
        "\"tools/call\"",
        "\"tools\\/list\"",
        "\"echo\"",
        "1",
        "-0.5e3",
        "true",
        "null",
        "\"\"",
        "\"a\\n\\u00e9é\"",
        "\"\\ud83d\\ude00\"",
        "12345678901234567890",
        "{}",
        "[]",
    ]);
    let leaf = scalar.prop_map(str::to_owned);
    let value = leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec((name.clone(), inner.clone()), 0..5).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", members.join(", "))
            }),
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
        ]
    });
    let method = prop::sample::select(vec!["tools/call", "ping", "resources/read", "p\\u0069ng"]);
    let id = prop::sample::select(vec!["1", "\"x\"", "-0.5e1", "18446744073709551615", "\"\\u0031\"", "null"]);
    let envelope = (method, prop::option::of(id), prop::option::of(value.clone()), value.clone(), 0usize..3);
    let message = envelope.prop_map(|(method, id, more, params, order)| {
        let mut parts = vec!["\"jsonrpc\":\"2.0\"".to_owned(), format!("\"method\":\"{method}\"")];
        parts.extend(id.map(|id| format!("\"id\":{id}")));
        parts.push(format!("\"params\":{{\"name\":\"{method}\",\"arguments\":{params}}}"));
        parts.extend(more.map(|more| format!("\"more\":{more}")));
        parts.rotate_left(order);
        format!("{{{}}}", parts.join(","))
    });
    prop_oneof![3 => message, 1 => value]
}

/// `text` with some of its bytes changed, doubled or gone.
fn damaged(text: &str, damage: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, kind, byte) in damage {
        let at = place.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        match kind % 4 {
            0 if !bytes.is_empty() => bytes[at] = *byte,
            1 if !bytes.is_empty() => drop(bytes.remove(at)),
            2 => bytes.insert(at, *byte),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_as_a_message_any_careful_reader_reads_alike(
        text in near_message(),
        damage in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<u8>(), prop::sample::select(b"{}[]\",:\\u0 \n\x00\xffeE+-.1a".to_vec())), 0..3),
    ) {
        let bytes = damaged(&text, &damage);
        let Ok(message) = jsonrpc::read(&bytes, 64) else { return Ok(()) };
        let value: Value = match serde_json::from_slice(&bytes) {
            Ok(value) => value,
            // The one text that is JSON and that serde_json has no value for: a lone surrogate, a number too large.
            Err(error) if ["surrogate", "hex escape", "out of range"].iter().any(|why| error.to_string().contains(why)) => {
                return Ok(());
            }
            Err(error) => return Err(TestCaseError::fail(format!("{error}: {}", String::from_utf8_lossy(&bytes)))),
        };
        prop_assert_eq!(&value["jsonrpc"], "2.0");
        prop_assert_eq!(value.get("method").and_then(Value::as_str).unwrap_or_default(), message.method.as_ref());
        prop_assert_eq!(value["params"].get("name").and_then(Value::as_str), message.params.name.text());
        prop_assert_eq!(value["params"].get("uri").and_then(Value::as_str), message.params.uri.text());
        let id = message.id.map(|id| serde_json::from_str::<Value>(id).unwrap());
        prop_assert_eq!(value.get("id").cloned(), id);
        if message.kind == MessageKind::Response || Operation::of(&message).is_err() {
            return Ok(());
        }
        // Readers that make more of it make nothing else of it.
        for reader in Reader::ALL {
            let (member, target) = match message.method.as_ref() {
                "tools/call" => ("name", message.params.name.text()),
                "resources/read" => ("uri", message.params.uri.text()),
                _ => ("none", None),
            };
            let mut found = reader.reads(&bytes, member);
            // The lenient one tries several decodings, which may all say the same.
            found.dedup();
            let expected = (message.method.to_string(), target.into_iter().map(str::to_owned).collect::<Vec<_>>());
            prop_assert_eq!(found, vec![expected], "{:?} of {}", reader, String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn a_trimmed_list_is_the_list_parsed_and_filtered(
        entries in prop::collection::vec((
            prop::sample::select(vec!["read", "write", "reading", "R\u{e9}ad", "", "re\"ad\\", "\u{1f600}read"]),
            any::<bool>(), 0u8..4,
        ), 0..8),
        list in prop::sample::select(vec![
            ("tools", "name"), ("prompts", "name"), ("resources", "uri"), ("resourceTemplates", "uriTemplate")]),
        extra in any::<bool>(), spaced in any::<bool>(),
    ) {
        let (list, key) = list;
        let items: Vec<Value> = entries.iter().map(|(name, titled, shape)| {
            let mut entry = json!({"z": [1.0, {"name": "read"}], "b": null});
            match shape {
                0 => {}
                1 => entry[key] = json!(7),
                _ => entry[key] = json!(name),
            }
            if *titled {
                entry["title"] = json!("read");
            }
            entry
        }).collect();
        let mut body = json!({"jsonrpc": "2.0", "id": "x", "result": {"nextCursor": "c", "before": [1], list: items}});
        if extra {
            body["result"]["cacheScope"] = json!("public");
            body["result"]["ttlMs"] = json!(999_999);
        }
        let text = if spaced { serde_json::to_string_pretty(&body).unwrap() } else { body.to_string() };
        let allowed = |name: &str| name.contains("read");
        let keeps = |_: ListKind, name: &str, _: &[u8]| allowed(name);
        let mut known = KnownLists::default();
        let trimmed = listing::trim(text.as_bytes(), 64, 5_000, Private::Lists, &mut known, &keeps).unwrap();
        let again = listing::trim(text.as_bytes(), 64, 5_000, Private::Lists, &mut known, &keeps).unwrap();
        prop_assert_eq!(&again, &trimmed, "a list that is known is as one that is read");
        let mut expected = body.clone();
        let kept = items.iter().filter(|entry| entry[key].as_str().is_some_and(allowed)).cloned();
        expected["result"][list] = kept.collect();
        if extra {
            expected["result"]["cacheScope"] = json!("private");
            expected["result"]["ttlMs"] = json!(5_000);
        }
        let printed: Value = serde_json::from_slice(&trimmed.body).unwrap();
        prop_assert_eq!(&printed, &expected);
        prop_assert!(trimmed.held_list);
        let kept = expected["result"][list].as_array().unwrap().len();
        prop_assert_eq!(trimmed.removed, items.len() - kept);
        if kept == items.len() && !extra {
            prop_assert_eq!(trimmed.body.as_ref(), text.as_bytes(), "nothing goes, nothing changes");
        }
    }

    #[test]
    fn no_bytes_make_reading_or_trimming_panic(
        bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\u0d8 \n\x00\xff\xc3\xa9tfn1e-.name".to_vec()), 0..40),
    ) {
        let _ = jsonrpc::read(&bytes, 8);
        let keeps = |_: ListKind, _: &str, _: &[u8]| true;
        let _ = listing::trim(&bytes, 8, 1, Private::All, &mut KnownLists::default(), &keeps);
    }
}
