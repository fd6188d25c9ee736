// One round of load: wrk on a case for some seconds, and what the gate used meanwhile.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cpuSeconds, pinned } from './machine.mjs';
import { TOOL } from './policies.mjs';

const SCRIPT = fileURLToPath(new URL('workload.lua', import.meta.url));
/** Of wrk in each round. */
export const CONNECTIONS = 16;

/** A call of exactly `size` bytes, or of the smallest size if that is less. */
export function callOf(size, tool = TOOL) {
  const call = (note) => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: { city: 'Bern', note } } });
  return call('x'.repeat(Math.max(0, size - call('').length)));
}

/** A text with escapes and other alphabets in it, as documents and code have them. */
export function prose(size, tool = TOOL) {
  const text = 'fn main() {\n\tprintln!("Grüße aus Bern: \\u2600 {}", 42);\n} // und so weiter, eine Zeile nach der anderen\n';
  const call = (note) => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: { note } } });
  const times = Math.floor((size - call('').length) / (call(text).length - call('').length));
  return call(text.repeat(Math.max(0, times)));
}

/** A call as programs write them: half a file in base64, half an array of small objects. */
export function structured(size, tool = TOOL) {
  const items = [];
  for (let n = 0, bytes = 0; bytes < size / 2; n++) {
    const item = {
      id: 100_000 + n, name: `Grüße ${n}`, path: `C:\\daten\\${n}.txt`, says: '"ja"\n', price: n * 1.25 - 500,
      tags: ['neu', 'öffentlich'], at: [[n, n + 1], [[n % 7], []]], active: n % 2 === 0, parent: null,
    };
    items.push(item);
    bytes += Buffer.byteLength(JSON.stringify(item)) + 1;
  }
  const file = Array.from({ length: Math.round(size / 2) }, (_, n) => 'Zm9vYmFyL2Jheg+0'[(n * n) % 16]).join('');
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: { file, items } } });
}

/** Writes what wrk sends: the body, and the tokens to take in turns. Gives the arguments of the script. */
export function writeWorkload(folder, name, { tokens, body, answer = '' }) {
  writeFileSync(`${folder}/${name}.tokens`, `${tokens.join('\n')}\n`);
  writeFileSync(`${folder}/${name}.body`, body);
  return [`${folder}/${name}.tokens`, `${folder}/${name}.body`, answer];
}

/** Puts load on `port` and gives what a request cost the processes of `groups` together. Throws if one failed, unless it may. */
export async function round(processes, { port, path = '/mcp', groups, workload, seconds, mayFail = false }) {
  const before = groups.map(cpuSeconds);
  const printed = await processes.complete(pinned('load', [
    'wrk', '--threads', '1', '--connections', String(CONNECTIONS), '--duration', `${seconds}s`, '--timeout', '30s',
    '--script', SCRIPT, `http://127.0.0.1:${port}${path}`, '--', ...workload,
  ]));
  const used = groups.map((group, n) => cpuSeconds(group) - before[n]);
  const result = JSON.parse(printed.slice(printed.indexOf('\n{') + 1));
  if (result.failed > 0 && !mayFail) throw new Error(`${result.failed} of ${result.requests} requests failed on port ${port}`);
  return {
    cpu: used.map((cpu) => (cpu / result.requests) * 1e6),
    rate: result.requests / result.seconds,
    p50: result.p50,
    p99: result.p99,
    requests: result.requests,
    failed: result.failed,
  };
}
