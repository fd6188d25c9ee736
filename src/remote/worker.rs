//! How the workers of a host agree which of them calls the control plane, and share the result.

use super::policy::{Document, RemotePolicy, digest};
use crate::config::{ControlPlane, Fault, Live, MAX_POLICY};
use crate::time::UnixTime;
use crate::workers::{Attempts, NotShared, SharedData, SharedDocument, SharedNames, agree};

/// A longer entity tag is not stored, because it would be sent with every request.
const MAX_ETAG: usize = 1024;

/// Whether `etag` can be sent back as it is: visible ASCII (RFC 9110 section 8.8.3).
fn is_etag(etag: &str) -> bool {
    (1..=MAX_ETAG).contains(&etag.len()) && etag.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The names under which workers share the policy of one resource.
#[derive(Clone, Debug)]
pub struct Names {
    attempts: String,
    document: String,
    /// The last reported state.
    pub state: String,
}

impl Names {
    /// The names for the policy of this resource from this source.
    pub fn new(names: &SharedNames, resource: &str, source: &ControlPlane) -> Self {
        let of = |kind| names.of(kind, &source.identity(resource));
        Self { attempts: of("policy/attempts"), document: of("policy/document"), state: of("policy/state") }
    }

    /// All names.
    pub fn all(&self) -> [String; 3] {
        [&self.attempts, &self.document, &self.state].map(String::clone)
    }
}

/// The result of a control plane's response.
#[derive(Debug)]
pub enum Answered {
    /// A new document is in force.
    New(Live),
    /// The current document is still in force.
    Same,
    /// The document is invalid. Empty if its faults were logged before.
    Refused(Vec<Fault>),
    /// There is no document, for this reason.
    Failed(String),
}

/// One resource's policy, in one of several workers.
pub struct PolicyWorker<'a> {
    /// The data that the workers share.
    pub data: &'a dyn SharedData,
    /// The names of the shared values.
    pub names: &'a Names,
    /// The state of this worker.
    pub policy: &'a mut RemotePolicy,
    /// Parses a document.
    pub read: &'a dyn Fn(&[u8]) -> Result<Live, Vec<Fault>>,
}

