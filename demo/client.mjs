// A real MCP client that is given one URL and finds out the rest by itself.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { parseChallenge } from './wire.mjs';

/** What the SDK asks of an application: who it is, and where it keeps what it was given. */
class MachineClient {
  #scope;
  #state = {};

  // No URL to send a browser to: the SDK then asks for tokens itself, without a user.
  redirectUrl = undefined;

  get clientMetadata() {
    return {
      client_name: 'toolgate demo',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_basic',
      scope: this.#scope,
    };
  }

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

/** Connects to an MCP server, with OAuth when it asks for it. */
export async function connect(url, wire) {
  const authProvider = new MachineClient();
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
