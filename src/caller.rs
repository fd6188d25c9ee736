//! The caller of a request: signed in by a verified token, or anonymous.

use crate::bearer::NoCredentials;
use crate::token::AccessToken;

/// The caller of a request, on whom the policy decides.
///
/// An anonymous caller is a request without any credential, at a resource with public rules. A request whose token is
/// refused has no caller. Clones share their content.
#[derive(Clone, Debug, PartialEq)]
pub enum Caller {
    /// The request has no credentials.
    Anonymous(NoCredentials),
    /// The request has a verified token.
    SignedIn(AccessToken),
}

impl Caller {
    /// The verified token, if there is one.
    pub fn token(&self) -> Option<&AccessToken> {
        match self {
            Self::Anonymous(_) => None,
            Self::SignedIn(token) => Some(token),
        }
    }

    /// Whether the request has no credentials.
    pub fn is_anonymous(&self) -> bool {
        self.token().is_none()
    }

    /// Whether `scope` was granted, before the hierarchy. An anonymous caller has no scopes.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.token().is_some_and(|token| token.has_scope(scope))
    }

    /// Whether `scope` was issued, not only granted by `scope_map`.
    pub fn was_issued(&self, scope: &str) -> bool {
        self.token().is_some_and(|token| token.was_issued(scope))
    }

    /// When the token expires, in seconds since 1970. Infinite without a token.
    pub fn expires_at(&self) -> f64 {
        self.token().map_or(f64::INFINITY, AccessToken::expires_at)
    }
}

impl From<AccessToken> for Caller {
    fn from(token: AccessToken) -> Self {
        Self::SignedIn(token)
    }
}

impl From<&AccessToken> for Caller {
    fn from(token: &AccessToken) -> Self {
        Self::SignedIn(token.clone())
    }
}

impl From<&Self> for Caller {
    fn from(caller: &Self) -> Self {
        caller.clone()
    }
}
