//! Trimming is to parse, to filter and to print; and nothing that is denied is left.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use toolgate::listing::{self, KnownLists, Private};
use toolgate::mcp::ListKind;
use toolgate::text::look_alike;

const TTL: u64 = 5_000;
const LISTS: [(&str, &str); 4] =
    [("prompts", "name"), ("resourceTemplates", "uriTemplate"), ("resources", "uri"), ("tools", "name")];

fn allowed(name: &str) -> bool {
    name.starts_with("read")
}

fuzz_target!(|bytes: &[u8]| {
    let keeps = |_: ListKind, name: &str, _: &[u8]| allowed(name);
    let trim = |bytes, known: &mut KnownLists| listing::trim(bytes, 64, TTL, Private::Lists, known, &keeps);
    let mut known = KnownLists::default();
    let first = trim(bytes, &mut known);
    // Lists that were read before a fault are known as well.
    assert_eq!(trim(bytes, &mut known), first, "a list that is known is as one that is read");
    let Ok(trimmed) = first else { return };
    let again = trim(&trimmed.body, &mut known).expect("what was trimmed can be read");
    assert_eq!((again.removed, &again.body), (0, &trimmed.body), "nothing denied is left");
    assert!(trimmed.held_list || trimmed.body.as_ref() == bytes, "no list, no change");
    // serde_json has no value for a lone surrogate or for a number too large.
    let Ok(mut expected) = serde_json::from_slice::<Value>(bytes) else { return };
    let mut removed = 0;
    match &mut expected {
        Value::Array(messages) => messages.iter_mut().for_each(|message| removed += filter(message)),
        message => removed += filter(message),
    }
    assert_eq!(serde_json::from_slice::<Value>(&trimmed.body).expect("JSON"), expected);
    assert_eq!(trimmed.removed, removed);
});

fn filter(message: &mut Value) -> usize {
    let Some(result) = message.get_mut("result").and_then(Value::as_object_mut) else { return 0 };
    let (mut removed, mut held_list) = (0, false);
    for (list, key) in LISTS {
        let Some(entries) = result.get_mut(list) else { continue };
        let entries = entries.as_array_mut().expect("other shapes are refused");
        let before = entries.len();
        entries.retain(|entry| {
            let clear = entry.as_object().is_some_and(|entry| entry.keys().all(|k| look_alike(k, &[key]).is_none()));
            clear && entry[key].as_str().is_some_and(allowed)
        });
        held_list = true;
        removed += before - entries.len();
    }
    if let Some(scope) = result.get_mut("cacheScope").filter(|_| held_list) {
        *scope = json!("private");
    }
    let fits = |ttl: &Value| ttl.as_f64().is_some_and(|ttl| (0.0..=TTL as f64).contains(&ttl));
    if let Some(ttl) = result.get_mut("ttlMs").filter(|ttl| held_list && !fits(ttl)) {
        *ttl = json!(TTL);
    }
    removed
}
