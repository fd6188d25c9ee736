//! Policies from a control plane, validated like a policy in the configuration.
//!
//! AuthSec's document is converted to a policy of the configuration and then read as one, so that the same checks
//! apply.

use std::time::Duration;

use super::fields::{At, Findings, Zero};
use super::issuer::Known;
use super::{lint, policy};
use crate::config::{Config, Fault, Format, Live, MAX_POLICY};
use crate::ids::ResourceId;
use crate::json;
use crate::node::Node;

/// The maximum nesting depth. A policy needs eight levels.
const MAX_DEPTH: usize = 64;

/// The parts of a document, before its policy is checked.
struct Parts {
    policy: Node,
    supported: Option<Vec<String>>,
    ttl: Option<Duration>,
}

impl Config {
    /// Reads the `document` from the policy source of `resource`. All faults are returned at once.
    pub fn read_policy(&self, resource: ResourceId, document: &[u8]) -> Result<Live, Vec<Fault>> {
        let mut found = Findings::default();
        let live = self.read_live(resource, document, &mut found);
        match live {
            Some(Live::InForce { policy, supported, ttl, .. }) if found.faults.is_empty() => {
                Ok(Live::InForce { policy, supported, ttl, warnings: found.warnings })
            }
            Some(withheld @ Live::Withheld { .. }) => Ok(withheld),
            _ => Err(found.faults),
        }
    }

    fn read_live(&self, resource: ResourceId, document: &[u8], found: &mut Findings) -> Option<Live> {
        let Some(resource) = self.resources.get(resource) else { return found.fault("", "there is no such resource") };
        let source = resource.policy_source.as_ref()?;
        if document.len() > MAX_POLICY {
            return found.fault("", format!("is over {MAX_POLICY} bytes"));
        }
        if let Err(fault) = json::check(document, MAX_DEPTH) {
            return found.fault("", format!("is not one strict JSON value: {}", fault.message()));
        }
        let node = match Node::from_json(document) {
            Ok(node) => node,
            Err(fault) => return found.fault("", format!("is not JSON: {fault}")),
        };
        let parts = match source.format {
            Format::Toolgate => Parts { policy: node, supported: None, ttl: None },
            Format::Authsec => match read_authsec(&node, found)? {
                Ok(parts) => parts,
                Err(state) => return Some(Live::Withheld { state }),
            },
        };
        let known = Known { issuers: &self.issuers, complete: true, trusted: &resource.issuers };
        let policy = policy::read(&At { path: String::new(), node: &parts.policy }, known, found)?;
        let trusted: Vec<_> = resource.issuers.iter().filter_map(|id| self.issuers.get(*id)).collect();
        lint::check_issuers("", &policy.matrix, &trusted, found);
        lint::check_sessions("resources[]", &policy, resource.sessions.as_ref(), found);
        let (supported, ttl, warnings) = (parts.supported, parts.ttl, Vec::new());
        Some(Live::InForce { policy: Box::new(policy), supported, ttl, warnings })
    }
}

/// AuthSec's `sdk-policy`: its parts, or the state in which it is not ready to decide. Unknown members are ignored.
fn read_authsec(document: &Node, found: &mut Findings) -> Option<Result<Parts, String>> {
    let at = |name: &str| document.member(name).map(|node| At { path: name.to_owned(), node });
    let required = |name: &'static str, found: &mut Findings| match at(name) {
        Some(at) => Some(at),
        None => found.fault(name, "is required"),
    };
    let state = required("state", found).and_then(|at| at.text(found));
    let complete = required("policy_complete", found).and_then(|at| at.flag(found));
    let (state, complete) = state.zip(complete)?;
    if state != "ready" || !complete {
        return Some(Err(if complete { state.to_owned() } else { format!("{state}, not complete") }));
    }
    let given = |name: &str| document.optional(name).map(|node| At { path: name.to_owned(), node });
    let tools = match given("tool_policy") {
        Some(at) => at.list(Zero::Allow, found, |at, found| tool(&at, found))?.into_iter().flatten().collect(),
        None => given("tools").and_then(|at| at.entries(found)).map(|tools| older(tools, found)).unwrap_or_default(),
    };
    let supported = given("scopes_supported").and_then(|at| at.list(Zero::Allow, found, |at, found| at.scope(found)));
    let ttl = given("ttl_seconds").and_then(|at| at.whole(0, MAX_TTL, found));
    Some(Ok(Parts {
        policy: Node::Object(vec![("tools".to_owned(), Node::Object(tools))]),
        supported: supported.map(|scopes| scopes.iter().map(ToString::to_string).collect()),
        ttl: ttl.map(|seconds| Duration::from_secs(seconds as u64)),
    }))
}

/// The maximum lifetime in seconds, a year. A longer one is a mistake.
const MAX_TTL: usize = 366 * 86_400;

/// An element of `tool_policy` as a rule. `Some(None)` is a tool that is denied to everyone and so has no rule.
fn tool(at: &At<'_>, found: &mut Findings) -> Option<Option<(String, Node)>> {
    let member = |name: &str| at.node.optional(name).map(|node| At { path: format!("{}.{name}", at.path), node });
    let Some(name) = member("name") else { return found.fault(&at.path, "needs a `name`") };
    let name = name.text(found)?;
    let public = member("is_public").and_then(|at| at.flag(found)).unwrap_or(false);
    let scopes = match member("required_scopes") {
        Some(at) => at.texts(Zero::Allow, found)?,
        None => Vec::new(),
    };
    Some(rule(name, &at.path, public, scopes, found))
}

/// The older form: a tool's name and its scopes. AuthSec treats an empty list as public; here it denies everyone.
fn older(tools: Vec<(&str, At<'_>)>, found: &mut Findings) -> Vec<(String, Node)> {
    let mut rules = Vec::new();
    for (name, at) in tools {
        let texts = if *at.node == Node::Null { Some(Vec::new()) } else { at.texts(Zero::Allow, found) };
        rules.extend(texts.and_then(|scopes| rule(name, &at.path, false, scopes, found)));
    }
    rules
}

/// The rule of a tool: any one of its scopes. A public tool without scopes requires any valid token. A public tool with
/// scopes requires one of them.
fn rule(name: &str, path: &str, public: bool, scopes: Vec<String>, found: &mut Findings) -> Option<(String, Node)> {
    if name.contains('*') {
        // AuthSec treats it as a literal name, but a rule treats it as a pattern and would allow more than intended.
        found.warn(path, "is denied: a name with `*` would be read as a pattern");
        return None;
    }
    let any_of = scopes.into_iter().map(|scope| Node::List(vec![Node::Text(scope)])).collect::<Vec<_>>();
    let member = match (any_of.is_empty(), public) {
        (false, _) => ("any_of".to_owned(), Node::List(any_of)),
        (true, true) => ("scopes".to_owned(), Node::List(Vec::new())),
        (true, false) => return None,
    };
    Some((name.to_owned(), Node::Object(vec![member])))
}
