//! Paths and resource URIs that servers may read differently from how they are spelled.
//!
//! A policy compares names byte for byte. Servers decode percent-encoding, merge slashes, resolve dot segments, and
//! ignore parameters and case. URIs that a URL parser would rewrite are refused here. If two spellings may both be
//! meant, [`spelling`] computes the additional forms for which the policy decides.

mod authority;
pub mod spelling;

use crate::bytes::count_ordinary;
use crate::text::fold;

/// Why a URI is refused, in a request or a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriFault {
    /// Slashes, host or port that URL parsers rewrite.
    Authority,
    /// A backslash.
    Backslash,
    /// A control character, a space, DEL, or an encoded NUL.
    Blank,
    /// A `.` or `..` segment, also if percent-encoded once or more.
    DotSegment,
    /// A percent sign without two upper-case hexadecimal digits.
    Escape,
    /// An unreserved character (RFC 3986 section 2.3) that is percent-encoded once or more.
    NeedlessEscape,
    /// A scheme with upper-case letters.
    UpperCaseScheme,
    /// User information that URL parsers drop, or that an HTTP client would send as credentials.
    UserInfo,
}

impl UriFault {
    /// The error message, with the correct form.
    pub fn message(self) -> &'static str {
        match self {
            Self::Authority => {
                "has slashes, a host or a port that URL parsers rewrite: write them as `new URL(uri).href` does"
            }
            Self::Backslash => "contains a backslash",
            Self::Blank => "contains white space or a control character",
            Self::DotSegment => "contains a dot segment",
            Self::Escape => "contains a percent sign without two upper-case hexadecimal digits: write `%25`, `%2F`",
            Self::NeedlessEscape => "escapes a letter, a digit, `-`, `.`, `_` or `~`: write the character itself",
            Self::UpperCaseScheme => "has an upper-case scheme",
            Self::UserInfo => "has user information: leave it out",
        }
    }
}

/// Checks that `uri` is in normal form, so that servers do not read it as a different URI.
pub fn check_uri(uri: &str) -> Result<(), UriFault> {
    check(uri, false)
}

/// Like [`check_uri`], for a rule, in which `*` matches any characters.
pub fn check_pattern(pattern: &str) -> Result<(), UriFault> {
    check(pattern, true)
}

/// Like [`check_uri`], for a template (RFC 6570), whose expressions match any characters.
pub fn check_template(template: &str) -> Result<(), UriFault> {
    check_characters(template)?;
    spelling::of_template(template).map_or_else(|| check_uri(template), |pattern| check_pattern(&pattern))
}

fn check_characters(uri: &str) -> Result<(), UriFault> {
    // Almost every URI.
    if count_ordinary(uri.as_bytes(), |b| (b > b' ') & (b < 0x7f) & (b != b'\\')) == uri.len() {
        return Ok(());
    }
    if uri.chars().any(|c| c.is_control() || c == ' ') {
        return Err(UriFault::Blank);
    }
    if uri.contains('\\') { Err(UriFault::Backslash) } else { Ok(()) }
}

fn check(uri: &str, is_pattern: bool) -> Result<(), UriFault> {
    check_characters(uri)?;
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    if !scheme.contains('/') && scheme.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(UriFault::UpperCaseScheme);
    }
    let (decoded, fault) = decode(uri.as_bytes());
    if has_dot_segment(&decoded) {
        return Err(UriFault::DotSegment);
    }
    fault.map_or(Ok(()), Err)?;
    let mut escapes = uri.bytes().enumerate().filter(|(_, byte)| *byte == b'%');
    if !escapes.all(|(place, _)| uri.as_bytes().get(place + 1..).is_some_and(begins_with_octet)) {
        return Err(UriFault::Escape);
    }
    authority::check(scheme, rest, is_pattern)?;
    if !uri.split(':').next().is_some_and(|start| start.contains('%')) {
        return Ok(());
    }
    // A server that decodes first finds another scheme.
    let text = String::from_utf8_lossy(&decoded);
    let text = spelling::tidied(&text);
    let (scheme, rest) = text.split_once(':').unwrap_or_default();
    authority::check(&scheme.to_ascii_lowercase(), rest, is_pattern)
}

fn has_dot_segment(decoded: &[u8]) -> bool {
    // Some servers read the part before a colon as a scheme, others as a path. Parameters are dropped first.
    decoded.split(|b| matches!(b, b'/' | b'\\' | b'?' | b'#' | b':' | b';')).any(|segment| {
        let kept = || segment.iter().filter(|byte| !spelling::is_left_out(**byte));
        kept().eq(b".") || kept().eq(b"..")
    })
}

fn begins_with_octet(text: &[u8]) -> bool {
    let is_digit = |b: &u8| b.is_ascii_digit() || matches!(b, b'A'..=b'F');
    matches!(text, [high, low, ..] if is_digit(high) && is_digit(low))
}

