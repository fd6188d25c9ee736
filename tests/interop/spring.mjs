// Spring Authorization Server, built by Maven from spring/.
import { freePort } from '../../demo/processes.mjs';
import { decode } from '../../demo/wire.mjs';
import { SPRING } from './builds.mjs';
import { BASE_ENV, CACHE, READY_SECONDS, answers, here, loopback, startGate } from './gate.mjs';
import { ensure } from './install.mjs';
import { Session } from './mcp.mjs';
import { memoryOf } from './memory.mjs';
import { Proof, REDIRECT, http, login, metadata } from './oauth.mjs';

export const installSpring = (processes) => ensure(processes, 'Spring Authorization Server', SPRING);

/**
 * Starts it for tokens whose audience is `resource`; without one it is the client, as by default. With `register`, clients
 * may register themselves: see Registration.java.
 */
export async function startSpring(processes, { folder, name = 'spring-server', resource = '', register }) {
  const port = await freePort(0);
  const issuer = loopback(port);
  const since = Date.now();
  const started = processes.start('Spring Authorization Server', [
    'java', '-Xmx256m', '-jar', `${CACHE}/spring/interop-spring-1.jar`, `--server.port=${port}`, `--resource=${resource}`,
    `--spring.security.oauth2.authorizationserver.issuer=${issuer}`, ...(register ? [`--register=${register}`] : []),
  ], { log: `${folder}/${name}.log`, env: BASE_ENV });
  await processes.ready(started, () => answers(`${issuer}/.well-known/oauth-authorization-server`), READY_SECONDS);
  return { issuer, started, seconds: (Date.now() - since) / 1000, megabytes: memoryOf(started.group) };
}

/** What docs/providers/spring-authorization-server.md says, beside the clients of the matrix. */
export async function walkSpring(checks, processes, { folder, mcpServer }) {
  checks.section('Spring Authorization Server');
  const at = {
    checks,
    start: (options) => startSpring(processes, { folder, ...options }),
    stop: (server) => processes.end(server.started),
    gate: (server, name, port, change) => startGate(processes, {
      folder, name, mcpServer, issuer: server.issuer, port,
      configure({ issuers: [issuer], resources: [resource] }) {
        issuer.profile = 'generic';
        resource.policy.tools['simulate-research-query'] = { scopes: ['mcp:write'] };
        change?.(issuer);
      },
    }),
  };
  await byDefault(at);
  await openRegistration(at);

  const port = await freePort(0);
  const server = await at.start({ resource: loopback(port, '/mcp'), register: 'scopes' });
  console.log(`Spring Authorization Server: ready in ${server.seconds.toFixed(0)} s, ${server.megabytes} MB`);
  const gate = await at.gate(server, 'spring-gate', port, (issuer) => { issuer.dpop = 'optional'; });
  await customized(at, server, gate);
  await registered(at, server, gate);
  await bound(at, server, gate);
  await gate.stop();
  await at.stop(server);
}

async function signIn({ issuer }, scope, more) {
  const { body } = await metadata(issuer);
  return login(body, { client: 'mcp-cli', user: 'alice', scope, ...more });
}

async function register({ issuer }, more) {
  const { body } = await metadata(issuer);
  return http('POST', body.registration_endpoint, {
    json: {
      client_name: 'walk', redirect_uris: [REDIRECT], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
      token_endpoint_auth_method: 'none', ...more,
    },
  });
}

async function byDefault({ checks, start, stop, gate }) {
  const server = await start({ name: 'spring-default' });
  const strict = await gate(server, 'spring-default-gate', await freePort(0));
  const { access_token: own } = await signIn(server, 'mcp:read');
  const refused = await strict.reasonOf(() => new Session(strict.resource, own).start());
  checks.equal('without the customizer `aud` is the client, which is 401', [decode(own).claims.aud, refused.status, refused.reason],
    ['mcp-cli', 401, 'audience_mismatch']);
  const { body } = await metadata(server.issuer);
  checks.equal('by default no client registers itself: the metadata names no endpoint', body.registration_endpoint, undefined);
  await strict.stop();
  await stop(server);
}

async function openRegistration({ checks, start, stop }) {
  const server = await start({ name: 'spring-open', register: 'open' });
  const named = await register(server, { scope: 'mcp:read' });
  checks.equal('with open registration, one that names a scope is refused', [named.status, named.body.error, named.body.error_description],
    [400, 'invalid_scope', 'Invalid Client Registration: scope']);
  const bare = await register(server);
  const { error } = await signIn(server, 'mcp:read', { client: bare.body.client_id });
  checks.equal('and one that names none makes a client that never gets one', [bare.status, error], [201, 'invalid_scope']);
  await stop(server);
}

async function customized({ checks }, server, gate) {
  const tokens = await signIn(server, 'openid mcp:read');
  const { header, claims } = decode(tokens.access_token);
  checks.equal('with the customizer, a token has no `typ`, and its scopes are a list', [header.typ, [...claims.scope].sort()],
    [undefined, ['mcp:read', 'openid']]);
  const session = new Session(gate.resource, tokens.access_token);
  checks.equal('it connects', (await session.start()).status, 200);
  const tools = await session.tools();
  checks.equal('its list holds what it may call', [tools.includes('echo'), tools.includes('get-env'), tools.includes('gzip-file-as-resource')], [true, false, false]);
  checks.equal('a call is allowed', (await session.call('echo', { message: 'hi' })).status, 200);
  const denied = await gate.reasonOf(() => session.call('get-env'));
  checks.equal('a call that needs more is 403', [denied.status, denied.reason, denied.challenge?.scope], [403, 'insufficient_scope', 'mcp:admin mcp:read']);
  const id = await gate.reasonOf(() => new Session(gate.resource, tokens.id_token).start());
  checks.equal('an ID token is 401', [id.status, id.reason], [401, 'audience_mismatch']);
}

async function registered({ checks }, server, gate) {
  const { status, body } = await register(server, { scope: 'mcp:read' });
  const { access_token: token } = await signIn(server, 'mcp:read', { client: body.client_id });
  checks.equal('with another validator a client registers with a scope, and connects', [status, (await new Session(gate.resource, token).start()).status], [201, 200]);
  const { error } = await signIn(server, 'mcp:read mcp:write', { client: body.client_id });
  checks.equal('and never gets another scope', error, 'invalid_scope');
}

async function bound({ checks }, server, gate) {
  const proof = await Proof.make();
  const tokens = await signIn(server, 'mcp:read', { proof });
  const credentials = async (method, url) => ({
    authorization: `DPoP ${tokens.access_token}`, dpop: await proof.sign(method, url, { token: tokens.access_token }),
  });
  checks.equal('a token that is bound to a key (DPoP) connects with proofs',
    [tokens.token_type, (await new Session(gate.resource, credentials).start()).status], ['DPoP', 200]);
  const bearer = await gate.reasonOf(() => new Session(gate.resource, tokens.access_token).start());
  checks.equal('and as a bearer token it is 401', [bearer.status, bearer.reason], [401, 'bound_token_as_bearer']);
}
