//! The places in a token where an issuer may put scopes, roles or groups.

use super::words::{quoted, value};
use crate::node::Node;
use crate::token::UntrustedJwt;

/// The claims of a token from which its issuer's configuration takes no scopes.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Claims from which other profiles read scopes, each with its value.
    pub unread: Vec<(&'static str, String)>,
    /// The path of a claim with roles or groups, and one of them.
    role: Option<(String, String)>,
}

impl Places {
    /// The claims of the token in `headers`.
    pub fn of(headers: &crate::headers::Headers) -> Self {
        let token = crate::bearer::extract(headers, "", true).ok().flatten();
        let jwt = token.and_then(|(_, token)| UntrustedJwt::parse(token.reveal()).ok());
        let Some(claims) = jwt.as_ref().map(UntrustedJwt::claimed) else { return Self::default() };
        let there = |name: &'static str| Some((name, value(Some(claims.get(name)?))));
        // A path ends at each dot, so it cannot name a client with one.
        let clients = claims.get("resource_access").into_iter().flat_map(Node::member_names);
        let clients = clients.filter(|client| *client != "account" && !client.contains('.'));
        let paths = std::iter::once("realm_access.roles".to_owned())
            .chain(clients.map(|client| format!("resource_access.{client}.roles")))
            .chain(["roles".to_owned(), "groups".to_owned()]);
        let role = |path: String| {
            let roles = claims.at(&path)?.as_list()?.iter().filter_map(Node::as_text);
            let role = roles.into_iter().find(|role| !is_default_role(role))?.to_owned();
            Some((path, role))
        };
        Self {
            unread: ["scope", "scp", "permissions"].into_iter().filter_map(there).collect(),
            role: paths.into_iter().find_map(role),
        }
    }

    /// The entry of `scope_map` that would grant `missing`, if the token has roles or groups.
    pub fn proposal(&self, missing: &[&str]) -> Option<String> {
        let (path, role) = self.role.as_ref()?;
        let [path, role] = [path, role].map(|text| serde_json::Value::from(text.as_str()));
        let scopes = missing.join(", ");
        let entry = format!("scope_map: [{{claims: {{{path}: {role}}}, scopes: [{scopes}]}}]");
        Some(format!("the token has roles, which grant scopes if the issuer maps them, such as {}", quoted(&entry)))
    }
}

/// Whether Keycloak gives every user the role.
fn is_default_role(role: &str) -> bool {
    matches!(role, "offline_access" | "uma_authorization") || role.starts_with("default-roles-")
}
