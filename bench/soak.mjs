// `make soak`: load for MINUTES (30) or REQUESTS (10 million), whichever ends first, with tokens that change all the
// time; memory over time, which must not grow once the caches are full, and counters, which must agree with each other
// in the end. With `TOOLGATE_HOST=native`, of the native module.
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../demo/processes.mjs';
import { startEnvoy } from './envoy.mjs';
import { callOf, CONNECTIONS, round, writeWorkload } from './load.mjs';
import { describeMachine, residentBytes } from './machine.mjs';
import { toolgate, toolgateConfig, toolgateNative } from './policies.mjs';
import { startUpstream } from './servers.mjs';
import { MODULE, NATIVE, setUp } from './setup.mjs';
import { newIssuer } from './tokens.mjs';

const minutes = Number(process.env.MINUTES ?? 30);
const most = Number(process.env.REQUESTS ?? 10_000_000);
const TOKENS = 20_000; // far beyond the cache, so that entries come and go
const WARM = 100_000; // requests after which the caches are full
const BAR = 50;
const FLUSH_MS = 30_000; // far beyond the time in which the module hands over its counts
const IS_NATIVE = process.env.TOOLGATE_HOST === 'native';

const grouped = (number) => number.toLocaleString('en');

await run(async (processes) => {
  console.log(`${IS_NATIVE ? 'libtoolgate.so' : 'toolgate.wasm'}; ${describeMachine()}`);
  const tools = await setUp(processes);
  const upstream = await startUpstream(processes, tools);
  const issuer = newIssuer('EdDSA');
  const config = toolgateConfig(issuer, undefined, (config) => (config.audit = { decisions: 'none' }));
  const filters = [IS_NATIVE ? toolgateNative(NATIVE, config) : toolgate(MODULE, config)];
  const gate = await startEnvoy(processes, { ...tools, name: 'soak', filters, clusters: { upstream: upstream.port } });
  const one = writeWorkload(tools.folder, 'one-token', { tokens: [issuer.token()], body: callOf(130) });
  const many = writeWorkload(tools.folder, 'many-tokens', { tokens: issuer.tokens(TOKENS), body: callOf(130) });

  const samples = [];
  const sample = (requests) => {
    const megabytes = residentBytes(gate.group) / 1e6;
    samples.push({ requests, megabytes });
    console.log(`${grouped(requests).padStart(12)} requests ${megabytes.toFixed(1).padStart(7)} MB  ${'#'.repeat(Math.round(megabytes / 200 * BAR))}`);
  };
  sample(0);
  const start = Date.now();
  const end = start + minutes * 60_000;
  const sent = { rounds: 0, requests: 0, failed: 0 };
  while (sent.requests < most && Date.now() < end) {
    // One round of four brings tokens that are not in the cache any more.
    const workload = sent.rounds % 4 === 0 ? many : one;
    const load = { port: gate.listener, groups: [gate.group], workload, seconds: 10, mayFail: true };
    const { requests, failed } = await round(processes, load);
    sent.rounds += 1;
    sent.requests += requests;
    sent.failed += failed;
    sample(sent.requests);
  }
  const seconds = (Date.now() - start) / 1000;
  const warm = samples.find((one) => one.requests >= WARM) ?? samples[0];
  const [last] = samples.slice(-1);
  const growth = last.megabytes - warm.megabytes;
  const highest = Math.max(...samples.map(({ megabytes }) => megabytes));
  console.log(`
${grouped(sent.requests)} requests in ${Math.round(seconds)} s, ${grouped(sent.failed)} failed
memory: ${samples[0].megabytes.toFixed(1)} MB at the start, ${warm.megabytes.toFixed(1)} MB after ${grouped(warm.requests)} requests, ${last.megabytes.toFixed(1)} MB at the end (${growth >= 0 ? '+' : ''}${growth.toFixed(1)}), ${highest.toFixed(1)} MB at most`);
  return (await agree(gate.admin, sent)) && sent.failed === 0 ? 0 : 1;
});

/** Compares what was sent with what Envoy and the module counted. Says whether all agree. */
async function agree(admin, sent) {
  const until = Date.now() + FLUSH_MS;
  let counted = await counters(admin);
  while (disagreements(counted, sent).length > 0 && Date.now() < until) {
    await sleep(500);
    counted = await counters(admin);
  }
  console.log(Object.entries(counted).map(([name, value]) => `${name} ${grouped(value)}`).join('\n'));
  const found = disagreements(counted, sent);
  console.log(found.length === 0 ? 'the counters agree' : `DISAGREE: ${found.join('; ')}`);
  return found.length === 0;
}

/** The counters of the listener, of the cluster, and of the module, whose outcomes have a label in the native host. */
async function counters(admin) {
  const { stats } = await (await fetch(`http://127.0.0.1:${admin}/stats?format=json`)).json();
  const named = (name) => /^http\.mcp\.(downstream_rq_(?:total|[245]xx|active))$/.exec(name)
    ?? /^cluster\.(upstream\.upstream_rq_total)$/.exec(name)
    ?? /toolgate\.((?:decisions|cache|events)\.)(?:reason\.|outcome\.|event\.)?(\w+)$/.exec(name);
  return Object.fromEntries(stats.flatMap(({ name, value }) => {
    const found = typeof value === 'number' && named(name);
    return found ? [[found.slice(1).join(''), value]] : [];
  }));
}

function disagreements(counted, sent) {
  const of = (name) => counted[name] ?? 0;
  const sum = (thing) => Object.entries(counted).filter(([name]) => name.startsWith(thing)).reduce((all, [, value]) => all + value, 0);
  // At the end of a round wrk drops its connections, with what is under way on them.
  const dropped = sent.rounds * CONNECTIONS;
  const checks = {
    'requests still active': of('downstream_rq_active') === 0,
    'answers counted by Envoy and by wrk': of('downstream_rq_2xx') >= sent.requests && of('downstream_rq_2xx') <= sent.requests + dropped,
    'requests and decisions': of('downstream_rq_total') === sum('decisions.'),
    // A request that waits for its turn at a signature is looked up again.
    'decisions and lookups of the cache': sum('cache.') >= sum('decisions.'),
    'allowed requests and those that the server got': of('upstream.upstream_rq_total') === of('decisions.allowed'),
    // After an hour the module tells that no token has granted the scope of one tool.
    'denials, errors and events, of which there are none': of('downstream_rq_4xx') + of('downstream_rq_5xx') + sum('events.') === of('events.drift'),
  };
  return Object.entries(checks).filter(([, holds]) => !holds).map(([what]) => what);
}
