// The compared cases, A to N, each with its filters before the router and its meaning. BEFORE, the path of an older
// module, adds the cases D to E0 with it, so that both are measured in the same rounds.
import { external, nativeChain, toolgate, toolgateConfig, toolgateNative } from './policies.mjs';
import { MODULE, NATIVE } from './setup.mjs';

const { BEFORE } = process.env;
const chosen = process.env.CASES?.split(',');

/** Whether a case is among those that `CASES` names, if it names any. */
export const isWanted = (name) => !chosen || chosen.includes(name);

/** The cases that are an Envoy. `external`: beside Envoy, the authorizer's CPU counts. */
export function envoyCases(issuer, authorizerPort) {
  const gate = (change, module = MODULE) => [toolgate(module, toolgateConfig(issuer, undefined, change))];
  const native = (change) => [toolgateNative(NATIVE, toolgateConfig(issuer, undefined, change))];
  const quiet = (config) => (config.audit = { decisions: 'none' });
  const uncached = (config) => (config.token_cache = { entries: 0 });
  const both = (config) => [uncached, quiet].forEach((change) => change(config));
  const before = (name, what, change) => ({ name: `${name}'`, what: `${what}, the older module`, filters: gate(change, BEFORE) });
  return [
    { name: 'A', what: 'Envoy alone', filters: [] },
    { name: 'B', what: 'jwt_authn with its cache, mcp, rbac', filters: nativeChain(issuer, { cache: true }) },
    { name: 'C', what: 'the same without the cache', filters: nativeChain(issuer, { cache: false }) },
    { name: 'D', what: 'toolgate, audit on', filters: gate() },
    { name: 'D0', what: 'toolgate, audit off', filters: gate(quiet) },
    { name: 'E', what: 'toolgate without token cache, audit on', filters: gate(uncached) },
    { name: 'E0', what: 'toolgate without token cache, audit off', filters: gate(both) },
    { name: 'F', what: 'ext_authz with toolgate\'s core in a service', filters: [external(authorizerPort)], external: true },
    { name: 'N', what: 'toolgate as a native module, audit on', filters: native() },
    { name: 'N0', what: 'the native module, audit off', filters: native(quiet) },
    { name: 'M', what: 'the native module without token cache, audit on', filters: native(uncached) },
    { name: 'M0', what: 'the native module without token cache, audit off', filters: native(both) },
    ...(BEFORE ? [
      before('D', 'toolgate, audit on'),
      before('D0', 'toolgate, audit off', quiet),
      before('E', 'toolgate without token cache, audit on', uncached),
      before('E0', 'toolgate without token cache, audit off', both),
    ] : []),
  ].filter(({ name }) => isWanted(name));
}

/** Divisions that the table ends with. */
export const RATIOS = [
  ['D0', 'A'], ['D', 'A'], ['B', 'A'], ['D', 'B'], ['D0', 'B'], ['E', 'C'], ['E0', 'C'], ['F', 'A'],
  ['N0', 'A'], ['N', 'A'], ['N0', 'B'], ['N', 'B'], ['M', 'C'], ['M0', 'C'],
  ...(BEFORE ? ['D', 'D0', 'E', 'E0'].map((name) => [name, `${name}'`]) : []),
];

/** What a filter adds to Envoy alone, divided by what the native chain adds. */
export const ADDED = ['D0', 'D', 'N0', 'N'];
