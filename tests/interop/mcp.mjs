// An MCP client that shows everything: one request, one answer.
import { parseChallenge } from '../../demo/wire.mjs';
import { http } from './oauth.mjs';

const VERSION = '2025-06-18';

export class Session {
  #id;
  #next = 1;

  /** `credentials(method, url)` gives the headers of each request: a token, with a proof if it is bound. */
  constructor(url, credentials) {
    this.url = url;
    this.use(credentials);
  }

  /** The same session with other credentials. */
  use(credentials) {
    this.credentials = typeof credentials === 'string' ? () => ({ authorization: `Bearer ${credentials}` }) : credentials;
    return this;
  }

  /** `{ status, challenge, result, error }` */
  async ask(method, params = {}, { isNotification } = {}) {
    const answer = await http('POST', this.url, {
      headers: {
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': VERSION,
        ...(this.#id && { 'mcp-session-id': this.#id }),
        ...(await this.credentials('POST', this.url)),
      },
      json: { jsonrpc: '2.0', method, params, ...(isNotification ? {} : { id: this.#next++ }) },
    });
    this.#id ??= answer.headers.get('mcp-session-id');
    const { result, error } = typeof answer.body === 'string' ? lastEvent(answer.body) : answer.body;
    return { status: answer.status, challenge: parseChallenge(answer.headers.get('www-authenticate')), headers: answer.headers, result, error };
  }

  async start() {
    const clientInfo = { name: 'walk', version: '1' };
    const answer = await this.ask('initialize', { protocolVersion: VERSION, capabilities: {}, clientInfo });
    if (answer.status === 200) await this.ask('notifications/initialized', {}, { isNotification: true });
    return answer;
  }

  call = (name, args = {}) => this.ask('tools/call', { name, arguments: args });

  async tools() {
    const { result } = await this.ask('tools/list');
    return result?.tools.map(({ name }) => name);
  }
}

function lastEvent(text) {
  const data = text.split(/\r?\n/).filter((line) => /^data: *\S/.test(line)).at(-1);
  return data ? JSON.parse(data.slice('data:'.length)) : {};
}
