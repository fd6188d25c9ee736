//! The host's knowledge of the client at the other end of a connection.

use crate::host;
use toolgate::token::Thumbprint;

/// The digest of the certificate that the client of the current stream proved to have the key of, where this host ended
/// the TLS connection.
pub fn peer_certificate() -> Option<Thumbprint> {
    const TRUE: [u8; 1] = [1];
    let is_mutual = host::property("connection\0mtls")? == TRUE;
    let digest = host::property("connection\0sha256_peer_certificate_digest").filter(|_| is_mutual)?;
    Thumbprint::from_hex(&digest)
}
