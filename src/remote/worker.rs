//! How the workers of a host agree who asks the control plane, and take over what it said.

use super::policy::{Document, RemotePolicy, digest};
use crate::config::{ControlPlane, Fault, Live, MAX_POLICY};
use crate::time::UnixTime;
use crate::workers::{Attempts, NotShared, SharedData, SharedDocument, SharedNames, agree};

/// A longer one is not kept: it would go out with every request.
const MAX_ETAG: usize = 1024;

/// Under which names the workers find each other, for one resource.
#[derive(Clone, Debug)]
pub struct Names {
    attempts: String,
    document: String,
    /// What was told of the state.
    pub state: String,
}

impl Names {
    /// For the policy of this resource from there.
    pub fn new(names: &SharedNames, resource: &str, source: &ControlPlane) -> Self {
        let of = |kind| names.of(kind, &source.identity(resource));
        Self { attempts: of("policy/attempts"), document: of("policy/document"), state: of("policy/state") }
    }

    /// All of them.
    pub fn all(&self) -> [String; 3] {
        [&self.attempts, &self.document, &self.state].map(String::clone)
    }
}

/// What an answer of the control plane led to.
#[derive(Debug)]
pub enum Answered {
    /// This is to hold from now on.
    New(Live),
    /// What holds still does.
    Same,
    /// It is no policy; nothing if that was told before.
    Refused(Vec<Fault>),
    /// There is no document, and why.
    Failed(String),
}

/// One resource's policy, in one of several workers.
pub struct PolicyWorker<'a, S> {
    /// What they share.
    pub data: &'a S,
    /// Under which names.
    pub names: &'a Names,
    /// What this worker has.
    pub policy: &'a mut RemotePolicy,
    /// Reads a document.
    pub read: &'a dyn Fn(&[u8]) -> Result<Live, Vec<Fault>>,
}

impl<S: SharedData> PolicyWorker<'_, S> {
    /// Takes over what others did, and nothing more. Gives what is to hold from now on, if that is new.
    pub fn look(&mut self, now: UnixTime) -> Option<Live> {
        // Where nothing is shared, there is nothing to see.
        let mut live = None;
        let _ = self.update(now, Some(&mut live), &|_, _| None);
        live
    }

    /// Takes over what others did, and the lease if the control plane is to be asked: then it says so. Where nothing is
    /// shared, each worker asks for itself.
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

    /// The answer of the control plane came: its status, its entity tag, and its body unless that is too large. A
    /// redirect is no answer.
    pub fn answered(
        &mut self,
        status: Option<u16>,
        etag: Option<&str>,
        body: Option<&[u8]>,
        now: UnixTime,
    ) -> Answered {
        let answered = match (status, body) {
            (Some(200), Some(body)) => self.received(etag, body, now),
            (Some(200), None) => Answered::Failed(format!("the answer is over {MAX_POLICY} bytes")),
            (Some(304), _) if self.policy.etag().is_some() => Answered::Same,
            (Some(401), _) => Answered::Failed("status 401: this resource server's own credentials are refused".into()),
            (Some(status), _) => Answered::Failed(format!("status {status}")),
            (None, _) => Answered::Failed("no answer".into()),
        };
        self.finish(matches!(answered, Answered::New(_) | Answered::Same), now);
        answered
    }

    fn received(&mut self, etag: Option<&str>, body: &[u8], now: UnixTime) -> Answered {
        let etag = etag.filter(|etag| etag.len() <= MAX_ETAG && !etag.contains('\n'));
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
        // The document comes before the record: whoever reads of it there finds it.
        let value = SharedDocument { fetched_at: now, document: &document }.encode();
        let _ = self.data.overwrite(&self.names.document, &value);
        answered
    }

    /// This worker's request has ended, with word of what holds or without.
    pub fn finish(&mut self, with_word: bool, now: UnixTime) {
        if with_word {
            self.policy.fetched_at = Some(now);
        }
        let end = |policy: &RemotePolicy, record: Attempts| Some(record.ended(policy.owner, with_word, now));
        // What others did meanwhile is taken over at the next look.
        if self.update(now, None, &end).is_err() {
            self.policy.attempts = self.policy.attempts.ended(self.policy.owner, with_word, now);
        }
    }

    /// Time goes by: a request of this worker whose answer never came has failed. Says whether that was so.
    pub fn tick(&mut self, now: UnixTime) -> bool {
        let lost = self.policy.is_lost(now);
        if lost {
            self.finish(false, now);
        }
        lost
    }

    /// Reads the record, takes over what it tells of, and writes what `change` makes of it. Says whether it did.
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

    /// Takes over the document that `record` tells of. One that cannot be read is none: this worker will ask itself.
    fn adopt(&mut self, record: &Attempts, live: &mut Option<Live>) {
        let value = self.data.read(&self.names.document).unwrap_or_default();
        let Some(shared) = SharedDocument::decode(&value.bytes) else { return };
        let Some(end) = shared.document.iter().position(|byte| *byte == b'\n') else { return };
        let (etag, body) = shared.document.split_at(end);
        let body = body.get(1..).unwrap_or_default();
        let own = digest(body);
        if self.policy.document.as_ref().is_none_or(|known| known.digest != own) {
            let Ok(new) = (self.read)(body) else { return };
            let etag = std::str::from_utf8(etag).ok().filter(|etag| !etag.is_empty());
            self.policy.document = Some(Document::new(own, etag, &new));
            *live = Some(new);
        }
        self.policy.fetched_at = record.fetched_at;
    }
}
