//! Absolute URLs in the configuration (RFC 3986), kept byte for byte: a normalised identifier would no longer equal the
//! one in tokens and clients.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The scheme of a [`Url`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// The default port.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// The scheme's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// An absolute `http` or `https` URL without fragment and user information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: Arc<str>,
    scheme: Scheme,
    authority: String,
    path: String,
    query: Option<String>,
}

/// Why a text is not a valid URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFault {
    /// A character must be percent-encoded.
    Character,
    /// It has a fragment.
    Fragment,
    /// The host is missing, or the port is not a number.
    Host,
    /// The URL is not absolute, or has another scheme.
    Scheme,
    /// It has user information.
    UserInfo,
}

impl UrlFault {
    /// The error message.
    pub fn message(self) -> &'static str {
        match self {
            Self::Character => "contains a character that a URL may not contain",
            Self::Fragment => "may not have a fragment",
            Self::Host => "has no valid host and port",
            Self::Scheme => "must be an absolute `https` or `http` URL",
            Self::UserInfo => "may not have user information",
        }
    }
}

impl Url {
    /// Parses `text`.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        let (scheme, rest) = text
            .strip_prefix("https://")
            .map(|rest| (Scheme::Https, rest))
            .or_else(|| text.strip_prefix("http://").map(|rest| (Scheme::Http, rest)))
            .ok_or(UrlFault::Scheme)?;
        if text.contains('#') {
            return Err(UrlFault::Fragment);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b)) {
            return Err(UrlFault::Character);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).ok_or(UrlFault::Host)?;
        if authority.contains('@') {
            return Err(UrlFault::UserInfo);
        }
        if Authority::parse(authority).is_none() {
            return Err(UrlFault::Host);
        }
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Ok(Self {
            text: text.into(),
            scheme,
            authority: authority.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
        })
    }

    /// The URL, byte for byte as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// [`Self::as_str`], shared, for records.
    pub fn shared(&self) -> Arc<str> {
        self.text.clone()
    }

    /// Its scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host and port, as written.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path; may be empty.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Path and query as in a request line.
    pub fn request_target(&self) -> String {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        self.query.as_ref().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        // A host name may start with `127.` too, and belong to anyone.
        let is_loopback = |host: &str| host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
        Authority::parse(&self.authority)
            .is_some_and(|a| a.host == "localhost" || a.host == "[::1]" || is_loopback(&a.host))
    }
}

/// Host and port, normalised: in lower case, without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Authority {
    /// The host in lower case, without a trailing dot; IPv6 in brackets.
    pub host: String,
    /// The port, if there is one.
    pub port: Option<u16>,
}

impl Authority {
    /// Parses `host`, `host:port` or `[ipv6]:port`.
    pub fn parse(text: &str) -> Option<Self> {
        let place = |sign: u8| text.bytes().position(|byte| byte == sign);
        let host_end = if text.starts_with('[') { place(b']')? + 1 } else { place(b':').unwrap_or(text.len()) };
        let (host, rest) = text.split_at_checked(host_end)?;
        let port = match rest.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
            None if rest.is_empty() => None,
            _ => return None,
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        // A bit for each legal character: letters, digits, and a few signs.
        const LEGAL: [u64; 2] = legal(b"-._~%!$&'()+,;=[]:");
        let legal = |b: u8| LEGAL.get(usize::from(b >> 6)).is_some_and(|bits| bits >> (b & 63) & 1 == 1);
        (!host.is_empty() && host.bytes().all(legal)).then(|| Self { host: host.to_ascii_lowercase(), port })
    }
}

/// The set of the ASCII letters, digits, and `signs`, as bits.
const fn legal(signs: &[u8]) -> [u64; 2] {
    let mut bits: u128 = 0;
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            bits |= 1 << byte;
        }
        byte += 1;
    }
    let mut rest = signs;
    while let [sign, after @ ..] = rest {
        bits |= 1 << *sign;
        rest = after;
    }
    [bits as u64, (bits >> 64) as u64]
}

/// Appends `text` as `application/x-www-form-urlencoded` (RFC 6749 appendix B). A space becomes `%20`, which every
/// parser accepts.
pub fn form_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_urls_without_fragment_and_user_information_are_read() {
        const CASES: &[(&str, Result<(), UrlFault>)] = &[
            ("https://a.example/mcp", Ok(())),
            ("https://a.example", Ok(())),
            ("http://127.0.0.1:8080/x?y=z", Ok(())),
            ("https://[::1]:8443/", Ok(())),
            ("ftp://a.example/", Err(UrlFault::Scheme)),
            ("//a.example/", Err(UrlFault::Scheme)),
            ("/mcp", Err(UrlFault::Scheme)),
            ("", Err(UrlFault::Scheme)),
            ("https://", Err(UrlFault::Host)),
            ("https:///mcp", Err(UrlFault::Host)),
            ("https://a:b/", Err(UrlFault::Host)),
            ("https://a:99999/", Err(UrlFault::Host)),
            ("https://u:p@a.example/", Err(UrlFault::UserInfo)),
            ("https://a.example/#x", Err(UrlFault::Fragment)),
            ("https://a.example/ x", Err(UrlFault::Character)),
            ("https://a.example/é", Err(UrlFault::Character)),
            ("https://a.example/\"", Err(UrlFault::Character)),
        ];
        for (text, expected) in CASES {
            assert_eq!(Url::parse(text).map(|_| ()), *expected, "{text}");
        }
    }

    #[test]
    fn parts_are_kept_as_written() {
        let url = Url::parse("https://A.example:443/Mcp?x=1").unwrap();
        assert_eq!((url.authority(), url.path(), url.query()), ("A.example:443", "/Mcp", Some("x=1")));
        assert_eq!(url.request_target(), "/Mcp?x=1");
        assert_eq!(Url::parse("https://a").unwrap().request_target(), "/");
    }

    #[test]
    fn hosts_compare_without_case_and_trailing_dot() {
        let host = |text| Authority::parse(text).map(|a| (a.host, a.port));
        assert_eq!(host("A.Example."), Some(("a.example".into(), None)));
        assert_eq!(host("a:80"), Some(("a".into(), Some(80))));
        assert_eq!(host("[::1]:80"), Some(("[::1]".into(), Some(80))));
        for bad in ["", ":80", "a:", "a:x", "a:1:2", "a b", "a/b", "u@a", "[::1", "é"] {
            assert!(host(bad).is_none() || bad == "a:", "{bad}");
        }
    }
}
