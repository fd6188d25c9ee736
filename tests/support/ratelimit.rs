//! A rate limit service as Envoy's `envoy.filters.http.ratelimit` calls it: gRPC, over HTTP/2 in the clear. It allows each
//! descriptor a number of requests, and tells what it was asked.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use toolgate::protobuf::{Wire, for_each_field, put_bytes};

const METHOD: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
/// The values of `RateLimitResponse.Code`.
const OK: u8 = 1;
const OVER_LIMIT: u8 = 2;

/// The entries of a descriptor.
pub type Descriptor = Vec<(String, String)>;

/// The service; dropping it ends it and its connections.
pub struct RateLimit {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Descriptor>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl RateLimit {
    /// Allows each descriptor so many requests, ever.
    pub fn start(limit: u32) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::<Mutex<Vec<Descriptor>>>::default();
        let ended = Arc::new(AtomicBool::new(false));
        let (log, end) = (Arc::clone(&asked), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                while let Ok((socket, _)) = listener.accept().await {
                    if end.load(Ordering::SeqCst) {
                        return;
                    }
                    tokio::spawn(serve(socket, limit, Arc::clone(&log)));
                }
            });
        });
        Self { address, asked, ended, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All descriptors that it was asked about, in order.
    pub fn asked(&self) -> Vec<Descriptor> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for RateLimit {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn serve(socket: tokio::net::TcpStream, limit: u32, asked: Arc<Mutex<Vec<Descriptor>>>) {
    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let asked = Arc::clone(&asked);
        tokio::spawn(async move {
            assert_eq!(request.uri().path(), METHOD);
            let mut stream = request.into_body();
            let mut body = Vec::new();
            while let Some(Ok(piece)) = stream.data().await {
                body.extend(piece);
            }
            let message = {
                let mut asked = asked.lock().unwrap();
                // A message of gRPC begins with a flag and its length.
                asked.extend(descriptors(body.get(5..).expect("a message")));
                answer(&asked, limit)
            };
            let head = http::Response::builder().header("content-type", "application/grpc").body(()).expect("a head");
            let mut stream = respond.send_response(head, false).expect("a stream");
            let length = u32::try_from(message.len()).expect("a short message");
            let framed = [&[0][..], &length.to_be_bytes(), &message].concat();
            let _ = stream.send_data(framed.into(), false);
            let status = http::HeaderValue::from_static("0");
            let _ =
                stream.send_trailers([(http::HeaderName::from_static("grpc-status"), status)].into_iter().collect());
        });
    }
}

/// The descriptors of a `RateLimitRequest`, of the domain in the project's file.
fn descriptors(message: &[u8]) -> Vec<Descriptor> {
    let mut descriptors = Vec::new();
    let read = for_each_field(message, |number, wire| {
        match (number, wire) {
            (1, Wire::Bytes(domain)) => assert_eq!(domain, b"toolgate"),
            (2, Wire::Bytes(bytes)) => {
                let mut descriptor = Descriptor::new();
                for_each_field(bytes, |number, wire| {
                    let Wire::Bytes(entry) = wire else { return None };
                    assert_eq!(number, 1, "only entries");
                    let mut texts = [String::new(), String::new()];
                    for_each_field(entry, |number, wire| {
                        let Wire::Bytes(text) = wire else { return None };
                        texts[usize::try_from(number).ok()? - 1] = String::from_utf8(text.to_vec()).ok()?;
                        Some(())
                    })?;
                    descriptor.push(texts.into());
                    Some(())
                })?;
                descriptors.push(descriptor);
            }
            _ => {}
        }
        Some(())
    });
    read.expect("a RateLimitRequest");
    descriptors
}

/// The `RateLimitResponse` about the descriptor that was asked about last.
fn answer(asked: &[Descriptor], limit: u32) -> Vec<u8> {
    let mut counts = HashMap::new();
    asked.iter().for_each(|descriptor| *counts.entry(descriptor).or_insert(0) += 1);
    let count = asked.last().map_or(0, |last| counts[last]);
    let code = if count > limit { OVER_LIMIT } else { OK };
    let varint = |number: u8, value: u32| [number << 3, u8::try_from(value).expect("a small number")];
    // `requests_per_unit`, and `unit`: minutes.
    let current = [varint(1, limit), varint(2, 2)].concat();
    let mut status = varint(1, code.into()).to_vec();
    put_bytes(&mut status, 2, &current);
    status.extend(varint(3, limit.saturating_sub(count)));
    // `duration_until_reset`: a minute.
    put_bytes(&mut status, 4, &varint(1, 60));
    let mut response = varint(1, code.into()).to_vec();
    put_bytes(&mut response, 2, &status);
    response
}
