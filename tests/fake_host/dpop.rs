//! Tokens that are bound to a key (RFC 9449): which proofs are taken, and that none is taken twice.

mod clients;
mod replay;

use serde_json::{Value, json};

use crate::support::fake::{End, Fields, Part, Stream, Worker};
use crate::support::keys::{Key, base64url, key_set};
use crate::support::proofs::{Proof, public, thumbprint};
use crate::support::shared_data::{Data, Fault};
use crate::support::tokens::{AUDIENCE, ISSUER, Token, tampered};
use toolgate::dpop::{Account, BUCKETS, MOST_PER_ACCOUNT};
use toolgate::time::UnixTime;
use toolgate::token::AccessToken;
use toolgate::workers::SharedNames;

const NOW: i64 = 1_800_000_000;
const URL: &str = "https://mcp.example.com/mcp";

fn configuration(dpop: &str, more: &Value) -> Value {
    let mut configuration = json!({
        "issuers": [{"issuer": ISSUER, "name": "main", "dpop": dpop, "jwks": {"keys": key_set([&Key::rsa_a()])["keys"]}}],
        "resources": [{"resource": AUDIENCE, "challenge_scopes": ["weather:read"], "policy": {}}],
    });
    let members = more.as_object().unwrap().clone();
    configuration["resources"][0].as_object_mut().unwrap().extend(members);
    configuration
}

fn worker(dpop: &str) -> Worker {
    Worker::new(&configuration(dpop, &json!({})), true, NOW)
}

/// A token that is bound to the client's key.
fn bound() -> String {
    Token::at(NOW).claim("cnf", json!({"jkt": thumbprint(&Key::p256())})).sign(&Key::rsa_a())
}

fn unbound() -> String {
    Token::at(NOW).sign(&Key::rsa_a())
}

/// A good proof for a GET with `token`.
fn proof(token: &str) -> Proof {
    Proof::new(Key::p256(), URL, token, NOW).claim("htm", "GET")
}

fn get(authorization: &str, proofs: &[String]) -> Fields {
    let pseudo = [(":method", "GET"), (":path", "/mcp"), (":authority", "mcp.example.com")];
    let fields = pseudo.into_iter().chain([("authorization", authorization)]);
    let fields = fields.chain(proofs.iter().map(|proof| ("dpop", proof.as_str())));
    fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
}

/// The status, the reason, and the answer's or the server's headers.
fn send(worker: &mut Worker, fields: Fields) -> (u16, &'static str, Fields) {
    let stream = Stream::open(worker, fields, End::Last);
    let reason = stream.records()[0].reason.as_str();
    match stream.client() {
        Some(answer) => {
            let status = answer.headers.iter().find(|(name, _)| name == ":status").unwrap();
            (String::from_utf8_lossy(&status.1).parse().unwrap(), reason, answer.headers.clone())
        }
        None => (200, reason, stream.server().unwrap().headers.clone()),
    }
}

fn prove(worker: &mut Worker, token: &str, proof: &Proof) -> (u16, &'static str) {
    let (status, reason, _) = send(worker, get(&format!("DPoP {token}"), &[proof.sign()]));
    (status, reason)
}

