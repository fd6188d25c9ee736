// The resources that a server of the TypeScript SDK serves for a URI: a line of JSON for each.
import { posix } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const sdk = (path) => import(new URL(`../../demo/node_modules/@modelcontextprotocol/sdk/dist/esm/${path}.js`, import.meta.url));
const { McpServer, ResourceTemplate } = await sdk('server/mcp');
const { Client } = await sdk('client/index');
const { InMemoryTransport } = await sdk('inMemory');

const server = new McpServer({ name: 'resources', version: '1' });
const served = (uri, ...found) => ({ contents: [{ uri: uri.href, text: JSON.stringify(found) }] });
for (const uri of ['docs://public/key', 'https://admin.example/keys']) {
  server.registerResource(uri, uri, {}, (asked) => served(asked, uri));
}
const template = (text, found) => {
  const all = new ResourceTemplate(text, { list: undefined });
  server.registerResource(text, all, {}, (uri, variables) => served(uri, ...found(uri, variables)));
};
template('docs://{area}/{name}', (uri, { area, name }) => [
  `docs://${decodeURIComponent(area)}/${decodeURIComponent(name)}`,
  `docs://${posix.join(decodeURIComponent(area), decodeURIComponent(name))}`,
]);
template('docs://{+path}', (uri, { path }) => [
  `docs://${decodeURIComponent(path)}`,
  `docs://${posix.normalize(decodeURIComponent(path))}`,
  `docs://${uri.host}${uri.pathname}`,
]);
template('docs:/{+path}', (uri, { path }) => [`docs:/${posix.normalize(decodeURIComponent(`/${path}`))}`]);
template('file:///{+path}', (uri) => [`file://${fileURLToPath(uri)}`, `file://${posix.normalize(fileURLToPath(uri))}`]);
template('https://{+rest}', (uri) => [uri.href, `https://${uri.host}${uri.pathname}`]);
template('http://{+rest}', (uri) => [uri.href]);

const client = new Client({ name: 'oracle', version: '1' });
const [here, there] = InMemoryTransport.createLinkedPair();
await Promise.all([server.connect(here), client.connect(there)]);

for await (const line of createInterface({ input: process.stdin })) {
  let found = [];
  try {
    const { contents } = await client.readResource({ uri: Buffer.from(line, 'base64').toString() });
    found = JSON.parse(contents[0].text);
  } catch {
    // Refused, or no such resource.
  }
  console.log(JSON.stringify(found.map((uri) => uri.toWellFormed())));
}
await client.close();
