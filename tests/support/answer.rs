//! Scripted answers and their timing, for the recording upstream and the
//! provider.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::deadline;
use super::server::Connection;

/// An answer, sent step by step.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    steps: Vec<Step>,
    trailers: Option<Vec<(String, Vec<u8>)>>,
    framing: Framing,
    end: End,
}

#[derive(Clone, Debug)]
enum Step {
    Send(Vec<u8>),
    Sleep(Duration),
    Wait(Latch),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Chunked,
    Length,
    /// The steps are the whole message, its head included.
    Raw,
}

/// The state of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It waits for the next request.
    KeepAlive,
    /// It is closed, without the end of the body where that was still owed.
    Cut,
    /// Received bytes are sent back, as after a successful upgrade.
    Echo,
}

impl Answer {
    pub fn new(status: u16) -> Self {
        let (framing, end) = (Framing::Length, End::KeepAlive);
        Self { status, fields: Vec::new(), steps: Vec::new(), trailers: None, framing, end }
    }

    /// 200 with a JSON body.
    pub fn json(value: &Value) -> Self {
        Self::new(200).header("content-type", "application/json").body(value.to_string())
    }

    /// 200 with an event stream, a chunk for each piece.
    pub fn events<T: Into<Vec<u8>>>(pieces: impl IntoIterator<Item = T>) -> Self {
        let mut answer = Self::new(200).header("content-type", "text/event-stream").chunked();
        answer.steps.extend(pieces.into_iter().map(|piece| Step::Send(piece.into())));
        answer
    }

    /// Exactly these bytes, head and all. Add [`Answer::cut`] where they do not
    /// say how they end.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { framing: Framing::Raw, ..Self::new(0).body(bytes) }
    }

    /// 101, then an echo: an upstream that takes any upgrade.
    pub fn switching_protocols(protocol: &str) -> Self {
        let head = format!("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\r\n");
        Self { end: End::Echo, ..Self::raw(head) }
    }

    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Adds to the body; on a chunked answer, a chunk.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.steps.push(Step::Send(bytes.into()));
        self
    }

    /// Sends the body in chunks rather than with its length.
    pub fn chunked(self) -> Self {
        Self { framing: Framing::Chunked, ..self }
    }

    /// Adds a trailer field, which needs chunks.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.get_or_insert_default().push((name.to_owned(), value.into()));
        self.chunked()
    }

    /// Waits at this point of the body until the test opens the latch.
    pub fn wait(mut self, latch: &Latch) -> Self {
        self.steps.push(Step::Wait(latch.clone()));
        self
    }

    /// Is late by this much at this point of the body.
    pub fn delay(mut self, time: Duration) -> Self {
        self.steps.push(Step::Sleep(time));
        self
    }

    /// Owes the end of the body: closes the connection where it should have been.
    pub fn cut(self) -> Self {
        Self { end: End::Cut, ..self }
    }

    /// Says it all.
    pub fn send(&self, to: &mut Connection) -> io::Result<End> {
        let to = to.get_mut();
        if self.framing != Framing::Raw {
            to.write_all(&self.head())?;
            to.flush()?;
        }
        for step in &self.steps {
            match step {
                Step::Send(bytes) if self.framing == Framing::Chunked => send_chunk(to, bytes)?,
                Step::Send(bytes) => to.write_all(bytes)?,
                Step::Sleep(time) => std::thread::sleep(*time),
                Step::Wait(latch) => latch.pass()?,
            }
            to.flush()?;
        }
        if self.framing == Framing::Chunked && self.end == End::KeepAlive {
            to.write_all(b"0\r\n")?;
            write_fields(to, self.trailers.iter().flatten())?;
            to.write_all(b"\r\n")?;
        }
        to.flush()?;
        Ok(self.end)
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status).into_bytes();
        write_fields(&mut head, &self.fields).expect("a write to memory");
        match self.framing {
            Framing::Chunked => head.extend(b"transfer-encoding: chunked\r\n"),
            Framing::Length if self.status != 204 => {
                head.extend(format!("content-length: {}\r\n", self.length()).into_bytes());
            }
            Framing::Length | Framing::Raw => {}
        }
        head.extend(b"\r\n");
        head
    }

    /// The declared length: one more than is sent where the body is cut short.
    fn length(&self) -> usize {
        let sent = |step: &Step| if let Step::Send(bytes) = step { bytes.len() } else { 0 };
        self.steps.iter().map(sent).sum::<usize>() + usize::from(self.end == End::Cut)
    }
}

fn write_fields<'a>(to: &mut dyn Write, fields: impl IntoIterator<Item = &'a (String, Vec<u8>)>) -> io::Result<()> {
    for (name, value) in fields {
        to.write_all(&[name.as_bytes(), b": ", value, b"\r\n"].concat())?;
    }
    Ok(())
}

/// An empty piece is left out: an empty chunk would be the end.
fn send_chunk(to: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    to.write_all(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat())
}

/// Holds an answer back until the test has seen what it wanted to see: the
/// order of events is fixed without a sleep.
#[derive(Clone, Debug, Default)]
pub struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everything pass that waits or will come.
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits for [`Latch::open`], but not for ever: a failed test must end.
    pub fn pass(&self) -> io::Result<()> {
        let closed = self.0.0.lock().unwrap();
        let waited = self.0.1.wait_timeout_while(closed, deadline(), |open| !*open).unwrap();
        if waited.1.timed_out() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}
