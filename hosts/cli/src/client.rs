//! A client of HTTP, for the commands that ask a running server.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::Agent;
use ureq::http::{HeaderName, HeaderValue, Method, Request};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::output::Trouble;

/// How long one exchange may take. A server that answers later is no use to a client either.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The largest body that is read: several times what toolgate lets a list be.
const MOST_BYTES: usize = 16_000_000;

/// How a server is reached.
#[derive(Args)]
pub struct Reach {
    /// Certificates in PEM to trust instead of this machine's, for servers with a private CA
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// A response.
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The values of a header.
    pub fn all<'r>(&'r self, name: &str) -> impl Iterator<Item = &'r str> {
        self.headers.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Whether the media type of the body is this one.
    pub fn is(&self, media_type: &str) -> bool {
        let own = self.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        own.trim().eq_ignore_ascii_case(media_type)
    }

    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// A client that follows no redirects.
pub struct Client(Agent);

impl Client {
    pub fn new(reach: &Reach) -> Result<Self, Trouble> {
        let roots = match &reach.ca {
            Some(path) => of_file(path)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        let roots = roots.iter().map(|own| Certificate::from_der(own).to_owned()).collect::<Vec<_>>();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("toolgate/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        Ok(Self(config.into()))
    }

    /// Sends a request. An event stream is read until `ends` is content with what came.
    pub fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
        ends: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Response, String> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|fault| fault.to_string())?;
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match body {
            Some(body) => request.body(body).map_err(|fault| fault.to_string()).map(|request| self.0.run(request)),
            None => request.body(()).map_err(|fault| fault.to_string()).map(|request| self.0.run(request)),
        };
        let mut answer = sent?.map_err(|fault| said(&fault))?;
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = answer.headers().iter().map(header).collect();
        let mut response = Response { status: answer.status().as_u16(), headers, body: Vec::new() };
        let streams = response.is("text/event-stream");
        let mut reader = answer.body_mut().as_reader();
        let mut piece = [0; 16_384];
        loop {
            let count = reader.read(&mut piece).map_err(|fault| format!("the answer ends early: {fault}"))?;
            response.body.extend_from_slice(piece.get(..count).unwrap_or_default());
            if count == 0 || (streams && ends(&response.body)) {
                return Ok(response);
            }
            if response.body.len() > MOST_BYTES {
                return Err("the answer is too large".to_owned());
            }
        }
    }

    pub fn get(&self, url: &str) -> Result<Response, String> {
        self.send("GET", url, &[("accept", "application/json")], None, &|_| false)
    }
}

/// An error with its causes, each once.
fn said(fault: &ureq::Error) -> String {
    if let ureq::Error::Timeout(_) = fault {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    let text = fault.to_string();
    let mut text = text.strip_prefix("io: ").unwrap_or(&text).to_owned();
    let mut source = std::error::Error::source(fault);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    // What rustls makes of an answer in the clear.
    if text.contains("InvalidContentType") {
        format!("{text}: the server does not speak TLS on this port")
    } else {
        text
    }
}

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let trouble = |fault: &str| Trouble(format!("{}: {fault}", path.display()));
    let read = CertificateDer::pem_file_iter(path).map_err(|fault| trouble(&fault.to_string()))?;
    let all: Vec<_> = read.collect::<Result<_, _>>().map_err(|fault| trouble(&fault.to_string()))?;
    if all.is_empty() { Err(trouble("holds no certificate")) } else { Ok(all) }
}
