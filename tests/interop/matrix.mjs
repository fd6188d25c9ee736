// The matrix of clients: what each client of clients.mjs makes of toolgate, given nothing but a URL.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { publish } from '../../demo/document.mjs';
import { freePort } from '../../demo/processes.mjs';
import { paint } from '../../demo/wire.mjs';
import { CLIENTS, follow, install } from './clients.mjs';
import { BASE_ENV, answers, folderOf, here, loopback, startGate, startServer } from './gate.mjs';
import { realmFor, startKeycloak } from './keycloak/server.mjs';
import { configured } from './keycloak/walk.mjs';
import { REDIRECT } from './oauth.mjs';

const ECHO = ['call', 'echo', { message: 'hi' }];
const SUM = ['call', 'get-sum', { a: 1, b: 2 }];
const WRITE = ['call', 'toggle-simulated-logging'];
const ADMIN = ['call', 'get-env'];
const UNLISTED = ['call', 'gzip-file-as-resource', { name: 'x' }];
const SLOW = ['call', 'trigger-long-running-operation', { duration: 18, steps: 6 }];
// Nobody but the connection and the step of this name may have needed a login.
const ONCE = 1;

/**
 * A column: at `provider`, through the gate of that name, with these steps. Each step is followed by what it must have
 * come to: `ok` (or not), and at most so many logins in all, from there on.
 */
const COLUMNS = [
  {
    id: 'step-up', title: 'discovers, registers, lists, calls, steps up', provider: 'oidc', gate: 'oidc',
    steps: [[['list'], { lacks: 'get-env' }], [ECHO], [WRITE, { logins: 2 }], [ADMIN, { logins: 3 }], [['list'], { holds: 'get-env' }]],
  },
  {
    id: 'unlisted', title: 'a tool that no scope brings: an error, no login, and the session goes on', provider: 'oidc', gate: 'oidc',
    steps: [[ECHO], [UNLISTED, { ok: false, logins: 1 }], [ECHO]],
  },
  {
    id: 'public', title: 'a public tool before any login, then a login', provider: 'oidc', gate: 'oidc-public', connects: { logins: 0 },
    steps: [[ECHO, { logins: 0 }], [SUM, { logins: 1 }]],
  },
  {
    id: 'expiry', title: 'the token ends: refreshed without a login', provider: 'oidc', gate: 'oidc-short',
    steps: [[ECHO], [['wait', 16]], [ECHO], [['wait', 16]], [ECHO]],
  },
  {
    id: 'stream', title: 'an answer that streams beyond the end of the token', provider: 'oidc', gate: 'oidc-short',
    steps: [[WRITE, { logins: 2 }], [SLOW, { logins: 2 }], [ECHO, { logins: 2 }]],
  },
  {
    id: 'kc-all', title: 'registers, every scope at once', provider: 'keycloak', gate: 'keycloak',
    steps: [[['list'], { holds: 'get-env' }], [ECHO], [WRITE], [ADMIN]],
  },
  {
    id: 'kc-never', title: 'a scope that its user can never have: an error, an end of logins, and the session goes on',
    provider: 'keycloak', gate: 'keycloak', user: 'bob',
    steps: [[['list'], { lacks: 'get-env' }], [WRITE], [ADMIN, { ok: false, logins: 2 }], [ECHO, { logins: 2 }]],
  },
  {
    id: 'kc-end', title: 'the session is ended at the provider: one more login', provider: 'keycloak', gate: 'keycloak',
    steps: [[ADMIN], [['wait', 5]], [ADMIN, { logins: 2 }]],
    // While the client waits.
    after: { step: 1, act: endSessions },
  },
  {
    id: 'kc-narrow', title: 'registers, steps up', provider: 'keycloak', gate: 'keycloak-narrow',
    steps: [[ECHO], [WRITE, { logins: 2 }], [ADMIN, { logins: 3 }]],
  },
  {
    id: 'kc-known', title: 'a client made beforehand, steps up', provider: 'keycloak', gate: 'keycloak-narrow', client: 'mcp-cli',
    steps: [[ECHO], [WRITE, { logins: 2 }], [ADMIN, { logins: 3 }]],
  },
  {
    id: 'kc-document', title: 'known by its document (CIMD, experimental), steps up', provider: 'keycloak', gate: 'keycloak-narrow', document: true,
    steps: [[ECHO], [WRITE, { logins: 2 }], [ADMIN, { logins: 3 }]],
  },
];

const metadata = {
  // fastmcp says `localhost`.
  client_name: 'toolgate interop', redirect_uris: [REDIRECT, REDIRECT.replace('127.0.0.1', 'localhost')], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
  token_endpoint_auth_method: 'none',
};

