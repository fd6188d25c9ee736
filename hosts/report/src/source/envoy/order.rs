//! The filters before and after toolgate. Requests pass them from first to last, answers from last to first.

use super::{Chain, Filter, remark};
use crate::source::{Remark, Spot, Value};

/// A reason why a filter of a kind does not belong where it is.
struct Misplaced {
    /// The end of the filter's type, such as `compressor.v3.Compressor`.
    kind: &'static str,
    /// Whether it matters for this filter.
    applies: fn(&Filter<'_>, &Spot) -> bool,
    message: &'static str,
}

fn always(_: &Filter<'_>, _: &Spot) -> bool {
    true
}

/// Filters that do not belong before toolgate.
const BEFORE: &[Misplaced] = &[
    Misplaced {
        kind: "router.v3.Router",
        applies: always,
        message: "comes before toolgate, which no request reaches then: put it last",
    },
    Misplaced {
        kind: "jwt_authn.v3.JwtAuthentication",
        applies: |_, filter| !holds_word(filter, "allow_missing_or_failed"),
        message: "answers before toolgate: its 401 has no `resource_metadata`, so clients do not find where to sign in, and it \
                  takes the token away without `forward`. Put it after toolgate, with `forward: {authorization: keep}`",
    },
    Misplaced {
        kind: "ext_authz.v3.ExtAuthz",
        applies: always,
        message: "answers before toolgate: its refusals have no challenge. Put it after toolgate",
    },
    Misplaced {
        kind: "oauth2.v3.OAuth2",
        applies: always,
        message: "answers before toolgate, by redirecting to a page, which MCP clients do not follow: remove it here",
    },
    Misplaced {
        kind: "basic_auth.v3.BasicAuth",
        applies: always,
        message: "answers before toolgate, and wants another `Authorization` than toolgate: remove it here",
    },
    Misplaced {
        kind: "api_key_auth.v3.ApiKeyAuth",
        applies: always,
        message: "answers before toolgate: its 401 has no challenge. Put it after toolgate",
    },
    Misplaced {
        kind: "credential_injector.v3.CredentialInjector",
        applies: always,
        message: "gives every caller its credential before toolgate asks for one: put it after toolgate",
    },
    Misplaced {
        kind: "cache.v3.CacheConfig",
        applies: always,
        message: "answers from its cache without asking toolgate: remove it here",
    },
    Misplaced {
        kind: "buffer.v3.Buffer",
        applies: |filter, buffer| {
            let most = buffer.at("typed_config.max_request_bytes").and_then(Spot::number);
            most.is_some_and(|most| most < super::super::surroundings::limit(filter.root, "body"))
        },
        message: "refuses smaller bodies than `limits.body` allows, with Envoy's own 413: set `max_request_bytes` above it",
    },
    Misplaced {
        kind: "ext_proc.v3.ExternalProcessor",
        applies: |filter, own| {
            filter.root.member("hold_request_headers").is_some_and(Spot::is_true)
                && holds_word(own, "FULL_DUPLEX_STREAMED")
        },
        message: "loses parts of bodies in the mode FULL_DUPLEX_STREAMED while toolgate holds headers: use another mode, or no \
                  `hold_request_headers`",
    },
];

/// Filters that do not belong after toolgate.
const AFTER: &[Misplaced] = &[
    Misplaced {
        kind: "compressor.v3.Compressor",
        applies: always,
        message: "compresses lists before toolgate reads them, which are 502 then: put it before toolgate",
    },
    Misplaced {
        kind: "jwt_authn.v3.JwtAuthentication",
        applies: |filter, own| !keeps_token(filter) && !holds_word(own, "allow_missing"),
        message: "gets no token, because toolgate removes it: set `forward: {authorization: keep}`, or remove this filter",
    },
    Misplaced {
        kind: "cors.v3.Cors",
        applies: |filter, _| filter.root.list("resources").iter().any(|own| own.member("origins").is_none()),
        message: "comes after toolgate, which refuses preflights without a token: put it before toolgate, or set `origins`",
    },
    Misplaced {
        kind: "health_check.v3.HealthCheck",
        applies: |filter, _| filter.root.list("pass").is_empty(),
        message: "comes after toolgate, which answers its path with 404: put it before toolgate, or add the path to `pass`",
    },
    Misplaced {
        kind: "cache.v3.CacheConfig",
        applies: always,
        message: "may give one caller the answer of another, since the server never sees the token: remove it",
    },
    Misplaced { kind: "lua.v3.Lua", applies: always, message: REWRITES },
    Misplaced { kind: "ext_proc.v3.ExternalProcessor", applies: always, message: REWRITES },
    Misplaced { kind: "header_mutation.v3.HeaderMutation", applies: always, message: REWRITES },
    Misplaced { kind: "golang.v3alpha.Config", applies: always, message: REWRITES },
    Misplaced { kind: "grpc_json_transcoder.v3.GrpcJsonTranscoder", applies: always, message: REWRITES },
];

const REWRITES: &str =
    "may change what toolgate has decided on, and answers before toolgate trims them: put it before toolgate";

fn keeps_token(filter: &Filter<'_>) -> bool {
    let keeps = |own: &Spot| own.at("forward.authorization").and_then(Spot::text) == Some("keep");
    filter.root.list("resources").iter().all(keeps)
}

/// Whether a word is the name of a member, or a text, anywhere in a value.
fn holds_word(spot: &Spot, word: &str) -> bool {
    match &spot.value {
        Value::Text(text) => text.text == word,
        Value::List(items) => items.iter().any(|item| holds_word(item, word)),
        Value::Object(members) => {
            members.iter().any(|own| Spot::is_spelled(&own.name, word) || holds_word(&own.value, word))
        }
        _ => false,
    }
}

pub fn before(filter: &Filter<'_>) -> Vec<Remark> {
    misplaced(filter, BEFORE, |chain| chain.filters.get(..chain.place))
}

pub fn after(filter: &Filter<'_>) -> Vec<Remark> {
    misplaced(filter, AFTER, |chain| chain.filters.get(chain.place + 1..))
}

fn misplaced<'a>(
    filter: &Filter<'a>,
    table: &[Misplaced],
    part: impl Fn(&Chain<'a>) -> Option<&'a [Spot]>,
) -> Vec<Remark> {
    let filters = filter.chain.as_ref().and_then(part).unwrap_or_default();
    let mut found = Vec::new();
    for other in filters.iter().filter(|other| !other.field("disabled").is_some_and(Spot::is_true)) {
        let delivered = filter.envoy.delivered(other);
        let kind = delivered.at("typed_config.@type").and_then(Spot::text).unwrap_or_default();
        let wrong = table.iter().filter(|own| kind.ends_with(own.kind) && (own.applies)(filter, delivered));
        let name = other.name().unwrap_or("a filter");
        found.extend(wrong.map(|own| remark(other, format!("http_filters, `{name}`"), own.message)));
    }
    found
}

/// The filter's own entry in the list.
pub fn entry(filter: &Filter<'_>) -> Vec<Remark> {
    let Some(entry) = filter.chain.as_ref().and_then(Chain::entry) else { return Vec::new() };
    let name = entry.name().unwrap_or("toolgate");
    let optional = entry.field("is_optional").filter(|own| own.is_true());
    let message = "lets Envoy leave the filter out where it does not know it, and every request through: remove it";
    let optional = optional.map(|own| remark(own, format!("http_filters, `{name}`, is_optional"), message));
    // A filter that is delivered apart may be late. Without a default, Envoy answers 500 until it comes.
    let stand_in = entry.at("config_discovery.default_config").filter(|own| !is_closed(own));
    let message = "takes toolgate's place until its configuration comes, and lets requests through: remove it";
    let path = format!("http_filters, `{name}`, config_discovery.default_config");
    optional.into_iter().chain(stand_in.map(|own| remark(own, path, message))).collect()
}

/// Whether a filter lets nothing through unasked: a toolgate, or Envoy's access control.
fn is_closed(filter: &Spot) -> bool {
    const KINDS: [&str; 3] = ["wasm.v3.Wasm", "dynamic_modules.v3.DynamicModuleFilter", "rbac.v3.RBAC"];
    let kind = filter.field("@type").and_then(Spot::text).unwrap_or_default();
    KINDS.iter().any(|own| kind.ends_with(own))
}
