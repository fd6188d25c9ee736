// Every difference that is known, and its cause. The run fails on one that is not here, and on an
// entry without a difference any more.

const rebinding = (server, set) => ({
  server, set, verdict: 'better',
  check: 'dns-rebinding-protection / localhost-host-rebinding-rejected',
  why: 'The request names a foreign host. toolgate has no resource there and answers 404; the server does not look.',
});

export const EXPLAINED = [
  rebinding('server-everything', '2025-11-25'),
  rebinding('fastmcp', '2025-11-25'),
  rebinding('fastmcp', '2026-07-28'),
];
