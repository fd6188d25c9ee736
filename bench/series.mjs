// Scale: how the cost grows with the size of things, each series as ratios to one of its own cases.
import { startEnvoy } from './envoy.mjs';
import { callOf, prose, round, structured, writeWorkload } from './load.mjs';
import { TEN, nativeChain, numbered, toolgate, toolgateConfig, toolgateNative } from './policies.mjs';
import { MODULE, NATIVE } from './setup.mjs';
import { median, micros, percent, ratio, spread, table } from './statistics.mjs';
import { newIssuer } from './tokens.mjs';

const CALL = { tokens: 1, body: callOf(130), answer: '' };

/** Every series: its name, and cases with what they are compared to. */
export function allSeries(issuer, upstream) {
  const gate = (change, tools) => [toolgate(MODULE, toolgateConfig(issuer, tools, change))];
  const first = (cases) => cases.map((one, n) => ({ ...CALL, ...one, base: n === 0 ? undefined : cases[0].name }));
  /** Envoy alone, toolgate in both hosts, and the native chain with the same messages. */
  const beside = (name, given, allowed, { native = true } = {}) => {
    const base = `A, ${name}`;
    const chain = native ? `B, ${name}` : undefined;
    const module = [toolgateNative(NATIVE, toolgateConfig(issuer, undefined, allowed))];
    return [
      { name: base, filters: [] },
      { name: `D, ${name}`, filters: gate(allowed), base, chain },
      { name: `N, ${name}`, filters: module, base, chain },
      ...(chain ? [{ name: chain, filters: nativeChain(issuer, { cache: true }), base }] : []),
    ].map((one) => ({ ...CALL, ...given, ...one }));
  };
  const lists = (config) => (config.resources[0].policy.tools = { 'read_*': { scopes: ['tools:read'] }, 'write_*': { scopes: ['tools:admin'] } });
  const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  return [
    { name: 'tools in the policy, by exact name', cases: first([10, 100, 1000, 10_000].map((n) => (
      { name: `${n} tools`, filters: gate(undefined, { ...TEN, ...numbered(n - 10) }) }))) },
    { name: 'tools in the policy, by pattern', cases: first([10, 100, 1000].map((n) => (
      { name: `${n} patterns`, filters: gate(undefined, { 'get_*': 'tools:call', ...numbered(n - 1, (i) => `group_${i}_*`) }) }))) },
    { name: 'resources', cases: first([1, 10, 100].map((n) => ({ name: `${n} resources`, filters: gate(manyResources(n)) }))) },
    { name: 'rows of the matrix', cases: first([0, 10, 200].map((n) => ({ name: `${n} rows`, filters: gate(manyRows(n)) }))) },
    { name: 'tokens in rotation, a cache of 4096', cases: first([1, 100, 2000, 10_000].map((n) => (
      { name: `${n.toLocaleString('en')} tokens${n > 4096 ? ' (beyond the cache)' : ''}`, filters: gate(), tokens: n }))) },
    { name: 'kinds of tokens', cases: first([
      { name: 'RS256 from the cache', filters: gate() },
      ...['RS256', 'PS256', 'ES256', 'EdDSA'].map((alg) => {
        const own = newIssuer(alg);
        const cold = (config) => (config.token_cache = { entries: 0 });
        return { name: `${alg} verified each time`, filters: [toolgate(MODULE, toolgateConfig(own, TEN, cold))], issuer: own };
      }),
      ...[['30s', 'introspected, from the cache'], ['0s', 'introspected each time']].map(([ttl, name]) => (
        { name, filters: gate(introspected(ttl, upstream.port)), opaque: true, tokens: 100 })),
    ]) },
    { name: 'size of the body: one long string', cases: [130, 10_000, 200_000, 900_000].flatMap((n) => (
      beside(`${n.toLocaleString('en')} bytes`, { body: callOf(n) }, undefined, { native: n < 1_000_000 }))) },
    { name: 'size of the body: code with escapes and umlauts', cases: [10_000, 200_000, 900_000].flatMap((n) => (
      beside(`${n.toLocaleString('en')} bytes`, { body: prose(n) }, undefined, { native: false }))) },
    { name: 'size of the body: half base64, half small objects', cases: [10_000, 200_000, 900_000].flatMap((n) => (
      beside(`${n.toLocaleString('en')} bytes`, { body: structured(n) }))) },
    ...['json', 'events'].map((form) => ({ name: `lists trimmed by half (${form})`, cases: [
      ...[10, 100, 1000, 2400].flatMap((n) => beside(`${n} tools`, { body: list, answer: `${form}:${n}` }, lists, { native: false })),
      // So that it is never one that was read before.
      ...beside('1000 tools, another list each time', { body: list, answer: `${form}:1000:changing` }, lists, { native: false }),
    ] })),
  ];
}

const manyResources = (count) => (config) => {
  const [one] = config.resources;
  const more = Array.from({ length: count - 1 }, (_, n) => ({ ...one, resource: `https://m.test/mcp-${n}` }));
  config.resources = [...more, one];
};

const manyRows = (count) => (config) => {
  config.resources[0].policy.matrix = Array.from({ length: count }, (_, n) => (
    { name: `row ${n}`, subjects: [`user-${n}-*`], clients: ['bench'], deny_tools: [`delete_${n}_*`] }));
};

const introspected = (ttl, port) => (config) => {
  delete config.issuers[0].jwks;
  config.issuers[0].introspection = { uri: `http://127.0.0.1:${port}/introspect`, cluster: 'upstream', client_id: 'gate', cache_ttl: ttl };
};

const opaque = (count) => Array.from({ length: count }, (_, n) => `opaque-${n}`);

/** Runs every series and prints a table for each. */
export async function measureSeries({ processes, tools, upstream, rounds, seconds, warm }) {
  const issuer = newIssuer();
  const rotation = issuer.tokens(10_000);
  const chosen = process.env.SERIES;
  for (const { name, cases } of allSeries(issuer, upstream).filter((one) => !chosen || one.name.includes(chosen))) {
    const measured = cases.map((one, n) => {
      const tokens = one.issuer ? [one.issuer.token()] : one.opaque ? opaque(one.tokens) : rotation.slice(0, one.tokens);
      return { ...one, workload: writeWorkload(tools.folder, `series-${n}`, { ...one, tokens }), costs: [] };
    });
    for (let n = 0; n < rounds; n++) {
      for (const { filters, workload, costs } of measured) {
        const gate = await startEnvoy(processes, { ...tools, name: 'series', filters, clusters: { upstream: upstream.port } });
        const load = { port: gate.listener, groups: [gate.group], workload };
        await round(processes, { ...load, seconds: warm });
        costs.push((await round(processes, { ...load, seconds })).cpu[0]);
        await processes.end(gate.process);
      }
    }
    print(name, measured);
  }
}

function print(name, cases) {
  const costs = new Map(cases.map(({ name: own, costs: measured }) => [own, measured]));
  const to = (measured, other) => (other ? ratio(median(measured.map((value, n) => value / costs.get(other)[n]))) : '');
  const rows = cases.map(({ name: own, base, chain, costs: measured }) => (
    [own, `${micros(median(measured))} µs`, percent(spread(measured)), to(measured, base), to(measured, chain)]));
  const against = cases.some(({ name: own }) => own.startsWith('A,')) ? 'to A with the same' : 'to the first';
  const columns = [name, 'CPU per request', '±', against, 'to B with the same'];
  const wanted = cases.some(({ chain }) => chain) ? columns.length : columns.length - 1;
  console.log(`${table(columns.slice(0, wanted), rows.map((row) => row.slice(0, wanted)))}\n`);
}
