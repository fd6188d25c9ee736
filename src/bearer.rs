//! The credentials of a request (RFC 6750 section 2): from the `Authorization` header alone.

use crate::headers::Headers;

/// A bearer token as it was sent. Its `Debug` is silent: tokens are never logged.
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

/// Why credentials are malformed (`invalid_request`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerFault {
    /// The token is in the query, where logs and histories keep it.
    InQuery,
    /// More than one `Authorization`, or several credentials in one.
    Several,
    /// The scheme is `Bearer`, but no `b64token` follows.
    Syntax,
}

impl BearerFault {
    /// The stable code of audit lines.
    pub fn code(self) -> &'static str {
        match self {
            Self::InQuery => "token_in_query",
            Self::Several => "several_credentials",
            Self::Syntax => "malformed_credentials",
        }
    }
}

/// The bearer token of a request to `target`, if it has one. Another scheme is as none.
pub fn extract<'h>(headers: &'h Headers, target: &str) -> Result<Option<BearerToken<'h>>, BearerFault> {
    if has_token_in_query(target) {
        return Err(BearerFault::InQuery);
    }
    let mut values = headers.all("authorization");
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(BearerFault::Several);
    }
    first.map_or(Ok(None), read)
}

fn read(value: &[u8]) -> Result<Option<BearerToken<'_>>, BearerFault> {
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    let scheme_end = value.iter().take_while(|b| is_token(b)).count();
    let (scheme, rest) = value.split_at(scheme_end);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        // Intermediaries join repeated fields with a comma: a second credential may hide behind the first.
        let bearer =
            |part: &[u8]| part.trim_ascii().get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"bearer"));
        let hidden = value.split(|b| *b == b',').skip(1).any(bearer);
        return if hidden { Err(BearerFault::Several) } else { Ok(None) };
    }
    if rest.contains(&b',') {
        return Err(BearerFault::Several);
    }
    let token = rest.strip_prefix(b" ").ok_or(BearerFault::Syntax)?.trim_ascii();
    let body = token.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(b)).count();
    let padded = token.iter().skip(body).all(|b| *b == b'=');
    match std::str::from_utf8(token) {
        Ok(text) if body > 0 && padded && !rest.contains(&b'\t') => Ok(Some(BearerToken(text))),
        _ => Err(BearerFault::Syntax),
    }
}

/// RFC 6750 section 2.3, which OAuth 2.1 dropped: the parameter `access_token`, however it is encoded.
fn has_token_in_query(target: &str) -> bool {
    let query = target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let name = |pair: &str| crate::uri::percent_decode(pair.split('=').next().unwrap_or_default().as_bytes());
    query.split(['&', ';']).any(|pair| name(pair) == b"access_token")
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
            let extracted = extract(&headers, "/mcp").map(|token| token.map(BearerToken::reveal));
            assert_eq!(extracted, *expected, "{values:?}");
        }
        let headers = Headers::new(vec![("authorization".into(), b"Bearer \xff".to_vec())]);
        assert_eq!(extract(&headers, "/mcp"), Err(BearerFault::Syntax));
    }

    #[test]
    fn a_token_in_the_query_is_refused() {
        for target in ["/mcp?access_token=x", "/mcp?a=b&access_token", "/mcp?access%5Ftoken=x", "/m?a;access_token=1"] {
            assert_eq!(extract(&Headers::default(), target), Err(BearerFault::InQuery), "{target}");
        }
        for target in ["/mcp", "/mcp?x=access_token", "/access_token=x", "/mcp?access_tokens=x"] {
            assert_eq!(extract(&Headers::default(), target), Ok(None), "{target}");
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        assert_eq!(format!("{:?}", BearerToken("secret")), "BearerToken(..)");
    }
}
