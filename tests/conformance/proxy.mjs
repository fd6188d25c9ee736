// Between the suite, which cannot send a token, and Envoy: adds one to each request.
//
// Everything else stays as it is: `Host` and `Origin` pass unchanged, bytes are passed on as they
// come, and whoever goes away on one side goes away on the other.
//
// Environment: PORT to listen on, UPSTREAM the port of Envoy, TOKEN.
import { createServer, request } from 'node:http';
import { pipeline } from 'node:stream';

const { PORT, UPSTREAM, TOKEN } = process.env;
const HOP_BY_HOP = new Set(['connection', 'keep-alive']);

createServer((incoming, answer) => {
  answer.on('error', () => {});
  const headers = endToEnd(incoming.rawHeaders);
  if (!incoming.headers.authorization) headers.push('Authorization', `Bearer ${TOKEN}`);

  const outgoing = request({
    host: '127.0.0.1', port: UPSTREAM, method: incoming.method, path: incoming.url, headers, setHost: false, agent: false,
  });
  outgoing.setNoDelay(true);
  outgoing.on('response', (upstream) => {
    answer.sendDate = false; // Envoy has sent one
    answer.writeHead(upstream.statusCode, upstream.statusMessage, endToEnd(upstream.rawHeaders));
    answer.flushHeaders();
    pipeline(upstream, answer, () => {});
  });
  outgoing.on('error', () => answer.destroy());
  answer.on('close', () => outgoing.destroy());
  pipeline(incoming, outgoing, () => {});
}).listen(Number(PORT), '127.0.0.1');

/** Names and values in turn, as they came, without those that are about one connection. */
function endToEnd(raw) {
  return raw.filter((_, index) => !HOP_BY_HOP.has(raw[index - (index % 2)].toLowerCase()));
}