/// Percent-decodes `bytes` repeatedly until nothing is left to decode (`%252e` becomes `.`).
pub fn percent_decode(bytes: &[u8]) -> Vec<u8> {
    decode(bytes).0
}

/// Like [`percent_decode`], in one pass: an escape that decoding completes is decoded too. Also returns the fault of
/// the first octet that must not be escaped.
fn decode(bytes: &[u8]) -> (Vec<u8>, Option<UriFault>) {
    // Up to the first percent sign nothing is decoded.
    let plain = count_ordinary(bytes, |byte| byte != b'%');
    let (plain, rest) = bytes.split_at_checked(plain).unwrap_or((bytes, &[]));
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    out.extend_from_slice(plain);
    let mut fault = None;
    for byte in rest {
        out.push(*byte);
        while let [.., b'%', high, low] = out.as_slice()
            && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
            && let Ok(decoded) = u8::try_from(high * 16 + low)
        {
            match decoded {
                // C code ends a string here.
                0 => fault = fault.or(Some(UriFault::Blank)),
                b'-' | b'.' | b'_' | b'~' => fault = fault.or(Some(UriFault::NeedlessEscape)),
                _ if decoded.is_ascii_alphanumeric() => fault = fault.or(Some(UriFault::NeedlessEscape)),
                _ => {}
            }
            out.truncate(out.len() - 3);
            out.push(decoded);
        }
    }
    (out, fault)
}

/// The maximum number of positions at which a server may end a path. Legitimate paths have no more.
const MAX_CUTS: usize = 8;

/// All readings of `path` by a careless server, as segments: a decoded `?`, `#` or NUL may end it or not.
pub fn plain_readings(path: &str) -> Vec<Vec<String>> {
    let decoded = percent_decode(path.as_bytes());
    let cuts = decoded.iter().enumerate().filter(|(_, byte)| matches!(byte, b'?' | b'#' | 0)).map(|(place, _)| place);
    let ends = cuts.take(MAX_CUTS).chain([decoded.len()]);
    ends.map(|end| segments(decoded.get(..end).unwrap_or_default())).collect()
}

/// `path` as the most careless server reads it, as segments: fully decoded, with `\` as `/`, without empty segments and
/// `;parameters`, with dot segments resolved, ignoring case.
pub fn plain_segments(path: &str) -> Vec<String> {
    segments(&percent_decode(path.as_bytes()))
}

fn segments(decoded: &[u8]) -> Vec<String> {
    let mut segments: Vec<String> = Vec::new();
    for segment in decoded.split(|b| matches!(b, b'/' | b'\\')) {
        let name = segment.split(|b| *b == b';').next().unwrap_or_default();
        match fold(&String::from_utf8_lossy(name)).as_str() {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            plain => segments.push(plain.to_owned()),
        }
    }
    segments
}