/** What a client came to: `yes`, or the first thing that was not as wanted. */
function judge({ steps, connects }, told) {
  let logins = 0;
  let most = ONCE;
  for (const [n, [step, wanted]] of [[['connect'], connects], ...steps].entries()) {
    if (step[0] === 'wait') continue;
    const { ok = true, logins: limit = most, holds, lacks } = wanted ?? {};
    most = limit;
    const got = told.find((one) => one.step === n);
    const name = n === 0 ? 'connect' : step[1] ?? step[0];
    if (!got) return `${name}: no answer${ended(told)}`;
    logins += got.logins;
    if (got.ok !== ok) return ok ? `${name}: ${plain(got.text)}` : `${name}: it went through`;
    if (logins > most) return `${name}: login number ${logins}`;
    if (holds && !got.tools.includes(holds)) return `${name}: lacks ${holds}`;
    if (lacks && got.tools.includes(lacks)) return `${name}: holds ${lacks}`;
  }
  return 'yes';
}

const ended = (told) => {
  const why = told.find((one) => one.ended);
  return why ? `: ${plain(why.ended)}` : '';
};

/** An error without what differs from run to run. */
const plain = (text = '') => String(text).replace(/127\.0\.0\.1:\d+/g, '127.0.0.1').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
  .replace(/"decision_id":"[^"]*"/g, '"decision_id":"…"').replace(/\b[0-9a-f]{12}\b/g, '…').replace(/\s+/g, ' ').slice(0, 160);

/** Runs the clients and columns that are wanted: the outcomes, by client and column. */
export async function runMatrix(processes, { clients = Object.keys(CLIENTS), columns = COLUMNS.map(({ id }) => id) } = {}) {
  const folder = folderOf('matrix');
  const wanted = COLUMNS.filter(({ id }) => columns.includes(id));
  const skipped = {};
  for (const name of clients) {
    const why = await install(processes, name);
    if (why) skipped[name] = why;
  }
  const document = await publish(metadata);
  writeFileSync(`${folder}/document.pem`, document.certificate);
  const mcpServer = await startServer(processes, folder);
  const world = { processes, folder, mcpServer, document, gates: {} };
  const started = [];
  for (const provider of new Set(wanted.map((column) => column.provider))) started.push(await PROVIDERS[provider](world));
  const outcomes = {};
  for (const name of clients.filter((own) => !skipped[own])) {
    outcomes[name] = {};
    for (const column of wanted) {
      const outcome = await cell(world, name, column);
      outcomes[name][column.id] = outcome;
      console.log(`  ${name.padEnd(18)} ${column.id.padEnd(12)} ${outcome === 'yes' ? paint('green', outcome) : outcome}`);
    }
  }
  return { outcomes, skipped, started, columns: wanted };
}

async function cell(world, name, column) {
  const { processes, folder, document, gates } = world;
  const gate = gates[column.gate];
  const log = `${folder}/${name.replaceAll(' ', '-')}-${column.id}`;
  let act;
  const told = await follow(processes, name, {
    url: gate.resource, steps: column.steps.map(([step]) => step), log: `${log}.log`,
    env: {
      USER_NAME: column.user ?? 'alice', ISSUER: gate.issuer, SSL_CERT_FILE: undefined,
      ...(column.client && { CLIENT_ID: column.client }), ...(column.document && { CLIENT_DOCUMENT: document.url }),
    },
    onStep: ({ step }) => {
      if (column.after && step === column.after.step) act = column.after.act(world);
    },
  });
  await act;
  writeFileSync(`${log}.json`, told.map((line) => JSON.stringify(line)).join('\n'));
  return judge(column, told);
}

const PROVIDERS = { oidc: startOidc, keycloak: startKeycloaks };

/** The demo's authorization server: once with tokens that live for an hour, once for seconds. */
async function startOidc(world) {
  const { processes, folder, mcpServer, gates } = world;
  const since = Date.now();
  const start = async (name, seconds, configure) => {
    const [port, listener] = [await freePort(0), await freePort(0)];
    const issuer = loopback(port);
    const server = processes.start(name, [process.execPath, here('../../demo/auth-server.mjs')], {
      log: `${folder}/${name}-provider.log`,
      env: {
        ...BASE_ENV, ISSUER: issuer, RESOURCE: loopback(listener, '/mcp'), SCOPES: 'mcp:admin mcp:read mcp:write research:run',
        CLIENT_SECRET: 'unused', TOKEN_SECONDS: String(seconds),
      },
    });
    await processes.ready(server, () => answers(`${issuer}/.well-known/oauth-authorization-server`));
    gates[name] = await startGate(processes, { folder, name, mcpServer, issuer, port: listener, configure });
    gates[name].issuer = issuer;
  };
  await start('oidc', 3600);
  await start('oidc-public', 3600, ({ resources: [resource] }) => { resource.policy.tools.echo = { public: true }; });
  // Longer than the 10 s ahead of the end at which Go's oauth2 takes a token for expired.
  await start('oidc-short', 14, ({ issuers: [issuer] }) => { issuer.leeway = '0s'; });
  return { name: 'oidc-provider', seconds: (Date.now() - since) / 1000 };
}

