//! Sessions bound to their caller. The session id that a client sees is the server's, with a tag of this gate:
//!
//! ```text
//! seen = id "." tag        tag = the first 128 bits of HMAC-SHA256(secret, message), as 22 characters of base64url
//! message = kind resource issuer subject client id      kind = 0 signed in / 1 anonymous, one octet
//! each other part = its length in four octets, big-endian, and its octets; ff ff ff ff if it is absent
//! ```
//!
//! A tag needs no store: every gate with the secret verifies it, and a refreshed token has the same tag.

mod query;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::caller::Caller;
use crate::hash::hmac;
use crate::reason::Reason;
use crate::token::AccessToken;

/// The size of a tag in octets, too large to guess.
const SIZE: usize = 16;
/// The length of a tag in characters.
const LENGTH: usize = 22;

/// Why a session id is not that of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionFault {
    /// Its tag is not that of the caller, or it is unclear which id counts.
    Mismatch,
    /// It has no tag.
    Untagged,
}

impl SessionFault {
    /// The reason in records.
    pub fn reason(self) -> Reason {
        match self {
            Self::Mismatch => Reason::SessionMismatch,
            Self::Untagged => Reason::SessionUntagged,
        }
    }
}

/// The owner of a session: a caller at a resource.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'o> {
    /// The identifier of the resource.
    pub resource: &'o str,
    /// The caller.
    pub caller: &'o Caller,
}

/// The secrets that bind the sessions of a resource. `Debug` omits them.
#[derive(Clone, PartialEq, Eq)]
pub struct Sessions {
    secret: String,
    previous: Option<String>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("rotates", &self.rotates()).finish_non_exhaustive()
    }
}

impl Sessions {
    /// Tags are made with `secret`, and accepted under it and the `previous` one.
    pub fn new(secret: String, previous: Option<String>) -> Self {
        Self { secret, previous }
    }

    /// Whether tags under a previous secret are accepted.
    pub fn rotates(&self) -> bool {
        self.previous.is_some()
    }

    /// The session id that `owner` sees for the server's `id`.
    pub fn tagged(&self, owner: Owner<'_>, id: &str) -> String {
        [id, ".", &tag(&self.secret, owner, id)].concat()
    }

    /// The server's id of the session that `owner` calls `seen`.
    pub fn own<'s>(&self, owner: Owner<'_>, seen: &'s str) -> Result<&'s str, SessionFault> {
        let is_shaped = |tag: &&str| tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let parts = seen.len().checked_sub(LENGTH + 1).and_then(|end| seen.split_at_checked(end));
        let (id, end) = parts.ok_or(SessionFault::Untagged)?;
        let given = end.strip_prefix('.').filter(is_shaped).ok_or(SessionFault::Untagged)?;
        let is_own = is_tag(&self.secret, owner, id, given)
            || self.previous.as_ref().is_some_and(|secret| is_tag(secret, owner, id, given));
        if is_own { Ok(id) } else { Err(SessionFault::Mismatch) }
    }
}

#[inline(never)]
fn tag(secret: &str, owner: Owner<'_>, id: &str) -> String {
    let token = owner.caller.token();
    let mut message = vec![u8::from(token.is_none())];
    let (subject, client) = (token.and_then(AccessToken::subject), token.and_then(AccessToken::client));
    for part in [Some(owner.resource), token.map(AccessToken::issuer), subject, client, Some(id)] {
        let length = part.map_or(u32::MAX, |part| u32::try_from(part.len()).unwrap_or(u32::MAX - 1));
        message.extend(length.to_be_bytes());
        message.extend(part.unwrap_or_default().as_bytes());
    }
    let digest = hmac(secret.as_bytes(), &message);
    URL_SAFE_NO_PAD.encode(digest.first_chunk::<SIZE>().unwrap_or(&[0; SIZE]))
}

