//! One attempt to get a key set: from its URL, or by way of the issuer's metadata. Answers come in, requests go out.

use super::discovery::{MetadataFault, documents, jwks_uri};
use super::{KeySet, KeySetFault};
use crate::url::Url;

/// Where an issuer's keys come from, and how far an attempt to get them is.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where the set is, as far as that is known.
    keys: Option<Url>,
    discovery: Option<Discovery>,
    asked: Asked,
}

#[derive(Clone, Debug)]
struct Discovery {
    issuer: Url,
    /// Where it may be described; the one that was right the last time comes first.
    documents: Vec<Url>,
    /// The first thing in this attempt that was wrong with an answer, where there was one.
    fault: Option<FetchFault>,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Keys,
    /// The document at this place.
    Metadata(usize),
}

/// How an attempt goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// With a request to this URL.
    Ask(Url),
    /// It has ended, with a set.
    Done(KeySet),
    /// It has ended, without.
    Failed(FetchFault),
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchFault {
    /// The issuer's metadata is not to be used.
    Metadata(MetadataFault),
    /// The issuer has no metadata where it may be.
    NoMetadata,
    /// The document is no key set.
    NotKeys(KeySetFault),
    /// Another status than 200, or none at all.
    Status(Option<u16>),
    /// More bytes than a set or a document may have, or none.
    Size,
}

impl FetchFault {
    /// The fault in words.
    pub fn message(self) -> String {
        match self {
            Self::Metadata(fault) => format!("the issuer's metadata is refused: {}", fault.message()),
            Self::NoMetadata => "the issuer has no metadata that names its keys".to_owned(),
            Self::NotKeys(fault) => format!("what came is no key set: {fault:?}"),
            Self::Status(Some(status)) => format!("status {status}"),
            Self::Status(None) => "no answer".to_owned(),
            Self::Size => "the answer is too large, or has no body".to_owned(),
        }
    }
}

impl Source {
    /// The set is at `uri`.
    pub fn at(uri: Url) -> Self {
        Self { keys: Some(uri), discovery: None, asked: Asked::Keys }
    }

    /// The set is where the metadata of `issuer` says.
    pub fn discovered(issuer: Url) -> Self {
        let documents = documents(&issuer).unwrap_or_default();
        Self { keys: None, discovery: Some(Discovery { issuer, documents, fault: None }), asked: Asked::Keys }
    }

    /// An attempt begins. One that refreshes reads the metadata anew; a `refetch` for an unknown `kid` takes the place
    /// that is known.
    pub fn begin(&mut self, refetch: bool) -> Progress {
        match (&self.keys, &self.discovery) {
            (Some(uri), None) => self.ask_keys(uri.clone()),
            (Some(uri), Some(_)) if refetch => self.ask_keys(uri.clone()),
            _ => {
                if let Some(discovery) = &mut self.discovery {
                    discovery.fault = None;
                }
                self.ask_metadata(0)
            }
        }
    }

    fn ask_keys(&mut self, uri: Url) -> Progress {
        self.asked = Asked::Keys;
        Progress::Ask(uri)
    }

    fn ask_metadata(&mut self, place: usize) -> Progress {
        self.asked = Asked::Metadata(place);
        let Some(discovery) = &mut self.discovery else { return self.failed(FetchFault::NoMetadata) };
        match discovery.documents.get(place) {
            Some(document) => Progress::Ask(document.clone()),
            None => {
                let fault = discovery.fault.take();
                self.failed(fault.unwrap_or(FetchFault::NoMetadata))
            }
        }
    }

    /// The document at `place` is of no use. Another place may describe the issuer all the same: many providers answer
    /// every path, or have an error for those that they do not know.
    fn ask_elsewhere(&mut self, place: usize, fault: Option<FetchFault>) -> Progress {
        if let Some(discovery) = &mut self.discovery {
            discovery.fault = discovery.fault.or(fault);
        }
        self.ask_metadata(place + 1)
    }

    /// An attempt that failed may have looked in the wrong place.
    fn failed(&mut self, fault: FetchFault) -> Progress {
        if self.discovery.is_some() {
            self.keys = None;
        }
        Progress::Failed(fault)
    }

    /// The answer to what was asked: its status, and its body unless that is too large. A redirect is no answer.
    pub fn answered(&mut self, status: Option<u16>, body: Option<&[u8]>) -> Progress {
        match (status, body, self.asked) {
            (Some(200), Some(body), Asked::Keys) => match KeySet::parse(body) {
                Ok(set) => Progress::Done(set),
                Err(fault) => self.failed(FetchFault::NotKeys(fault)),
            },
            (Some(200), Some(body), Asked::Metadata(place)) => self.described(body, place),
            (Some(200), None, Asked::Keys) => self.failed(FetchFault::Size),
            (Some(200), None, Asked::Metadata(place)) => self.ask_elsewhere(place, Some(FetchFault::Size)),
            // It is not described here.
            (Some(300..=499), _, Asked::Metadata(place)) => self.ask_elsewhere(place, None),
            (status, _, Asked::Metadata(place)) => self.ask_elsewhere(place, Some(FetchFault::Status(status))),
            (status, _, Asked::Keys) => self.failed(FetchFault::Status(status)),
        }
    }

    fn described(&mut self, body: &[u8], place: usize) -> Progress {
        let Some(discovery) = &mut self.discovery else { return self.failed(FetchFault::NoMetadata) };
        match jwks_uri(body, &discovery.issuer) {
            Ok(uri) => {
                // The next attempt begins with the document that was right.
                if let Some(right) = discovery.documents.get_mut(..=place) {
                    right.rotate_right(1);
                }
                self.keys = Some(uri.clone());
                self.ask_keys(uri)
            }
            // A page for everything that does not exist, a document without keys or of another issuer: nothing of it is
            // used, and another place may have the right one.
            Err(fault) => self.ask_elsewhere(place, Some(FetchFault::Metadata(fault))),
        }
    }
}
