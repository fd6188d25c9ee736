//! `toolgate explain`: why a request gets its answer.

mod request;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use toolgate::callout::Request;
use toolgate::config::Config;
use toolgate::exchange::HeaderEdit;
use toolgate::explain::{
    Answered, Check, DangerouslyUnchecked, Endpoint, Explanation, Finding, Question, explain, stand_in_keys,
};
use toolgate::jwks::{IssuerKeys, KeySet, KeySource};
use toolgate::reason::{Family, Reason};
use toolgate::reply::Reply;
use toolgate::signature::{PureVerifier, SignatureVerifier};

use crate::likely::did_you_mean;
use crate::output::{Report, Trouble, bad, doubtful, faint, good, heading, moment, read, read_token};
use crate::source::ConfigArgument;

/// Explains the response to a request: every check in order, and the response that would be sent
#[derive(Args)]
#[command(after_help = "\
The request is an HTTP message (`POST /mcp HTTP/1.1`, headers, an empty line, the body), or a bare JSON-RPC message.
Without keys the signature is not verified, and the output says so.

Examples:
  toolgate explain toolgate.yaml --token token.txt --request call.json --keys jwks.json
  pbpaste | toolgate explain envoy.yaml --token - --request request.http --at 2026-11-25T15:00:00Z")]
