//! The credentials of a request (RFC 6750 section 2, RFC 9449 section 7.1), from the `Authorization` header only.

use crate::bytes::count_ordinary;
use crate::headers::Headers;
use crate::reason::Reason;

/// A bearer token, as it was sent. `Debug` omits it, so that it is never logged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BearerToken<'a>(&'a str);

impl<'a> BearerToken<'a> {
    /// The token itself.
    pub fn reveal(self) -> &'a str {
        self.0
    }
}

impl std::fmt::Debug for BearerToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

/// A token as it was sent, whose syntax is not checked. `Debug` omits it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SentToken<'a>(&'a [u8]);

impl<'a> SentToken<'a> {
    /// The bytes, for a comparison with known tokens.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Checks the syntax.
    pub fn check(self) -> Result<BearerToken<'a>, BearerFault> {
        let body = count_ordinary(self.0, is_of_token);
        let padded = self.0.iter().skip(body).all(|b| *b == b'=');
        match std::str::from_utf8(self.0) {
            Ok(text) if body > 0 && padded => Ok(BearerToken(text)),
            _ => Err(BearerFault::of(self.0)),
        }
    }
}

impl std::fmt::Debug for SentToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SentToken(..)")
    }
}

/// The authentication scheme of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A bearer token.
    Bearer,
    /// A token with a proof of possession.
    Dpop,
}

/// Why credentials are malformed (`invalid_request`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerFault {
    /// The token is in the query, where logs and browser histories keep it.
    InQuery,
    /// There are several `Authorization` headers, or several credentials in one.
    Several,
    /// The scheme is `Bearer` or `DPoP`, but no `b64token` follows.
    Syntax,
}

impl BearerFault {
    /// The fault of what follows the scheme, if it is no token.
    fn of(credentials: &[u8]) -> Self {
        if credentials.contains(&b',') { Self::Several } else { Self::Syntax }
    }

    /// The reason in records.
    pub fn reason(self) -> Reason {
        match self {
            Self::InQuery => Reason::TokenInQuery,
            Self::Several => Reason::SeveralCredentials,
            Self::Syntax => Reason::MalformedCredentials,
        }
    }
}

/// Proof that a request has no credentials. In the module, only a look at its headers and its target creates one, so no
/// refused token can be taken for the absence of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCredentials(());

impl NoCredentials {
    /// For a request to `target` with these headers. Every `Authorization` header is a credential, whatever its value
    /// and scheme, and so are a `DPoP` header and an `access_token` in the query.
    pub fn of(headers: &Headers, target: &str) -> Option<Self> {
        let has_some =
            ["authorization", "dpop"].iter().any(|name| headers.has(name)) || has_token_in_query(target.as_bytes());
        (!has_some).then_some(Self(()))
    }

    /// For a caller that is only assumed, by the command line and tests.
    #[cfg(feature = "explain")]
    pub fn assumed() -> Self {
        Self(())
    }
}

/// The token of a request to `target`, if it has one. Other schemes are ignored, and so is `DPoP` unless
/// `takes_proofs`.
pub fn extract<'h>(
    headers: &'h Headers,
    target: &str,
    takes_proofs: bool,
) -> Result<Option<(Scheme, BearerToken<'h>)>, BearerFault> {
    let found = find(headers, target.as_bytes(), takes_proofs)?;
    found.map(|(scheme, token)| Ok((scheme, token.check()?))).transpose()
}

/// [`extract`], without a check of the token's syntax. A known token needs none.
pub fn find<'h>(
    headers: &'h Headers,
    target: &[u8],
    takes_proofs: bool,
) -> Result<Option<(Scheme, SentToken<'h>)>, BearerFault> {
    if has_token_in_query(target) {
        return Err(BearerFault::InQuery);
    }
    let mut values = headers.all("authorization");
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(BearerFault::Several);
    }
    first.map_or(Ok(None), |value| read(value, takes_proofs))
}

/// Whether a `b64token` may contain a byte before its padding: `ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/"`. The
/// characters from `+` to `9` are contiguous and all allowed except the comma.
fn is_of_token(byte: u8) -> bool {
    let (letter, sign) = ((byte | 0x20).wrapping_sub(b'a') < 26, byte.wrapping_sub(b'+') < 15);
    letter | (sign & (byte != b',')) | (byte == b'_') | (byte == b'~')
}

fn read(value: &[u8], takes_proofs: bool) -> Result<Option<(Scheme, SentToken<'_>)>, BearerFault> {
    let scheme_of = |name: &[u8]| match name {
        name if name.eq_ignore_ascii_case(b"bearer") => Some(Scheme::Bearer),
        name if takes_proofs && name.eq_ignore_ascii_case(b"dpop") => Some(Scheme::Dpop),
        _ => None,
    };
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    // Nearly every client writes it so.
    let scheme_end = if value.starts_with(b"Bearer ") { 6 } else { value.iter().take_while(|b| is_token(b)).count() };
    let (scheme, rest) = value.split_at(scheme_end);
    let Some(scheme) = scheme_of(scheme) else {
        // Intermediaries join repeated fields with a comma, so a second credential may follow another scheme.
        let starts =
            |part: &[u8], length| part.trim_ascii().get(..length).is_some_and(|start| scheme_of(start).is_some());
        let hidden = value.split(|b| *b == b',').skip(1).any(|part| starts(part, 6) || starts(part, 4));
        return if hidden { Err(BearerFault::Several) } else { Ok(None) };
    };
    let token = rest.strip_prefix(b" ").unwrap_or_default().trim_ascii();
    let only_spaces = rest.len() == token.len() + 1 || !rest.contains(&b'\t');
    if token.is_empty() || !only_spaces { Err(BearerFault::of(rest)) } else { Ok(Some((scheme, SentToken(token)))) }
}

