// Holds the client of `tests/oidc/` that sends proofs to the scenarios that the official suite has for them, with the
// suite in the roles of authorization server and MCP server. What this client does there, `make test` has it do in front
// of toolgate.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from '../../demo/processes.mjs';
import { setUp, WHATEVER_FAILS } from './setup.mjs';

const CLIENT = fileURLToPath(new URL('../oidc/dpop-client.mjs', import.meta.url));
/** What a scenario has to find good, or it did not look. */
const PROOFS = ['sep-1932-client-token-request-proof', 'sep-1932-client-dpop-auth-scheme', 'sep-1932-client-fresh-proof'];
const SCENARIOS = {
  'auth/dpop': PROOFS,
  'auth/dpop-nonce': [...PROOFS, 'sep-1932-client-as-nonce', 'sep-1932-client-rs-nonce'],
};

await run(async (processes) => {
  const { suite, folder } = await setUp(processes);
  const results = `${folder}/results/dpop`;
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const faults = [];
  for (const [scenario, wanted] of Object.entries(SCENARIOS)) {
    const output = `${results}/${scenario.replace('/', '-')}`;
    const command = [...suite, 'client', '--command', `${process.execPath} ${CLIENT}`, '--scenario', scenario, '-o', output];
    mkdirSync(output);
    writeFileSync(`${output}/suite.log`, await processes.complete(['/bin/sh', '-c', WHATEVER_FAILS, ...command]));
    const checks = checksIn(output).filter(({ status }) => status !== 'INFO');
    const good = new Set(checks.filter(({ status }) => status === 'SUCCESS').map(({ id }) => id));
    console.log(`client with proofs   ${scenario.padEnd(16)} ${checks.length} checks, ${good.size} kinds of them good`);
    for (const { id, status, errorMessage } of checks) {
      if (status !== 'SUCCESS') faults.push(`${scenario}: ${id}: ${status} ${errorMessage ?? ''}`);
    }
    faults.push(...wanted.filter((id) => !good.has(id)).map((id) => `${scenario}: ${id} was not checked`));
  }
  for (const fault of faults) console.log(fault);
  return faults.length === 0 ? 0 : 1;
});

/** Everything in the `checks.json` files below a folder. */
function checksIn(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('checks.json'));
  return files.flatMap((file) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')));
}