/// Whether a path below a pattern may resolve to another place: it has an encoded separator or NUL, a backslash, or a
/// dot segment that is encoded once or more, or in a nonstandard form (`%u002e`, overlong UTF-8).
pub fn is_ambiguous_below(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let decoded = percent_decode(path.as_bytes());
    let ends = |byte: &u8| matches!(byte, b'/' | b'\\' | b'?' | b'#' | b';' | 0);
    let is_overlong = |bytes: &[u8]| {
        matches!(bytes, [0xc0 | 0xc1, 0x80..=0xbf, ..] | [0xe0, 0x80 | 0x81, ..] | [0xf0, 0x80, 0x80, ..])
            || matches!(bytes, [b'%', b'u' | b'U', rest @ ..] if rest.iter().take(4).all(u8::is_ascii_hexdigit))
    };
    ["%2f", "%5c", "%00", "\\"].iter().any(|mark| lower.contains(mark))
        || decoded.split(ends).any(|segment| matches!(segment, b"." | b".."))
        || (0..decoded.len()).any(|at| decoded.get(at..).is_some_and(is_overlong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_that_servers_normalise_are_refused() {
        const CASES: &[(&str, Result<(), UriFault>)] = &[
            ("docs://public/a", Ok(())),
            ("file:///public/a..b/.c/d.", Ok(())),
            ("docs://public/a%20b", Ok(())),
            ("urn:isbn:1", Ok(())),
            ("relative/Path:x", Ok(())),
            ("file:///public/../private/key", Err(UriFault::DotSegment)),
            ("file:///public/%2e%2e/private", Err(UriFault::DotSegment)),
            ("file:///public/%252E./private", Err(UriFault::DotSegment)),
            ("file:///public/%25252e%2e", Err(UriFault::DotSegment)),
            ("file:///a%2f..%2fb", Err(UriFault::DotSegment)),
            ("file:///a%5c..%5cb", Err(UriFault::DotSegment)),
            ("file:///a/..?x", Err(UriFault::DotSegment)),
            ("file:///a/..;x/b", Err(UriFault::DotSegment)),
            ("file:///a/.%3Bx", Err(UriFault::DotSegment)),
            ("file:///a/.%0A./b", Err(UriFault::DotSegment)),
            ("file:///a/%2509./b", Err(UriFault::DotSegment)),
            ("file:///a/.", Err(UriFault::DotSegment)),
            ("file:..", Err(UriFault::DotSegment)),
            ("../x", Err(UriFault::DotSegment)),
            ("public/../private:key", Err(UriFault::DotSegment)),
            ("%2e%2e/a:b", Err(UriFault::DotSegment)),
            ("docs://a\n", Err(UriFault::Blank)),
            ("docs:// a", Err(UriFault::Blank)),
            ("\tdocs://a", Err(UriFault::Blank)),
            ("docs://a\u{7f}", Err(UriFault::Blank)),
            ("docs:\\\\a", Err(UriFault::Backslash)),
            ("DOCS://a", Err(UriFault::UpperCaseScheme)),
            ("Docs://a", Err(UriFault::UpperCaseScheme)),
            ("docs://a%00b", Err(UriFault::Blank)),
            ("docs://a%2500b", Err(UriFault::Blank)),
            ("docs://a%20b%2F%C3%A9%25", Ok(())),
            ("docs://a%252F%2525", Ok(())),
            ("docs://caf\u{e9}/{x}'`\"<>^|[]", Ok(())),
            ("docs://100%", Err(UriFault::Escape)),
            ("docs://%zz", Err(UriFault::Escape)),
            ("docs://%2", Err(UriFault::Escape)),
            ("docs://a%2fb", Err(UriFault::Escape)),
            ("docs://a%c3%a9", Err(UriFault::Escape)),
            ("docs://%73ecret", Err(UriFault::NeedlessEscape)),
            ("docs://a%2Db", Err(UriFault::NeedlessEscape)),
            ("docs://a%2541", Err(UriFault::NeedlessEscape)),
            ("docs://a%252541", Err(UriFault::NeedlessEscape)),
            ("docs://%25%34%31", Err(UriFault::NeedlessEscape)),
            ("http%3A//127.1/x", Err(UriFault::Authority)),
            ("HTTP%253A%2F%2F127.1/x", Err(UriFault::Authority)),
            ("%20ht%09tp%3A127.0.0.1/x", Err(UriFault::Authority)),
            ("https%3A//admin%0A.Example/x", Err(UriFault::Authority)),
            ("https%3A//admin.example/x", Ok(())),
            ("docs%3A//A:1/x", Ok(())),
        ];
        for (uri, expected) in CASES {
            assert_eq!(check_uri(uri), *expected, "{uri:?}");
        }
    }

    #[test]
    fn a_path_is_read_as_the_most_careless_server_would() {
        for path in [
            "/mcp",
            "//mcp",
            "/mcp/",
            "/%6dcp",
            "/%256dcp",
            "/mcp;x",
            "/x/../mcp",
            "/./mcp",
            "/MCP",
            "/x;y/..;z/mcp",
            "\\mcp",
            "/%2fmcp",
            "/mcp%00",
            "/mcp%3fx",
            "/..%2f..\\mcp//",
            "/x%3f/%252e%252e/mcp",
            "/x%23/../mcp",
            "/x%3f/../mcp%2523/y",
            "/x%2500y/../mcp%253f",
            "/mcp%2500x",
            "/mcp;x%3fy",
            "/mcp%3f;x",
        ] {
            assert!(plain_readings(path).iter().any(|segments| segments == &["MCP"]), "{path}");
        }
        assert_eq!(plain_segments("/mcp2/x"), ["MCP2", "X"]);
    }

    #[test]
    fn decoding_is_linear_and_complete() {
        let nested = format!("%{}2e", "25".repeat(100_000));
        assert_eq!(percent_decode(nested.as_bytes()), b".");
        assert_eq!(percent_decode(b"100%, %zz, %4"), b"100%, %zz, %4");
    }

    #[test]
    fn below_a_pattern_nothing_may_lead_elsewhere() {
        for path in [
            "/a/%2F",
            "/a/%5c",
            "/a/%00",
            "/a/\\",
            "/a/..",
            "/a/%2E%2e/b",
            "/a/.;x/b",
            "/a/%252e%252e",
            "/a/..%3fx",
            "/a/%252e%23",
            "/a/..%2500",
            "/a/%25252E%2f",
            "/a/%u002e./b",
            "/a/%25U002e./b",
            "/a/%c0%ae./b",
            "/a/%c1%9c",
            "/a/%e0%80%ae/b",
            "/a/%f0%80%80%af",
        ] {
            assert!(is_ambiguous_below(path), "{path}");
        }
        for path in [
            "/a/b",
            "/a/b.c",
            "/a/...",
            "/a/%20",
            "/a/%3f",
            "/a/%252f",
            "/a/%c3%a9",
            "/a/%e0%a0%80",
            "/a/%user",
            "/a/100%25.",
            "/a/b;c",
        ] {
            assert!(!is_ambiguous_below(path), "{path}");
        }
    }
}
