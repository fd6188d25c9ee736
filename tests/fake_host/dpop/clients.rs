//! Answers that tell clients of proofs, and headers that the server gets.

use super::*;

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
        "The access token must be sent with a proof of possession of its key",
        "A fresh proof of possession of the token's key is required for this request",
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
