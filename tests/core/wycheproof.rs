//! Project Wycheproof's vectors against keys and signatures, on either path:
//! what is valid verifies, what is not does not. What is left out is counted,
//! with the reason; `cargo test --test core wycheproof -- --nocapture` prints it.

use crate::native_signature;
use crate::support::ring_host::{self, RingHost};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use toolgate::jwks::{KeyQuery, KeySet, Selection};
use toolgate::signature::{
    Algorithm, Curve, HostVerifier, MAX_RSA_BITS, MIN_RSA_BITS, Material, PublicKey, PureVerifier, SignatureVerifier,
};
use wycheproof_ng_ecdsa::TestName as Ecdsa;
use wycheproof_ng_eddsa::TestName as EdDsa;
use wycheproof_ng_kdf_jose::json_web::TestName as JsonWeb;
use wycheproof_ng_rsa_signature::rsa_pkcs1_verify::TestName as Rs;
use wycheproof_ng_rsa_signature::rsa_pss_verify::TestName as Ps;

thread_local! {
    static HOST: HostVerifier<RingHost> = ring_host::verifier();
}

/// The results of a file's vectors.
#[derive(Default)]
struct Count {
    valid: usize,
    invalid: usize,
    skipped: Vec<&'static str>,
}

impl Count {
    /// Asserts that `verdict` is what the vector says.
    fn compare(&mut self, name: &str, verdict: bool, valid: bool) {
        assert_eq!(verdict, valid, "{name}");
        *(if valid { &mut self.valid } else { &mut self.invalid }) += 1;
    }

    /// Prints itself, and gives how many ran.
    fn print(mut self, file: &str) -> usize {
        self.skipped.sort_unstable();
        let groups = self.skipped.chunk_by(|a, b| a == b);
        let skipped: Vec<String> = groups.map(|group| format!("; {} skipped: {}", group.len(), group[0])).collect();
        println!("{file}: {} valid and {} invalid ran{}", self.valid, self.invalid, skipped.concat());
        self.valid + self.invalid
    }
}

/// The result of all paths, which must agree.
fn verifies(name: &str, algorithm: Algorithm, key: &PublicKey, text: &[u8], signature: &[u8]) -> bool {
    let pure = PureVerifier.verify(algorithm, key, text, signature);
    let by_host = HOST.with(|host| host.verify(algorithm, key, text, signature));
    let by_ring = native_signature::verifier().verify(algorithm, key, text, signature);
    assert_eq!((by_host, by_ring), (pure, pure), "{name}: the paths differ");
    pure
}

fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().expect("hex digits").as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn name(file: &str, test: &Value) -> String {
    format!("{file}, {}: {}", test["tcId"], test["comment"])
}

/// Runs the vectors of a file of plain signatures, and gives how many ran.
fn run(file: &str, data: &str, algorithm: Algorithm, material: impl Fn(&Value) -> Material) -> usize {
    let data: Value = serde_json::from_str(data).unwrap();
    let mut count = Count::default();
    for group in list(&data["testGroups"]) {
        let material = material(&group["publicKey"]);
        let key = match &material {
            Material::Rsa { modulus, .. } if !(MIN_RSA_BITS / 8..=MAX_RSA_BITS / 8).contains(&modulus.len()) => None,
            _ => Some(PublicKey::new(material).unwrap_or_else(|| panic!("{file}: no key: {group}"))),
        };
        for test in list(&group["tests"]) {
            let (name, valid) = (name(file, test), test["result"] == "valid");
            match &key {
                None => count.skipped.push("a key of a size that no set may have"),
                Some(_) if test["result"] == "acceptable" => count.skipped.push("either verdict is acceptable"),
                Some(key) => {
                    let verdict = verifies(&name, algorithm, key, &hex(&test["msg"]), &hex(&test["sig"]));
                    count.compare(&name, verdict, valid);
                }
            }
        }
        // The same key, as this project's authors write it in DER.
        if let Some(key) = key.filter(|_| !matches!(algorithm, Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512))
        {
            assert_eq!(key.spki(), hex(&group["publicKeyDer"]), "{file}");
        }
    }
    count.print(file)
}

fn rsa(key: &Value) -> Material {
    let number = |name: &str| hex(&key[name]).into_iter().skip_while(|octet| *octet == 0).collect();
    Material::Rsa { modulus: number("modulus"), exponent: number("publicExponent") }
}

#[test]
fn ecdsa_signatures_of_fixed_size() {
    let ran = [
        (Ecdsa::EcdsaSecp256r1Sha256P1363, Curve::P256),
        (Ecdsa::EcdsaSecp384r1Sha384P1363, Curve::P384),
        (Ecdsa::EcdsaSecp521r1Sha512P1363, Curve::P521),
    ]
    .map(|(file, curve)| {
        let material = |key: &Value| Material::Ec { curve, point: hex(&key["uncompressed"]) };
        run(&format!("{file:?}"), file.json_data(), curve.algorithm(), material)
    });
    assert!(ran.iter().all(|ran| *ran > 200), "{ran:?}");
}

