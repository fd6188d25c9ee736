//! Why a request gets its answer.

mod guess;
pub mod request;

use std::fmt::Write;

use serde_json::{Value, json};
use toolgate::callout::Request;
use toolgate::config::Config;
use toolgate::exchange::HeaderEdit;
use toolgate::explain::{
    Answered, Check, DangerouslyUnchecked, Endpoint, Explanation, Finding, HttpRequest, Question, Refused, explain,
    stand_in_keys,
};
use toolgate::jwks::{IssuerKeys, KeySet, KeySource};
use toolgate::reason::{Family, Reason};
use toolgate::reply::Reply;
use toolgate::signature::{PureVerifier, SignatureVerifier};
use toolgate::time::UnixTime;

use crate::output::{Trouble, bad, doubtful, faint, good, heading};

/// Whether signatures were verified.
#[derive(Clone, Copy, PartialEq)]
enum Signatures {
    Checked,
    Unchecked,
}

/// A request to explain, and all that its answer depends on.
pub struct Case {
    config: Config,
    request: HttpRequest,
    introspection: Option<Vec<u8>>,
    now: UnixTime,
    signatures: Signatures,
}

/// Where the reader gives what is missing.
pub struct Hints {
    /// The issuer's key set.
    pub keys: &'static str,
    /// The introspection response.
    pub introspection: &'static str,
}

/// An explained request.
pub struct Explained {
    /// The answer, and the checks that led to it.
    pub explanation: Explanation,
    signatures: Signatures,
}

impl Case {
    /// A request at the time `now`. `introspection` is the response of the issuer's endpoint about its token.
    pub fn new(mut config: Config, request: HttpRequest, introspection: Option<Vec<u8>>, now: UnixTime) -> Self {
        let signatures = assume_keys(&mut config, &request);
        Self { config, request, introspection, now, signatures }
    }

    /// The request.
    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// Explains the request.
    pub fn explain(&self) -> Explained {
        let mut explanation = self.ask(|question| explain(question, &self.request));
        guess::complete(&self.config, &mut explanation);
        Explained { explanation, signatures: self.signatures }
    }

    /// Asks the core.
    pub fn ask<R>(&self, ask: impl FnOnce(&mut Question<'_>) -> R) -> R {
        let verifier: &dyn SignatureVerifier = match self.signatures {
            Signatures::Checked => &PureVerifier,
            Signatures::Unchecked => &DangerouslyUnchecked,
        };
        let mut keys = IssuerKeys::new(self.config.key_sources(), 0);
        let endpoint = |_: &Request| self.introspection.clone();
        let endpoint = self.introspection.is_some().then_some(&endpoint as Endpoint<'_>);
        ask(&mut Question { config: &self.config, keys: &mut keys, verifier, endpoint, now: self.now })
    }
}

impl Explained {
    /// Whether the request reaches the server, or is answered as every caller is.
    pub fn is_well(&self) -> bool {
        let answered = &self.explanation.answered;
        !is_refused(answered) && !answered.waits
    }

    /// Whether the signature was verified, or would have been.
    pub fn is_verified(&self) -> bool {
        self.signatures == Signatures::Checked
    }

    /// As text.
    pub fn words(&self, hints: &Hints) -> String {
        words(&self.explanation, self.signatures, hints)
    }

    /// As JSON.
    pub fn json(&self, hints: &Hints) -> Value {
        as_json(&self.explanation, self.signatures, hints)
    }
}

/// Replaces a key set that would be fetched: that of the issuer with this name, or of the only issuer.
///
/// # Errors
/// If `keys` is not a key set.
pub fn give_keys(config: &mut Config, name: Option<&str>, keys: &[u8]) -> Result<(), Trouble> {
    let set = KeySet::parse(keys).map_err(|_| Trouble("not a key set (JWKS)".to_owned()))?;
    let issuer = config.issuers.iter_mut().find(|issuer| name.is_none_or(|name| issuer.name == name));
    if let Some(issuer) = issuer {
        issuer.keys = Some(KeySource::Fixed(set));
    }
    Ok(())
}

/// If the keys of the token's issuer are not available, substitutes a made-up key and skips the signature check.
fn assume_keys(config: &mut Config, request: &HttpRequest) -> Signatures {
    let Some((issuer, set)) = stand_in_keys(request) else { return Signatures::Checked };
    let unknown = config.issuers.iter_mut().find(|own| own.identifier == issuer);
    match unknown.filter(|own| !matches!(own.keys, None | Some(KeySource::Fixed(_)))) {
        Some(own) => {
            own.keys = Some(KeySource::Fixed(set));
            Signatures::Unchecked
        }
        None => Signatures::Checked,
    }
}

/// Whether the request is refused. A refusal inside a result has status 200.
fn is_refused(answered: &Answered) -> bool {
    answered.reply.is_some() && answered.reason().is_none_or(|reason| reason.family() != Family::Allowed)
}

/// The cause of a refusal, or the reason why the request passes.
fn headline(explanation: &Explanation, signatures: Signatures, hints: &Hints) -> String {
    let answered = &explanation.answered;
    let unchecked =
        if signatures == Signatures::Unchecked { ", if the signature is good: it was not checked" } else { "" };
    let reason = answered.reason();
    let is_allowed = reason.is_some_and(|reason| reason.family() == Family::Allowed);
    let reason = reason.map(Reason::as_str).unwrap_or_default();
    match (&answered.reply, explanation.cause()) {
        (Some(reply), _) if !is_refused(answered) => format!("{} {reason}: answered without a token", reply.status),
        (Some(reply), Some(cause)) => {
            let hint = cause.hint.as_deref().map(sentence).unwrap_or_default();
            format!("{} {}: {}{hint}", reply.status, cause.reason, cause.detail)
        }
        (Some(reply), None) => format!("{} {reason}", reply.status),
        (None, _) if answered.waits => {
            format!("waits for what its issuer says of the token: see {}", hints.introspection)
        }
        (None, _) if is_allowed => format!("goes on to the server: {reason}{unchecked}"),
        (None, cause) => {
            let hint = |cause: &Refused| cause.hint.as_deref().map(sentence).unwrap_or_default();
            let detail = cause.map(|cause| format!(": {}{}", cause.detail, hint(cause))).unwrap_or_default();
            format!("goes on to the server in shadow mode, where {reason} is recorded only{unchecked}{detail}")
        }
    }
}

/// The hint as another sentence of the headline.
fn sentence(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!(". {}", capital(hint)) }
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| format!("{}{}", first.to_uppercase(), rest.as_str())).unwrap_or_default()
}

