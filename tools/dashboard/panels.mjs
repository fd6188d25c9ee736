// The panels of the dashboard. Each query finds its metrics under any of the three names that they may have:
//
//   toolgate_decisions{reason="unlisted"}    with the `stats_tags` of envoy.yaml, or the native module with its prefix
//                                            removed, as envoy-native.yaml does
//   toolgate_decisions_unlisted              the Wasm module without tags
//   envoy_dynamicmodulescustom_toolgate_decisions{reason="unlisted"}    the native module in any other Envoy
import { readFileSync } from "node:fs";

const PREFIX = "(envoy_dynamicmodulescustom_)?toolgate_";
/// `rate` drops names. What is in a name alone becomes a label before, by a subquery with this step.
const STEP = "15s";

/// The reasons of these families, as `src/reason.rs` lists them.
const source = readFileSync(new URL("../../src/reason.rs", import.meta.url), "utf8");
function reasons(...families) {
  const own = families.map((family) => source.match(new RegExp(`\\n    ${family} \\{([^]*?)\\n    \\}`))[1]);
  return [...own.join("\n").matchAll(/^\s+\w+ = "(\w+)"/gm)].map((found) => found[1]).join("|");
}
const ALLOWED = reasons("Allowed");

/// The selector of a metric under all of its names. `only` and `never` are alternatives of outcomes.
function selector(thing, label, { only, never } = {}) {
  const matchers = [`__name__=~"${PREFIX}${thing}(_${only ? `(${only})` : ".+"})?"`];
  if (only) matchers.push(`${label}=~"|${only}"`);
  if (never) matchers.push(`__name__!~".*_(${never})"`, `${label}!~"${never}"`);
  return `{${matchers.join(", ")}, instance=~"$instance"}`;
}

/// The metric with its outcome as a label.
function labelled(thing, label, { offset = "", ...filter } = {}) {
  const own = `${selector(thing, label, filter)}${offset}`;
  return `label_replace(${own}, "${label}", "$2", "__name__", "${PREFIX}${thing}_(.+)")`;
}

/// How often per second. The sum over nothing drops the name: two names of one series, before and after an Envoy got its
/// tags, would be an error. A counter appears with its first count, which a rate does not see; where each count matters
/// (`rare`), it is 0 before.
function each(thing, label, { rare = false, ...filter } = {}) {
  const own = `sum without () (${labelled(thing, label, filter)})`;
  const later = `sum without () (${labelled(thing, label, { ...filter, offset: " offset -$__rate_interval" })})`;
  return `rate((${rare ? `${own} or 0 * ${later}` : own})[$__rate_interval:${STEP}])`;
}

/// For each value of the label, and altogether.
const rate = (thing, label, filter) => `sum by (${label}) (${each(thing, label, filter)})`;
const total = (thing, label, filter) => `sum(${each(thing, label, filter)})`;
/// The share of all. What has not happened yet is 0.
const share = (thing, label, filter) => `(${total(thing, label, filter)} or vector(0)) / ${total(thing, label)}`;

const decisions = (filter) => rate("decisions", "reason", filter);
const by = (label, expr) => [{ expr, legend: `{{${label}}}` }];
const series = (title, unit, queries, description) => ({ type: "timeseries", title, unit, queries, description });
const stat = (title, unit, expr, limits, description) => ({
  type: "stat", title, unit, queries: [{ expr }], limits, description, none: "none",
});

const keyAge = `max by (issuer) (${labelled("key_set_age", "issuer")})`;
/// Envoy's own: `internal` are the requests that Envoy makes for its filters, which are toolgate's callouts.
const latency = (quantile) => ({
  expr: `histogram_quantile(${quantile}, sum by (envoy_cluster_name, le) (rate(envoy_cluster_internal_upstream_rq_time_bucket{instance=~"$instance"}[$__rate_interval])))`,
  legend: `{{envoy_cluster_name}} p${quantile * 100}`,
});

/// The callers of denials are in audit lines only: as labels of metrics their number would have no limit.
const DENIED = [
  "topk(50, sum by (decision, reason, method, target, subject, client) (count_over_time($stream",
  "|= `toolgate.audit `",
  '| regexp "toolgate\\\\.audit (?P<record>\\\\{.*\\\\})"',
  '| line_format "{{.record}}"',
  "| json decision, reason, method, target, subject, client",
  '| decision =~ "deny|shadow_deny" [$__range])))',
].join(" ");

