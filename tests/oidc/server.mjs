// A real authorization server for tests: npm `oidc-provider`, in memory, on loopback: on $PORT, or a free port.
//
// Its tokens are opaque for the resource $OPAQUE and JWTs (RFC 9068) for $JWT. The client `caller` gets tokens and
// revokes them, bound to a key if it sends a proof; the client `gate` asks about them. The issuer's identifier is
// $ISSUER wherever it listens, as it would be behind a proxy. It prints its port once it listens.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { ISSUER, OPAQUE, JWT, SCOPES, PORT = '0' } = process.env;
// The demo's packages serve here, too.
const packages = createRequire(new URL('../../demo/package.json', import.meta.url));
const { errors, Provider } = await import(pathToFileURL(packages.resolve('oidc-provider')));

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const client = (client_id, grant_types) => ({
  client_id,
  client_secret: `${client_id}-s3cret`,
  grant_types,
  redirect_uris: [],
  response_types: [],
});

const provider = new Provider(ISSUER, {
  jwks: { keys: [{ ...rsa, alg: 'RS256', use: 'sig', kid: 'real' }] },
  clients: [client('caller', ['client_credentials']), client('gate', ['client_credentials'])],
  scopes: SCOPES.split(' '),
  features: {
    clientCredentials: { enabled: true },
    // With a nonce for those whose clock is wrong.
    dPoP: { enabled: true, nonceSecret: randomBytes(32) },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: (_context, asks) => asks.clientId === 'gate' },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(_context, resource) {
        if (resource !== OPAQUE && resource !== JWT) throw new errors.InvalidTarget();
        const jwt = { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
        const form = resource === JWT ? jwt : { accessTokenFormat: 'opaque' };
        return { audience: resource, scope: SCOPES, accessTokenTTL: 600, ...form };
      },
    },
  },
});

provider.on('server_error', (_context, error) => console.error(error));
const server = provider.listen(Number(PORT), '127.0.0.1', () => console.log(server.address().port));
