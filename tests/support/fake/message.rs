//! Messages on their way through the host.

use toolgate::exchange::HeaderEdit;

pub type Fields = Vec<(String, Vec<u8>)>;

/// A part of a request or an answer, after its headers.
#[derive(Clone, Debug)]
pub enum Part {
    Data(Vec<u8>, End),
    Trailers(Fields),
}

/// Whether anything follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Last,
    More,
}

/// The parts of a message that stand still, and those that are shown nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nothing does.
    Nothing,
    /// Headers; bodies are shown.
    Headers,
    /// All of it, and nothing is shown.
    All,
}

/// A message on its way through the host.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub headers: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
    pub complete: bool,
}

/// One direction of a stream.
pub struct Side {
    pub headers: Fields,
    pub hold: Hold,
    /// The bytes that the filter was shown and holds back.
    pub body: Vec<u8>,
    pub trailers: Fields,
    pub ended: bool,
    /// The bytes that came while nothing was shown.
    pub unseen: Vec<Part>,
    /// Whether the bytes that came while nothing was shown are shown now.
    pub catches_up: bool,
    /// The bytes that went on.
    pub sent: Option<Message>,
}

impl Side {
    pub fn new() -> Self {
        Self {
            headers: Fields::new(),
            hold: Hold::Nothing,
            body: Vec::new(),
            trailers: Fields::new(),
            ended: false,
            unseen: Vec::new(),
            catches_up: false,
            sent: None,
        }
    }

    /// At most `max` bytes of the body that is held and was shown.
    pub fn read(&self, max: usize) -> Vec<u8> {
        self.body[..max.min(self.body.len())].to_vec()
    }

    /// Lets everything go that is held and was shown.
    pub fn release(&mut self) {
        self.hold = Hold::Nothing;
        let headers = &self.headers;
        let sent = self.sent.get_or_insert_with(|| Message { headers: headers.clone(), ..Message::default() });
        sent.body.append(&mut self.body);
        sent.trailers.append(&mut self.trailers);
        sent.complete = self.ended;
    }

    pub fn edit(&mut self, edits: &[HeaderEdit]) {
        assert!(edits.is_empty() || self.sent.is_none(), "the host refuses: these headers are gone: {edits:?}");
        edits.iter().for_each(|edit| edit.apply(&mut self.headers));
    }
}
