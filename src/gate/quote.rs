//! The beginning of an answer in a log line, which must contain no secret.

use super::effect::Answer;
use crate::bytes::first_word;

/// The number of printable bytes of an answer that are told. The errors of most endpoints, and Envoy's own, fit, and a
/// page of HTML can be recognised.
const MAX_QUOTE: usize = 200;
/// The number of bytes of an answer that are read for that. Pages often begin with white space.
const MAX_READ: usize = 512;
/// The shortest part of a secret that is recognised in an answer. An endpoint may repeat a token that it cuts.
const PART: usize = 8;

/// The first printable bytes of an answer on one line, with asterisks for each part of a secret.
///
/// An answer with escapes is not quoted if there are secrets. There are too many kinds of escapes to find a secret
/// behind all of them, and most answers of endpoints have none.
#[inline(never)]
pub(super) fn quote(answer: &Answer<'_>, secrets: &[String]) -> String {
    let read = (answer.read)(answer.size.min(MAX_READ)).unwrap_or_default();
    let text = printable(&read);
    let secrets: Vec<_> = secrets.iter().map(|secret| printable(secret.as_bytes())).filter(|s| !s.is_empty()).collect();
    if secrets.is_empty() {
        return line(&read, &text).0;
    }
    let masked = masked(&text, &secrets);
    // Behind the last bytes that are read, a secret may go on.
    let is_cut = answer.size > read.len();
    let whole = if is_cut { masked.len().saturating_sub(PART - 1) } else { masked.len() };
    let (line, quoted) = line(&read, masked.get(..whole).unwrap_or_default());
    // A short secret that begins in the quote may go on with an escape behind it.
    if has_escape(&text, quoted + PART) {
        return format!("not quoted: its {} bytes contain escapes, which may hide a secret", answer.size);
    }
    line
}

/// The printable bytes of `text`. Others, such as the zeros of UTF-16, hide no secret from a reader.
fn printable(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(u8::is_ascii_graphic).collect()
}

/// `text` with asterisks for each part of a secret.
#[inline(never)]
fn masked(text: &[u8], secrets: &[Vec<u8>]) -> Vec<u8> {
    let mut masked = text.to_vec();
    for secret in secrets {
        let length = secret.len().clamp(1, PART);
        let common = common_parts(text, secret, length);
        for (at, part) in text.windows(length).enumerate() {
            if common.binary_search(&first_word(part)).is_ok() {
                masked.iter_mut().skip(at).take(length).for_each(|byte| *byte = b'*');
            }
        }
    }
    masked
}

/// The parts of `text` with this length that `secret` contains, as sorted words. The text is short. A token may have
/// thousands of bytes, which its sender chooses, so each is looked at once.
fn common_parts(text: &[u8], secret: &[u8], length: usize) -> Vec<u64> {
    let mut parts = Vec::with_capacity(text.len());
    let place = |parts: &[(u64, bool)], part| parts.binary_search_by_key(&first_word(part), |(word, _)| *word);
    for part in text.windows(length) {
        if let Err(place) = place(&parts, part) {
            parts.insert(place, (first_word(part), false));
        }
    }
    for part in secret.windows(length) {
        if let Some((_, is_common)) = place(&parts, part).ok().and_then(|place| parts.get_mut(place)) {
            *is_common = true;
        }
    }
    parts.into_iter().filter(|(_, is_common)| *is_common).map(|(word, _)| word).collect()
}

/// The first printable bytes of `read`, with one space for each run of others. `masked` has the bytes to write for the
/// printable ones. Also returns how many of these are written.
#[inline(never)]
fn line(read: &[u8], masked: &[u8]) -> (String, usize) {
    let (mut line, mut gap, mut masked) = (String::new(), false, masked.iter());
    let mut written = 0;
    for byte in read {
        if !byte.is_ascii_graphic() {
            gap = !line.is_empty();
            continue;
        }
        if line.len() + usize::from(gap) >= MAX_QUOTE {
            break;
        }
        let Some(byte) = masked.next() else { break };
        if std::mem::take(&mut gap) {
            line.push(' ');
        }
        line.push(char::from(*byte));
        written += 1;
    }
    (line, written)
}

