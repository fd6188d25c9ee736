//! Proof of possession of sender-constrained tokens (RFC 8705, RFC 9449). It is required at every use, however the
//! token was verified.

use std::time::Duration;

use super::request::Request;
use super::step::Env;
use crate::bearer::{Scheme, SentToken};
use crate::config::Dpop;
use crate::dpop::{Account, Expected, Proof, ProofError, ReplayFault};
use crate::meter::{Charged, Payer};
use crate::reply::Refusal;
use crate::token::{AccessToken, Thumbprint, TokenError};

/// Checks the proof of possession that `caller`, the verified token of `request`, requires.
pub(super) fn prove(
    request: &Request,
    (scheme, token): (Scheme, SentToken<'_>),
    caller: &AccessToken,
    env: &mut Env<'_>,
) -> Result<(), Refusal> {
    for certificate in caller.confirmations().filter_map(|confirmation| confirmation.certificate) {
        // Only the connection counts: anyone can send a header.
        match (env.peer_certificate)() {
            Some(presented) if presented == certificate => {}
            Some(_) => return Err(TokenError::CertificateMismatch.into()),
            None => return Err(TokenError::CertificateMissing.into()),
        }
    }
    let issuer = env.config.issuers.iter().find(|issuer| issuer.identifier == caller.issuer());
    let (dpop, window) = issuer.map_or((Dpop::Off, Duration::ZERO), |issuer| (issuer.dpop, issuer.dpop_window));
    let mut keys = caller.confirmations().filter_map(|confirmation| confirmation.key);
    match (keys.next(), scheme) {
        (Some(_), _) if dpop == Dpop::Off => Err(TokenError::Bound.into()),
        // The token and the introspection response may both name the key.
        (Some(key), _) if keys.any(|other| other != key) => Err(TokenError::Bound.into()),
        (Some(_), Scheme::Bearer) => Err(TokenError::BoundAsBearer.into()),
        (Some(key), Scheme::Dpop) => prove_key(request, caller, (token, key, window), env),
        (None, Scheme::Dpop) => Err(TokenError::Unbound.into()),
        (None, Scheme::Bearer) if dpop == Dpop::Required => Err(TokenError::Unbound.into()),
        (None, Scheme::Bearer) => Ok(()),
    }
}

/// Checks the DPoP proof of the request, and marks it as used.
fn prove_key(
    request: &Request,
    caller: &AccessToken,
    (token, key, window): (SentToken<'_>, Thumbprint, Duration),
    env: &mut Env<'_>,
) -> Result<(), Refusal> {
    if let Some(proven) = request.proven.get() {
        return if *proven == key { Ok(()) } else { Err(TokenError::Bound.into()) };
    }
    let resource = request.resource(env.config).ok_or(TokenError::IssuerMismatch)?;
    let nonces = env.proofs.nonces(env.shared).ok();
    let refused = |fault: ProofError| {
        let nonce = nonces.as_ref().filter(|_| fault.wants_nonce()).map(|key| key.nonce(env.now));
        Refusal::InvalidProof(fault, nonce)
    };
    let expected = Expected {
        key,
        token: token.check().map_err(Refusal::InvalidRequest)?.reveal(),
        method: request.head.method(),
        resource,
        window,
        path: request.head.target().split('?').next().unwrap_or_default(),
        nonces,
        now: env.now,
    };
    let header = request.dpop_proof(env.config).map_err(refused)?;
    let verifier = Charged { verifier: env.verifier, meter: env.meter, payer: Payer::Callers };
    let proof = Proof::check(header, &expected, &verifier).map_err(refused)?;
    match env.proofs.spend(env.shared, &proof, &Account::of(caller), env.now) {
        Ok(()) => {
            let _ = request.proven.set(key);
            Ok(())
        }
        Err(ReplayFault::Again) => Err(refused(ProofError::Again)),
        Err(fault) => Err(Refusal::ProofsUnavailable(fault)),
    }
}
