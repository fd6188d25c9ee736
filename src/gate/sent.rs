//! Calls in words, the same for every purpose: the request, the status, and the beginning of the answer.

use std::fmt;

use super::effect::Answer;
use crate::bytes::first_word;
use crate::callout::Request;
use crate::text::truncate;

/// The number of printable bytes of an answer that are told. The errors of most endpoints, and Envoy's own, fit, and a
/// page of HTML can be recognised.
const MAX_EXCERPT: usize = 200;
/// The number of bytes of an answer that are read for that. Pages often begin with white space.
const MAX_READ: usize = 512;
/// The maximum length of a URL. In a record, the status and the answer must fit behind it.
const MAX_URL: usize = 160;
/// The shortest part of a secret that is recognised in an answer. An endpoint may repeat a token that it cuts.
const PART: usize = 8;

/// A call that was sent. `Debug` omits the secrets.
#[derive(Clone, Default)]
pub(super) struct Sent {
    /// `GET https://auth.example.com/jwks via cluster "auth": `, without the query, which may contain a key.
    call: String,
    secrets: Vec<String>,
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.call)
    }
}

// Each is called from many places, and none is in a hurry.
impl Sent {
    /// The call with this request. Takes over its secrets.
    #[inline(never)]
    pub fn of(request: &mut Request) -> Self {
        let url = request.url();
        let (url, query) = match url.split_once('?') {
            Some((url, _)) => (url, "?..."),
            None => (url.as_str(), ""),
        };
        let method = request.header(":method").unwrap_or_default();
        let call = [method, " ", truncate(url, MAX_URL), query, " via cluster \"", &request.cluster, "\": "].concat();
        Self { call, secrets: std::mem::take(&mut request.secrets) }
    }

    /// The call and its outcome: `GET https://auth.example.com/jwks via cluster "auth": no answer in time`.
    #[inline(never)]
    pub fn ended(&self, outcome: &str) -> String {
        [self.call.as_str(), outcome].concat()
    }

    /// The call with its status and a fault, without the answer, which may be about a token.
    #[inline(never)]
    pub fn with_status(&self, status: Option<u16>, fault: &str) -> String {
        let mut told = match status {
            Some(status) => self.ended(&status.to_string()),
            None => self.ended("no answer"),
        };
        append(&mut told, fault);
        told
    }

    /// The call with its status, a fault, and the beginning of the answer.
    #[inline(never)]
    pub fn answered(&self, answer: &Answer<'_>, fault: &str) -> String {
        let mut told = self.with_status(answer.status, fault);
        let body = (answer.read)(answer.size.min(MAX_READ)).unwrap_or_default();
        append(&mut told, &excerpt(&body, &self.secrets));
        told
    }

    /// The call that the host refused to send.
    #[inline(never)]
    pub fn refused(&self, status: u32) -> String {
        self.ended(&format!("the host refused the call ({status}): is the cluster defined?"))
    }
}

/// A call without an answer in time.
#[inline(never)]
pub(super) fn late(sent: Option<&Sent>) -> String {
    const LATE: &str = "no answer in time";
    sent.map_or_else(|| LATE.to_owned(), |sent| sent.ended(LATE))
}

#[inline(never)]
fn append(told: &mut String, more: &str) {
    if !more.is_empty() {
        told.push_str(": ");
        told.push_str(more);
    }
}

/// The first printable bytes of `body` on one line, without any part of a secret.
#[inline(never)]
fn excerpt(body: &[u8], secrets: &[String]) -> String {
    let (mut told, mut gap, mut hidden) = (String::new(), false, 0);
    for at in 0..body.len() {
        let rest = body.get(at..).unwrap_or_default();
        let parts = secrets.iter().filter(|secret| begins_with_part(rest, secret.as_bytes()));
        hidden = parts.map(|secret| secret.len().min(PART)).fold(hidden, usize::max);
        let byte = if hidden > 0 { b'*' } else { rest.first().copied().unwrap_or_default() };
        hidden = hidden.saturating_sub(1);
        if !byte.is_ascii_graphic() {
            gap = !told.is_empty();
            continue;
        }
        if told.len() + usize::from(gap) >= MAX_EXCERPT {
            break;
        }
        if std::mem::take(&mut gap) {
            told.push(' ');
        }
        told.push(char::from(byte));
    }
    told
}

