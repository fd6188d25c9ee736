//! Reasons: one stable code for everything that toolgate decides, each in a family.
//!
//! Records, metrics, filter state, response details and stream events contain these codes, and operators match them in
//! queries and alerts. A code and its meaning never change.

/// Generates the enum and its functions from one table, so that every reason has a code, a family and a meaning.
macro_rules! reasons {
    ($($family:ident { $($reason:ident = $code:literal: $meaning:literal,)+ })+) => {
        /// Why something was decided as it was.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason {
            $($(#[doc = $meaning] $reason,)+)+
        }

        impl Reason {
            /// All reasons, family by family.
            pub const ALL: &'static [Self] = &[$($(Self::$reason,)+)+];

            /// The stable code.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$reason => $code,)+)+
                }
            }

            /// The family it belongs to.
            pub fn family(self) -> Family {
                match self {
                    $($(Self::$reason)|+ => Family::$family,)+
                }
            }

            /// The meaning in words, for people.
            pub fn meaning(self) -> &'static str {
                match self {
                    $($(Self::$reason => $meaning,)+)+
                }
            }
        }
    };
}

reasons! {
    Allowed {
        Allowed = "allowed": "the policy allows it",
        Public = "public": "the policy allows it to anonymous callers, and the request has no credentials",
        Pass = "pass": "the path matches `pass`, which needs no token",
        Metadata = "metadata": "the resource's metadata is public",
        Preflight = "preflight": "a browser's preflight request from a listed origin",
    }
    Routing {
        TunnelRefused = "tunnel_refused": "CONNECT, `Upgrade` and `:protocol` would open a tunnel, whose content cannot be checked",
        NotFound = "not_found": "the host and the path match no resource",
        ForbiddenOrigin = "forbidden_origin": "`Origin` is not one of `origins`",
        MetadataMethodNotAllowed = "metadata_method_not_allowed": "metadata is read with GET, HEAD or OPTIONS",
    }
    Credentials {
        NoToken = "no_token": "there is no `Authorization: Bearer` header, and the operation is not public",
        TokenInQuery = "token_in_query": "the token is in the query, where logs would keep it",
        SeveralCredentials = "several_credentials": "there are several credentials, and it is ambiguous which one counts",
        MalformedCredentials = "malformed_credentials": "`Authorization` is not `Bearer` and one token of legal characters",
    }
    Token {
        ActMalformed = "act_malformed": "`act` is not an object with a string `sub` at each of at most eight levels",
        AlgorithmNotAllowed = "algorithm_not_allowed": "the issuer's configuration does not allow this `alg`",
        AudienceMismatch = "audience_mismatch": "`aud` names only other resource servers",
        AudienceMissing = "audience_missing": "the token has no `aud`",
        BadSignature = "bad_signature": "the signature matches no key of the issuer",
        TokenBound = "token_bound": "`cnf` binds the token to something that cannot be verified",
        BoundTokenAsBearer = "bound_token_as_bearer": "the token is bound to a key, but was not sent with the `DPoP` scheme",
        TokenNotBound = "token_not_bound": "the token must be bound to a key, but is not",
        CertificateMismatch = "certificate_mismatch": "the token is bound to another client certificate",
        CertificateMissing = "certificate_missing": "the token is bound to a client certificate, and the connection has none",
        ClaimMalformed = "claim_malformed": "a claim has the wrong type",
        CriticalHeader = "critical_header": "`crit` or `b64` requires an unsupported extension",
        TokenExpired = "token_expired": "`exp` has passed",
        ExpiryMissing = "expiry_missing": "the token has no `exp`",
        IssuedInFuture = "issued_in_future": "`iat` is in the future",
        IssuerMismatch = "issuer_mismatch": "`iss` is not an issuer of this resource",
        IssuerMissing = "issuer_missing": "the token has no `iss`",
        KeyUnknown = "key_unknown": "the issuer has no such key",
        TokenMalformed = "token_malformed": "the token is not three parts of base64url with two strict JSON objects",
        NotAnAccessToken = "not_an_access_token": "it is another kind of token, such as an ID token",
        TokenNotYetValid = "token_not_yet_valid": "`nbf` is in the future",
        RequiredClaim = "required_claim": "a required claim is missing or has another value",
        SubjectMismatch = "subject_mismatch": "the introspection response is about another subject than the token",
        TokenInactive = "token_inactive": "the introspection endpoint reports the token as inactive",
        TokenRevoked = "token_revoked": "`policy.revoked` names the token",
        TokenTooLong = "token_too_long": "the token is longer than `limits.token`",
        TypeNotAllowed = "type_not_allowed": "`typ` is not that of an access token",
    }
    Proof {
        DpopMissing = "dpop_missing": "there is no `DPoP` header",
        DpopSeveral = "dpop_several": "there is more than one `DPoP` header",
        DpopMalformed = "dpop_malformed": "the proof is not one JWT with the claims of a proof",
        DpopType = "dpop_type": "the proof's `typ` is not `dpop+jwt`",
        DpopAlgorithm = "dpop_algorithm": "the proof's `alg` is symmetric, `none` or unknown",
        DpopKey = "dpop_key": "the proof's `jwk` is missing or not a usable key",
        DpopPrivateKey = "dpop_private_key": "the proof's `jwk` contains the private key",
        DpopOtherKey = "dpop_other_key": "the token is bound to another key than the proof's",
        DpopSignature = "dpop_signature": "the proof's key did not make its signature",
        DpopMethod = "dpop_method": "the proof is for another method",
        DpopUrl = "dpop_url": "the proof is for another URL",
        DpopToken = "dpop_token": "the proof is for another token, or for none",
        DpopTime = "dpop_time": "the proof is too old, or from the future",
        DpopNonce = "dpop_nonce": "the proof's `nonce` is not one that is accepted now",
        DpopReplayed = "dpop_replayed": "the proof was used before",
    }
    Outage {
        KeysUnavailable = "keys_unavailable": "the issuer's keys are not available",
        IntrospectionUnavailable = "introspection_unavailable": "introspection of the token is required, but not available",
        ProofsUnavailable = "proofs_unavailable": "it is unknown whether the proof was used before",
        ProofsFull = "proofs_full": "the memory for used proofs is full",
        ProofsShare = "proofs_share": "this account's share of the memory for used proofs is full",
        PolicyUnavailable = "policy_unavailable": "no policy is available",
    }
    Request {
        MethodNotAllowed = "method_not_allowed": "the method is none of GET, HEAD, POST and DELETE",
        BodyNotAllowed = "body_not_allowed": "only a POST may have a body",
        UnsupportedMediaType = "unsupported_media_type": "`Content-Type` is not `application/json`, in UTF-8",
        UnsupportedContentEncoding = "unsupported_content_encoding": "`Content-Encoding` hides the body",
        PayloadTooLarge = "payload_too_large": "the body is larger than `limits.body`",
        ExpectationFailed = "expectation_failed": "the client waits for 100 (Continue), but the headers wait for the body",
        McpHeaderDoubled = "mcp_header_doubled": "one of MCP's headers is given more than once, with different values",
        McpHeaderUnreadable = "mcp_header_unreadable": "one of MCP's headers cannot be read",
        McpHeaderMissing = "mcp_header_missing": "this protocol version requires `MCP-Protocol-Version`, the same version in `_meta`, `Mcp-Method` and `Mcp-Name`",
        McpHeaderMismatch = "mcp_header_mismatch": "`Mcp-Method`, `Mcp-Name` or `MCP-Protocol-Version` disagrees with the body",
        McpVersionNotInBody = "mcp_version_not_in_body": "the body's `_meta` lacks the version of `MCP-Protocol-Version`",
        SessionMismatch = "session_mismatch": "the session id is not one of this caller, or it is unclear which id counts",
        SessionUntagged = "session_untagged": "the session id has no tag that binds it to a caller",
    }
    Message {
        BatchRefused = "batch_refused": "a batch, and `batches` is `reject`",
        BatchElements = "batch_elements": "a batch that repeats an id or contains `initialize`",
        BatchTooLong = "batch_too_long": "a batch longer than `limits.batch`",
        BatchCompanionDenied = "batch_companion_denied": "another message of the batch is denied",
        JsonByteOrderMark = "json_byte_order_mark": "the body starts with a byte order mark",
        JsonDuplicateMember = "json_duplicate_member": "a member occurs twice, and servers differ in which one they use",
        JsonLookAlike = "json_look_alike": "a member's name resembles one that affects the decision",
        JsonNotUtf8 = "json_not_utf8": "the body is not UTF-8",
        JsonSyntax = "json_syntax": "the body is not JSON",
        JsonTooDeep = "json_too_deep": "the body is nested deeper than `limits.depth`",
        JsonTrailingBytes = "json_trailing_bytes": "the JSON value is followed by other bytes",
        NotJsonRpc = "not_json_rpc": "the body is JSON, but not a JSON-RPC 2.0 message",
        ParamsMalformed = "params_malformed": "`params`, or a member that affects the decision, has the wrong type",
        TargetMissing = "target_missing": "the requested name or uri is missing or not a string",
        TargetTooLong = "target_too_long": "the name or uri is longer than 4096 bytes",
        UriAmbiguous = "uri_ambiguous": "the uri is not in normal form, so a server may read it as another",
    }
    Policy {
        InsufficientScope = "insufficient_scope": "scopes are missing that a step-up can grant",
        Unlisted = "unlisted": "no rule names it",
        NearName = "near_name": "no rule names it, and it resembles a name that a rule lists",
        MatrixDeniesTool = "matrix_denies_tool": "a scenario denies the tool",
        ScopeNotOffered = "scope_not_offered": "the scopes that are missing are not in `scopes_supported`, so no sign-in grants them",
        MatrixNarrowsScopes = "matrix_narrows_scopes": "the scopes that would allow it do not count in a scenario",
        FreshnessUnverifiable = "freshness_unverifiable": "a rule requires introspection, and the token's issuer has no `introspection`",
    }
    Condition {
        ToolDrifted = "tool_drifted": "the tool differs from its approved definition",
        ArgumentsRefused = "arguments_refused": "the arguments do not satisfy a rule, or cannot be evaluated",
        InsufficientUserAuthentication = "insufficient_user_authentication": "the user must authenticate again, or at another level",
        IdentityUnforwardable = "identity_unforwardable": "a header of `forward` cannot carry its value",
    }
    Host {
        EndedByHost = "ended_by_host": "the host answered before the verdict",
        EndedByClient = "ended_by_client": "the client disconnected before the verdict",
        Misconfigured = "misconfigured": "the host passed on no body while it held the headers",
        HostCallFailed = "host_call_failed": "the host refused a call",
    }
    Answer {
        AnswerBeforeVerdict = "answer_before_verdict": "the server answered before the verdict",
        AnswerUpgrades = "answer_upgrades": "the server's response opens a tunnel",
        ListContentType = "list_content_type": "a list is neither JSON nor an event stream",
        ListEncoded = "list_encoded": "`Content-Encoding` hides a list",
        ListLookAlike = "list_look_alike": "a member's name in a list resembles one that affects the decision",
        ListPartial = "list_partial": "a list is in a partial response",
        ListShape = "list_shape": "a list does not have its defined shape",
        ListTooLarge = "list_too_large": "a list is larger than `limits.list`",
        ListUnreadable = "list_unreadable": "a list is not strict JSON",
        ResourceDenied = "resource_denied": "a notification is about a resource that the caller may not read",
        StrayLine = "stray_line": "a line of an event stream is neither a comment nor a known field",
        PolicyDenies = "policy_denies": "the current policy denies the request that opened the stream",
        StreamEnded = "stream_ended": "the stream was ended before the server's response came",
        StreamLimit = "stream_limit": "a stream without a token, or whose token has no `exp`, is older than `limits.stream`",
    }
}

