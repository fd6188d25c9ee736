//! Callers of the table: one that each scenario selects, and one that no scenario selects.

use toolgate::bearer::NoCredentials;
use toolgate::caller::Caller;
use toolgate::config::{Config, Issuer, Resource};
use toolgate::pattern::Pattern;
use toolgate::policy::{self, Mode};
use toolgate::token::{AccessToken, Assumed, acting};

use crate::summary::{claims, identities};

/// A scenario of the policy, everybody else, or the anonymous caller.
pub struct Scenario {
    /// The name.
    pub name: String,
    /// A description of the scenario's selectors.
    pub about: String,
    /// The other scenarios that select this caller.
    pub also: Vec<String>,
    /// `None`: an anonymous caller.
    who: Option<Assumed>,
}

impl Scenario {
    /// Whether its caller has no token.
    pub fn is_anonymous(&self) -> bool {
        self.who.is_none()
    }

    /// The caller of this scenario with these scopes.
    pub fn caller(&self, scopes: Vec<String>) -> Caller {
        match &self.who {
            Some(who) => AccessToken::assumed(Assumed { scopes, ..who.clone() }).into(),
            None => Caller::Anonymous(NoCredentials::assumed()),
        }
    }
}

/// The scenarios of `resource`, starting with the caller that none selects, and the anonymous one if rules are public.
pub fn scenarios(config: &Config, resource: &Resource) -> Vec<Scenario> {
    let matrix = &resource.policy.matrix;
    let issuers: Vec<&Issuer> = resource.issuers.iter().filter_map(|place| config.issuers.get(*place)).collect();
    let anybody = Assumed {
        issuer: issuers.first().map(|issuer| issuer.identifier.clone()).unwrap_or_default(),
        issuer_name: issuers.first().map(|issuer| issuer.name.clone()).unwrap_or_default(),
        ..Assumed::default()
    };
    // Scenarios may select every caller of an issuer. Then use the issuer whose callers the fewest scenarios select.
    let of = |issuer: &&Issuer| Assumed {
        issuer: issuer.identifier.clone(),
        issuer_name: issuer.name.clone(),
        ..Assumed::default()
    };
    let selected = |who: &Assumed| {
        let caller = AccessToken::assumed(who.clone()).into();
        matrix.iter().filter(|scenario| scenario.selects(&caller)).count()
    };
    let anybody = issuers.iter().map(of).min_by_key(selected).unwrap_or(anybody);
    let also = |who: &Assumed, own: Option<&policy::Scenario>| {
        let caller = AccessToken::assumed(who.clone()).into();
        let is_own = |other| own.is_some_and(|own| std::ptr::eq(own, other));
        let others = matrix.iter().filter(|other| !is_own(*other) && other.selects(&caller));
        others.map(|other| other.name.clone()).collect()
    };
    let name = if matrix.is_empty() { "every caller" } else { "everybody else" };
    let first =
        Scenario { name: name.into(), about: String::new(), also: also(&anybody, None), who: Some(anybody.clone()) };
    let without_token = resource.policy.has_public_rules.then(|| {
        let everybodys = matrix.iter().filter(|own| !own.has_selectors()).map(|own| own.name.clone());
        Scenario { name: "anonymous".into(), about: "no token".into(), also: everybodys.collect(), who: None }
    });
    let shown = |own: &policy::Scenario| {
        let who = selected_by(own, &issuers, &anybody);
        Scenario { name: own.name.clone(), about: about(own), also: also(&who, Some(own)), who: Some(who) }
    };
    std::iter::once(first).chain(without_token).chain(matrix.iter().map(shown)).collect()
}

/// A caller that `scenario` selects: the first of several patterns, with `*` replaced by nothing.
fn selected_by(scenario: &policy::Scenario, issuers: &[&Issuer], anybody: &Assumed) -> Assumed {
    let first = |patterns: &Option<Vec<Pattern>>| {
        let pattern = patterns.as_ref()?.first()?;
        Some(pattern.as_str().replace('*', ""))
    };
    let wanted = |issuer: &&&Issuer| {
        let any = |patterns: &Vec<Pattern>| {
            patterns.iter().any(|pattern| pattern.matches(&issuer.name) || pattern.matches(&issuer.identifier))
        };
        scenario.who.issuers.as_ref().is_none_or(any)
    };
    let issuer = issuers.iter().find(wanted).filter(|_| scenario.who.issuers.is_some());
    let actor = first(&scenario.who.actors)
        .or_else(|| scenario.delegated.filter(|delegated| *delegated).map(|_| "agent".to_owned()));
    let actor = actor.filter(|_| scenario.delegated != Some(false)).map(|actor| acting(&actor));
    let claims = scenario.claims.iter().map(|test| (test.name.clone(), test.expected.clone())).chain(actor);
    Assumed {
        issuer: issuer.map_or_else(|| anybody.issuer.clone(), |issuer| issuer.identifier.clone()),
        issuer_name: issuer.map_or_else(|| anybody.issuer_name.clone(), |issuer| issuer.name.clone()),
        subject: first(&scenario.who.subjects),
        client: first(&scenario.who.clients),
        scopes: Vec::new(),
        claims: claims.collect(),
    }
}

fn about(scenario: &policy::Scenario) -> String {
    let delegated =
        scenario.delegated.map(|delegated| if delegated { "delegated" } else { "not delegated" }.to_owned());
    let shadow = (scenario.mode == Some(Mode::Shadow)).then(|| "in shadow mode: recorded only".to_owned());
    let selected = identities(&scenario.who).chain(delegated).chain(claims(&scenario.claims)).chain(shadow);
    selected.collect::<Vec<_>>().join(", ")
}