export const rows = [
  {
    title: "At a glance",
    width: 6,
    height: 4,
    panels: [
      stat("Decisions", "reqps", total("decisions", "reason"), undefined,
        "Requests that toolgate decided on, per second. None while clients call: no route leads them to the filter."),
      stat("Refused", "percentunit", share("decisions", "reason", { never: ALLOWED }), [0.2, 0.5],
        "The share of requests that got an answer of toolgate's own: 4xx or 503. Clients without a token ask once to learn where to sign in, so it is never 0."),
      stat("Shadow denials", "reqps", `${total("shadow_denials", "reason")} or vector(0)`, undefined,
        "Requests that passed only because a policy, a rule or a scenario is in shadow mode. Above 0 in production: is shadow mode left on?"),
      stat("Oldest key set", "s", `max(${keyAge})`, [1200, 3600],
        "Seconds since the oldest key set was fetched. Above `max_age` (10 min by default) fetches fail; at `max_age` plus `max_stale` (1 h 10 min) tokens get 503."),
    ],
  },
  {
    title: "Who is denied what, and why",
    width: 12,
    height: 8,
    panels: [
      series("Decisions by reason", "reqps", by("reason", decisions()),
        "All decisions. `allowed`, `public`, `pass`, `metadata` and `preflight` went on or were answered without a token. docs/reasons.md explains each reason."),
      series("Denied by the policy", "reqps", by("reason", decisions({ only: reasons("Policy", "Condition") })),
        "403, or a 401 that asks for a fresh sign-in. After a change of the policy, a new `insufficient_scope` or `unlisted` shows a rule that is too narrow."),
      series("Refused tokens", "reqps", by("reason", decisions({ only: reasons("Credentials", "Token", "Proof") })),
        "401 and 400. One reason that rises alone is a mistake in the configuration of the issuer or of the clients; the audit lines' `detail` names it. `no_token` is how each client starts."),
      series("Refused requests", "reqps", by("reason", decisions({ only: reasons("Routing", "Request", "Message") })),
        "404, 405, 413, 415 and 400: the request itself is not one that toolgate passes on, whoever sends it."),
      series("Refused because something is down or wrong", "reqps", by("reason", decisions({ only: reasons("Outage", "Host"), rare: true })),
        "`keys_unavailable` and `introspection_unavailable` are 503, `policy_unavailable` is 403, `misconfigured` is 500. `ended_by_client` is harmless. docs/failure-modes.md says what to do."),
      series("Would be denied (shadow mode)", "reqps", by("reason", rate("shadow_denials", "reason")),
        "Requests that passed, and that the policy would deny if all of it enforced. `toolgate suggest` turns their audit lines into rules."),
      {
        type: "table",
        title: "Who is denied what (from audit lines in Loki)",
        unit: "short",
        description: "The 50 most frequent denials of the time range: caller, target and reason. It needs Envoy's log in Loki, with the wasm logger at info; set the variable `stream` to its selector. Without Loki, `toolgate watch` shows the same table from the log.",
        queries: [{ expr: DENIED, logs: true, instant: true }],
        transformations: [
          { id: "labelsToFields", options: {} },
          { id: "merge", options: {} },
          { id: "organize", options: { excludeByName: { Time: true }, renameByName: { "Value #A": "Times", Value: "Times" } } },
        ],
      },
    ],
  },
  {
    title: "Issuers",
    width: 12,
    height: 8,
    panels: [
      series("Age of key sets", "s", by("issuer", keyAge),
        "Seconds since each issuer's keys were fetched: a saw with teeth of `max_age` (10 min by default). A line that only rises: fetches fail, and the last good set serves until `max_age` plus `max_stale`."),
      series("Fetches of key sets", "ops", by("outcome", rate("jwks", "outcome")),
        "A `failure` was logged as a warning with its URL and cause. Many `success`: tokens name unknown keys, and each asks for a fetch within `cooldown`."),
      series("Introspection", "ops", by("outcome", rate("introspection", "outcome")),
        "Answers of introspection endpoints: `active`, `inactive`, and `failure`, which clients get as 503."),
      series("Introspection that fails", "percentunit",
        [{ expr: share("introspection", "outcome", { only: "failure" }), legend: "failures" }],
        "The share of introspection requests without a usable answer. The event `outage` in the log has the cause."),
      series("Latency of callouts", "ms", [latency(0.5), latency(0.99)],
        "How long answers to the requests of filters take, by Envoy cluster: key sets, introspection, remote policies, the audit sink. A call whose key or introspection answer is not cached waits this long."),
      series("Callouts by status", "ops",
        [{ expr: 'sum by (envoy_cluster_name, envoy_response_code_class) (rate(envoy_cluster_internal_upstream_rq_xx{instance=~"$instance"}[$__rate_interval]))', legend: "{{envoy_cluster_name}} {{envoy_response_code_class}}xx" }],
        "Answers to the requests of filters, by Envoy cluster and status. 5 may be Envoy's own 503: the cluster has no endpoint that can be reached."),
      series("Tokens known without verifying", "percentunit",
        [{ expr: share("cache", "outcome", { only: "hit" }), legend: "hits" }],
        "The share of tokens found in the token cache. Low: each client's token is used once, `token_cache.entries` is too small, or tokens are forged."),
    ],
  },
  {
    title: "Servers",
    width: 12,
    height: 8,
    panels: [
      series("Lists", "ops", by("outcome", rate("lists", "outcome")),
        "Lists that passed `whole`, and those from which entries were `trimmed` that the caller may not use."),
      series("Events", "ops", by("event", rate("events", "event", { rare: true })),
        "What happened after a decision: `drift` (a tool changed), `bad_gateway` and `event_dropped` (an answer that must not pass), `buffer_exceeded` (Envoy's buffer is too small), `outage` and `recovered`, `panic` (native module). Each is a line in the log."),
    ],
  },
  {
    title: "Control planes and records",
    width: 8,
    height: 8,
    panels: [
      series("Remote policies", "ops", by("outcome", rate("policy", "outcome", { rare: true })),
        "Fetches of `policy_source`. While they fail the last good policy serves, until `interval` plus `max_stale` (10 min 30 s by default); then everything is denied."),
      series("Published manifests", "ops", by("outcome", rate("publish", "outcome")),
        "Posts of tool manifests to `publish`. A failure is tried again and changes no decision."),
      series("Audit sink", "ops", by("outcome", rate("audit", "outcome", { rare: true })),
        "Audit lines that were `delivered`; `dropped` and `sampled_out` (of callers without a token) are lost to the sink, not to the log. `failed_posts` are requests, each of up to 256 lines, that are sent again."),
    ],
  },
];
