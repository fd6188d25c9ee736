//! The order of the filters.

use super::{FILTER, assert_rows};

const ROUTER: &str = "                  - name: envoy.filters.http.router\n";

/// A filter with a type, before another one.
macro_rules! filter {
    ($kind:literal, $more:literal) => {
        concat!(
            "                  - name: other\n                    typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.",
            $kind,
            $more,
            "}\n"
        )
    };
}

macro_rules! before {
    ($kind:literal, $more:literal) => {
        concat!(filter!($kind, $more), "                  - name: toolgate\n")
    };
}

macro_rules! after {
    ($kind:literal, $more:literal) => {
        concat!(filter!($kind, $more), "                  - name: envoy.filters.http.router\n")
    };
}

#[test]
fn each_filter_in_a_wrong_place_is_a_warning() {
    assert_rows(
        "envoy/envoy.yaml",
        &[
            (
                "JWTs are verified before",
                FILTER,
                before!("jwt_authn.v3.JwtAuthentication", ""),
                &["http_filters, `other`: answers before toolgate: its 401"],
            ),
            (
                "JWTs may be missing",
                FILTER,
                before!("jwt_authn.v3.JwtAuthentication", ", rules: [{requires: {allow_missing_or_failed: {}}}]"),
                &[],
            ),
            ("an authorizer before", FILTER, before!("ext_authz.v3.ExtAuthz", ""), &["its refusals have no challenge"]),
            (
                "a filter that is off",
                FILTER,
                concat!(
                    filter!("ext_authz.v3.ExtAuthz", ""),
                    "                    disabled: true\n                  - name: toolgate\n"
                ),
                &[],
            ),
            ("a login page before", FILTER, before!("oauth2.v3.OAuth2", ""), &["redirecting"]),
            (
                "credentials for all",
                FILTER,
                before!("credential_injector.v3.CredentialInjector", ""),
                &["gives every caller its credential"],
            ),
            ("a cache before", FILTER, before!("cache.v3.CacheConfig", ""), &["from its cache without asking"]),
            (
                "a small buffer before",
                FILTER,
                before!("buffer.v3.Buffer", ", max_request_bytes: 1000"),
                &["`max_request_bytes` above"],
            ),
            ("a large buffer before", FILTER, before!("buffer.v3.Buffer", ", max_request_bytes: 1000000"), &[]),
            (
                "a processor that loses bodies",
                FILTER,
                before!(
                    "ext_proc.v3.ExternalProcessor",
                    ", processing_mode: {request_body_mode: FULL_DUPLEX_STREAMED}"
                ),
                &["FULL_DUPLEX_STREAMED"],
            ),
            ("a processor before", FILTER, before!("ext_proc.v3.ExternalProcessor", ""), &[]),
            ("the router before", FILTER, before!("router.v3.Router", ""), &["which no request reaches"]),
            ("a script before", FILTER, before!("lua.v3.Lua", ""), &[]),
            (
                "a script after",
                ROUTER,
                after!("lua.v3.Lua", ""),
                &["http_filters, `other`: may change what toolgate has decided on"],
            ),
            ("a processor after", ROUTER, after!("ext_proc.v3.ExternalProcessor", ""), &["put it before toolgate"]),
            ("a compressor after", ROUTER, after!("compressor.v3.Compressor", ""), &["compresses lists before"]),
            ("JWTs are verified after", ROUTER, after!("jwt_authn.v3.JwtAuthentication", ""), &["gets no token"]),
            ("CORS after", ROUTER, after!("cors.v3.Cors", ""), &["refuses preflights"]),
            ("health checks after", ROUTER, after!("health_check.v3.HealthCheck", ""), &["add the path to `pass`"]),
            ("limits of rates after", ROUTER, after!("ratelimit.v3.RateLimit", ""), &[]),
            (
                "a filter that may be missing",
                FILTER,
                "                  - is_optional: true\n                    name: toolgate\n",
                &["`toolgate`, is_optional: lets Envoy leave"],
            ),
        ],
    );
}

#[test]
fn a_native_module_is_judged_too() {
    assert_rows(
        "envoy/envoy-native.yaml",
        &[
            ("it may be unloaded", "do_not_close: true", "load_globally: false", &["do_not_close: is not true"]),
            (
                "it is fetched",
                "module: {local: {filename: /etc/envoy/libtoolgate.so}}",
                "module: {remote: {http_uri: {}}}",
                &["module.remote: Envoy lets every request through"],
            ),
            (
                "paths of two spellings",
                "normalize_path: true",
                "normalize_path: false",
                &["normalize_path: is not true"],
            ),
            ("a compressor after", ROUTER, after!("compressor.v3.Compressor", ""), &["compresses lists before"]),
            ("in the clear", "      transport_socket:\n", "      other:\n", &["cluster `auth`, transport_socket"]),
        ],
    );
}
