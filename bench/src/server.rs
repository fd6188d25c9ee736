//! An HTTP/1.1 server on loopback, one thread, as cheap as it gets.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::rc::Rc;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Answers every request on this port with what `answer` makes of it, for ever.
pub fn serve(port: u16, answer: impl Fn(Request<Bytes>) -> Response<Bytes> + 'static) -> std::io::Result<()> {
    let answer = Rc::new(answer);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answer = Rc::clone(&answer);
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = Rc::clone(&answer);
                async move {
                    let (head, body) = request.into_parts();
                    // A body that ends early is none that was measured: the driver counts what failed.
                    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                    Ok::<_, Infallible>(answer(Request::from_parts(head, body)).map(Full::new))
                }
            });
            tokio::task::spawn_local(async move {
                // A client that goes away is no fault of the server's.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

/// The port that the driver chose: the first argument.
pub fn port_argument() -> Option<u16> {
    std::env::args().nth(1)?.parse().ok()
}
