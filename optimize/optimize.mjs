// Makes the module smaller: what Binaryen's wasm-opt finds beyond the compiler is an eighth of it.
//
//   node optimize/optimize.mjs MODULE
//
// The module is replaced in place. What was optimised before is taken from `.cache/optimized`, so that a build without
// a change costs nothing. npm's cache goes into `.cache/npm`: nothing is written outside the project.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [module] = process.argv.slice(2);
const here = fileURLToPath(new URL('.', import.meta.url));
const kept = `${here}../.cache/optimized`;
const digest = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
// What the compiler uses of WebAssembly beyond its first version (the defaults of this target).
const features = ['bulk-memory', 'multivalue', 'mutable-globals', 'nontrapping-float-to-int', 'reference-types', 'sign-ext', 'simd'];

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}`);
}

function install() {
  const lock = digest(`${here}package-lock.json`);
  const marker = `${here}node_modules/.installed`;
  if (existsSync(marker) && readFileSync(marker, 'utf8') === lock) return;
  const env = { ...process.env, npm_config_cache: `${here}../.cache/npm`, npm_config_update_notifier: 'false' };
  run('npm', ['ci', '--no-progress', '--silent'], { cwd: here, env });
  // Last: an interrupted install has no marker and is done again.
  writeFileSync(marker, lock);
}

mkdirSync(kept, { recursive: true });
const input = digest(module);
const output = `${kept}/${input}.wasm`;
const isOutput = `${kept}/${input}.done`;
if (!existsSync(isOutput)) {
  if (!existsSync(output)) {
    install();
    const temporary = `${output}.${process.pid}`;
    const enabled = features.map((feature) => `--enable-${feature}`);
    run(`${here}node_modules/.bin/wasm-opt`, ['-Os', ...enabled, module, '-o', temporary]);
    renameSync(temporary, output);
  }
  writeFileSync(`${kept}/${digest(output)}.done`, '');
  // Not into the file itself: the compiler's own copy shares its bytes with it.
  copyFileSync(output, `${module}.optimized`);
  renameSync(`${module}.optimized`, module);
}
