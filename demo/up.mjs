// `make up`: the stack of the demo, left running until Ctrl-C, with lines to try it.
import { run } from './processes.mjs';
import { startStack } from './stack.mjs';
import { paint } from './wire.mjs';

// Where the MCP Inspector's page comes from, if it connects from the browser.
const INSPECTOR = ['http://localhost:6274', 'http://127.0.0.1:6274'];

const heading = (text) => paint(['bold', 'blue'], text);

// Split so that it can be pasted line by line; each call is one line of its own.
const curlLines = ({ resource, issuer, clientSecret }) => `
${heading('No token: 401 and a challenge, then what it points to')}
curl -i -X POST ${resource}
curl ${resource.replace('/mcp', '/.well-known/oauth-protected-resource/mcp')}

${heading('A token with the read scope (for every listed tool: scope=mcp:admin)')}
TOKEN=$(curl -s -u curl:${clientSecret} ${issuer}/token -d grant_type=client_credentials -d scope=mcp:read -d resource=${resource} | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')

${heading('A session, the tools it may see, a call that is allowed, one that is not (403)')}
mcp() { curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' ${resource} "$@"; echo; }
SESSION=$(mcp -D - -o /dev/null -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}' | sed -n 's/^mcp-session-id: *\\([^[:space:]]*\\).*/\\1/p')
mcp -H "Mcp-Session-Id: $SESSION" -d '{"jsonrpc":"2.0","id":2,"method":"tools/list"}'
mcp -H "Mcp-Session-Id: $SESSION" -d '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"}}}'
mcp -i -H "Mcp-Session-Id: $SESSION" -d '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"get-env","arguments":{}}}'`;

const clientLines = ({ resource }) => `
${heading('The MCP Inspector (Node.js 22): it finds the rest itself, and opens a browser, where any name and password will do')}
npx @modelcontextprotocol/inspector --transport http --server-url ${resource}

${heading('Another MCP client: the URL is all it needs; in the configuration file of most of them')}
${JSON.stringify({ mcpServers: { everything: { type: 'http', url: resource } } })}`;

await run(
  async (processes) => {
    console.log('Starting the stack');
    const stack = await startStack(processes, 'up', { origins: INSPECTOR });
    console.log(`
${heading('Running')}
MCP endpoint, behind toolgate  ${stack.resource}
Authorization server           ${stack.issuer}
Envoy's admin page             ${stack.admin}
Logs and configuration         ${stack.folder}/
${curlLines(stack)}
${clientLines(stack)}

Ctrl-C ends it all.`);
    return new Promise(() => {}); // until a signal, or a process that dies
  },
  { onSignal: () => 0 },
);
