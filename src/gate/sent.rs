//! Calls in words, the same for every purpose: the request, the status, and the beginning of the answer.

use std::fmt;

use super::effect::Answer;
use super::quote::quote;
use crate::callout::Request;
use crate::text::truncate;

/// The maximum length of a URL. In a record, the status and the answer must fit behind it.
const MAX_URL: usize = 160;
/// The shortest path that counts as a secret. Shorter ones, such as `/logs`, are words of ordinary text.
const SECRET_PATH: usize = 8;
/// The shortest value of a query that counts as a secret. Shorter ones, such as `v=1`, are in ordinary text too.
const SECRET_VALUE: usize = 4;

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
        match url.split_once('?') {
            Some((url, _)) => Self::new(request, url, "?..."),
            None => Self::new(request, &url, ""),
        }
    }

    fn new(request: &mut Request, url: &str, query: &str) -> Self {
        note_query(request);
        let method = request.header(":method").unwrap_or_default();
        let call = [method, " ", truncate(url, MAX_URL), query, " via cluster \"", &request.cluster, "\": "].concat();
        Self { call, secrets: std::mem::take(&mut request.secrets) }
    }

    /// Like [`Self::of`], without the path, which is a secret of many endpoints for records.
    #[inline(never)]
    pub fn without_path(request: &mut Request) -> Self {
        let target = request.header(":path").unwrap_or_default().to_owned();
        if target.len() >= SECRET_PATH {
            request.note_secret(&target);
        }
        let part = |name| request.header(name).unwrap_or_default();
        let url = [part(":scheme"), "://", part(":authority"), "/..."].concat();
        Self::new(request, &url, "")
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
        append(&mut told, &quote(answer, &self.secrets));
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

/// Notes the values of the query as secrets. An answer may repeat one without the rest.
#[inline(never)]
fn note_query(request: &mut Request) {
    let target = request.header(":path").unwrap_or_default();
    let query = target.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
    let values = query.split('&').map(|field| field.split_once('=').map_or(field, |(_, value)| value));
    for value in values.filter(|value| value.len() >= SECRET_VALUE) {
        request.note_secret(value);
        // Forms write a space as a plus sign.
        if value.contains('+') {
            request.note_secret(&value.replace('+', " "));
        }
    }
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
        for (status, body, expected) in [
            (Some(503), "upstream connect error: TLS_error\n", "503: upstream connect error: TLS_error"),
            (Some(404), "", "404"),
            (None, "", "no answer"),
        ] {
            let told = told("https://auth.example.com/jwks", &[], status, body.as_bytes());
            assert_eq!(told, format!("{CALL}{expected}"));
        }
    }

    #[test]
    fn no_query_is_told_and_no_long_url() {
        let keyed = told("https://auth.example.com/jwks?key=s3cret", &[], Some(404), b"no /jwks?key=s3cret, no s3cret");
        assert_eq!(
            keyed,
            "GET https://auth.example.com/jwks?... via cluster \"auth\": 404: no /jwks?key=******, no ******"
        );
        let long = told(&format!("https://auth.example.com/{}", "x".repeat(1_000)), &[], Some(404), b"no");
        assert!(long.len() < 250 && long.ends_with(": 404: no"), "{long}");
    }

    #[test]
    fn a_path_that_may_be_a_secret_is_told_neither_of_the_request_nor_of_the_answer() {
        const HIDDEN: &str = "not quoted: its 22 bytes contain escapes, which may hide a secret";
        for (path, body, expected) in [
            ("/T00/B00/XXXX", "no hook /T00/B00/XXXX", "no hook *************"),
            ("/T00/B00/XXXX", "no hook T00\\/B00\\/XXXX", HIDDEN),
            ("/T%30%30/s%2Bcret/X", "no hook /T00/s+cret/X", "no hook *************"),
            ("/T/s%252Bcret/X", "no hook /T/s+cret/X", "no hook ***********"),
            ("/7bytes8", "no hook /7bytes8", "no hook ********"),
            ("/7bytes", "no hook /7bytes", "no hook /7bytes"),
            ("/in?key=s3cret", "no hook key=s3cret", "no hook **********"),
            ("/in?key=s3cret", "no key s3cret", "no key ******"),
            ("/in?v=1&s3cret", "no key s3cret in v1", "no key ****** in v1"),
            ("/in?sig=Ab%2Bcd%3D", "bad sig Ab+cd=, v1", "bad sig ******, v1"),
            ("/in?sig=Ab+cd", "bad sig Ab cd, v1", "bad sig ** **, v1"),
            ("/", "no hook /", "no hook /"),
            ("/", "no hook &amp; %41", "no hook &amp; %41"),
        ] {
            let url = Url::parse(&format!("https://hooks.example.com{path}")).unwrap();
            let sent = Sent::without_path(&mut Request::new("POST", &url, "log", Duration::from_secs(5)));
            let read = |_| Some(body.as_bytes().to_vec());
            let told = sent.answered(&Answer { status: Some(404), etag: None, size: body.len(), read: &read }, "");
            let call = "POST https://hooks.example.com/... via cluster \"log\": 404";
            assert_eq!(told, format!("{call}: {expected}"), "{path}");
        }
    }
}
