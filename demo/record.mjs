// Makes `docs/demo.svg`, a recording of `make demo`: runs the walk and draws what it prints.
//
// The text is the walk's own. The walk takes a second or two; here each step stays long enough to be read. Lines that are too wide are cut
// with `…`. The picture needs no script, follows the reader's light or dark theme, and stands still for readers who prefer that.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const OUTPUT = fileURLToPath(new URL('../docs/demo.svg', import.meta.url));
const COLUMNS = 112;
const ROWS = 30;
/** Of a monospaced font of 13 px. */
const ADVANCE = 7.83;
const LINE = 18;
const MARGIN = 16;
const BAR = 30;
/** How long a step is shown: a while, and a little more for each of its lines. */
const seconds = (lines) => 1 + 0.14 * lines;
const LAST_SECONDS = 5;

/** The colours of `styleText`, by the codes that begin them, as classes of the picture. */
const CLASSES = { 1: 'b', 2: 'd', 31: 'r', 32: 'g', 33: 'y', 34: 'u', 36: 'c', 90: 'd' };

const printed = await walk();
const lines = printed.split('\n').filter((line) => !line.startsWith('Logs and configuration'));
writeFileSync(OUTPUT, draw(frames(lines)));
console.log(`${OUTPUT}: ${lines.length} lines`);

/** What the walk prints, in colour. */
async function walk() {
  const script = fileURLToPath(new URL('walk.mjs', import.meta.url));
  const child = spawn(process.execPath, [script], { env: { ...process.env, FORCE_COLOR: '1' }, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`the walk ended with ${code}:\n${text}`);
  return text.trimEnd();
}

/** The lines of each step; the first frame is how the stack starts. */
function frames(lines) {
  const begins = (line) => /^(\x1b\[\d+m)*\d+\. /.test(line) || line.includes('all as expected');
  const found = [[]];
  for (const line of lines) {
    if (begins(line)) found.push([]);
    found.at(-1).push(line);
  }
  return found;
}

function draw(frames) {
  const width = Math.ceil(2 * MARGIN + COLUMNS * ADVANCE);
  const height = BAR + 2 * MARGIN + ROWS * LINE;
  const shown = frames.map((lines, n) => (n + 1 < frames.length ? seconds(lines.length) : LAST_SECONDS));
  const whole = shown.reduce((sum, one) => sum + one, 0);
  const percent = (time) => `${((100 * time) / whole).toFixed(2)}%`;
  let [row, time, offset] = [0, 0, 0];
  const [groups, rules, scroll] = [[], [], []];
  frames.forEach((lines, n) => {
    const text = lines.map((line, at) => drawLine(line, row + at)).join('');
    groups.push(`<g class="f f${n}">${text}</g>`);
    if (n > 0) rules.push(`@keyframes f${n}{0%,${percent(time - 0.01)}{opacity:0}${percent(time)},to{opacity:1}}.f${n}{animation-name:f${n}}`);
    row += lines.length;
    scroll.push(`${percent(time)}{transform:translateY(${-offset}px)}`);
    offset = Math.max(0, row - ROWS) * LINE;
    scroll.push(`${percent(Math.min(time + 0.4, whole))}{transform:translateY(${-offset}px)}`);
    time += shown[n];
  });
  const style = `
svg{--page:#fff;--bar:#eef0f3;--text:#1f2328;--dim:#656d76;--red:#c5221f;--green:#1a7f37;--blue:#0550ae;--yellow:#8a5a00;--cyan:#0e6f7c;--edge:#d0d7de}
@media(prefers-color-scheme:dark){svg{--page:#0d1117;--bar:#161b22;--text:#e6edf3;--dim:#8d96a0;--red:#ff7b72;--green:#3fb950;--blue:#79c0ff;--yellow:#d29922;--cyan:#56d4dd;--edge:#30363d}}
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--text);white-space:pre}
.b{font-weight:bold}.d{fill:var(--dim)}.r{fill:var(--red)}.g{fill:var(--green)}.u{fill:var(--blue)}.y{fill:var(--yellow)}.c{fill:var(--cyan)}
.f,.s{animation-duration:${whole.toFixed(1)}s;animation-iteration-count:infinite}
.s{transform:translateY(${-offset}px);animation-name:s}
@keyframes s{${scroll.join('')}to{transform:translateY(${-offset}px)}}
${rules.join('\n')}
@media(prefers-reduced-motion:reduce){.f,.s{animation:none}}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A recording of make demo">
<!-- Made by demo/record.mjs from the output of demo/walk.mjs. -->
<style>${style}
</style>
<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8" fill="var(--page)" stroke="var(--edge)"/>
<path d="M.5 ${BAR}V8.5a8 8 0 0 1 8-8H${width - 8.5}a8 8 0 0 1 8 8V${BAR}z" fill="var(--bar)" stroke="var(--edge)"/>
<text class="d" x="${width / 2}" y="20" text-anchor="middle">make demo</text>
<svg x="${MARGIN}" y="${BAR + MARGIN}" width="${width - 2 * MARGIN}" height="${ROWS * LINE}"><g class="s">
${groups.join('\n')}
</g></svg>
</svg>
`;
}

/** A line of the terminal, cut at the last column. */
function drawLine(line, row) {
  if (line === '') return '';
  let [room, style, drawn] = [COLUMNS, '', ''];
  for (const [, code, text] of line.matchAll(/\x1b\[(\d+)m|([^\x1b]+)/g)) {
    if (code !== undefined) {
      style = CLASSES[code] ? `${style} ${CLASSES[code]}`.trim() : '';
      continue;
    }
    const characters = [...text];
    const kept = characters.length > room ? `${characters.slice(0, Math.max(0, room - 1)).join('')}${room > 0 ? '…' : ''}` : text;
    room -= characters.length;
    drawn += style ? `<tspan class="${style}">${escape(kept)}</tspan>` : escape(kept);
    if (room < 0) break;
  }
  return `<text y="${row * LINE + 13}">${drawn}</text>`;
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
