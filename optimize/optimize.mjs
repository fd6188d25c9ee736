// Makes the module smaller and faster by Binaryen's tools: an eighth less of it, and a callback less of each stream.
//
//   node optimize/optimize.mjs MODULE
//   node optimize/optimize.mjs --page MODULE    the module of the playground, which imports nothing afterwards
//
// The module is replaced in place. What was optimised before is taken from `.cache/optimized`, so that a build without
// a change costs nothing. npm's cache goes into `.cache/npm`: nothing is written outside the project.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [module, ...flags] = process.argv.slice(2).reverse();
const isPage = flags.includes('--page');
const here = fileURLToPath(new URL('.', import.meta.url));
const kept = `${here}../.cache/optimized`;
// Of what is made: the module, and all that makes another of it.
const makers = ['optimize.mjs', 'nothing.wat', 'package-lock.json'].map((file) => readFileSync(`${here}${file}`));
const digest = (file) => [readFileSync(file), ...makers].reduce((hash, bytes) => hash.update(bytes), createHash('sha256')).digest('hex');
// What the compiler uses of WebAssembly beyond its first version (the defaults of this target).
const features = ['bulk-memory', 'multivalue', 'mutable-globals', 'nontrapping-float-to-int', 'reference-types', 'sign-ext', 'simd'];

// Addresses below 1,024 are never used: below the static data is the stack, of 1 MiB, which grows down and is never so
// deep. So an addition of less than that to an address cannot wrap around, and becomes the offset of a load or store. A
// test reads where the data is, and checks after every other test of the module that nothing was written there.
const assumptions = ['--low-memory-unused'];

/**
 * What the host is to call: a test compares it with the callbacks that hosts/wasm has. The SDK exports a function for
 * everything that a host could tell: a host calls all that are there, and each brings its code along.
 */
const exported = [
  'memory', '_initialize', 'proxy_abi_version_0_2_1', 'proxy_on_memory_allocate', 'proxy_on_vm_start', 'proxy_on_configure',
  'proxy_on_context_create', 'proxy_on_delete', 'proxy_on_tick', 'proxy_on_http_call_response',
  'proxy_on_request_headers', 'proxy_on_request_body', 'proxy_on_request_trailers',
  'proxy_on_response_headers', 'proxy_on_response_body', 'proxy_on_response_trailers', 'proxy_on_log',
];

/** What the page calls. */
const exportedToPage = ['memory', '_initialize', 'room', 'place', 'answer', 'linked'];

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
    const [roots, merged, pruned, temporary] = ['roots', 'merged', 'pruned', 'wasm'].map((name) => `${output}.${process.pid}.${name}`);
    const enabled = features.map((feature) => `--enable-${feature}`);
    const kept = isPage ? exportedToPage : exported;
    writeFileSync(roots, JSON.stringify(kept.map((name) => ({ name, export: name, root: true }))));
    if (isPage) {
      // The standard library asks WASI for a clock, an environment and streams. The page gives nothing of that.
      run(`${here}node_modules/.bin/wasm-merge`, [...enabled, module, 'page', `${here}nothing.wat`, 'wasi_snapshot_preview1', '-o', merged]);
    }
    // It prints what it leaves out.
    run(`${here}node_modules/.bin/wasm-metadce`, [...enabled, '--graph-file', roots, isPage ? merged : module, '-o', pruned], { stdio: ['inherit', 'ignore', 'inherit'] });
    run(`${here}node_modules/.bin/wasm-opt`, ['-Oz', '--converge', ...assumptions, ...enabled, pruned, '-o', temporary]);
    for (const file of [roots, merged, pruned]) rmSync(file, { force: true });
    renameSync(temporary, output);
  }
  writeFileSync(`${kept}/${digest(output)}.done`, '');
  // Not into the file itself: the compiler's own copy shares its bytes with it.
  copyFileSync(output, `${module}.optimized`);
  renameSync(`${module}.optimized`, module);
}
