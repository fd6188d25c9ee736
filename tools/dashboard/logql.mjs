// Reads the queries for Loki by Grafana's own grammar of LogQL. Those for Prometheus are run by one, see tests/envoy/dashboard.rs.
import { readFileSync } from "node:fs";
import { parser } from "@grafana/lezer-logql";

const dashboard = JSON.parse(readFileSync(new URL("../../envoy/grafana-dashboard.json", import.meta.url)));
const targets = dashboard.panels.flatMap((panel) => panel.targets ?? []).filter((own) => own.datasource.type === "loki");
const faults = [];
for (const { expr } of targets) {
  const query = expr.replaceAll("$stream", '{app="envoy"}').replaceAll("$__range", "1h");
  parser.parse(query).iterate({
    enter: (node) => {
      if (node.type.isError) faults.push(`at ${node.from} of ${query}`);
    },
  });
}
if (!targets.length || faults.length) {
  console.error(faults.join("\n") || "no query for Loki");
  process.exit(1);
}
console.log(`${targets.length} query for Loki, which its grammar reads`);
