// The benchmark's prerequisites: found, or built, or refused with a hint on how to get them.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const CACHE = here('../.cache/bench');
export const MODULE = here('../target/wasm32-wasip1/release/toolgate.wasm');
export const NATIVE = here('../target/native/libtoolgate.so');

const DEBIAN = { wrk: 'wrk', taskset: 'util-linux' };

/** Gives Envoy, the folder for what is written, and the servers of the benchmark. Without `builds`: for no load. */
export async function setUp(processes, { builds = true } = {}) {
  if (!existsSync(MODULE)) throw new Error('toolgate.wasm is missing: run `make build`');
  const envoy = (await processes.complete([here('../tools/get-envoy.sh')])).trim();
  const folder = `${CACHE}/${builds ? 'run' : 'smoke'}`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (!builds) return { envoy, folder };
  if (!existsSync(NATIVE)) throw new Error('libtoolgate.so is missing: run `make build-native`');
  for (const [tool, debian] of Object.entries(DEBIAN)) {
    const found = await processes.complete(['/bin/sh', '-c', `command -v ${tool} || true`]);
    if (!found.trim()) throw new Error(`the benchmark needs ${tool}. On Debian and Ubuntu: apt install ${debian}`);
  }
  await processes.complete(['cargo', 'build', '--release', '--locked', '--quiet', '--manifest-path', here('Cargo.toml')], { show: true });
  const target = process.env.CARGO_TARGET_DIR ?? here('target');
  return { envoy, folder, upstream: `${target}/release/upstream`, authorizer: `${target}/release/authorizer` };
}

/** A Python with fastmcp, the versions of the conformance runs, in a virtual environment of this project. */
export async function pythonWithFastmcp(processes) {
  const requirements = here('../tests/conformance/requirements.txt');
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  const marker = `${CACHE}/fastmcp.installed`;
  const python = `${CACHE}/venv/bin/python`;
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return python;
  console.log('Installing fastmcp (once)');
  mkdirSync(CACHE, { recursive: true });
  await processes.complete(['python3', '-m', 'venv', '--clear', `${CACHE}/venv`], { show: true });
  await processes.complete([python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements], { show: true });
  writeFileSync(marker, wanted); // last: an interrupted install is done again
  return python;
}
