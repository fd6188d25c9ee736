// The processes beside Envoy: the MCP server, the external authorizer, FastMCP.
import { createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort } from '../demo/processes.mjs';
import { pinned, REST } from './machine.mjs';
import { toolgateConfig } from './policies.mjs';
import { pythonWithFastmcp } from './setup.mjs';
import { AUDIENCE, ISSUER } from './tokens.mjs';

const SERVER = fileURLToPath(new URL('server.py', import.meta.url));

/** The MCP server behind every gate. */
export function startUpstream(processes, { folder, upstream }) {
  return start(processes, { name: 'upstream', folder, role: 'load', command: (port) => [upstream, String(port)] });
}

/** The service that `ext_authz` asks. */
export function startAuthorizer(processes, { folder, authorizer }, issuer) {
  const config = `${folder}/authorizer.json`;
  // It writes no audit lines; what is measured is the way to it and back.
  writeFileSync(config, JSON.stringify(toolgateConfig(issuer)));
  return start(processes, { name: 'authorizer', folder, role: 'load', command: (port) => [authorizer, String(port), config] });
}

/** FastMCP on the core that a gate would have. */
export async function startFastmcp(processes, { folder }, issuer) {
  const python = await pythonWithFastmcp(processes);
  const key = `${folder}/issuer.pem`;
  writeFileSync(key, createPublicKey({ key: issuer.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }));
  const env = (port) => ({ PORT: String(port), PUBLIC_KEY: key, ISSUER, AUDIENCE });
  return start(processes, { name: 'fastmcp', folder, role: 'gate', command: () => [python, SERVER], env });
}

async function start(processes, { name, folder, role, command, env = () => ({}) }) {
  const port = await freePort(0);
  const started = processes.start(name, pinned(role, command(port)), { log: `${folder}/${name}.log`, env: { ...REST, ...env(port) } });
  await processes.ready(started, async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) });
    await answer.body?.cancel();
    return true;
  });
  return { port, group: started.group };
}
