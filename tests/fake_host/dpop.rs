//! Tokens that are bound to a key (RFC 9449): which proofs are taken, and that none is taken twice.

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

#[test]
fn a_proof_is_used_once_by_any_worker_for_as_long_as_it_would_be_taken() {
    let token = bound();
    let mut first = worker("optional");
    let mut second = Worker::beside(&first, &configuration("optional", &json!({})));
    // A new configuration of the same plugin.
    let mut third = Worker::beside(&first, &configuration("required", &json!({})));
    for (made, over) in [(NOW, NOW + 61), (NOW + 30, NOW + 91), (NOW - 60, NOW + 1)] {
        let proof = proof(&token).claim("iat", made);
        first.set_clock(NOW);
        second.set_clock(NOW);
        assert_eq!(prove(&mut first, &token, &proof), (200, "allowed"));
        for worker in [&mut first, &mut second, &mut third] {
            assert_eq!(prove(worker, &token, &proof), (401, "dpop_replayed"));
        }
        second.set_clock(over - 1);
        assert_eq!(prove(&mut second, &token, &proof), (401, "dpop_replayed"));
        second.set_clock(over);
        assert_eq!(prove(&mut second, &token, &proof), (401, "dpop_time"), "{made}");
    }
    let same_id = proof(&token).claim("jti", "1");
    assert_eq!(prove(&mut first, &token, &same_id), (200, "allowed"));
    assert_eq!(prove(&mut first, &token, &same_id.claim("x", 1)), (401, "dpop_replayed"), "signed anew");
}

#[test]
fn the_time_in_which_a_proof_is_taken_is_its_issuers_and_half_as_long_ahead() {
    let token = bound();
    for (window, seconds) in [("10s", 10), ("60s", 60), ("300s", 300)] {
        let mut configuration = configuration("optional", &json!({}));
        configuration["issuers"][0]["dpop_window"] = window.into();
        let mut worker = Worker::new(&configuration, true, NOW);
        for (age, expected) in [
            (seconds, (200, "allowed")),
            (seconds + 1, (401, "dpop_time")),
            (-seconds / 2, (200, "allowed")),
            (-seconds / 2 - 1, (401, "dpop_time")),
        ] {
            let proof = proof(&token).claim("iat", NOW - age);
            assert_eq!(prove(&mut worker, &token, &proof), expected, "{window}, {age} s old");
            if expected.0 == 200 {
                assert_eq!(prove(&mut worker, &token, &proof), (401, "dpop_replayed"), "{window}, {age} s old");
            }
        }
        let proof = proof(&token).claim("iat", NOW + seconds / 2);
        assert_eq!(prove(&mut worker, &token, &proof), (200, "allowed"), "{window}");
        // The token must not end before.
        let end = (NOW + seconds / 2 + seconds).min(NOW + 299);
        worker.set_clock(end);
        assert_eq!(prove(&mut worker, &token, &proof), (401, "dpop_replayed"), "{window}: as long as it is taken");
    }
}

#[test]
fn where_nothing_is_shared_or_the_memory_is_lost_no_proof_is_taken() {
    let token = bound();
    let mut worker = worker("optional");
    assert_eq!(prove(&mut worker, &token, &proof(&token)), (200, "allowed"));
    worker.shared.fault.set(Fault::Absent);
    let (status, reason, headers) = send(&mut worker, get(&format!("DPoP {token}"), &[proof(&token).sign()]));
    assert_eq!((status, reason), (503, "proofs_unavailable"));
    assert_eq!(all(&headers, "retry-after"), ["5"]);
    assert_eq!(all(&headers, "www-authenticate"), Vec::<String>::new());
    let bearer = send(&mut worker, get(&format!("Bearer {}", unbound()), &[]));
    assert_eq!(bearer.0, 200, "who needs no proof goes on");
}

