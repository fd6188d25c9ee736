// Memory of Envoys with 1, 2 and 4 workers: at the start, and after many tokens that they had never seen.
import { startEnvoy } from './envoy.mjs';
import { callOf, round, writeWorkload } from './load.mjs';
import { residentBytes } from './machine.mjs';
import { toolgate, toolgateConfig, toolgateNative } from './policies.mjs';
import { MODULE, NATIVE } from './setup.mjs';
import { table } from './statistics.mjs';
import { newIssuer } from './tokens.mjs';

const WORKERS = [1, 2, 4];
/** For each worker: far beyond its cache of tokens. */
const TOKENS = 20_000;

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** Prints resident memory of Envoy alone and with toolgate, and what toolgate adds for each worker. */
export async function measureMemory(context) {
  const issuer = newIssuer('EdDSA'); // signed in a tenth of the time
  const [token, ...many] = [issuer.token(), ...issuer.tokens(TOKENS * Math.max(...WORKERS))];
  const kinds = [
    ['Envoy alone', []],
    ['with toolgate.wasm', [toolgate(MODULE, toolgateConfig(issuer))]],
    ['with the native module', [toolgateNative(NATIVE, toolgateConfig(issuer))]],
  ];
  const rows = [];
  for (const workers of WORKERS) {
    const load = { one: [token], all: many.slice(0, TOKENS * workers) };
    let alone;
    for (const [name, filters] of kinds) {
      const measured = await residentOf(context, { filters, workers, load });
      alone ??= measured;
      const added = (measured.at(-1) - alone.at(-1)) / workers;
      rows.push([`${name}, ${workers} ${workers === 1 ? 'worker' : 'workers'}`, ...measured.map(megabytes), measured === alone ? '' : megabytes(added)]);
    }
  }
  const columns = ['resident memory in MB', 'after start', 'after 5 s with one token', `after ${TOKENS.toLocaleString('en')} tokens for each worker`, 'toolgate, per worker'];
  console.log(`${table(columns, rows)}\n`);
}

/** Bytes of one Envoy: at the start, with one token, and when its caches are full. */
async function residentOf({ processes, tools, upstream }, { filters, workers, load }) {
  const gate = await startEnvoy(processes, { ...tools, name: 'memory', filters, workers, clusters: { upstream: upstream.port } });
  const put = (tokens, seconds) => {
    const workload = writeWorkload(tools.folder, 'memory', { tokens, body: callOf(130) });
    return round(processes, { port: gate.listener, groups: [gate.group], workload, seconds });
  };
  const bytes = [residentBytes(gate.group)];
  await put(load.one, 5);
  bytes.push(residentBytes(gate.group));
  for (let sent = 0; sent < load.all.length;) sent += (await put(load.all, 10)).requests;
  bytes.push(residentBytes(gate.group));
  await processes.end(gate.process);
  return bytes;
}
