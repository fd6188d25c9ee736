//! The client certificate of a connection.

use crate::host;
use toolgate::token::Thumbprint;

/// The digest of the client certificate of the current stream, if this host terminated mutual TLS.
pub fn peer_certificate() -> Option<Thumbprint> {
    const TRUE: [u8; 1] = [1];
    let is_mutual = host::property("connection\0mtls")? == TRUE;
    let digest = host::property("connection\0sha256_peer_certificate_digest").filter(|_| is_mutual)?;
    Thumbprint::from_hex(&digest)
}
