// `make conformance`: the official suite runs directly against a server and through Envoy with
// toolgate in front of it, and every check must come out the same, or differ as `explained.mjs` says. With
// `TOOLGATE_HOST=native` it runs through the native module.
import { generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { fit } from '../../demo/envoy-config.mjs';
import { freePort, run } from '../../demo/processes.mjs';
import { toolgateNative } from '../../bench/policies.mjs';
import { compare, readChecks } from './compare.mjs';
import { EXPLAINED } from './explained.mjs';
import { setUp, WHATEVER_FAILS } from './setup.mjs';

// One copy of the YAML parser is enough: the demo's.
const { parse, stringify } = createRequire(new URL('../../demo/package.json', import.meta.url))('yaml');

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const IS_NATIVE = process.env.TOOLGATE_HOST === 'native';
const MODULE = here(IS_NATIVE ? '../../target/native/libtoolgate.so' : '../../target/wasm32-wasip1/release/toolgate.wasm');
const EVERYTHING = here('../../demo/node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const LOOPBACK = new URL('../../demo/loopback.mjs', import.meta.url).href;
const ISSUER = 'http://127.0.0.1:1'; // nobody answers there: its keys are in the configuration

const RUNS = [
  { server: 'server-everything', set: '2025-11-25' },
  { server: 'fastmcp', set: '2025-11-25' },
  { server: 'fastmcp', set: '2026-07-28' },
];
// `hold_request_headers`, and whether sessions are bound to their caller; see the README. The native module always holds.
const MODES = [{ hold: true }, { hold: false }, { hold: true, bound: true }, { hold: false, bound: true }]
  .filter(({ hold }) => hold || !IS_NATIVE);
const SECRET = { name: 'TOOLGATE_SESSION_SECRET', value: 'of the conformance suite, for nothing else' };

const { PATH, HOME, LANG } = process.env;
const BASE_ENV = Object.fromEntries(Object.entries({ PATH, HOME, LANG }).filter(([, value]) => value));

await run(async (processes) => {
  if (!existsSync(MODULE)) throw new Error(`${MODULE} is missing: run \`make ${IS_NATIVE ? 'build-native' : 'build'}\``);
  const tools = await setUp(processes);
  const envoy = (await processes.complete([here('../../tools/get-envoy.sh')])).trim();
  const results = `${tools.folder}/results`;
  rmSync(results, { recursive: true, force: true });
  const issuer = newIssuer();

  const rows = [];
  for (const { server, set } of RUNS) {
    const name = `${server}-${set}`;
    const direct = await runSuite(processes, tools, set, `${results}/${name}-direct`, (folder) => startServer(processes, tools, server, folder));
    for (const { hold, bound } of MODES) {
      const mode = `${hold ? 'held' : 'not held'}${bound ? ', bound' : ''}`;
      const through = await runSuite(processes, tools, set, `${results}/${name}-${mode.replaceAll(/\W+/g, '-')}`, async (folder) => {
        const port = await startServer(processes, tools, server, folder);
        return startGate(processes, { envoy, issuer, folder, hold, bound, mcpServer: port });
      });
      rows.push({ server, set, mode, checks: compare(direct, through) });
    }
  }
  return report(rows);
});

/** Starts what is to be tested, runs a set of the suite against it, and reads the results. */
async function runSuite(processes, { suite }, set, folder, start) {
  const output = `${folder}/checks`;
  mkdirSync(output, { recursive: true });
  const port = await start(folder);
  const command = [...suite, 'server', '--url', `http://localhost:${port}/mcp`, '--requirements', set, '-o', output];
  writeFileSync(`${folder}/suite.log`, await processes.complete(['/bin/sh', '-c', WHATEVER_FAILS, ...command], { env: BASE_ENV }));
  return readChecks(output);
}

/** A fresh server for each run, so that nothing is left of the one before. */
async function startServer(processes, { python }, server, folder) {
  const port = await freePort(0);
  const command = server === 'fastmcp'
    ? [python, here('server.py')]
    : [process.execPath, '--import', LOOPBACK, EVERYTHING, 'streamableHttp'];
  const started = processes.start(server, command, { log: `${folder}/server.log`, env: { ...BASE_ENV, PORT: String(port) } });
  await processes.ready(started, () => answers(port, '/mcp'));
  return port;
}

/** Envoy with toolgate, and the proxy that adds the token. Gives the proxy's port. */
async function startGate(processes, { envoy, issuer, folder, hold, bound, mcpServer }) {
  const [listener, admin, proxy] = [await freePort(0), await freePort(0), await freePort(0)];
  const resource = `http://localhost:${proxy}/mcp`;
  const config = `${folder}/envoy.yaml`;
  writeFileSync(config, configure({ listener, admin, mcpServer, resource, hold, bound, jwk: issuer.jwk }));
  const gate = processes.start('Envoy with toolgate',
    [envoy, '-c', config, '--concurrency', '1', '--disable-hot-restart',
      '--log-level', 'warning', '--component-log-level', 'wasm:info,dynamic_modules:info', '--file-flush-interval-msec', '200'],
    { log: `${folder}/envoy.log`, env: { ...BASE_ENV, [SECRET.name]: SECRET.value } });
  await processes.ready(gate, () => answers(listener, '/healthz'));
  const adder = processes.start('proxy', [process.execPath, here('proxy.mjs')], {
    log: `${folder}/proxy.log`,
    env: { ...BASE_ENV, PORT: String(proxy), UPSTREAM: String(listener), TOKEN: issuer.token(resource) },
  });
  await processes.ready(adder, () => answers(proxy, '/healthz'));
  return proxy;
}

/** `envoy/envoy.yaml` with a policy that lets every valid token do everything. */
function configure({ listener, admin, mcpServer, resource, hold, bound, jwk }) {
  const { yaml } = fit(readFileSync(here('../../envoy/envoy.yaml'), 'utf8'), {
    listener, admin, mcpServer, resource, issuer: ISSUER, module: MODULE,
  });
  const bootstrap = parse(yaml);
  const { http_filters: filters } = bootstrap.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
  const filter = filters.find(({ name }) => name === 'toolgate');
  const plugin = filter.typed_config.config;
  if (!hold) delete plugin.allow_on_headers_stop_iteration;
  const toolgate = plugin.configuration.value;
  toolgate.hold_request_headers = hold;
  toolgate.issuers[0].jwks = { keys: [jwk] };
  const anyToken = { '*': { scopes: [] } };
  toolgate.resources[0].policy = {
    tools: anyToken, prompts: anyToken, resources: anyToken, methods: anyToken,
    unlisted: { tools: 'authenticated', prompts: 'authenticated', resources: 'authenticated', methods: 'authenticated' },
  };
  if (bound) {
    plugin.vm_config.environment_variables = { key_values: { [SECRET.name]: SECRET.value } };
    toolgate.resources[0].sessions = { bind: true, secret_env: SECRET.name };
  }
  if (IS_NATIVE) Object.assign(filter, toolgateNative(MODULE, toolgate));
  return stringify(bootstrap, { aliasDuplicateObjects: false });
}

/** A key, its public half for the configuration, and access tokens signed with it. */
function newIssuer() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = 'conformance';
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' },
    token(audience) {
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: ISSUER, aud: audience, sub: 'suite', client_id: 'suite', iat: now, exp: now + 3600, jti: 'suite' };
      const signed = `${part({ alg: 'ES256', typ: 'at+jwt', kid })}.${part(claims)}`;
      return `${signed}.${sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
    },
  };
}

/** Whether anything answers there. A server without a session to go with answers 4xx. */
async function answers(port, path) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(2000) });
  await response.body?.cancel();
  return response.status < 500;
}

/** Prints the table and the differences; gives the exit code. */
function report(rows) {
  console.log(IS_NATIVE ? 'libtoolgate.so\n' : 'toolgate.wasm\n');
  const columns = [19, 12, 15, 8, 7, 7];
  const line = (cells) => console.log(
    cells.map((cell, index) => String(cell)[index < 3 ? 'padEnd' : 'padStart'](columns[index])).join(' '));
  line(['server', 'set', 'headers', 'equal', 'better', 'worse']);
  for (const { server, set, mode, checks } of rows) {
    const count = (wanted) => checks.filter(({ verdict }) => verdict === wanted).length;
    line([server, set, mode, count('equal'), count('better'), count('worse')]);
  }

  const differences = gather(rows);
  const used = new Set();
  for (const { server, set, key, verdict, modes, seen } of differences) {
    const explained = EXPLAINED.find((entry) =>
      entry.server === server && entry.set === set && entry.check === key && entry.verdict === verdict);
    used.add(explained);
    console.log(`\n${verdict}: ${server} ${set}, headers ${modes.join(' and ')}: ${key}`);
    for (const text of seen) console.log(`  ${text}`);
    console.log(`  ${explained?.why ?? 'NOT EXPLAINED'}`);
  }
  const stale = EXPLAINED.filter((entry) => !used.has(entry));
  for (const { server, set, check } of stale) console.log(`\nexplained, but no difference any more: ${server} ${set}: ${check}`);

  const worse = differences.filter(({ verdict }) => verdict === 'worse').length;
  console.log(`\n${differences.length} differences, ${worse} of them worse${used.has(undefined) ? ', not all explained' : ''}.`);
  return used.has(undefined) || stale.length > 0 ? 1 : 0;
}

/** The differences, those that are the same in both host modes told once. */
function gather(rows) {
  const told = (way, check) => `${way.padEnd(8)} ${check ? [...check.statuses, ...check.messages].join('; ') : 'no such check'}`;
  const gathered = new Map();
  for (const { server, set, mode, checks } of rows) {
    for (const { key, before, after, verdict } of checks) {
      if (verdict === 'equal') continue;
      const difference = { server, set, key, verdict, seen: [told('direct', before), told('through', after)] };
      const same = JSON.stringify(difference);
      gathered.set(same, { ...difference, modes: [...(gathered.get(same)?.modes ?? []), mode] });
    }
  }
  return [...gathered.values()];
}
