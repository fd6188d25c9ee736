//! Made-up keys, to explain a token whose issuer's keys are not available.

use super::HttpRequest;
use crate::bearer;
use crate::headers::Headers;
use crate::jwks::KeySet;
use crate::node::Node;
use crate::token::UntrustedJwt;

/// A valid public key of each type. The private keys were discarded, so these keys verify no signature.
const KEYS: [(&str, &[(&str, &str)]); 5] = [
    (
        "RS PS",
        &[
            ("kty", "RSA"),
            ("e", "AQAB"),
            (
                "n",
                "1XJUBTMJLqBt8SBvMXkbiCMuGxOClVwbwheAwgcKXvCE_P9l38hK78bxVB0J72rYruoZRDA7SVKO0I2qHgCQagLkaqEgb5xvF-3yTHxKqil71VZZwzq79Jet5t27YnyvUTQFt-neeNjlDsDQbR7Z-YQPnt2pFexhJo2KFgLRMB8DHVdPEBZUwkA4CxeEM7sWq_cdJxVG8677yJTsLGsjGnvDkyv21D8LG8a1bBCCYoOe775V9FV2uL24P0rlkfUXoM1YnUljY7jzL7kqiBM9eTSzJ3ZDq6tdOF0sqfwyeRBepPFK3Awpc5G_mRF4uNkaj8DYfBphV_rnDj85lP2T5w",
            ),
        ],
    ),
    (
        "ES256",
        &[
            ("kty", "EC"),
            ("crv", "P-256"),
            ("x", "LE5DufnR0vYZd5AAtHxiAPG0khjQYgDt4gxOHulUXvk"),
            ("y", "kZNv8k1HgQScaTZQqnfjTncYgW8VSCOlacQHTbxu_UM"),
        ],
    ),
    (
        "ES384",
        &[
            ("kty", "EC"),
            ("crv", "P-384"),
            ("x", "TkJ4sG8fQaq855sMBapT2c_F5gqr7Amf7D1zSEw6RoTMBV53wTAqV3SOVO5kq4vK"),
            ("y", "NJTLTewUoQi3-8_EtJqJuG2tsUZhRUKmQVSZG80MZGgr-rnouFlXt6bm5Wsv2teQ"),
        ],
    ),
    (
        "ES512",
        &[
            ("kty", "EC"),
            ("crv", "P-521"),
            ("x", "AaTjoIRXaa7Cw8iYYs_9UBiCOCV-egCiSYDxAi7T9zrJepHzhEYju54lWC3KKi3-RJgz8ZepAF863WZnMcIvETuO"),
            ("y", "AF_sMRDeMASu5KpnaHP703uRhiZAmmQNIqmfMbaaYRHB5qRrNq8cpugS2JqAE3L2-DFA4Bj2sVbK9MrzITr7nUjG"),
        ],
    ),
    ("EdDSA", &[("kty", "OKP"), ("crv", "Ed25519"), ("x", "TyE10Y2vZUQYdlcvw8xpqoce7rhzBxdem3iIWwcsoOE")]),
];

/// The issuer named by the token in `request`, and a key set with a key under the token's `kid`. Useful only with
/// [`DangerouslyUnchecked`](super::DangerouslyUnchecked), because these keys verify no signature.
pub fn stand_in_keys(request: &HttpRequest) -> Option<(String, KeySet)> {
    let headers = Headers::new(request.headers.clone());
    let (_, token) = bearer::extract(&headers, "", true).ok().flatten()?;
    let jwt = UntrustedJwt::parse(token.reveal()).ok()?;
    let algorithm = jwt.claimed_header().get("alg")?.as_text()?;
    let (_, members) = KEYS.iter().find(|(names, _)| names.split(' ').any(|name| algorithm.starts_with(name)))?;
    let text = |text: &str| Node::Text(text.to_owned());
    let mut key: Vec<_> = members.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
    if let Some(kid) = jwt.claimed_header().get("kid") {
        key.push(("kid".to_owned(), kid.clone()));
    }
    let set = KeySet::from_nodes(&[Node::Object(key)]).ok()?;
    Some((jwt.issuer().ok()?.to_owned(), set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_a_sound_one() {
        for (algorithms, members) in KEYS {
            let members = members.iter().map(|(name, value)| ((*name).to_owned(), Node::Text((*value).to_owned())));
            let set = KeySet::from_nodes(&[Node::Object(members.collect())]).unwrap();
            assert_eq!(set.len(), 1, "{algorithms}: {:?}", set.skipped);
        }
    }
}
