// `make demo`: an MCP client walks the whole OAuth loop in front of a real MCP server.
//
// The client is the official SDK, and it is told nothing but the URL. Challenge, discovery,
// identification, token and step-up are its own doing; this script looks at the wire, shows it,
// and holds every step to what it should have been. Exit code 0: every step was as expected.
//
// With `--register`, the authorization server reads no clients' documents, as many do not: the
// client then registers.
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, identity } from './client.mjs';
import { publish } from './document.mjs';
import { run } from './processes.mjs';
import { startStack } from './stack.mjs';
import { decode, detail, message, paint, shorten, show, Wire } from './wire.mjs';

const registers = process.argv.includes('--register');
const outcome = { steps: 0, checks: 0, failures: [] };

function step(title) {
  outcome.steps += 1;
  console.log(`\n${paint(['bold', 'blue'], `${outcome.steps}. ${title}`)}`);
}

function expect(what, actual, expected) {
  outcome.checks += 1;
  const same = isDeepStrictEqual(actual, expected);
  console.log(`  ${same ? paint('green', '✓') : paint('red', '✗')} ${what}`);
  if (same) return;
  outcome.failures.push(`step ${outcome.steps}: ${what}`);
  detail('expected', JSON.stringify(expected));
  detail('got', JSON.stringify(actual));
}

const sends = (method, name) => ({ sent }) => {
  if (!sent?.startsWith('{')) return false;
  const call = JSON.parse(sent);
  return call.method === method && call.params?.name === name;
};
const asks = (method, suffix) => (exchange) => exchange.method === method && exchange.url.pathname.endsWith(suffix);
const words = (text) => (text ?? '').split(' ').sort();

async function showToken(exchange) {
  const { access_token: token = '', token_type: type } = await message(exchange);
  const { header, claims } = decode(token);
  detail('asked for', ['scope', 'resource'].map((name) => `${name}=${new URLSearchParams(exchange.sent).get(name)}`).join('  '));
  detail('token', `${type} ${shorten(token)}  ${JSON.stringify(header)}`);
  detail('claims', JSON.stringify(claims, ['iss', 'aud', 'client_id', 'scope', 'exp']));
  return { header, claims };
}

