// What is compared: A to G, each with the filters before the router and what it stands for.
import { external, nativeChain, toolgate, toolgateConfig } from './policies.mjs';
import { MODULE } from './setup.mjs';

/** The cases that are an Envoy. `external`: beside Envoy, the authorizer's CPU counts. */
export function envoyCases(issuer, authorizerPort) {
  const gate = (change) => [toolgate(MODULE, toolgateConfig(issuer, undefined, change))];
  return [
    { name: 'A', what: 'Envoy alone', filters: [] },
    { name: 'B', what: 'jwt_authn with its cache, mcp, rbac', filters: nativeChain(issuer, { cache: true }) },
    { name: 'C', what: 'the same without the cache', filters: nativeChain(issuer, { cache: false }) },
    { name: 'D', what: 'toolgate, audit on', filters: gate() },
    { name: 'D0', what: 'toolgate, audit off', filters: gate((config) => (config.audit = { decisions: 'none' })) },
    { name: 'E', what: 'toolgate without token cache, audit on', filters: gate((config) => (config.token_cache = { entries: 0 })) },
    { name: 'E0', what: 'toolgate without token cache, audit off', filters: gate((config) => {
      config.token_cache = { entries: 0 };
      config.audit = { decisions: 'none' };
    }) },
    { name: 'F', what: 'ext_authz with toolgate\'s core in a service', filters: [external(authorizerPort)], external: true },
  ];
}

/** Divisions that the table ends with. */
export const RATIOS = [['D0', 'A'], ['D', 'A'], ['B', 'A'], ['D', 'B'], ['D0', 'B'], ['E', 'C'], ['E0', 'C'], ['F', 'A']];
