//! Challenges (RFC 6750 section 3, RFC 9728 section 5.1), in headers and in results.

use super::denied::{SIGN_IN, STEP_UP};
use super::{PROOF, Refusal, TOKEN_NEEDED};
use crate::bearer::Scheme;
use crate::config::Resource;
use crate::json::Object;
use crate::metadata;
use crate::signature::Algorithm;

impl Refusal {
    /// The challenge (RFC 6750 section 3, RFC 9728 section 5.1). Existing clients need one line, these parameters in
    /// this order, and no `scope` if there is nothing to ask for.
    ///
    /// If proofs are accepted, a `DPoP` challenge follows on its own line (RFC 9449 section 7.1), because existing
    /// clients expect `Bearer` at the start. If a nonce is requested, only the `DPoP` challenge is sent.
    pub(super) fn challenges(&self, resource: &Resource) -> Vec<String> {
        let Some(bearer) = self.challenge(resource, Scheme::Bearer) else { return Vec::new() };
        let dpop = self.challenge(resource, Scheme::Dpop).filter(|_| resource.takes_proofs);
        match self {
            Self::InvalidProof(_, Some(_)) => dpop.into_iter().collect(),
            _ => std::iter::once(bearer).chain(dpop).collect(),
        }
    }

    fn challenge(&self, resource: &Resource, scheme: Scheme) -> Option<String> {
        let challenge_scopes = || resource.challenge_scopes.join(" ");
        let (refusal, in_band) = match self {
            Self::InBand(refusal, _) => (&**refusal, true),
            refusal => (refusal, false),
        };
        let sign_in = match refusal {
            Self::Denied(denied) => denied.sign_in(),
            _ => None,
        };
        let (error, scope) = match refusal {
            Self::Denied(_) if sign_in.is_some() => (Some("insufficient_user_authentication"), String::new()),
            Self::InvalidRequest(_) => (Some("invalid_request"), String::new()),
            Self::Unauthorized => (None, challenge_scopes()),
            Self::InvalidToken(_) => (Some("invalid_token"), challenge_scopes()),
            Self::InvalidProof(..) => {
                let error = if scheme == Scheme::Dpop { self.proof_error() } else { "invalid_token" };
                (Some(error), challenge_scopes())
            }
            Self::Denied(denied) => {
                // Without scopes to ask for there is no challenge. Clients would take it for an offer and repeat the
                // sign-in for ever.
                let ask = resource.asked_for(&denied.step_up()?);
                (Some("insufficient_scope").filter(|_| !denied.lacks_token()), ask.join(" "))
            }
            _ => return None,
        };
        // Clients that read it in a result look for both.
        let error = error.or(in_band.then_some("invalid_token"));
        let description = refusal.description().or(in_band.then_some(TOKEN_NEEDED));
        let scope = Some(scope).filter(|scope| !scope.is_empty());
        let levels = sign_in.as_ref().map(|wanted| wanted.levels.join(" ")).filter(|levels| !levels.is_empty());
        let max_age = sign_in.and_then(|wanted| wanted.max_age).map(|age| age.as_secs().to_string());
        let url = metadata::url(resource);
        let algorithms = Algorithm::ALL.map(Algorithm::name).join(" ");
        let parameters = [
            ("error", error),
            ("scope", scope.as_deref()),
            ("acr_values", levels.as_deref()),
            ("max_age", max_age.as_deref()),
            ("resource_metadata", Some(url.as_str())),
            ("error_description", description),
            ("algs", Some(algorithms.as_str()).filter(|_| scheme == Scheme::Dpop)),
        ];
        let given = parameters.iter().filter_map(|(name, value)| Some(format!("{name}=\"{}\"", (*value)?)));
        let name = if scheme == Scheme::Dpop { "DPoP" } else { "Bearer" };
        Some(format!("{name} {}", given.collect::<Vec<_>>().join(", ")))
    }

    /// The `error_description`. Without an `error`, there is none.
    fn description(&self) -> Option<&'static str> {
        match self {
            Self::InvalidToken(fault) => Some(fault.description()),
            Self::InvalidProof(..) => Some(PROOF),
            Self::Denied(denied) if denied.sign_in().is_some() => Some(SIGN_IN),
            Self::Denied(denied) if !denied.lacks_token() => Some(STEP_UP),
            _ => None,
        }
    }

    /// The result of the call `id`, with the challenges.
    pub(super) fn result(&self, id: &str, challenges: &[String]) -> String {
        let text = self.description().unwrap_or(TOKEN_NEEDED);
        let content = Object::new().text("type", Some("text")).text("text", Some(text)).finish();
        let meta = Object::new().list("mcp/www_authenticate", challenges.iter().map(String::as_str)).finish();
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"isError\":true,\"content\":[{content}],\"_meta\":{meta}}}}}"
        )
    }

    /// RFC 9449 sections 7.1 and 9.
    pub(super) fn proof_error(&self) -> &'static str {
        if matches!(self, Self::InvalidProof(_, Some(_))) { "use_dpop_nonce" } else { "invalid_dpop_proof" }
    }
}
