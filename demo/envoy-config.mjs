// Fits `envoy/envoy.yaml`, the file that users copy, to the demo: addresses, identifiers and the
// path of the module change, and the authorization server on loopback needs no TLS. Policy,
// filters and limits are the ones in the file; only the walk makes one of its tools public.
import { parse, stringify } from 'yaml';

/**
 * The text of envoy.yaml in, an Envoy configuration for this machine out. `configure` may change what toolgate gets,
 * `change` the rest.
 */
export function fit(text, { listener, admin, mcpServer, issuer, resource, module, origins, publicTool, configure, change }) {
  const bootstrap = parse(text);
  bootstrap.admin.address = loopback(admin);

  const mcp = named(bootstrap.static_resources.listeners, 'mcp');
  mcp.address = loopback(listener);
  // Envoy would share a port with another Envoy on this machine; the demo rather fails.
  mcp.enable_reuse_port = false;

  const auth = named(bootstrap.static_resources.clusters, 'auth');
  // The demo's authorization server speaks plain HTTP, on loopback. Keep TLS everywhere else.
  delete auth.transport_socket;
  reach(auth, new URL(issuer).port);
  reach(named(bootstrap.static_resources.clusters, 'mcp_server'), mcpServer);

  const { http_filters: filters } = mcp.filter_chains[0].filters[0].typed_config;
  const plugin = named(filters, 'toolgate').typed_config.config;
  plugin.vm_config.code.local.filename = module;
  const [main] = plugin.configuration.value.issuers;
  main.issuer = issuer;
  // Found through the authorization server's metadata, as clients find it.
  delete main.jwks.uri;
  main.jwks.discover = true;
  const [protectedServer] = plugin.configuration.value.resources;
  protectedServer.resource = resource;
  if (origins) protectedServer.origins = origins;
  if (publicTool) protectedServer.policy.tools[publicTool] = { public: true };
  configure?.(plugin.configuration.value);
  change?.(bootstrap);

  return { yaml: stringify(bootstrap), scopes: scopesOf(protectedServer.policy) };
}

const loopback = (port) => ({ socket_address: { address: '127.0.0.1', port_value: Number(port) } });

function named(list, name) {
  const found = list.find((item) => item.name === name);
  if (!found) throw new Error(`envoy/envoy.yaml has no \`${name}\` any more`);
  return found;
}

function reach(cluster, port) {
  cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address = loopback(port);
}

/** Every scope that the policy names: what the authorization server has to be able to issue. */
function scopesOf({ base_scopes = [], hierarchy = {}, tools = {}, prompts = {}, resources = {}, methods = {} }) {
  const rules = [tools, prompts, resources, methods].flatMap((section) => Object.values(section));
  const inRules = rules.flatMap(({ scopes = [], any_of = [] }) => [...scopes, ...any_of.flat()]);
  return [...new Set([...base_scopes, ...Object.keys(hierarchy), ...Object.values(hierarchy).flat(), ...inRules])].sort();
}
