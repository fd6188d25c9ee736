//! Protected resource metadata (RFC 9728 sections 2 and 3).

use crate::config::Resource;
use crate::json::Object;
use crate::routes::metadata_path;
use crate::signature::Algorithm;

/// The metadata document of a resource. Values that are not configured are omitted, as section 3.2 requires for empty
/// values.
pub fn document(resource: &Resource) -> String {
    let mut document = Object::new();
    document.text("resource", Some(resource.identifier.as_str()));
    for (name, values) in
        [("authorization_servers", &resource.authorization_servers), ("scopes_supported", &resource.scopes_supported)]
    {
        if !values.is_empty() {
            document.list(name, values.iter().map(String::as_str));
        }
    }
    document.list("bearer_methods_supported", ["header"].into_iter());
    if resource.takes_proofs {
        document.list("dpop_signing_alg_values_supported", Algorithm::ALL.into_iter().map(Algorithm::name));
    }
    if resource.needs_proofs {
        document.raw("dpop_bound_access_tokens_required", "true");
    }
    document.text("resource_name", resource.name.as_deref());
    document.text("resource_documentation", resource.documentation.as_deref());
    document.text("resource_policy_uri", resource.policy_uri.as_deref());
    document.text("resource_tos_uri", resource.tos_uri.as_deref());
    document.finish()
}

/// The absolute URL of a resource's metadata. The well-known path is inserted between host and path (section 3.1).
pub fn url(resource: &Resource) -> String {
    let identifier = &resource.identifier;
    let query = identifier.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}://{}{}{query}", identifier.scheme().as_str(), identifier.authority(), metadata_path(identifier))
}
