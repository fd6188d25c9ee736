// npm @modelcontextprotocol/sdk (1.x) and @modelcontextprotocol/client (2.x): `typescript.mjs` with PACKAGE, see steps.mjs.
import { randomUUID } from 'node:crypto';
import { REDIRECT, follow, signIn, tell, url } from './steps.mjs';

const isFirst = process.env.PACKAGE === '@modelcontextprotocol/sdk';
const { Client, SSEClientTransport, StreamableHTTPClientTransport, UnauthorizedError } = isFirst
  ? {
      ...(await import('@modelcontextprotocol/sdk/client/index.js')),
      ...(await import('@modelcontextprotocol/sdk/client/sse.js')),
      ...(await import('@modelcontextprotocol/sdk/client/streamableHttp.js')),
      ...(await import('@modelcontextprotocol/sdk/client/auth.js')),
    }
  : await import('@modelcontextprotocol/client');

const { CLIENT_ID, CLIENT_DOCUMENT, TRANSPORT } = process.env;
const Transport = TRANSPORT === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
const state = { client: CLIENT_ID && { client_id: CLIENT_ID } };

const provider = {
  redirectUrl: REDIRECT,
  clientMetadataUrl: CLIENT_DOCUMENT,
  clientMetadata: {
    client_name: 'toolgate interop', redirect_uris: [REDIRECT], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
  },
  // Some providers refuse a login without one.
  state: () => randomUUID(),
  clientInformation: () => state.client,
  saveClientInformation: (client) => void (state.client = client),
  tokens: () => state.tokens,
  saveTokens: (tokens) => void (state.tokens = tokens),
  codeVerifier: () => state.verifier,
  saveCodeVerifier: (verifier) => void (state.verifier = verifier),
  discoveryState: () => state.discovery,
  saveDiscoveryState: (discovery) => void (state.discovery = discovery),
  // Without this the SDKs never sign in again once a refresh token was refused.
  invalidateCredentials(what) {
    if (what === 'all' || what === 'tokens') state.tokens = undefined;
    if ((what === 'all' || what === 'client') && !CLIENT_ID) state.client = undefined;
  },
  async redirectToAuthorization(authorization) {
    state.callback = await signIn(authorization);
  },
};

let transport;
let client;
async function connect() {
  transport = new Transport(new URL(url), { authProvider: provider });
  client = new Client({ name: 'toolgate-interop', version: '1' });
  await client.connect(transport);
}

/** What an application does when the SDK says that the user has to sign in: it waits for the callback, and tries again. */
async function signedIn(act) {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || !state.callback) throw error;
      const { searchParams } = state.callback;
      state.callback = undefined;
      if (searchParams.has('error')) throw new Error(`${searchParams.get('error')}: ${searchParams.get('error_description')}`);
      if (isFirst) await transport.finishAuth(searchParams.get('code'), searchParams.get('iss') ?? undefined);
      else await transport.finishAuth(searchParams);
    }
  }
}

/** The names of all tools, page by page. */
async function list() {
  const names = [];
  let cursor;
  do {
    const { tools, nextCursor } = await client.listTools({ cursor });
    names.push(...tools.map(({ name }) => name));
    cursor = nextCursor;
  } while (cursor);
  return names;
}

if (await tell(0, () => signedIn(connect))) {
  await follow(async ([what, name, args]) => {
    if (what === 'list') return { tools: await signedIn(list) };
    const { isError, content } = await signedIn(() => client.callTool({ name, arguments: args ?? {} }));
    return { ok: !isError, text: content[0]?.text };
  });
}
process.exit(0);