/// Whether `text` begins with a part of `secret`, or with all of a short one.
fn begins_with_part(text: &[u8], secret: &[u8]) -> bool {
    let length = secret.len().min(PART);
    let begin = text.get(..length).filter(|begin| !begin.is_empty()).map(first_word);
    begin.is_some_and(|begin| secret.windows(length).any(|part| first_word(part) == begin))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::url::Url;

    fn told(url: &str, secrets: &[&str], status: Option<u16>, body: &[u8]) -> String {
        let url = Url::parse(url).unwrap();
        let request = Request::new("GET", &url, "auth", Duration::from_secs(5));
        let mut request = secrets.iter().fold(request, |request, secret| request.with_secret(secret));
        let read = |max: usize| Some(body[..max.min(body.len())].to_vec());
        let sent = Sent::of(&mut request);
        assert_eq!(request.secrets, Vec::<String>::new());
        sent.answered(&Answer { status, etag: None, size: body.len(), read: &read }, "")
    }

    #[test]
    fn a_call_is_told_with_its_status_and_the_beginning_of_the_answer() {
        const CALL: &str = "GET https://auth.example.com/jwks via cluster \"auth\": ";
        let long = "a".repeat(5_000);
        for (status, body, expected) in [
            (Some(503), "upstream connect error: TLS_error\n", "503: upstream connect error: TLS_error".to_owned()),
            (Some(404), "", "404".to_owned()),
            (None, "", "no answer".to_owned()),
            (Some(200), "\n\n <!DOCTYPE html>\r\n\t<title>", "200: <!DOCTYPE html> <title>".to_owned()),
            (Some(500), "a\u{1b}[2Jb\u{202e}c\u{0}d", "500: a [2Jb c d".to_owned()),
            (Some(500), "Schl\u{fc}ssel", "500: Schl ssel".to_owned()),
            (Some(500), &long, format!("500: {}", "a".repeat(MAX_EXCERPT))),
        ] {
            assert_eq!(
                told("https://auth.example.com/jwks", &[], status, body.as_bytes()),
                format!("{CALL}{expected}")
            );
        }
        let bytes = told("https://auth.example.com/jwks", &[], Some(200), b"\x80\xffab\xc3");
        assert_eq!(bytes, format!("{CALL}200: ab"));
    }

    #[test]
    fn no_query_is_told_and_no_long_url() {
        let keyed = told("https://auth.example.com/jwks?key=s3cret", &[], Some(404), b"");
        assert_eq!(keyed, "GET https://auth.example.com/jwks?... via cluster \"auth\": 404");
        let long = told(&format!("https://auth.example.com/{}", "x".repeat(1_000)), &[], Some(404), b"no");
        assert!(long.len() < 250 && long.ends_with(": 404: no"), "{long}");
    }

    #[test]
    fn no_part_of_a_secret_is_told() {
        for (secrets, body, expected) in [
            (&["s3cret"][..], "bad secret: s3cret!", "400: bad secret: ******!"),
            (&["a+b/c"], "client_secret=a%2Bb%2Fc a+b/c", "400: client_secret=********* *****"),
            (&["eyJhbGciOiJFZERTQSJ9.e30.c2ln"], "eyJhbGciOiJF... is no token", "400: ************... is no token"),
            (&["eyJhbGciOiJFZERTQSJ9.e30.c2ln"], "x=JFZERTQSJ9.e30.c", "400: x=****************"),
            (&["Z2F0ZXdheTpzM2NyZXQ="], "Basic Z2F0ZXdheTpzM2NyZXQ=", "400: Basic ********************"),
            (&[""], "nothing to hide", "400: nothing to hide"),
        ] {
            let told = told("https://auth.example.com/", secrets, Some(400), body.as_bytes());
            assert_eq!(told, format!("GET https://auth.example.com/ via cluster \"auth\": {expected}"));
        }
    }
}
