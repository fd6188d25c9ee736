//! Credentials and tokens: what is taken for a token is one, in three parts, and serde_json reads the same claims.
//!
//! The input: header fields, one a line, as they are; then header, claims and signature of a token, one a line too,
//! before they are encoded.
#![no_main]

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use toolgate::bearer;
use toolgate::headers::Headers;
use toolgate::node::Node;
use toolgate::token::{Claims, UntrustedJwt};

fuzz_target!(|bytes: &[u8]| {
    let field = |value: &[u8]| ("Authorization".to_owned(), value.to_vec());
    let lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    for fields in [&lines[..1], &lines[..lines.len().min(2)]] {
        let headers = Headers::new(fields.iter().map(|value| field(value)).collect());
        if let Ok(Some((_, token))) = bearer::extract(&headers, "/mcp", false) {
            let token = token.reveal();
            assert_eq!(fields.len(), 1, "of two credentials one was chosen");
            assert!(
                lines[0][..7].eq_ignore_ascii_case(b"bearer ") && lines[0].trim_ascii_end().ends_with(token.as_bytes())
            );
            assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b)));
            check(token);
        }
        let _ = bearer::extract(&headers, "/mcp", true);
        let _ = bearer::extract(&Headers::default(), &String::from_utf8_lossy(fields[0]), false);
    }
    check(&String::from_utf8_lossy(bytes));
    let parts: Vec<String> = lines.iter().take(3).map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
    check(&parts.join("."));
});

fn check(token: &str) {
    let Ok(jwt) = UntrustedJwt::parse(token) else { return };
    assert!(UntrustedJwt::is_shaped_like(token));
    let parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url")).collect();
    assert_eq!(parts.len(), 3);
    for part in &parts[..2] {
        // Members keep their order within a node. A claim that is null is absent.
        let values: HashMap<String, Node> = serde_json::from_slice(part).expect("JSON");
        let claims = Claims::parse(part).expect("claims");
        for (name, value) in &values {
            assert_eq!(claims.get(name), Some(value).filter(|value| **value != Node::Null), "{name}");
        }
    }
    let claims: Value = serde_json::from_slice(&parts[1]).expect("JSON");
    assert_eq!(jwt.issuer().ok(), claims["iss"].as_str());
}
