//! The additional forms of a URI, pattern or template for which a policy decides.
//!
//! Each form is computed in the same way for requests and rules. `*` is unchanged.

use std::borrow::Cow;

use super::authority::is_special;
use super::percent_decode;
use crate::bytes::count_ordinary;
use crate::text::{fold, push_escape};

/// `uri` with the `/` that URL parsers add after a bare authority.
pub fn slashed(uri: &str) -> Cow<'_, str> {
    let parts = uri.split_once("://").filter(|(scheme, _)| is_special(scheme));
    let parts = parts.and_then(|(scheme, after)| {
        let (authority, path) = after.split_at_checked(after.find(['/', '?', '#']).unwrap_or(after.len()))?;
        (!path.starts_with('/') && !authority.ends_with('*')).then_some((scheme, authority, path))
    });
    parts.map_or(Cow::Borrowed(uri), |(scheme, authority, path)| Cow::Owned(format!("{scheme}://{authority}/{path}")))
}

/// `uri` with all characters percent-encoded that some URL parser encodes in a path or a query.
pub fn encoded(uri: &str) -> Cow<'_, str> {
    let is_plain = |b: u8| b.is_ascii() & !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}');
    if count_ordinary(uri.as_bytes(), is_plain) == uri.len() {
        return Cow::Borrowed(uri);
    }
    let mut out = String::with_capacity(uri.len() * 3);
    for byte in uri.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            push_escape(&mut out, byte);
        }
    }
    Cow::Owned(out)
}

/// Characters that have no effect at the end of a URI.
const IDLE_MARKS: [char; 4] = ['?', '#', ';', ' '];

/// `uri`, fully percent-decoded, with `/` for `\` and without idle marks at its end. `None` if nothing in it is encoded.
pub fn decoded(uri: &str) -> Option<String> {
    let decoded = uri.contains('%').then(|| percent_decode(uri.as_bytes()))?;
    Some(String::from_utf8_lossy(&decoded).trim_end_matches(IDLE_MARKS).replace('\\', "/"))
}

/// Whether URL parsers remove `byte` wherever it occurs. A requested URI contains it only encoded.
pub fn is_left_out(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r')
}

/// `uri` without what URL parsers remove first: tabs, line breaks, and leading spaces and control characters.
pub fn tidied(uri: &str) -> Cow<'_, str> {
    if !uri.bytes().any(|byte| byte <= b' ') {
        return Cow::Borrowed(uri);
    }
    let kept: String = uri.chars().filter(|c| !u8::try_from(*c).is_ok_and(is_left_out)).collect();
    Cow::Owned(kept.trim_start_matches(|c| c <= ' ').to_owned())
}

