// The matrix of clients: what each client of clients.mjs makes of toolgate, given nothing but a URL.
import { writeFileSync } from 'node:fs';
import { publish } from '../../demo/document.mjs';
import { freePort } from '../../demo/processes.mjs';
import { paint } from '../../demo/wire.mjs';
import { CLIENTS, follow, install } from './clients.mjs';
import { at } from './clock.mjs';
import { folderOf, loopback, startServer } from './gate.mjs';
import { REDIRECT } from './oauth.mjs';
import { PROVIDERS, endSessions } from './providers.mjs';

const ECHO = ['call', 'echo', { message: 'hi' }];
const SUM = ['call', 'get-sum', { a: 1, b: 2 }];
const WRITE = ['call', 'toggle-simulated-logging'];
const ADMIN = ['call', 'get-env'];
const UNLISTED = ['call', 'gzip-file-as-resource', { name: 'x' }];
// Both are over after the end of a token of `oidc-short`, with its leeway.
const SLOW = ['call', 'trigger-long-running-operation', { duration: 20, steps: 6 }];
const BEYOND = ['wait', 18];
// Nobody but the connection and the step of this name may have needed a login.
const ONCE = 1;

/**
 * A column: at `provider`, through the gate of that name, with these steps. Each step is followed by what it must have
 * come to: `ok` (or not), and at most so many logins in all, from there on.
 */
