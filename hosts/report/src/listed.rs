//! A server's list of tools, as the caller of a request gets it.

use std::fmt::Write;

use serde_json::{Value, json};
use toolgate::explain::{HttpRequest, decide, pass};
use toolgate::node::Node;
use toolgate::reason::Reason;

use crate::explain::Case;
use crate::output::{bad, counted, faint, good, heading, visible};
use crate::tools::Tools;

/// The most hidden tools whose refusal is looked up, because each is a request of its own, with its signature.
const MOST_EXPLAINED: usize = 100;

/// The answer to a request for the list.
pub enum Listed {
    /// The request is answered so, by status and reason, and there is no list.
    Refused(u16, Option<Reason>),
    /// The request waits for its issuer's endpoint.
    Waits,
    /// The list.
    Tools {
        /// The names of its tools.
        shown: Vec<String>,
        /// The tools that it lacks.
        hidden: Vec<Hidden>,
    },
}

/// A tool that the caller does not see.
pub struct Hidden {
    /// Its name.
    pub name: String,
    /// Why a call of it would be refused, if that was looked up.
    pub reason: Option<Reason>,
    /// The scopes that the caller lacks, if they would open it.
    pub missing: Vec<String>,
}

/// The list of `tools`, for the caller of `case`.
pub fn listed(case: &Case, tools: &Tools) -> Listed {
    let entries: Vec<_> = tools.entries.iter().map(text).collect();
    let document = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, entries.join(","));
    let request = asking(case, &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}));
    let answered = case.ask(|question| pass(question, &request, document.as_bytes()));
    if let Some(reply) = &answered.reply {
        return Listed::Refused(reply.status, answered.reason());
    }
    if answered.waits {
        return Listed::Waits;
    }
    let got = answered.replaced.unwrap_or(document.into_bytes());
    let got = Node::from_json(&got).ok();
    let kept = got.as_ref().and_then(|got| got.member("result")?.member("tools")?.as_list()).unwrap_or_default();
    let mut kept = kept.iter().peekable();
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    for entry in &tools.entries {
        let name = entry.member("name").and_then(Node::as_text).unwrap_or_default().to_owned();
        // Those that stay keep their order. What they need may be added to them.
        let same = |kept: &&Node| kept.member("name") == entry.member("name");
        if kept.next_if(same).is_some() {
            shown.push(name);
        } else {
            hidden.push(name);
        }
    }
    let hidden = hidden.into_iter().enumerate().map(|(n, name)| why(case, name, n < MOST_EXPLAINED));
    Listed::Tools { shown, hidden: hidden.collect() }
}

fn why(case: &Case, name: String, explained: bool) -> Hidden {
    if !explained {
        return Hidden { name, reason: None, missing: Vec::new() };
    }
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}});
    let answered = case.ask(|question| decide(question, &asking(case, &call)));
    let missing = answered.records.first().map(|record| record.missing.clone()).unwrap_or_default();
    Hidden { name, reason: answered.reason(), missing }
}

/// The request of the case, with another message.
fn asking(case: &Case, message: &Value) -> HttpRequest {
    let own = |name: &str| name.starts_with("mcp-") || matches!(name, ":method" | "content-length" | "content-type");
    let kept = case.request().headers.iter().filter(|(name, _)| !own(name));
    let set = [(":method", "POST"), ("content-type", "application/json")];
    let set = set.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    HttpRequest {
        headers: set.into_iter().chain(kept.cloned()).collect(),
        body: Some(message.to_string().into_bytes()),
        trailers: Vec::new(),
    }
}

/// A value as JSON. Members given twice stay, because the gate judges them.
fn text(node: &Node) -> String {
    let quoted = |text: &str| json!(text).to_string();
    match node {
        Node::Null => "null".to_owned(),
        Node::Bool(flag) => flag.to_string(),
        Node::Number(number) => number.to_string(),
        Node::Text(own) => quoted(own),
        Node::List(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(",")),
        Node::Object(members) => {
            let member = |(name, value): &(String, Node)| format!("{}:{}", quoted(name), text(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
    }
}

impl Hidden {
    /// The scopes that are missing, or the reason.
    pub fn needs(&self) -> String {
        match (self.missing.as_slice(), self.reason) {
            ([], Some(reason)) => reason.to_string(),
            ([], None) => String::new(),
            (missing, _) => format!("needs {}", missing.join(" + ")),
        }
    }
}

impl Listed {
    /// As text.
    pub fn words(&self) -> String {
        let title = heading("tools/list");
        match self {
            Self::Refused(status, reason) => {
                let reason = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
                format!("\n{title}: {}\n", bad(&format!("{status}{reason}, no list")))
            }
            Self::Waits => format!("\n{title}: waits for what its issuer says of the token\n"),
            Self::Tools { shown, hidden } => {
                let all = counted(shown.len() + hidden.len(), "tool");
                let mut text = format!("\n{title}: this caller sees {} of {all}\n", shown.len());
                for name in shown {
                    let _ = writeln!(text, "{} {}", good("+"), visible(name));
                }
                for tool in hidden {
                    let line = format!("{} {:<15} {}", bad("-"), visible(&tool.name), faint(&visible(&tool.needs())));
                    let _ = writeln!(text, "{}", line.trim_end());
                }
                text
            }
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        match self {
            Self::Refused(status, reason) => json!({"status": status, "reason": reason.map(Reason::as_str)}),
            Self::Waits => json!({"waits": true}),
            Self::Tools { shown, hidden } => {
                let hidden = hidden.iter().map(
                    |tool| json!({"name": tool.name, "reason": tool.reason.map(Reason::as_str), "missing": tool.missing}),
                );
                json!({"shown": shown, "hidden": hidden.collect::<Vec<_>>()})
            }
        }
    }
}
