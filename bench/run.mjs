// `make bench`: cases A to N in interleaved rounds, the scale series, memory; tables and a plot.
// ROUNDS (5); SECONDS (4) of each case in a round, after WARM (3) to warm up, of the series a quarter and a third;
// ONLY: some of `cases`, `series`, `memory`; CASES: some cases by name, such as `E,E'`; SERIES: part of a series' name;
// BEFORE: an older module to measure beside.
//
// Every round starts every Envoy anew: two processes with the same module differ by up to a tenth, for as long as they
// live, by where their memory happens to lie.
import { writeFileSync } from 'node:fs';
import { freePort, run } from '../demo/processes.mjs';
import { ADDED, envoyCases, isWanted, RATIOS } from './cases.mjs';
import { startEnvoy } from './envoy.mjs';
import { callOf, round, writeWorkload } from './load.mjs';
import { describeMachine } from './machine.mjs';
import { measureMemory } from './memory.mjs';
import { bars } from './plot.mjs';
import { expectAnswers } from './probe.mjs';
import { measureSeries } from './series.mjs';
import { startAuthorizer, startFastmcp, startUpstream } from './servers.mjs';
import { setUp } from './setup.mjs';
import { median, micros, millis, percent, ratio, spread, table } from './statistics.mjs';
import { newIssuer } from './tokens.mjs';

const rounds = Number(process.env.ROUNDS ?? 5);
const seconds = Number(process.env.SECONDS ?? 4);
// Long enough for allocators, connections and the caches of the machine; V8 has compiled all of a module before, since
// Envoy starts it without its quick compiler (`--no-liftoff`).
const warm = Number(process.env.WARM ?? 3);
const only = process.env.ONLY?.split(',');
const wanted = (part) => !only || only.includes(part);
const PLOT = new URL('../docs/performance.svg', import.meta.url);

await run(async (processes) => {
  console.log(describeMachine());
  const tools = await setUp(processes);
  console.log((await processes.complete([tools.envoy, '--version'])).trim().split('/').slice(-3).join(' '));
  console.log(`${rounds} rounds of ${seconds} s, interleaved, each of a new Envoy after ${warm} s to warm up; medians, and half the distance between the extremes\n`);
  const upstream = await startUpstream(processes, tools);
  const context = { processes, tools, upstream, rounds, seconds, warm };
  if (wanted('cases')) await measureCases(context);
  if (wanted('series')) await measureSeries({ ...context, seconds: Math.max(1, Math.round(seconds / 4)), warm: Math.max(1, Math.round(warm / 3)) });
  if (wanted('memory')) await measureMemory(context);
  return 0;
});

async function measureCases({ processes, tools, upstream, rounds, seconds, warm }) {
  const issuer = newIssuer();
  const authorizer = await startAuthorizer(processes, tools, issuer);
  const clusters = { upstream: upstream.port, authorizer: authorizer.port };
  const fastmcp = async () => ({ name: 'G', what: 'FastMCP with its own checks, no gate', running: await startFastmcp(processes, tools, issuer) });
  const cases = [...envoyCases(issuer, authorizer.port), ...(isWanted('G') ? [await fastmcp()] : [])];

  const [token, body] = [issuer.token(), callOf(130)];
  console.log(`workload: tools/call, ${body.length} bytes of body, RS256 token of ${token.length} bytes, 16 connections\n`);
  const workload = writeWorkload(tools.folder, 'call', { tokens: [token], body });
  const measured = new Map(cases.map(({ name }) => [name, []]));
  for (let n = 0; n < rounds; n++) {
    for (const { name, filters, external, running } of cases) {
      const gate = running ?? await startEnvoy(processes, { ...tools, name, filters, clusters });
      const port = running ? running.port : gate.listener;
      if (n === 0) await expectAnswers({ name, port }, token, name !== 'A');
      const load = { port, groups: [gate.group, ...(external ? [authorizer.group] : [])], workload };
      await round(processes, { ...load, seconds: warm });
      measured.get(name).push(await round(processes, { ...load, seconds }));
      if (!running) await processes.end(gate.process);
    }
  }
  report(cases, measured);
}

function divisions(name, each) {
  return [name, ratio(median(each)), `${ratio(Math.min(...each))} to ${ratio(Math.max(...each))}`];
}

function report(cases, measured) {
  const cost = (name) => measured.get(name).map(({ cpu }) => cpu[0]);
  const rows = cases.map(({ name, what }) => {
    const of = (key) => measured.get(name).map((result) => result[key]);
    const beside = measured.get(name).map(({ cpu }) => cpu[1]);
    const extra = beside[0] === undefined ? '' : `, +${micros(median(beside))} in the service`;
    return [
      `${name}: ${what}`, `${micros(median(cost(name)))} µs${extra}`, percent(spread(cost(name))),
      Math.round(median(of('rate'))).toLocaleString('en'), millis(median(of('p50'))), millis(median(of('p99'))),
    ];
  });
  console.log(table(['case', 'CPU per request', '±', 'requests/s', 'p50 ms', 'p99 ms'], rows));
  const isThere = (...names) => names.every((name) => measured.has(name));
  const divided = RATIOS.filter((names) => isThere(...names)).map(([over, under]) => {
    // Of each round, whose parts lie less than a minute apart: what disturbs a machine for longer disturbs neither more.
    return divisions(`${over}/${under}`, cost(over).map((value, n) => value / cost(under)[n]));
  });
  divided.push(...ADDED.filter((name) => isThere('A', 'B', name)).map((name) => {
    const [alone, chain] = [cost('A'), cost('B')];
    return divisions(`(${name}-A)/(B-A)`, cost(name).map((value, n) => (value - alone[n]) / (chain[n] - alone[n])));
  }));
  console.log(`\n${table(['ratio of CPU per request', 'median', 'rounds'], divided)}\n`);
  // The plot of the documentation shows all of them.
  if (process.env.CASES) return;
  writeFileSync(PLOT, bars('CPU per request in microseconds, by case', cases.map(({ name, what }) => {
    const all = measured.get(name).map(({ cpu }) => cpu.reduce((total, part) => total + part));
    return { label: `${name}: ${what}`, ours: /^[DEMN]/.test(name), value: median(all), low: Math.min(...all), high: Math.max(...all) };
  })));
}
