//! Proofs of possession: what is taken is, to serde_json too, a proof of the token's key, for this request and of now;
//! it is taken only if the verifier says yes to the very bytes that came; and what was used is used.
//!
//! The input: header, claims and signature of a proof, one a line, before they are encoded.
#![no_main]

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use toolgate::config::Config;
use toolgate::dpop::{Account, Expected, NonceKey, Proof, ProofError, Proofs, ReplayFault};
use toolgate::signature::{Algorithm, PublicKey, SignatureVerifier};
use toolgate::time::UnixTime;
use toolgate::token::{Answer, Expectations, Thumbprint};
use toolgate::workers::{NotShared, SharedData, SharedNames, Versioned};

const NOW: u64 = 1_800_000_000;
/// The token of RFC 9449 section 6.1.
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
/// How much later a proof may be tried again, in seconds.
const LATER: [u64; 7] = [0, 30, 59, 60, 90, 119, 120];

/// Two resources, of which a proof is for the first, and somebody's account.
static KNOWN: LazyLock<(Config, Account)> = LazyLock::new(|| {
    let endpoint = json!({"uri": "https://a.example/i", "cluster": "a"});
    let resource = |host: &str| json!({"resource": format!("https://{host}.example.com/mcp"), "policy": {}});
    let config = json!({
        "issuers": [{"issuer": "https://a.example", "introspection": endpoint}],
        "resources": [resource("mcp"), resource("other")],
    });
    let config = Config::parse(config.to_string().as_bytes(), &|_| None).expect("a configuration");
    let (issuer, resource) = (&config.issuers[0], &config.resources[0]);
    let expected = Expectations {
        issuer: &issuer.identifier,
        issuer_name: &issuer.name,
        algorithms: issuer.algorithms.as_deref(),
        rules: &issuer.rules,
        audiences: &resource.audiences,
    };
    let said = json!({"active": true, "aud": "https://mcp.example.com/mcp", "sub": "alice"});
    let Ok(Answer::Active(mut active)) = Answer::parse(said.to_string().as_bytes()) else { panic!("an answer") };
    let account = Account::of(&active.vouch(expected).expect("a token"));
    (config, account)
});

/// Says always the same, and keeps what it was asked.
struct Says {
    verdict: bool,
    asked: RefCell<Vec<(Algorithm, Vec<u8>, Vec<u8>)>>,
}

impl SignatureVerifier for Says {
    fn verify(&self, algorithm: Algorithm, _: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
        self.asked.borrow_mut().push((algorithm, signed.to_vec(), signature.to_vec()));
        self.verdict
    }
}

/// The memory of a host without other workers.
#[derive(Default)]
struct Memory(RefCell<HashMap<String, Vec<u8>>>);

impl SharedData for Memory {
    fn read(&self, name: &str) -> Result<Versioned, NotShared> {
        Ok(Versioned { bytes: self.0.borrow().get(name).cloned().unwrap_or_default(), version: None })
    }

    fn replace(&self, name: &str, _: &Versioned, value: &[u8]) -> Result<bool, NotShared> {
        self.overwrite(name, value).map(|()| true)
    }

    fn overwrite(&self, name: &str, value: &[u8]) -> Result<(), NotShared> {
        self.0.borrow_mut().insert(name.to_owned(), value.to_vec());
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    check(&String::from_utf8_lossy(bytes));
    let parts: Vec<String> = bytes.splitn(3, |b| *b == b'\n').map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
    check(&parts.join("."));
});

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_millis(seconds * 1000)
}