fn words(explanation: &Explanation, signatures: Signatures, hints: &Hints) -> String {
    let Explanation { answered, checks } = explanation;
    let goes_on = !is_refused(answered) && !answered.waits;
    let headline = headline(explanation, signatures, hints);
    let mut text = format!("{}\n\n", if goes_on { good(&headline) } else { bad(&headline) });
    for check in checks {
        let (mark, detail, hint) = shown(check, signatures, hints);
        let _ = writeln!(text, "{mark} {:<15} {detail}", check.about);
        if let Some(hint) = hint {
            let _ = writeln!(text, "  {:<15} {}", "", faint(&hint));
        }
    }
    text.push('\n');
    match &answered.reply {
        Some(reply) => text.push_str(&answer(reply)),
        None => text.push_str(&on_its_way(answered)),
    }
    for arguments in answered.records.iter().filter_map(|record| record.arguments.as_deref()) {
        let _ = writeln!(text, "the audit line has the arguments {arguments}");
    }
    text
}

fn shown(check: &Check, signatures: Signatures, hints: &Hints) -> (String, String, Option<String>) {
    let unchecked = signatures == Signatures::Unchecked && matches!(check.about, "key" | "signature");
    match &check.finding {
        Finding::Passed(_) if unchecked => {
            (doubtful("?"), format!("not checked: the issuer's keys are not here (see {})", hints.keys), None)
        }
        Finding::Passed(detail) => (good("+"), detail.clone(), None),
        Finding::Unknown(detail) => (doubtful("?"), detail.clone(), None),
        Finding::Recorded(refused) => (doubtful("-"), recorded(refused), refused.hint.clone()),
        Finding::Refused(refused) => {
            let detail = format!("{} ({})", refused.detail, refused.reason);
            (bad("-"), detail, refused.hint.clone())
        }
    }
}

/// A failed check in shadow mode.
fn recorded(refused: &Refused) -> String {
    format!("would be denied ({}), but is in shadow mode: {}", refused.reason, refused.detail)
}

/// The answer that is sent. The decision id differs each time.
fn answer(reply: &Reply) -> String {
    let mut text = format!("{}\n", heading(&format!("HTTP {}", reply.status)));
    for (name, value) in &reply.headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    let _ = writeln!(text, "\n{}", reply.body);
    text
}

fn on_its_way(answered: &Answered) -> String {
    let mut text = String::new();
    for edit in &answered.edits {
        let _ = match edit {
            HeaderEdit::Remove(name) => writeln!(text, "the server does not get {name}"),
            HeaderEdit::Set(name, value) | HeaderEdit::Add(name, value) => {
                writeln!(text, "the server gets {name}: {value}")
            }
        };
    }
    text
}

fn as_json(explanation: &Explanation, signatures: Signatures, hints: &Hints) -> Value {
    let Explanation { answered, checks } = explanation;
    let check = |check: &Check| {
        let (passed, detail, code, hint) = match &check.finding {
            Finding::Passed(detail) => (json!(true), detail.clone(), None, None),
            Finding::Unknown(detail) => (json!(null), detail.clone(), None, None),
            Finding::Recorded(own) => (json!(true), recorded(own), Some(own.reason.as_str()), own.hint.clone()),
            Finding::Refused(own) => (json!(false), own.detail.clone(), Some(own.reason.as_str()), own.hint.clone()),
        };
        json!({"about": check.about, "passed": passed, "detail": detail, "code": code, "hint": hint})
    };
    let reply = answered.reply.as_ref().map(|reply| {
        let headers: Vec<_> = reply.headers.iter().map(|(name, value)| json!([name, value])).collect();
        json!({"status": reply.status, "headers": headers, "body": reply.body})
    });
    json!({
        "summary": headline(explanation, signatures, hints),
        "decision": answered.records.first().map(|record| record.decision.as_str()),
        "reason": answered.reason().map(Reason::as_str),
        "signature_checked": signatures == Signatures::Checked,
        "checks": checks.iter().map(check).collect::<Vec<_>>(),
        "answer": reply,
    })
}