pub struct Explain {
    #[command(flatten)]
    config: ConfigArgument,
    /// A file with the access token, or `-` for standard input. Never an argument, because other users can see
    /// arguments
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// A file with the request, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The resource for a bare message
    #[arg(long, value_name = "URL")]
    resource: Option<String>,
    /// The time of the request, in RFC 3339 or seconds since 1970; by default now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A key set (JWKS) of the issuer; NAME=FILE if there are several issuers
    #[arg(long, value_name = "[NAME=]FILE")]
    keys: Vec<String>,
    /// The response of the issuer's introspection endpoint about the token (RFC 7662)
    #[arg(long, value_name = "FILE")]
    introspection: Option<PathBuf>,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

/// Whether signatures were verified.
#[derive(Clone, Copy, PartialEq)]
enum Signatures {
    Checked,
    Unchecked,
}

impl Explain {
    pub fn run(self) -> Result<Report, Trouble> {
        let mut config = self.config.load()?;
        let request =
            request::read(&read(&self.request)?, self.token()?.as_deref(), self.resource.as_deref(), &config)?;
        for keys in &self.keys {
            give_keys(&mut config, keys)?;
        }
        let now = moment(self.at.as_deref()).map_err(|fault| Trouble(format!("--at: {fault}")))?;
        let signatures = assume_keys(&mut config, &request);
        let verifier: &dyn SignatureVerifier = match signatures {
            Signatures::Checked => &PureVerifier,
            Signatures::Unchecked => &DangerouslyUnchecked,
        };
        let mut keys = IssuerKeys::new(config.key_sources(), 0);
        let answer = self.introspection.as_deref().map(read).transpose()?;
        let endpoint = |_: &Request| answer.clone();
        let endpoint = answer.is_some().then_some(&endpoint as Endpoint<'_>);
        let mut question = Question { config: &config, keys: &mut keys, verifier, endpoint, now };
        let explanation = explain(&mut question, &request);
        let is_well = !is_refused(&explanation.answered);
        let text = if self.json { as_json(&explanation, signatures) } else { words(&explanation, signatures) };
        Ok(Report { text, notes: String::new(), is_well: is_well && !explanation.answered.waits })
    }

    fn token(&self) -> Result<Option<String>, Trouble> {
        let Some(path) = &self.token else { return Ok(None) };
        if path.as_os_str() == "-" && self.request.as_os_str() == "-" {
            return Err(Trouble("the token and the request cannot both be standard input".to_owned()));
        }
        read_token(path).map(Some)
    }
}

/// Replaces a key set that would be fetched.
fn give_keys(config: &mut Config, argument: &str) -> Result<(), Trouble> {
    let named = argument.split_once('=').filter(|(name, _)| config.issuers.iter().any(|issuer| issuer.name == *name));
    let (name, path) = match named {
        Some((name, path)) => (Some(name.to_owned()), path),
        None => (None, argument),
    };
    let names = || config.issuers.iter().map(|issuer| issuer.name.clone()).collect::<Vec<_>>().join(", ");
    if name.is_none() && config.issuers.len() > 1 {
        return Err(Trouble(format!("--keys {argument}: say of which issuer, NAME=FILE: {}", names())));
    }
    if let Some((own, _)) = argument.split_once('=').filter(|_| name.is_none() && !Path::new(path).exists()) {
        let likely = did_you_mean(own, config.issuers.iter().map(|issuer| issuer.name.as_str()));
        return Err(Trouble(format!(
            "--keys {argument}: no issuer is named `{own}`; configured are {}{likely}",
            names()
        )));
    }
    let set = KeySet::parse(&read(Path::new(path))?).map_err(|_| Trouble(format!("{path}: not a key set (JWKS)")))?;
    let issuer = config.issuers.iter_mut().find(|issuer| name.as_ref().is_none_or(|name| issuer.name == *name));
    if let Some(issuer) = issuer {
        issuer.keys = Some(KeySource::Fixed(set));
    }
    Ok(())
}

/// If the keys of the token's issuer are not available, substitutes a made-up key and skips the signature check.
fn assume_keys(config: &mut Config, request: &toolgate::explain::HttpRequest) -> Signatures {
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
fn headline(explanation: &Explanation, signatures: Signatures) -> String {
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
        (None, _) if answered.waits => "waits for what its issuer says of the token: see --introspection".to_owned(),
        (None, _) if is_allowed => format!("goes on to the server: {reason}{unchecked}"),
        (None, _) => format!("goes on to the server in shadow mode, where {reason} is recorded only{unchecked}"),
    }
}

/// The hint as another sentence of the headline.
fn sentence(hint: &str) -> String {
    let mut rest = hint.chars();
    rest.next().map(|first| format!(". {}{}", first.to_uppercase(), rest.as_str())).unwrap_or_default()
}

fn words(explanation: &Explanation, signatures: Signatures) -> String {
    let Explanation { answered, checks } = explanation;
    let goes_on = !is_refused(answered) && !answered.waits;
    let headline = headline(explanation, signatures);
    let mut text = format!("{}\n\n", if goes_on { good(&headline) } else { bad(&headline) });
    for check in checks {
        let (mark, detail, hint) = shown(check, signatures);
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

fn shown(check: &Check, signatures: Signatures) -> (String, String, Option<String>) {
    let unchecked = signatures == Signatures::Unchecked && matches!(check.about, "key" | "signature");
    match &check.finding {
        Finding::Passed(_) if unchecked => {
            (doubtful("?"), "not checked: the issuer's keys are not here (see --keys)".to_owned(), None)
        }
        Finding::Passed(detail) => (good("+"), detail.clone(), None),
        Finding::Unknown(detail) => (doubtful("?"), detail.clone(), None),
        Finding::Refused(refused) => {
            let detail = format!("{} ({})", refused.detail, refused.reason);
            (bad("-"), detail, refused.hint.clone())
        }
    }
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

fn as_json(explanation: &Explanation, signatures: Signatures) -> String {
    let Explanation { answered, checks } = explanation;
    let check = |check: &Check| {
        let (passed, detail, code, hint) = match &check.finding {
            Finding::Passed(detail) => (json!(true), detail, None, None),
            Finding::Unknown(detail) => (json!(null), detail, None, None),
            Finding::Refused(refused) => {
                (json!(false), &refused.detail, Some(refused.reason.as_str()), refused.hint.clone())
            }
        };
        json!({"about": check.about, "passed": passed, "detail": detail, "code": code, "hint": hint})
    };
    let reply = answered.reply.as_ref().map(|reply| {
        let headers: Vec<_> = reply.headers.iter().map(|(name, value)| json!([name, value])).collect();
        json!({"status": reply.status, "headers": headers, "body": reply.body})
    });
    let document = json!({
        "summary": headline(explanation, signatures),
        "decision": answered.records.first().map(|record| record.decision.as_str()),
        "reason": answered.reason().map(Reason::as_str),
        "signature_checked": signatures == Signatures::Checked,
        "checks": checks.iter().map(check).collect::<Vec<_>>(),
        "answer": reply,
    });
    format!("{document:#}\n")
}
