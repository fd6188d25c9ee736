// The matrix of MCP servers: what a client makes of each of them behind toolgate, and what of the bypass corpus reaches it.
import { existsSync, readFileSync } from 'node:fs';
import { paint } from '../../demo/wire.mjs';
import { install } from './clients.mjs';
import { at } from './clock.mjs';
import { attempt, control, setUp } from './corpus.mjs';
import { folderOf, startGate } from './gate.mjs';
import { cell } from './matrix.mjs';
import { oidcGate } from './providers.mjs';
import { SERVERS, installServer, startServerOf } from './servers.mjs';

/** The columns of clients, as in the matrix of clients; `TRANSPORT` is the server's. */
export const SERVER_CLIENTS = ['TypeScript client', 'Python mcp 2'];
// A use of each kind: of the tool, the prompt and the resource that the corpus is after.
const CONTROLS = 'delete_all\nsecret_brief\ndocs://private/key\n';

// Servers that are tried beside each other: of a corpus that is sent one by one, most is waiting for answers.
const AT_A_TIME = 3;

/** What a client does before a server: a tool that it never gets, and a step-up unless it has every scope from the first. */
const column = ({ write, never, challenge, lists: [before, after] = [] }) => ({
  id: 'server',
  steps: [
    [['list'], { holds: 'echo', lacks: challenge ? never : write, count: before }],
    [['call', 'echo', { message: 'hi' }]],
    [['call', never, {}], { ok: false, logins: 1 }],
    [['call', write, {}], { logins: challenge ? 1 : 2 }],
    [['list'], { holds: write, lacks: never, count: after }],
  ],
});

/** The outcomes, by server and column. */
export async function runServers(processes, names = Object.keys(SERVERS)) {
  const folder = folderOf('servers');
  const skipped = {};
  for (const client of SERVER_CLIENTS) await install(processes, client);
  for (const name of names) {
    const why = await installServer(processes, name);
    if (why) skipped[name] = why;
  }
  const rows = names.filter((own) => !skipped[own]);
  const outcomes = {};
  const queue = [...rows];
  const worker = async () => {
    for (let name = queue.shift(); name; name = queue.shift()) {
      outcomes[name] = { ...(await withClients(processes, folder, name)), ...(await withCorpus(processes, folder, name)) };
      for (const [id, { outcome, without }] of Object.entries(outcomes[name])) {
        console.log(`${at()} ${name.padEnd(33)} ${id.padEnd(18)} ${outcome === 'yes' ? paint('green', outcome) : outcome}${without ? `; without the gate: ${without}` : ''}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return { outcomes: Object.fromEntries(rows.map((name) => [name, outcomes[name]])), skipped };
}

async function withClients(processes, folder, name) {
  const { policy, transport, path, challenge } = SERVERS[name];
  const server = await startServerOf(processes, name, { folder });
  const world = { processes, folder, gates: {} };
  const gate = await oidcGate(world, name.replaceAll(/\W+/g, '-'), {
    mcpServer: server.port, path,
    configure({ resources: [resource] }) {
      if (policy) resource.policy = policy;
      if (challenge) resource.challenge_scopes = challenge;
      if (transport === 'sse') resource.paths = ['/sse', '/message'];
    },
  });
  const outcomes = {};
  for (const client of SERVER_CLIENTS) {
    const wanted = { ...column(SERVERS[name]), env: { TRANSPORT: transport } };
    let outcome = await cell({ ...world, folder, gates: { server: gate } }, client, { ...wanted, id: `before-${name.replaceAll(/\W+/g, '-')}`, gate: 'server' });
    if (server.reached && existsSync(server.reached)) outcome = `reached the server: ${readFileSync(server.reached, 'utf8')}`;
    outcomes[client] = { outcome };
  }
  await gate.stop();
  await processes.end(gate.provider);
  await processes.end(server.started);
  return outcomes;
}

/** The corpus with the gate and without it, each before a server of its own, since a case may leave one in a bad state. */
async function withCorpus(processes, folder, name) {
  if (!SERVERS[name].command) return {};
  const { configure, change, caller, ...callers } = await setUp();
  const direct = await startServerOf(processes, name, { folder, stateless: true });
  const without = await attempt(direct.port, caller, direct.reached, { oneByOne: true });
  await processes.end(direct.started);
  const server = await startServerOf(processes, name, { folder, stateless: true });
  const gate = await startGate(processes, {
    folder, name: `corpus-${name.replaceAll(/\W+/g, '-')}`, mcpServer: server.port, issuer: 'https://127.0.0.1:1', configure, change,
  });
  const echo = await control(gate.port, { caller, ...callers });
  const controlled = existsSync(server.reached) && readFileSync(server.reached, 'utf8');
  const { count, through } = await attempt(gate.port, caller, server.reached);
  const all = existsSync(server.reached) ? readFileSync(server.reached, 'utf8') : '';
  await gate.stop();
  await processes.end(server.started);
  let outcome = 'yes';
  if (controlled !== CONTROLS) outcome = `of an administrator's uses only these are in its record: ${controlled}`;
  else if (echo !== 200) outcome = `what the caller may call is ${echo}`;
  else if (all !== CONTROLS) outcome = `reached the server ${all.split('\n').length - 4} times, about: ${through.join(' ')}`;
  else if (without.through.length === 0) outcome = 'nothing of the corpus reaches it without the gate either';
  return { corpus: { outcome, cases: count, reached: through.length, without: without.through.length } };
}
