//! Scenarios: for each row of the policy's matrix, a caller that the row selects, and one that no row selects.

use toolgate::bearer::NoCredentials;
use toolgate::caller::Caller;
use toolgate::config::{Config, Issuer, Resource};
use toolgate::node::Node;
use toolgate::pattern::Pattern;
use toolgate::policy::{Mode, Row};
use toolgate::token::{AccessToken, Assumed, acting};

/// A caller, with a token or anonymous.
pub struct Scenario {
    pub name: String,
    /// A description of the row's selectors.
    pub about: String,
    /// The other rows that select this caller.
    pub also: Vec<String>,
    /// `None`: an anonymous caller.
    who: Option<Assumed>,
}

impl Scenario {
    /// The caller of this scenario with these scopes.
    pub fn caller(&self, scopes: Vec<String>) -> Caller {
        match &self.who {
            Some(who) => AccessToken::assumed(Assumed { scopes, ..who.clone() }).into(),
            None => Caller::Anonymous(NoCredentials::assumed()),
        }
    }
}

/// The scenarios of `resource`, starting with the caller that no row selects, and the anonymous one if rules are public.
pub fn scenarios(config: &Config, resource: &Resource) -> Vec<Scenario> {
    let matrix = &resource.policy.matrix;
    let issuers: Vec<&Issuer> = resource.issuers.iter().filter_map(|place| config.issuers.get(*place)).collect();
    let anybody = Assumed {
        issuer: issuers.first().map(|issuer| issuer.identifier.clone()).unwrap_or_default(),
        issuer_name: issuers.first().map(|issuer| issuer.name.clone()).unwrap_or_default(),
        ..Assumed::default()
    };
    // Rows may select every caller of an issuer. Then use the issuer whose callers are selected by the fewest rows.
    let of = |issuer: &&Issuer| Assumed {
        issuer: issuer.identifier.clone(),
        issuer_name: issuer.name.clone(),
        ..Assumed::default()
    };
    let selected =
        |who: &Assumed| matrix.iter().filter(|row| row.selects(&AccessToken::assumed(who.clone()).into())).count();
    let anybody = issuers.iter().map(of).min_by_key(selected).unwrap_or(anybody);
    let also = |who: &Assumed, own: Option<&Row>| {
        let caller = AccessToken::assumed(who.clone()).into();
        let others = matrix.iter().filter(|row| own.is_none_or(|own| !std::ptr::eq(*row, own)) && row.selects(&caller));
        others.map(|row| row.name.clone()).collect()
    };
    let name = if matrix.is_empty() { "every caller" } else { "everybody else" };
    let first =
        Scenario { name: name.into(), about: String::new(), also: also(&anybody, None), who: Some(anybody.clone()) };
    let without_token = resource.policy.has_public_rules.then(|| {
        let everybodys = matrix.iter().filter(|row| !row.has_selectors()).map(|row| row.name.clone());
        Scenario { name: "anonymous".into(), about: "no token".into(), also: everybodys.collect(), who: None }
    });
    let row = |row: &Row| {
        let who = selected_by(row, &issuers, &anybody);
        Scenario { name: row.name.clone(), about: about(row), also: also(&who, Some(row)), who: Some(who) }
    };
    std::iter::once(first).chain(without_token).chain(matrix.iter().map(row)).collect()
}

/// A caller that `row` selects: the first of several patterns, with `*` replaced by nothing.
fn selected_by(row: &Row, issuers: &[&Issuer], anybody: &Assumed) -> Assumed {
    let first = |patterns: &Option<Vec<Pattern>>| {
        let pattern = patterns.as_ref()?.first()?;
        Some(pattern.as_str().replace('*', ""))
    };
    let wanted = |issuer: &&&Issuer| {
        let any = |patterns: &Vec<Pattern>| {
            patterns.iter().any(|pattern| pattern.matches(&issuer.name) || pattern.matches(&issuer.identifier))
        };
        row.issuers.as_ref().is_none_or(any)
    };
    let issuer = issuers.iter().find(wanted).filter(|_| row.issuers.is_some());
    let actor = first(&row.actors).or_else(|| row.delegated.filter(|delegated| *delegated).map(|_| "agent".to_owned()));
    let actor = actor.filter(|_| row.delegated != Some(false)).map(|actor| acting(&actor));
    let claims = row.claims.iter().map(|test| (test.name.clone(), test.expected.clone())).chain(actor);
    Assumed {
        issuer: issuer.map_or_else(|| anybody.issuer.clone(), |issuer| issuer.identifier.clone()),
        issuer_name: issuer.map_or_else(|| anybody.issuer_name.clone(), |issuer| issuer.name.clone()),
        subject: first(&row.subjects),
        client: first(&row.clients),
        scopes: Vec::new(),
        claims: claims.collect(),
    }
}

fn about(row: &Row) -> String {
    let patterns = |name: &str, patterns: &Option<Vec<Pattern>>| {
        let texts: Vec<_> = patterns.as_ref()?.iter().map(Pattern::as_str).collect();
        Some(format!("{name} {}", texts.join(" or ")))
    };
    let value = |node: &Node| match node {
        Node::Text(text) => text.clone(),
        Node::Number(number) => number.to_string(),
        Node::Bool(flag) => flag.to_string(),
        other => other.type_name().to_owned(),
    };
    let claims = row.claims.iter().map(|test| format!("{} is {}", test.name, value(&test.expected)));
    let selectors =
        [patterns("subject", &row.subjects), patterns("client", &row.clients), patterns("issuer", &row.issuers)];
    let delegated = row.delegated.map(|delegated| if delegated { "delegated" } else { "not delegated" }.to_owned());
    let delegated = patterns("actor", &row.actors).into_iter().chain(delegated);
    let shadow = (row.mode == Some(Mode::Shadow)).then(|| "in shadow mode: recorded only".to_owned());
    selectors.into_iter().flatten().chain(delegated).chain(claims).chain(shadow).collect::<Vec<_>>().join(", ")
}