fn all(fields: &Fields, name: &str) -> Vec<String> {
    let named = fields.iter().filter(|(own, _)| own == name);
    named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

#[test]
fn a_proof_is_taken_if_all_of_it_is_right() {
    let token = bound();
    let good = || proof(&token);
    let stranger = Proof::new(Key::ed25519(), URL, &token, NOW).claim("htm", "GET");
    let mut private = public(&Key::p256());
    private["d"] = json!(base64url([1; 32]));
    let mut nulls = public(&Key::p256());
    (nulls["d"], nulls["use"], nulls["kid"]) = (json!(null), json!(null), json!(null));
    let url = |url: &str| good().claim("htu", url);
    let cases = [
        ("a good proof", good(), "allowed"),
        ("one with further claims and parameters", good().claim("x", 1).header("kid", "1"), "allowed"),
        ("one with a query in its URL", url("https://mcp.example.com/mcp?x=1"), "allowed"),
        ("one with the default port in its URL", url("https://mcp.example.com:443/mcp"), "allowed"),
        ("one whose host is written in upper case", url("https://MCP.example.com/mcp"), "allowed"),
        ("one of 60 seconds ago", good().claim("iat", NOW - 60), "allowed"),
        ("one of a clock that is 30 seconds ahead", good().claim("iat", NOW + 30), "allowed"),
        ("one whose time has a fraction", good().claim("iat", 1_799_999_999.5), "allowed"),
        ("one with null for a nonce", good().claim("nonce", json!(null)), "allowed"),
        ("one with null for its private key", good().header("jwk", nulls), "allowed"),
        ("one of 61 seconds ago", good().claim("iat", NOW - 61), "dpop_time"),
        ("one of a clock that is 31 seconds ahead", good().claim("iat", NOW + 31), "dpop_time"),
        ("one without a time", good().without("iat"), "dpop_malformed"),
        ("one whose time is text", good().claim("iat", NOW.to_string()), "dpop_malformed"),
        ("one whose time is no number", good().claim("iat", json!(null)), "dpop_malformed"),
        ("one with a nonce that is none of ours", good().claim("nonce", "x"), "dpop_nonce"),
        ("one with a nonce that is no text", good().claim("nonce", 1), "dpop_nonce"),
        ("one without an id", good().without("jti"), "dpop_malformed"),
        ("one with an empty id", good().claim("jti", ""), "dpop_malformed"),
        ("one with an endless id", good().claim("jti", "x".repeat(257)), "dpop_malformed"),
        ("one for another method", good().claim("htm", "POST"), "dpop_method"),
        ("one for the method in lower case", good().claim("htm", "get"), "dpop_method"),
        ("one without a method", good().without("htm"), "dpop_malformed"),
        ("one for another host", url("https://evil.example.com/mcp"), "dpop_url"),
        ("one for a longer host", url("https://mcp.example.com.evil.example/mcp"), "dpop_url"),
        ("one for another port", url("https://mcp.example.com:8443/mcp"), "dpop_url"),
        ("one for another path", url("https://mcp.example.com/mcp/x"), "dpop_url"),
        ("one for the path with a slash", url("https://mcp.example.com/mcp/"), "dpop_url"),
        ("one for another scheme", url("http://mcp.example.com/mcp"), "dpop_url"),
        ("one for a user", url("https://mcp.example.com@evil.example/mcp"), "dpop_url"),
        ("one for the path alone", url("/mcp"), "dpop_url"),
        ("one without a URL", good().without("htu"), "dpop_malformed"),
        ("one for another token", proof(&unbound()), "dpop_token"),
        ("one for no token", good().without("ath"), "dpop_token"),
        ("one whose token is no text", good().claim("ath", 1), "dpop_token"),
        ("one of another key", stranger, "dpop_other_key"),
        ("one that shows another key than it signs with", good().header("jwk", public(&Key::p384())), "dpop_other_key"),
        ("one without a key", good().without("jwk"), "dpop_key"),
        ("one whose key is text", good().header("jwk", "x"), "dpop_key"),
        ("one with a symmetric key", good().header("jwk", json!({"kty": "oct", "k": "AA"})), "dpop_key"),
        ("one that shows the private key", good().header("jwk", private), "dpop_private_key"),
        ("one with a symmetric algorithm", good().header("alg", "HS256"), "dpop_algorithm"),
        ("one that is not signed", good().header("alg", "none"), "dpop_algorithm"),
        ("one with a weak algorithm", good().header("alg", "RS1"), "dpop_algorithm"),
        ("one with an algorithm of another kind of key", good().header("alg", "ES384"), "dpop_algorithm"),
        ("one with an algorithm of no kind", good().header("alg", 1), "dpop_malformed"),
        ("one of another type", good().header("typ", "JWT"), "dpop_type"),
        ("an access token in its place", good().header("typ", "at+jwt"), "dpop_type"),
        ("one of no type", good().without("typ"), "dpop_type"),
        ("one with critical parameters", good().header("crit", json!(["x"])).header("x", 1), "dpop_malformed"),
        ("one whose payload is not encoded", good().header("b64", false), "dpop_malformed"),
    ];
    let mut worker = worker("optional");
    for (name, proof, reason) in cases {
        let status = if reason == "allowed" { 200 } else { 401 };
        assert_eq!(prove(&mut worker, &token, &proof), (status, reason), "{name}");
    }
    for (name, proofs, reason) in [
        ("no proof", vec![], "dpop_missing"),
        ("two proofs", vec![good().sign(), good().sign()], "dpop_several"),
        ("two proofs in one header", vec![format!("{}, {}", good().sign(), good().sign())], "dpop_malformed"),
        ("one with another signature", vec![tampered(&good().sign())], "dpop_signature"),
        ("an empty one", vec![String::new()], "dpop_malformed"),
        ("garbage", vec!["x.y.z".to_owned()], "dpop_malformed"),
        ("one in parts too many", vec![format!("{}.e30", good().sign())], "dpop_malformed"),
        ("an endless one", vec![good().claim("x", "x".repeat(20_000)).sign()], "dpop_malformed"),
    ] {
        let (status, found, _) = send(&mut worker, get(&format!("DPoP {token}"), &proofs));
        assert_eq!((status, found), (401, reason), "{name}");
    }
}

#[test]
fn proofs_of_every_kind_of_key_are_taken() {
    let mut worker = worker("required");
    for key in Key::all().into_iter().chain([Key::rsa_a().with_alg("PS256")]) {
        let token = Token::at(NOW).claim("cnf", json!({"jkt": thumbprint(&key)})).sign(&Key::rsa_a());
        let proof = Proof::new(key.clone(), URL, &token, NOW).claim("htm", "GET");
        assert_eq!(prove(&mut worker, &token, &proof), (200, "allowed"), "{}", key.alg());
    }
}

#[test]
fn a_proof_costs_no_signature_of_a_key_that_is_too_dear_or_at_a_time_that_is_wrong() {
    let mut worker = worker("optional");
    let rsa = |bits: usize, e: &str| {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] = (0xff_u16 >> (bits.div_ceil(8) * 8 - bits)) as u8;
        json!({"kty": "RSA", "n": base64url(modulus), "e": e})
    };
    let cases = [
        ("of as many bits as may be", rsa(4096, "AQAB"), NOW, "dpop_signature"),
        ("with the exponent 3", rsa(3072, "Aw"), NOW, "dpop_signature"),
        ("a bit larger", rsa(4097, "AQAB"), NOW, "dpop_key"),
        ("of 8192 bits", rsa(8192, "AQAB"), NOW, "dpop_key"),
        ("of 16384 bits", rsa(16384, "AQAB"), NOW, "dpop_key"),
        ("with an exponent of 18 bits", rsa(2048, "A___"), NOW, "dpop_key"),
        ("with the longest exponent", rsa(2048, "_____w"), NOW, "dpop_key"),
        ("of an hour ago", rsa(2048, "AQAB"), NOW - 3600, "dpop_time"),
    ];
    for (name, jwk, iat, reason) in cases {
        for alg in ["RS256", "PS512"] {
            let jkt = base64url(crate::support::keys::sha256(jwk.to_string().as_bytes()));
            let token = Token::at(NOW).claim("cnf", json!({"jkt": jkt})).sign(&Key::rsa_a());
            let forged = Proof::new(Key::p256(), URL, &token, iat).claim("htm", "GET");
            let forged = forged.header("jwk", jwk.clone()).header("alg", alg);
            assert_eq!(prove(&mut worker, &token, &forged), (401, reason), "{name}: {alg}");
        }
    }
}

