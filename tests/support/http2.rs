//! HTTP/2 without TLS and without an upgrade ("prior knowledge", RFC 9113
//! section 3.3). A stream that ends in trailers, and pseudo-headers of the
//! test's own making, are what it is for.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::Latch;
use super::deadline;
use super::raw::Response;
use super::wire::Fields;

/// A request as HTTP/2 frames it.
#[derive(Debug)]
pub struct Http2 {
    head: http::request::Builder,
    /// A DATA frame for each.
    pieces: Vec<Vec<u8>>,
    trailers: http::HeaderMap,
    is_writable: bool,
    /// Before the end is sent, this must be open.
    end: Option<Latch>,
}

impl Http2 {
    /// `target` with its authority: `http://mcp.example.com/mcp`.
    pub fn new(method: &str, target: &str) -> Self {
        let head = http::Request::builder().method(method).uri(target).version(http::Version::HTTP_2);
        Self { head, pieces: Vec::new(), trailers: http::HeaderMap::new(), is_writable: true, end: None }
    }

    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        Self { head: self.head.header(name, value.as_ref()), ..self }
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sets `:protocol`, which makes a CONNECT an extended one (RFC 8441).
    pub fn protocol(self, protocol: &'static str) -> Self {
        Self { head: self.head.extension(h2::ext::Protocol::from_static(protocol)), ..self }
    }

    pub fn piece(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.pieces.push(bytes.into());
        self
    }

    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        match (http::HeaderName::try_from(name), value.parse()) {
            (Ok(name), Ok(value)) => drop(self.trailers.append(name, value)),
            _ => self.is_writable = false,
        }
        self
    }

    /// Sends the last DATA frame, or the trailers, when this opens.
    pub fn end_after(self, latch: &Latch) -> Self {
        Self { end: Some(latch.clone()), ..self }
    }

    /// Whether it can be written at all: a target or a field that is none of HTTP's cannot.
    pub fn is_valid(&self) -> bool {
        self.is_writable && self.head.headers_ref().is_some() && self.head.uri_ref().is_some()
    }

    /// Sends it on a connection of its own; the answer, or how the stream was
    /// reset.
    pub fn send(self, to: SocketAddr) -> Result<Response, h2::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let socket = TcpStream::connect(to).await.expect("a connection");
            let (client, connection) = h2::client::handshake(socket).await?;
            let connection = tokio::spawn(connection);
            let response = timeout(deadline(), self.exchange(client)).await.expect("an answer in time");
            connection.abort();
            response
        })
    }

    /// Sends all but its end, and resets the stream. The connection stays until Envoy has seen that.
    pub fn reset(mut self, to: SocketAddr) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let socket = TcpStream::connect(to).await.expect("a connection");
            let (client, connection) = h2::client::handshake(socket).await.expect("a handshake");
            let connection = tokio::spawn(connection);
            let mut client = client.ready().await.expect("a connection");
            let head = std::mem::take(&mut self.head).body(()).expect("a request");
            let (response, mut body) = client.send_request(head, false).expect("a stream");
            let _ = body.send_data(self.pieces.remove(0).into(), false);
            tokio::time::sleep(Duration::from_millis(200)).await;
            body.send_reset(h2::Reason::CANCEL);
            drop(response);
            tokio::time::sleep(Duration::from_millis(200)).await;
            connection.abort();
        });
    }

    async fn exchange(self, client: SendRequest<Bytes>) -> Result<Response, h2::Error> {
        let mut client = client.ready().await?;
        let bare = self.pieces.is_empty() && self.trailers.is_empty();
        let (response, mut body) = client.send_request(self.head.body(()).expect("a request"), bare)?;
        if !bare {
            let ends = self.trailers.is_empty();
            let last = self.pieces.len().saturating_sub(1);
            for (index, piece) in self.pieces.into_iter().enumerate() {
                if ends && index == last {
                    wait(self.end.as_ref()).await;
                }
                // An error here is an answer that came before the end.
                let _ = body.send_data(piece.into(), ends && index == last);
            }
            if !ends {
                wait(self.end.as_ref()).await;
                let _ = body.send_trailers(self.trailers);
            }
        }
        read(response.await?).await
    }
}

/// The connection goes on meanwhile.
async fn wait(latch: Option<&Latch>) {
    let Some(latch) = latch.cloned() else { return };
    let _ = tokio::task::spawn_blocking(move || latch.pass()).await;
}

async fn read(response: http::Response<h2::RecvStream>) -> Result<Response, h2::Error> {
    let (head, mut stream) = response.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        let _ = stream.flow_control().release_capacity(piece.len());
        body.extend(piece);
    }
    let trailers = stream.trailers().await?.unwrap_or_default();
    Ok(Response {
        status: head.status.as_u16(),
        headers: fields(&head.headers),
        body,
        trailers: fields(&trailers),
        complete: true,
    })
}

fn fields(map: &http::HeaderMap) -> Fields {
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| (name.to_string(), value.as_bytes().to_vec());
    Fields(map.iter().map(field).collect())
}
