// Envoy with toolgate in front of an MCP server, and the MCP server.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../demo/processes.mjs';

export const here = (path) => fileURLToPath(new URL(path, import.meta.url));
export const CACHE = here('../../.cache/interop');
export const MODULE = process.env.TOOLGATE_WASM ?? here('../../target/wasm32-wasip1/release/toolgate.wasm');
const EVERYTHING = here('../../demo/node_modules/@modelcontextprotocol/server-everything/dist/index.js');

// The tool `get-env` shows what the MCP server gets: these variables, and no others.
const { PATH, HOME, LANG } = process.env;
export const BASE_ENV = Object.fromEntries(Object.entries({ PATH, HOME, LANG }).filter(([, value]) => value));

// Where Envoy is, once it was asked for.
let envoy;

// Until a server has to answer: others start beside it, and builds may still run.
export const READY_SECONDS = 120;

export const loopback = (port, path = '') => `http://127.0.0.1:${port}${path}`;

/** The folder of a run: logs and configurations. */
export function folderOf(name) {
  const folder = `${CACHE}/runs/${name}`;
  mkdirSync(folder, { recursive: true });
  return folder;
}

export async function answers(url, status = 200, milliseconds = 2000) {
  const response = await fetch(url, { signal: AbortSignal.timeout(milliseconds) });
  await response.body?.cancel();
  return response.status === status;
}

/** npm `server-everything` with one of its transports, `streamableHttp` or `sse`: its port, and the process. */
export async function startEverything(processes, log, transport) {
  const port = await freePort(0);
  const started = processes.start('MCP server', [
    process.execPath, '--import', new URL('../../demo/loopback.mjs', import.meta.url).href, EVERYTHING, transport,
  ], { log, env: { ...BASE_ENV, PORT: String(port) } });
  const [path, status] = transport === 'sse' ? ['/sse', 200] : ['/mcp', 400]; // without a session it answers 400
  await processes.ready(started, () => answers(loopback(port, path), status), READY_SECONDS);
  return { port, started };
}

/** The same where it goes on to the end: the port of its MCP endpoint, `/mcp`. */
export async function startServer(processes, folder) {
  const { port } = await startEverything(processes, `${folder}/mcp-server.log`, 'streamableHttp');
  return port;
}

/**
 * Starts Envoy with `envoy/envoy.yaml` before `mcpServer`, with the tokens of `issuer`. `configure(configuration,
 * resource)` changes what toolgate gets, `change(bootstrap)` the rest of Envoy's configuration. `path` is that of the MCP
 * server's endpoint.
 */
export async function startGate(processes, { folder, name, mcpServer, issuer, configure, change, port, path = '/mcp' }) {
  if (!existsSync(MODULE)) throw new Error(`${MODULE} is missing: run \`make build\``);
  envoy ??= (await processes.complete([here('../../tools/get-envoy.sh')])).trim();
  const [listener, admin] = [port ?? (await freePort(0)), await freePort(0)];
  const resource = loopback(listener, path);
  const log = `${folder}/${name}.log`;
  const config = `${folder}/${name}.yaml`;
  // Not above: it needs an npm package, which may not be there before the first gate.
  const { fit } = await import('../../demo/envoy-config.mjs');
  const { yaml } = fit(readFileSync(here('../../envoy/envoy.yaml'), 'utf8'), {
    listener, admin, mcpServer, issuer, resource, change, module: MODULE,
    configure(configuration) {
      delete configuration.issuers[0].algorithms;
      configure?.(configuration, resource);
    },
  });
  writeFileSync(config, yaml);
  const started = processes.start(`Envoy (${name})`, [
    envoy, '-c', config, '--concurrency', '1', '--disable-hot-restart', '--use-dynamic-base-id',
    '--log-level', 'warning', '--component-log-level', 'wasm:info', '--file-flush-interval-msec', '50',
  ], { log, env: BASE_ENV });
  await processes.ready(started, async () => (await answers(loopback(admin, '/ready'))) && answers(loopback(listener, '/healthz')), READY_SECONDS);
  return new Gate({ processes, started, resource, log, config, port: listener });
}

export class Gate {
  constructor(parts) {
    Object.assign(this, parts);
  }

  stop = () => this.processes.end(this.started);

  /** All audit lines so far. */
  audits() {
    const lines = readFileSync(this.log, 'utf8').matchAll(/toolgate\.audit (\{.*\})/g);
    return [...lines].map(([, json]) => JSON.parse(json));
  }

  /** What `ask` gives, and the reason that toolgate recorded for its last request. */
  async reasonOf(ask) {
    const before = this.audits().length;
    const answer = await ask();
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const added = this.audits().slice(before);
      if (added.length) return { ...answer, reason: added.at(-1).reason, audit: added.at(-1) };
      await sleep(50); // the log is written with a short delay
    }
    return answer;
  }
}
