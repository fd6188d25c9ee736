//! The case: the texts of the page.

use serde::{Deserialize, Serialize};
use toolgate::config::Config;
use toolgate_report::ask;
use toolgate_report::explain::{self, give_keys, request};
use toolgate_report::output::{Trouble, moment, token};
use toolgate_report::source::{File, Found, find};
use toolgate_report::tools::{Tools, parse};

/// The name of the configuration in messages, which the command line prints for a file of this name.
pub const CONFIG: &str = "toolgate.yaml";
/// The name of the list of tools.
const TOOLS: &str = "tools.json";

/// The texts of the page. An empty one counts as none.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Case {
    /// The configuration, alone or inside a proxy's.
    pub config: String,
    /// The number of the plugin configuration if there are several, counted from 1. 0 counts as 1.
    pub plugin: usize,
    /// The access token.
    pub token: String,
    /// The request: an HTTP message, or a bare JSON-RPC message.
    pub request: String,
    /// The resource for a bare message, and of the matrix.
    pub resource: String,
    /// The issuer's key set.
    pub keys: String,
    /// The name of the issuer whose keys these are.
    pub issuer: String,
    /// The issuer's introspection response about the token.
    pub introspection: String,
    /// The server's response to `tools/list`.
    pub tools: String,
    /// The time of the request.
    pub now: String,
}

/// A text that is not blank.
fn given(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty()).then_some(text)
}

impl Case {
    /// Its texts other than the configuration, each with its name.
    pub fn others(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let others = [
            ("the token", &self.token),
            ("the request", &self.request),
            ("the key set", &self.keys),
            ("the introspection response", &self.introspection),
            ("the list of tools", &self.tools),
            ("the time", &self.now),
        ];
        others.into_iter().map(|(name, text)| (name, text.as_str()))
    }

    /// The plugin configurations in its configuration.
    pub fn found(&self) -> Result<Vec<Found>, Trouble> {
        if given(&self.config).is_none() {
            return Err(Trouble("there is no configuration yet".to_owned()));
        }
        find(&[File { name: CONFIG.to_owned(), text: self.config.clone() }], None)
    }

    /// The resource, if it is chosen.
    pub fn resource(&self) -> Option<&str> {
        given(&self.resource)
    }

    /// The list of tools.
    pub fn tools(&self) -> Result<Option<Tools>, Trouble> {
        given(&self.tools).map(|tools| parse(TOOLS, tools.as_bytes())).transpose()
    }

    /// The request with its token, to explain.
    pub fn question(&self, config: &Config) -> Result<explain::Case, Trouble> {
        let mut config = config.clone();
        let Some(text) = given(&self.request) else { return Err(Trouble("there is no request yet".to_owned())) };
        let request = request::read(text.as_bytes(), token(&self.token), self.resource(), &config)?;
        if let Some(keys) = given(&self.keys) {
            let issuer = given(&self.issuer).filter(|_| config.issuers.len() > 1);
            give_keys(&mut config, issuer, keys.as_bytes())
                .map_err(|Trouble(fault)| Trouble(format!("the keys: {fault}")))?;
        }
        let introspection = given(&self.introspection).map(|answer| answer.as_bytes().to_vec());
        let now = given(&self.now).map(moment).unwrap_or_else(|| Err(Trouble("there is no time yet".to_owned())))?;
        Ok(explain::Case::new(config, request, introspection, now))
    }

    /// The resource of the matrix: the chosen one, or the first.
    pub fn shown<'c>(&self, config: &'c Config) -> Result<&'c toolgate::config::Resource, Trouble> {
        let first = config.resources.first().map(|resource| resource.identifier.as_str());
        ask::resource(config, self.resource().or(first))
    }
}
