// An MCP client to try a server with: it is given a URL, finds out the rest, and calls tools.
//
//   node demo/try.mjs URL [--client ID] [TOOL]...
//
// It registers itself, or is the client ID. The user signs in in a browser: BROWSER is the command that opens one, and
// without it the address is printed.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';

function usage(fault) {
  console.error(`${fault ? `${fault}\n` : ''}usage: try.mjs URL [--client ID] [TOOL]...`);
  process.exit(2);
}

function args() {
  try {
    return parseArgs({ allowPositionals: true, options: { client: { type: 'string' } } });
  } catch ({ message }) {
    return usage(message);
  }
}

const { values: options, positionals } = args();
const [url, ...tools] = positionals;
if (!url) usage();

// Where the provider sends the browser back to.
let arrived = () => {};
const listener = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, redirectUrl);
  response.end('You can close this page.');
  if (pathname === '/callback') arrived(searchParams);
});
await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
const redirectUrl = `http://127.0.0.1:${listener.address().port}/callback`;

const state = { client: options.client && { client_id: options.client } };
const authProvider = {
  redirectUrl,
  clientMetadata: {
    client_name: 'toolgate try', redirect_uris: [redirectUrl], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
  },
  // A client that was registered in advance is one of whichever authorization server is found.
  clientInformation: () => state.client && { issuer: state.discovery?.authorizationServerUrl, ...state.client },
  saveClientInformation: (client) => void (state.client = client),
  tokens: () => state.tokens,
  saveTokens(tokens) {
    state.tokens = tokens;
    console.log(`  a token with the scope: ${tokens.scope?.split(' ').sort().join(' ')}`);
  },
  discoveryState: () => state.discovery,
  saveDiscoveryState: (discovery) => void (state.discovery = discovery),
  codeVerifier: () => state.verifier,
  saveCodeVerifier: (verifier) => void (state.verifier = verifier),
  redirectToAuthorization(authorization) {
    const asked = authorization.searchParams.get('scope')?.split(' ').sort().join(' ');
    // A second login for the same scope brings no more than the first.
    if (state.tokens && asked === state.asked) throw new Error(`the login did not bring ${missing(asked, state.tokens.scope)}`);
    state.asked = asked;
    state.callback = new Promise((resolve) => (arrived = resolve));
    console.log(`  a login, for the scope: ${asked}`);
    const { BROWSER } = process.env;
    if (BROWSER) spawn('/bin/sh', ['-c', `${BROWSER} "$0"`, authorization.href], { stdio: ['ignore', 'ignore', 'inherit'] });
    else console.log(`  open ${authorization.href}`);
  },
};

const missing = (asked, got = '') => asked?.split(' ').filter((scope) => !got.split(' ').includes(scope)).join(' ') || 'what is needed';

let transport;
/** Does what `act` does, with as many logins as the server and the provider ask for. */
async function signedIn(act) {
  for (let logins = 0; ; logins += 1) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || logins === 3) throw error;
      const callback = await state.callback;
      if (callback.has('error')) throw new Error(`${callback.get('error')}: ${callback.get('error_description')}`);
      await transport.finishAuth(callback);
    }
  }
}

try {
  const client = await signedIn(async () => {
    transport = new StreamableHTTPClientTransport(new URL(url), { authProvider });
    const connected = new Client({ name: 'toolgate-try', version: '1' });
    await connected.connect(transport);
    return connected;
  });
  const { tools: listed } = await signedIn(() => client.listTools());
  console.log(`${listed.length} tools: ${listed.map(({ name }) => name).join(' ')}`);
  for (const name of tools) {
    console.log(name);
    await signedIn(() => client.callTool({ name, arguments: {} })).then(
      ({ isError }) => console.log(isError ? '  the tool failed' : '  done'),
      (error) => console.log(`  refused: ${error.message}`),
    );
  }
  process.exit(0);
} catch (error) {
  console.error(`${error.message}`);
  process.exit(1);
}
