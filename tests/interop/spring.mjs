// Spring Authorization Server, built by Maven from spring/.
import { freePort } from '../../demo/processes.mjs';
import { decode } from '../../demo/wire.mjs';
import { SPRING } from './builds.mjs';
import { BASE_ENV, CACHE, answers, here, loopback, startGate } from './gate.mjs';
import { ensure } from './install.mjs';
import { Session } from './mcp.mjs';
import { memoryOf } from './memory.mjs';
import { Proof, login, metadata } from './oauth.mjs';

export const installSpring = (processes) => ensure(processes, 'Spring Authorization Server', SPRING);

/** Starts it for tokens whose audience is `resource`; without one it is the client, as by default. */
export async function startSpring(processes, { folder, name = 'spring-server', resource = '' }) {
  const port = await freePort(0);
  const issuer = loopback(port);
  const since = Date.now();
  const started = processes.start('Spring Authorization Server', [
    'java', '-Xmx256m', '-jar', `${CACHE}/spring/interop-spring-1.jar`, `--server.port=${port}`, `--resource=${resource}`,
    `--spring.security.oauth2.authorizationserver.issuer=${issuer}`,
  ], { log: `${folder}/${name}.log`, env: BASE_ENV });
  await processes.ready(started, () => answers(`${issuer}/.well-known/oauth-authorization-server`), 120);
  return { issuer, started, seconds: (Date.now() - since) / 1000, megabytes: memoryOf(started.group) };
}

/** What docs/providers/spring-authorization-server.md says, beside the clients of the matrix. */
export async function walkSpring(checks, processes, { folder, mcpServer }) {
  checks.section('Spring Authorization Server');
  const before = (server, name, port, change) => startGate(processes, {
    folder, name, mcpServer, issuer: server.issuer, port,
    configure({ issuers: [issuer], resources: [resource] }) {
      issuer.profile = 'generic';
      resource.policy.tools['simulate-research-query'] = { scopes: ['mcp:write'] };
      change?.(issuer);
    },
  });
  const signIn = async (server, scope, more) => {
    const { body } = await metadata(server.issuer);
    return login(body, { client: 'mcp-cli', user: 'alice', scope, ...more });
  };

  const byDefault = await startSpring(processes, { folder, name: 'spring-default' });
  const strict = await before(byDefault, 'spring-default-gate', await freePort(0));
  const { access_token: own } = await signIn(byDefault, 'mcp:read');
  const refused = await strict.reasonOf(() => new Session(strict.resource, own).start());
  checks.equal('without the customizer `aud` is the client, which is 401', [decode(own).claims.aud, refused.status, refused.reason],
    ['mcp-cli', 401, 'audience_mismatch']);
  await strict.stop();
  await processes.end(byDefault.started);

  const port = await freePort(0);
  const server = await startSpring(processes, { folder, resource: loopback(port, '/mcp') });
  console.log(`Spring Authorization Server: ready in ${server.seconds.toFixed(0)} s, ${server.megabytes} MB`);
  const gate = await before(server, 'spring-gate', port, (issuer) => { issuer.dpop = 'optional'; });
  const tokens = await signIn(server, 'openid mcp:read');
  const { header, claims } = decode(tokens.access_token);
  checks.equal('with it, a token has no `typ`, and its scopes are a list', [header.typ, [...claims.scope].sort()], [undefined, ['mcp:read', 'openid']]);
  const session = new Session(gate.resource, tokens.access_token);
  checks.equal('it connects', (await session.start()).status, 200);
  const tools = await session.tools();
  checks.equal('its list holds what it may call', [tools.includes('echo'), tools.includes('get-env'), tools.includes('gzip-file-as-resource')], [true, false, false]);
  checks.equal('a call is allowed', (await session.call('echo', { message: 'hi' })).status, 200);
  const denied = await gate.reasonOf(() => session.call('get-env'));
  checks.equal('a call that needs more is 403', [denied.status, denied.reason, denied.challenge?.scope], [403, 'insufficient_scope', 'mcp:admin mcp:read']);
  const id = await gate.reasonOf(() => new Session(gate.resource, tokens.id_token).start());
  checks.equal('an ID token is 401', [id.status, id.reason], [401, 'audience_mismatch']);

  const proof = await Proof.make();
  const bound = await signIn(server, 'mcp:read', { proof });
  const credentials = async (method, url) => ({
    authorization: `DPoP ${bound.access_token}`, dpop: await proof.sign(method, url, { token: bound.access_token }),
  });
  checks.equal('a token that is bound to a key (DPoP) connects with proofs',
    [bound.token_type, (await new Session(gate.resource, credentials).start()).status], ['DPoP', 200]);
  const bearer = await gate.reasonOf(() => new Session(gate.resource, bound.access_token).start());
  checks.equal('and as a bearer token it is 401', [bearer.status, bearer.reason], [401, 'bound_token_as_bearer']);
  await gate.stop();
  await processes.end(server.started);
}
