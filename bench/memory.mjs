// Memory of an Envoy with one worker: at its start, and after many tokens that it had never seen.
import { startEnvoy } from './envoy.mjs';
import { callOf, round, writeWorkload } from './load.mjs';
import { residentBytes } from './machine.mjs';
import { toolgate, toolgateConfig, toolgateNative } from './policies.mjs';
import { MODULE, NATIVE } from './setup.mjs';
import { table } from './statistics.mjs';
import { newIssuer } from './tokens.mjs';

const TOKENS = 100_000;

/** Prints resident memory of Envoy alone and with toolgate. */
export async function measureMemory({ processes, tools, upstream }) {
  const issuer = newIssuer('EdDSA'); // signed in a tenth of the time
  const [token, ...many] = [issuer.token(), ...issuer.tokens(TOKENS)];
  const few = writeWorkload(tools.folder, 'one-token', { tokens: [token], body: callOf(130) });
  const all = writeWorkload(tools.folder, 'many-tokens', { tokens: many, body: callOf(130) });
  const rows = [];
  const kinds = [
    ['Envoy alone', []],
    ['Envoy with toolgate', [toolgate(MODULE, toolgateConfig(issuer))]],
    ['Envoy with the native module', [toolgateNative(NATIVE, toolgateConfig(issuer))]],
  ];
  for (const [name, filters] of kinds) {
    const gate = await startEnvoy(processes, { ...tools, name: 'memory', filters, clusters: { upstream: upstream.port } });
    const megabytes = () => (residentBytes(gate.group) / 1e6).toFixed(1);
    const row = [name, megabytes()];
    const put = (workload, seconds) => round(processes, { port: gate.listener, groups: [gate.group], workload, seconds });
    await put(few, 5);
    row.push(megabytes());
    for (let sent = 0; sent < TOKENS;) sent += (await put(all, 10)).requests;
    row.push(megabytes());
    rows.push(row);
    await processes.end(gate.process);
  }
  const columns = ['resident memory in MB, one worker', 'after start', 'after 5 s with one token', `after ${TOKENS.toLocaleString('en')} tokens`];
  console.log(`${table(columns, rows)}\n`);
}
