//! The base of tests of the core: configurations in both of their forms,
//! faults by their path, and callers whose tokens were really signed and
//! really verified.

use serde_json::{Value, json};
use toolgate::config::{Config, Fault};
use toolgate::ids::{IssuerId, ResourceId};
use toolgate::jwks::{IssuerKeys, Lookup};
use toolgate::node::Node;
use toolgate::policy::Occasion;
use toolgate::signature::PureVerifier;
use toolgate::time::UnixTime;
use toolgate::token::{AccessToken, Expectations, TokenError, UntrustedJwt};

use super::keys::Key;
use super::tokens::{AUDIENCE, ISSUER, Token, environment};

pub use super::protobuf_struct::to_struct;

/// The moment at which everything here happens, in seconds since 1970.
pub const NOW: i64 = 1_800_000_000;

/// `seconds` since 1970 as the core counts them.
pub fn at(seconds: i64) -> UnixTime {
    at_millis(seconds * 1000)
}

/// `millis` since 1970 as the core counts them.
pub fn at_millis(millis: i64) -> UnixTime {
    UnixTime::from_millis(millis.try_into().expect("a time after 1970"))
}

/// Now, without a call.
pub fn occasion() -> Occasion<'static> {
    Occasion::at(at(NOW))
}

/// The least configuration: one issuer with a fixed key, one resource whose
/// policy allows nothing.
pub fn minimal() -> Value {
    json!({
        "issuers": [{"issuer": ISSUER, "name": "main", "jwks": {"keys": [Key::ed25519().jwk()]}}],
        "resources": [{"resource": AUDIENCE, "policy": {}}],
    })
}

/// [`minimal`] with this policy.
pub fn with_policy(policy: Value) -> Config {
    accepted(&set(minimal(), "/resources/0/policy", policy))
}

/// The configuration that `value` is.
pub fn accepted(value: &Value) -> Config {
    parse(value.to_string().as_bytes()).unwrap_or_else(|faults| panic!("refused: {:?}\n{value:#}", paths(&faults)))
}

/// Reads a configuration where the variables `SECRET`, and those of [`environment`], are set.
pub fn parse(bytes: &[u8]) -> Result<Config, Vec<Fault>> {
    Config::parse(bytes, &|name| if name == "SECRET" { Some("from-env".to_owned()) } else { environment(name) })
}

/// The faults, sorted by path, of a configuration that both forms refuse
/// alike. Empty: it is accepted.
pub fn faults(node: &Node) -> Vec<(String, String)> {
    let read = |bytes: &[u8]| {
        let faults = parse(bytes).err().unwrap_or_default();
        let mut faults: Vec<_> = faults.into_iter().map(|fault| (fault.path, fault.message)).collect();
        faults.sort();
        faults
    };
    let from_json = read(to_json(node).as_bytes());
    if let Node::Object(_) = node {
        let from_struct = read(&to_struct(node));
        assert_eq!(from_json, from_struct, "the two forms differ for {}", to_json(node));
    }
    from_json
}

/// The paths of `faults`.
pub fn paths(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

/// `value` as the tree that the configuration is read into.
pub fn node(value: &Value) -> Node {
    serde_json::from_str(&value.to_string()).expect("a JSON value")
}

/// `value` with the member or element at `pointer` (RFC 6901) replaced or
/// added; `-` is the place after an array's end.
pub fn set(mut value: Value, pointer: &str, new: Value) -> Value {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    let last = last.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.insert(last, new);
        }
        Some(Value::Array(items)) if last == "-" => items.push(new),
        Some(Value::Array(items)) => items[last.parse::<usize>().expect("an index")] = new,
        _ => panic!("`{parent}` is neither an object nor an array"),
    }
    value
}

/// `value` without the member at `pointer`.
pub fn without(mut value: Value, pointer: &str) -> Value {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    let members = value.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    members.remove(last).expect("the member");
    value
}

/// JSON text of `node`, members given twice included.
pub fn to_json(node: &Node) -> String {
    let text = |text: &str| Value::from(text).to_string();
    match node {
        Node::Null => "null".to_owned(),
        Node::Bool(flag) => flag.to_string(),
        Node::Number(number) => number.to_string(),
        Node::Text(content) => text(content),
        Node::List(items) => format!("[{}]", items.iter().map(to_json).collect::<Vec<_>>().join(",")),
        Node::Object(members) => {
            let members: Vec<_> = members.iter().map(|(name, n)| format!("{}:{}", text(name), to_json(n))).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

/// Verifies `token` at `now`, as a request to the first resource would.
pub fn verify(config: &Config, token: &str, now: UnixTime) -> Result<AccessToken, TokenError> {
    let untrusted = UntrustedJwt::parse(token)?;
    let claimed = untrusted.issuer()?;
    let id = config.issuers.find(|issuer| issuer.identifier == claimed);
    let (id, issuer) = id.and_then(|id| Some((id, config.issuers.get(id)?))).ok_or(TokenError::IssuerMismatch)?;
    let expected = Expectations {
        issuer: &issuer.identifier,
        issuer_name: &issuer.name,
        algorithms: issuer.algorithms.as_deref(),
        rules: &issuer.rules,
        audiences: &config.resources[0].audiences,
    };
    let candidate = untrusted.check(expected, now)?;
    match IssuerKeys::new(config.key_sources(), 0).find(id, candidate.query(), now) {
        Lookup::Keys(keys) => candidate.verify(&keys, &PureVerifier),
        Lookup::NoKey => Err(TokenError::KeyUnknown),
        other => panic!("a fixed set gave {other:?}"),
    }
}

/// The id of the first issuer.
pub fn first_issuer(config: &Config) -> IssuerId {
    config.issuers.ids().next().expect("an issuer")
}

/// The id of the first resource.
pub fn first_resource(config: &Config) -> ResourceId {
    config.resources.ids().next().expect("a resource")
}

/// The caller whose token this is, issued now by the issuer of [`minimal`].
pub fn caller(token: &Token) -> AccessToken {
    let config = accepted(&minimal());
    verify(&config, &token.sign(&Key::ed25519()), at(NOW)).expect("a good token")
}

/// `alice` with these scopes.
pub fn alice(scopes: &str) -> AccessToken {
    caller(&Token::at(NOW).scope(scopes))
}
