// Preloaded into the MCP server (`node --import`), which would listen on every interface of
// the machine: anyone on the network could then walk around the gate.
import { Server } from 'node:net';

const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
  const isPort = typeof port === 'number' || typeof port === 'string';
  return listen.call(this, ...(isPort ? [{ port: Number(port), host: '127.0.0.1' }] : [port]), ...rest);
};