/// Whether an escape of a URL, of HTML, of JSON or of a programming language begins in the first `length` bytes of
/// `text`: `%61`, `%u0061`, `&amp;`, `&#97`, or anything after a backslash.
#[inline(never)]
fn has_escape(text: &[u8], length: usize) -> bool {
    let begins = |at: usize| match text.get(at..).unwrap_or_default() {
        [b'\\', ..] | [b'%', b'u' | b'U', ..] | [b'&', b'#', ..] => true,
        [b'%', high, low, ..] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        // Browsers read some names without the semicolon.
        [b'&', name, ..] => name.is_ascii_alphanumeric(),
        _ => false,
    };
    (0..length.min(text.len())).any(begins)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.e30.c2ln";

    fn quoted(secrets: &[&str], body: &[u8]) -> String {
        let read = |max: usize| Some(body[..max.min(body.len())].to_vec());
        let secrets: Vec<_> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        quote(&Answer { status: Some(400), etag: None, size: body.len(), read: &read }, &secrets)
    }

    #[test]
    fn the_first_printable_bytes_are_quoted_on_one_line() {
        let (long, cut) = ("a".repeat(5_000), "a".repeat(MAX_QUOTE));
        for (body, expected) in [
            (&b"\n\n <!DOCTYPE html>\r\n\t<title>"[..], "<!DOCTYPE html> <title>"),
            (b"a\x1b[2Jb\xe2\x80\xaec\x00d", "a [2Jb c d"),
            (b"Schl\xc3\xbcssel", "Schl ssel"),
            (b"\x80\xffab\xc3", "ab"),
            (b"", ""),
            (long.as_bytes(), &cut),
        ] {
            assert_eq!(quoted(&[], body), expected);
            assert_eq!(quoted(&["s3cret"], body), expected, "with a secret");
        }
    }

    #[test]
    fn no_part_of_a_secret_is_quoted() {
        let (spaces, wide) = (" ".repeat(507) + "s3cret", "s3cret".replace("", "\0"));
        for (secrets, body, expected) in [
            (&["s3cret"][..], "bad secret: s3cret!", "bad secret: ******!"),
            (&["a+b/c"], "client_secret=a+b/c", "client_secret=*****"),
            (&[TOKEN], "eyJhbGciOiJF... is no token", "************... is no token"),
            (&[TOKEN], "x=JFZERTQSJ9.e30.c", "x=****************"),
            (&[TOKEN, "s3cret"], "s3cret e30.c2ln", "****** ********"),
            (&["Z2F0ZXdheTpzM2NyZXQ="], "Basic Z2F0ZXdheTpzM2NyZXQ=", "Basic ********************"),
            (&["s3cret"], &wide, "* * * * * *"),
            (&["s3cret"], "s3\u{ad}cret, s3\ncret", "** ****, ** ****"),
            (&["my s3cret"], "my s3cret", "** ******"),
            (&["s3cret"], &spaces, ""),
            (&[""], "nothing to hide", "nothing to hide"),
        ] {
            assert_eq!(quoted(secrets, body.as_bytes()), expected);
        }
    }

    #[test]
    fn an_answer_with_escapes_is_not_quoted_if_there_is_a_secret() {
        for body in [
            "{\"error\":\"bad secret s3cr\\u0065t\"}",
            "bad secret s3cr\\u{65}t",
            "bad secret s3cr\\U00000065t",
            "bad secret s3cr\\145t",
            "bad secret s3cr\\x65t",
            "bad secret s3cr%65t",
            "bad secret s3cr%2565t",
            "bad secret s3cr%u0065t",
            "bad secret &#115;3cret",
            "bad secret &#115 3cret",
            "bad secret &#x73;3cret",
            "bad secret &amp;#115;3cret",
            "bad secret s3cret&period;",
            "bad secret s3cret&AMP",
            "s3cret and s3cr%65t",
            "bad secret s3cr\0%\x006\x005\0t",
        ] {
            let size = body.len();
            let expected = format!("not quoted: its {size} bytes contain escapes, which may hide a secret");
            assert_eq!(quoted(&["s3cret"], body.as_bytes()), expected, "{body}");
            for none in [&[][..], &[""], &[" "]] {
                assert!(!quoted(none, body.as_bytes()).starts_with("not quoted"), "nothing to hide: {body}");
            }
        }
    }

    #[test]
    fn only_escapes_in_the_quote_and_just_behind_it_count() {
        for (before, is_quoted) in [(100, false), (199, false), (200, false), (204, false), (208, true), (400, true)] {
            let body = "-".repeat(before) + "%65";
            assert_eq!(quoted(&["s3cret"], body.as_bytes()).starts_with("---"), is_quoted, "{before}");
        }
        let cut = "-".repeat(196) + "s3cr\\u0065t";
        assert!(quoted(&["s3cret"], cut.as_bytes()).starts_with("not quoted"), "{cut}");
    }

    #[test]
    fn ordinary_answers_have_no_escapes() {
        for body in [
            "{\"error\":\"invalid_client\",\"error_description\":\"Client authentication failed (e.g., no such client).\"}",
            "<html><head><title>502 Bad Gateway</title></head>",
            "upstream connect error or disconnect/reset before headers. reset reason: connection timeout",
            "disk 100% full, read-only",
        ] {
            assert_eq!(quoted(&[TOKEN], body.as_bytes()), body);
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // the time that it takes is what is tested
    fn a_long_token_is_looked_at_once() {
        let (token, body, expected) = ("+".repeat(16_384), "+-".repeat(256), "+-".repeat(MAX_QUOTE / 2));
        let began = Instant::now();
        for _ in 0..100 {
            assert_eq!(quoted(&[&token, &token, &token], body.as_bytes()), expected);
        }
        // Were it compared at each position of the answer, this would take minutes, and not a third of a second.
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
