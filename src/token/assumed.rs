//! Assumed callers, for asking a policy what it would decide. They exist only in the command line. The module is built
//! without this feature, so there an [`AccessToken`] can only come from verification.

use std::rc::Rc;

use super::kept::KeptClaims;
use super::{AccessToken, Claims, TokenRules, Vouched, index_many};
use crate::node::Node;

/// An assumed caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assumed {
    /// `iss`
    pub issuer: String,
    /// The issuer's name in the configuration.
    pub issuer_name: String,
    /// The subject.
    pub subject: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// The issued scopes.
    pub scopes: Vec<String>,
    /// Claims, for scenarios that test them and headers that forward them.
    pub claims: Vec<(String, Node)>,
}

/// The claim that `actor` acts for the subject (RFC 8693 section 4.1).
pub fn acting(actor: &str) -> (String, Node) {
    ("act".to_owned(), Node::Object(vec![("sub".to_owned(), Node::Text(actor.to_owned()))]))
}

impl AccessToken {
    /// The token of an assumed caller. Nothing was verified, so it must never be used for a request.
    pub fn assumed(caller: Assumed) -> Self {
        Self(Rc::new(Vouched {
            issuer: caller.issuer.into(),
            issuer_name: caller.issuer_name.into(),
            subject: caller.subject.map(Into::into),
            client: caller.client.map(Into::into),
            many_scopes: index_many(&caller.scopes),
            issued: caller.scopes.len(),
            scopes: caller.scopes.into(),
            bounds: Box::default(),
            claims: KeptClaims::of_tree(Claims::assumed(caller.claims)),
        }))
    }

    /// Like [`Self::assumed`], with the scopes that `rules`, those of its issuer, map.
    pub fn assumed_by(rules: &TokenRules, caller: Assumed) -> Self {
        Self::assumed(caller).with_mapped_scopes(rules)
    }
}
