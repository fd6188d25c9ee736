//! Protected resource metadata (RFC 9728 sections 2 and 3).

use serde_json::{Map, Value};

use crate::config::Resource;
use crate::routes::WELL_KNOWN;

/// The metadata document of a resource. What is not configured is left out, as section 3.2 demands of empty values.
pub fn document(resource: &Resource) -> String {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| {
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !empty {
            members.insert(name.to_owned(), value);
        }
    };
    put("resource", resource.identifier.as_str().into());
    put("authorization_servers", resource.authorization_servers.clone().into());
    put("scopes_supported", resource.scopes_supported.clone().into());
    put("bearer_methods_supported", vec!["header"].into());
    put("resource_name", resource.name.clone().into());
    put("resource_documentation", resource.documentation.clone().into());
    put("resource_policy_uri", resource.policy_uri.clone().into());
    put("resource_tos_uri", resource.tos_uri.clone().into());
    Value::Object(members).to_string()
}

/// The absolute URL of a resource's metadata: the well-known path between host and path, a lone `/` dropped, the query
/// after it (section 3.1).
pub fn url(resource: &Resource) -> String {
    let identifier = &resource.identifier;
    let path = if identifier.path() == "/" { "" } else { identifier.path() };
    let query = identifier.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}://{}{WELL_KNOWN}{path}{query}", identifier.scheme().as_str(), identifier.authority())
}
