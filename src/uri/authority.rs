//! The normal form of slashes, host and port in a URI (WHATWG URL standard).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::UriFault;

/// The schemes for which the standard has special rules, with their default ports.
const SPECIAL: [(&str, u16); 5] = [("ftp", 21), ("http", 80), ("https", 443), ("ws", 80), ("wss", 443)];

/// Whether `scheme` is a special scheme.
pub fn is_special(scheme: &str) -> bool {
    scheme == "file" || SPECIAL.iter().any(|(own, _)| *own == scheme)
}

/// Checks that a URL parser keeps the part between the scheme's colon and the path unchanged. In a pattern, text that a
/// `*` may match is not checked.
pub fn check(scheme: &str, rest: &str, is_pattern: bool) -> Result<(), UriFault> {
    let is_file = scheme == "file";
    let port = SPECIAL.iter().find(|(own, _)| *own == scheme).map(|(_, port)| *port);
    let Some(after) = rest.strip_prefix("//") else {
        let open = is_pattern && ["*", "/*"].iter().any(|start| rest.starts_with(start));
        return if open || !is_special(scheme) { Ok(()) } else { Err(UriFault::Authority) };
    };
    let (authority, path) =
        after.split_at_checked(after.find(['/', '?', '#']).unwrap_or(after.len())).unwrap_or_default();
    let (user, place) = authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
    // A parser drops an empty name or password, which yields another URI.
    if user.is_some_and(|user| is_special(scheme) || user.is_empty() || user.ends_with(':')) {
        return Err(UriFault::UserInfo);
    }
    let (host, given) = match place.rsplit_once(':') {
        Some((host, given)) if !given.contains(']') => (host, Some(given)),
        _ => (place, None),
    };
    let is_open = |text: &str| is_pattern && text.contains('*');
    let keeps_port = |given: &str| is_open(given) || (!is_file && is_kept_port(given, port));
    let keeps_host = if is_file && place.is_empty() {
        !path.starts_with("//") && !has_old_drive(path)
    } else if is_file && (place == "localhost" || has_old_drive(path)) {
        false
    } else {
        is_kept_host(host, is_special(scheme), is_open(host))
    };
    if keeps_host && given.is_none_or(keeps_port) { Ok(()) } else { Err(UriFault::Authority) }
}

/// Whether `path` starts with a drive letter and `|`, which a parser rewrites to `:`.
fn has_old_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [b'/', drive, b'|', ..] if drive.is_ascii_alphabetic())
}

/// Whether a parser keeps a port: digits without leading zeros, and not the default port. For other schemes, text that
/// is not a number is not a port.
fn is_kept_port(port: &str, left_out: Option<u16>) -> bool {
    let is_padded = port.len() > 1 && port.starts_with('0');
    match left_out {
        Some(left_out) => {
            !is_padded && !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port != left_out)
        }
        None => !(port.is_empty() || is_padded && port.bytes().all(|b| b.is_ascii_digit())),
    }
}

