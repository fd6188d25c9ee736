//! The hosts of the resources, each a way to configure one.

/// The resource of most rows.
pub const MAIN: &str = "mcp.example.com";

/// Needs `mcp:connect` of everyone.
pub const BASE: &str = "base.example.com";

/// Names no scope of its challenge.
pub const QUIET: &str = "quiet.example.com";

/// Lets through what it does not list.
pub const OPEN: &str = "open.example.com";

/// Has patterns that match every name, beside exact names.
pub const PATTERNS: &str = "patterns.example.com";

/// Has stricter rules for some of the resources that a broad rule opens.
pub const URIS: &str = "uris.example.com";

/// Has a scope matrix.
pub const MATRIX: &str = "matrix.example.com";

/// Asks more of calls and callers than scopes.
pub const CONDITIONS: &str = "conditions.example.com";

/// Has rules that need no token, beside others.
pub const PUBLIC: &str = "public.example.com";

/// As [`PUBLIC`], in shadow mode, and shows in lists what signing in could unlock.
pub const PUBLIC_SHADOW: &str = "public-shadow.example.com";

/// Tells some clients of challenges inside results, and of what tools need in lists.
pub const IN_BAND: &str = "in-band.example.com";

/// As [`IN_BAND`], with no rule that is public.
pub const IN_BAND_CLOSED: &str = "in-band-closed.example.com";

/// Has a policy in shadow mode.
pub const SHADOW: &str = "shadow.example.com";

/// Shows in lists what a step-up could unlock.
pub const OFFER: &str = "offer.example.com";

/// Is called by browsers.
pub const BROWSERS: &str = "browsers.example.com";

/// Forwards who calls.
pub const FORWARD: &str = "forward.example.com";

/// Keeps `Authorization`.
pub const KEEP: &str = "keep.example.com";

/// Is reached on a port only.
pub const PORT: &str = "port.example.com:8443";

/// Protects all below `/files/`.
pub const FILES: &str = "files.example.com";

/// Has an issuer whose keys cannot be had.
pub const DOWN: &str = "down.example.com";

/// Has issuers that want to be asked.
pub const ASKED: &str = "asked.example.com";

/// An issuer of [`ASKED`] whose tokens are verified, then asked about.
pub const BOTH: &str = "https://both.example.com";

/// One whose tokens are asked about where they cannot be verified.
pub const EITHER: &str = "https://either.example.com";

/// Has an issuer that is asked about every token.
pub const OPAQUE: &str = "opaque.example.com";

/// The issuer of [`OPAQUE`].
pub const ASKED_ONLY: &str = "https://asked-only.example.com";

/// Has rules that want the issuer asked.
pub const FRESH: &str = "fresh.example.com";

/// An issuer of [`FRESH`] whose tokens are verified, and asked about only where a rule wants it.
pub const LOCAL: &str = "https://local.example.com";

/// Takes tokens that are bound to a key, of [`PROVEN`], and others, of the issuer of most rows.
pub const PROOFS: &str = "proofs.example.com";

/// Takes none but bound tokens of [`PROVEN`].
pub const PROOFS_ONLY: &str = "proofs-only.example.com";

/// The issuer that binds tokens.
pub const PROVEN: &str = "https://proven.example.com";

/// Has clients ask for scopes by their long names.
pub const PREFIXED: &str = "prefixed.example.com";

/// Has an issuer that is no URL.
pub const NAMED: &str = "named.example.com";

/// The issuer of [`NAMED`], whose tokens may have a `nonce`.
pub const NO_URL: &str = "accounts.example.com";

/// Has an issuer that maps claims to scopes, [`MAPPING`].
pub const MAPPED: &str = "mapped.example.com";

/// Offers fewer scopes than its policy names, since [`MAPPING`] maps the others.
pub const OFFERED: &str = "offered.example.com";

/// The issuer of [`MAPPED`] and [`OFFERED`].
pub const MAPPING: &str = "https://mapping.example.com";

/// Has rules on who acts for whom, for tokens of [`MAPPING`].
pub const DELEGATED: &str = "delegated.example.com";

/// Has an issuer whose tokens may lack an audience, [`LOOSE`].
pub const AUDIENCELESS: &str = "audienceless.example.com";

/// The issuer of [`AUDIENCELESS`].
pub const LOOSE: &str = "https://loose.example.com";

/// Has a policy that revokes tokens, in shadow mode.
pub const REVOKED: &str = "revoked.example.com";

/// Binds sessions to their caller, and speaks the older transport too.
pub const SESSIONS: &str = "sessions.example.com";

/// As [`SESSIONS`], in shadow mode, with base scopes.
pub const SESSIONS_SHADOW: &str = "sessions-shadow.example.com";
