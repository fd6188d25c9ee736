// Installs what the conformance runs need, exactly as locked, into `.cache/conformance`: the
// suite, a Node.js new enough for it, and fastmcp in a virtual environment.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const CACHE = here('../../.cache/conformance');
const SUITE_NEEDS_NODE = 22;

// The suite says by its exit status that checks failed. What counts here is what is made of them.
export const WHATEVER_FAILS = '"$0" "$@" 2>&1 & suite=$!; trap "kill $suite" TERM; wait $suite; true';

/** Gives the folder for results, the suite's command, and the Python that has fastmcp. */
export async function setUp(processes) {
  mkdirSync(CACHE, { recursive: true });
  // Quiet about packages that want a newer Node.js: the suite gets it.
  const env = { ...process.env, npm_config_cache: here('../../.cache/npm'), npm_config_update_notifier: 'false', npm_config_loglevel: 'error' };
  await once('the conformance suite', ['package.json', 'package-lock.json', '.npmrc'], async (files) => {
    for (const file of files) copyFileSync(here(file), `${CACHE}/${file}`);
    await processes.complete(['npm', 'ci', '--no-progress'], { cwd: CACHE, env, show: true });
  });
  await once('fastmcp', ['requirements.txt'], async ([requirements]) => {
    await processes.complete(['python3', '-m', 'venv', '--clear', `${CACHE}/venv`], { show: true });
    await processes.complete([
      `${CACHE}/venv/bin/pip`, 'install', '--quiet', '--disable-pip-version-check', '-r', here(requirements),
    ], { show: true });
  });
  const suite = `${CACHE}/node_modules/@modelcontextprotocol/conformance/dist/index.js`;
  return { folder: CACHE, suite: [nodeForSuite(), suite], python: `${CACHE}/venv/bin/python` };
}

async function once(what, files, install) {
  const marker = `${CACHE}/${files[0]}.installed`;
  const wanted = createHash('sha256').update(files.map((file) => readFileSync(here(file), 'utf8')).join('\0')).digest('hex');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return;
  console.log(`Installing ${what} (once)`);
  await install(files);
  writeFileSync(marker, wanted); // last: an interrupted install is done again
}

function nodeForSuite() {
  if (Number(process.versions.node.split('.')[0]) >= SUITE_NEEDS_NODE) return process.execPath;
  const packaged = `${CACHE}/node_modules/node-linux-${process.arch}/bin/node`;
  if (!existsSync(packaged)) throw new Error(`the conformance suite needs Node.js ${SUITE_NEEDS_NODE} or newer, this is ${process.version}`);
  return packaged;
}
