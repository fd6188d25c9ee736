//! The draft of a policy from the lists of a server.

use std::fmt::Write;
use std::path::Path;

use toolgate::node::Node;
use toolgate::token::{GENERIC, PROFILES};

use crate::output::counted;

/// The parts of a draft.
pub struct Draft<'d> {
    pub issuer: &'d str,
    pub jwks: Option<&'d str>,
    pub cluster: &'d str,
    pub resource: &'d str,
    pub read: &'d str,
    pub write: &'d str,
    pub tools: Vec<Tool<'d>>,
    /// The names of prompts, and the URIs of resources.
    pub prompts: Vec<String>,
    pub resources: Vec<String>,
}

/// A tool as the server describes it.
pub struct Tool<'t> {
    pub name: &'t str,
    title: Option<&'t str>,
    reads: bool,
    destroys: bool,
    /// Whether the server says that it needs no sign-in.
    no_auth: bool,
}

impl Draft<'_> {
    /// Whether the issuer's URL is that of a Keycloak realm.
    fn is_keycloak(&self) -> bool {
        self.issuer.split_once("/realms/").is_some_and(|(_, realm)| !realm.is_empty() && !realm.contains('/'))
    }

    /// Whether something needs the read scope, and something the write scope.
    fn has_both(&self) -> bool {
        let reads = self.tools.iter().any(|tool| tool.reads) || !(self.prompts.is_empty() && self.resources.is_empty());
        reads && self.tools.iter().any(|tool| !tool.reads)
    }

    /// A proposal to map roles, for tokens that have no scopes.
    fn roles(&self) -> String {
        if !self.is_keycloak() {
            return String::new();
        }
        format!(
            "\
    # Where tokens have roles and no scopes, these grant them (and scopes_supported lists what clients may ask for):
    # scope_map:
    #   - {{claims: {{realm_access.roles: mcp-user}}, scopes: [{}]}}
    #   - {{claims: {{realm_access.roles: mcp-admin}}, scopes: [{}]}}
",
            quoted(self.read),
            quoted(self.write),
        )
    }

    pub fn configuration(&self) -> String {
        let tools = &self.tools;
        let jwks = match self.jwks {
            Some(uri) => format!("uri: {}", quoted(uri)),
            None => "discover: true".to_owned(),
        };
        let (read, write) = (quoted(self.read), quoted(self.write));
        let mut text = format!(
            "\
# yaml-language-server: $schema=toolgate.schema.json
# A first policy for {count}: edit it. The schema for your editor: toolgate schema > toolgate.schema.json
issuers:
  - issuer: {issuer}  # exactly as `iss` in its tokens, a trailing slash included
    name: main
{profile}
    jwks: {{{jwks}, cluster: {cluster}}}  # an Envoy cluster, with its TLS
{roles}resources:
  - resource: {resource}  # tokens must be for this audience
    policy:
{hierarchy}      tools:
",
            count = counted(tools.len(), "tool"),
            profile = match self.is_keycloak() {
                true => "    profile: keycloak".to_owned(),
                false => format!("    # profile: keycloak  # what its tokens look like: {}", profiles()),
            },
            roles = self.roles(),
            issuer = quoted(self.issuer),
            cluster = quoted(self.cluster),
            resource = quoted(self.resource),
            hierarchy = if self.has_both() {
                format!(
                    "      hierarchy: {{{}: [{read}]}}  # who may write may read\n",
                    serde_json::Value::from(self.write)
                )
            } else {
                String::new()
            },
        );
        for (heading, reads) in [("said to be read-only", true), ("all others: they may change something", false)] {
            let group: Vec<_> = tools.iter().filter(|tool| tool.reads == reads).collect();
            if group.is_empty() {
                continue;
            }
            let _ = writeln!(text, "        # {heading}");
            for tool in group {
                let scope = if reads { &read } else { &write };
                let title = tool.title.map(|title| format!("  # {}", one_line(title))).unwrap_or_default();
                let warning = if tool.destroys { "  # destructive: a separate scope?" } else { "" };
                let no_auth = if tool.no_auth { "  # said to need no sign-in: {public: true}?" } else { "" };
                let _ = writeln!(text, "        {}: {{scopes: [{scope}]}}{title}{warning}{no_auth}", quoted(tool.name));
            }
        }
        if self.prompts.is_empty() && self.resources.is_empty() {
            text.push_str(
                "      # What is not listed is denied. Prompts, resources and other methods get rules in the same way:\n",
            );
            text.push_str("      # prompts: {\"brief*\": {scopes: [mcp:read]}}\n");
            return text;
        }
        for (kind, names) in [("prompts", &self.prompts), ("resources", &self.resources)] {
            let _ = write!(text, "{}", if names.is_empty() { String::new() } else { format!("      {kind}:\n") });
            for name in names {
                let _ = writeln!(text, "        {}: {{scopes: [{read}]}}", quoted(name));
            }
        }
        text.push_str("      # What is not listed is denied. Other methods get rules in the same way.\n");
        text
    }

    /// For each tool, one case that is allowed and one that is denied.
    pub fn cases(&self, path: &Path) -> String {
        let tools = &self.tools;
        let (read, write) = (quoted(self.read), quoted(self.write));
        let mut text = format!(
            "\
# Who may do what: toolgate test toolgate.yaml {}
callers:
  nobody: {{subject: nobody, scopes: []}}
  reader: {{subject: reader, scopes: [{read}]}}
  writer: {{subject: writer, scopes: [{write}]}}
cases:
",
            path.file_name().unwrap_or_default().to_string_lossy()
        );
        for tool in tools {
            let name = quoted(tool.name);
            let (may, may_not, missing) =
                if tool.reads { ("reader", "nobody", &read) } else { ("writer", "reader", &write) };
            let _ = writeln!(text, "  - {{as: {may}, tool: {name}, expect: allow}}");
            let _ = writeln!(text, "  - {{as: {may_not}, tool: {name}, expect: deny, missing: [{missing}]}}");
        }
        text.push_str("  - {as: writer, tool: a_tool_that_nobody_listed, expect: deny, reason: unlisted}\n");
        text
    }
}

