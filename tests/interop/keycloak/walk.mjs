// A walk through Keycloak from end to end, with a real Envoy and toolgate.wasm between it and a real MCP server.
import { setTimeout as sleep } from 'node:timers/promises';
import { decode } from '../../../demo/wire.mjs';
import { startGate } from '../gate.mjs';
import { Session } from '../mcp.mjs';
import { Proof, REDIRECT, http, login, metadata, refresh } from '../oauth.mjs';
import { SECRET, realmFor } from './server.mjs';

const SCOPES = ['mcp:read', 'mcp:write', 'mcp:admin'];
const CLIENT = 'mcp-cli';

/** What toolgate's page for Keycloak has a user configure. */
export const configured = (keycloak, audience, change) => (configuration, resource) => {
  const [issuer] = configuration.issuers;
  issuer.profile = 'keycloak';
  // Only where a rule asks: `get-env`, which wants an answer of now.
  issuer.validation = 'jwt';
  issuer.introspection = {
    uri: `${keycloak.issuer}/protocol/openid-connect/token/introspect`, cluster: 'auth', client_id: audience ?? resource, client_secret: SECRET,
  };
  const [server] = configuration.resources;
  if (audience) server.audiences = [audience];
  server.challenge_scopes = SCOPES;
  server.policy.tools['simulate-research-query'] = { scopes: ['mcp:write'] };
  server.policy.tools['get-env'].fresh = '0s';
  change?.(issuer, server);
};

export async function walk(checks, processes, keycloak, { folder, mcpServer }) {
  // The gate whose URL is the audience; others take the same tokens.
  const start = (name, change, audience) => startGate(processes, {
    folder, name, mcpServer, issuer: keycloak.issuer, configure: configured(keycloak, audience, change),
  });
  const gate = await start('keycloak');
  const audience = gate.resource;
  const realm = await realmFor(processes, audience);
  await keycloak.replaceRealm(realm);
  const at = { checks, keycloak, gate, audience, start: (name, change) => start(name, change, audience) };

  await discovery(at);
  await registration(at);
  await jwt(at);
  await freshness(at);
  await offline(at);
  await introspection(at);
  await dpop(at);
  await roles(at);
  await keys(at);
  await missing(at, realm);
}

async function discovery(at) {
  const { checks, keycloak, gate } = at;
  checks.section('Keycloak: discovery from nothing but the URL');
  const bare = await http('POST', gate.resource, { json: { jsonrpc: '2.0', id: 1, method: 'tools/list' } });
  checks.equal('a request without a token is 401', bare.status, 401);
  const challenge = bare.headers.get('www-authenticate');
  checks.equal('the challenge asks for every scope at once', challenge.match(/ scope="([^"]*)"/)?.[1], SCOPES.join(' '));
  const { body: resource } = await http('GET', challenge.match(/resource_metadata="([^"]*)"/)[1]);
  checks.equal('the metadata of the resource names the issuer', resource.authorization_servers, [keycloak.issuer]);
  const found = await metadata(resource.authorization_servers[0]);
  checks.equal('the issuer has metadata where RFC 8414 says', [found.status, found.body.issuer], [200, keycloak.issuer]);
  const unknown = resource.scopes_supported.filter((scope) => !found.body.scopes_supported.includes(scope));
  checks.equal('Keycloak knows every scope of the resource', unknown, []);
  checks.equal('PKCE with S256', found.body.code_challenge_methods_supported.includes('S256'), true);
  at.server = found.body;
}

const register = ({ server }, metadata) => http('POST', server.registration_endpoint, {
  json: {
    client_name: 'walk', redirect_uris: [REDIRECT], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    token_endpoint_auth_method: 'none', ...metadata,
  },
});

