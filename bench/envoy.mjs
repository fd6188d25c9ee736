// The Envoys of the benchmark: one configuration but for the filters.
import { writeFileSync } from 'node:fs';
import { freePort } from '../demo/processes.mjs';
import { pinned, REST } from './machine.mjs';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';

/** A complete bootstrap with these filters before the router. `clusters`: names and ports. */
export function bootstrap(filters, { listener, admin, clusters, workers = 1 }) {
  return {
    admin: { address: loopback(admin) },
    static_resources: {
      listeners: [{
        name: 'mcp',
        address: loopback(listener),
        enable_reuse_port: false,
        // Each of several workers gets as many connections as the others.
        ...(workers > 1 && { connection_balance_config: { exact_balance: {} } }),
        per_connection_buffer_limit_bytes: 2_097_152,
        filter_chains: [{ filters: [{ name: 'http', typed_config: manager(filters) }] }],
      }],
      clusters: Object.entries(clusters).map(([name, port]) => ({
        name,
        type: 'STATIC',
        per_connection_buffer_limit_bytes: 2_097_152,
        load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(port) } }] }] },
      })),
    },
  };
}

function manager(filters) {
  return {
    '@type': `${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'mcp',
    use_remote_address: true,
    normalize_path: true,
    http_filters: [
      ...filters,
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${EXTENSIONS}.filters.http.router.v3.Router` } },
    ],
    route_config: {
      virtual_hosts: [{ name: 'mcp', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'upstream', timeout: '0s' } }] }],
    },
  };
}

const loopback = (port) => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** What all Envoys are started with, such as the log level at which audit lines are printed. */
const FLAGS = ['--disable-hot-restart', '--log-level', 'warning', '--component-log-level', 'wasm:info,dynamic_modules:info'];

/** Starts an Envoy, with one worker unless told otherwise, and waits until it serves. Gives its ports and its process group. */
export async function startEnvoy(processes, { envoy, folder, name, filters, clusters, workers = 1 }) {
  const [listener, admin] = [await freePort(0), await freePort(0)];
  const config = `${folder}/${name}.json`;
  writeFileSync(config, JSON.stringify(bootstrap(filters, { listener, admin, clusters, workers })));
  // With --log-path Envoy hands its lines to a thread that writes them together; on stderr each is a system call.
  const command = [envoy, '-c', config, '--concurrency', String(workers), ...FLAGS, '--log-path', `${folder}/${name}.lines`];
  const started = processes.start(`Envoy ${name}`, pinned('gate', command), { log: `${folder}/${name}.log`, env: REST });
  await processes.ready(started, async () => (await fetch(`http://127.0.0.1:${admin}/ready`)).ok);
  return { name, listener, admin, group: started.group, process: started };
}
