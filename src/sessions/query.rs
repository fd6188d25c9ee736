//! Session ids in the query of a URL, where the HTTP+SSE transport (MCP 2024-11-05) has them.

use std::ops::Range;

use super::{Owner, SessionFault, Sessions};
use crate::text::fold;
use crate::uri::percent_decode;

impl Sessions {
    /// The target of a request with the server's own session id, if its query has one.
    pub fn own_target(&self, owner: Owner<'_>, target: &str) -> Result<Option<String>, SessionFault> {
        let Some(value) = parameter(target)? else { return Ok(None) };
        let id = self.own(owner, target.get(value.clone()).unwrap_or_default())?;
        Ok(Some(spliced(target, value, id)))
    }

    /// The URL of an `endpoint` event with the session id that `owner` sees, if its query has one. An id that no request
    /// may use stays as it is.
    pub fn tagged_endpoint(&self, owner: Owner<'_>, url: &str) -> Option<String> {
        let url = &as_parsed(url);
        let Range { start, end } = parameter(url).ok()??;
        // Clients send no fragment.
        let value = start..end.min(before(url.as_bytes(), b"#").len());
        let seen = self.tagged(owner, url.get(value.clone())?);
        Some(spliced(url, value, &seen))
    }
}

/// `url` as clients parse it: without control characters and spaces around it, and without tabs and line breaks anywhere
/// (WHATWG URL section 4.4, Python's `urlsplit`). The id is tagged as they send it.
fn as_parsed(url: &str) -> String {
    let trimmed = url.trim_matches(|c| c <= ' ');
    trimmed.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect()
}

fn spliced(url: &str, range: Range<usize>, text: &str) -> String {
    let (before, after) = (url.get(..range.start), url.get(range.end..));
    [before.unwrap_or_default(), text, after.unwrap_or_default()].concat()
}

/// The bytes before the first of `ends`.
fn before<'b>(bytes: &'b [u8], ends: &[u8]) -> &'b [u8] {
    let end = bytes.iter().position(|byte| ends.contains(byte)).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

/// The place of the session id in the query of `url`. Only one parameter may be taken for it.
///
/// The id counts as it is spelled: the server's own spelling, without a change of its escapes. Servers split a query at
/// `&`. Some split it at `;` too, and may ignore a fragment, so no session may be there.
fn parameter(url: &str) -> Result<Option<Range<usize>>, SessionFault> {
    let bytes = url.as_bytes();
    let (mut at, mut found) = (0, None);
    let mut part = before(bytes, b"?");
    loop {
        at += part.len() + 1;
        let Some(rest) = bytes.get(at..) else { return Ok(found) };
        let begins_pair = matches!(bytes.get(at - 1), Some(b'?' | b'&'));
        part = before(rest, b"&;#");
        let name = before(part, b"=");
        if is_session(name) {
            if !begins_pair || found.is_some() || !matches!(name, b"sessionId" | b"session_id") {
                return Err(SessionFault::Mismatch);
            }
            if name.len() == part.len() {
                return Err(SessionFault::Untagged);
            }
            found = Some(at + name.len() + 1..at + before(rest, b"&").len());
        }
    }
}

