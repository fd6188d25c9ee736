//! A socket that sends what it is told, HTTP or not, and reads what comes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::deadline;
use super::wire::{Body, BodyReader, Fields, Framing, Head};

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
    /// Whether the end of the body was seen.
    pub complete: bool,
}

impl Response {
    /// The value of a header; panics if it is there more than once.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// # Panics
    /// Shows the answer if its body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.text()))
    }

    /// The one `WWW-Authenticate`.
    pub fn challenge(&self) -> Option<String> {
        self.header("www-authenticate")
    }
}

/// A connection. Reads end after [`deadline`] without a byte.
pub struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    /// # Panics
    /// If nobody listens.
    pub fn connect(to: SocketAddr) -> Self {
        Self::try_connect(to).expect("a connection")
    }

    pub fn try_connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(deadline()))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// How long a read waits for a byte.
    pub fn patience(self, time: Duration) -> Self {
        self.stream.get_ref().set_read_timeout(Some(time)).expect("a socket option");
        self
    }

    /// Sends these bytes. That the peer no longer reads is not an error: it may
    /// have answered before the end.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
        self
    }

    /// Sends the pieces one by one, each a segment of its own. The pause is
    /// what makes them so: there is nothing to poll for.
    pub fn send_in_pieces<T: AsRef<[u8]>>(
        &mut self,
        pieces: impl IntoIterator<Item = T>,
        pause: Duration,
    ) -> &mut Self {
        for piece in pieces {
            self.send(piece);
            std::thread::sleep(pause);
        }
        self
    }

    /// The bytes that are there within this time, which stay to be read; `None`: nothing came.
    pub fn peek(&mut self, patience: Duration) -> Option<Vec<u8>> {
        self.stream.get_ref().set_read_timeout(Some(patience)).expect("a socket option");
        let bytes = self.stream.fill_buf().ok().filter(|bytes| !bytes.is_empty()).map(<[u8]>::to_vec);
        self.stream.get_ref().set_read_timeout(Some(deadline())).expect("a socket option");
        bytes
    }

    /// Ends the sending side; answers can still be read.
    pub fn finish(&mut self) -> &mut Self {
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
        self
    }

    /// The next answer.
    ///
    /// # Panics
    /// If the connection ends or stays silent instead.
    pub fn response(&mut self) -> Response {
        self.try_response().expect("an answer")
    }

    /// The next answer, or how the connection failed: a hostile request may
    /// get no answer at all.
    pub fn try_response(&mut self) -> io::Result<Response> {
        self.read_response(false)
    }

    /// The answer to a HEAD, which has no body whatever it declares.
    pub fn response_to_head(&mut self) -> Response {
        self.read_response(true).expect("an answer")
    }

    /// The head of the next answer; its body is read piece by piece.
    pub fn open(mut self) -> Streaming {
        let (status, headers, framing) = self.read_head(false).expect("an answer");
        Streaming { status, headers, body: BodyReader::new(framing), stream: self.stream }
    }

    /// Whatever comes until the peer closes, or falls silent.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.stream.read_to_end(&mut bytes);
        bytes
    }

    /// Whether the peer has closed: nothing comes any more.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }

    fn read_response(&mut self, to_head: bool) -> io::Result<Response> {
        let (status, headers, framing) = self.read_head(to_head)?;
        let Body { bytes, trailers, complete } = Body::read(&mut self.stream, framing);
        Ok(Response { status, headers, body: bytes, trailers, complete })
    }

    /// Interim answers (100, 103) are passed over; 101 is final.
    fn read_head(&mut self, to_head: bool) -> io::Result<(u16, Fields, Framing)> {
        loop {
            let head = Head::read(&mut self.stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let status = head.word(1).parse().map_err(|_| io::ErrorKind::InvalidData)?;
            let framing = match status {
                101 => Framing::UntilClose,
                100..=199 => continue,
                204 | 304 => Framing::Length(0),
                _ if to_head => Framing::Length(0),
                _ => head.framing(Framing::UntilClose),
            };
            return Ok((status, head.fields, framing));
        }
    }
}

/// An answer that is still coming.
pub struct Streaming {
    pub status: u16,
    pub headers: Fields,
    body: BodyReader,
    stream: BufReader<TcpStream>,
}

impl Streaming {
    /// The next bytes, as soon as there are some; `None` at the end of the
    /// body.
    ///
    /// # Panics
    /// If the connection is cut, or silent for [`deadline`].
    pub fn piece(&mut self) -> Option<Vec<u8>> {
        self.body.next(&mut self.stream).expect("a piece of the body or its end")
    }

    /// Reads until the text holds `needle` and returns all that was read.
    ///
    /// # Panics
    /// If the body ends before that.
    pub fn read_until(&mut self, needle: &str) -> String {
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains(needle) {
            let so_far = String::from_utf8_lossy(&text).into_owned();
            text.extend(self.piece().unwrap_or_else(|| panic!("no {needle:?} in {so_far:?}")));
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Sends on the connection of an answer 101.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// All that is left of the body.
    pub fn rest(mut self) -> Body {
        let mut bytes = Vec::new();
        while let Ok(Some(piece)) = self.body.next(&mut self.stream) {
            bytes.extend(piece);
        }
        self.body.into_body(bytes)
    }
}
