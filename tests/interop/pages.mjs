// Pages of `docs/providers/`, followed word for word: every command of a section is run as it stands there, in one shell, in
// a network of its own. So ports are free, and nobody else is reached.
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { CLI_BINARY } from './builds.mjs';
import { BASE_ENV, CACHE, MODULE, here } from './gate.mjs';

const END_OF_BLOCK = '--- end of block';

/** The fenced blocks of a section, without the indentation that a list gives them. */
export function blocks(page, section) {
  const [, text] = page.split(`\n## ${section}\n`);
  const lines = text.split(/\n## /)[0].split('\n').map((line) => line.trimStart());
  const found = [];
  let open;
  for (const line of lines) {
    if (line.startsWith('```')) {
      if (open) found.push(open.join('\n'));
      open = open ? undefined : [];
    } else {
      open?.push(line);
    }
  }
  return found;
}

/** A checkout in a folder of its own, so that files which the page writes go there. In it the module and the command line are built. */
function checkout() {
  const folder = `${CACHE}/runs/page`;
  rmSync(folder, { recursive: true, force: true });
  for (const name of ['wasm32-wasip1/release', 'release']) mkdirSync(`${folder}/target/${name}`, { recursive: true });
  for (const name of ['demo', 'deploy', 'tools']) symlinkSync(here(`../../${name}`), `${folder}/${name}`);
  symlinkSync(MODULE, `${folder}/target/wasm32-wasip1/release/toolgate.wasm`);
  symlinkSync(CLI_BINARY, `${folder}/target/release/toolgate`);
  return folder;
}

/** Runs the commands of a section as a reader does who signs in as `user`: what each block printed. */
export async function followPage(processes, page, section, { user, seconds }) {
  const commands = blocks(readFileSync(here(`../../${page}`), 'utf8'), section);
  const script = [
    'ip link set lo up', 'exec 2>&1', 'set -euo pipefail', 'trap \'kill $(jobs -p)\' EXIT',
    ...commands.flatMap((block) => [block, `echo '${END_OF_BLOCK}'`]),
  ].join('\n');
  const folder = checkout();
  const asRoot = process.getuid() === 0 ? [] : ['--map-root-user'];
  const printed = [];
  await processes.follow(['unshare', ...asRoot, '--net', 'bash', '-c', `cd ${folder}\n${script}`], {
    log: `${folder}/stderr.log`,
    env: { ...BASE_ENV, BROWSER: `${process.execPath} ${here('login.mjs')} --open`, USER_NAME: user, TOOLGATE_CACHE: here('../../.cache'), ...settings() },
    seconds,
    onLine: (line) => printed.push(line),
  });
  const told = printed.join('\n').split(END_OF_BLOCK);
  return { isWhole: told.length === commands.length + 1, told };
}

const settings = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(ENVOY_BIN|TOOLGATE_.*|KEYCLOAK_HOME|JAVA_HOME)$/.test(name)));
