//! The clusters by which toolgate asks issuers and control planes. Who answers in their place can sign tokens.

use toolgate::config::Fault;

use super::{Filter, called, remark};
use crate::source::clusters::{Use, uses};
use crate::source::{Remark, Spot};

fn of<'a>(filter: &Filter<'a>, own: &Use) -> Option<&'a Spot> {
    filter.envoy.clusters.iter().find(|cluster| cluster.name() == Some(&own.cluster)).copied()
}

/// Clusters that the configuration names, but that do not exist.
pub fn missing(filter: &Filter<'_>) -> Vec<Remark> {
    if !filter.envoy.has_all_clusters {
        return Vec::new();
    }
    let names: Vec<&str> = filter.envoy.clusters.iter().filter_map(|own| own.name()).collect();
    let warn = |own: Use| {
        let likely = crate::likely::did_you_mean(&own.cluster, names.iter().copied());
        let message = format!("`{}`: no cluster has this name{likely}", own.cluster);
        Remark::inside(filter.root, Fault { path: own.path, message })
    };
    uses(filter.root).into_iter().filter(|own| of(filter, own).is_none()).map(warn).collect()
}

/// Clusters that reach an `https` URL without TLS, or with TLS that does not verify who answers.
pub fn transport(filter: &Filter<'_>) -> Vec<Remark> {
    let mut judged: Vec<&Spot> = Vec::new();
    let mut found = Vec::new();
    for own in uses(filter.root).into_iter().filter(|own| own.is_https) {
        let Some(cluster) = of(filter, &own) else { continue };
        if judged.iter().any(|other| std::ptr::eq(*other, cluster)) {
            continue;
        }
        judged.push(cluster);
        let path = |setting: &str| format!("{}, {setting}", called("cluster", cluster));
        if cluster.field("transport_socket_matches").is_some() {
            continue;
        }
        let Some(socket) = cluster.field("transport_socket") else {
            let at = &own.path;
            let message = format!("is missing: {at} has an `https` URL, which would be asked in the clear");
            found.push(remark(cluster, path("transport_socket"), message));
            continue;
        };
        let context = socket.field("typed_config").unwrap_or(socket);
        // Another transport brings TLS of its own, or wraps it.
        let kind = context.field("@type").and_then(Spot::text).unwrap_or_default();
        if kind.ends_with("tls.v3.UpstreamTlsContext") {
            found.extend(verification(cluster, context, &path));
        } else if kind.ends_with("raw_buffer.v3.RawBuffer") {
            let message =
                format!("is none with TLS: {} has an `https` URL, which would be asked in the clear", own.path);
            found.push(remark(socket, path("transport_socket"), message));
        }
    }
    found
}

/// Warnings about whatever a TLS context leaves unverified.
fn verification(cluster: &Spot, context: &Spot, path: &dyn Fn(&str) -> String) -> Vec<Remark> {
    let common = context.field("common_tls_context");
    let combined = common.and_then(|own| own.field("combined_validation_context"));
    let inline = common.and_then(|own| own.field("validation_context"));
    let inline = inline.or_else(|| combined.and_then(|own| own.field("default_validation_context")));
    let delivered = common.and_then(|own| own.field("validation_context_sds_secret_config"));
    let delivered = delivered.or_else(|| combined.and_then(|own| own.field("validation_context_sds_secret_config")));
    let has = |names: &[&str]| names.iter().any(|name| inline.is_some_and(|own| own.field(name).is_some()));
    let options = cluster.field("typed_extension_protocol_options");
    let is_automatic = |name: &str| {
        cluster.at(&format!("upstream_http_protocol_options.{name}")).is_some_and(Spot::is_true)
            || options.is_some_and(|own| own.any(&mut |spot| spot.field(name).is_some_and(Spot::is_true)))
    };
    let flag = |name: &str| context.field(name).is_some_and(Spot::is_true);
    let mut found = Vec::new();
    const CAS: &[&str] = &[
        "trusted_ca",
        "system_root_certs",
        "ca_certificate_provider_instance",
        "custom_validator_config",
        "verify_certificate_hash",
        "verify_certificate_spki",
    ];
    if delivered.is_none() && !has(CAS) {
        let message = "has no `trusted_ca`: any certificate is good enough to sign tokens with";
        found.push(remark(context, path("common_tls_context.validation_context"), message));
    }
    let trust = inline.and_then(|own| own.field("trust_chain_verification"));
    if let Some(own) = trust.filter(|own| own.text() == Some("ACCEPT_UNTRUSTED")) {
        found.push(remark(own, path("trust_chain_verification"), "accepts any certificate: remove it"));
    }
    if context.field("sni").and_then(Spot::text).is_none_or(str::is_empty)
        && !flag("auto_host_sni")
        && !is_automatic("auto_sni")
    {
        let message = "is missing: servers of many names answer with the certificate of another, or not at all";
        found.push(remark(context, path("sni"), message));
    }
    const NAMES: &[&str] = &[
        "match_typed_subject_alt_names",
        "match_subject_alt_names",
        "verify_certificate_hash",
        "verify_certificate_spki",
    ];
    let is_named = has(NAMES) || flag("auto_sni_san_validation") || is_automatic("auto_san_validation");
    if delivered.is_none() && !is_named && has(CAS) {
        let message = "is missing: the certificate of any name is accepted. List the server's name";
        found.push(remark(inline.unwrap_or(context), path("match_typed_subject_alt_names"), message));
    }
    found
}
