//! The binding of a token (RFC 7800): to a certificate (RFC 8705 section 3.1) or a key (RFC 9449 section 6.1).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Claims, TokenError};
use crate::node::Node;

/// The SHA-256 thumbprint of a certificate, or of a key (RFC 7638).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// A thumbprint with these octets.
    pub fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// Parses base64url without padding, as used in tokens.
    pub fn from_base64url(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Parses hexadecimal digits, as used by hosts.
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let text: &[u8; 64] = text.try_into().ok()?;
        let mut octets = [0; 32];
        for (place, digit) in text.iter().enumerate() {
            let digit = u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
            octets.get_mut(place / 2).into_iter().for_each(|octet| *octet = *octet << 4 | digit);
        }
        Some(Self(octets))
    }

    /// The octets.
    pub fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Shows only the first octets, which are enough to tell thumbprints apart.
impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Thumbprint({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

/// The bindings that a client must prove at every use of a token. A token without any is a bearer token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// The client certificate of the connection.
    pub certificate: Option<Thumbprint>,
    /// The key that signs a DPoP proof.
    pub key: Option<Thumbprint>,
}

impl Confirmation {
    /// Reads `cnf`. An unknown member is a binding that cannot be verified.
    pub fn read(claims: &Claims) -> Result<Self, TokenError> {
        let members = match claims.get("cnf") {
            None => return Ok(Self::default()),
            Some(Node::Object(members)) => members,
            Some(_) => return Err(TokenError::Bound),
        };
        let mut confirmation = Self::default();
        let mut needs_key = false;
        for (name, value) in members.iter().filter(|(_, value)| *value != Node::Null) {
            let place = match (name.as_str(), value.as_text()) {
                ("x5t#S256", _) => &mut confirmation.certificate,
                ("jkt", _) => &mut confirmation.key,
                // Keycloak names the proof for `jkt`. It adds no further requirement.
                ("kc-jkt-type", Some("DPoP")) => {
                    needs_key = true;
                    continue;
                }
                _ => return Err(TokenError::Bound),
            };
            *place = Some(value.as_text().and_then(Thumbprint::from_base64url).ok_or(TokenError::Bound)?);
        }
        let is_complete = confirmation != Self::default() && (confirmation.key.is_some() || !needs_key);
        if is_complete { Ok(confirmation) } else { Err(TokenError::Bound) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE";

    #[test]
    fn a_confirmation_is_a_certificate_a_key_or_what_cannot_be_checked() {
        let mut octets = [0; 32];
        octets[31] = 1;
        let a = Some(Thumbprint::new(octets));
        let read = |certificate, key| Ok(Confirmation { certificate, key });
        let bound = Err(TokenError::Bound);
        for (text, expected) in [
            ("{}".to_owned(), read(None, None)),
            (format!(r#"{{"cnf":{{"x5t#S256":"{A}"}}}}"#), read(a, None)),
            (format!(r#"{{"cnf":{{"jkt":"{A}"}}}}"#), read(None, a)),
            (format!(r#"{{"cnf":{{"jkt":"{A}","x5t#S256":"{A}"}}}}"#), read(a, a)),
            (format!(r#"{{"cnf":{{"jkt":"{A}","x5t#S256":null,"jwk":null}}}}"#), read(None, a)),
            (format!(r#"{{"cnf":{{"jkt":"{A}","kc-jkt-type":"DPoP"}}}}"#), read(None, a)),
            (format!(r#"{{"cnf":{{"kc-jkt-type":"DPoP","jkt":"{A}"}}}}"#), read(None, a)),
            (format!(r#"{{"cnf":{{"jkt":"{A}","kc-jkt-type":null}}}}"#), read(None, a)),
            (format!(r#"{{"cnf":{{"jkt":"{A}","kc-jkt-type":"other"}}}}"#), bound),
            (format!(r#"{{"cnf":{{"jkt":"{A}","kc-jkt-type":["DPoP"]}}}}"#), bound),
            (format!(r#"{{"cnf":{{"x5t#S256":"{A}","kc-jkt-type":"DPoP"}}}}"#), bound),
            (r#"{"cnf":{"kc-jkt-type":"DPoP"}}"#.to_owned(), bound),
            (format!(r#"{{"cnf":{{"jkt":"{A}","kid":"1"}}}}"#), bound),
            (format!(r#"{{"cnf":{{"jkt":"{A}="}}}}"#), bound),
            (format!(r#"{{"cnf":{{"jkt":"A{A}"}}}}"#), bound),
            (format!(r#"{{"cnf":{{"jkt":["{A}"]}}}}"#), bound),
            (format!(r#"{{"cnf":"{A}"}}"#), bound),
            (r#"{"cnf":{"jkt":""}}"#.to_owned(), bound),
            (r#"{"cnf":{"jwk":{}}}"#.to_owned(), bound),
            (r#"{"cnf":{}}"#.to_owned(), bound),
            (r#"{"cnf":null}"#.to_owned(), read(None, None)),
            (r#"{"cnf":{"jkt":null}}"#.to_owned(), bound),
            (r#"{"cnf":false}"#.to_owned(), bound),
        ] {
            let claims = Claims::parse(text.as_bytes()).unwrap();
            assert_eq!(Confirmation::read(&claims), expected, "{text}");
        }
    }

    #[test]
    fn a_hosts_digest_is_hexadecimal() {
        let hex = "00".repeat(31) + "aF";
        let mut octets = [0; 32];
        octets[31] = 0xaf;
        assert_eq!(Thumbprint::from_hex(hex.as_bytes()), Some(Thumbprint::new(octets)));
        for bad in ["", "00", &"0".repeat(63), &format!("{hex}00"), &hex.replace('F', "g"), &hex.replace('F', " ")] {
            assert_eq!(Thumbprint::from_hex(bad.as_bytes()), None, "{bad}");
        }
    }
}