/// The names of the profiles.
fn profiles() -> String {
    let mut names: Vec<_> = PROFILES.iter().map(|profile| profile.name).filter(|name| *name != GENERIC.name).collect();
    names.sort_unstable();
    names.join(", ")
}

/// The tools of a list, sorted.
pub fn tools(entries: &[Node]) -> Vec<Tool<'_>> {
    let hint = |tool: &Node, name: &str| tool.member("annotations").and_then(|hints| hints.member(name)).cloned();
    let one = |tool: &'_ Node| (hint(tool, "readOnlyHint"), hint(tool, "destructiveHint"));
    let named = entries.iter().filter_map(|tool| Some((tool, tool.member("name")?.as_text()?)));
    let mut read: Vec<_> = named
        .map(|(tool, name)| {
            let (reads, destroys) = one(tool);
            let reads = reads == Some(Node::Bool(true));
            let title = tool.member("title").and_then(Node::as_text);
            let destroys = !reads && destroys == Some(Node::Bool(true));
            Tool { name, title, reads, destroys, no_auth: needs_no_auth(tool) }
        })
        .collect();
    read.sort_by_key(|tool| tool.name);
    read.dedup_by_key(|tool| tool.name);
    read
}

/// Whether one of the tool's `securitySchemes` is `noauth`.
fn needs_no_auth(tool: &Node) -> bool {
    let is_it = |scheme: &Node| scheme.member("type").and_then(Node::as_text) == Some("noauth");
    matches!(tool.member("securitySchemes"), Some(Node::List(schemes)) if schemes.iter().any(is_it))
}

/// A string in YAML: plain if that is unambiguous, else quoted as in JSON.
pub fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:".contains(c))
        && !text.ends_with(':')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null"
        );
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect()
}
