// The examples of the playground: one case per classic mistake. Their tokens are signed with a test key, whose signatures
// are the same each time (Ed25519, RFC 8032), so that a build is reproducible.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const key = createPrivateKey(readFileSync(new URL('../../tests/keys/ed25519.pem', import.meta.url)));
const KID = '2026-11';
const NOW = '2026-11-25T15:00:00Z';
const SECONDS = Date.parse(NOW) / 1000;
const ISSUER = 'https://auth.example.com';
const RESOURCE = 'https://mcp.example.com/mcp';

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token with other claims or header members than the good one. `undefined` leaves a member out. */
function token(claims = {}, header = {}) {
  const parts = [
    { alg: 'EdDSA', kid: KID, typ: 'at+jwt', ...header },
    {
      iss: ISSUER, sub: 'alice', client_id: 'desktop', aud: RESOURCE, scope: 'weather:read',
      iat: SECONDS - 600, exp: SECONDS + 3000, ...claims,
    },
  ].map(encoded).join('.');
  return `${parts}.${sign(null, Buffer.from(parts), key).toString('base64url')}`;
}

const keys = JSON.stringify({ keys: [{ ...createPublicKey(key).export({ format: 'jwk' }), kid: KID, alg: 'EdDSA', use: 'sig' }] }, null, 2);

const config = ({ mode = '', more = '' } = {}) => `issuers:
  - issuer: https://auth.example.com
    name: main
    jwks: {uri: https://auth.example.com/jwks, cluster: auth}
resources:
  - resource: https://mcp.example.com/mcp
    policy:${mode}
      hierarchy: {"weather:write": [weather:read]}
      tools:
        get_forecast: {scopes: [weather:read]}
        list_alerts: {scopes: [weather:read]}
        set_alert: {scopes: [weather:write]}
        delete_alert: {any_of: [[weather:admin], [weather:write, "alerts:delete"]]}${more}
      matrix:
        - name: phones only read
          clients: ["phone-*"]
          scopes: [weather:read]
`;

const tools = (...more) => JSON.stringify({
  tools: [
    ...more,
    { name: 'get_forecast', description: 'The forecast for a place.' },
    { name: 'list_alerts', description: 'The alerts that are set.' },
    { name: 'set_alert', description: 'Warns of a kind of weather at a place.' },
    { name: 'delete_alert', description: 'Ends an alert.' },
    { name: 'run_script', description: 'Runs a script on the server.' },
  ],
}, null, 2);

const message = (name, args = {}) => ({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name, arguments: args } });
const call = (name, args) => JSON.stringify(message(name, args), null, 2);
const forecast = call('get_forecast', { place: 'Bergen' });
const alert = call('set_alert', { place: 'Bergen', kind: 'storm' });
const http = (line, headers, body = '') => `${[line, 'Host: mcp.example.com', ...headers].join('\n')}\n\n${body}`;
const post = ['Content-Type: application/json', 'Accept: application/json, text/event-stream'];

// The last character of a signature holds two bits only: change one in the middle.
const forged = (good) => good.slice(0, -20) + (good.at(-20) === 'A' ? 'B' : 'A') + good.slice(-19);

/** Each with the reason that it shows; without one, it shows faults of the configuration. */
const cases = [
  ['allowed', 'An allowed call', 'Everything is as it should be.', 'allowed', {}],
  ['missing-scope', 'Missing scope', 'The token may read, the tool needs weather:write. The challenge names the scope to ask for.', 'insufficient_scope', { request: alert }],
  ['wrong-audience', 'Wrong audience', 'The token was issued for another server.', 'audience_mismatch', { token: token({ aud: 'https://files.example.com/mcp' }) }],
  ['expired', 'Expired token', 'The token expired ten minutes ago.', 'token_expired', { token: token({ iat: SECONDS - 4200, exp: SECONDS - 600 }) }],
  ['issuer-slash', 'Issuer with a slash', 'iss ends with a slash, the configured issuer does not. They are compared byte for byte.', 'issuer_mismatch', { token: token({ iss: `${ISSUER}/` }) }],
  ['unknown-kid', 'Unknown key', 'The key was rotated away, or the key set is stale.', 'key_unknown', { token: token({}, { kid: '2025-01' }) }],
  ['forged', 'Forged signature', 'One character of the signature was changed.', 'bad_signature', { token: forged(token()) }],
  ['id-token', 'ID token', 'A client sends the ID token, which is meant for the client itself.', '', { token: token({ aud: 'desktop', nonce: 'n-0S6', at_hash: 'MTIzNDU2' }, { typ: 'JWT' }) }],
  ['no-token', 'No token', 'The first request of every client: the answer tells it where to sign in.', 'no_token', { token: '' }],
  ['token-in-query', 'Token in the query', 'Queries end up in logs, so that a token there is refused.', 'token_in_query', { token: '', request: http(`GET /mcp?access_token=${token()} HTTP/1.1`, ['Accept: text/event-stream']) }],
  ['wrong-path', 'Path with a slash', '/mcp/ resembles the path of the resource, but is another one.', 'not_found', { request: http('POST /mcp/ HTTP/1.1', post, forecast) }],
  ['unlisted', 'Unlisted tool', 'No rule names the tool, so that no scope opens it.', 'unlisted', { request: call('run_script') }],
  ['scenario', 'Narrowed by a scenario', 'The same scope, but from a phone, which only reads.', 'matrix_narrows_scopes', { token: token({ client_id: 'phone-7', scope: 'weather:write' }), request: alert }],
  ['doubled', 'Doubled member', 'Two names in one call: one reader would take the first, another one the last.', '', { request: '{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "get_forecast", "name": "run_script"}}' }],
  ['shadow', 'Shadow mode', 'The policy records the denial, and the call goes on.', 'insufficient_scope', { config: config({ mode: '\n      mode: shadow' }), request: alert }],
  ['public', 'Public tool', 'A caller without a token uses what is public, and is told where to sign in for the rest.', 'public', { config: config({ more: '\n        about: {public: true}' }), token: '', request: call('about'), tools: tools({ name: 'about', description: 'What this server is.' }) }],
  ['faults', 'Faulty configuration', 'A misspelled field, a duration without its unit, a circle: every fault at once, each with its line.', '', {
    config: config({ more: '\n        about: {scope: [weather:read]}' })
      .replace('"weather:write": [weather:read]', '"weather:write": [weather:read], "weather:read": [weather:write]')
      .replace('cluster: auth}', 'cluster: auth, max_age: 10}'),
  }],
];

export const good = { config: config(), plugin: 0, token: token(), request: forecast, resource: '', keys, issuer: '', introspection: '', tools: tools(), now: NOW };

export const examples = cases.map(([id, title, why, reason, changes]) => ({ id, title, why, reason, case: { ...good, ...changes } }));
