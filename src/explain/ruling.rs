//! The policy's verdict and its reasons.

use super::check::Check;
use super::hints::{self, lookups};
use super::places::Places;
use super::words::{conditions, quoted, quoted_all, requirement, set};
use crate::caller::Caller;
use crate::config::Resource;
use crate::identity;
use crate::mcp::Access;
use crate::policy::{Denial, Found, Occasion, Policy, Requirement, RuleSet, Scenario, Verdict};
use crate::reason::Reason;
use crate::scope::Scope;
use crate::token::AccessToken;

/// Asks the policy, and reports the inputs of its decision.
pub fn check(
    resource: &Resource,
    caller: &Caller,
    access: &Access<'_>,
    occasion: &Occasion<'_>,
    places: &Places,
    checks: &mut Vec<Check>,
) {
    let policy = &resource.policy;
    let described = match caller.token() {
        Some(token) => format!("{}, granted {}", who(token), granted(token)),
        None => "anonymous: `mode: shadow` does not apply, nor scenarios with selectors".to_owned(),
    };
    checks.push(Check::passed("caller", described));
    checks.push(Check::passed("scenarios", scenarios(policy, caller)));
    checks.push(Check::passed("rule", rule(policy, access)));
    let verdict = policy.decide(caller, access, occasion);
    let hint = |denial| hints::denial(policy, caller, access, denial, places);
    checks.push(match &verdict {
        Verdict::Allow(_) => Check::passed("policy", "allowed"),
        Verdict::ShadowDeny(_, denial) => {
            Check::recorded("policy", denial.reason(), told(denial, access)).hint(hint(denial))
        }
        Verdict::Deny(denial) => Check::refused("policy", denial.reason(), told(denial, access)).hint(hint(denial)),
    });
    if caller.token().is_some_and(|token| identity::headers(resource, token).is_err()) {
        let detail = "a header of `forward` cannot carry its value: it is empty, too long, or has characters that a header would change";
        checks.push(Check::refused("identity", Reason::IdentityUnforwardable, detail));
    }
}

/// The caller and its client.
fn who(caller: &AccessToken) -> String {
    let subject = caller.subject().map_or("no subject".to_owned(), quoted);
    let client = caller.client().map(|client| format!(" through client {}", quoted(client)));
    let actor = caller.actors().next().map(|actor| format!(", for whom {} acts,", quoted(actor)));
    format!(
        "{subject}{}{} of issuer {}",
        actor.unwrap_or_default(),
        client.unwrap_or_default(),
        quoted(caller.issuer_name())
    )
}

fn granted(caller: &AccessToken) -> String {
    if caller.scopes().is_empty() {
        "no scope".to_owned()
    } else {
        let scopes = || caller.scopes().iter().map(String::as_str);
        let (issued, mapped): (Vec<_>, Vec<_>) = scopes().partition(|scope| caller.was_issued(scope));
        let issued = (!issued.is_empty()).then(|| quoted_all(issued));
        let mapped = (!mapped.is_empty()).then(|| format!("{} by `scope_map`", quoted_all(mapped)));
        issued.into_iter().chain(mapped).collect::<Vec<_>>().join(", and ")
    }
}

fn scenarios(policy: &Policy, caller: &Caller) -> String {
    if policy.matrix.is_empty() {
        return "none are configured".to_owned();
    }
    let told = |scenario: &Scenario| {
        let scopes = scenario.scopes.as_ref().map(|scopes| format!("of the granted scopes only {} count", set(scopes)));
        let tools = scenario.deny_tools.patterns().iter().map(crate::pattern::Pattern::as_str);
        let denied =
            (!scenario.deny_tools.patterns().is_empty()).then(|| format!("tools {} are denied", quoted_all(tools)));
        let effects: Vec<_> = scopes.into_iter().chain(denied).collect();
        format!("{}: {}", quoted(&scenario.name), effects.join(", "))
    };
    let told: Vec<_> = policy.matrix.iter().filter(|scenario| scenario.selects(caller)).map(told).collect();
    if told.is_empty() { format!("none of {} is about this caller", policy.matrix.len()) } else { told.join("; ") }
}

