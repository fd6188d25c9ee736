// Writes envoy/grafana-dashboard.json from the panels of panels.mjs. With --check it only compares.
import { readFileSync, writeFileSync } from "node:fs";
import { rows } from "./panels.mjs";

const FILE = new URL("../../envoy/grafana-dashboard.json", import.meta.url);
/// The grid of Grafana has 24 columns.
const COLUMNS = 24;

const prometheus = { type: "prometheus", uid: "${datasource}" };
const logs = { type: "loki", uid: "${logs}" };

/// What each kind of panel shows beside its queries.
const OPTIONS = {
  timeseries: {
    legend: { calcs: ["lastNotNull", "max"], displayMode: "table", placement: "right", showLegend: true },
    tooltip: { mode: "multi", sort: "desc" },
  },
  stat: {
    colorMode: "value",
    graphMode: "area",
    reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    textMode: "auto",
  },
  table: { showHeader: true, sortBy: [{ desc: true, displayName: "Times" }] },
};

function thresholds(limits) {
  const colours = limits.length === 1 ? ["green", "red"] : ["green", "orange", "red"];
  const steps = [null, ...limits].map((value, n) => ({ color: colours[n], value }));
  return { mode: "absolute", steps };
}

function target(query, n) {
  const own = {
    datasource: query.logs ? logs : prometheus,
    editorMode: "code",
    expr: query.expr,
    legendFormat: query.legend ?? "__auto",
    refId: String.fromCharCode(65 + n),
  };
  return query.instant ? { ...own, instant: true, queryType: "instant", range: false } : { ...own, range: true };
}

function panel(own, place, id) {
  const defaults = { unit: own.unit, min: 0, noValue: own.none };
  if (own.limits) Object.assign(defaults, { thresholds: thresholds(own.limits), color: { mode: "thresholds" } });
  return {
    id,
    title: own.title,
    description: own.description,
    type: own.type,
    datasource: own.queries[0].logs ? logs : prometheus,
    gridPos: place,
    fieldConfig: { defaults, overrides: [] },
    options: OPTIONS[own.type],
    targets: own.queries.map(target),
    ...(own.transformations ? { transformations: own.transformations } : {}),
  };
}

/// The panels from left to right, and each row below the one before.
function laidOut() {
  const all = [];
  let y = 0;
  const id = () => all.length + 1;
  for (const row of rows) {
    all.push({ id: id(), title: row.title, type: "row", collapsed: false, gridPos: { x: 0, y, w: COLUMNS, h: 1 }, panels: [] });
    y += 1;
    let x = 0;
    for (const own of row.panels) {
      if (x + row.width > COLUMNS) {
        x = 0;
        y += row.height;
      }
      all.push(panel(own, { x, y, w: row.width, h: row.height }, id()));
      x += row.width;
    }
    y += row.height;
  }
  return all;
}

const variables = [
  { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus" },
  {
    name: "instance",
    label: "Envoy",
    type: "query",
    datasource: prometheus,
    query: { query: "label_values(envoy_server_uptime, instance)", refId: "instances" },
    refresh: 2,
    includeAll: true,
    allValue: ".*",
    multi: true,
    sort: 1,
    current: { selected: true, text: ["All"], value: ["$__all"] },
  },
  { name: "logs", label: "Loki", type: "datasource", query: "loki" },
  {
    name: "stream",
    label: "Envoy's log in Loki",
    type: "textbox",
    query: '{app="envoy"}',
    current: { selected: true, text: '{app="envoy"}', value: '{app="envoy"}' },
  },
];

const dashboard = {
  title: "toolgate",
  uid: "toolgate",
  description: "What toolgate allows and refuses, and whether what it depends on works. Made by tools/dashboard.",
  tags: ["toolgate", "mcp", "envoy"],
  timezone: "browser",
  editable: true,
  graphTooltip: 1,
  schemaVersion: 39,
  refresh: "30s",
  time: { from: "now-6h", to: "now" },
  templating: { list: variables },
  annotations: { list: [] },
  panels: laidOut(),
};

const text = `${JSON.stringify(dashboard, null, 2)}\n`;
if (!process.argv.includes("--check")) {
  writeFileSync(FILE, text);
} else if (readFileSync(FILE, "utf8") !== text) {
  console.error("envoy/grafana-dashboard.json is not what tools/dashboard makes: run `node tools/dashboard/dashboard.mjs`");
  process.exit(1);
}
