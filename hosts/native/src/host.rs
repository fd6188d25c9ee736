//! The host that is lent to a gate: time, shared data, randomness, signatures, and client certificates.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};

use crate::abi::{Attribute, Filter};
use crate::shared::Shared;
use crate::signature::verifier;
use toolgate::gate::Host;
use toolgate::time::UnixTime;
use toolgate::token::Thumbprint;

/// The wall clock. Before 1970 it stands still: then no token is valid.
// A host is where time comes from.
#[allow(clippy::disallowed_methods)]
pub fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(0))
}

/// Fills `bytes` with bytes that nobody can guess. Says whether it did.
pub fn fill_random(bytes: &mut [u8]) -> bool {
    SystemRandom::new().fill(bytes).is_ok()
}

/// A host at this time.
pub fn lend<'h>(now: UnixTime, peer_certificate: &'h dyn Fn() -> Option<Thumbprint>) -> Host<'h> {
    // Envoy tells a module no name of its own.
    Host { now, node: None, shared: &Shared, verifier: verifier(), peer_certificate }
}

/// The digest of the certificate that the client proved to have the key of, where Envoy itself ended the TLS connection.
pub fn peer_certificate(filter: Filter) -> Option<Thumbprint> {
    let digest = filter.is(Attribute::MutualTls).then(|| filter.text(Attribute::PeerCertificateDigest))??;
    Thumbprint::from_hex(&digest)
}

/// Whether the answer under way is Envoy's own rather than the server's. In doubt it is the server's.
pub fn answer_is_hosts_own(filter: Filter) -> bool {
    // Envoy notes how an answer came about; of a server's it says this.
    const FROM_SERVER: &[u8] = b"via_upstream";
    let details = filter.text(Attribute::CodeDetails);
    details.is_some_and(|details| !details.is_empty() && details != FROM_SERVER)
}

/// Whether Envoy ended the stream because a body is larger than its buffer.
pub fn buffer_is_exceeded(filter: Filter) -> bool {
    let details = filter.text(Attribute::CodeDetails).unwrap_or_default();
    matches!(details.as_slice(), b"request_payload_too_large" | b"response_payload_too_large")
}