#[test]
fn what_a_token_is_bound_to_and_how_it_is_sent_must_agree() {
    let (bound, unbound) = (bound(), unbound());
    let cases = [
        ("off", "Bearer", &bound, "token_bound"),
        ("off", "Bearer", &unbound, "allowed"),
        ("off", "DPoP", &bound, "no_token"),
        ("optional", "Bearer", &bound, "bound_token_as_bearer"),
        ("optional", "Bearer", &unbound, "allowed"),
        ("optional", "DPoP", &bound, "allowed"),
        ("optional", "dpop", &bound, "allowed"),
        ("optional", "DPoP", &unbound, "token_not_bound"),
        ("optional", "Basic", &unbound, "no_token"),
        ("required", "Bearer", &bound, "bound_token_as_bearer"),
        ("required", "Bearer", &unbound, "token_not_bound"),
        ("required", "DPoP", &bound, "allowed"),
        ("required", "DPoP", &unbound, "token_not_bound"),
    ];
    for (dpop, scheme, token, expected) in cases {
        let fields = get(&format!("{scheme} {token}"), &[proof(token).sign()]);
        let (_, reason, _) = send(&mut worker(dpop), fields);
        assert_eq!(reason, expected, "{dpop}: {scheme}");
    }
}

#[test]
fn the_url_of_a_proof_is_the_resources_whatever_the_request_says_of_its_host() {
    let token = bound();
    let cases = [
        // Further fields of the resource, the request's host and path, the proof's URL.
        (json!({"hosts": ["*"]}), "evil.example.com", "/mcp", "https://evil.example.com/mcp", "dpop_url"),
        (json!({"hosts": ["*"]}), "evil.example.com", "/mcp", URL, "allowed"),
        (json!({"hosts": ["*"]}), "10.0.0.7:8080", "/mcp?x=1", URL, "allowed"),
        (json!({"hosts": ["mcp.internal"]}), "mcp.internal", "/mcp", URL, "allowed"),
        (json!({"hosts": ["mcp.internal"]}), "mcp.internal", "/mcp", "https://mcp.internal/mcp", "allowed"),
        (json!({"hosts": ["mcp.internal"]}), "mcp.internal:1", "/mcp", "https://mcp.internal:1/mcp", "dpop_url"),
        (json!({"paths": ["/"]}), "mcp.example.com", "/", URL, "allowed"),
        (json!({"paths": ["/"]}), "mcp.example.com", "/", "https://mcp.example.com", "allowed"),
        (json!({"paths": ["/a/*"]}), "mcp.example.com", "/a/b", "https://mcp.example.com/a/b", "allowed"),
        (json!({"paths": ["/a/*"]}), "mcp.example.com", "/a/b", "https://mcp.example.com/a/c", "dpop_url"),
        (json!({"paths": ["/a/*"]}), "mcp.example.com", "/a/b", URL, "dpop_url"),
        (json!({"paths": ["/mcp", "/admin"]}), "mcp.example.com", "/admin", URL, "dpop_url"),
    ];
    for (more, host, path, url, expected) in cases {
        let mut worker = Worker::new(&configuration("optional", &more), true, NOW);
        let mut fields = get(&format!("DPoP {token}"), &[proof(&token).claim("htu", url).sign()]);
        fields[1].1 = path.into();
        fields[2].1 = host.into();
        let (_, reason, _) = send(&mut worker, fields);
        assert_eq!(reason, expected, "{more}: {host}{path} with {url}");
    }
}
