//! The request to an introspection endpoint (RFC 7662 section 2.1).

use crate::callout::Request;
use crate::config::Endpoint;
use crate::url::form_encode;

/// The request that asks `endpoint` about `token`.
pub fn request(endpoint: &Endpoint, token: &str) -> Request {
    let mut form = String::with_capacity(token.len() + 64);
    form.push_str("token=");
    form_encode(token, &mut form);
    form.push_str("&token_type_hint=access_token");
    if let Some(client) = &endpoint.client {
        client.add_to_form(&mut form);
    }
    endpoint
        .request("POST")
        .with_secret(token)
        .with("content-type", "application/x-www-form-urlencoded")
        .with("accept", "application/json")
        .carrying(form.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::config::{AuthenticationMethod, ClientAuthentication};
    use crate::url::Url;

    #[test]
    fn credentials_go_where_the_configuration_says_and_nothing_is_sent_raw() {
        let token = "token=a.b-c_%7E%2B%2F%3D&token_type_hint=access_token";
        let basic = |pair: &str| Some(format!("Basic {}", STANDARD.encode(pair)));
        for (method, body, header) in [
            (None, token.to_owned(), None),
            (Some(AuthenticationMethod::Basic), token.to_owned(), basic("a b:s:%/é")),
            (Some(AuthenticationMethod::ClientSecretBasic), token.to_owned(), basic("a%20b:s%3A%25%2F%C3%A9")),
            (
                Some(AuthenticationMethod::ClientSecretPost),
                format!("{token}&client_id=a%20b&client_secret=s%3A%25%2F%C3%A9"),
                None,
            ),
        ] {
            let client =
                method.map(|method| ClientAuthentication { id: "a b".into(), secret: "s:%/é".into(), method });
            let uri = Url::parse("https://auth.example.com/introspect?v=2").unwrap();
            let endpoint = Endpoint { uri, cluster: "auth".into(), timeout: Duration::from_secs(5), client };
            let request = request(&endpoint, "a.b-c_~+/=");
            assert_eq!(request.url(), "https://auth.example.com/introspect?v=2");
            assert_eq!(request.header("authorization").map(str::to_owned), header, "{method:?}");
            assert_eq!(request.body, Some(body.into_bytes()), "{method:?}");
        }
    }
}