/// Whether `given` is the tag, in a time that does not depend on where both differ.
#[inline(never)]
fn is_tag(secret: &str, owner: Owner<'_>, id: &str, given: &str) -> bool {
    let tag = tag(secret, owner, id);
    let differ = |differs: u8, (a, b): (u8, u8)| std::hint::black_box(differs | (a ^ b));
    tag.len() == given.len() && tag.bytes().zip(given.bytes()).fold(0, differ) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bearer::NoCredentials;
    use crate::token::Assumed;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const RESOURCE: &str = "https://mcp.example.com/mcp";

    fn caller(subject: Option<&str>, client: Option<&str>) -> Caller {
        let issuer = "https://auth.example.com".to_owned();
        let [subject, client] = [subject, client].map(|text| text.map(str::to_owned));
        AccessToken::assumed(Assumed { issuer, subject, client, ..Assumed::default() }).into()
    }

    fn nobody() -> Caller {
        Caller::Anonymous(NoCredentials::assumed())
    }

    /// Tags made by Python's `hmac` and `struct`.
    #[test]
    fn the_tag_is_that_of_another_implementation() {
        let long = "x".repeat(65);
        let other = "https://mcp.example.com/other";
        let uuid = "5f0c7f5e-3b0e-4f7c-9a41-1d2f0f0a9e11";
        let (alice, claude) = (Some("alice"), Some("claude"));
        for (secret, resource, caller, id, tag) in [
            (SECRET, RESOURCE, caller(alice, claude), uuid, "CfOFm2jlSPUmhMj842SKdA"),
            (SECRET, RESOURCE, caller(alice, None), "abc", "MGBD6ILNTA7fgxwkZ_HQjA"),
            (SECRET, RESOURCE, caller(None, claude), "abc", "n1pWu7_4ZewjbHEve7lMTQ"),
            (SECRET, RESOURCE, caller(Some(""), claude), "abc", "h_rwgPHbS9K_Aj4BD9_4Ig"),
            (SECRET, RESOURCE, nobody(), "abc", "wZQDjaMtjlty6IPgJqPAnQ"),
            (SECRET, RESOURCE, caller(Some("älice"), claude), "", "ZPWexm8zPClDihrIgV7GqQ"),
            (SECRET, RESOURCE, caller(alice, claude), "a.b.c", "G_HQAHJv5juASXUVbxI1sQ"),
            (&long, RESOURCE, caller(alice, claude), "abc", "TaLsBZZs0SIjWNmsX9oLqg"),
            (SECRET, other, caller(alice, claude), "abc", "qqXF-H7zxVm82PbdzbK4lw"),
        ] {
            let sessions = Sessions::new(secret.to_owned(), None);
            let owner = Owner { resource, caller: &caller };
            assert_eq!(sessions.tagged(owner, id), format!("{id}.{tag}"));
            assert_eq!(sessions.own(owner, &format!("{id}.{tag}")), Ok(id));
        }
    }

    #[test]
    fn a_session_is_of_its_caller_at_its_resource_only() {
        let sessions = Sessions::new(SECRET.to_owned(), None);
        let callers = [
            caller(Some("alice"), Some("claude")),
            caller(Some("bob"), Some("claude")),
            caller(Some("alice"), Some("cursor")),
            caller(Some("alice"), None),
            caller(None, Some("alice")),
            caller(Some("aliceclaude"), Some("")),
            nobody(),
        ];
        let owners = callers
            .iter()
            .flat_map(|caller| [RESOURCE, "https://mcp.example.com/"].map(|resource| Owner { resource, caller }));
        let owners: Vec<_> = owners.collect();
        for (n, owner) in owners.iter().enumerate() {
            let seen = sessions.tagged(*owner, "abc");
            for (m, other) in owners.iter().enumerate() {
                let expected = if n == m { Ok("abc") } else { Err(SessionFault::Mismatch) };
                assert_eq!(sessions.own(*other, &seen), expected, "{owner:?} and {other:?}");
            }
        }
    }

    #[test]
    fn an_id_without_its_tag_is_refused() {
        let sessions = Sessions::new(SECRET.to_owned(), None);
        let alice = caller(Some("alice"), Some("claude"));
        let owner = Owner { resource: RESOURCE, caller: &alice };
        let seen = sessions.tagged(owner, "abc");
        let (_, tag) = seen.split_once('.').unwrap();
        let (most, last) = seen.split_at(seen.len() - 1);
        // The last character has four bits that are not used: the same 128 bits, spelled otherwise.
        let next = char::from(last.as_bytes()[0] + 1);
        for (seen, fault) in [
            (String::new(), SessionFault::Untagged),
            ("abc".to_owned(), SessionFault::Untagged),
            ("abc.".to_owned(), SessionFault::Untagged),
            (tag.to_owned(), SessionFault::Untagged),
            (most.to_owned(), SessionFault::Untagged),
            (format!("{seen}="), SessionFault::Untagged),
            (format!("{seen}."), SessionFault::Untagged),
            (format!("abc.{}", tag.replacen(|_| true, "+", 1)), SessionFault::Untagged),
            (format!("{most}{next}"), SessionFault::Mismatch),
            (format!(".{tag}"), SessionFault::Mismatch),
            (format!("abd.{tag}"), SessionFault::Mismatch),
            (format!("{seen}.{tag}"), SessionFault::Mismatch),
            (format!("{seen},{seen}"), SessionFault::Mismatch),
            (format!("abc.{}", tag.to_uppercase()), SessionFault::Mismatch),
        ] {
            assert_eq!(sessions.own(owner, &seen), Err(fault), "{seen}");
        }
    }

    #[test]
    fn a_rotated_secret_is_accepted_but_makes_no_tags() {
        let new = "f".repeat(32);
        let alice = caller(Some("alice"), None);
        let owner = Owner { resource: RESOURCE, caller: &alice };
        let (old, rotated) =
            (Sessions::new(SECRET.to_owned(), None), Sessions::new(new.clone(), Some(SECRET.to_owned())));
        let (new, replica) = (Sessions::new(new, None), Sessions::new(SECRET.to_owned(), None));
        assert_eq!(replica.own(owner, &old.tagged(owner, "abc")), Ok("abc"));
        assert_eq!(rotated.own(owner, &old.tagged(owner, "abc")), Ok("abc"));
        assert_eq!(new.own(owner, &old.tagged(owner, "abc")), Err(SessionFault::Mismatch));
        assert_eq!(rotated.tagged(owner, "abc"), new.tagged(owner, "abc"));
        assert_eq!(format!("{rotated:?}"), "Sessions { rotates: true, .. }");
    }
}
