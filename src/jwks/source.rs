//! One attempt to fetch a key set, from its URL or by discovery. A sans-IO state machine: responses in, requests out.

use super::discovery::{MetadataFault, documents, jwks_uri};
use super::{KeySet, KeySetFault};
use crate::url::Url;

/// The source of an issuer's keys, and the state of the current attempt.
#[derive(Clone, Debug)]
pub struct Source {
    /// The URL of the set, if it is known.
    keys: Option<Url>,
    discovery: Option<Discovery>,
    asked: Asked,
}

#[derive(Clone, Debug)]
struct Discovery {
    issuer: Url,
    /// Candidate URLs of the metadata. The one that worked last comes first.
    documents: Vec<Url>,
    /// The first fault of a response in this attempt.
    fault: Option<FetchFault>,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Keys,
    /// The metadata document at this index.
    Metadata(usize),
}

/// The next step of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Send a request to this URL.
    Ask(Url),
    /// The attempt succeeded.
    Done(KeySet),
    /// The attempt failed.
    Failed(FetchFault),
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchFault {
    /// The issuer's metadata was refused.
    Metadata(MetadataFault),
    /// No metadata was found.
    NoMetadata,
    /// The document is not a key set.
    NotKeys(KeySetFault),
    /// The status is not 200, or there was no response.
    Status(Option<u16>),
    /// The body is missing or too large.
    Size,
}

impl FetchFault {
    /// The error message.
    pub fn message(self) -> String {
        match self {
            Self::Metadata(fault) => format!("the issuer's metadata was refused: {}", fault.message()),
            Self::NoMetadata => "no metadata was found that names the issuer's keys".to_owned(),
            Self::NotKeys(fault) => format!("the response is not a key set: {fault:?}"),
            Self::Status(Some(status)) => format!("status {status}"),
            Self::Status(None) => "no answer".to_owned(),
            Self::Size => "the response is too large or has no body".to_owned(),
        }
    }
}

impl Source {
    /// A set at `uri`.
    pub fn at(uri: Url) -> Self {
        Self { keys: Some(uri), discovery: None, asked: Asked::Keys }
    }

    /// A set at the URL in the metadata of `issuer`.
    pub fn discovered(issuer: Url) -> Self {
        let documents = documents(&issuer).unwrap_or_default();
        Self { keys: None, discovery: Some(Discovery { issuer, documents, fault: None }), asked: Asked::Keys }
    }

    /// Starts an attempt. A refresh reads the metadata again. A `refetch` for an unknown `kid` uses the known URL.
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

    /// Tries the next document after an unusable one. Many providers answer every path, or respond with an error to
    /// unknown ones, so another URL may still have the metadata.
    fn ask_elsewhere(&mut self, place: usize, fault: Option<FetchFault>) -> Progress {
        if let Some(discovery) = &mut self.discovery {
            discovery.fault = discovery.fault.or(fault);
        }
        self.ask_metadata(place + 1)
    }

    /// Ends the attempt. The URL from the metadata may be outdated, so the next attempt discovers it again.
    fn failed(&mut self, fault: FetchFault) -> Progress {
        if self.discovery.is_some() {
            self.keys = None;
        }
        Progress::Failed(fault)
    }

    /// Processes a response: its status, and its body unless that is too large. Redirects are not followed.
    pub fn answered(&mut self, status: Option<u16>, body: Option<&[u8]>) -> Progress {
        match (status, body, self.asked) {
            (Some(200), Some(body), Asked::Keys) => match KeySet::parse(body) {
                Ok(set) => Progress::Done(set),
                Err(fault) => self.failed(FetchFault::NotKeys(fault)),
            },
            (Some(200), Some(body), Asked::Metadata(place)) => self.described(body, place),
            (Some(200), None, Asked::Keys) => self.failed(FetchFault::Size),
            (Some(200), None, Asked::Metadata(place)) => self.ask_elsewhere(place, Some(FetchFault::Size)),
            // No metadata at this URL.
            (Some(300..=499), _, Asked::Metadata(place)) => self.ask_elsewhere(place, None),
            (status, _, Asked::Metadata(place)) => self.ask_elsewhere(place, Some(FetchFault::Status(status))),
            (status, _, Asked::Keys) => self.failed(FetchFault::Status(status)),
        }
    }

    fn described(&mut self, body: &[u8], place: usize) -> Progress {
        let Some(discovery) = &mut self.discovery else { return self.failed(FetchFault::NoMetadata) };
        match jwks_uri(body, &discovery.issuer) {
            Ok(uri) => {
                // Start the next attempt with the document that worked.
                if let Some(right) = discovery.documents.get_mut(..=place) {
                    right.rotate_right(1);
                }
                self.keys = Some(uri.clone());
                self.ask_keys(uri)
            }
            // This may be a catch-all page, a document without keys, or one of another issuer. It is not used, and
            // another URL may have the right document.
            Err(fault) => self.ask_elsewhere(place, Some(FetchFault::Metadata(fault))),
        }
    }
}