export const COLUMNS = [
  {
    id: 'step-up', title: 'discovers, registers, lists, calls, steps up', provider: 'oidc', gate: 'oidc',
    steps: [[['list'], { lacks: 'get-env' }], [ECHO], [WRITE, { logins: 2 }], [ADMIN, { logins: 3 }], [['list'], { holds: 'get-env' }]],
  },
  {
    id: 'offer', title: 'a list that offers what a step-up unlocks, and the step-up', provider: 'oidc', gate: 'oidc-offer',
    steps: [[['list'], { holds: 'toggle-simulated-logging', lacks: 'gzip-file-as-resource' }], [ECHO], [WRITE, { logins: 2 }], [ADMIN, { logins: 3 }]],
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
    steps: [[ECHO], [BEYOND], [ECHO], [BEYOND], [ECHO]],
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
  {
    id: 'spring-known', title: 'a client made beforehand, steps up', provider: 'spring', gate: 'spring', client: 'mcp-cli',
    steps: [[ECHO], [WRITE, { logins: 2 }], [ADMIN, { logins: 3 }]],
  },
  {
    id: 'hydra-all', title: 'registers, every scope at once', provider: 'hydra', gate: 'hydra-all',
    steps: [[['list'], { holds: 'get-env' }], [ECHO], [WRITE], [ADMIN]],
  },
  {
    id: 'hydra-narrow', title: 'registers, steps up', provider: 'hydra', gate: 'hydra',
    steps: [[ECHO], [WRITE, { logins: 2 }], [ADMIN, { logins: 3 }]],
  },
  {
    id: 'hydra-known', title: 'a client made beforehand, steps up', provider: 'hydra', gate: 'hydra', client: 'mcp-cli',
    steps: [[ECHO], [WRITE, { logins: 2 }], [ADMIN, { logins: 3 }]],
  },
];

const metadata = {
  // fastmcp says `localhost`.
  client_name: 'toolgate interop', redirect_uris: [REDIRECT, REDIRECT.replace('127.0.0.1', 'localhost')], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
  token_endpoint_auth_method: 'none',
};

/** What a client came to: `yes`, or the first thing that was not as wanted. */
export function judge({ steps, connects }, told) {
  let logins = 0;
  let most = ONCE;
  for (const [n, [step, wanted]] of [[['connect'], connects], ...steps].entries()) {
    if (step[0] === 'wait') continue;
    const { ok = true, logins: limit = most, holds, lacks, count } = wanted ?? {};
    most = limit;
    const got = told.find((one) => one.step === n);
    const name = n === 0 ? 'connect' : step[1] ?? step[0];
    if (!got) return `${name}: no answer${ended(told)}`;
    logins += got.logins;
    if (got.ok !== ok) return ok ? `${name}: ${plain(got.text)}` : `${name}: it went through`;
    if (logins > most) return `${name}: login number ${logins}`;
    if (holds && !got.tools.includes(holds)) return `${name}: lacks ${holds}`;
    if (count && got.tools.length !== count) return `${name}: ${got.tools.length} in the place of ${count}`;
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

/**
 * Runs the clients and columns that are wanted: the outcomes, by client and column. A cell that is `yes` in `expected` and
 * came to something else is run once more, alone.
 */
export async function runMatrix(processes, { clients = Object.keys(CLIENTS), columns = COLUMNS.map(({ id }) => id), expected = {} } = {}) {
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
  // Where pages of a browser come from: the port that the Inspector takes by itself, if it is free.
  const page = loopback(await freePort(6274));
  const world = { processes, folder, mcpServer, document, page, gates: {} };
  const started = [];
  const begin = async (providers) => {
    for (const provider of providers) {
      const { name, skipped: why, ...rest } = await PROVIDERS[provider](world);
      if (why) skipped[name] = why;
      else started.push({ name, ...rest });
    }
  };
  // Keycloak takes as long as all others.
  const providers = new Set(wanted.map((column) => column.provider));
  await Promise.all([begin([...providers].filter((one) => one !== 'keycloak')), begin(providers.has('keycloak') ? ['keycloak'] : [])]);
  const outcomes = {};
  const rows = clients.filter((one) => !skipped[one]);
  for (const name of rows) outcomes[name] = {};
  const cells = rows.flatMap((name) => wanted.filter((column) => world.gates[column.gate] && isFor(name, column)).map((column) => ({ name, column })));
  const run = async (lane) => {
    for (const { name, column } of lane) {
      const outcome = await cell(world, name, column);
      outcomes[name][column.id] = { outcome };
      console.log(`${at()} ${name.padEnd(20)} ${column.id.padEnd(13)} ${outcome === 'yes' ? paint('green', outcome) : outcome}`);
    }
  };
  // Four at a time, since most of them wait: those in a lane are in each other's way, as users of one provider. Whoever has
  // a page of the browser is alone with it, and at Keycloak alone with the sessions of its user.
  const lane = (wantedLane) => run(cells.filter((one) => laneOf(one) === wantedLane));
  await Promise.all([lane('tokens that end'), lane('oidc'), lane('keycloak'), lane('others').then(() => lane('browser'))]);
  await lane('browser, keycloak');
  const worse = ({ name, column: { id } }) => expected[name]?.[id]?.outcome === 'yes' && outcomes[name][id].outcome !== 'yes';
  const again = cells.filter(worse);
  if (again.length) console.log('  Once more, alone, since they were `yes` before:');
  await run(again);
  return { outcomes: inOrder(outcomes, wanted), skipped, started };
}

function laneOf({ name, column: { provider, gate } }) {
  if (CLIENTS[name].columns) return provider === 'keycloak' ? 'browser, keycloak' : 'browser';
  if (gate === 'oidc-short') return 'tokens that end';
  return ['oidc', 'keycloak'].includes(provider) ? provider : 'others';
}

const isFor = (name, { id }) => CLIENTS[name].columns?.includes(id) ?? true;

/** The cells of each row as their columns are. */
const inOrder = (outcomes, columns) => Object.fromEntries(Object.entries(outcomes).map(([name, row]) => [
  name, Object.fromEntries(columns.filter(({ id }) => row[id]).map(({ id }) => [id, row[id]])),
]));

export async function cell(world, name, column) {
  const { processes, folder, document, gates } = world;
  const gate = gates[column.gate];
  const log = `${folder}/${name.replaceAll(' ', '-')}-${column.id}`;
  let act;
  const told = await follow(processes, name, {
    url: gate.resource, steps: column.steps.map(([step]) => step), log: `${log}.log`,
    env: {
      USER_NAME: column.user ?? 'alice', ISSUER: gate.issuer, SSL_CERT_FILE: undefined, PAGE: world.page, SHOTS: log, ...column.env,
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
