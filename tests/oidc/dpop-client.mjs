// A real MCP client that proves that its token is its own: the official SDK, which does so where the application has a
// key (SEP-1932, RFC 9449).
//
// `node dpop-client.mjs URL` connects, lists the tools, calls those that it knows, ends its session, and prints what
// they said and what went over the wire. With $CLIENT_ID and $CLIENT_SECRET, of $ISSUER, it has a token by client credentials; without, it
// registers itself and is sent to a user, who agrees to everything at once: so the conformance suite wants it
// (`tests/conformance/dpop.mjs`). $CLOCK is by how many seconds its clock is wrong.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The demo's packages serve here, too.
const packages = createRequire(new URL('../../demo/package.json', import.meta.url));
const sdk = await import(pathToFileURL(packages.resolve('@modelcontextprotocol/client').replace(/cjs$/, 'mjs')));
const { Client, ClientCredentialsProvider, DpopSession, StreamableHTTPClientTransport, UnauthorizedError } = sdk;

const { ISSUER, CLIENT_ID, CLIENT_SECRET, CLOCK = '0' } = process.env;
const url = new URL(process.argv.at(-1));
const rightNow = Date.now;
Date.now = () => rightNow() + Number(CLOCK) * 1000;

const key = await DpopSession.create();

/** The application's part of OAuth, with a user who agrees. */
class AgreeingUser {
  #kept = {};
  redirectUrl = 'http://localhost/callback';
  clientMetadata = { client_name: 'dpop-client', redirect_uris: [this.redirectUrl] };
  clientInformation = () => this.#kept.client;
  saveClientInformation = (client) => void (this.#kept.client = client);
  tokens = () => this.#kept.tokens;
  saveTokens = (tokens) => void (this.#kept.tokens = tokens);
  saveCodeVerifier = (verifier) => void (this.#kept.verifier = verifier);
  codeVerifier = () => this.#kept.verifier;
  dpop = () => key;
  async redirectToAuthorization(to) {
    const { headers } = await fetch(to, { redirect: 'manual' });
    this.answer = new URL(headers.get('location')).searchParams;
  }
}

class Machine extends ClientCredentialsProvider {
  dpop = () => key;
}

const wire = [];
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url'));

/** What is really sent: below everything that the SDK does. */
async function send(to, init = {}) {
  const headers = new Headers(init.headers);
  const response = await fetch(to, init);
  const proof = headers.get('dpop');
  wire.push({
    method: init.method ?? 'GET',
    url: new URL(to).href,
    message: typeof init.body === 'string' && init.body.startsWith('{') ? JSON.parse(init.body).method : undefined,
    scheme: headers.get('authorization')?.split(' ')[0],
    proof: proof ? decode(proof.split('.')[1]) : undefined,
    status: response.status,
    challenge: response.headers.get('www-authenticate') ?? undefined,
    nonce: response.headers.get('dpop-nonce') ?? undefined,
  });
  return response;
}

const authProvider = CLIENT_ID
  ? new Machine({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, expectedIssuer: ISSUER })
  : new AgreeingUser();

async function connect() {
  const transport = new StreamableHTTPClientTransport(url, { authProvider, fetch: send });
  const client = new Client({ name: 'dpop-client', version: '1.0.0' });
  try {
    await client.connect(transport);
  } catch (error) {
    if (!(error instanceof UnauthorizedError) || !authProvider.answer) throw error;
    await transport.finishAuth(authProvider.answer);
    return connect();
  }
  return { client, transport };
}

const uses = { echo: { message: 'with a proof' }, 'get-sum': { a: 19, b: 23 } };
const said = {};
try {
  const { client, transport } = await connect();
  const tools = (await client.listTools()).tools.map(({ name }) => name);
  for (const name of tools.filter((name) => name in uses)) {
    const { content } = await client.callTool({ name, arguments: uses[name] });
    said[name] = content[0].text;
  }
  await transport.terminateSession();
  await client.close();
} finally {
  console.log(JSON.stringify({ said, wire }));
}
process.exit(0);
