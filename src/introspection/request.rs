//! The request to an introspection endpoint (RFC 7662 section 2.1).

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::ClientAuthentication;

/// The form that asks about `token`, and the `Authorization` header that goes with it, if any.
pub fn request_body(token: &str, client: Option<&ClientAuthentication>) -> (String, Option<String>) {
    let mut form = String::with_capacity(token.len() + 64);
    form.push_str("token=");
    form_encode(token, &mut form);
    form.push_str("&token_type_hint=access_token");
    match client {
        None => (form, None),
        Some(client) if client.in_body => {
            form.push_str("&client_id=");
            form_encode(&client.id, &mut form);
            form.push_str("&client_secret=");
            form_encode(&client.secret, &mut form);
            (form, None)
        }
        Some(client) => (form, Some(basic(client))),
    }
}

/// RFC 6749 section 2.3.1: both are form-encoded before they are joined.
fn basic(client: &ClientAuthentication) -> String {
    let mut pair = String::new();
    form_encode(&client.id, &mut pair);
    pair.push(':');
    form_encode(&client.secret, &mut pair);
    format!("Basic {}", STANDARD.encode(pair))
}

/// `application/x-www-form-urlencoded` (RFC 6749 appendix B). A space as `%20` is read alike by all.
fn form_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_where_the_configuration_says_and_nothing_is_sent_raw() {
        let client = |in_body| ClientAuthentication { id: "a b".into(), secret: "s:%/é".into(), in_body };
        let token = "token=a.b-c_%7E%2B%2F%3D&token_type_hint=access_token";
        let basic = format!("Basic {}", STANDARD.encode("a%20b:s%3A%25%2F%C3%A9"));
        for (client, body, header) in [
            (None, token.to_owned(), None),
            (Some(client(false)), token.to_owned(), Some(basic)),
            (Some(client(true)), format!("{token}&client_id=a%20b&client_secret=s%3A%25%2F%C3%A9"), None),
        ] {
            assert_eq!(request_body("a.b-c_~+/=", client.as_ref()), (body, header));
        }
    }
}