impl PolicyWorker<'_> {
    /// Adopts the results of other workers. Returns a new policy, if there is one.
    pub fn look(&mut self, now: UnixTime) -> Option<Live> {
        // Without shared data there is nothing to adopt.
        let mut live = None;
        let _ = self.update(now, Some(&mut live), &|_, _| None);
        live
    }

    /// Adopts the results of other workers, and takes the lease if the control plane must be called, which it reports.
    /// Without shared data, each worker calls for itself.
    pub fn advance(&mut self, now: UnixTime) -> (Option<Live>, bool) {
        let mut live = None;
        let start = |policy: &RemotePolicy, record: Attempts| {
            policy.is_due(now).then(|| record.started(policy.owner, false, policy.timing(), now))
        };
        let asks = match self.update(now, Some(&mut live), &start) {
            Ok(asks) => asks,
            Err(NotShared) => match start(self.policy, self.policy.attempts) {
                Some(started) => {
                    self.policy.attempts = started;
                    true
                }
                None => false,
            },
        };
        (live, asks)
    }

    /// Processes a response: its status, its entity tag, and its body unless that is too large. Redirects are not
    /// followed. A response that comes after that of another worker may be older, and is dropped.
    pub fn answered(
        &mut self,
        status: Option<u16>,
        etag: Option<&str>,
        body: Option<&[u8]>,
        now: UnixTime,
    ) -> Answered {
        if Attempts::are_done(self.data, &self.names.attempts) {
            return Answered::Same;
        }
        let answered = match (status, body) {
            (Some(200), Some(body)) => self.received(etag, body, now),
            (Some(200), None) => Answered::Failed(format!("it is larger than {MAX_POLICY} bytes")),
            (Some(304), _) if self.policy.etag().is_some() => Answered::Same,
            (Some(401), _) => Answered::Failed("this resource server's own credentials are refused".into()),
            // The status tells it.
            _ => Answered::Failed(String::new()),
        };
        self.finish(matches!(answered, Answered::New(_) | Answered::Same), now);
        answered
    }

    fn received(&mut self, etag: Option<&str>, body: &[u8], now: UnixTime) -> Answered {
        let etag = etag.filter(|etag| is_etag(etag));
        let own = digest(body);
        let known = self.policy.document.as_mut().filter(|known| known.digest == own);
        let answered = match known {
            Some(known) if known.etag.as_deref() == etag => return Answered::Same,
            Some(known) => {
                known.etag = etag.map(str::to_owned);
                Answered::Same
            }
            None => match (self.read)(body) {
                Ok(live) => {
                    self.policy.document = Some(Document::new(own, etag, &live));
                    Answered::New(live)
                }
                Err(faults) => return Answered::Refused(if self.policy.tells(own) { faults } else { Vec::new() }),
            },
        };
        let document = [etag.unwrap_or_default().as_bytes(), b"\n", body].concat();
        // Write the document before the record, so that readers of the record find it.
        let value = SharedDocument { fetched_at: now, document: &document }.encode();
        let _ = self.data.overwrite(&self.names.document, &value);
        answered
    }

    /// Ends this worker's request. `with_word`: the response contained or confirmed a document.
    pub fn finish(&mut self, with_word: bool, now: UnixTime) {
        if with_word {
            self.policy.fetched_at = Some(now);
        }
        let end = |policy: &RemotePolicy, record: Attempts| Some(record.ended(policy.owner, with_word, now));
        // The results of other workers are adopted at the next look.
        if self.update(now, None, &end).is_err() {
            self.policy.attempts = self.policy.attempts.ended(self.policy.owner, with_word, now);
        }
    }

    /// Ends this worker and its request, so that another worker may call at once.
    pub fn release(&mut self, now: UnixTime) {
        let _ = self.update(now, None, &|policy, record| Some(record.released(policy.owner)));
    }

    /// Ends an overdue request of this worker as failed and returns whether there was one. Called on a tick.
    pub fn tick(&mut self, now: UnixTime) -> bool {
        let lost = self.policy.is_lost(now);
        if lost {
            self.finish(false, now);
        }
        lost
    }

    /// Reads the record, adopts its news, and writes the result of `change`. Returns whether something was written.
    fn update(
        &mut self,
        now: UnixTime,
        mut live: Option<&mut Option<Live>>,
        change: &dyn Fn(&RemotePolicy, Attempts) -> Option<Attempts>,
    ) -> Result<bool, NotShared> {
        let (data, names) = (self.data, self.names);
        let written = agree(data, &names.attempts, &mut |record| {
            if let Some(live) = live.as_deref_mut()
                && self.policy.is_news(&record, now)
            {
                self.adopt(&record, live);
            }
            self.policy.attempts = record;
            change(self.policy, record)
        })?;
        self.policy.attempts = written.unwrap_or(self.policy.attempts);
        Ok(written.is_some())
    }

    /// Adopts the document that `record` announces. If it is unreadable, this worker calls the control plane itself.
    fn adopt(&mut self, record: &Attempts, live: &mut Option<Live>) {
        let value = self.data.read(&self.names.document).unwrap_or_default();
        let Some(shared) = SharedDocument::decode(&value.bytes) else { return };
        let Some(end) = shared.document.iter().position(|byte| *byte == b'\n') else { return };
        let (etag, body) = shared.document.split_at(end);
        let body = body.get(1..).unwrap_or_default();
        let own = digest(body);
        if self.policy.document.as_ref().is_none_or(|known| known.digest != own) {
            if body.len() > MAX_POLICY {
                return;
            }
            let Ok(new) = (self.read)(body) else { return };
            let etag = std::str::from_utf8(etag).ok().filter(|etag| is_etag(etag));
            self.policy.document = Some(Document::new(own, etag, &new));
            *live = Some(new);
        }
        self.policy.fetched_at = record.fetched_at;
    }
}
