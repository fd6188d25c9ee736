// What goes over the wire: a `fetch` that records it, and a way to show it at a glance.
// Tokens and secrets are never shown in full.
import { styleText } from 'node:util';

const colours = process.env.NO_COLOR ? false : process.env.FORCE_COLOR === '1' || process.stdout.isTTY;
export const paint = (style, text) => (colours ? styleText(style, text) : text);

/** Records every exchange made through its `fetch`. */
export class Wire {
  exchanges = [];

  fetch = async (url, init = {}) => {
    const request = new Headers(init.headers);
    const response = await fetch(url, init);
    const eventStream = (init.method ?? 'GET') === 'GET' && response.headers.get('content-type')?.startsWith('text/event-stream');
    this.exchanges.push({
      method: init.method ?? 'GET',
      url: new URL(url),
      bearer: request.get('authorization')?.match(/^Bearer (.*)/)?.[1],
      sent: init.body === undefined ? undefined : String(init.body),
      status: response.status,
      headers: response.headers,
      challenge: parseChallenge(response.headers.get('www-authenticate')),
      // The client reads the original. A GET stream stays open, so it is not read here.
      received: eventStream ? undefined : response.clone().text().catch(() => ''),
    });
    return response;
  };

  /** The exchanges of a step: takes those that `wanted` picks since the last call. */
  take(wanted) {
    const index = this.exchanges.findIndex(wanted);
    if (index < 0) throw new Error('the client made no such request');
    const [exchange] = this.exchanges.splice(0, index + 1).slice(-1);
    return exchange;
  }
}

/** The parameters of a `WWW-Authenticate: Bearer` header (RFC 6750 section 3). */
export function parseChallenge(header) {
  if (!header?.startsWith('Bearer ')) return undefined;
  return Object.fromEntries([...header.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

/** The JSON of a body, be it sent as such or as server-sent events (then the last message). */
export async function message(exchange) {
  const text = (await exchange.received) ?? '';
  const data = exchange.headers.get('content-type')?.startsWith('text/event-stream')
    ? text.split(/\r?\n/).filter((line) => /^data: *\S/.test(line)).at(-1)?.slice('data:'.length)
    : text;
  return JSON.parse(data || 'null');
}

/** The header and claims of a JWT, unverified: only to be looked at. */
export function decode(token) {
  const [header, claims] = token.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  return { header, claims };
}

/** `→ POST http://…  tools/call get-sum  Bearer eyJhbGciOi… (mcp:read)` and `← 200  application/json`. */
export function show(exchange) {
  const { method, url, sent, bearer, status, headers } = exchange;
  const request = [paint('bold', `${method} ${url}`), operation(sent), bearer && paint('dim', credential(bearer))];
  console.log(`  ${paint('cyan', '→')} ${request.filter(Boolean).join('  ')}`);
  const answer = [paint(['bold', status < 300 ? 'green' : 'yellow'], String(status)), paint('dim', headers.get('content-type') ?? '')];
  console.log(`  ${paint('cyan', '←')} ${answer.join('  ')}`);
  // It is one line on the wire; one parameter a line is easier to read.
  const challenge = headers.get('www-authenticate');
  if (challenge) detail('WWW-Authenticate', challenge.replace(' ', '\n').replaceAll('", ', '",\n'));
}

/** One line (or more) below an exchange. */
export function detail(name, value) {
  const indent = ' '.repeat(6 + name.length);
  console.log(`    ${paint('dim', `${name}:`)} ${String(value).replaceAll('\n', `\n${indent}`)}`);
}

function operation(sent) {
  if (!sent) return undefined;
  if (!sent.startsWith('{')) return new URLSearchParams(sent).get('grant_type') ?? undefined;
  const { method, params } = JSON.parse(sent);
  return [method, params?.name].filter(Boolean).join(' ') || undefined;
}

/** Enough of a token to tell it from another: its beginning, and the scope of a JWT. */
function credential(token) {
  const scope = token.split('.').length === 3 ? ` (${decode(token).claims.scope})` : '';
  return `Bearer ${shorten(token)}${scope}`;
}

export const shorten = (secret) => (secret.length > 16 ? `${secret.slice(0, 10)}…` : secret);
