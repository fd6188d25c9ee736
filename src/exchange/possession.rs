//! Whether the client proves that a bound token is its own. This is asked at every use, whatever vouched for the token.

use super::request::Request;
use super::step::Env;
use super::validation::Unverified;
use crate::token::{AccessToken, TokenError};

/// Checks what `caller`, the verified token of `request`, has to be proven with.
pub(super) fn prove(request: &Request, caller: &AccessToken, env: &mut Env<'_>) -> Result<(), Unverified> {
    for certificate in caller.confirmations().filter_map(|confirmation| confirmation.certificate) {
        // Only the connection tells: a header could be anyone's.
        match (env.peer_certificate)() {
            Some(presented) if presented == certificate => {}
            Some(_) => return Err(TokenError::CertificateMismatch.into()),
            None => return Err(TokenError::CertificateMissing.into()),
        }
    }
    let _ = request;
    match caller.confirmations().find_map(|confirmation| confirmation.key) {
        Some(_) => Err(TokenError::Bound.into()),
        None => Ok(()),
    }
}