#[test]
fn a_client_whose_clock_is_wrong_is_given_a_nonce_that_any_worker_takes() {
    let token = bound();
    let mut first = worker("optional");
    let mut second = Worker::beside(&first, &configuration("optional", &json!({})));
    let late = || proof(&token).claim("iat", NOW - 86_400);
    let (status, reason, headers) = send(&mut first, get(&format!("DPoP {token}"), &[late().sign()]));
    assert_eq!((status, reason), (401, "dpop_time"));
    let [nonce] = all(&headers, "dpop-nonce").try_into().unwrap();
    let challenges = all(&headers, "www-authenticate");
    assert_eq!(challenges.len(), 1, "clients look for a nonce in a challenge that stands alone: {challenges:?}");
    assert!(challenges[0].starts_with(r#"DPoP error="use_dpop_nonce", scope="weather:read", resource_metadata="#));

    let with_nonce = late().claim("nonce", nonce.clone());
    assert_eq!(prove(&mut second, &token, &with_nonce), (200, "allowed"));
    assert_eq!(prove(&mut first, &token, &with_nonce), (401, "dpop_replayed"));
    let again = late().claim("nonce", nonce);
    // 1,800,000,000 begins a span of a minute: the nonce is good for it and the next.
    for (now, expected) in [(NOW + 119, (200, "allowed")), (NOW + 120, (401, "dpop_nonce"))] {
        second.set_clock(now);
        let proof = again.clone().claim("jti", now.to_string());
        let token = Token::at(now).claim("cnf", json!({"jkt": thumbprint(&Key::p256())})).sign(&Key::rsa_a());
        let proof = proof.claim("ath", crate::support::proofs::token_hash(&token));
        assert_eq!(prove(&mut second, &token, &proof), expected, "{}", now - NOW);
    }
    assert_eq!(prove(&mut second, &token, &with_nonce), (401, "dpop_nonce"), "its replay is over with it");
}

#[test]
fn clients_are_told_of_proofs_after_the_challenge_that_all_look_for() {
    let (bound, metadata) = (bound(), "https://mcp.example.com/.well-known/oauth-protected-resource/mcp");
    let algs = r#"algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA""#;
    let (not_valid, proof_needed) = (
        "The access token is not valid for this resource",
        "A proof of possession of the token's key is needed, for this request and of now",
    );
    let rest = |error: &str, description: &str| {
        format!(
            r#"error="{error}", scope="weather:read", resource_metadata="{metadata}", error_description="{description}""#
        )
    };
    let none = format!(r#"scope="weather:read", resource_metadata="{metadata}""#);
    for (authorization, error, challenges) in [
        ("Basic x".to_owned(), "unauthorized", [none.clone(), none]),
        (format!("Bearer {bound}"), "invalid_token", ["invalid_token"; 2].map(|error| rest(error, not_valid))),
        (
            format!("DPoP {bound}"),
            "invalid_dpop_proof",
            ["invalid_token", "invalid_dpop_proof"].map(|error| rest(error, proof_needed)),
        ),
    ] {
        let mut worker = worker("optional");
        let stream = Stream::open(&mut worker, get(&authorization, &[]), End::Last);
        let answer = stream.client().unwrap();
        let [bearer, dpop] = challenges;
        let expected = [format!("Bearer {bearer}"), format!("DPoP {dpop}, {algs}")];
        assert_eq!(all(&answer.headers, "www-authenticate"), expected, "{authorization}");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["error"], error);
    }
    let (_, _, headers) = send(&mut worker("off"), get("Basic x", &[]));
    assert_eq!(all(&headers, "www-authenticate").len(), 1, "only where it is configured");
}

#[test]
fn the_server_gets_neither_token_nor_proof_but_where_the_token_is_kept() {
    let token = bound();
    for (more, kept) in [(json!({}), false), (json!({"forward": {"authorization": "keep"}}), true)] {
        let mut worker = Worker::new(&configuration("optional", &more), true, NOW);
        let (status, _, headers) = send(&mut worker, get(&format!("DPoP {token}"), &[proof(&token).sign()]));
        assert_eq!(status, 200);
        for name in ["authorization", "dpop"] {
            assert_eq!(all(&headers, name).len(), usize::from(kept), "{name}");
        }
    }
}

#[test]
fn credentials_in_trailers_reach_no_server() {
    let mut worker = worker("optional");
    let mut fields = get(&format!("Bearer {}", unbound()), &[]);
    fields[0].1 = "POST".into();
    fields.push(("content-type".into(), "application/json".into()));
    let stream = Stream::open(&mut worker, fields, End::More);
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    stream.receive(&mut worker, Part::Data(ping.to_vec(), End::More));
    let trailers = [("x-sum", "1"), ("authorization", "Bearer other"), ("dpop", "other"), ("mcp-name", "x")];
    let trailers = trailers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    stream.receive(&mut worker, Part::Trailers(trailers.to_vec()));
    assert_eq!(stream.server().unwrap().trailers, trailers[..1]);
}

#[test]
fn the_metadata_tells_of_proofs() {
    for (dpop, supported, required) in [("off", false, false), ("optional", true, false), ("required", true, true)] {
        let mut worker = worker(dpop);
        let mut fields = get("", &[]);
        fields[1].1 = "/.well-known/oauth-protected-resource/mcp".into();
        let stream = Stream::open(&mut worker, fields, End::Last);
        let document: Value = serde_json::from_slice(&stream.client().unwrap().body).unwrap();
        let algorithms = document["dpop_signing_alg_values_supported"].as_array().map(Vec::len);
        assert_eq!(algorithms, supported.then_some(10), "{dpop}");
        assert_eq!(document["dpop_bound_access_tokens_required"] == json!(true), required, "{dpop}");
    }
}

/// The caller that an unbound token makes.
fn caller(worker: &mut Worker, token: &Token) -> AccessToken {
    let stream = Stream::open(worker, get(&format!("Bearer {}", token.sign(&Key::rsa_a())), &[]), End::Last);
    stream.records()[0].caller.clone().expect("a good token")
}

#[test]
fn an_account_is_the_subject_of_an_issuer_whatever_its_tokens_and_keys() {
    let other = "https://other.example.com";
    let mut configuration = configuration("optional", &json!({}));
    let keys = key_set([&Key::rsa_a()])["keys"].clone();
    configuration["issuers"].as_array_mut().unwrap().push(json!({"issuer": other, "jwks": {"keys": keys}}));
    let mut worker = Worker::new(&configuration, true, NOW);
    let alice = || Token::at(NOW);
    let nobody = || alice().without_claim("sub");
    let unknown = || nobody().without_claim("client_id");
    for (name, [first, second], is_same) in [
        ("another token", [alice(), alice()], true),
        ("another client", [alice(), alice().client("x")], true),
        ("another subject", [alice(), alice().subject("bob")], false),
        ("another issuer", [alice(), alice().issuer(other)], false),
        ("one client without a subject", [nobody(), nobody()], true),
        ("two clients without a subject", [nobody(), nobody().client("x")], false),
        ("a client named like a subject", [alice(), nobody().client("alice")], false),
        ("an issuer that names neither", [unknown(), unknown()], true),
    ] {
        let [first, second] = [first, second].map(|token| Account::of(&caller(&mut worker, &token)));
        assert_eq!(first == second, is_same, "{name}");
    }
}

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_millis(u64::try_from(seconds * 1000).unwrap())
}

/// Uses a proof of this mark up, as any worker would.
fn spend(shared: &Data, mark: [u8; 9], account: &Account, now: i64) -> Result<(), toolgate::dpop::ReplayFault> {
    let proof = toolgate::dpop::Proof::marked(mark, at(now + 60));
    toolgate::dpop::Proofs::new(SharedNames::new(b"", b""), None).spend(shared, &proof, account, at(now))
}

#[test]
fn who_has_used_up_a_share_is_in_nobody_elses_way() {
    let mut worker = worker("optional");
    let of = |subject: &str, key: &Key| {
        Token::at(NOW).subject(subject).claim("cnf", json!({"jkt": thumbprint(key)})).sign(&Key::rsa_a())
    };
    let greedy = Account::of(&caller(&mut worker, &Token::at(NOW)));
    for bucket in 0..=255 {
        for n in 0..u64::try_from(MOST_PER_ACCOUNT).unwrap() {
            let [a, b, c, d, e, f, g, h] = n.to_le_bytes();
            assert_eq!(spend(&worker.shared, [bucket, a, b, c, d, e, f, g, h], &greedy, NOW), Ok(()), "{bucket} {n}");
        }
    }
    let key = Key::p384();
    let send = |worker: &mut Worker, subject: &str, key: &Key| {
        let token = of(subject, key);
        let proof = Proof::new(key.clone(), URL, &token, NOW).claim("htm", "GET");
        send(worker, get(&format!("DPoP {token}"), &[proof.sign()]))
    };
    for (subject, key, expected) in [
        ("alice", &Key::p256(), (503, "proofs_share")),
        ("alice", &key, (503, "proofs_share")),
        ("bob", &Key::p256(), (200, "allowed")),
        ("carol", &key, (200, "allowed")),
    ] {
        let (status, reason, headers) = send(&mut worker, subject, key);
        assert_eq!((status, reason), expected, "{subject}");
        assert_eq!(all(&headers, "retry-after").len(), usize::from(status == 503), "{subject}");
        assert_eq!(all(&headers, "www-authenticate"), Vec::<String>::new(), "{subject}: another proof would not help");
    }
}

/// How many values there are, and how many bytes with their names.
fn size(shared: &Data) -> (usize, usize) {
    let names = shared.values.borrow().keys().map(String::len).sum::<usize>();
    (shared.values.borrow().len(), names + shared.size())
}

#[test]
fn what_is_remembered_of_100_000_proofs_is_bounded() {
    let shared = Data::new(Fault::None);
    let mut worker = worker("optional");
    let callers = (0..10).map(|n| caller(&mut worker, &Token::at(NOW).subject(&n.to_string())));
    let accounts: Vec<_> = callers.map(|caller| Account::of(&caller)).collect();
    let spend = |n: u64, now: i64| {
        let mark = crate::support::keys::sha256(&n.to_le_bytes());
        spend(&shared, *mark.first_chunk().unwrap(), &accounts[usize::try_from(n % 10).unwrap()], now)
    };
    for n in 0..100_000 {
        assert_eq!(spend(n, NOW), Ok(()), "{n}");
    }
    let (values, bytes) = size(&shared);
    println!("100,000 proofs at once: {values} values, {bytes} bytes");
    assert!(values <= BUCKETS && bytes < 1_500_000);
    let again = (0..100_000).step_by(9).filter(|n| spend(*n, NOW + 59).is_ok()).count();
    assert_eq!(again, 0, "none is forgotten while it would be taken");
    // So many more that all must be full, of a few buckets to be quick.
    let few = |n: &u64| crate::support::keys::sha256(&n.to_le_bytes())[0] < 8;
    let full = (100_000..400_000).filter(few).filter(|n| spend(*n, NOW).is_err()).count();
    let (values, bytes) = size(&shared);
    println!("where they are full: {full} refused, {values} values, {bytes} bytes");
    assert!(full > 1_000 && values == BUCKETS && bytes < 1_600_000);
    for n in (0..100_000).step_by(9) {
        assert_eq!(spend(n, NOW + 61), Ok(()), "what is over makes room");
    }
}