/// The part of a request or its handling that a reason is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Nothing denies the request.
    Allowed,
    /// The host, the path and the origin.
    Routing,
    /// The `Authorization` header.
    Credentials,
    /// The access token.
    Token,
    /// The proof of possession (RFC 9449).
    Proof,
    /// Something that the decision needs is not available.
    Outage,
    /// The request's other headers.
    Request,
    /// The body.
    Message,
    /// The policy, by values of the caller and target that records contain.
    Policy,
    /// The policy or the identity, by values that records do not contain: claims, arguments, the state of a tool.
    Condition,
    /// An action of the host or the client.
    Host,
    /// The server's response.
    Answer,
}

impl Family {
    /// The name in the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Routing => "routing",
            Self::Credentials => "credentials",
            Self::Token => "token",
            Self::Proof => "proof",
            Self::Outage => "outage",
            Self::Request => "request",
            Self::Message => "message",
            Self::Policy => "policy",
            Self::Condition => "condition",
            Self::Host => "host",
            Self::Answer => "answer",
        }
    }
}

impl Reason {
    /// The reason with this code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == code)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_plain_and_of_one_reason_only() {
        for reason in Reason::ALL {
            let code = reason.as_str();
            assert!(code.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{code}");
            assert_eq!(Reason::parse(code), Some(*reason), "{code}");
        }
        assert_eq!([Reason::parse(""), Reason::parse("Allowed")], [None, None]);
    }
}
