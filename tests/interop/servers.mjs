// The MCP servers of the matrix: how each is installed and started.
//
// Those of servers/ are alike: PORT is where they listen, on loopback; with STATELESS they keep no sessions; with JSON they
// answer with JSON, else with event streams. They have tools `echo`, `write_note` and `delete_all`, prompts `brief` and
// `secret_brief`, and resources `docs://public/a` and `docs://private/key`. Each use of `delete_all`, `secret_brief` and
// `docs://private/key`, which no caller of the corpus may make, is a line in the file REACHED.
import { rmSync } from 'node:fs';
import { freePort } from '../../demo/processes.mjs';
import { CLIENTS, pinned } from './clients.mjs';
import { BASE_ENV, CACHE, READY_SECONDS, here, loopback, startEverything } from './gate.mjs';
import { ensure } from './install.mjs';

/** The policy before the servers of servers/. */
const POLICY = {
  base_scopes: ['mcp:read'],
  hierarchy: { 'mcp:admin': ['mcp:write'], 'mcp:write': ['mcp:read'] },
  tools: {
    echo: { scopes: [] }, 'get_*': { scopes: ['mcp:read'] }, 'set_*': { scopes: ['mcp:write'] }, write_note: { scopes: ['mcp:write'] },
  },
};
const OWN = { policy: POLICY, write: 'write_note', never: 'delete_all', lists: [1, 2] };
const version = (name) => () => CLIENTS[name].version();
const [JSON_ANSWERS, STREAMS] = [{ JSON: '1' }, {}];

const fastmcp = { ...OWN, lists: [61, 122], installed: ['fastmcp'], command: [`${CACHE}/python/fastmcp/bin/python`, here('servers/fastmcp_server.py')], version: version('fastmcp') };
const everything = {
  everything: 'sse', transport: 'sse', path: '/sse', write: 'toggle-simulated-logging', never: 'gzip-file-as-resource',
  version: pinned('../../demo/package.json', /server-everything": "([^"]+)"/),
};
const go = {
  ...OWN, key: 'go-server', version: version('Go go-sdk'), command: [`${CACHE}/go-server`],
  files: ['servers/go/main.go', 'servers/go/go.mod', 'servers/go/go.sum'], needs: ['go', 'version'],
  install: (complete) => complete(['go', 'build', '-trimpath', '-o', `${CACHE}/go-server`, '.'], { cwd: here('servers/go') }),
};

export const SERVERS = {
  'server-everything, SSE transport': everything,
  'server-everything, SSE transport, every scope at once': { ...everything, challenge: ['mcp:read', 'mcp:write'] },
  'FastMCP, JSON answers': { ...fastmcp, env: JSON_ANSWERS },
  'FastMCP, event streams': { ...fastmcp, env: STREAMS },
  'Go go-sdk, JSON answers': { ...go, env: JSON_ANSWERS },
  'Go go-sdk, event streams': { ...go, env: STREAMS },
  'Rust rmcp': { ...OWN, env: STREAMS, installed: ['Rust rmcp'], command: [`${CACHE}/cargo/debug/toolgate-interop-rmcp-server`], version: version('Rust rmcp') },
  'Java SDK in Tomcat': {
    ...OWN, env: JSON_ANSWERS, version: pinned('servers/java/pom.xml', /<artifactId>mcp<\/artifactId><version>([^<]+)/),
    command: ['java', '-Xmx128m', '-cp', `${CACHE}/java-server/interop-server-1.jar:${CACHE}/java-server/lib/*`, 'interop.Server'],
    files: ['servers/java/pom.xml', 'servers/java/src/main/java/interop/Server.java'], needs: ['mvn', '--version'],
    install: (complete) => complete(['mvn', '-q', '-B', '-ntp', `-Dfolder=${CACHE}/java-server`, 'package'], { cwd: here('servers/java') }),
  },
};

/** Installs a server unless it is there; says why where that is not possible. */
export async function installServer(processes, name) {
  for (const client of SERVERS[name].installed ?? []) await ensure(processes, client, CLIENTS[client]);
  return ensure(processes, `${name} (server)`, SERVERS[name]);
}

/** Starts a server: its port, and the file of what reached it. */
export async function startServerOf(processes, name, { folder, stateless }) {
  const { everything: transport, command, env } = SERVERS[name];
  const log = `${folder}/${name.replaceAll(/\W+/g, '-')}${stateless ? '-stateless' : ''}`;
  if (transport) {
    const { port, started } = await startEverything(processes, `${log}.log`, transport);
    return { port, started };
  }
  const [port, reached] = [await freePort(0), `${log}.reached`];
  rmSync(reached, { force: true });
  const started = processes.start(name, command, {
    log: `${log}.log`, env: { ...BASE_ENV, ...env, PORT: String(port), REACHED: reached, ...(stateless && { STATELESS: '1' }) },
  });
  await processes.ready(started, async () => {
    const response = await fetch(loopback(port, '/mcp'), { method: 'POST', signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return true;
  }, READY_SECONDS);
  return { port, reached, started };
}
