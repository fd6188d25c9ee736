// `make soak`: load for MINUTES (30) or REQUESTS (10 million), whichever ends first, with tokens that change all the
// time; memory over time, which must not grow once the caches are full. With `TOOLGATE_HOST=native`, of the native module.
import { run } from '../demo/processes.mjs';
import { startEnvoy } from './envoy.mjs';
import { callOf, round, writeWorkload } from './load.mjs';
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
const IS_NATIVE = process.env.TOOLGATE_HOST === 'native';

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
    console.log(`${requests.toLocaleString('en').padStart(12)} requests ${megabytes.toFixed(1).padStart(7)} MB  ${'#'.repeat(Math.round(megabytes / 200 * BAR))}`);
  };
  sample(0);
  const end = Date.now() + minutes * 60_000;
  let requests = 0;
  for (let turn = 0; requests < most && Date.now() < end; turn++) {
    // One round of four brings tokens that are not in the cache any more.
    const workload = turn % 4 === 0 ? many : one;
    requests += (await round(processes, { port: gate.listener, groups: [gate.group], workload, seconds: 10 })).requests;
    sample(requests);
  }
  const warm = samples.find((one) => one.requests >= WARM) ?? samples[0];
  const [last] = samples.slice(-1);
  const growth = last.megabytes - warm.megabytes;
  console.log(`\nfrom ${warm.requests.toLocaleString('en')} to ${last.requests.toLocaleString('en')} requests: ${growth >= 0 ? '+' : ''}${growth.toFixed(1)} MB`);
  return 0;
});
