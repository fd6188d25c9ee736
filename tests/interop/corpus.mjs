// The bypass corpus, `tests/corpus`, against a real MCP server: what the caller may not do must not reach it. The format of
// its files is told in `tests/envoy/corpus.rs`, which holds toolgate to every way in which any server could read them.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { here } from './gate.mjs';

const ISSUER = 'https://auth.example.com';
const RESOURCES = Object.fromEntries(['mcp', 'open', 'classic', 'patterns', 'public', 'public-shadow', 'narrows', 'sessions']
  .map((name) => [name, `https://${name}.example.com/${name === 'classic' ? 'sse' : 'mcp'}`]));
// What only an administrator may do.
const TOOL = 'delete_all';
const KINDS = ['tools', 'prompts', 'resources', 'methods'];
// Who gets no answer for so long gets none, and what comes this much later belongs to another request.
const PATIENCE_MS = 2000;
const MORE_MS = 150;
// A server may still be at work when its answer has come.
const SETTLED_MS = 1000;
// Cases on their way at a time, where it does not matter which of them reached the server.
const AT_A_TIME = 8;

/** What is allowed to a token of no scope: the resources of `tests/envoy/corpus.rs`. */
function policies() {
  const rules = {
    tools: { echo: { scopes: [] }, [TOOL]: { scopes: ['admin'] } },
    prompts: { brief: { scopes: [] }, secret_brief: { scopes: ['admin'] } },
    resources: { 'docs://public/*': { scopes: [] }, 'docs://private/*': { scopes: ['admin'] } },
    methods: { 'tasks/*': { scopes: ['admin'] } },
  };
  const open = { ...rules, unlisted: Object.fromEntries(KINDS.map((kind) => [kind, 'authenticated'])) };
  const patterns = structuredClone(rules);
  for (const kind of ['tools', 'prompts']) patterns[kind]['*'] = { scopes: [] };
  patterns.resources['docs:*'] = { scopes: [] };
  const narrows = structuredClone(patterns);
  delete narrows.tools[TOOL];
  narrows.matrix = [{ name: 'contractors', subjects: ['*'], scopes: ['read'], deny_tools: [TOOL] }];
  const anonymous = JSON.parse(JSON.stringify(patterns).replaceAll('{"scopes":[]}', '{"public":true}'));
  return {
    mcp: { policy: rules }, open: { policy: open }, classic: { policy: rules, paths: ['/sse', '/message'] }, patterns: { policy: patterns },
    public: { policy: anonymous }, 'public-shadow': { policy: { ...anonymous, mode: 'shadow', unlisted: open.unlisted } },
    narrows: { policy: narrows }, sessions: { policy: rules, sessions: { bind: true, secret_env: 'SESSION_SECRET' } },
  };
}

/** The configuration of a gate for the corpus, its Envoy, which lets through what a less careful one would, and the callers' tokens. */
export async function setUp() {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const key = { ...(await exportJWK(publicKey)), kid: 'corpus', alg: 'RS256', use: 'sig' };
  const token = (scope) => new SignJWT({ sub: 'caller', client_id: 'corpus', scope, aud: Object.values(RESOURCES) })
    .setProtectedHeader({ alg: 'RS256', kid: 'corpus', typ: 'at+jwt' }).setIssuer(ISSUER).setIssuedAt().setExpirationTime('1h').setJti('1').sign(privateKey);
  const configure = (configuration) => {
    configuration.issuers = [{ issuer: ISSUER, name: 'main', jwks: { keys: [key] } }];
    configuration.resources = Object.entries(policies()).map(([name, rest]) => ({ resource: RESOURCES[name], ...rest }));
    configuration.pass = ['/healthz', '/assets/*'];
    configuration.batches = 'authorize_each';
  };
  const change = (bootstrap) => {
    const { static_resources: resources } = bootstrap;
    const http = resources.listeners.find(({ name }) => name === 'mcp').filter_chains[0].filters[0].typed_config;
    const trailers = { enable_trailers: true };
    Object.assign(http, {
      normalize_path: false, merge_slashes: false, path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
      http_protocol_options: trailers, upgrade_configs: [{ upgrade_type: 'websocket' }],
      http_filters: http.http_filters.filter(({ name }) => name !== 'envoy.filters.http.compressor'),
    });
    http.common_http_protocol_options.headers_with_underscores_action = 'ALLOW';
    http.http2_protocol_options.allow_connect = true;
    const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
    resources.clusters.find(({ name }) => name === 'mcp_server').typed_extension_protocol_options = {
      [options]: { '@type': `type.googleapis.com/${options}`, explicit_http_config: { http_protocol_options: trailers } },
    };
    const { config } = http.http_filters.find(({ name }) => name === 'toolgate').typed_config;
    config.vm_config.environment_variables = { key_values: { SESSION_SECRET: 'a secret of this test alone, 32 bytes' } };
  };
  return { configure, change, caller: await token(''), administrator: await token('admin') };
}

