// `make interop`: toolgate before a real MCP server, with real providers.
//
//   node tests/interop/run.mjs [PART]...      all parts without an argument
//
// All that the wanted parts need is built and downloaded beside the first of them.
import { run } from '../../demo/processes.mjs';
import { paint } from '../../demo/wire.mjs';
import { NAMES, needsOf, packages, prepare } from './builds.mjs';
import { Checks } from './checks.mjs';
import { say } from './clock.mjs';

await run(async (processes) => {
  const wanted = process.argv.slice(2).length ? process.argv.slice(2) : NAMES;
  const unknown = wanted.filter((name) => !NAMES.includes(name));
  if (unknown.length) throw new Error(`no such part: ${unknown.join(', ')}. There are ${NAMES.join(', ')}`);
  const checks = new Checks();
  prepare(processes, wanted);
  await packages(processes);
  const { PARTS } = await import('./parts.mjs');
  for (const name of wanted) {
    const asked = performance.now();
    await needsOf(processes, name);
    const since = performance.now();
    say(paint('bold', `part ${name}`));
    await PARTS[name](processes, checks);
    say(`part ${name} took ${seconds(since)} s, after ${seconds(asked, since)} s of waiting for builds`);
  }
  const minutes = (performance.now() / 60_000).toFixed(1);
  if (checks.failures.length === 0) console.log(paint(['bold', 'green'], `\n${checks.count} checks, all as expected, in ${minutes} minutes.`));
  else console.log([paint(['bold', 'red'], `\nNot as expected, after ${minutes} minutes:`), ...checks.failures].join('\n  ✗ '));
  return checks.failures.length === 0 ? 0 : 1;
});

function seconds(from, until = performance.now()) {
  return Math.round((until - from) / 1000);
}
