// Installs the demo's packages, exactly as locked, unless they are there already.
//
// Run before the other scripts, which import those packages. Nothing is written outside the
// project: npm's cache goes into `.cache/npm`.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from './processes.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const marker = `${here}node_modules/.installed`;

await run(async (processes) => {
  // 20.12: the first with `styleText`.
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 12)) {
    throw new Error(`the demo needs Node.js 20.12 or newer, this is ${process.version}`);
  }

  const wanted = createHash('sha256').update(readFileSync(`${here}package-lock.json`)).digest('hex');
  if (installed() === wanted) return 0;
  console.log('Installing the npm packages of the demo (once)');
  const env = { ...process.env, npm_config_cache: `${here}../.cache/npm`, npm_config_update_notifier: 'false' };
  await processes.complete(['npm', 'ci', '--no-progress'], { cwd: here, env, show: true });
  // Last: an interrupted install has no marker and is done again.
  writeFileSync(marker, wanted);
  return 0;
});

function installed() {
  try {
    return readFileSync(marker, 'utf8');
  } catch {
    return undefined;
  }
}
