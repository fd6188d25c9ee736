// Keycloak, started for real: in memory, on loopback, with a realm that `tools/keycloak/realm.mjs` makes.
import { freePort } from '../../../demo/processes.mjs';
import { BASE_ENV, answers, here, loopback } from '../gate.mjs';
import { memoryOf } from '../memory.mjs';
import { http } from '../oauth.mjs';

const PASSWORD = 'admin';
// The first start of a version, or with other features, builds it: in 15 s, or in minutes where many others share the machine.
const READY_SECONDS = 900;

/** The realm's file for a resource, as text. */
export const realmFor = (processes, resource, ...options) =>
  processes.complete([process.execPath, here('../../tools/keycloak/realm.mjs'), resource, '--users', '--secret', SECRET, ...options]);

export const SECRET = 'of this test only';

export async function startKeycloak(processes, { folder, features = [], trusted }) {
  const home = (await processes.complete([here('../../tools/keycloak/get.sh')])).trim();
  const [port, management] = [await freePort(0), await freePort(0)];
  const url = loopback(port);
  const since = Date.now();
  const started = processes.start('Keycloak', [
    `${home}/bin/kc.sh`, 'start-dev', '--db=dev-mem', '--http-host=127.0.0.1', `--http-port=${port}`,
    `--http-management-port=${management}`, `--hostname=${url}`, ...features.map((name) => `--features=${name}`),
    // A certificate of those from whom it fetches documents.
    ...(trusted ? [`--truststore-paths=${trusted}`] : []),
  ], {
    // Not keycloak.log: that is of the Envoy before it.
    log: `${folder}/keycloak-server.log`,
    env: { ...BASE_ENV, KC_BOOTSTRAP_ADMIN_USERNAME: PASSWORD, KC_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD, JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx384m' },
  });
  await processes.ready(started, () => answers(`${url}/realms/master/.well-known/openid-configuration`), READY_SECONDS);
  return new Keycloak({ processes, started, url, port, seconds: (Date.now() - since) / 1000, megabytes: memoryOf(started.group) });
}

export class Keycloak {
  #token;
  #until = 0;

  constructor(parts) {
    Object.assign(this, parts);
    this.issuer = `${this.url}/realms/mcp`;
  }

  stop = () => this.processes.end(this.started);

  /** Puts a realm in the place of the one that is there. */
  async replaceRealm(text) {
    await this.admin('DELETE', '/admin/realms/mcp', undefined, [204, 404]);
    await this.admin('POST', '/admin/realms', JSON.parse(text));
  }

  /** A request to the admin API: the body of its answer. A path without a slash is below the realm's. */
  async admin(method, path, json, expected = [200, 201, 204]) {
    const url = path.startsWith('/') ? `${this.url}${path}` : `${this.url}/admin/realms/mcp/${path}`;
    const answer = await http(method, url, { headers: { authorization: `Bearer ${await this.#adminToken()}` }, json });
    if (!expected.includes(answer.status)) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async #adminToken() {
    if (Date.now() > this.#until) {
      const { body } = await http('POST', `${this.url}/realms/master/protocol/openid-connect/token`, {
        form: { grant_type: 'password', client_id: 'admin-cli', username: PASSWORD, password: PASSWORD },
      });
      this.#token = body.access_token;
      this.#until = Date.now() + 30_000; // it lives for a minute
    }
    return this.#token;
  }

  async user(name) {
    const [found] = await this.admin('GET', `users?exact=true&username=${name}`);
    return found;
  }

  async client(clientId) {
    const [found] = await this.admin('GET', `clients?clientId=${encodeURIComponent(clientId)}`);
    return found;
  }

  /** Changes a client while `during` runs. */
  async changed(clientId, change, during) {
    const before = await this.client(clientId);
    const after = structuredClone(before);
    change(after);
    await this.admin('PUT', `clients/${before.id}`, after);
    try {
      return await during();
    } finally {
      // A missing attribute would stay as it is: an empty one is none.
      const none = Object.fromEntries(Object.keys(after.attributes).map((name) => [name, '']));
      await this.admin('PUT', `clients/${before.id}`, { ...before, attributes: { ...none, ...before.attributes } });
    }
  }
}
