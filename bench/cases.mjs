// The compared cases, A to N, each with its filters before the router and its meaning.
import { external, nativeChain, toolgate, toolgateConfig, toolgateNative } from './policies.mjs';
import { MODULE, NATIVE } from './setup.mjs';

/** The cases that are an Envoy. `external`: beside Envoy, the authorizer's CPU counts. */
export function envoyCases(issuer, authorizerPort) {
  const gate = (change) => [toolgate(MODULE, toolgateConfig(issuer, undefined, change))];
  const native = (change) => [toolgateNative(NATIVE, toolgateConfig(issuer, undefined, change))];
  const quiet = (config) => (config.audit = { decisions: 'none' });
  const uncached = (config) => (config.token_cache = { entries: 0 });
  return [
    { name: 'A', what: 'Envoy alone', filters: [] },
    { name: 'B', what: 'jwt_authn with its cache, mcp, rbac', filters: nativeChain(issuer, { cache: true }) },
    { name: 'C', what: 'the same without the cache', filters: nativeChain(issuer, { cache: false }) },
    { name: 'D', what: 'toolgate, audit on', filters: gate() },
    { name: 'D0', what: 'toolgate, audit off', filters: gate(quiet) },
    { name: 'E', what: 'toolgate without token cache, audit on', filters: gate(uncached) },
    { name: 'E0', what: 'toolgate without token cache, audit off', filters: gate((config) => {
      uncached(config);
      quiet(config);
    }) },
    { name: 'F', what: 'ext_authz with toolgate\'s core in a service', filters: [external(authorizerPort)], external: true },
    { name: 'N', what: 'toolgate as a native module, audit on', filters: native() },
    { name: 'N0', what: 'the native module, audit off', filters: native(quiet) },
    { name: 'M', what: 'the native module without token cache, audit on', filters: native(uncached) },
    { name: 'M0', what: 'the native module without token cache, audit off', filters: native((config) => {
      uncached(config);
      quiet(config);
    }) },
  ];
}

/** Divisions that the table ends with. */
export const RATIOS = [['D0', 'A'], ['D', 'A'], ['B', 'A'], ['D', 'B'], ['D0', 'B'], ['E', 'C'], ['E0', 'C'], ['F', 'A'], ['N0', 'A'], ['N', 'A'], ['N0', 'B'], ['N', 'B'], ['M', 'C'], ['M0', 'C']];
