//! Verification by the host, and by the module in its place.

use std::cell::Cell;

use super::{public, signers};
use crate::support::keys::Key;
use crate::support::ring_host::{self, Arguments, RingHost, SUCCESS, failure};
use crate::support::tokens::{AUDIENCE, ISSUER, Token};
use serde_json::json;
use toolgate::config::Config;
use toolgate::signature::{
    Algorithm, HostCrypto, HostVerifier, MAX_TRIED, Material, PublicKey, PureVerifier, SignatureVerifier,
    ecdsa_signature, known_answers,
};
use toolgate::time::UnixTime;
use toolgate::token::{Expectations, UntrustedJwt};

/// A host that answers by a function of what it is asked.
struct Host<F>(F);

impl<F: Fn(Arguments<'_>, &dyn Fn() -> Vec<u8>) -> Option<Vec<u8>>> HostCrypto for Host<F> {
    fn verify_signature(&self, arguments: &[u8]) -> Option<Vec<u8>> {
        let truth = || RingHost.verify_signature(arguments).expect("an answer");
        (self.0)(Arguments::read(arguments).expect("well-formed arguments"), &truth)
    }
}

#[test]
fn a_token_without_kid_is_tried_on_one_key_only_where_the_module_verifies() {
    let honest = ring_host::verifier();
    let missing = HostVerifier::probe(Host(|_: Arguments<'_>, _: &dyn Fn() -> Vec<u8>| None), &known_answers());
    for (_, algorithm) in signers() {
        let by_host = if honest.trusted().contains(&algorithm) { MAX_TRIED } else { 1 };
        assert_eq!(honest.tries(algorithm), by_host, "{algorithm:?}");
        assert_eq!((missing.tries(algorithm), PureVerifier.tries(algorithm)), (1, 1), "{algorithm:?}");
    }
    let now = 1_800_000_000;
    let audiences = [AUDIENCE.to_owned()];
    let configuration = json!({
        "issuers": [{"issuer": ISSUER, "jwks": {"keys": [Key::rsa_a().jwk()]}}],
        "resources": [{"resource": AUDIENCE, "policy": {}}],
    });
    let config = Config::parse(configuration.to_string().as_bytes(), &|_| None).unwrap();
    let rules = &config.issuers[0].rules;
    let expected = Expectations { issuer: ISSUER, issuer_name: "main", algorithms: None, rules, audiences: &audiences };
    let keys = [Key::rsa_b(), Key::rsa_a()].map(|key| public(&key.jwk(), Algorithm::Rs256));
    let keys: Vec<&PublicKey> = keys.iter().collect();
    let token = Token::at(now).without_header("kid").sign(&Key::rsa_a());
    let at = UnixTime::from_millis(u64::try_from(now).unwrap() * 1000);
    let verified = |keys: &[&PublicKey], verifier: &dyn SignatureVerifier| {
        let jwt = UntrustedJwt::parse(&token).unwrap();
        jwt.check(expected, at).unwrap().verify(keys, verifier).is_ok()
    };
    assert!(verified(&keys, &honest), "the second by the host");
    assert!(!verified(&keys, &missing), "the second by the module");
    assert!(verified(&keys[1..], &missing), "the first by the module");
}

#[test]
fn work_is_counted_by_what_verifies_and_by_the_size_of_the_key() {
    let verifier = ring_host::verifier();
    for (key, algorithm, cost) in [
        (Key::p256(), Algorithm::Es256, 80),
        (Key::rsa_a(), Algorithm::Rs256, 40),
        (Key::rsa_a().with_alg("PS256"), Algorithm::Ps256, 600),
        (Key::ed25519(), Algorithm::EdDsa, 140),
    ] {
        assert_eq!(verifier.cost(algorithm, &public(&key.jwk(), algorithm)), cost, "{algorithm:?}");
    }
    let rsa = |bytes: usize| {
        let modulus = vec![0xff; bytes];
        PublicKey::new(Material::Rsa { modulus, exponent: vec![1, 0, 1] }).unwrap().cost(false)
    };
    assert_eq!([256, 512, 1024].map(rsa), [600, 2_400, 9_600]);
}

#[test]
fn a_host_is_trusted_with_an_algorithm_only_if_it_answers_right() {
    use Algorithm::{Es256, Es384, Rs256, Rs384, Rs512};
    fn trusted(host: impl Fn(Arguments<'_>, &dyn Fn() -> Vec<u8>) -> Option<Vec<u8>>) -> Vec<Algorithm> {
        HostVerifier::probe(Host(host), &known_answers()).trusted().to_vec()
    }
    let good = |truth: &dyn Fn() -> Vec<u8>| truth() == SUCCESS;
    let all = [Rs256, Rs384, Rs512, Es256, Es384];
    assert_eq!(trusted(|_, truth| Some(truth())), all, "an honest one");
    assert_eq!(trusted(|_, truth| Some(if good(truth) { SUCCESS.into() } else { vec![] })), all, "without error texts");
    assert_eq!(trusted(|_, truth| Some(if good(truth) { SUCCESS.into() } else { vec![8, 0] })), all, "a written false");
    let with_empty_error = |truth: &dyn Fn() -> Vec<u8>| [truth(), vec![0x12, 0]].concat();
    assert_eq!(trusted(|_, truth| Some(if good(truth) { with_empty_error(truth) } else { truth() })), all, "no error");

    let none: [Algorithm; 0] = [];
    assert_eq!(trusted(|_, _| None), none, "the function is missing");
    assert_eq!(trusted(|_, _| Some(SUCCESS.into())), none, "always true");
    assert_eq!(trusted(|_, _| Some(failure("no"))), none, "always false");
    assert_eq!(trusted(|_, _| Some(vec![])), none, "always nothing");
    let inverted = |truth: &dyn Fn() -> Vec<u8>| if good(truth) { failure("no") } else { SUCCESS.into() };
    assert_eq!(trusted(|_, truth| Some(inverted(truth))), none, "the opposite");
    for garbage in [&b"\x08"[..], b"\xff\xff", b"\x08\x02", b"\x08\x01\x12\x02no", b"\x10\x01", b"{}", b"\x1a\x00"] {
        assert_eq!(trusted(|_, _| Some(garbage.into())), none, "garbage: {garbage:?}");
        let instead = |truth: &dyn Fn() -> Vec<u8>| if good(truth) { garbage.into() } else { truth() };
        assert_eq!(trusted(|_, truth| Some(instead(truth))), none, "garbage for what is good: {garbage:?}");
        let instead = |truth: &dyn Fn() -> Vec<u8>| if good(truth) { truth() } else { garbage.into() };
        assert_eq!(trusted(|_, truth| Some(instead(truth))), none, "garbage for what is bad: {garbage:?}");
    }
    let refused = |truth: &dyn Fn() -> Vec<u8>| good(truth).then(|| SUCCESS.to_vec());
    assert_eq!(trusted(|_, truth| refused(truth)), none, "an error for what is bad");

    let signature_only = |asked: Arguments<'_>| {
        let known = known_answers();
        let of_known = |known: &&toolgate::signature::KnownAnswer| match known.key.material() {
            Material::Ec { curve, .. } => ecdsa_signature(*curve, &known.signature).unwrap() == asked.signature,
            _ => known.signature == asked.signature,
        };
        if known.iter().any(|known| of_known(&known)) { SUCCESS.into() } else { failure("no") }
    };
    assert_eq!(trusted(|asked, _| Some(signature_only(asked))), none, "without a look at the text");
    let text_only = |asked: Arguments<'_>| match asked.text == known_answers()[0].text {
        true => SUCCESS.into(),
        false => failure("no"),
    };
    assert_eq!(trusted(|asked, _| Some(text_only(asked))), none, "without a look at the signature");
    let without = |hash: &'static str| trusted(move |asked, truth| (asked.hash != hash).then(truth));
    assert_eq!(without("sha256"), [Rs384, Rs512, Es384], "without SHA-256");
    assert_eq!(without("sha512"), [Rs256, Rs384, Es256, Es384], "without SHA-512");
}

#[test]
fn what_the_host_fails_to_answer_the_module_verifies_itself() {
    for (key, algorithm) in signers() {
        let public = public(&key.jwk(), algorithm);
        let good = key.sign(b"message");
        let answers: [(&str, Option<Vec<u8>>); 4] = [
            ("an error", None),
            ("garbage", Some(b"\xff".to_vec())),
            ("both at once", Some(b"\x08\x01\x12\x02no".to_vec())),
            ("another field", Some(b"\x08\x01\x18\x01".to_vec())),
        ];
        for (name, answer) in answers {
            // Honest while it is probed.
            let probed = Cell::new(false);
            let host = Host(|_: Arguments<'_>, truth: &dyn Fn() -> Vec<u8>| match probed.get() {
                true => answer.clone(),
                false => Some(truth()),
            });
            let verifier = HostVerifier::probe(host, &known_answers());
            probed.set(true);
            assert!(verifier.verify(algorithm, &public, b"message", &good), "{algorithm:?}, {name}");
            assert!(!verifier.verify(algorithm, &public, b"massage", &good), "{algorithm:?}, {name}");
        }
    }
}

#[test]
fn the_host_is_asked_what_it_is_trusted_with_and_nothing_else() {
    let asked = Cell::new(0);
    let host = Host(|_: Arguments<'_>, truth: &dyn Fn() -> Vec<u8>| {
        asked.set(asked.get() + 1);
        Some(truth())
    });
    let verifier = HostVerifier::probe(host, &known_answers());
    for (key, own) in signers() {
        let (public, signature) = (public(&key.jwk(), own), key.sign(b"message"));
        for algorithm in Algorithm::ALL {
            asked.set(0);
            verifier.verify(algorithm, &public, b"message", &signature);
            // To a host a key is a key: it would verify an RSA signature as ES256.
            let expected = u32::from(algorithm.fits(&public) && verifier.trusted().contains(&algorithm));
            assert_eq!(asked.get(), expected, "{own:?} as {algorithm:?}");
        }
    }
    asked.set(0);
    let key = public(&Key::p256().jwk(), Algorithm::Es256);
    assert!(!verifier.verify(Algorithm::Es256, &key, b"message", &[0; 64]));
    assert_eq!(asked.get(), 0, "what is no signature");
}
