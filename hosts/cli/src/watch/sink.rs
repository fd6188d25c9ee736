//! The endpoint of an audit sink, on loopback: each request brings lines, and is answered with 204.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::output::Trouble;

/// The largest head and body of a request: more than a filter sends at once.
const MOST_BYTES: u64 = 16_000_000;
/// Longer silence ends a connection.
const SILENCE: Duration = Duration::from_secs(60);

/// Serves connections on threads of their own, and sends on the lines.
pub fn listen(address: SocketAddr, sender: Sender<String>) -> Result<(), Trouble> {
    if !address.ip().is_loopback() {
        return Err(Trouble(format!("--listen {address}: must be a loopback address, such as 127.0.0.1:9000")));
    }
    let listener = TcpListener::bind(address).map_err(|error| Trouble(format!("--listen {address}: {error}")))?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || serve(&stream, &sender));
        }
    });
    Ok(())
}

/// Answers the requests of a connection until one cannot be read.
fn serve(stream: &TcpStream, sender: &Sender<String>) -> Option<()> {
    stream.set_read_timeout(Some(SILENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let length = body_length(&mut reader)?;
        let mut body = vec![0; usize::try_from(length).ok()?];
        reader.read_exact(&mut body).ok()?;
        for line in String::from_utf8_lossy(&body).lines() {
            sender.send(line.to_owned()).ok()?;
        }
        let mut answer = stream;
        answer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
    }
}

/// Reads the head of a request. Envoy sends the length of a body that a filter made.
fn body_length(reader: &mut impl BufRead) -> Option<u64> {
    let mut length = 0;
    let mut head = reader.take(MOST_BYTES);
    loop {
        let mut line = String::new();
        head.read_line(&mut line).ok().filter(|count| *count > 0)?;
        if line.trim_end().is_empty() {
            return (length <= MOST_BYTES).then_some(length);
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return None;
        }
    }
}
