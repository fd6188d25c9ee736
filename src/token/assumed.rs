//! Callers that no token vouches for, to ask a policy about. They exist in the command line only: the module is built
//! without this feature, so that there a verification remains the only way to an [`AccessToken`].

use std::rc::Rc;

use super::{AccessToken, Claims, Vouched, index_many};
use crate::node::Node;

/// Who is assumed to call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assumed {
    /// `iss`
    pub issuer: String,
    /// What the configuration calls the issuer.
    pub issuer_name: String,
    /// The subject.
    pub subject: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// Claims, for scenarios that ask for some and for headers that forward some.
    pub claims: Vec<(String, Node)>,
}

impl AccessToken {
    /// The token that such a caller would bring. Nothing was verified: it is for questions, never for requests.
    pub fn assumed(caller: Assumed) -> Self {
        Self(Rc::new(Vouched {
            issuer: caller.issuer,
            issuer_name: caller.issuer_name,
            subject: caller.subject,
            client: caller.client,
            many_scopes: index_many(&caller.scopes),
            scopes: caller.scopes,
            bounds: Vec::new(),
            claims: Claims::assumed(caller.claims),
        }))
    }
}
