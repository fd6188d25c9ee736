//! A certificate authority made for one test run, so that the cluster's
//! verification of the provider is tested with a certificate that passes it
//! and with one that does not.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use ::ring::digest;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

use super::client::{HOST, Request};
use super::keys::base64url;
use super::raw::Response;
use super::wire::{Body, Framing, Head};

/// A root that Envoy can be told to trust.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A name of its own: a certificate whose issuer has the name of its
        // subject passes for self-signed.
        params.distinguished_name.push(DnType::CommonName, "toolgate test root");
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a root certificate"))
    }

    /// The root certificate, as Envoy's `trusted_ca` takes it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// The TLS configuration of a server called `name`.
    pub fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a DNS name");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(chain, key);
        Arc::new(config.expect("the key of the certificate"))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// A certificate with its key, to be shown by whoever has it.
#[derive(Clone)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    pub certificate_pem: String,
    pub key_pem: String,
}

impl Authority {
    /// A certificate for `name`.
    pub fn identity(&self, name: &str) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a DNS name");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate: CertificateDer::from(certificate.der().to_vec()),
            key: key.serialize_der(),
        }
    }
}

impl Identity {
    /// The SHA-256 of the certificate, as a token that is bound to it has it (RFC 8705 section 3.1).
    pub fn thumbprint(&self) -> String {
        base64url(digest::digest(&digest::SHA256, &self.certificate))
    }

    /// The same in hexadecimal digits, as proxies pass it on.
    pub fn hex(&self) -> String {
        digest::digest(&digest::SHA256, &self.certificate).as_ref().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Sends requests over TLS, each on a connection of its own, later ones in a resumed session.
pub struct TlsClient {
    config: Arc<ClientConfig>,
    address: SocketAddr,
}

impl TlsClient {
    /// To a server that `authority` vouches for, and as `identity`, if the server asks for one.
    pub fn new(address: SocketAddr, authority: &Authority, identity: Option<&Identity>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).expect("a root certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.clone()));
                let chain = vec![identity.certificate.clone()];
                config.with_client_auth_cert(chain, key).expect("the key of the certificate")
            }
        };
        Self { config: Arc::new(config), address }
    }

    pub fn send(&self, request: &Request) -> Response {
        let name = ServerName::try_from(HOST).expect("a name");
        let connection = ClientConnection::new(self.config.clone(), name).expect("a client");
        let socket = TcpStream::connect(self.address).expect("a connection");
        let mut stream = StreamOwned::new(connection, socket);
        stream.write_all(&request.bytes()).expect("a request that is taken");
        let mut stream = BufReader::new(stream);
        let head = Head::read(&mut stream).expect("an answer").expect("an answer");
        let status = head.word(1).parse().expect("a status");
        let body = Body::read(&mut stream, head.framing(Framing::UntilClose));
        Response { status, headers: head.fields, body: body.bytes, trailers: body.trailers, complete: body.complete }
    }
}