/// Whether a server may read `name` as `sessionId` or `session_id`. Servers differ in case, in the part from `[` on, in
/// the characters that they write as `_`, and in bytes that they leave out.
fn is_session(name: &[u8]) -> bool {
    let decoded = percent_decode(name);
    let is_it = |name: &[u8]| {
        let folded = fold(&String::from_utf8_lossy(name));
        folded.bytes().filter(|byte| byte.is_ascii() && !b"_ .+[".contains(byte)).eq(*b"SESSIONID")
    };
    is_it(before(&decoded, b"[\0")) || is_it(&decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bearer::NoCredentials;
    use crate::caller::Caller;

    fn sessions() -> Sessions {
        Sessions::new("0123456789abcdef0123456789abcdef".to_owned(), None)
    }

    #[test]
    fn the_endpoint_is_tagged_and_its_messages_get_the_own_id_of_the_server() {
        let nobody = Caller::Anonymous(NoCredentials::assumed());
        let owner = Owner { resource: "https://mcp.example.com/mcp", caller: &nobody };
        let (sessions, tag) = (sessions(), "wZQDjaMtjlty6IPgJqPAnQ");
        for (url, expected) in [
            ("/messages?sessionId=abc", format!("/messages?sessionId=abc.{tag}")),
            ("/messages/?session_id=abc", format!("/messages/?session_id=abc.{tag}")),
            (
                "https://mcp.example.com/m?a=b&sessionId=abc&c",
                format!("https://mcp.example.com/m?a=b&sessionId=abc.{tag}&c"),
            ),
        ] {
            assert_eq!(sessions.tagged_endpoint(owner, url), Some(expected.clone()), "{url}");
            assert_eq!(sessions.own_target(owner, &expected), Ok(Some(url.to_owned())), "{expected}");
        }
        // Bytes that the parsers of clients leave out.
        for url in [
            "/m?sessionId=abc \t",
            " \n/m?sessionId=abc",
            "\0/m?sessionId=abc\x1f",
            "/m?sessionId=a\tbc",
            "/m?sessionId=a\nb\rc",
            "/m?session\tId=abc",
            "/m?\nsessionId\n=\nabc\n",
        ] {
            assert_eq!(sessions.tagged_endpoint(owner, url), Some(format!("/m?sessionId=abc.{tag}")), "{url:?}");
        }
        for two in ["/m?session\tId=victim&sessionId=abc", "/m?sessionId=abc&\nsession_\rid=victim"] {
            assert_eq!(sessions.tagged_endpoint(owner, two), None, "{two:?}");
        }
        let (url, tagged) = ("/m?sessionId=abc#x", format!("/m?sessionId=abc.{tag}#x"));
        assert_eq!(sessions.tagged_endpoint(owner, url), Some(tagged.clone()));
        assert_eq!(sessions.own_target(owner, &tagged), Err(SessionFault::Untagged), "no client sends a fragment");
        for reflected in
            ["/m?x=&sessionId=victim&sessionId=abc", "/m?x=&sessionId=victim#&sessionId=abc", "/m?x#sessionId=abc"]
        {
            assert_eq!(sessions.tagged_endpoint(owner, reflected), None, "{reflected}");
        }
        for url in [
            "/messages",
            "/m?",
            "/m?session=abc",
            "/m?x=sessionId=abc",
            "/sessionId=abc",
            "/m?sessionIds=abc",
            "/m?id=1&&",
        ] {
            assert_eq!(sessions.tagged_endpoint(owner, url), None, "{url}");
            assert_eq!(sessions.own_target(owner, url), Ok(None), "{url}");
        }
    }

    #[test]
    fn only_one_parameter_of_one_spelling_is_a_session_id() {
        let nobody = Caller::Anonymous(NoCredentials::assumed());
        let owner = Owner { resource: "https://mcp.example.com/mcp", caller: &nobody };
        let (sessions, seen) = (sessions(), "abc.wZQDjaMtjlty6IPgJqPAnQ");
        for name in [
            "sessionid",
            "SessionId",
            "SESSION_ID",
            "session_Id",
            "Session_id",
            "s_e_s_s_i_o_n_i_d",
            "_sessionId",
            "sessionId_",
            "session%49d",
            "%73essionId",
            "%2573essionId",
            "session%5Fid",
            "sessionId[]",
            "session_id[0]",
            "sessionId[a][b]",
            "sessionId%5B%5D",
            "session[id",
            "session.id",
            "session+id",
            "+sessionId",
            "%20session_id",
            "sessionId%00x",
            "\u{17f}essionId",
            "%C5%BFessionId",
            "session\u{200b}Id",
            "sessionId%ff",
        ] {
            let target = format!("/m?a=b&{name}={seen}");
            assert_eq!(sessions.own_target(owner, &target), Err(SessionFault::Mismatch), "{target}");
            assert_eq!(sessions.tagged_endpoint(owner, &format!("/m?{name}=abc")), None, "{name}");
            let both = format!("/m?sessionId={seen}&{name}=abc");
            assert_eq!(sessions.own_target(owner, &both), Err(SessionFault::Mismatch), "{both}");
        }
        for (target, fault) in [
            ("/m?sessionId=abc", SessionFault::Untagged),
            ("/m?sessionId=", SessionFault::Untagged),
            ("/m?sessionId", SessionFault::Untagged),
            ("/m?a;sessionId=abc", SessionFault::Mismatch),
            ("/m?a=b#sessionId=abc", SessionFault::Mismatch),
            ("/m?sessionId=abc.wZQDjaMtjlty6IPgJqPAnQ;a", SessionFault::Untagged),
            ("/m?sessionId=abc.wZQDjaMtjlty6IPgJqPAnQ;b=SESSIONID", SessionFault::Untagged),
            ("/m?sessionId=abc.wZQDjaMtjlty6IPgJqPAnQ;SESSIONID=b", SessionFault::Mismatch),
            ("/m?a=b#&sessionId=abc", SessionFault::Untagged),
            ("/m?sessionId=abc%2EwZQDjaMtjlty6IPgJqPAnQ", SessionFault::Untagged),
            ("/m?sessionId=%61bc.wZQDjaMtjlty6IPgJqPAnQ", SessionFault::Mismatch),
            ("/m?sessionId=abc.wZQDjaMtjlty6IPgJqPAnQ&sessionId=abc.wZQDjaMtjlty6IPgJqPAnQ", SessionFault::Mismatch),
            ("/m?sessionId=abc.wZQDjaMtjlty6IPgJqPAnQ&session_id=abc.wZQDjaMtjlty6IPgJqPAnQ", SessionFault::Mismatch),
        ] {
            assert_eq!(sessions.own_target(owner, target), Err(fault), "{target}");
        }
    }
}