/** That the run means something: an administrator's uses are in the record, and the caller may call `echo`: its status. */
export async function control(port, { administrator, caller }) {
  const ask = (method, params, token) => send(port, bytes({ body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) }, token), {});
  await ask('tools/call', { name: TOOL, arguments: {} }, administrator);
  await ask('prompts/get', { name: 'secret_brief' }, administrator);
  await ask('resources/read', { uri: 'docs://private/key' }, administrator);
  const answer = await ask('tools/call', { name: 'echo', arguments: { message: 'hi' } }, caller);
  return Number(answer.match(/^HTTP\/1\.1 (\d+)/)?.[1]);
}

/** Sends every case, and tells how many there are and which of them reached the server. */
export async function attempt(port, token, reached, { oneByOne = false } = {}) {
  const cases = all();
  const through = [];
  let next = 0;
  const sender = async () => {
    for (let one = cases[next++]; one; one = cases[next++]) {
      const before = uses(reached);
      await send(port, bytes(one.file, token), { more: Boolean(one.file.raw) && !oneByOne });
      if (uses(reached) > before) through.push(one.name);
    }
  };
  await Promise.all(Array.from({ length: oneByOne ? 1 : AT_A_TIME }, sender));
  await sleep(SETTLED_MS);
  return { count: cases.length, through };
}

// Every use is one line of the server's record.
const uses = (path) => {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
};

function all() {
  const folder = here('../corpus');
  return readdirSync(folder, { recursive: true }).filter((path) => path.endsWith('.json')).sort()
    .map((path) => ({ name: path.replace(/.*\/|\.json$/g, ''), file: JSON.parse(readFileSync(`${folder}/${path}`, 'utf8')) }))
    // What its file lists as known to get through, and why.
    .filter(({ file }) => !file.known);
}

/** A case in HTTP/1.1. */
function bytes(file, token) {
  const fill = (text) => text.replaceAll('{TOKEN}', token).replaceAll('{SCENARIO}', '0');
  if (file.raw) return [Buffer.from(fill(file.raw))];
  const own = file.headers ?? [];
  const usual = [
    ['host', file.host ?? 'mcp.example.com'], ['authorization', `Bearer ${token}`],
    ['accept', 'application/json, text/event-stream'], ['content-type', 'application/json'],
  ].filter(([name]) => !own.some(([other]) => other.toLowerCase() === name));
  const fields = [...usual, ...own.filter(([, value]) => typeof value === 'string').map(([name, value]) => [name, fill(value)])];
  const head = [`${file.method ?? 'POST'} ${fill(file.path ?? '/mcp')} ${file.version ?? 'HTTP/1.1'}`, ...fields.map((field) => field.join(': '))];
  const body = bodyOf(file);
  if (file.chunks || file.trailers) {
    const pieces = [];
    let rest = body;
    for (const size of [...(file.chunks ?? []), body.length].filter((size) => size > 0)) {
      if (!rest.length) break;
      const piece = rest.subarray(0, size);
      pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
      rest = rest.subarray(size);
    }
    const trailers = (file.trailers ?? []).map(([name, value]) => `${name}: ${fill(value ?? '')}\r\n`).join('');
    return [Buffer.from(`${[...head, 'transfer-encoding: chunked'].join('\r\n')}\r\n\r\n`), ...pieces, Buffer.from(`0\r\n${trailers}\r\n`)];
  }
  const isFramed = fields.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
  const length = isFramed ? [] : [`content-length: ${body.length}`];
  return [Buffer.from(`${[...head, ...length].join('\r\n')}\r\n\r\n`), body];
}

function bodyOf({ body = '', body_base64: encoded, repeat }) {
  if (encoded) return Buffer.from(encoded, 'base64');
  return Buffer.from(body.replace('{REPEAT}', (repeat?.text ?? '').repeat(repeat?.times ?? 1)));
}

/** Sends bytes: the whole answer; with `more`, what comes after it too. */
function send(port, parts, { more }) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.concat(parts)));
    const end = () => socket.destroy();
    let patience = setTimeout(end, PATIENCE_MS);
    let answer = '';
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text;
      clearTimeout(patience);
      if (!more && isWhole(answer)) end();
      else patience = setTimeout(end, more ? MORE_MS : PATIENCE_MS);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(patience);
      resolve(answer);
    });
  });
}

/** Whether an HTTP/1.1 answer has come to its end. */
function isWhole(answer) {
  const [head, ...rest] = answer.split('\r\n\r\n');
  if (rest.length === 0) return false;
  if (/^HTTP\/1\.1 (204|304)/.test(head)) return true;
  const length = head.match(/^content-length: *(\d+)/im);
  if (length) return rest.join('\r\n\r\n').length >= Number(length[1]);
  return answer.endsWith('\r\n0\r\n\r\n');
}
