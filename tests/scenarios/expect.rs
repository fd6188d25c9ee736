//! The expected outcome of a scenario.

use serde_json::{Value, json};

/// The expected observations of client, server and records.
#[derive(Clone, Debug)]
pub struct Expected {
    pub status: u16,
    /// The one `WWW-Authenticate`, or none.
    pub challenge: Challenge,
    /// Fields of the answer; `None`: not there.
    pub headers: Vec<(&'static str, Option<String>)>,
    /// Likewise of its trailers.
    pub trailers: Vec<(&'static str, Option<String>)>,
    pub body: Body,
    pub server: Server,
    /// The path at the server, if it is not that of the request.
    pub path: Option<String>,
    pub decision: &'static str,
    pub reason: &'static str,
    /// Whether there is an audit line: the request reached a resource.
    pub audited: bool,
    /// Members of the audit line.
    pub audit: Vec<(&'static str, Value)>,
}

#[derive(Clone, Debug)]
pub enum Challenge {
    None,
    /// Of these parameters; the URL of the metadata follows from the host.
    Of {
        error: Option<&'static str>,
        scope: Option<String>,
        description: Option<&'static str>,
    },
    /// Byte for byte.
    Text(&'static str),
    /// Several, byte for byte.
    Several(Vec<String>),
}

#[derive(Clone, Debug)]
pub enum Body {
    Any,
    Bytes(Vec<u8>),
    /// `{"error":..., "error_description":...}`, the latter any text.
    Described(&'static str),
    Json(Value),
    /// A 403's JSON-RPC error: `error.data` without its decision id, which must be the record's.
    Denial {
        id: Value,
        data: Value,
    },
    /// Whatever the host itself says, but nothing of the server's.
    Hosts,
    /// A JSON-RPC error with any message.
    RpcError {
        id: Value,
        code: i64,
    },
    /// The server's own bytes.
    Servers,
    /// No whole answer ever comes, and nothing of the server's body.
    CutOff,
}

/// The expected observations of the server.
#[derive(Clone, Debug)]
pub enum Server {
    Nothing,
    /// The headers, and a body that breaks off before its first byte.
    Headers,
    /// `Headers` in the mode in which headers go ahead, `Nothing` in the mode that holds them.
    HeadersAhead,
    /// The whole request with the very bytes of its body.
    Whole {
        /// Fields, each with all its values in order; none: it is not there.
        fields: Vec<(&'static str, Vec<String>)>,
        trailers: Vec<(&'static str, Vec<String>)>,
    },
}

/// The `error_description` of a refused token.
pub const NOT_VALID: &str = "The access token is not valid for this resource";
pub const NOT_FOR_THIS: &str = "The access token was not issued for this resource";
pub const EXPIRED: &str = "The access token has expired";
pub const NOT_YET: &str = "The access token is not valid yet";
const STEP_UP: &str = "More scope is needed for this operation";

/// The scope of every resource's challenge, where a row says no other.
pub const CHALLENGE_SCOPE: &str = "weather:read";

fn refused(status: u16, reason: &'static str, body: Body) -> Expected {
    Expected {
        status,
        challenge: Challenge::None,
        headers: vec![("content-type", Some("application/json".to_owned()))],
        trailers: vec![],
        body,
        server: Server::Nothing,
        path: None,
        decision: "deny",
        reason,
        audited: true,
        audit: vec![("status", json!(status))],
    }
}

/// A refusal without a challenge: `{"error":...}`.
pub fn error(status: u16, error: &str, reason: &'static str) -> Expected {
    refused(status, reason, Body::Json(json!({ "error": error })))
}

/// 404: no resource is reached, so nothing is audited.
pub fn not_found() -> Expected {
    Expected { audited: false, audit: vec![], ..error(404, "not_found", "not_found") }
}

/// 400 of the credentials.
pub fn invalid_request(reason: &'static str) -> Expected {
    let challenge = Challenge::Of { error: Some("invalid_request"), scope: None, description: None };
    Expected { challenge, ..refused(400, reason, Body::Described("invalid_request")) }
}

/// 401 without an error.
pub fn unauthorized() -> Expected {
    let challenge = Challenge::Of { error: None, scope: Some(CHALLENGE_SCOPE.to_owned()), description: None };
    Expected { challenge, ..refused(401, "no_token", Body::Described("unauthorized")) }
}

/// The `error_description` of a refused token, as far as a person can do something about it.
pub fn description(reason: &str) -> &'static str {
    match reason {
        "token_expired" => EXPIRED,
        "token_not_yet_valid" | "issued_in_future" => NOT_YET,
        "token_inactive" | "token_revoked" => "The access token is no longer active",
        "audience_mismatch" | "audience_missing" => NOT_FOR_THIS,
        "issuer_mismatch" | "issuer_missing" => {
            "The access token was not issued by an authorization server of this resource"
        }
        "not_an_access_token" | "type_not_allowed" => "The token is not an access token",
        "bound_token_as_bearer" => "The access token must be sent with a proof of possession of its key",
        "certificate_mismatch" | "certificate_missing" => {
            "The access token must be sent over a connection with its client certificate"
        }
        "token_not_bound" => "The access token must be bound to a key of the client",
        "token_too_long" => "The access token is too long",
        _ => NOT_VALID,
    }
}

/// 401 of a token.
pub fn invalid_token(reason: &'static str) -> Expected {
    let description = description(reason);
    let body = json!({"error": "invalid_token", "error_description": description});
    let scope = Some(CHALLENGE_SCOPE.to_owned());
    let challenge = Challenge::Of { error: Some("invalid_token"), scope, description: Some(description) };
    Expected { challenge, ..refused(401, reason, Body::Json(body)) }
}

/// 503 of keys or introspection.
pub fn unavailable(reason: &'static str) -> Expected {
    error(503, "temporarily_unavailable", reason).with("retry-after", "5")
}

/// A JSON-RPC error that the headers alone bring about.
pub fn rpc_error(status: u16, code: i64, reason: &'static str) -> Expected {
    refused(status, reason, Body::RpcError { id: Value::Null, code })
}

/// A JSON-RPC error that the body brings about; `id` is the request's.
pub fn rpc_refusal(code: i64, id: impl Into<Value>, reason: &'static str) -> Expected {
    let body = Body::RpcError { id: id.into(), code };
    Expected { server: Server::HeadersAhead, ..refused(400, reason, body) }
}

/// 403 `access_denied`, by the body of a request with id 1, without a challenge.
pub fn denied(method: &str, target: impl Into<Value>, reason: &'static str) -> Expected {
    let data = json!({
        "error": "access_denied", "method": method, "target": target.into(), "required": [], "missing": [],
    });
    let server = Server::HeadersAhead;
    Expected { server, ..refused(403, reason, Body::Denial { id: json!(1), data }) }
}

/// 403 `insufficient_scope`, by the body of a request with id 1. Scopes are separated by spaces.
pub fn step_up(method: &str, target: impl Into<Value>, required: &str, missing: &str, ask: &str) -> Expected {
    let list = |scopes: &str| scopes.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (required, missing) = (list(required), list(missing));
    let target = target.into();
    let data = json!({
        "error": "insufficient_scope", "method": method, "target": target, "required": required, "missing": missing,
    });
    let (error, scope) = (Some("insufficient_scope"), Some(ask.to_owned()));
    let expected = refused(403, "insufficient_scope", Body::Denial { id: json!(1), data });
    Expected {
        challenge: Challenge::Of { error, scope, description: Some(STEP_UP) },
        server: Server::HeadersAhead,
        ..expected
    }
    .audit("required", required)
    .audit("missing", missing)
}

/// 401: the user must sign in again (RFC 9470).
pub fn sign_in(target: &str, levels: &[&str], seconds: u64) -> Expected {
    let message = "A more recent or a stronger sign-in is needed for this operation";
    let data = json!({
        "error": "insufficient_user_authentication", "method": "tools/call", "target": target,
        "acr_values": levels, "max_age": seconds,
    });
    let body = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 401, "message": message, "data": data}});
    let server = Server::HeadersAhead;
    Expected { server, ..refused(401, "insufficient_user_authentication", Body::Json(body)) }
}

/// 502 in place of the server's answer, which the server gave to a whole request.
pub fn bad_gateway() -> Expected {
    let server = Server::Whole { fields: Vec::new(), trailers: Vec::new() };
    let expected = refused(502, "allowed", Body::Json(json!({"error": "bad_gateway"})));
    Expected { server, decision: "allow", audit: vec![], ..expected }
}

/// The JSON-RPC error in place of a list in an answer that has begun.
pub fn bad_gateway_in_body() -> Expected {
    let text = json!({
        "jsonrpc": "2.0", "id": 1,
        "error": {"code": 502, "message": "The server's answer could not be read", "data": {"error": "bad_gateway"}},
    });
    Expected { body: Body::Json(text), ..forwarded() }
}

/// An answer of toolgate's own that is no refusal.
pub fn own(status: u16, reason: &'static str, body: Body) -> Expected {
    let expected = refused(status, reason, body);
    Expected { headers: vec![], decision: "allow", audited: false, audit: vec![], ..expected }
}

/// The whole request goes on and the server's answer comes back.
pub fn forwarded() -> Expected {
    Expected {
        headers: vec![],
        server: Server::Whole { fields: Vec::new(), trailers: Vec::new() },
        decision: "allow",
        audit: vec![],
        ..refused(200, "allowed", Body::Servers)
    }
}

/// It goes on without a token.
pub fn passed() -> Expected {
    Expected { reason: "pass", audited: false, ..forwarded() }
}

/// It goes on, but would not outside shadow mode.
pub fn shadowed(reason: &'static str) -> Expected {
    Expected { decision: "shadow_deny", reason, ..forwarded() }
}

impl Expected {
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn body(self, body: Body) -> Self {
        Self { body, ..self }
    }

    /// Exactly this text.
    pub fn text(self, text: &str) -> Self {
        self.body(Body::Bytes(text.into()))
    }

    /// The answer has this field, once.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(own, _)| *own != name);
        self.headers.push((name, Some(value.to_owned())));
        self
    }

    /// The trailers of the answer have this field, once, or do not have it.
    pub fn trailer(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.trailers.push((name, value.map(str::to_owned)));
        self
    }

    pub fn without(mut self, name: &'static str) -> Self {
        self.headers.retain(|(own, _)| *own != name);
        self.headers.push((name, None));
        self
    }

    /// The challenge asks for these scopes; none where they are empty.
    pub fn scope(mut self, text: &str) -> Self {
        if let Challenge::Of { scope, .. } = &mut self.challenge {
            *scope = Some(text.to_owned()).filter(|text| !text.is_empty());
        }
        self
    }

    /// The token is refused with this sentence.
    pub fn described(mut self, text: &'static str) -> Self {
        if let Challenge::Of { description, .. } = &mut self.challenge {
            *description = Some(text);
        }
        self.body(Body::Json(json!({"error": "invalid_token", "error_description": text})))
    }

    /// The challenge, byte for byte.
    pub fn challenge(self, text: &'static str) -> Self {
        Self { challenge: Challenge::Text(text), ..self }
    }

    /// Several challenges, byte for byte.
    pub fn challenges(self, texts: Vec<String>) -> Self {
        Self { challenge: Challenge::Several(texts), ..self }
    }

    /// The JSON-RPC error repeats this id.
    pub fn id(mut self, own: impl Into<Value>) -> Self {
        if let Body::Denial { id, .. } | Body::RpcError { id, .. } = &mut self.body {
            *id = own.into();
        }
        self
    }

    /// Decided on the headers: nothing was read of the body, and nothing goes to the server.
    pub fn on_headers(mut self, method: impl Into<Value>, target: impl Into<Value>) -> Self {
        let (method, target) = (method.into(), target.into());
        if let Body::Denial { data, .. } = &mut self.body {
            (data["method"], data["target"]) = (method.clone(), target.clone());
        }
        // Method and name of the headers are recorded like those of a body.
        self.audit.retain(|(member, _)| !matches!(*member, "method" | "target"));
        self.audit.push(("method", if method.is_null() { Value::from("POST") } else { method }));
        self.audit.push(("target", target));
        Self { server: Server::Nothing, ..self.id(Value::Null) }
    }

    pub fn server(self, server: Server) -> Self {
        Self { server, ..self }
    }

    /// The server gets this field with these values, or does not get it.
    pub fn server_gets(mut self, name: &'static str, values: &[&str]) -> Self {
        if let Server::Whole { fields, .. } = &mut self.server {
            fields.push((name, values.iter().map(|value| (*value).to_owned()).collect()));
        }
        self
    }

    /// The server gets this path.
    pub fn server_gets_path(self, path: &str) -> Self {
        Self { path: Some(path.to_owned()), ..self }
    }

    /// As [`Self::server_gets`], of the trailers.
    pub fn server_gets_trailer(mut self, name: &'static str, values: &[&str]) -> Self {
        if let Server::Whole { trailers, .. } = &mut self.server {
            trailers.push((name, values.iter().map(|value| (*value).to_owned()).collect()));
        }
        self
    }

    /// The audit line has this member; null: it has not.
    pub fn audit(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.audit.push((name, value.into()));
        self
    }

    pub fn reason(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }
}

impl Expected {
    /// A resource is reached all the same.
    pub fn audited(self) -> Self {
        Self { audited: true, ..self }
    }

    /// No resource is reached.
    pub fn unaudited(self) -> Self {
        Self { audited: false, audit: vec![], ..self }
    }
}