fn check(text: &str) {
    let nonces = NonceKey::new([7; 32]);
    let key = shown_key(text);
    let expected = |now| Expected {
        window: std::time::Duration::from_secs(60),
        key,
        token: TOKEN,
        method: "POST",
        resource: &KNOWN.0.resources[0],
        path: "/mcp",
        nonces: Some(nonces),
        now: at(now),
    };
    let says = |verdict| Says { verdict, asked: RefCell::default() };
    let (yes, no) = (says(true), says(false));
    let refused = Proof::check(text, &expected(NOW), &no).expect_err("nobody's signature was taken");
    let proof = match Proof::check(text, &expected(NOW), &yes) {
        Ok(proof) => proof,
        Err(fault) => {
            assert_eq!(refused, fault, "the signature is the last and dearest check");
            return;
        }
    };
    assert_eq!(refused, ProofError::Signature);
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { panic!("not three parts") };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let [(algorithm, signed, shown)] = &yes.asked.take()[..] else { panic!("the verifier is asked once") };
    assert_eq!(String::from_utf8_lossy(signed), format!("{header}.{claims}"));
    assert_eq!(*shown, decode(signature));

    // Nobody else's proof, and for nothing else.
    let other = Thumbprint::new(key.octets().map(|octet| !octet));
    for (wrong, fault) in [
        (Expected { key: other, ..expected(NOW) }, ProofError::OtherKey),
        (Expected { token: "another", ..expected(NOW) }, ProofError::Token),
        (Expected { method: "GET", ..expected(NOW) }, ProofError::Method),
        (Expected { resource: &KNOWN.0.resources[1], ..expected(NOW) }, ProofError::Url),
    ] {
        assert_eq!(Proof::check(text, &wrong, &yes), Err(fault));
    }
    let resigned = format!("{header}.{claims}.AA");
    assert_eq!(Proof::check(&resigned, &expected(NOW), &yes), Ok(proof), "another signature makes no other proof");

    let memory = Memory::default();
    let proofs = Proofs::new(SharedNames::new(b"", b""), None);
    let spend = |proof: &Proof, now| proofs.spend(&memory, proof, &KNOWN.1, at(now));
    assert_eq!(spend(&proof, NOW), Ok(()));
    for now in LATER.map(|later| NOW + later) {
        if let Ok(proof) = Proof::check(text, &expected(now), &yes) {
            assert_eq!(spend(&proof, now), Err(ReplayFault::Again), "taken again {} seconds later", now - NOW);
        }
    }
    assert!(Proof::check(text, &expected(NOW + 121), &yes).is_err(), "taken for ever");

    // serde_json has no value for a lone surrogate or for a number too large.
    let value = |part: &str| serde_json::from_slice::<Value>(&decode(part)).ok();
    let (Some(header), Some(claims)) = (value(header), value(claims)) else { return };
    assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!(algorithm.name())));
    let secret = ["d", "k", "p", "q", "dp", "dq", "qi"];
    assert!(secret.iter().all(|name| header["jwk"].get(name).is_none()), "a key that is no secret any more");
    assert_eq!(claims["htm"], "POST");
    assert_eq!(claims["ath"], URL_SAFE_NO_PAD.encode(Sha256::digest(TOKEN)));
    assert!(claims["jti"].as_str().is_some_and(|id| (1..=256).contains(&id.len())));
    assert!(is_meant(claims["htu"].as_str().expect("a URL")), "{}", claims["htu"]);
    let age = NOW as f64 - claims["iat"].as_f64().expect("a number");
    let of_now = match claims.get("nonce") {
        Some(nonce) => [NOW, NOW - 60].iter().any(|now| *nonce == nonces.nonce(at(*now))),
        None => (-30.0..=60.0).contains(&age),
    };
    assert!(of_now, "{claims}");
}

/// The thumbprint of the key in a proof's header (RFC 7638), if there is one. serde_json sorts an object's members.
fn shown_key(text: &str) -> Thumbprint {
    let header = text.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header: Value = header.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let names: &[&str] = match header["jwk"]["kty"].as_str() {
        Some("EC") => &["crv", "kty", "x", "y"],
        Some("OKP") => &["crv", "kty", "x"],
        _ => &["e", "kty", "n"],
    };
    let members: serde_json::Map<_, _> =
        names.iter().map(|name| ((*name).to_owned(), header["jwk"][*name].clone())).collect();
    Thumbprint::new(Sha256::digest(Value::Object(members).to_string()).into())
}

/// Whether a URL is that of the first resource, whatever its query.
fn is_meant(url: &str) -> bool {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = bare.split_once("://") else { return false };
    let Some((host, path)) = rest.split_once('/') else { return false };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    scheme.eq_ignore_ascii_case("https") && host.trim_end_matches('.') == "mcp.example.com" && path == "mcp"
}
