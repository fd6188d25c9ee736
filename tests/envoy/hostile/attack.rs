//! Attacks, drawn at random from kinds that reach each part of the module.

mod kinds;

use self::kinds::*;
use super::*;

/// Every header that the gate reads, and some that Envoy minds.
const HEADERS: [&str; 22] = [
    "authorization",
    "content-type",
    "content-encoding",
    "content-length",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "last-event-id",
    "mcp-param-city",
    "origin",
    "access-control-request-method",
    "access-control-request-headers",
    "x-request-id",
    "upgrade",
    "accept",
    "accept-encoding",
    "range",
    "host",
    "x-mcp-subject",
    "x-http-method-override",
    "transfer-encoding",
];

/// A pseudo-random sequence (SplitMix64), the same on every run.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// Bytes that Envoy lets into a header value: not UTF-8, mostly.
    fn field(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = self.bytes(length);
        bytes.retain(|byte| *byte >= b' ' && *byte != 0x7f);
        bytes
    }
}

/// Made once: signatures take longer than requests.
pub(super) struct Tokens {
    good: String,
    bad: Vec<String>,
}

impl Tokens {
    pub(super) fn new() -> Self {
        let key = Key::rsa_a();
        let good = token("weather:read");
        let header = r#"{"alg":"RS256","kid":"rsa-a","typ":"at+jwt"}"#;
        let payload = Token::new().payload();
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let mut bad = vec![
            String::new(),
            ".".into(),
            "..".into(),
            "....".into(),
            "=.=.=".into(),
            "A".repeat(100_000 / 8),
            "a.".repeat(5_000),
            tokens::tampered(&good),
            tokens::with_payload(&good, "{}"),
            tokens::with_payload(&good, &deep),
            tokens::with_payload(&good, b"\xff\xfe"),
            Token::new().unsigned(),
            Token::new().expires_in(-300).sign(&key),
            Token::new().claim("exp", 1e308).claim("nbf", 1e308).sign(&key),
            Token::new().claim("exp", -1e308).sign(&key),
            Token::new().claim("exp", "soon").sign(&key),
            Token::new().claim("exp", u64::MAX).claim("iat", i64::MIN).claim("nbf", u64::MAX).sign(&key),
            Token::new().claim("aud", json!(vec![1; 1_000])).sign(&key),
            Token::new().claim("scope", json!({"a": 1})).audience("other").sign(&key),
            Token::new().header("crit", json!(["exp"])).sign(&key),
            Token::new().header("kid", json!(["rsa-a"])).sign(&key),
            Token::new().header("alg", json!(7)).sign(&key),
            Token::new().header("jku", "https://evil.example.com/jwks").header("kid", "evil").sign(&Key::rsa_b()),
            Token::new().without_header("kid").sign(&Key::rsa_b()),
            Token::new().sign(&Key::secret("secret")),
            sign_raw(header, &payload[..payload.len() - 1], &key),
            sign_raw(header, format!("{payload}{payload}"), &key),
            sign_raw(header, payload.replacen('{', "{\"aud\":1,", 1), &key),
            sign_raw(header.replacen('{', "{\"alg\":\"none\",", 1), &payload, &key),
            sign_raw(&deep, &payload, &key),
            sign_raw(b"\x00\xff", b"\x00\xff", &key),
            sign_raw("", "", &key),
            sign_raw("null", "null", &key),
            format!("{}.{}.{}", base64url(header), base64url(&payload), base64url([0; 4_096])),
        ];
        bad.extend((0..20).map(|n| Token::new().sign(&Key::rsa_b().named(&format!("unknown-{n}")))));
        Self { good, bad }
    }

    fn bad(&self, chance: &mut Chance) -> String {
        let mut token = match chance.below(4) {
            0 => return base64url(chance.bytes(50)),
            1 => [50, 100, 30].map(|size| base64url(chance.bytes(size))).join("."),
            _ => chance.one(&self.bad).clone(),
        };
        if chance.below(4) == 0 && !token.is_empty() {
            let at = chance.below(token.len());
            token.replace_range(at..=at, "~");
        }
        token
    }
}

/// One hostile exchange.
pub(super) struct Attack {
    kind: &'static str,
    bytes: Vec<u8>,
    way: Way,
    /// Statuses beside 4xx that are right.
    pub(super) may_get: &'static [u16],
    /// Whether more could follow as far as Envoy can know.
    open_ended: bool,
}

/// How the bytes are sent.
enum Way {
    /// At once, and the answer is read.
    Whole,
    /// In pieces of this size.
    Pieces(usize),
    /// Up to this byte, and then the connection is cut.
    Cut(usize),
    /// All of it, but the answer is not waited for.
    Leave,
}

impl Attack {
    pub(super) fn next(chance: &mut Chance, tokens: &Tokens) -> Self {
        let mut attack = match chance.below(16) {
            0 => Self::new("raw bytes", raw_bytes(chance)).open_ended(),
            1..=3 => Self::new("a header that is not text", bad_header(chance, tokens)).or(&[501]),
            4 | 5 => Self::new("a bad token", bad_token(chance, tokens)),
            6..=9 => Self::new("a bad body", bad_body(chance, tokens)),
            10 => Self::new("a large body", large_body(chance, tokens)),
            11 => Self::new("many headers", many_headers(chance, tokens)),
            12 => Self::new("an odd path", odd_path(chance, tokens)).or(&[200, 204]),
            13 => Self::new("a huge name", huge_name(chance, tokens)),
            14 => Self::new("bad chunks", bad_chunks(chance, tokens)).open_ended().or(&[501, 502]),
            _ => Self::new("headers against the body", mismatch(chance, tokens)),
        };
        attack.way = match chance.below(12) {
            0 => Way::Cut(chance.below(attack.bytes.len())),
            1 => Way::Leave,
            2 if attack.bytes.len() < 2_000 => Way::Pieces(1 + chance.below(200)),
            _ => Way::Whole,
        };
        attack
    }

    fn new(kind: &'static str, bytes: Vec<u8>) -> Self {
        Self { kind, bytes, way: Way::Whole, may_get: &[], open_ended: false }
    }

    fn or(self, may_get: &'static [u16]) -> Self {
        Self { may_get, ..self }
    }

    fn open_ended(self) -> Self {
        Self { open_ended: true, ..self }
    }

    /// The status of the answer, if there is one.
    pub(super) fn carry_out(&self, gate: &Gate) -> Option<u16> {
        let mut connection = Raw::connect(gate.envoy.address());
        match self.way {
            Way::Whole => {
                connection.send(&self.bytes);
            }
            Way::Pieces(size) => {
                connection.send_in_pieces(self.bytes.chunks(size), Duration::from_micros(200));
            }
            Way::Cut(at) => {
                connection.send(&self.bytes[..at]);
                return None;
            }
            Way::Leave => {
                connection.send(&self.bytes);
                return None;
            }
        }
        if self.open_ended {
            connection.finish();
        }
        connection.try_response().ok().map(|response| response.status)
    }
}

impl std::fmt::Display for Attack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(2_000)]).into_owned();
        write!(f, "{}: {start:?}", self.kind)
    }
}
