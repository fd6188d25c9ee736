//! Reasons: one stable code for everything that toolgate decides, each with the family it belongs to.
//!
//! Records, metrics, filter state, response details and the events of streams carry these codes, and operators' queries
//! and alerts match them: a code never changes, and never changes its meaning.

/// Makes the enum and its functions of one table, so that no reason lacks a code, a family or a meaning.
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
        Pass = "pass": "the path is one of `pass`, where no token is asked for",
        Metadata = "metadata": "the resource's metadata is open to anybody",
        Preflight = "preflight": "a browser asks for an allowed origin whether it may send the request",
    }
    Routing {
        TunnelRefused = "tunnel_refused": "CONNECT, `Upgrade` and `:protocol` open a tunnel in which nothing can be decided",
        NotFound = "not_found": "the host and the path belong to no resource",
        ForbiddenOrigin = "forbidden_origin": "`Origin` is not one of `origins`",
        MetadataMethodNotAllowed = "metadata_method_not_allowed": "metadata is read with GET, HEAD or OPTIONS",
    }
    Credentials {
        NoToken = "no_token": "there is no `Authorization: Bearer` header",
        TokenInQuery = "token_in_query": "the token is in the query, where every log on the way keeps it",
        SeveralCredentials = "several_credentials": "there are several credentials, and it cannot be told which one counts",
        MalformedCredentials = "malformed_credentials": "`Authorization` is not `Bearer` and one token of legal characters",
    }
    Token {
        AlgorithmNotAllowed = "algorithm_not_allowed": "`alg` is not one that the issuer's configuration allows",
        AudienceMismatch = "audience_mismatch": "`aud` names other resource servers only",
        AudienceMissing = "audience_missing": "the token has no `aud`",
        BadSignature = "bad_signature": "no key of the issuer made this signature",
        TokenBound = "token_bound": "`cnf` binds the token to something whose proof cannot be checked",
        BoundTokenAsBearer = "bound_token_as_bearer": "the token is bound to a key, and came without the scheme of proofs",
        TokenNotBound = "token_not_bound": "the token is bound to no key, where it must be",
        CertificateMismatch = "certificate_mismatch": "the token is bound to another client certificate",
        CertificateMissing = "certificate_missing": "the token is bound to a client certificate, and the connection has none",
        ClaimMalformed = "claim_malformed": "a claim is not of the type that its definition says",
        CriticalHeader = "critical_header": "`crit` or `b64` asks for what is not supported",
        TokenExpired = "token_expired": "`exp` has passed",
        ExpiryMissing = "expiry_missing": "the token has no `exp`",
        IssuedInFuture = "issued_in_future": "`iat` lies in the future",
        IssuerMismatch = "issuer_mismatch": "`iss` is not an issuer of this resource",
        IssuerMissing = "issuer_missing": "the token has no `iss`",
        KeyUnknown = "key_unknown": "the issuer has no such key",
        TokenMalformed = "token_malformed": "the token is not three parts of base64url with two strict JSON objects",
        NotAnAccessToken = "not_an_access_token": "it is another kind of token, such as an ID token",
        TokenNotYetValid = "token_not_yet_valid": "`nbf` has not come",
        RequiredClaim = "required_claim": "a required claim is missing or has another value",
        SubjectMismatch = "subject_mismatch": "the introspection endpoint speaks of another subject than the token",
        TokenInactive = "token_inactive": "the introspection endpoint says that the token is not active",
        TokenTooLong = "token_too_long": "the token is longer than `limits.token`",
        TypeNotAllowed = "type_not_allowed": "`typ` is not one of an access token",
    }
    Proof {
        DpopMissing = "dpop_missing": "there is no `DPoP` header",
        DpopSeveral = "dpop_several": "there is more than one `DPoP` header",
        DpopMalformed = "dpop_malformed": "the proof is not one JWT with the claims of a proof",
        DpopType = "dpop_type": "the proof's `typ` is not `dpop+jwt`",
        DpopAlgorithm = "dpop_algorithm": "the proof's `alg` is symmetric, `none` or unknown",
        DpopKey = "dpop_key": "the proof's `jwk` is missing, or is no key that may be used",
        DpopPrivateKey = "dpop_private_key": "the proof's `jwk` holds the private key",
        DpopOtherKey = "dpop_other_key": "the proof is by another key than the token is bound to",
        DpopSignature = "dpop_signature": "the proof's key did not make its signature",
        DpopMethod = "dpop_method": "the proof is for another method",
        DpopUrl = "dpop_url": "the proof is for another URL",
        DpopToken = "dpop_token": "the proof is for another token, or for none",
        DpopTime = "dpop_time": "the proof is too old, or from the future",
        DpopNonce = "dpop_nonce": "the proof's `nonce` is not one that is accepted now",
        DpopReplayed = "dpop_replayed": "the proof was used before",
    }
    Outage {
        KeysUnavailable = "keys_unavailable": "the issuer's keys cannot be had",
        IntrospectionUnavailable = "introspection_unavailable": "the issuer would have to be asked about the token",
        ProofsUnavailable = "proofs_unavailable": "it cannot be told whether the proof was used before",
        ProofsFull = "proofs_full": "as many proofs are remembered as can be",
        ProofsShare = "proofs_share": "as many proofs of this account are remembered as may be",
        PolicyUnavailable = "policy_unavailable": "there is no policy that may decide",
    }
    Request {
        MethodNotAllowed = "method_not_allowed": "the method is none of GET, HEAD, POST and DELETE",
        BodyNotAllowed = "body_not_allowed": "only a POST may have a body",
        UnsupportedMediaType = "unsupported_media_type": "`Content-Type` is not `application/json`, in UTF-8",
        UnsupportedContentEncoding = "unsupported_content_encoding": "`Content-Encoding` hides the body",
        PayloadTooLarge = "payload_too_large": "the body is larger than `limits.body`",
        ExpectationFailed = "expectation_failed": "the client waits for 100 (Continue), and the headers wait for the body",
        McpHeaderDoubled = "mcp_header_doubled": "one of MCP's headers is given more than once, with different values",
        McpHeaderUnreadable = "mcp_header_unreadable": "one of MCP's headers cannot be read",
        McpHeaderMissing = "mcp_header_missing": "this protocol version requires `MCP-Protocol-Version`, its repetition in `_meta`, `Mcp-Method` and `Mcp-Name`",
        McpHeaderMismatch = "mcp_header_mismatch": "`Mcp-Method`, `Mcp-Name` or `MCP-Protocol-Version` disagrees with the body",
        McpVersionNotInBody = "mcp_version_not_in_body": "the body's `_meta` lacks the version of `MCP-Protocol-Version`",
    }
    Message {
        BatchRefused = "batch_refused": "an array of messages, and `batches` is `reject`",
        BatchElements = "batch_elements": "an array that repeats an id, or initializes",
        BatchTooLong = "batch_too_long": "an array longer than `limits.batch`",
        BatchCompanionDenied = "batch_companion_denied": "another message of the array is denied",
        JsonByteOrderMark = "json_byte_order_mark": "the body begins with a byte order mark",
        JsonDuplicateMember = "json_duplicate_member": "a member is given twice, and servers differ in which one they take",
        JsonLookAlike = "json_look_alike": "the name of a member only looks like one that decides",
        JsonNotUtf8 = "json_not_utf8": "the body is not UTF-8",
        JsonSyntax = "json_syntax": "the body is not JSON",
        JsonTooDeep = "json_too_deep": "the body is nested deeper than `limits.depth`",
        JsonTrailingBytes = "json_trailing_bytes": "something follows the JSON value",
        NotJsonRpc = "not_json_rpc": "JSON, but no JSON-RPC 2.0 message",
        ParamsMalformed = "params_malformed": "`params`, or a member of it that decides, is not of its type",
        TargetMissing = "target_missing": "the name or uri that it asks for is missing, or no string",
        TargetTooLong = "target_too_long": "the name or uri is longer than 4096 bytes",
        UriAmbiguous = "uri_ambiguous": "the uri is not in normal form: a server may take it for another",
    }
    Policy {
        InsufficientScope = "insufficient_scope": "scopes are missing that a step-up can bring",
        Unlisted = "unlisted": "no rule names it",
        NearName = "near_name": "no rule names it, and it looks like a name that one does",
        MatrixDeniesTool = "matrix_denies_tool": "a scenario denies the tool",
        MatrixNarrowsScopes = "matrix_narrows_scopes": "the scopes that would open it do not count in a scenario",
        FreshnessUnverifiable = "freshness_unverifiable": "a rule wants the issuer asked about the token, which has no `introspection`",
    }
    Condition {
        ToolDrifted = "tool_drifted": "the tool is not what was approved",
        ArgumentsRefused = "arguments_refused": "the arguments are not what a rule asks for, or cannot be judged",
        InsufficientUserAuthentication = "insufficient_user_authentication": "the user must sign in again, or at another level",
        IdentityUnforwardable = "identity_unforwardable": "a header of `forward` cannot carry its value",
    }
    Host {
        EndedByHost = "ended_by_host": "the host answered before there was a verdict",
        EndedByClient = "ended_by_client": "the client went away before there was a verdict",
        Misconfigured = "misconfigured": "the host showed no body while headers were held",
        HostCallFailed = "host_call_failed": "the host refused a call",
    }
    Answer {
        AnswerBeforeVerdict = "answer_before_verdict": "the server answered before there was a verdict",
        AnswerUpgrades = "answer_upgrades": "the server's answer opens a tunnel",
        ListContentType = "list_content_type": "a list is neither JSON nor an event stream",
        ListEncoded = "list_encoded": "`Content-Encoding` hides a list",
        ListLookAlike = "list_look_alike": "the name of a member of a list only looks like one that decides",
        ListPartial = "list_partial": "a list is a part of a document",
        ListShape = "list_shape": "a list is not of the shape that its definition says",
        ListTooLarge = "list_too_large": "a list is larger than `limits.list`",
        ListUnreadable = "list_unreadable": "a list is not strict JSON",
        ResourceDenied = "resource_denied": "a notification tells of a resource that the caller may not read",
        StrayLine = "stray_line": "a line of an event stream is no comment and no known field",
        PolicyDenies = "policy_denies": "the policy of now denies the request that opened the stream",
        StreamEnded = "stream_ended": "what let the stream go on ended before its answer came",
        StreamLimit = "stream_limit": "a stream whose token has no `exp` is older than `limits.stream`",
    }
}

/// What decides, of the things that reasons are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Nothing denies it.
    Allowed,
    /// The host, the path and the origin.
    Routing,
    /// The `Authorization` header.
    Credentials,
    /// The access token.
    Token,
    /// The proof of possession (RFC 9449).
    Proof,
    /// Something is missing that the decision needs.
    Outage,
    /// The request's other headers.
    Request,
    /// The body.
    Message,
    /// The policy, by what a record holds of the caller and the target.
    Policy,
    /// The policy or the identity, by what no record holds: claims, arguments, the state of a tool.
    Condition,
    /// What the host or the client did.
    Host,
    /// The server's answer.
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
    /// The reason of this code.
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
