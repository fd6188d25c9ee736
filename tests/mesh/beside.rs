//! toolgate beside the mesh's own check of the same tokens: the order of their filters decides who answers.

use serde_json::{Value, json};

use crate::kubernetes::Kubernetes;
use crate::proxy::{Proxy, list};
use crate::report::Report;
use crate::support::answer::Answer;
use crate::support::client::{Client, Request};
use crate::support::raw::Response;
use crate::world::{World, try_within};

const CHALLENGE: &str = "toolgate's 401";
const PLAIN: &str = "401 without resource_metadata";
const RBAC: &str = "403 RBAC: access denied";
const PASS: &str = "200";

/// An order of filters, and who answers then.
struct Order {
    name: &'static str,
    filters: &'static [&'static str],
    /// To no token, a forged one, and a good one.
    answers: [&'static str; 3],
}

/// Istio's phases.
pub fn istio(report: &mut Report, place: &str, world: &World, kubernetes: &Kubernetes, proxy: &dyn Proxy) {
    let authorization = |value: &str| {
        let plugin = kubernetes.get("wasmplugin", "mcp", "toolgate").expect("the plugin");
        let mut resources = plugin["spec"]["pluginConfig"]["resources"].clone();
        resources[0]["forward"]["authorization"] = json!(value);
        json!({"pluginConfig": {"resources": resources}})
    };
    let orders: [(Order, Value); 6] = [
        (
            Order {
                name: "AUTHN, keep",
                filters: &["toolgate", "jwt_authn", "rbac"],
                answers: [CHALLENGE, CHALLENGE, PASS],
            },
            Value::Null,
        ),
        (
            Order {
                name: "AUTHN, strip",
                filters: &["toolgate", "jwt_authn", "rbac"],
                answers: [CHALLENGE, CHALLENGE, RBAC],
            },
            authorization("strip"),
        ),
        (
            Order {
                name: "AUTHZ, Istio takes the token",
                filters: &["jwt_authn", "toolgate", "rbac"],
                answers: [CHALLENGE, PLAIN, CHALLENGE],
            },
            json!({"phase": "AUTHZ"}),
        ),
        (
            Order {
                name: "AUTHZ, Istio leaves the token",
                filters: &["jwt_authn", "toolgate", "rbac"],
                answers: [CHALLENGE, PLAIN, PASS],
            },
            json!({"phase": "AUTHZ"}),
        ),
        (
            Order {
                name: "STATS, Istio leaves the token",
                filters: &["jwt_authn", "rbac", "toolgate"],
                answers: [RBAC, PLAIN, PASS],
            },
            json!({"phase": "STATS"}),
        ),
        (
            Order {
                name: "no phase, Istio leaves the token",
                filters: &["jwt_authn", "rbac", "toolgate"],
                answers: [RBAC, PLAIN, PASS],
            },
            json!({"phase": null}),
        ),
    ];
    for (order, change) in orders {
        if order.name == "AUTHZ, Istio leaves the token" {
            let rules = json!([{
                "issuer": "https://auth.example.com",
                "jwksUri": "https://auth.example.com/jwks",
                "forwardOriginalToken": true,
            }]);
            kubernetes.patch("requestauthentication", "toolgate", &json!({"spec": {"jwtRules": rules}}));
        }
        if !change.is_null() {
            kubernetes.patch("wasmplugin", "toolgate", &json!({"spec": change}));
        }
        check(report, place, world, proxy, &order);
        if order.name == "AUTHN, keep" {
            forwarded(report, place, world, proxy, false);
        }
    }
}

/// Envoy Gateway's `filterOrder`.
pub fn envoy_gateway(report: &mut Report, place: &str, world: &World, kubernetes: &Kubernetes, proxy: &dyn Proxy) {
    let order =
        Order { name: "filterOrder", filters: &["toolgate", "jwt_authn"], answers: [CHALLENGE, CHALLENGE, PASS] };
    check(report, place, world, proxy, &order);
    forwarded(report, place, world, proxy, true);
    kubernetes.patch("envoyproxy", "mcp", &json!({"spec": {"filterOrder": null}}));
    let usual = Order { name: "the usual order", filters: &["jwt_authn", "toolgate"], answers: [PLAIN, PLAIN, PASS] };
    check(report, place, world, proxy, &usual);
}

/// Checks the order of the filters and their answers, which may take a while after a change.
fn check(report: &mut Report, place: &str, world: &World, proxy: &dyn Proxy, order: &Order) {
    report.check(place, order.name, || {
        let concerned = || {
            let mut filters = proxy.filters();
            filters.retain(|name| ["toolgate", "jwt_authn", "rbac"].contains(&name.as_str()));
            filters
        };
        let (good, forged) = (world.token("mcp:read"), world.forged_token());
        let mut seen = (Vec::new(), Vec::new());
        let as_wanted = try_within(60, || {
            let requests = [list(), list().bearer(&forged), list().bearer(&good)];
            let answers = requests.map(|request| {
                crate::proxy::try_send(proxy.address(), &request).map_or_else(|fault| fault.to_string(), |it| who(&it))
            });
            seen = (concerned(), answers.to_vec());
            (seen.0 == order.filters && seen.1 == order.answers).then_some(())
        });
        assert!(as_wanted.is_some(), "{seen:?}, not {:?} {:?}", order.filters, order.answers);
        let [none, forged, good] = order.answers;
        format!("{}; no token: {none}, forged: {forged}, good: {good}", order.filters.join(", "))
    });
}

/// Checks that the server learns the caller of a good token, and whether it gets the token.
fn forwarded(report: &mut Report, place: &str, world: &World, proxy: &dyn Proxy, token_too: bool) {
    let name = if token_too { "identity and token forwarded" } else { "identity forwarded, the token is not" };
    report.check(place, name, || {
        let scenario = world.server.scenario(|_| Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})));
        let request = Request::call("get-sum").bearer(&world.token("mcp:read")).scenario(&scenario);
        let response = Client::new(proxy.address()).send(&request);
        assert_eq!(response.status, 200, "{}", response.text());
        let headers = scenario.request().headers;
        assert_eq!(headers.get("x-mcp-subject").as_deref(), Some("alice"));
        assert_eq!(headers.get("authorization").is_some(), token_too);
        String::new()
    });
}

/// The filter that gave an answer.
fn who(response: &Response) -> String {
    let challenge = response.challenge().unwrap_or_default();
    match response.status {
        401 if challenge.contains("resource_metadata=") => CHALLENGE.to_owned(),
        401 => PLAIN.to_owned(),
        200 => PASS.to_owned(),
        status => format!("{status} {}", response.text()),
    }
}
