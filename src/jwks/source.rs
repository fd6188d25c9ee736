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
    /// The first fault of a response in this attempt, and the response in words.
    fault: Option<(FetchFault, String)>,
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
    /// The attempt failed, with the response that is to blame in words.
    Failed(FetchFault, String),
}

/// Describes a response with this fault, in words. A fault that the status alone shows is empty.
pub type Describe<'d> = &'d dyn Fn(&str) -> String;

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The error message. Empty if the status says it all.
    #[inline(never)]
    fn message(&self, issuer: Option<&Url>) -> String {
        match self {
            Self::Metadata(fault) => {
                format!("the issuer's metadata was refused: {}", fault.message(issuer.map(Url::as_str)))
            }
            Self::NoMetadata => "no metadata was found that names the issuer's keys".to_owned(),
            Self::NotKeys(fault) => format!("the response is not a key set: {}", fault.message()),
            Self::Status(_) => String::new(),
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
                self.ask_metadata(0, &str::to_owned)
            }
        }
    }

    fn ask_keys(&mut self, uri: Url) -> Progress {
        self.asked = Asked::Keys;
        Progress::Ask(uri)
    }

    #[inline(never)]
    fn ask_metadata(&mut self, place: usize, describe: Describe<'_>) -> Progress {
        self.asked = Asked::Metadata(place);
        let document = self.discovery.as_ref().and_then(|discovery| discovery.documents.get(place));
        if let Some(document) = document {
            return Progress::Ask(document.clone());
        }
        match self.discovery.as_mut().and_then(|discovery| discovery.fault.take()) {
            Some((fault, words)) => self.failed(fault, words),
            None => self.fails(FetchFault::NoMetadata, describe),
        }
    }

    /// Tries the next document after an unusable one. Many providers answer every path, or respond with an error to
    /// unknown ones, so another URL may still have the metadata.
    #[inline(never)]
    fn ask_elsewhere(&mut self, place: usize, fault: Option<FetchFault>, describe: Describe<'_>) -> Progress {
        if let (Some(discovery), Some(fault)) = (&mut self.discovery, fault)
            && discovery.fault.is_none()
        {
            let words = describe(&fault.message(Some(&discovery.issuer)));
            discovery.fault = Some((fault, words));
        }
        self.ask_metadata(place + 1, describe)
    }

    #[inline(never)]
    fn fails(&mut self, fault: FetchFault, describe: Describe<'_>) -> Progress {
        let words = describe(&fault.message(None));
        self.failed(fault, words)
    }

    /// Ends the attempt. The URL from the metadata may be outdated, so the next attempt discovers it again.
    fn failed(&mut self, fault: FetchFault, words: String) -> Progress {
        if self.discovery.is_some() {
            self.keys = None;
        }
        Progress::Failed(fault, words)
    }

    /// Processes a response: its status, and its body unless that is too large. Redirects are not followed.
    pub fn answered(&mut self, status: Option<u16>, body: Option<&[u8]>, describe: Describe<'_>) -> Progress {
        match (status, body, self.asked) {
            (Some(200), Some(body), Asked::Keys) => match KeySet::parse(body) {
                Ok(set) => Progress::Done(set),
                Err(fault) => self.fails(FetchFault::NotKeys(fault), describe),
            },
            (Some(200), Some(body), Asked::Metadata(place)) => self.described(body, place, describe),
            (Some(200), None, Asked::Keys) => self.fails(FetchFault::Size, describe),
            (Some(200), None, Asked::Metadata(place)) => self.ask_elsewhere(place, Some(FetchFault::Size), describe),
            // No metadata at this URL.
            (Some(300..=499), _, Asked::Metadata(place)) => self.ask_elsewhere(place, None, describe),
            (status, _, Asked::Metadata(place)) => {
                self.ask_elsewhere(place, Some(FetchFault::Status(status)), describe)
            }
            (status, _, Asked::Keys) => self.fails(FetchFault::Status(status), describe),
        }
    }

    fn described(&mut self, body: &[u8], place: usize, describe: Describe<'_>) -> Progress {
        let Some(discovery) = &mut self.discovery else { return self.fails(FetchFault::NoMetadata, describe) };
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
            Err(fault) => self.ask_elsewhere(place, Some(FetchFault::Metadata(fault)), describe),
        }
    }
}
