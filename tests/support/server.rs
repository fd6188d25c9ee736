//! A listening socket that can be stopped and started again on its port, one
//! thread per connection, in the clear or with TLS. What is said on a
//! connection is the business of its owner.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The server's side of a connection.
pub type Connection = BufReader<Box<dyn Stream>>;

/// Bytes in both directions, whether or not TLS is between.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

type Serve = Arc<dyn Fn(Connection) + Send + Sync>;

/// A server on loopback; dropping it stops it.
pub struct Server {
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    serve: Serve,
    running: Option<Running>,
}

impl Server {
    /// Serves each connection to this port with `serve`.
    pub fn start(
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        serve: impl Fn(Connection) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("an address");
        let mut server = Self { address, tls, serve: Arc::new(serve), running: None };
        server.run(listener);
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses connections from now on and cuts those that are open.
    pub fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection, which closes the port.
        let _ = TcpStream::connect(self.address);
        running.thread.join().expect("the accepting thread does not panic");
        for (_, connection) in running.connections.lock().unwrap().drain() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Serves again, on the same port.
    pub fn restart(&mut self) {
        self.stop();
        self.run(TcpListener::bind(self.address).expect("the port is still free"));
    }

    fn run(&mut self, listener: TcpListener) {
        let stopped = Arc::new(AtomicBool::new(false));
        let connections = Open::default();
        let (tls, serve) = (self.tls.clone(), Arc::clone(&self.serve));
        let (quit, open) = (Arc::clone(&stopped), Arc::clone(&connections));
        let thread = thread::spawn(move || accept(&listener, &quit, &open, tls, &serve));
        self.running = Some(Running { stopped, connections, thread });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The sockets in use, so that they can be cut.
type Open = Arc<Mutex<HashMap<usize, TcpStream>>>;

struct Running {
    stopped: Arc<AtomicBool>,
    connections: Open,
    thread: thread::JoinHandle<()>,
}

fn accept(listener: &TcpListener, stopped: &AtomicBool, open: &Open, tls: Option<Arc<ServerConfig>>, serve: &Serve) {
    for (number, connection) in listener.incoming().enumerate() {
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(connection) = connection else { continue };
        let _ = connection.set_nodelay(true);
        let handle = connection.try_clone().expect("a second handle on the socket");
        open.lock().unwrap().insert(number, handle);
        let (tls, serve, open) = (tls.clone(), Arc::clone(serve), Arc::clone(open));
        thread::spawn(move || {
            serve(BufReader::new(secured(connection, tls)));
            // Only now is the last handle gone and the connection closed.
            open.lock().unwrap().remove(&number);
        });
    }
}

fn secured(connection: TcpStream, tls: Option<Arc<ServerConfig>>) -> Box<dyn Stream> {
    match tls {
        None => Box::new(connection),
        Some(tls) => {
            let session = ServerConnection::new(tls).expect("a TLS session");
            Box::new(StreamOwned::new(session, connection))
        }
    }
}

/// A port from below the range that systems hand out for outgoing connections:
/// nobody is given it while its server is stopped.
pub fn listen() -> TcpListener {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let mine = (process::id() % 100) as u16 * 100;
    loop {
        let port = 15_000 + (mine + NEXT.fetch_add(1, Ordering::SeqCst)) % 10_000;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if let Ok(listener) = TcpListener::bind(address) {
            return listener;
        }
    }
}
