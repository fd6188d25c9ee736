// The parts of `make interop`. They need the npm packages, which `run.mjs` installs before it reads this.
import { folderOf, startServer } from './gate.mjs';
import { startKeycloak } from './keycloak/server.mjs';
import { walk } from './keycloak/walk.mjs';
import { runMatrix } from './matrix.mjs';
import { followPage } from './pages.mjs';
import { compare, keep, read } from './report.mjs';
import { runServers } from './server-matrix.mjs';
import { installSpring, walkSpring } from './spring.mjs';

// The first start of a Keycloak builds it, which may take minutes, and what is built beside it makes them more.
const PAGE_SECONDS = 1200;

export const PARTS = {
  async keycloak(processes, checks) {
    const folder = folderOf('keycloak');
    const keycloak = await startKeycloak(processes, { folder });
    console.log(`Keycloak: ready in ${keycloak.seconds.toFixed(0)} s, ${keycloak.megabytes} MB`);
    const mcpServer = await startServer(processes, folder);
    await walk(checks, processes, keycloak, { folder, mcpServer });
    await keycloak.stop();
  },

  async spring(processes, checks) {
    const why = await installSpring(processes);
    if (why) return console.log(`SKIPPED Spring Authorization Server: ${why}`);
    const folder = folderOf('spring');
    const mcpServer = await startServer(processes, folder);
    return walkSpring(checks, processes, { folder, mcpServer });
  },

  async page(processes, checks) {
    const [page, section] = ['docs/providers/keycloak.md', 'From nothing to a step-up'];
    checks.section(`${page}, followed word for word`);
    const since = Date.now();
    const { isWhole, told } = await followPage(processes, page, section, { user: 'alice', seconds: PAGE_SECONDS });
    checks.equal('every command succeeds', isWhole, true);
    if (!isWhole) return console.log(told.join('\n'));
    const [, , checked, asked, first, steps] = told;
    checks.equal('`check` finds no fault and no warning', /: no faults, no warnings/.test(checked), true);
    checks.equal('a request without a token is 401, with every scope', /401 Unauthorized[^]*scope="mcp:read mcp:write mcp:admin"/.test(asked), true);
    const logins = (text) => [...text.matchAll(/a login, for the scope: (.*)/g)].map(([, scope]) => scope.replace(/ ?(offline_access|openid) ?/g, '').trim());
    checks.equal('the client that registers signs in once, and both tools work',
      [logins(first), first.match(/^  done$/gm)?.length], [['mcp:admin mcp:read mcp:write'], 2]);
    checks.equal('the client that was made beforehand steps up twice',
      [logins(steps), steps.match(/^  done$/gm)?.length], [['mcp:read', 'mcp:read mcp:write', 'mcp:admin mcp:read mcp:write'], 2]);
    checks.note('from nothing to a step-up', `${Math.round((Date.now() - since) / 1000)} s`);
  },

  async matrix(processes, checks) {
    const matrix = await runMatrix(processes, { expected: read().clients });
    for (const { name, seconds, megabytes } of matrix.started) {
      console.log(`${name}: ready in ${seconds.toFixed(0)} s${megabytes ? `, ${megabytes} MB` : ''}`);
    }
    conclude(checks, 'clients', matrix);
  },

  servers: async (processes, checks) => conclude(checks, 'servers', await runServers(processes)),
};

/** Holds a matrix to what is known of it. */
function conclude(checks, name, { outcomes, skipped }) {
  for (const [row, why] of Object.entries(skipped)) console.log(`SKIPPED ${row}: ${why}`);
  compare(checks, name, outcomes);
  if (process.env.UPDATE) keep(name, outcomes);
}
