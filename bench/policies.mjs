// One policy, said in toolgate's words and in those of Envoy's own filters.
import { AUDIENCE, ISSUER } from './tokens.mjs';

/** The tool that the workload calls. */
export const TOOL = 'get_forecast';
/** A tool whose scope no token of the benchmark has. */
export const DENIED = 'set_alert';

const KIND = 'type.googleapis.com/envoy.extensions.filters.http';

/** Ten tools by exact name: nine that the token's scope opens, one that it does not. */
export const TEN = { [TOOL]: 'tools:call', [DENIED]: 'tools:admin', ...numbered(8) };

/** `count` more tools, by name. */
export function numbered(count, name = (n) => `tool_${String(n).padStart(5, '0')}`) {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [name(n), 'tools:call']));
}

/** toolgate's configuration; `change` may edit it. */
export function toolgateConfig(issuer, tools = TEN, change = () => {}) {
  const config = {
    issuers: [{ issuer: ISSUER, jwks: { keys: [issuer.jwk] } }],
    resources: [{
      resource: AUDIENCE,
      hosts: ['*'],
      policy: { tools: Object.fromEntries(Object.entries(tools).map(([name, scope]) => [name, { scopes: [scope] }])) },
    }],
    hold_request_headers: true,
  };
  change(config);
  return config;
}

/** toolgate as an HTTP filter. */
export function toolgate(module, configuration) {
  return {
    name: 'toolgate',
    typed_config: {
      '@type': `${KIND}.wasm.v3.Wasm`,
      config: {
        name: 'toolgate',
        failure_policy: 'FAIL_RELOAD',
        allow_on_headers_stop_iteration: configuration.hold_request_headers,
        vm_config: { vm_id: 'toolgate', runtime: 'envoy.wasm.runtime.v8', code: { local: { filename: module } } },
        configuration: { '@type': 'type.googleapis.com/google.protobuf.Struct', value: configuration },
      },
    },
  };
}

/** toolgate as an HTTP filter, natively. */
export function toolgateNative(module, configuration) {
  return {
    name: 'toolgate',
    typed_config: {
      '@type': `${KIND}.dynamic_modules.v3.DynamicModuleFilter`,
      dynamic_module_config: { module: { local: { filename: module } }, do_not_close: true },
      filter_name: 'toolgate',
      filter_config: { '@type': 'type.googleapis.com/google.protobuf.Struct', value: configuration },
    },
  };
}

/**
 * The same with Envoy's own filters: `jwt_authn` verifies, `mcp` reads the body, `rbac` compares scope and tool. They
 * write no audit line, trim no list and send no challenge; what `mcp` accepts is told in docs/native-mcp-filter.md.
 */
export function nativeChain(issuer, { cache }) {
  const jwt = {
    '@type': `${KIND}.jwt_authn.v3.JwtAuthentication`,
    providers: {
      main: {
        issuer: ISSUER,
        audiences: [AUDIENCE],
        local_jwks: { inline_string: JSON.stringify({ keys: [issuer.jwk] }) },
        payload_in_metadata: 'payload',
        normalize_payload_in_metadata: { space_delimited_claims: ['scope'] },
        ...(cache && { jwt_cache_config: { jwt_cache_size: 4096 } }),
      },
    },
    rules: [{ match: { prefix: '/' }, requires: { provider_name: 'main' } }],
  };
  // Its default reads 8 KB.
  const mcp = { '@type': `${KIND}.mcp.v3.Mcp`, traffic_mode: 'REJECT_NO_MCP', max_request_body_size: 1_000_000 };
  const said = (path, text) => ({ metadata: { filter: 'envoy.filters.http.mcp', path: keys(path), value: { string_match: { exact: text } } } });
  const granted = (scope) => ({
    metadata: {
      filter: 'envoy.filters.http.jwt_authn',
      path: keys(['payload', 'scope']),
      value: { list_match: { one_of: { string_match: { exact: scope } } } },
    },
  });
  const policies = Object.fromEntries(Object.entries(TEN).map(([name, scope]) => [name, {
    permissions: [{ and_rules: { rules: [said(['method'], 'tools/call'), said(['params', 'name'], name)] } }],
    principals: [granted(scope)],
  }]));
  return [
    { name: 'envoy.filters.http.jwt_authn', typed_config: jwt },
    { name: 'envoy.filters.http.mcp', typed_config: mcp },
    { name: 'envoy.filters.http.rbac', typed_config: { '@type': `${KIND}.rbac.v3.RBAC`, rules: { action: 'ALLOW', policies } } },
  ];
}

/** `ext_authz` over HTTP: headers and body go to a service that answers for each request. */
export function external(port) {
  return {
    name: 'envoy.filters.http.ext_authz',
    typed_config: {
      '@type': `${KIND}.ext_authz.v3.ExtAuthz`,
      with_request_body: { max_request_bytes: 1_000_000, pack_as_bytes: true },
      http_service: { server_uri: { uri: `http://127.0.0.1:${port}`, cluster: 'authorizer', timeout: '5s' } },
      allowed_headers: {
        patterns: ['content-type', 'accept', 'x-request-id', 'mcp-protocol-version', 'mcp-method', 'mcp-name'].map((exact) => ({ exact })),
      },
    },
  };
}

const keys = (path) => path.map((key) => ({ key }));