fn is_kept_host(host: &str, is_special: bool, is_open: bool) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or_default();
        // The standard writes no IPv4 address in an IPv6 address.
        let written = |parsed: Ipv6Addr| match parsed.segments() {
            [0, 0, 0, 0, 0, 0xffff, high, low] => format!("::ffff:{high:x}:{low:x}"),
            _ => parsed.to_string(),
        };
        return is_open || address.parse().is_ok_and(|parsed| written(parsed) == address);
    }
    if !is_special {
        return true;
    }
    let is_kept = |b: u8| b.is_ascii_graphic() && !b.is_ascii_uppercase() && !b"#%/:<>?@[\\]^|".contains(&b);
    // A parser treats a host as an IPv4 address if its last label is a number, including hexadecimal and octal.
    let last = host.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let is_number = hex || last.bytes().all(|b| b.is_ascii_digit());
    host.bytes().all(is_kept) && (is_open || !is_number || host.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::{check_pattern, check_template, check_uri};
    use super::*;

    #[test]
    fn a_url_that_a_parser_writes_otherwise_is_refused() {
        const KEPT: &[&str] = &[
            "https://a.example",
            "https://a.example?x",
            "https://a.example/A%20b//c?D=e#F",
            "https://a.example:8443/",
            "https://a_b.example~/",
            "https://xn--mnchen-3ya.example/",
            "http://127.0.0.1:0/",
            "http://1.2.3.4.a/",
            "http://[::1]:8080/",
            "http://[2001:db8::1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::ffff:0:1]/",
            "http://[::1:7f00:1]/",
            "ws://a.example/",
            "file:///srv/a",
            "file://host/a",
            "file:///C:/a",
            "file://",
            "docs://Secret/key",
            "docs://user@host/a",
            "docs://:word@host/a",
            "docs://a:443/b",
            "docs://a:b:c/",
            "docs://a:0/",
            "docs:///a//b",
            "docs:a",
            "urn:isbn:1",
            "readme",
            "",
        ];
        const CHANGED: &[&str] = &[
            "https:a.example/",
            "https:/a.example/",
            "https:///a.example/",
            "https://",
            "https:",
            "https:*",
            "https://A.example/",
            "https://a.example./",
            "https://a.example:443/",
            "https://a.example:0443/",
            "https://a.example:/",
            "https://a.example:+80/",
            "https://a.example:99999/",
            "http://a.example:80",
            "ws://a.example:80/",
            "wss://a.example:443/",
            "ftp://a.example:21/",
            "https://%61.example/",
            "https://a%2Fb/",
            "https://m\u{fc}nchen.example/",
            "https://a\u{3002}example/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://0177.0.0.1/",
            "https://2130706433/",
            "https://1.2.3.4./",
            "https://a.0x/",
            "http://[::0]/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[::FFFF:1.2.3.4]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::127.0.0.1]/",
            "http://[::ffff:7f00:01]/",
            "docs://[::ffff:1.2.3.4]/",
            "http://[::1",
            "http://[::1]x/",
            "file:/srv/a",
            "file:srv",
            "file:////srv/a",
            "file://localhost/srv/a",
            "file://LOCALHOST/srv/a",
            "file://host:1/a",
            "file://C:/a",
            "file:///C|/a",
            "file://host/C|/a",
            "docs://a:/b",
            "docs://a:080/b",
            "docs://[0::1]/b",
        ];
        const WITH_USER: &[&str] = &[
            "https://user@a.example/",
            "https://@a.example/",
            "file://u@h/a",
            "docs://@a/b",
            "docs://:@a/b",
            "docs://u:@a/b",
        ];
        for uri in KEPT {
            assert_eq!(check_uri(uri), Ok(()), "{uri}");
        }
        for uri in CHANGED {
            assert!(matches!(check_uri(uri), Err(UriFault::Authority | UriFault::NeedlessEscape)), "{uri}");
        }
        for uri in WITH_USER {
            assert_eq!(check_uri(uri), Err(UriFault::UserInfo), "{uri}");
        }
    }

    #[test]
    fn of_a_pattern_only_what_is_written_is_judged() {
        for pattern in [
            "*",
            "https*",
            "https:*",
            "https:/*",
            "https://*",
            "https://*.example/*",
            "https://a*",
            "http://[*",
            "http://a:*/x",
            "file:*",
        ] {
            assert_eq!(check_pattern(pattern), Ok(()), "{pattern}");
        }
        for pattern in [
            "https:a*",
            "https://A*",
            "https://*:443/",
            "https://*.Example/",
            "https://u@*",
            "https://1.2.3/*",
            "file:/srv/*",
            "%*",
        ] {
            assert!(check_pattern(pattern).is_err(), "{pattern}");
        }
        for template in
            ["https://{host}/{+path}", "https://a.example/{path}{?q*}", "docs://{a}/caf\u{e9}", "{+any}", "docs://{a"]
        {
            assert_eq!(check_template(template), Ok(()), "{template}");
        }
        for template in ["https://A.example/{x}", "docs://{a}/../{b}", "docs://{a b}", "docs://%61/{x}"] {
            assert!(check_template(template).is_err(), "{template}");
        }
    }
}