/// RFC 6750 section 2.3, removed in OAuth 2.1: the parameter `access_token`, in any percent-encoding.
fn has_token_in_query(target: &[u8]) -> bool {
    let mut parts = target.splitn(2, |byte| *byte == b'?').skip(1);
    let name = |pair: &[u8]| crate::uri::percent_decode(pair.split(|byte| *byte == b'=').next().unwrap_or_default());
    parts.any(|query| query.split(|byte| matches!(byte, b'&' | b';')).any(|pair| name(pair) == b"access_token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_malformed_and_several_differ() {
        type Case = (&'static [&'static str], Result<Option<&'static str>, BearerFault>);
        const CASES: &[Case] = &[
            (&[], Ok(None)),
            (&[""], Ok(None)),
            (&["Basic dTpw"], Ok(None)),
            (&["Bearerabc"], Ok(None)),
            (&["Bearer garbage"], Ok(Some("garbage"))),
            (&["bEaReR a.b.c"], Ok(Some("a.b.c"))),
            (&["Bearer   abc=="], Ok(Some("abc=="))),
            (&["Bearer"], Err(BearerFault::Syntax)),
            (&["Bearer "], Err(BearerFault::Syntax)),
            (&["Bearer\tabc"], Err(BearerFault::Syntax)),
            (&["Bearer =="], Err(BearerFault::Syntax)),
            (&["Bearer a b"], Err(BearerFault::Syntax)),
            (&["Bearer a=b"], Err(BearerFault::Syntax)),
            (&["Bearer \"a\""], Err(BearerFault::Syntax)),
            (&["Bearer é"], Err(BearerFault::Syntax)),
            (&["Bearer a,Bearer b"], Err(BearerFault::Several)),
            (&["Basic dTpw, bearer b"], Err(BearerFault::Several)),
            (&["Bearer a", "Bearer a"], Err(BearerFault::Several)),
            (&["Basic x", "Bearer a"], Err(BearerFault::Several)),
        ];
        for (values, expected) in CASES {
            let entries = values.iter().map(|v| ("Authorization".to_owned(), v.as_bytes().to_vec())).collect();
            let headers = Headers::new(entries);
            let extracted = extract(&headers, "/mcp", false).map(|token| token.map(|(_, token)| token.reveal()));
            assert_eq!(extracted, *expected, "{values:?}");
        }
        let headers = Headers::new(vec![("authorization".into(), b"Bearer \xff".to_vec())]);
        assert_eq!(extract(&headers, "/mcp", false), Err(BearerFault::Syntax));
    }

    #[test]
    fn a_token_with_a_proof_is_read_where_proofs_are_taken() {
        let dpop = |token| Ok(Some((Scheme::Dpop, BearerToken(token))));
        for (value, taken, elsewhere) in [
            ("DPoP abc", dpop("abc"), Ok(None)),
            ("dpop a.b.c", dpop("a.b.c"), Ok(None)),
            ("DPoP", Err(BearerFault::Syntax), Ok(None)),
            ("DPoP a,DPoP b", Err(BearerFault::Several), Ok(None)),
            ("DPoP a, Bearer b", Err(BearerFault::Several), Err(BearerFault::Several)),
            ("Basic a, DPoP b", Err(BearerFault::Several), Ok(None)),
            ("DPoPabc", Ok(None), Ok(None)),
        ] {
            let headers = Headers::new(vec![("authorization".into(), value.into())]);
            assert_eq!(extract(&headers, "/mcp", true), taken, "{value}");
            assert_eq!(extract(&headers, "/mcp", false), elsewhere, "{value}");
        }
    }

    #[test]
    fn the_bytes_of_a_token_are_those_of_the_grammar() {
        for byte in 0..=255_u8 {
            let legal = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_of_token(byte), legal, "{byte}");
        }
    }

    #[test]
    fn a_token_in_the_query_is_refused() {
        for target in ["/mcp?access_token=x", "/mcp?a=b&access_token", "/mcp?access%5Ftoken=x", "/m?a;access_token=1"] {
            assert_eq!(extract(&Headers::default(), target, true), Err(BearerFault::InQuery), "{target}");
        }
        for target in ["/mcp", "/mcp?x=access_token", "/access_token=x", "/mcp?access_tokens=x"] {
            assert_eq!(extract(&Headers::default(), target, true), Ok(None), "{target}");
        }
    }

    #[test]
    fn whatever_could_be_a_credential_is_one() {
        let of = |headers: &[(&str, &str)], target| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
            NoCredentials::of(&Headers::new(headers), target).is_some()
        };
        assert!(of(&[("cookie", "a=b"), ("x-authorization", "Bearer a")], "/mcp?x=access_token"));
        for value in ["", " ", "Basic dTpw", "Bearer", "Bearer a", "nonsense"] {
            assert!(!of(&[("Authorization", value)], "/mcp"), "{value:?}");
            assert!(!of(&[("dpop", value)], "/mcp"), "{value:?}");
        }
        for target in ["/mcp?access_token", "/mcp?access_token=", "/mcp?a;access%5ftoken=x"] {
            assert!(!of(&[], target), "{target}");
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        assert_eq!(format!("{:?}", BearerToken("secret")), "BearerToken(..)");
    }
}
