// The whole stack: authorization server, MCP server, and Envoy with toolgate in front of it.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fit } from './envoy-config.mjs';
import { freePort } from './processes.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const MODULE = here('../target/wasm32-wasip1/release/toolgate.wasm');
const MCP_SERVER = here('node_modules/@modelcontextprotocol/server-everything/dist/index.js');

// Children get these variables and what is meant for them, no more: the tool `get-env` shows
// the environment of the MCP server, and yours is nobody's business.
const { PATH, HOME, LANG } = process.env;
const BASE_ENV = Object.fromEntries(Object.entries({ PATH, HOME, LANG }).filter(([, value]) => value));

/**
 * Starts everything and gives its URLs, when all of it answers. Logs go into `.cache/<name>`.
 * With a client's `document`, the authorization server knows that client by it.
 */
export async function startStack(processes, name, { origins, publicTool, document } = {}) {
  if (!existsSync(MODULE)) throw new Error(`${relative('.', MODULE)} is missing: run \`make build\``);
  const folder = here(`../.cache/${name}`);
  mkdirSync(folder, { recursive: true });
  // The first time it downloads, and says so on stderr.
  const envoy = (await processes.complete([here('../tools/get-envoy.sh')])).trim();

  const wanted = { listener: 10000, admin: 9901, auth: 9400, mcpServer: 3001 };
  const ports = {};
  for (const [name, port] of Object.entries(wanted)) ports[name] = await freePort(port);
  const at = (port, path = '') => `http://127.0.0.1:${port}${path}`;
  const issuer = at(ports.auth);
  const resource = at(ports.listener, '/mcp');
  const direct = at(ports.mcpServer, '/mcp');
  const clientSecret = randomBytes(8).toString('hex');

  const config = `${folder}/envoy.yaml`;
  const { yaml, scopes } = fit(readFileSync(here('../envoy/envoy.yaml'), 'utf8'), {
    ...ports, issuer, resource, origins, publicTool, module: MODULE,
  });
  writeFileSync(config, yaml);

  const reading = {};
  if (document) {
    // The authorization server has to trust the certificate of the document's server.
    const trusted = `${folder}/document.pem`;
    writeFileSync(trusted, document.certificate);
    Object.assign(reading, { CLIENT_DOCUMENT: document.url, NODE_EXTRA_CA_CERTS: trusted });
  }

  const start = async (name, url, command, env, ready) => {
    const since = Date.now();
    const log = `${folder}/${name.replaceAll(' ', '-').toLowerCase()}.log`;
    const started = processes.start(name, command, { log, env: { ...BASE_ENV, ...env } });
    await processes.ready(started, ready);
    console.log(`  ${name.padEnd(21)} ${url.padEnd(31)} ready in ${((Date.now() - since) / 1000).toFixed(1)} s`);
    return log;
  };

  await start('Authorization server', issuer,
    [process.execPath, here('auth-server.mjs')],
    { ISSUER: issuer, RESOURCE: resource, SCOPES: scopes.join(' '), CLIENT_SECRET: clientSecret, ...reading },
    () => answers(`${issuer}/.well-known/oauth-authorization-server`));
  await start('MCP server', direct,
    [process.execPath, '--import', new URL('loopback.mjs', import.meta.url).href, MCP_SERVER, 'streamableHttp'],
    { PORT: String(ports.mcpServer), DEMO_SECRET: 'only for administrators' },
    // It has no health check; without a session it answers 400, and that is an answer.
    () => answers(direct, 400));
  const envoyLog = await start('Envoy with toolgate', resource,
    [envoy, '-c', config, '--concurrency', '2', '--disable-hot-restart',
      '--log-level', 'warning', '--component-log-level', 'wasm:info', '--file-flush-interval-msec', '200'],
    {},
    async () => (await answers(at(ports.admin, '/ready'))) && (await answers(at(ports.listener, '/healthz'))));

  return { resource, issuer, direct, admin: at(ports.admin), scopes, clientSecret, envoyLog, folder: relative('.', folder) };
}

async function answers(url, status = 200) {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
  await response.body?.cancel();
  return response.status === status;
}
