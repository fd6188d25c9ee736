// The client's document on the web (draft-ietf-oauth-client-id-metadata-document): its URL is the client's id.
// It needs https, so this is a server with a certificate of its own, on loopback, for as long as the demo runs.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer } from 'node:https';

/** Serves `metadata`, with the URL as its `client_id`. Tells the URL, the certificate, and how often it was read. */
export async function publish(metadata) {
  const { key, certificate } = selfSigned();
  const published = { certificate, reads: 0 };
  const server = createServer({ key, cert: certificate }, (request, response) => {
    const found = request.method === 'GET' && request.url === new URL(published.url).pathname;
    if (found) published.reads += 1;
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    response.end(found ? JSON.stringify(published.document) : undefined);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  published.url = `https://127.0.0.1:${server.address().port}/client.json`;
  published.document = { client_id: published.url, ...metadata };
  return published;
}

/** A key, and a certificate for 127.0.0.1 that it signs itself (RFC 5280), good for a day. Node.js makes none. */
function selfSigned() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
  const name = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from('toolgate demo')))));
  const time = (ms) => der(0x17, Buffer.from(new Date(ms).toISOString().replace(/^\d\d|[-:T]|\.\d+/g, '')));
  const extension = (id, value) => sequence(oid(id), der(0x04, sequence(value)));
  const now = Date.now();
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1]), randomBytes(8)),
    ecdsaWithSha256,
    name,
    sequence(time(now - 3_600_000), time(now + 86_400_000)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    // Basic constraints: an authority, as whoever trusts it needs. Subject alternative name: the address.
    der(0xa3, sequence(extension('551d13', der(0x01, Buffer.from([255]))), extension('551d11', der(0x87, Buffer.from([127, 0, 0, 1]))))),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey));
  const base64 = sequence(body, ecdsaWithSha256, signature).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    certificate: `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`,
  };
}

/** A value in DER (X.690): its tag, its length, its content. */
function der(tag, ...parts) {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts) => der(0x30, ...parts);
const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'));