/// `uri` as a careless server reads it: [`tidied`], scheme and host in lower case, runs of slashes merged, and no trailing
/// `?`, `#`, `;` or space. A host has no invisible characters, and no blank or dot at its ends. With `slash`, a bare
/// authority gets its `/`.
pub fn careless(uri: &str, slash: bool) -> String {
    let (mut slashes, mut in_scheme) = (0, true);
    let uri = tidied(uri);
    let mut rest = uri.as_ref();
    let mut out = String::with_capacity(rest.len() + 1);
    while !rest.is_empty() {
        // These end a part of a URI for a careless server. URIs have many parts, so bytes are compared.
        let end = rest.bytes().position(|b| matches!(b, b'/' | b':' | b'?' | b'#')).unwrap_or(rest.len());
        let (text, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (mark, after) = after.split_at_checked(1).unwrap_or_default();
        rest = after;
        let from = out.len();
        // The part after the first slashes is a host, or may be read as one.
        if slashes == 1 {
            push_host(&mut out, text);
        } else {
            out.push_str(text);
        }
        if slashes == 1 || in_scheme {
            out.get_mut(from..).unwrap_or_default().make_ascii_lowercase();
        }
        match mark {
            "/" if out.ends_with('/') => continue,
            "/" => slashes += 1,
            ":" => in_scheme = false,
            "?" | "#" => end_part(&mut out, &mut slashes, slash),
            _ => {}
        }
        out.push_str(mark);
    }
    end_part(&mut out, &mut slashes, slash);
    out
}

/// Adds `text`: a host with its user, or a part of it up to a colon.
fn push_host(out: &mut String, text: &str) {
    // Almost every host.
    if text.bytes().all(|b| b.is_ascii_graphic() && b != b'@') && !text.ends_with('.') {
        return out.push_str(text);
    }
    for (place, part) in text.split('@').enumerate() {
        if place > 0 {
            out.push('@');
        }
        out.push_str(fold(part).trim_matches(|c: char| c == '.' || c.is_whitespace()));
    }
}

/// A quick test that a careless server changes nothing in `uri` except by decoding.
pub fn is_plainly_plain(uri: &str) -> bool {
    let host_and_path = uri.split_once("://").and_then(|(_, after)| after.split_once('/'));
    host_and_path.is_some_and(|(host, path)| {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
        let changes = path.starts_with('/') || path.as_bytes().windows(2).any(|two| two == b"//");
        let is_idle = path.ends_with(' ') || path.bytes().any(|b| matches!(b, b'?' | b'#' | b';'));
        let has_end = host.bytes().last().is_some_and(|b| b != b'.');
        has_end && host.bytes().all(is_plain) && !changes && !is_idle
    })
}

/// Whether a careless server, which reads `uri` as `careless`, changes nothing significant.
pub fn is_plain(uri: &str, careless: &str) -> bool {
    uri.split_once("://").zip(careless.split_once(":/")).is_some_and(|(own, read)| own == read)
}

/// Removes idle marks at the end of `out`, and adds the slash of a bare authority.
fn end_part(out: &mut String, slashes: &mut usize, slash: bool) {
    out.truncate(out.trim_end_matches(IDLE_MARKS).len());
    if slash && *slashes == 1 && !out.ends_with(['/', '*']) {
        out.push('/');
        *slashes = 2;
    }
}

/// The authority of a [`careless`] form, with the parts before and after it.
fn parts(uri: &str) -> Option<(&str, &str, &str)> {
    let at = uri.find(":/")? + 2;
    let (start, after) = uri.split_at_checked(at)?;
    let (authority, path) = after.split_at_checked(after.find(['/', '?', '#']).unwrap_or(after.len()))?;
    Some((start, authority, path))
}

/// Whether a [`careless`] form has user information, and whether it has a port that is not defined for its scheme.
pub fn has_user_and_port(uri: &str) -> (bool, bool) {
    parts(uri).map_or((false, false), |(start, authority, _)| {
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        (
            place.len() < authority.len(),
            !is_special(start.trim_end_matches([':', '/'])) && host(place).len() < place.len(),
        )
    })
}

/// A [`careless`] form without its user information, its port, or both.
pub fn without(uri: &str, (user, port): (bool, bool)) -> Option<String> {
    let (start, authority, path) = parts(uri).filter(|_| user || port)?;
    let place = authority.rsplit_once('@').filter(|_| user).map_or(authority, |(_, place)| place);
    Some(format!("{start}{}{path}", if port { host(place) } else { place }))
}

/// The URI of a file without its host, which many servers ignore.
pub fn without_host(uri: &str) -> Option<String> {
    let (scheme, after) = uri.split_once("://")?;
    let (host, path) = after.split_at_checked(after.find(['/', '?', '#']).unwrap_or(after.len()))?;
    let has_host = scheme.eq_ignore_ascii_case("file") && !(host.is_empty() || host.contains('*'));
    has_host.then(|| format!("file://{path}"))
}

/// If no slash follows the scheme of `uri`, its [`careless`] form with one. Some servers look for a host there anyway.
pub fn with_slash(uri: &str) -> Option<String> {
    let (scheme, after) = uri.split_once(':').filter(|(_, after)| !after.starts_with('/'))?;
    Some(careless(&format!("{scheme}:/{after}"), true))
}

/// A [`careless`] form without the `;parameters` of its path: of the `last` segment, or of all.
pub fn without_parameters(uri: &str, last: bool) -> Option<String> {
    let (path, end) = uri.split_at_checked(uri.find(['?', '#']).unwrap_or(uri.len()))?;
    let (start, segments) = if last { path.split_at_checked(path.rfind('/')?)? } else { ("", path) };
    if !segments.contains(';') {
        return None;
    }
    let mut out = start.to_owned();
    for segment in segments.split_inclusive('/') {
        let plain = segment.split(';').next().unwrap_or_default();
        out.push_str(plain);
        if segment.ends_with('/') && !plain.ends_with('/') {
            out.push('/');
        }
    }
    // Idle marks may stand before parameters.
    Some(careless(&(out + end), true))
}

/// A host without its port.
fn host(place: &str) -> &str {
    place.rsplit_once(':').filter(|(_, port)| !port.contains([']', '@'])).map_or(place, |(host, _)| host)
}

/// An exact `uri` with a slash added to or removed from its end, because some servers ignore it.
pub fn other_end(uri: String) -> String {
    match uri.strip_suffix('/') {
        _ if uri.contains('*') => uri,
        Some(start) => start.to_owned(),
        None => uri + "/",
    }
}

/// The pattern for all expansions of `template` (RFC 6570): each run of expressions becomes a `*`. `None` if braces do not
/// match.
pub fn of_template(template: &str) -> Option<String> {
    let mut out = String::with_capacity(template.len());
    let mut inside = false;
    for c in template.chars() {
        match (c, inside) {
            ('{', false) => inside = true,
            ('}', true) => {
                inside = false;
                // Adjacent wildcards match no more than one, and each costs a search.
                if !out.ends_with('*') {
                    out.push('*');
                }
            }
            ('{', true) | ('}', false) => return None,
            (_, true) => {}
            (c, false) => out.push(c),
        }
    }
    (!inside).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_authority_gets_its_slash_where_url_parsers_add_it() {
        for (uri, expected) in [
            ("https://a.example", "https://a.example/"),
            ("https://a.example?x", "https://a.example/?x"),
            ("https://a.example#x", "https://a.example/#x"),
            ("https://a.example/", "https://a.example/"),
            ("https://*.example", "https://*.example/"),
            ("https://a*", "https://a*"),
            ("https:*", "https:*"),
            ("file://", "file:///"),
            ("docs://a", "docs://a"),
        ] {
            assert_eq!(slashed(uri), expected, "{uri}");
        }
    }

    #[test]
    fn what_some_parser_encodes_is_encoded() {
        assert_eq!(encoded("docs://caf\u{e9}/it's{x}*%2F"), "docs://caf%C3%A9/it%27s%7Bx%7D*%2F");
        assert!(matches!(encoded("docs://a/b?c=d[e]#f"), Cow::Borrowed(_)));
    }

    #[test]
    fn the_most_careless_server_takes_many_spellings_for_one() {
        for uri in [
            "docs://secret/key",
            "docs:/secret/key",
            "docs:///secret/key",
            "docs:////secret//key",
            "docs://SECRET/key",
            "docs://secret%2Fkey",
            "docs://secret%252Fkey",
            "docs://secret/key?",
            "docs://secret/key#",
            "docs://secret/key;",
            "docs://secret/key?#",
            "docs://secret/key%20",
        ] {
            let decoded = decoded(uri);
            assert_eq!(careless(decoded.as_deref().unwrap_or(uri), true), "docs:/secret/key", "{uri}");
        }
        for (uri, expected) in [
            ("docs://a", "docs:/a/"),
            ("docs://a?b", "docs:/a/?b"),
            ("docs://*", "docs:/*"),
            ("docs://*.b", "docs:/*.b/"),
            ("docs://A/B?C/D", "docs:/a/B?C/D"),
            ("urn:A;?b", "urn:A?b"),
            ("Docs://a%2F/B", "docs:/a%2f/B"),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(careless(uri, true), expected, "{uri}");
        }
        assert_eq!(careless("docs://*.b", false), "docs:/*.b");
    }

    #[test]
    fn a_host_may_be_all_that_counts_of_an_authority() {
        for (uri, has, expected) in [
            ("docs:/me@a:1/b", (true, true), Some("docs:/a/b")),
            ("docs:/me:word@a/b", (true, false), Some("docs:/a/b")),
            ("docs:/me@b@a/b", (true, false), Some("docs:/a/b")),
            ("docs:/a:1?b@c", (false, true), Some("docs:/a?b@c")),
            ("docs:/[::1]:1/b", (false, true), Some("docs:/[::1]/b")),
            ("docs:/[::1]/b", (false, false), None),
            ("https:/a:8443/b", (false, false), None),
            ("docs:/a/b:c@d", (false, false), None),
            ("docs:a@b:1", (false, false), None),
            ("", (false, false), None),
        ] {
            assert_eq!(has_user_and_port(uri), has, "{uri}");
            assert_eq!(without(uri, has).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn a_template_is_a_pattern_of_all_that_it_expands_to() {
        for (template, pattern) in [
            ("docs://{id}/x", Some("docs://*/x")),
            ("docs://a", Some("docs://a")),
            ("{+path}{?q*}", Some("*")),
            ("docs://{id", None),
            ("docs://id}", None),
            ("docs://{{id}}", None),
        ] {
            assert_eq!(of_template(template).as_deref(), pattern, "{template}");
        }
    }
}
