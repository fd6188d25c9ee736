// The authorization server of the demo: npm `oidc-provider`, in memory, on loopback.
//
// It issues JWT access tokens (RFC 9068) for one resource, the MCP server behind toolgate,
// knows a client by its document or registers it dynamically, and gives tokens for client
// credentials as well as after a login in a browser, where any name and password will do.
// Not for production.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { errors, Provider } from 'oidc-provider';

const { ISSUER, RESOURCE, SCOPES, CLIENT_SECRET, CLIENT_DOCUMENT } = process.env;
const TOKEN_SECONDS = Number(process.env.TOKEN_SECONDS ?? 3600);

// New keys at each start: toolgate fetches them, nobody else needs to know them.
const key = (type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
  alg,
  use: 'sig',
  kid: `demo-${alg.toLowerCase()}`,
});

const provider = new Provider(ISSUER, {
  jwks: { keys: [key('rsa', { modulusLength: 2048 }, 'RS256'), key('ec', { namedCurve: 'P-256' }, 'ES256')] },
  cookies: { keys: [randomUUID()] },

  // For `curl`: a client that is there from the start. Others register themselves.
  clients: [
    {
      client_id: 'curl',
      client_secret: CLIENT_SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    },
  ],

  scopes: ['openid', 'offline_access', ...SCOPES.split(' ')],
  // MCP clients register with the scope of the first challenge. oidc-provider would take it as
  // the most the client may ever have, and no step-up could succeed: it is not kept (RFC 7591
  // section 2 leaves that to the server).
  extraClientMetadata: {
    properties: ['scope'],
    validator: (_context, _name, _value, metadata) => delete metadata.scope,
  },
  // Pages on any origin, such as the MCP Inspector, may talk to it.
  clientBasedCORS: () => true,
  ttl: { ClientCredentials: TOKEN_SECONDS, Grant: 86400, IdToken: TOKEN_SECONDS, Interaction: 600, Session: 86400 },

  // Whoever asks for a token makes a server fetch a URL, which must not lead into its own network.
  // oidc-provider sees to that; only for the demo's document, which is on loopback, it must not.
  fetch: (url, { dispatcher, ...options }) => fetch(url, url === CLIENT_DOCUMENT ? options : { dispatcher, ...options }),

  features: {
    clientIdMetadataDocument: {
      ack: 'draft-02',
      enabled: Boolean(CLIENT_DOCUMENT),
      allowFetch: (_context, url) => url === CLIENT_DOCUMENT,
    },
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    // The demo's client has no key that a token could be bound to.
    dPoP: { enabled: false },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      // A token without a `resource` in its request is for the MCP server, too.
      useGrantedResource: () => true,
      getResourceServerInfo(_context, resource) {
        if (resource !== RESOURCE) throw new errors.InvalidTarget();
        return {
          audience: RESOURCE,
          scope: SCOPES,
          accessTokenFormat: 'jwt',
          accessTokenTTL: TOKEN_SECONDS,
          jwt: { sign: { alg: 'RS256' } },
        };
      },
    },
  },
});

// Pages on any origin may register, too, which oidc-provider leaves to others.
provider.use(async (context, next) => {
  if (context.path !== '/reg' || !context.get('origin')) return next();
  context.set({ 'access-control-allow-origin': context.get('origin'), vary: 'Origin' });
  if (context.method !== 'OPTIONS') return next();
  context.set({ 'access-control-allow-methods': 'POST', 'access-control-allow-headers': 'content-type', 'access-control-max-age': '3600' });
  context.status = 204;
});

provider.on('server_error', (_context, error) => console.error(error));
provider.listen(Number(new URL(ISSUER).port), '127.0.0.1', () => console.log(`${ISSUER} for ${RESOURCE}`));