#[test]
fn ed25519_signatures() {
    let material = |key: &Value| Material::Ed25519 { point: hex(&key["pk"]) };
    let ran = run("Ed25519", EdDsa::Ed25519.json_data(), Algorithm::EdDsa, material);
    assert!(ran > 100, "{ran}");
}

#[test]
fn rsa_signatures() {
    let ran = [
        (Rs::Rsa2048Sha256, Algorithm::Rs256),
        (Rs::Rsa2048Sha384, Algorithm::Rs384),
        (Rs::Rsa2048Sha512, Algorithm::Rs512),
        (Rs::Rsa3072Sha256, Algorithm::Rs256),
        (Rs::Rsa4096Sha512, Algorithm::Rs512),
        (Rs::Rsa8192Sha256, Algorithm::Rs256),
    ]
    .map(|(file, algorithm)| run(&format!("{file:?}"), file.json_data(), algorithm, rsa));
    assert!(ran.iter().all(|ran| *ran > 200), "{ran:?}");
}

#[test]
fn rsa_pss_signatures() {
    let ran = [
        (Ps::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (Ps::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (Ps::RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (Ps::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512),
    ]
    .map(|(file, algorithm)| run(&format!("{file:?}"), file.json_data(), algorithm, rsa));
    assert!(ran.iter().all(|ran| *ran > 50), "{ran:?}");
}

/// Whether a token in the compact form verifies under one of these keys.
fn jws_verifies(name: &str, keys: &Value, jws: &str) -> bool {
    let set = match keys["keys"] {
        Value::Null => json!({"keys": [keys]}),
        _ => keys.clone(),
    };
    let set = KeySet::parse(set.to_string().as_bytes()).unwrap();
    let parts: Vec<&str> = jws.split('.').collect();
    let [header, _, signature] = parts[..] else { return false };
    let Ok(header) = URL_SAFE_NO_PAD.decode(header) else { return false };
    let (Ok(header), Ok(signature)) = (serde_json::from_slice::<Value>(&header), URL_SAFE_NO_PAD.decode(signature))
    else {
        return false;
    };
    let Some(algorithm) = header["alg"].as_str().and_then(Algorithm::from_name) else { return false };
    let kid = header["kid"].as_str().map(str::to_owned);
    let (signed, _) = jws.rsplit_once('.').unwrap();
    match set.select(&KeyQuery { kid, algorithm, written: true }) {
        Selection::Keys(keys) => keys.iter().any(|key| verifies(name, algorithm, key, signed.as_bytes(), &signature)),
        Selection::Mismatch | Selection::Unknown => false,
    }
}

/// Why a valid vector is refused here, or an invalid one is not asked about.
fn exception(group: &Value, test: &Value) -> Option<&'static str> {
    let symmetric = group["public"].is_null();
    match group["comment"].as_str().unwrap() {
        _ if !test["jws"].is_string() => Some("not in the compact form"),
        _ if symmetric && test["result"] == "valid" => Some("symmetric keys are not for access tokens"),
        // Its key says PS256 and its token PS384; its other key says ES521, which is no algorithm.
        "rfc7520" | "rfc7520WithKeyOps" if group["public"]["alg"] != "RS256" => {
            Some("its key is for another algorithm")
        }
        "jws_rsa_roca_key" => Some("how a key was generated is not looked into"),
        _ => None,
    }
}

#[test]
fn json_web_signatures_and_keys() {
    for (file, data) in [
        ("JsonWebSignature", JsonWeb::JsonWebSignature.json_data()),
        ("JsonWebKey", JsonWeb::JsonWebKey.json_data()),
        ("JsonWebCrypto", JsonWeb::JsonWebCrypto.json_data()),
    ] {
        let (data, mut count): (Value, _) = (serde_json::from_str(data).unwrap(), Count::default());
        for group in list(&data["testGroups"]) {
            let keys = if group["public"].is_null() { &group["private"] } else { &group["public"] };
            for test in list(&group["tests"]) {
                let name = name(file, test);
                match exception(group, test) {
                    Some(reason) => {
                        count.skipped.push(reason);
                        let refused = reason.starts_with("symmetric") || reason.starts_with("its key");
                        assert!(!refused || !jws_verifies(&name, keys, test["jws"].as_str().unwrap()), "{name}");
                    }
                    None => {
                        let verdict = jws_verifies(&name, keys, test["jws"].as_str().unwrap());
                        count.compare(&name, verdict, test["result"] == "valid");
                    }
                }
            }
        }
        count.print(file);
    }
}

/// RFC 7520 sections 4.2 and 4.3, whose keys the file says wrong algorithms of.
#[test]
fn the_cookbook_tokens_verify_once_their_keys_name_no_algorithm() {
    let data: Value = serde_json::from_str(JsonWeb::JsonWebSignature.json_data()).unwrap();
    let mut ran = 0;
    for group in list(&data["testGroups"]).iter().filter(|group| group["comment"] == "rfc7520") {
        let mut key = group["public"].clone();
        let Some(members) = key.as_object_mut() else { continue };
        members.remove("alg");
        for test in list(&group["tests"]) {
            assert!(jws_verifies("RFC 7520", &key, test["jws"].as_str().unwrap()), "{test}");
            ran += 1;
        }
    }
    assert_eq!(ran, 3);
}