/// Describes the rule that decides.
fn rule(policy: &Policy, access: &Access<'_>) -> String {
    let base = match policy.base_scopes.as_slice() {
        [] => String::new(),
        base => format!("; base scopes {}", quoted_all(base.iter().map(Scope::as_str))),
    };
    let one = |(kind, rules, name): (&str, &RuleSet, &str)| {
        let (found, deciding) = match access {
            Access::Template(_) => (rules.find_template(name), rules.deciding_template(name)),
            _ => (rules.find(name), rules.deciding(name)),
        };
        match found {
            Found::Rules(needed) if needed.is_empty() => {
                format!("{} is listed nowhere, and `unlisted.{kind}` lets it through", quoted(name))
            }
            Found::Rules(needed) => {
                let needed: Vec<_> = needed.iter().map(|rule| requirement(rule)).collect();
                let listed = quoted_all(deciding);
                format!("`{kind}` {listed} asks for {}", needed.join(", and "))
            }
            Found::NearName => format!("{} looks like a name that is listed exactly: no pattern decides", quoted(name)),
            Found::Unlisted => format!("no rule of `{kind}` is about {}", quoted(name)),
        }
    };
    let told: Vec<_> = lookups(policy, access).into_iter().map(one).collect();
    let told = if told.is_empty() { "none is needed".to_owned() } else { told.join("; ") };
    format!("{told}{base}")
}

/// Describes a denial.
fn told(denial: &Denial, access: &Access<'_>) -> String {
    let target = match access {
        Access::Tool(name) => format!("tool {}", quoted(name)),
        Access::Prompt(name) => format!("prompt {}", quoted(name)),
        Access::Method(name) => format!("method {}", quoted(name)),
        Access::Template(name) => format!("template {}", quoted(name)),
        Access::ResourcesAndTasks(uris) if uris.is_empty() => "the state of tasks".to_owned(),
        Access::Resources(uris) | Access::ResourcesAndTasks(uris) => {
            format!("resource {}", quoted_all(uris.iter().copied()))
        }
        Access::Open => "the endpoint".to_owned(),
    };
    match denial {
        Denial::InsufficientScope { required, missing, scenario, .. } => {
            let counted = scenario.as_ref().map(|name| format!(", counting what scenario {} counts", quoted(name)));
            let counted = counted.unwrap_or_default();
            format!("{target} needs {}; missing: {}{counted}", set(required), set(missing))
        }
        Denial::MatrixDeniesTool { scenario } => format!("{target} is denied by scenario {}", quoted(scenario)),
        Denial::MatrixNarrows { scenario } => {
            format!("{target} needs scopes that do not count in scenario {}", quoted(scenario))
        }
        Denial::Arguments => format!("the arguments for {target} do not satisfy its rule, or cannot be evaluated"),
        Denial::Authentication(wanted) => {
            let rule = Requirement {
                alternatives: Vec::new(),
                public: false,
                arguments: Vec::new(),
                authentication: wanted.clone(),
                fresh: None,
                mode: None,
            };
            format!("{target} requires a new sign-in{}", conditions(&rule))
        }
        Denial::Drifted => format!("{target} differs from its approved definition"),
        Denial::PolicyUnavailable => format!("no policy is available for {target}"),
        Denial::NoToken { required } if required.is_empty() => format!("{target} needs a token"),
        Denial::NoToken { required } => format!("{target} needs a token with {}", set(required)),
        Denial::NearName => format!("{target} is not listed, and looks like a listed name"),
        Denial::NotOffered => format!("{target} needs scopes that are not in `scopes_supported`"),
        Denial::Unlisted => format!("{target} is listed nowhere"),
        Denial::Unverifiable => {
            format!("{target} requires introspection of the token, and its issuer has no `introspection`")
        }
    }
}
