// Installs what the tests of the playground need, exactly as locked, unless it is there already. Chromium is the system's.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const marker = `${here}node_modules/.installed`;
const wanted = createHash('sha256').update(readFileSync(`${here}package-lock.json`)).digest('hex');
if (!existsSync(marker) || readFileSync(marker, 'utf8') !== wanted) {
  const env = { ...process.env, npm_config_cache: `${here}../../.cache/npm`, npm_config_update_notifier: 'false' };
  const { status } = spawnSync('npm', ['ci', '--no-progress', '--silent'], { cwd: here, env, stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm ended with ${status}`);
  // Last: an interrupted install has no marker and is done again.
  writeFileSync(marker, wanted);
}
