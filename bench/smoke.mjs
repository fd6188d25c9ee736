// Does the harness still fit what it measures? One configuration of each kind is loaded by Envoy, and nothing is
// measured: some seconds, for `make test`.
import { existsSync, writeFileSync } from 'node:fs';
import { run } from '../demo/processes.mjs';
import { envoyCases } from './cases.mjs';
import { bootstrap } from './envoy.mjs';
import { allSeries } from './series.mjs';
import { NATIVE, setUp } from './setup.mjs';
import { newIssuer } from './tokens.mjs';

const PORT = 1; // nothing listens, and nothing is asked
const clusters = { upstream: PORT, authorizer: PORT };

await run(async (processes) => {
  const { envoy, folder } = await setUp(processes, { builds: false });
  const issuer = newIssuer();
  const kinds = allSeries(issuer, { port: PORT }).find(({ name }) => name === 'kinds of tokens').cases;
  // `make build-native` makes the native module, which `make test` can do without.
  const names = ['B', 'E', 'F', ...existsSync(NATIVE) ? ['N'] : []];
  const loaded = [...envoyCases(issuer, PORT).filter(({ name }) => names.includes(name)), kinds.at(-1)];
  for (const { name, filters } of loaded) {
    const config = `${folder}/smoke.json`;
    writeFileSync(config, JSON.stringify(bootstrap(filters, { listener: PORT, admin: PORT, clusters })));
    await processes.complete([envoy, '--mode', 'validate', '--log-level', 'error', '-c', config])
      .catch(() => { throw new Error(`Envoy refuses the configuration of \`${name}\``); });
  }
  console.log(`${loaded.length} configurations of the benchmark load`);
  return 0;
});
