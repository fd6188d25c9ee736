// What the cells of both matrices came to: held to `expected.json`, kept there, and written as docs/interop.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { CLIENTS } from './clients.mjs';
import { here } from './gate.mjs';
import { COLUMNS } from './matrix.mjs';
import { SERVERS } from './servers.mjs';

const EXPECTED = here('expected.json');
const VERSIONS = { clients: CLIENTS, servers: SERVERS };
const CORPUS = 'corpus';
// Of an outcome that is no `yes`, on the page.
const MAX_CHARACTERS = 100;

/** All that is known, by matrix (`clients`, `servers`), row and column. */
export const read = () => JSON.parse(readFileSync(EXPECTED, 'utf8'));

/** Holds the outcomes of a matrix to those that are known. A cell that got worse is a failure. */
export function compare(checks, matrix, outcomes) {
  const known = read()[matrix];
  checks.section(`The matrix of ${matrix}, beside expected.json`);
  for (const [row, cells] of Object.entries(outcomes)) {
    for (const [id, { outcome }] of Object.entries(cells)) {
      const before = known[row]?.[id];
      const name = `${row}, ${id}`;
      if (before === undefined) checks.note(name, `${outcome} (new)`);
      else if (before.outcome === 'yes') checks.equal(name, outcome, 'yes');
      else if (outcome === 'yes') checks.note(name, 'works now: run with UPDATE=1');
      else if (outcome !== before.outcome) checks.note(name, `${outcome}; before: ${before.outcome}`);
    }
  }
}

/** Keeps the outcomes, with the reasons that are known for those that are no `yes`, and writes the page. */
export function keep(matrix, outcomes) {
  const known = read();
  for (const [row, cells] of Object.entries(outcomes)) {
    const before = known[matrix][row] ?? {};
    const kept = Object.entries(cells).map(([id, cell]) => {
      const because = before[id]?.because ?? 'not explained yet';
      return [id, { ...cell, ...(cell.outcome !== 'yes' && { because }) }];
    });
    known[matrix][row] = { ...before, ...Object.fromEntries(kept), version: VERSIONS[matrix][row].version() };
  }
  known.date = new Date().toISOString().slice(0, 10);
  writeFileSync(EXPECTED, `${JSON.stringify(known, undefined, 2)}\n`);
  writeFileSync(here('../../docs/interop.md'), page(known));
}

const HEAD = '# Clients, providers and servers\n\n';

const PROVIDERS = { oidc: 'oidc-provider', keycloak: 'Keycloak', spring: 'Spring Authorization Server', hydra: 'Ory Hydra' };
const table = ([head, ...rows]) => [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);

/** The beginning of a text, up to the end of a word. */
const short = (text) => (text.length > MAX_CHARACTERS ? text.slice(0, MAX_CHARACTERS).replace(/\S*$/, '…') : text);

/** The page with both matrices. */
function page({ clients, servers, date }) {
  const notes = [];
  /** A cell, with a number where something else happened. */
  const shown = (cell) => {
    if (!cell) return '–';
    if (cell.outcome === 'yes') return 'yes';
    const text = `\`${short(cell.outcome).replaceAll('`', "'")}\`: ${cell.because}`;
    if (!notes.includes(text)) notes.push(text);
    return `[${notes.indexOf(text) + 1}](#what-happened-instead)`;
  };
  const names = Object.keys(clients);
  const ofClients = table([
    ['authorization server', 'what the client does', ...names.map((name) => `${name} ${clients[name].version}`)],
    ...COLUMNS.map(({ id, title, provider }) => [PROVIDERS[provider], title, ...names.map((name) => shown(clients[name][id]))]),
  ]);
  const tried = Object.keys(Object.values(servers)[0] ?? {}).filter((id) => id !== CORPUS && id !== 'version');
  const corpus = (cell) => (cell ? `${shown(cell)}: ${cell.reached} of ${cell.cases} (without toolgate: ${cell.without})` : '–');
  const ofServers = table([
    ['server', ...tried.map((name) => `${name} ${clients[name].version}`), 'bypass corpus'],
    ...Object.entries(servers).map(([name, cells]) => [`${name} ${cells.version}`, ...tried.map((id) => shown(cells[id])), corpus(cells[CORPUS])]),
  ]);
  const [intro, behind] = TEXT(date);
  return [HEAD + intro, ...ofClients, behind, ...ofServers, '\n## What happened instead\n', ...notes.map((text, n) => `${n + 1}. ${text}`), ''].join('\n');
}

const TEXT = (date) => [`**Task:** find out whether your client, authorization server and MCP server work together behind toolgate.

\`make interop\` runs everything on this page. These are the results of ${date}. A later run fails if a cell that says \`yes\` gets any other result.

## Clients and authorization servers

Each client starts with the URL of an MCP server behind toolgate and nothing else. It discovers the authorization server, registers, signs in
on the provider's login page, and calls tools. A small application around each library plays the user; the Inspector runs in a real Chromium.
oidc-provider is the demo's. Keycloak is 26.7.3 with the realm and configuration of [its page](providers/keycloak.md). Spring Authorization
Server is that of Spring Boot 4.1.2. Ory Hydra is 2.3.0. A number links to what happened instead, and to which side causes it. A dash means
that the client was not run.
`, `
**Token expiry.** The tokens of the two rows about it live for 14 s, with a \`leeway\` of 3 s. Clients of the Python SDK 2 (\`mcp\` 2, fastmcp)
refresh a token only after their own clock says that it has expired, and that clock starts when the token response arrives, up to a second after
\`iat\`. A 401 makes them sign in again, even with a refresh token, and for the scopes of that challenge only. So \`leeway\` has to cover
that difference, as its default of 30 s does. With \`leeway: 0s\`, fastmcp signed in once more in 3 of 5 runs: a GET stream had ended, and the
client opened the next one with a token that had just expired.

## MCP servers

Each server runs behind toolgate with the demo's authorization server. A client discovers, signs in, lists the tools that its token
allows, calls one, is denied one that no scope unlocks, and steps up for another. FastMCP lists 122 tools on three pages.

The last column is the bypass corpus of [the tests](testing.md): requests from a caller who may call one tool and tries to reach another
tool, a prompt or a resource. Each server records these uses. The first number counts the requests that reach the server through toolgate.
The last number counts those that the same server executes without toolgate.
`];
