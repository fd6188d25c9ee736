// What the parts need is built or downloaded once: see builds.mjs for what there is.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { CACHE, here } from './gate.mjs';
import { say } from './clock.mjs';

// Lines of a log that a failure shows.
const SHOWN = 25;

// What is under way or done in this run, by key: who needs it a second time waits for the first.
const begun = new Map();

/**
 * Installs something of that name unless that was done: why that is not possible, or nothing. What it is made of is in
 * `files`; without them whatever `install` runs knows by itself that there is nothing to do.
 */
export function ensure(processes, name, options) {
  const { key = name, install } = options;
  if (!install) return Promise.resolve();
  if (!begun.has(key)) begun.set(key, act(processes, name, { key, ...options }));
  return begun.get(key);
}

async function act(processes, name, { key, files, needs, install }) {
  const id = key.replaceAll(/[^\w.@-]+/g, '-');
  const marker = `${CACHE}/${id}.installed`;
  const wanted = files && createHash('sha256').update(files.map((file) => readFileSync(here(file), 'utf8')).join('\0')).digest('hex');
  if (wanted && existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return undefined;
  try {
    if (needs) await processes.complete(['sh', '-c', 'exec "$@" >/dev/null 2>&1', 'sh', ...needs]);
  } catch {
    return `${needs[0]} is not installed`;
  }
  const folder = `${CACHE}/runs/install`;
  mkdirSync(folder, { recursive: true });
  const log = `${folder}/${id}.log`;
  writeFileSync(log, '');
  const since = performance.now();
  say(`installing ${name}`);
  try {
    await install((command, { cwd, env } = {}) =>
      processes.complete(['sh', '-c', 'log=$1; shift; exec "$@" >>"$log" 2>&1', 'sh', log, ...command], { cwd, env: { ...process.env, ...env } }));
  } catch (error) {
    if (processes.stopped) throw error;
    throw new Error(`${name} cannot be installed\nthe end of ${log}:\n${readFileSync(log, 'utf8').trimEnd().split('\n').slice(-SHOWN).join('\n')}`);
  }
  if (wanted) writeFileSync(marker, wanted); // last: an interrupted install is done again
  say(`${name}: installed in ${Math.round((performance.now() - since) / 1000)} s`);
  return undefined;
}