async function startKeycloaks(world) {
  const { processes, folder, mcpServer, gates } = world;
  const keycloak = await startKeycloak(processes, { folder, features: ['cimd'], trusted: `${folder}/document.pem` });
  world.keycloak = keycloak;
  const start = async (name, audience, change) => {
    const configure = configured(keycloak, audience, change);
    gates[name] = await startGate(processes, { folder, name, mcpServer, issuer: keycloak.issuer, configure });
    gates[name].issuer = keycloak.issuer;
  };
  await start('keycloak');
  await start('keycloak-narrow', gates.keycloak.resource, (_issuer, resource) => { delete resource.challenge_scopes; });
  await keycloak.replaceRealm(await realmFor(processes, gates.keycloak.resource, '--cimd'));
  return { name: 'Keycloak', seconds: keycloak.seconds, megabytes: keycloak.megabytes };
}

/** Ends all sessions of alice, offline ones too. */
async function endSessions({ keycloak }) {
  const { id } = await keycloak.user('alice');
  await keycloak.admin('POST', `users/${id}/logout`);
  for (const client of await keycloak.admin('GET', 'clients?max=500')) {
    const offline = await keycloak.admin('GET', `users/${id}/offline-sessions/${client.id}`);
    for (const session of offline) await keycloak.admin('DELETE', `sessions/${session.id}?isOffline=true`, undefined, [204, 404]);
  }
}

const EXPECTED = here('expected.json');

/** Holds the outcomes to those that are known. A cell that got worse is a failure. */
export function compare(checks, { outcomes }) {
  const known = existsSync(EXPECTED) ? JSON.parse(readFileSync(EXPECTED, 'utf8')) : {};
  checks.section('The matrix, beside expected.json');
  for (const [client, cells] of Object.entries(outcomes)) {
    for (const [id, outcome] of Object.entries(cells)) {
      const before = known[client]?.[id];
      const name = `${client}, ${id}`;
      if (before === undefined) checks.note(name, `${outcome} (new)`);
      else if (before.outcome === 'yes') checks.equal(name, outcome, 'yes');
      else if (outcome === 'yes') checks.note(name, 'works now: run with UPDATE=1');
      else if (outcome !== before.outcome) checks.note(name, `${outcome}; before: ${before.outcome}`);
    }
  }
  return known;
}

/** Keeps the outcomes, with the reasons that are known for those that are no `yes`, and writes the page. */
export function keep(known, { outcomes }) {
  for (const [client, cells] of Object.entries(outcomes)) {
    known[client] = { ...known[client], version: CLIENTS[client].version() };
    for (const [id, outcome] of Object.entries(cells)) {
      const { because } = known[client][id] ?? {};
      known[client][id] = { outcome, ...(outcome !== 'yes' && { because: because ?? 'not explained yet' }) };
    }
  }
  writeFileSync(EXPECTED, `${JSON.stringify(known, undefined, 2)}\n`);
  writeFileSync(here('../../docs/interop.md'), page(known));
}

const PAGE = `# Clients and providers

\`make interop\` gives each of these client libraries nothing but the URL of an MCP server behind toolgate. They find the authorization server,
register, sign in on its own page, and call tools; an application around each stands for the user. The demo's authorization server is npm
oidc-provider; Keycloak is 26.7.3, with the realm and the configuration of [its page](providers/keycloak.md). A number leads to what
happened instead, and whose doing it is. The run fails if a cell that is \`yes\` here becomes anything else.
`;

/** The page with the matrix. */
function page(known) {
  const clients = Object.keys(known);
  const notes = [];
  const note = (client, id) => {
    const { outcome, because } = known[client][id];
    const text = `\`${outcome.slice(0, 100).replaceAll('`', "'")}\`: ${because}`;
    if (!notes.includes(text)) notes.push(text);
    return notes.indexOf(text) + 1;
  };
  const cellOf = (client, id) => {
    if (!known[client][id]) return '–';
    return known[client][id].outcome === 'yes' ? 'yes' : `[${note(client, id)}](#what-happened-instead)`;
  };
  const row = (cells) => `| ${cells.join(' | ')} |`;
  const where = { oidc: 'oidc-provider', keycloak: 'Keycloak' };
  const rows = COLUMNS.map(({ id, title, provider }) => row([where[provider], title, ...clients.map((client) => cellOf(client, id))]));
  const table = [
    row(['provider', 'what', ...clients.map((client) => `${client} ${known[client].version}`)]), row(Array(clients.length + 2).fill('---')), ...rows,
  ];
  const date = new Date().toISOString().slice(0, 10);
  const list = notes.map((text, n) => `${n + 1}. ${text}`);
  return [PAGE, `As of ${date}:\n`, ...table, '\n## What happened instead\n', ...list, ''].join('\n');
}
