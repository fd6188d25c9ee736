// Every difference that is known, and its cause. The run fails on one that is not here, and on an
// entry without a difference any more. What is worse here is so by design: toolgate refuses
// the same request, in other words or for another reason first.

const rebinding = (server, set) => ({
  server, set, verdict: 'better',
  check: 'dns-rebinding-protection / localhost-host-rebinding-rejected',
  why: 'The request names a foreign host. toolgate has no resource there and answers 404; the server does not look.',
});

const worse = (check, why) => ({ server: 'fastmcp', set: '2026-07-28', verdict: 'worse', check, why });

const NO_VERSION_IN_BODY =
  'By design. The headers are complete and the body lacks `_meta["io.modelcontextprotocol/protocolVersion"]`. Both refuse it with 400, the '
  + 'server with -32602; toolgate with -32020, which it answers whenever one of the two places for the version lacks it or they disagree.';
const UNKNOWN_VERSION =
  'By design. Header and body agree on the version `v999.0.0`. The server answers -32022 with the versions it has and the id; toolgate takes '
  + 'only a date for a version, since it compares versions as dates, and refuses the header before it reads the body: 400, -32020, id null.';
const REMOVED_METHOD =
  'By design. A method that 2026-07-28 no longer has, with no `uri`. The server answers 404, -32601; toolgate serves every version at one '
  + 'endpoint and decides such a method by its `uri`, which is missing: 400, -32602.';

export const EXPLAINED = [
  rebinding('server-everything', '2025-11-25'),
  rebinding('fastmcp', '2025-11-25'),
  rebinding('fastmcp', '2026-07-28'),
  worse('server-stateless / sep-2575-request-meta-invalid-missing-meta', NO_VERSION_IN_BODY),
  worse('server-stateless / sep-2575-request-meta-invalid-missing-protocol-version', NO_VERSION_IN_BODY),
  worse('server-stateless / sep-2575-server-unsupported-version-error', UNKNOWN_VERSION),
  worse('server-stateless / sep-2575-http-server-error-jsonrpc-id', UNKNOWN_VERSION),
  worse('server-stateless / sep-2575-http-server-method-not-found-404-resources-subscribe', REMOVED_METHOD),
  worse('server-stateless / sep-2575-http-server-method-not-found-404-resources-unsubscribe', REMOVED_METHOD),
];
