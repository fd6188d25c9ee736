// A real MCP client that is given one URL and finds out the rest by itself.
import { generateKeyPairSync } from 'node:crypto';
import { createPrivateKeyJwtAuth } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { parseChallenge } from './wire.mjs';

const ALGORITHM = 'ES256';
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Who the client is: its document says this, and so does its registration. No secret is shared with anyone. */
export const identity = {
  client_name: 'toolgate demo',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: ALGORITHM,
  jwks: { keys: [publicKey.export({ format: 'jwk' })] },
};

/** What the SDK asks of an application: who it is, and where it keeps what it was given. */
class MachineClient {
  #scope;
  #state = {};

  /** With the URL of its document, which the SDK uses where the authorization server reads such. Elsewhere it registers. */
  constructor(document) {
    this.clientMetadataUrl = document;
  }

  // No URL to send a browser to: the SDK then asks for tokens itself, without a user.
  redirectUrl = undefined;

  get clientMetadata() {
    return { ...identity, scope: this.#scope };
  }

  // It signs its requests for tokens with its key (RFC 7523).
  addClientAuthentication = (...request) => {
    const id = this.#state.client.client_id;
    return createPrivateKeyJwtAuth({ issuer: id, subject: id, privateKey: privateKey.export({ format: 'jwk' }), alg: ALGORITHM })(...request);
  };

  // The SDK puts the scope of a challenge into the URL for the browser, but not into the token
  // request of a client without one: so this reads each challenge, and asks for what it says.
  heed(response) {
    const challenge = parseChallenge(response.headers.get('www-authenticate'));
    if (challenge?.scope) this.#scope = challenge.scope;
  }
  prepareTokenRequest = (scope) => new URLSearchParams({ grant_type: 'client_credentials', ...(scope && { scope }) });

  clientInformation = () => this.#state.client;
  saveClientInformation = (client) => void (this.#state.client = client);
  tokens = () => this.#state.tokens;
  saveTokens = (tokens) => void (this.#state.tokens = tokens);
  discoveryState = () => this.#state.discovery;
  saveDiscoveryState = (discovery) => void (this.#state.discovery = discovery);

  // For grants that this client does not use.
  redirectToAuthorization() {}
  saveCodeVerifier() {}
  codeVerifier = () => '';
}

/** Connects to an MCP server, with OAuth when it asks for it. `document` is the URL of the client's document. */
export async function connect(url, wire, document) {
  const authProvider = new MachineClient(document);
  const recorded = async (...request) => {
    const response = await wire.fetch(...request);
    authProvider.heed(response);
    return response;
  };
  const transport = new StreamableHTTPClientTransport(new URL(url), wire && { authProvider, fetch: recorded });
  const client = new Client({ name: 'toolgate-demo', version: '1.0.0' });
  await client.connect(transport);
  return client;
}
