// Prints the call that a server makes if it reads messages with `JSON.parse`.
import { createInterface } from 'node:readline';

const target = ({ method, params }) => {
  const of = params?.ref ?? params;
  const value = method?.startsWith?.('resources/') ? of?.uri : (of?.name ?? of?.uri);
  return typeof value === 'string' ? value.toWellFormed() : null;
};

for await (const line of createInterface({ input: process.stdin })) {
  let uses = [];
  try {
    // The decoder drops a byte order mark, as `request.json()` does.
    const message = JSON.parse(new TextDecoder().decode(Buffer.from(line, 'base64')));
    const messages = (Array.isArray(message) ? message : [message]).filter((one) => typeof one?.method === 'string');
    uses = messages.map((one) => [one.method.toWellFormed(), target(one)]);
  } catch {
    // Refused.
  }
  console.log(JSON.stringify(uses));
}
