//! An introspection endpoint that says of each token what the token itself asks it to say, so that a row is all there
//! is to read.

use serde_json::{Value, json};

use crate::support::keys::{base64url, decode_base64url};
use crate::support::tokens::{AUDIENCE, Token};

/// The endpoint's response about a token. Its times are relative to the time at which the token is used.
#[derive(Clone, Debug)]
pub struct Said {
    status: u16,
    members: Vec<(String, Value)>,
    times: Vec<(String, i64)>,
    /// Instead of the members.
    text: Option<String>,
}

/// The claim of a JWT, and the beginning of an opaque token, that tell the endpoint.
const CLAIM: &str = "endpoint_says";
const PREFIX: &str = "opaque-";

/// The token is active, alice's, for the resource of most rows, and grants these scopes.
pub fn active(scope: &str) -> Said {
    Said { status: 200, members: Vec::new(), times: Vec::new(), text: None }
        .member("active", true)
        .member("aud", AUDIENCE)
        .member("client_id", "test-client")
        .member("scope", scope)
        .member("sub", "alice")
        .member("token_type", "Bearer")
        .time("exp", 300)
}

/// The token is not active.
pub fn inactive() -> Said {
    text(r#"{"active":false}"#)
}

/// This body, with status 200.
pub fn text(body: &str) -> Said {
    Said { text: Some(body.to_owned()), ..active("") }
}

impl Said {
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self = self.without(name);
        self.members.push((name.to_owned(), value.into()));
        self
    }

    /// A member that is so many seconds from now.
    pub fn time(mut self, name: &str, seconds: i64) -> Self {
        self = self.without(name);
        self.times.push((name.to_owned(), seconds));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.members.retain(|(own, _)| own != name);
        self.times.retain(|(own, _)| own != name);
        self
    }

    fn told(&self, now: i64) -> String {
        let members = self.members.iter().cloned();
        let times = self.times.iter().map(|(name, seconds)| (name.clone(), json!(now + seconds)));
        let body = Value::Object(members.chain(times).collect()).to_string();
        json!({"status": self.status, "body": self.text.clone().unwrap_or(body)}).to_string()
    }

    /// An opaque token of which the endpoint says this.
    pub fn opaque(&self, now: i64) -> String {
        format!("{PREFIX}{}", base64url(self.told(now)))
    }

    /// A JWT of which the endpoint says this.
    pub fn jwt(&self, token: Token, now: i64) -> Token {
        token.claim(CLAIM, self.told(now))
    }
}

/// The endpoint's status and body, for the form that asks it.
pub fn answer(form: &[u8]) -> (u16, String) {
    let form = std::str::from_utf8(form).expect("a form");
    let token = form.split('&').find_map(|pair| pair.strip_prefix("token=")).expect("a token is asked about");
    assert!(form.contains("token_type_hint=access_token"), "{form}");
    let told = match token.strip_prefix(PREFIX) {
        Some(told) => decode_base64url(told).and_then(|told| String::from_utf8(told).ok()).expect("text"),
        None => {
            let payload = token.split('.').nth(1).and_then(decode_base64url).unwrap_or_default();
            let claims: Value = serde_json::from_slice(&payload).unwrap_or_default();
            claims[CLAIM].as_str().unwrap_or(r#"{"status":200,"body":"{\"active\":false}"}"#).to_owned()
        }
    };
    let told: Value = serde_json::from_str(&told).expect("what to say");
    let status = told["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
    (status, told["body"].as_str().expect("a body").to_owned())
}