async function registration(at) {
  const { checks, server, audience } = at;
  checks.section('Keycloak: dynamic client registration, and a login on its page');
  const narrow = await register(at, { scope: 'mcp:read' });
  checks.equal('a client registers itself', narrow.status, 201);
  const ask = (client, user, scope) => login(server, { client, user, scope, resource: audience });
  const first = await ask(narrow.body.client_id, 'alice', 'mcp:read');
  checks.equal('it gets what it registered with', first.scope, 'mcp:read');
  const more = await ask(narrow.body.client_id, 'alice', 'mcp:read mcp:write');
  checks.equal('and may never ask for more', [more.error, more.error_description], ['invalid_scope', 'Invalid scopes: mcp:read mcp:write']);
  const wide = await register(at, { scope: SCOPES.join(' ') });
  const alice = await ask(wide.body.client_id, 'alice', SCOPES.join(' '));
  checks.equal('one that registers with every scope gets them', sorted(alice.scope), sorted(SCOPES));
  const bob = await ask(wide.body.client_id, 'bob', SCOPES.join(' '));
  checks.equal('a user without the role gets the others, without an error', sorted(bob.scope), ['mcp:read', 'mcp:write']);
  const stranger = await register(at, { redirect_uris: ['https://stranger.example/callback'] });
  checks.equal('a URL on another host is 403', [stranger.status, /Details: URI doesn't match any trusted host/.test(stranger.body.error_description)], [403, true]);
  const unknown = await register(at, { scope: 'mcp:read research:run' });
  checks.equal('so is a scope that Keycloak does not know', [unknown.status, unknown.body.error_description],
    [403, "Policy 'Allowed Client Scopes' rejected request to client-registration service. Details: Not permitted to use specified clientScope"]);
  const inspector = await register(at, { client_uri: 'https://github.com/modelcontextprotocol/inspector' });
  checks.equal('the MCP Inspector registers, with its home page', inspector.status, 201);
}

const sorted = (scope) => [...(typeof scope === 'string' ? scope.split(' ') : scope ?? [])].sort();

/** A token of the client that was made beforehand. */
const signIn = ({ server, audience }, user, scope = SCOPES.join(' '), more = {}) =>
  login(server, { client: CLIENT, user, scope, resource: audience, ...more });

async function jwt(at) {
  const { checks, gate } = at;
  checks.section('Keycloak: JWTs');
  const [alice, bob] = [await signIn(at, 'alice', `openid ${SCOPES.join(' ')}`), await signIn(at, 'bob')];
  const session = new Session(gate.resource, alice.access_token);
  checks.equal('alice connects', (await session.start()).status, 200);
  const all = await session.tools();
  checks.equal('her list holds get-env, and nothing unlisted', [all.includes('get-env'), all.includes('gzip-file-as-resource')], [true, false]);
  checks.equal('she reads and writes', [(await session.call('echo', { message: 'hi' })).status, (await session.call('toggle-simulated-logging')).status], [200, 200]);
  const env = await session.call('get-env');
  checks.equal('get-env too, for which Keycloak is asked', [env.status, env.result?.isError], [200, undefined]);
  session.use(bob.access_token);
  const few = await session.tools();
  checks.equal("bob's list lacks get-env", all.filter((name) => !few.includes(name)), ['get-env']);
  const denied = await gate.reasonOf(() => session.call('get-env'));
  checks.equal('his call of it is 403, with what to ask for', [denied.status, denied.challenge?.error, sorted(denied.challenge?.scope)],
    [403, 'insufficient_scope', sorted(SCOPES)]);
  const unlisted = await gate.reasonOf(() => session.call('gzip-file-as-resource'));
  checks.equal('what no scope brings is 403 without a challenge', [unlisted.status, unlisted.challenge, unlisted.reason], [403, undefined, 'unlisted']);
  for (const [kind, token, reason] of [
    ['an ID token', alice.id_token, 'not_an_access_token'], ['a refresh token', alice.refresh_token, 'algorithm_not_allowed'],
  ]) {
    const refused = await gate.reasonOf(() => new Session(gate.resource, token).start());
    checks.equal(`${kind} is 401`, [refused.status, refused.reason], [401, reason]);
  }
}

/** A session of alice, with her token, and whether the call that asks Keycloak works. */
async function started(at, gate = at.gate, user = 'alice', scope, more) {
  const tokens = await signIn(at, user, scope, more);
  const session = new Session(gate.resource, tokens.access_token);
  const { status } = await session.start();
  return { tokens, session, status, asks: () => gate.reasonOf(() => session.call('get-env')) };
}

async function freshness(at) {
  const { checks, keycloak, server } = at;
  checks.section('Keycloak: a rule with `fresh: 0s` sees at once that');
  const { id } = await keycloak.user('alice');
  const token = (path, form) => http('POST', `${keycloak.issuer}/protocol/openid-connect/${path}`, { form: { client_id: CLIENT, ...form } });
  const ends = [
    ['the user was logged out', () => keycloak.admin('POST', `users/${id}/logout`)],
    ['the session was ended', ({ tokens }) => keycloak.admin('DELETE', `sessions/${decode(tokens.access_token).claims.sid}`)],
    ['the user was disabled', () => keycloak.admin('PUT', `users/${id}`, { enabled: false }), () => keycloak.admin('PUT', `users/${id}`, { enabled: true })],
    ['the token was revoked', ({ tokens }) => token('revoke', { token: tokens.access_token })],
    ['the refresh token was revoked', ({ tokens }) => token('revoke', { token: tokens.refresh_token, token_type_hint: 'refresh_token' })],
  ];
  for (const [what, end, restore] of ends) {
    const user = await started(at);
    const before = (await user.asks()).status;
    await end(user);
    const since = performance.now();
    const { status, reason, challenge } = await user.asks();
    const elsewhere = (await user.session.call('echo', { message: 'hi' })).status;
    await restore?.();
    checks.equal(what, [before, status, reason, challenge?.error], [200, 401, 'token_inactive', 'invalid_token']);
    checks.note('answered after', `${Math.round(performance.now() - since)} ms; a rule without \`fresh\`: ${elsewhere}, until \`exp\``);
  }
  const user = await started(at);
  const role = await keycloak.admin('GET', 'roles/mcp-admin');
  await keycloak.admin('DELETE', `users/${id}/role-mappings/realm`, [role]);
  checks.equal('but not that a role was taken away', (await user.asks()).status, 200);
  const { body: next } = await refresh(server, { client: CLIENT, token: user.tokens.refresh_token });
  checks.equal('which the next refresh brings', sorted(next.scope), ['mcp:read', 'mcp:write']);
  await keycloak.admin('POST', `users/${id}/role-mappings/realm`, [role]);
}

async function offline(at) {
  const { checks, keycloak, server } = at;
  checks.section('Keycloak: with `offline_access`, which many clients ask for as soon as the metadata lists it');
  const { id } = await keycloak.user('alice');
  const ends = {
    'the end of the offline session ends its tokens': ({ tokens }) =>
      keycloak.admin('DELETE', `sessions/${decode(tokens.access_token).claims.sid}?isOffline=true`),
    'a logout of the user too, for all that was issued before its second': () => keycloak.admin('POST', `users/${id}/logout`),
  };
  for (const [rule, end] of Object.entries(ends)) {
    const user = await started(at, at.gate, 'alice', `${SCOPES.join(' ')} offline_access`);
    const refreshed = await refresh(server, { client: CLIENT, token: user.tokens.refresh_token });
    const before = [(await user.asks()).status, refreshed.status];
    await sleep(1100);
    await end(user);
    const again = await refresh(server, { client: CLIENT, token: refreshed.body.refresh_token });
    checks.equal(rule, [before, [(await user.asks()).status, again.status]], [[200, 200], [401, 400]]);
  }
}

async function introspection(at) {
  const { checks, keycloak, start } = at;
  checks.section('Keycloak: `validation: introspection`');
  const gate = await start('keycloak-introspection', (issuer) => {
    delete issuer.jwks;
    Object.assign(issuer, { validation: 'introspection' });
    issuer.introspection.cache_ttl = '0s';
  });
  const user = await started(at, gate);
  checks.equal('a token is accepted', [user.status, (await user.asks()).status], [200, 200]);
  const { id } = await keycloak.user('alice');
  await keycloak.admin('POST', `users/${id}/logout`);
  const after = await gate.reasonOf(() => user.session.call('echo', { message: 'hi' }));
  checks.equal('a logout ends it for every call', [after.status, after.reason], [401, 'token_inactive']);
  const lightweight = (client) => { client.attributes['client.use.lightweight.access.token.enabled'] = 'true'; };
  await keycloak.changed(CLIENT, lightweight, async () => {
    const light = await started(at, gate);
    const { claims } = decode(light.tokens.access_token);
    checks.equal('a lightweight token has neither `aud` nor `sub`', [claims.aud, claims.sub], [undefined, undefined]);
    checks.equal('and is accepted by what Keycloak says of it', [light.status, (await light.asks()).status], [200, 200]);
    const refused = await at.gate.reasonOf(() => new Session(at.gate.resource, light.tokens.access_token).start());
    checks.equal('where the signature decides it is 401', [refused.status, refused.reason], [401, 'audience_missing']);
  });
  await gate.stop();
}

async function dpop(at) {
  const { checks, server, start } = at;
  checks.section('Keycloak: tokens that are bound to a key (DPoP)');
  const gate = await start('keycloak-dpop', (issuer) => { issuer.dpop = 'optional'; });
  const proof = await Proof.make();
  const tokens = await signIn(at, 'alice', SCOPES.join(' '), { proof });
  const token = tokens.access_token;
  checks.equal('the token says so', [tokens.token_type, decode(token).claims.cnf?.jkt], ['DPoP', proof.thumbprint]);
  const bound = async (method, url, more) => ({ authorization: `DPoP ${token}`, dpop: await proof.sign(method, url, { token, ...more }) });
  const session = new Session(gate.resource, bound);
  checks.equal('with proofs it connects, lists and calls',
    [(await session.start()).status, (await session.tools()).includes('get-env'), (await session.call('get-env')).status], [200, true, 200]);
  session.use(token);
  const bearer = await gate.reasonOf(() => session.call('echo', { message: 'hi' }));
  checks.equal('as a bearer token it is 401', [bearer.status, bearer.reason], [401, 'bound_token_as_bearer']);
  const old = Math.floor(Date.now() / 1000) - 400;
  session.use((method, url) => bound(method, url, { at: old }));
  checks.equal('with an old proof too', (await session.call('echo', { message: 'hi' })).status, 401);
  const unbound = await started(at, gate);
  checks.equal('other tokens are accepted as ever', unbound.status, 200);
  const refreshed = await http('POST', server.token_endpoint, {
    headers: { dpop: await proof.sign('POST', server.token_endpoint) },
    form: { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id: CLIENT },
  });
  checks.equal('a refresh with a proof keeps it bound', [refreshed.status, refreshed.body.token_type], [200, 'DPoP']);
  const off = await at.gate.reasonOf(() => new Session(at.gate.resource, token).start());
  checks.equal('where `dpop` is not configured it is 401', [off.status, off.reason], [401, 'token_bound']);
  await gate.stop();
}

async function roles(at) {
  const { checks, keycloak, start } = at;
  checks.section('Keycloak: scopes by `scope_map` from `realm_access.roles`');
  await keycloak.admin('POST', 'client-scopes', {
    name: 'roles', protocol: 'openid-connect', attributes: { 'include.in.token.scope': 'false' },
    protocolMappers: [{
      name: 'realm roles', protocol: 'openid-connect', protocolMapper: 'oidc-usermodel-realm-role-mapper',
      config: { 'claim.name': 'realm_access.roles', 'jsonType.label': 'String', multivalued: 'true', 'access.token.claim': 'true' },
    }],
  });
  const { id } = (await keycloak.admin('GET', 'client-scopes')).find(({ name }) => name === 'roles');
  const client = await keycloak.client(CLIENT);
  await keycloak.admin('PUT', `clients/${client.id}/default-client-scopes/${id}`);
  const gate = await start('keycloak-roles', (issuer, resource) => {
    issuer.scope_map = [{ claims: { 'realm_access.roles': 'mcp-admin' }, scopes: ['mcp:admin'] }];
    resource.challenge_scopes = ['mcp:read'];
    resource.scopes_supported = ['mcp:read', 'mcp:write'];
  });
  // A client sees all roles of its user only with this.
  await keycloak.changed(CLIENT, (own) => { own.fullScopeAllowed = true; }, async () => {
    const [alice, bob] = [await started(at, gate, 'alice', 'mcp:read'), await started(at, gate, 'bob', 'mcp:read')];
    checks.equal('the token has the roles', decode(alice.tokens.access_token).claims.realm_access.roles.includes('mcp-admin'), true);
    checks.equal('who has the role may call get-env, though the token has no such scope',
      [(await alice.asks()).status, alice.tokens.scope], [200, 'mcp:read']);
    const denied = await bob.asks();
    checks.equal('who has not is 403 without a challenge: no login would help', [denied.status, denied.reason, denied.challenge], [403, 'scope_not_offered', undefined]);
  });
  await gate.stop();
}

async function keys(at) {
  const { checks, keycloak, gate } = at;
  checks.section('Keycloak: keys');
  const old = await started(at);
  const { id: parentId } = await keycloak.admin('GET', '/admin/realms/mcp');
  const provide = (name, providerId, priority, config = {}) => keycloak.admin('POST', 'components', {
    name, providerId, providerType: 'org.keycloak.keys.KeyProvider', parentId,
    config: { priority: [String(priority)], enabled: ['true'], active: ['true'], ...config },
  });
  await provide('next', 'rsa-generated', 200, { algorithm: ['RS256'], keySize: ['2048'] });
  const next = await signIn(at, 'alice');
  const kid = ({ access_token: token }) => decode(token).header.kid;
  checks.equal('a new key signs at once', kid(next) === kid(old.tokens), false);
  const since = performance.now();
  checks.equal('its first token is accepted', (await new Session(gate.resource, next.access_token).start()).status, 200);
  checks.note('after', `${Math.round(performance.now() - since)} ms`);
  checks.equal('tokens of the old key too', (await old.asks()).status, 200);
  await provide('ed', 'eddsa-generated', 150);
  const change = (alg) => (client) => { client.attributes['access.token.signed.response.alg'] = alg; };
  for (const [alg, expected] of [['ES256', 200], ['PS256', 200], ['EdDSA', 200], ['HS256', 401]]) {
    await keycloak.changed(CLIENT, change(alg), async () => {
      const { access_token: token } = await signIn(at, 'alice');
      // Two refetches in 30 s, then unknown keys are refused until the cooldown ends.
      const answered = await settled(() => new Session(gate.resource, token).start(), expected, 40);
      checks.equal(`a token by ${alg} is ${expected}`, [decode(token).header.alg, answered.status], [alg, expected]);
    });
  }
}

/** Asks until the status is as expected, or the time is over. */
async function settled(ask, expected, seconds) {
  const deadline = Date.now() + seconds * 1000;
  let answer = await ask();
  while (answer.status !== expected && Date.now() < deadline) {
    await sleep(1000);
    answer = await ask();
  }
  return answer;
}

/** What goes wrong without each part of the realm, as the page says it. */
async function missing(at, realm) {
  const { checks, keycloak, server, gate, audience } = at;
  checks.section('Keycloak: what goes wrong without');
  const without = async (part, change) => {
    const changed = JSON.parse(realm);
    change(changed);
    await keycloak.replaceRealm(JSON.stringify(changed));
    return part;
  };
  const scopes = (changed) => changed.clientScopes.filter(({ name }) => name.startsWith('mcp:'));

  await without('audience', (changed) => scopes(changed).forEach((scope) => { scope.protocolMappers = []; }));
  const lean = await settledReason(gate, (await signIn(at, 'alice')).access_token);
  checks.equal('the audience mapper: 401 `audience_missing`', lean, [401, 'audience_missing']);

  await without('asking client', (changed) => { changed.clients.find(({ clientId }) => clientId === audience).clientId = 'toolgate'; });
  const other = await at.start('keycloak-other-client', (issuer) => { issuer.introspection.client_id = 'toolgate'; });
  const user = await started(at, other);
  checks.equal('the resource as the asking client: every call with `fresh` is 401 `token_inactive`',
    [user.status, (await user.asks()).reason], [200, 'token_inactive']);
  await other.stop();

  await without('default roles', (changed) => changed.users.forEach((one) => { one.realmRoles = []; }));
  const offline = await signIn(at, 'bob', 'mcp:read offline_access');
  checks.equal('the default roles: no `offline_access`', [offline.error, offline.error_description],
    ['not_allowed', 'Offline tokens not allowed for the user or client']);

  await without('trusted hosts', (changed) => { delete changed.components; });
  const refused = await register(at, {});
  checks.equal('Trusted Hosts: no client registers itself', [refused.status, refused.body.error], [403, 'insufficient_scope']);

  await without('subject', (changed) => { changed.defaultDefaultClientScopes = ['acr']; });
  const nobody = await signIn(at, 'alice');
  checks.equal('the scope `basic`: a token without `sub`', decode(nobody.access_token).claims.sub, undefined);

  await keycloak.replaceRealm(realm);
}

/** The status and reason of a token, once the keys of a new realm have been noticed. */
async function settledReason(gate, token) {
  const ask = () => gate.reasonOf(() => new Session(gate.resource, token).start());
  let answer = await ask();
  for (let attempt = 0; answer.reason === 'key_unknown' && attempt < 45; attempt += 1) {
    await sleep(1000);
    answer = await ask();
  }
  return [answer.status, answer.reason];
}
