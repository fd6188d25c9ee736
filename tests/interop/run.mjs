// `make interop`: toolgate before a real MCP server, with real providers.
//
//   node tests/interop/run.mjs [PART]...      all parts without an argument
import { run } from '../../demo/processes.mjs';
import { paint } from '../../demo/wire.mjs';
import { Checks } from './checks.mjs';
import { folderOf, startServer } from './gate.mjs';
import { startKeycloak } from './keycloak/server.mjs';
import { walk } from './keycloak/walk.mjs';

const PARTS = {
  async keycloak(processes, checks) {
    const folder = folderOf('keycloak');
    const keycloak = await startKeycloak(processes, { folder });
    console.log(`Keycloak: ready in ${keycloak.seconds.toFixed(0)} s, ${keycloak.megabytes} MB`);
    const mcpServer = await startServer(processes, folder);
    await walk(checks, processes, keycloak, { folder, mcpServer });
    await keycloak.stop();
  },
};

await run(async (processes) => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !PARTS[name]);
  if (unknown.length) throw new Error(`no such part: ${unknown.join(', ')}. There are ${Object.keys(PARTS).join(', ')}`);
  const checks = new Checks();
  const since = Date.now();
  for (const name of wanted.length ? wanted : Object.keys(PARTS)) await PARTS[name](processes, checks);
  const minutes = ((Date.now() - since) / 60_000).toFixed(1);
  if (checks.failures.length === 0) console.log(paint(['bold', 'green'], `\n${checks.count} checks, all as expected, in ${minutes} minutes.`));
  else console.log([paint(['bold', 'red'], '\nNot as expected:'), ...checks.failures].join('\n  ✗ '));
  return checks.failures.length === 0 ? 0 : 1;
});
