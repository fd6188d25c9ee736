//! `toolgate explain`: why a request gets its answer.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use toolgate::config::Config;
use toolgate_report::explain::{Case, Hints, give_keys, request};
use toolgate_report::listed::{Listed, listed};

use crate::likely::did_you_mean;
use crate::output::{Report, Trouble, moment, read, read_token};
use crate::source::ConfigArgument;
use crate::tools::read_tools;

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
    /// The server's response to `tools/list`, to show which of its tools the same caller sees
    #[arg(long, value_name = "FILE")]
    tools: Option<PathBuf>,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

/// The options with what an explanation may lack.
const OPTIONS: Hints = Hints { keys: "--keys", introspection: "--introspection" };

impl Explain {
    pub fn run(self) -> Result<Report, Trouble> {
        let mut config = self.config.load()?;
        let request =
            request::read(&read(&self.request)?, self.token()?.as_deref(), self.resource.as_deref(), &config)?;
        for keys in &self.keys {
            keys_of(&mut config, keys)?;
        }
        let now = moment(self.at.as_deref()).map_err(|fault| Trouble(format!("--at: {fault}")))?;
        let introspection = self.introspection.as_deref().map(read).transpose()?;
        let case = Case::new(config, request, introspection, now);
        let explained = case.explain();
        let list = self.tools.as_deref().map(read_tools).transpose()?.map(|tools| listed(&case, &tools));
        let text = if self.json {
            let mut document = explained.json(&OPTIONS);
            if let (Value::Object(members), Some(list)) = (&mut document, &list) {
                members.insert("list".to_owned(), list.json());
            }
            format!("{document:#}\n")
        } else {
            format!("{}{}", explained.words(&OPTIONS), list.as_ref().map(Listed::words).unwrap_or_default())
        };
        Ok(Report { text, notes: String::new(), is_well: explained.is_well() })
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
fn keys_of(config: &mut Config, argument: &str) -> Result<(), Trouble> {
    let named = argument.split_once('=').filter(|(name, _)| config.issuers.iter().any(|issuer| issuer.name == *name));
    let (name, path) = match named {
        Some((name, path)) => (Some(name), path),
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
    let keys = read(Path::new(path))?;
    give_keys(config, name, &keys).map_err(|fault| Trouble(format!("{path}: {fault}")))
}
