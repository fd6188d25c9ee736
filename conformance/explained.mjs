// Every difference that is known, and its cause. The run fails on one that is not here, on an
// entry without a difference any more, and on whatever is worse, explained or not.

const rebinding = (server, set) => ({
  server, set, verdict: 'better',
  check: 'dns-rebinding-protection / localhost-host-rebinding-rejected',
  why: 'The request names a foreign host. toolgate has no resource there and answers 404; the server does not look.',
});

const worse = (check, why) => ({ server: 'fastmcp', set: '2026-07-28', verdict: 'worse', check, why });

const NO_VERSION_IN_BODY =
  'The headers are complete and the body lacks `_meta["io.modelcontextprotocol/protocolVersion"]`. Both refuse it with 400, '
  + 'the server with -32602 (a fault of the body), toolgate with -32020 (as if a header were missing).';
const UNKNOWN_VERSION =
  'Header and body agree on the version `v999.0.0`. The server answers -32022 with the versions it has and the id; toolgate takes only a '
  + 'date for a version, and refuses the header as unreadable before the body: -32020, id null.';
const REMOVED_METHOD =
  'A method that 2026-07-28 no longer has, with no `uri`. The server answers 404, -32601; toolgate looks for the target first: 400, -32602.';

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
  worse('tasks-dispatch-and-envelope / sep-2663-tasks-result-removed-method-not-found',
    'A method that is no longer there, without `Mcp-Name`. The server answers 404, -32601; toolgate wants the header for all of `tasks/*`, '
    + 'where only `tasks/get`, `tasks/update` and `tasks/cancel` must carry it: 400, -32020.'),
];