async function walk(stack, published) {
  const metadataUrl = stack.resource.replace('/mcp', '/.well-known/oauth-protected-resource/mcp');

  // Straight to the server, past the gate: what there is to be trimmed.
  const straight = await connect(stack.direct);
  const all = (await straight.listTools()).tools.map(({ name }) => name);
  await straight.close();
  console.log(`\nThe MCP server has ${all.length} tools. Now a client is given the URL ${paint('bold', stack.resource)}`);

  const wire = new Wire();
  const client = await connect(stack.resource, wire, published.url);

  step('Without a token: the client is let in, because one tool is public');
  const first = wire.take(sends('initialize'));
  show(first);
  expect('the server answers', [first.status, first.bearer], [200, undefined]);

  step('Without a token, the list holds the public tool');
  const open = (await client.listTools()).tools.map(({ name }) => name);
  show(wire.take(sends('tools/list')));
  detail(`${open.length} of ${all.length}`, open.join(' '));
  expect('echo is in it, and nothing else', open, ['echo']);

  step('A public call, without a token');
  const echoed = await client.callTool({ name: 'echo', arguments: { message: 'anybody there' } });
  const publicCall = wire.take(sends('tools/call', 'echo'));
  show(publicCall);
  detail('answer', echoed.content[0].text);
  expect('the server answers', [publicCall.status, publicCall.bearer, echoed.content[0].text.includes('anybody there')], [200, undefined, true]);

  step('A call that is not public: 401, and a challenge');
  // The SDK takes the hint at once: what it does about it are the next steps.
  const sum = await client.callTool({ name: 'get-sum', arguments: { a: 19, b: 23 } });
  const challenged = wire.take(sends('tools/call', 'get-sum'));
  show(challenged);
  expect('the status is 401', [challenged.status, challenged.bearer], [401, undefined]);
  expect('the challenge names the metadata and the scope that the call needs, and no error', challenged.challenge, {
    scope: 'mcp:read',
    resource_metadata: metadataUrl,
  });

  step('The challenge leads to the metadata of the resource (RFC 9728)');
  const metadata = wire.take(asks('GET', '/.well-known/oauth-protected-resource/mcp'));
  show(metadata);
  const document = await message(metadata);
  for (const name of ['resource', 'authorization_servers', 'scopes_supported']) detail(name, [document[name]].flat().join(' '));
  expect('anyone can read it', metadata.status, 200);
  expect('it is about the URL that the client was given', document.resource, stack.resource);
  expect('it names the authorization server', document.authorization_servers, [stack.issuer]);

  step('The authorization server describes itself (RFC 8414)');
  const discovery = wire.take(asks('GET', '/.well-known/oauth-authorization-server'));
  show(discovery);
  const server = await message(discovery);
  const described = ['issuer', 'token_endpoint', 'registration_endpoint', 'client_id_metadata_document_supported'];
  for (const name of described) detail(name, server[name] ?? 'no');
  expect('its issuer is the one that the metadata names', server.issuer, stack.issuer);

  let clientId = published.url;
  if (registers) {
    step('It reads no documents of clients, so this client registers (RFC 7591)');
    const registration = wire.take(asks('POST', '/reg'));
    show(registration);
    ({ client_id: clientId = '' } = await message(registration));
    detail('client_id', shorten(clientId));
    expect('it is a client now', registration.status, 201);
    expect('nobody asked for its document', published.reads, 0);
  } else {
    step('It reads documents of clients, so this client registers nowhere: its id is the URL of its document');
    detail('client_id', clientId);
    detail('document', JSON.stringify(published.document, ['client_id', ...Object.keys(identity)].filter((name) => name !== 'jwks')));
    expect('the authorization server says that it reads documents', server.client_id_metadata_document_supported, true);
    expect('it has read this one', published.reads, 1);
    expect('the client has sent no registration', wire.exchanges.some(asks('POST', '/reg')), false);
  }

  step('It gets a token with the scope of the challenge, for this resource (RFC 8707)');
  const readToken = wire.take(asks('POST', '/token'));
  show(readToken);
  const read = await showToken(readToken);
  expect('the audience is the resource', read.claims.aud, stack.resource);
  expect('the scope is the one of the challenge', read.claims.scope, 'mcp:read');
  expect('it names the client', read.claims.client_id, clientId);

  step('The same call, with the token');
  const sumCall = wire.take(sends('tools/call', 'get-sum'));
  show(sumCall);
  detail('answer', sum.content[0].text);
  expect('the server answers', [sumCall.status, sum.content[0].text.includes('42')], [200, true]);

  step('The list of tools holds what this token can call');
  const readable = all.filter((name) => name === 'echo' || (name.startsWith('get-') && name !== 'get-env'));
  const few = (await client.listTools()).tools.map(({ name }) => name);
  show(wire.take(sends('tools/list')));
  detail(`${few.length} of ${all.length}`, few.join(' '));
  detail('not shown', all.filter((name) => !few.includes(name)).join(' '));
  expect('echo and get-* are in it, get-env and the others are not', few, readable);

  step('A call that is denied: 403, with the scope to ask for');
  const deniedAt = outcome.steps;
  // The SDK takes the hint at once: what it does about it are the next two steps.
  const env = await client.callTool({ name: 'get-env', arguments: {} });
  const denied = wire.take(sends('tools/call', 'get-env'));
  show(denied);
  const { error } = await message(denied);
  detail('body', JSON.stringify(error));
  expect('the status is 403', denied.status, 403);
  expect('the error is insufficient_scope', denied.challenge?.error, 'insufficient_scope');
  expect('the scope to ask for adds to what the client has', words(denied.challenge?.scope), ['mcp:admin', 'mcp:read']);
  const { target, missing } = error.data;
  expect('the body says the same to a program', [error.code, target, missing], [403, 'get-env', ['mcp:admin']]);

  step('The client steps up: a token with that scope');
  const adminToken = wire.take(asks('POST', '/token'));
  show(adminToken);
  const admin = await showToken(adminToken);
  expect('the token has the scope', words(admin.claims.scope), ['mcp:admin', 'mcp:read']);

  step('The same call, now allowed');
  const allowed = wire.take(sends('tools/call', 'get-env'));
  show(allowed);
  const { DEMO_SECRET } = JSON.parse(env.content[0].text);
  detail('answer', JSON.stringify({ DEMO_SECRET }));
  expect('the server answers', [allowed.status, DEMO_SECRET], [200, 'only for administrators']);

  step('The list follows the token; what no scope brings stays away');
  const many = (await client.listTools()).tools.map(({ name }) => name);
  show(wire.take(sends('tools/list')));
  detail(`${many.length} of ${all.length}`, many.join(' '));
  const unlisted = 'gzip-file-as-resource';
  expect(`only ${unlisted}, which the policy does not list, is missing`, many, all.filter((name) => name !== unlisted));
  await client.callTool({ name: unlisted, arguments: {} }).catch(() => {}); // the wire tells
  const refused = wire.take(sends('tools/call', unlisted));
  show(refused);
  expect('a call of it is 403', refused.status, 403);
  expect('it has no challenge: no scope would help', refused.challenge, undefined);
  await client.close();

  step('Not a token: 401');
  await wire.fetch(stack.resource, {
    method: 'POST',
    headers: {
      authorization: 'Bearer garbage',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  });
  const garbage = wire.take(({ bearer }) => bearer === 'garbage');
  show(garbage);
  expect('the status is 401', garbage.status, 401);
  expect('the error is invalid_token', garbage.challenge?.error, 'invalid_token');

  step('All of it is on record');
  const record = await audited(stack.envoyLog, error.data.decision_id);
  detail(`audit line of step ${deniedAt}`, JSON.stringify(record));
  expect('the denial is found by the id that the client got', [record?.decision, record?.target, record?.client], ['deny', 'get-env', clientId]);
  const log = readFileSync(stack.envoyLog, 'utf8');
  const tokens = [readToken, adminToken].map(async (exchange) => (await message(exchange)).access_token);
  const leaked = (await Promise.all(tokens)).some((token) => log.includes(token.split('.')[2]));
  expect('no token is in the log', leaked, false);
}

/** The audit line with this id; the log is written with a short delay. */
async function audited(path, id) {
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const lines = readFileSync(path, 'utf8').matchAll(/toolgate\.audit (\{.*\})/g);
    const found = [...lines].map(([, json]) => JSON.parse(json)).find(({ decision_id }) => decision_id === id);
    if (found) return found;
    await sleep(100);
  }
  return undefined;
}

await run(async (processes) => {
  console.log('Starting the stack');
  const published = await publish(identity);
  const stack = await startStack(processes, 'demo', { publicTool: 'echo', document: registers ? undefined : published });
  try {
    await walk(stack, published);
  } catch (error) {
    if (processes.stopped) return 1;
    // A step that went wrong can leave the next without what it needs.
    outcome.failures.push(`after step ${outcome.steps}: ${error.message}`);
  }
  const { steps, checks, failures } = outcome;
  if (failures.length === 0) console.log(paint(['bold', 'green'], `\n${steps} steps, ${checks} checks, all as expected.`));
  else console.log([paint(['bold', 'red'], '\nNot as expected:'), ...failures].join('\n  ✗ '));
  console.log(`Logs and configuration: ${stack.folder}/`);
  return failures.length === 0 ? 0 : 1;
});
