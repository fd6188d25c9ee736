// The authorization servers of the matrix, each with gates that take its tokens: `world.gates`, by their names.
import { freePort } from '../../demo/processes.mjs';
import { BASE_ENV, READY_SECONDS, answers, here, loopback, startGate } from './gate.mjs';
import { realmFor, startKeycloak } from './keycloak/server.mjs';
import { configured } from './keycloak/walk.mjs';
import { installHydra, makeClient, startHydra } from './hydra.mjs';
import { REDIRECT } from './oauth.mjs';
import { installSpring, startSpring } from './spring.mjs';

const SCOPES = ['mcp:read', 'mcp:write', 'mcp:admin'];

/** Each starts one, and tells how long that took, or why it cannot be: `{ name, skipped }`. */
export const PROVIDERS = { oidc: startOidc, keycloak: startKeycloaks, spring: startSprings, hydra: startHydras };

/** The demo's authorization server: once with tokens that live for an hour, once for seconds. */
async function startOidc(world) {
  const since = Date.now();
  const start = (name, options) => oidcGate(world, name, options);
  await start('oidc');
  const toPages = (resource) => { resource.origins = [world.page]; };
  await start('oidc-offer', {
    configure({ resources: [resource] }) {
      toPages(resource);
      resource.policy.lists = 'offer';
    },
  });
  await start('oidc-public', { configure({ resources: [resource] }) { resource.policy.tools.echo = { public: true }; } });
  // Longer than the 10 s ahead of the end at which Go's oauth2 takes a token for expired. With the leeway a client whose
  // clock counts from the answer that brought the token finds it expired before toolgate does, as with the default of 30 s.
  await start('oidc-short', { seconds: 14, configure({ issuers: [issuer], resources: [resource] }) { issuer.leeway = '3s'; toPages(resource); } });
  return { name: 'oidc-provider', seconds: (Date.now() - since) / 1000 };
}

/** An authorization server, and a gate for its tokens, both of that name. */
export async function oidcGate(world, name, { seconds = 3600, configure, mcpServer = world.mcpServer, path = '/mcp' } = {}) {
  const { processes, folder, gates } = world;
  const [port, listener] = [await freePort(0), await freePort(0)];
  const issuer = loopback(port);
  const server = processes.start(name, [process.execPath, here('../../demo/auth-server.mjs')], {
    log: `${folder}/${name}-provider.log`,
    env: {
      ...BASE_ENV, ISSUER: issuer, RESOURCE: loopback(listener, path), SCOPES: 'mcp:admin mcp:read mcp:write research:run',
      CLIENT_SECRET: 'unused', TOKEN_SECONDS: String(seconds),
    },
  });
  await processes.ready(server, () => answers(`${issuer}/.well-known/oauth-authorization-server`), READY_SECONDS);
  const gate = await startGate(processes, { folder, name, mcpServer, issuer, port: listener, configure, path });
  gates[name] = Object.assign(gate, { issuer, provider: server });
  return gate;
}

async function startKeycloaks(world) {
  const { processes, folder, mcpServer, gates } = world;
  const keycloak = await startKeycloak(processes, { folder, features: ['cimd'], trusted: `${folder}/document.pem` });
  world.keycloak = keycloak;
  const start = async (name, audience, change) => {
    const configure = configured(keycloak, audience, change);
    gates[name] = await startGate(processes, { folder, name, mcpServer, issuer: keycloak.issuer, configure });
    gates[name].issuer = keycloak.issuer;
  };
  const toPages = (_issuer, resource) => { resource.origins = [world.page]; };
  await start('keycloak', undefined, toPages);
  await start('keycloak-narrow', gates.keycloak.resource, (_issuer, resource) => { delete resource.challenge_scopes; });
  const realm = await realmFor(processes, gates.keycloak.resource, '--cimd');
  await keycloak.replaceRealm(realm.replaceAll('http://127.0.0.1:6274', world.page));
  return { name: 'Keycloak', seconds: keycloak.seconds, megabytes: keycloak.megabytes };
}

async function startSprings(world) {
  const { processes, folder, mcpServer, gates } = world;
  const skipped = await installSpring(processes);
  if (skipped) return { name: 'Spring Authorization Server', skipped };
  const port = await freePort(0);
  const { issuer, seconds, megabytes } = await startSpring(processes, { folder, resource: loopback(port, '/mcp') });
  gates.spring = await startGate(processes, {
    folder, name: 'spring', mcpServer, issuer, port,
    configure({ issuers: [own], resources: [resource] }) {
      own.profile = 'generic';
      withoutResearch(resource);
    },
  });
  gates.spring.issuer = issuer;
  return { name: 'Spring Authorization Server', seconds, megabytes };
}

async function startHydras(world) {
  const { processes, folder, mcpServer, gates } = world;
  const skipped = await installHydra(processes);
  if (skipped) return { name: 'Ory Hydra', skipped };
  const port = await freePort(0);
  const hydra = await startHydra(processes, { folder, resource: loopback(port, '/mcp') });
  const start = async (name, change, options) => {
    gates[name] = await startGate(processes, {
      folder, name, mcpServer, issuer: hydra.issuer, ...options,
      configure({ issuers: [own], resources: [resource] }) {
        own.profile = 'hydra';
        resource.audiences = [loopback(port, '/mcp')];
        withoutResearch(resource);
        change?.(resource);
      },
    });
    gates[name].issuer = hydra.issuer;
  };
  await start('hydra', undefined, { port });
  await start('hydra-all', (resource) => { resource.challenge_scopes = SCOPES; });
  await makeClient(hydra, {
    client_id: 'mcp-cli', token_endpoint_auth_method: 'none', redirect_uris: [REDIRECT, REDIRECT.replace('127.0.0.1', 'localhost')],
    grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], scope: [...SCOPES, 'openid', 'offline_access'].join(' '),
  });
  return { name: 'Ory Hydra', seconds: hydra.seconds };
}

/** These providers know no other scopes than [SCOPES]. */
function withoutResearch({ policy }) {
  policy.tools['simulate-research-query'] = { scopes: ['mcp:write'] };
}

/** Ends all sessions of alice, offline ones too. */
export async function endSessions({ keycloak }) {
  const { id } = await keycloak.user('alice');
  await keycloak.admin('POST', `users/${id}/logout`);
  for (const client of await keycloak.admin('GET', 'clients?max=500')) {
    const offline = await keycloak.admin('GET', `users/${id}/offline-sessions/${client.id}`);
    for (const session of offline) await keycloak.admin('DELETE', `sessions/${session.id}?isOffline=true`, undefined, [204, 404]);
  }
}
