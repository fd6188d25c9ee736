// Installs the npm packages of this folder, exactly as locked, and the demo's, unless they are there. Run before the
// parts, which import those packages.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from '../../demo/processes.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await run(async (processes) => {
  await processes.complete([process.execPath, here('../../demo/setup.mjs')], { show: true });
  const marker = here('node_modules/.installed');
  const wanted = createHash('sha256').update(readFileSync(here('package-lock.json'))).digest('hex');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return 0;
  console.log('Installing the npm packages of the interop tests (once)');
  const env = { ...process.env, npm_config_cache: here('../../.cache/npm'), npm_config_update_notifier: 'false', npm_config_loglevel: 'error' };
  await processes.complete(['npm', 'ci', '--no-progress'], { cwd: here('.'), env, show: true });
  writeFileSync(marker, wanted); // last: an interrupted install is done again
  return 0;
});
