//! `toolgate doctor`: the outside view of a running gate, step by step, as an MCP client sees it.

mod challenge;
mod claims;
mod issuer;
mod resource;
mod session;

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use toolgate::url::{Scheme, Url};

use crate::client::{Client, Reach};
use crate::output::{Report, Trouble, bad, counted, doubtful, faint, good, heading, read_token, visible};
use claims::Gate;

/// Checks a running gate from the outside, step by step, as an MCP client sees it
#[derive(Args)]
#[command(after_help = "\
Without a token, it looks at what a client sees before it signs in: TLS, the challenge, the metadata, the authorization \
server and its keys. With a token, it also lists the tools, and calls one that does not exist, which must be denied.

Examples:
  toolgate doctor --url https://mcp.example.com/mcp
  toolgate doctor --url https://mcp.example.com/mcp --token token.txt --json")]
pub struct Doctor {
    /// The URL of the server as clients use it
    #[arg(long, value_name = "URL")]
    url: String,
    /// A file with an access token, or `-` for standard input. It is never printed
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// The origin of a web page that may call the server, such as https://app.example.com
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    #[command(flatten)]
    reach: Reach,
    /// Print the steps as JSON
    #[arg(long)]
    json: bool,
}

/// The outcome of a step.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Failed,
    Passed,
    Skipped,
    Warned,
}

/// One thing that was looked at.
struct Step {
    name: &'static str,
    outcome: Outcome,
    detail: String,
    /// The remedy. Empty for a step that passed.
    remedy: String,
}

/// The steps so far.
#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn passed(&mut self, name: &'static str, detail: impl Into<String>) {
        self.0.push(Step { name, outcome: Outcome::Passed, detail: detail.into(), remedy: String::new() });
    }

    fn failed(&mut self, name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Step { name, outcome: Outcome::Failed, detail: detail.into(), remedy: remedy.into() });
    }

    fn warned(&mut self, name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Step { name, outcome: Outcome::Warned, detail: detail.into(), remedy: remedy.into() });
    }

    fn skipped(&mut self, name: &'static str, detail: impl Into<String>) {
        self.0.push(Step { name, outcome: Outcome::Skipped, detail: detail.into(), remedy: String::new() });
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|step| step.outcome == outcome).count()
    }
}

impl Doctor {
    pub fn run(self) -> Result<Report, Trouble> {
        let url = Url::parse(&self.url).map_err(|fault| Trouble(format!("--url {}: {}", self.url, fault.message())))?;
        let token = self.token.as_deref().map(read_token).transpose()?;
        let client = Client::new(&self.reach)?;
        let mut steps = Steps::default();
        self.look(&client, &url, token.as_deref(), &mut steps);
        let text = if self.json { as_json(&self.url, &steps) } else { words(&self.url, &steps) };
        Ok(Report { text, notes: String::new(), is_well: steps.count(Outcome::Failed) == 0 })
    }

    fn look(&self, client: &Client, url: &Url, token: Option<&str>, steps: &mut Steps) {
        match url.scheme() {
            Scheme::Https => {}
            Scheme::Http if url.is_loopback() => steps.skipped("tls", "the URL is on loopback, without TLS"),
            Scheme::Http => steps.failed(
                "tls",
                "the URL has no TLS: everybody on the way reads the tokens",
                "end TLS in front of toolgate, and give clients the `https` URL",
            ),
        }
        let Some(challenge) = challenge::look(client, url, steps) else { return };
        let document = resource::look(client, url, challenge.metadata.as_deref(), steps);
        let issuers = document.map(|document| document.issuers).unwrap_or_default();
        let keys: Vec<String> = issuers.iter().flat_map(|issuer| issuer::look(client, issuer, steps)).collect();
        match &self.origin {
            Some(origin) => resource::preflight(client, url, origin, steps),
            None => steps.skipped("cors", "no web page is meant to call the server: see --origin"),
        }
        match token {
            Some(token) => session::look(client, url, token, &Gate { url, issuers, keys }, steps),
            None => steps.skipped("tools", "no token was given: see --token"),
        }
    }
}

fn words(url: &str, steps: &Steps) -> String {
    let (failed, warned) = (steps.count(Outcome::Failed), steps.count(Outcome::Warned));
    let summary = format!("{}, {}", counted(failed, "fault"), counted(warned, "warning"));
    let summary = match (failed, warned) {
        (0, 0) => good("all is well"),
        (0, _) => doubtful(&summary),
        _ => bad(&summary),
    };
    let mut text = format!("{}: {summary}\n\n", heading(&visible(url)));
    for step in &steps.0 {
        let mark = match step.outcome {
            Outcome::Failed => bad("-"),
            Outcome::Passed => good("+"),
            Outcome::Skipped => faint("."),
            Outcome::Warned => doubtful("!"),
        };
        let _ = writeln!(text, "{mark} {:<13} {}", step.name, visible(&step.detail));
        if !step.remedy.is_empty() {
            let _ = writeln!(text, "  {:<13} {}", "", faint(&visible(&step.remedy)));
        }
    }
    text
}

fn as_json(url: &str, steps: &Steps) -> String {
    let one = |step: &Step| {
        let outcome = match step.outcome {
            Outcome::Failed => "failed",
            Outcome::Passed => "passed",
            Outcome::Skipped => "skipped",
            Outcome::Warned => "warning",
        };
        let remedy = (!step.remedy.is_empty()).then_some(&step.remedy);
        json!({"step": step.name, "outcome": outcome, "detail": step.detail, "remedy": remedy})
    };
    let all: Vec<_> = steps.0.iter().map(one).collect();
    format!("{:#}\n", json!({"url": url, "is_well": steps.count(Outcome::Failed) == 0, "steps": all}))
}
