//! Hints that depend on the provider, which the profile names.

/// How the provider is made to issue tokens for a resource, if it does not heed RFC 8707's `resource` as it is.
pub fn audience(profile: &str) -> Option<&'static str> {
    Some(match profile {
        "auth0" => {
            "Auth0 heeds RFC 8707's `resource` only with its Resource Parameter Compatibility Profile, and for an API whose identifier it is"
        }
        "cognito" => {
            "Cognito sets `aud` only for a client that asked for this resource: else add the id of the client to `audiences`"
        }
        "entra" => "Entra names the application, not the URL: add its client id to `audiences`",
        "hydra" => {
            "Hydra ignores RFC 8707's `resource`: the client has to ask by `audience`, for one that its allow-list has"
        }
        "keycloak" => {
            "Keycloak ignores RFC 8707's `resource`: add an audience mapper for this resource to the client scopes of the policy. A lightweight token has no `aud`, and requires `validation: introspection`"
        }
        "okta" => "Okta sets one audience per authorization server: make it this resource, or add it to `audiences`",
        _ => return None,
    })
}

/// Why the provider may call a good token inactive.
pub fn inactive(profile: &str) -> Option<&'static str> {
    (profile == "keycloak").then_some(
        "its session or user may have ended. If no token was ever active: Keycloak says so to a client that is not in the token's `aud`, so make this resource the `client_id` of `introspection`",
    )
}
