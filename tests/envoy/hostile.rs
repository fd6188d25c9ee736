//! The worker lives on whatever is thrown at it: no panic, no reload, nothing
//! undecided at the server, and good requests are served as before.

use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use serde_json::json;

use super::weather::{permissive, policy, token};
use crate::support::client::{HOST, Request};
use crate::support::gate::{Gate, Mode, configuration};
use crate::support::keys::{Key, base64url};
use crate::support::native;
use crate::support::raw::Raw;
use crate::support::tokens::{self, Token, sign_raw};
use crate::support::upstream::State;

/// For each host mode.
const REQUESTS: usize = 5_000;
/// Another run: `TOOLGATE_SEED=<number>`.
const SEED: u64 = 2026;

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

#[test]
fn the_worker_lives_on_after_10000_hostile_requests() {
    let seed = env::var("TOOLGATE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    println!("the requests follow from TOOLGATE_SEED={seed}");
    std::thread::scope(|scope| {
        for mode in Mode::ALL {
            scope.spawn(move || attack(mode, seed));
        }
    });
}

fn attack(mode: Mode, seed: u64) {
    let mut configuration = configuration(&policy());
    configuration["resources"][0]["origins"] = json!(["https://app.example.com"]);
    configuration["resources"][0]["forward"] = json!({"headers": {"x-mcp-subject": "sub"}});
    configuration["issuers"][0]["jwks"]["cooldown"] = json!("10m");
    configuration["pass"] = json!(["/open/*"]);
    let gate = Gate::start_changed(mode, &configuration, |setup| permissive(setup).unnormalised());
    let serves = || gate.envoy.client().send(&Request::call("echo").bearer(&token("")).header("x-good", "1"));
    assert_eq!(serves().status, 200, "{mode:?}");
    let before = vitals(&gate);
    let fetches = gate.provider.fetches();

    let mut chance = Chance(seed ^ u64::from(mode.holds()));
    let tokens = Tokens::new();
    let mut answers = BTreeMap::<String, usize>::new();
    for number in 0..REQUESTS {
        let attack = Attack::next(&mut chance, &tokens);
        let answer = attack.carry_out(&gate);
        // A 5xx is the mark of a gate that broke, or of a request that it let through to nowhere.
        let fits = answer.is_none_or(|status| (400..500).contains(&status) || attack.may_get.contains(&status));
        assert!(fits, "{mode:?} {number} of seed {seed}: {answer:?} for {attack}");
        *answers.entry(answer.map_or("none".into(), |status| status.to_string())).or_default() += 1;
    }
    println!("{mode:?}: answers {answers:?}");
    assert!(answers.len() > 8, "{mode:?}: requests of every kind: {answers:?}");

    assert_eq!(serves().status, 200, "{mode:?}: a good request afterwards");
    assert_eq!(vitals(&gate), before, "{mode:?}");
    assert!(!gate.envoy.log().contains("panicked"), "{mode:?}");
    assert!(!gate.envoy.log().contains("the host refused"), "{mode:?}");
    assert!(gate.provider.fetches() <= fetches + 2, "{mode:?}: unknown kids cost {} fetches", gate.provider.fetches());
    // Whatever came through whole was not one of these, but for what needs no token.
    let whole = gate.upstream.unclaimed().requests().into_iter().filter(|r| r.body_state == State::Complete);
    for request in whole.filter(|r| r.headers.get("x-good").is_none()) {
        assert!(request.target.starts_with("/open/"), "{mode:?} {:?}", String::from_utf8_lossy(&request.raw_head));
    }
}

/// The statistics that change when a worker's module dies.
fn vitals(gate: &Gate) -> BTreeMap<String, u64> {
    if native::is_it() {
        return BTreeMap::from([("panics".to_owned(), gate.envoy.log().matches("panicked at").count() as u64)]);
    }
    let mut stats = gate.envoy.stats("wasm.");
    // Which of its VMs a worker uses is not what this is about.
    stats.retain(|name, _| !name.contains("toolgate.jwks") && !name.starts_with("wasmcustom"));
    assert!(stats.keys().any(|name| name.ends_with("vm_reload_success")), "{stats:?}");
    assert_eq!(stats["wasm.toolgate.vm_reload"], 0, "{stats:?}");
    stats.insert("failed streams".to_owned(), gate.envoy.log().matches("wasm_fail_stream").count() as u64);
    stats
}

/// A pseudo-random sequence (SplitMix64), the same on every run.
struct Chance(u64);

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
struct Tokens {
    good: String,
    bad: Vec<String>,
}

impl Tokens {
    fn new() -> Self {
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
struct Attack {
    kind: &'static str,
    bytes: Vec<u8>,
    way: Way,
    /// Statuses beside 4xx that are right.
    may_get: &'static [u16],
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
    fn next(chance: &mut Chance, tokens: &Tokens) -> Self {
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
    fn carry_out(&self, gate: &Gate) -> Option<u16> {
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

fn raw_bytes(chance: &mut Chance) -> Vec<u8> {
    let length = 1 + chance.below(300);
    let start: &[&[u8]] =
        &[b"", b"POST /mcp HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01", b"GET "];
    [*chance.one(start), &chance.bytes(length), b"\r\n\r\n"].concat()
}

fn bad_header(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let length = chance.below(200);
    let mut value = chance.field(length);
    if chance.below(2) == 0 {
        // Invalid in the middle of what would be valid.
        let known: &[&[u8]] =
            &[b"Bearer ", b"application/json; charset=\"", b"tools/call", b"2026-07-28", b"=?base64?", b"https://"];
        value = [*chance.one(known), &value].concat();
    }
    value.push(*chance.one(b"\xff\xc0\xed\x80"));
    let name = *chance.one(&HEADERS);
    // Refused even where the header spoils nothing: an odd `accept` is no fault.
    let request = match chance.below(4) {
        0 => Request::get("/mcp").bearer(&tokens.bad(chance)),
        1 => Request::call("delete_city").bearer(&tokens.bad(chance)),
        _ => Request::call("delete_city").bearer(&tokens.good),
    };
    let request = if chance.below(5) == 0 { request.header(name, value.clone()) } else { request };
    request.header(name, value).bytes()
}

fn bad_token(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let scheme = *chance.one(&["Bearer ", "bearer ", "BEARER  ", "Bearer\t", "Bearer", "DPoP ", "", "Bearer Bearer "]);
    let value = format!("{scheme}{}", tokens.bad(chance));
    Request::call("echo").header("authorization", value).bytes()
}

fn bad_body(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let good = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {}}});
    let mut body = good.to_string().into_bytes();
    match chance.below(10) {
        0 => {
            let length = chance.below(500);
            body = chance.bytes(length);
        }
        1 => {
            let depth = 65 + chance.below(50_000);
            let open = *chance.one(&["[", "{\"a\":", "[{\"a\":["]);
            body = open.repeat(depth).into_bytes();
        }
        2 => body.truncate(chance.below(body.len())),
        3 => {
            let at = chance.below(body.len());
            body[at] = *chance.one(b"\x00\x1f\xff\xc0");
        }
        4 => body.extend(chance.one(&["{}", "\0", ",", "]", "\u{feff}", "1"]).bytes()),
        5 => {
            let copies = 2 + chance.below(3_000);
            let members: String = (0..copies).map(|n| format!("\"m{}\":1,", n % (copies - 1))).collect();
            body = format!("{{{members}{}", &String::from_utf8_lossy(&body)[1..]).into_bytes();
        }
        6 => {
            let odd = *chance.one(&[
                "\"Method\":\"ping\"",
                "\"m\\u0065thod\":\"ping\"",
                "\"param\u{17f}\":1",
                "\"met\u{200b}hod\":1",
            ]);
            body = format!("{{{odd},{}", &String::from_utf8_lossy(&body)[1..]).into_bytes();
        }
        7 => {
            let value =
                *chance.one(&["1", "null", "[]", "{}", "\"\\ud800\"", "1e999999", "-", "tru", "\"\\u00\"", "\"\\x\""]);
            body = String::from_utf8_lossy(&body).replace("\"echo\"", value).into_bytes();
        }
        8 => body = format!("[{}]", vec![good.to_string(); 1 + chance.below(50)].join(",")).into_bytes(),
        _ => {
            let digits = 1 + chance.below(20_000);
            let id = *chance.one(&["1.5e", "[", "\"", "{\"a\":"]);
            body = format!(r#"{{"jsonrpc":"2.0","method":"x","id":{id}{}}}"#, "9".repeat(digits)).into_bytes();
        }
    }
    Request::post("/mcp", &json!(null)).bearer(&tokens.good).body(body).bytes()
}

fn large_body(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let size = *chance.one(&[999_000, 1_000_001, 1_048_577, 1_200_000]);
    // One in ten is really that large: it takes its time.
    let size = if chance.below(10) == 0 { size } else { size / 50 };
    let filler = *chance.one(&["[", "\"", "1", "{\"a\":", "\\", "é"]);
    let body = filler.repeat(size / filler.len());
    let request = Request::post("/mcp", &json!(null)).bearer(&tokens.good).body(body);
    if chance.below(2) == 0 { request.bytes() } else { request.chunked(&[size / 3, size / 3], &[]) }
}

fn many_headers(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let name =
        *chance.one(&["x", "mcp-method", "authorization", "mcp-name", "x-mcp-subject", "accept", "cookie", "origin"]);
    let number = chance.below(400);
    let request = Request::call("delete_city").bearer(&tokens.good);
    (0..number).fold(request, |request, n| request.header(name, format!("v{n}"))).bytes()
}

fn odd_path(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let pieces: &[&[u8]] = &[
        b"/",
        b"mcp",
        b"MCP",
        b"%",
        b"%2f",
        b"%6d",
        b"%256d",
        b"..",
        b".",
        b";a=b",
        b"\\",
        b"%00",
        b"%ff",
        b"?",
        b"access_token=x",
        b"&access_token=",
        b"#",
        b".well-known/oauth-protected-resource",
        b"open",
        b"\xff",
        b"\xc3\xa9",
        b"//",
        b"*",
    ];
    let count = 1 + chance.below(12);
    let mut path: Vec<u8> = b"/".to_vec();
    for _ in 0..count {
        path.extend_from_slice(chance.one::<&[u8]>(pieces));
    }
    if chance.below(10) == 0 {
        path = b"/%25".repeat(1 + chance.below(8_000));
    }
    let method = *chance.one(&["GET", "POST", "OPTIONS", "PUT", "DELETE", "CONNECT", "TRACE", "M-SEARCH"]);
    // Without a token that is good: what the path leads to is not to be asked.
    let token = tokens.bad(chance);
    let host = *chance.one(&[
        HOST,
        "mcp.example.com.",
        "MCP.EXAMPLE.COM:443",
        "other",
        "a:b:c",
        "[::1]:99999",
        "mcp.example.com:",
    ]);
    let head = format!(" HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\n\r\n");
    [method.as_bytes(), b" ", &path, head.as_bytes()].concat()
}

fn huge_name(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let piece = *chance.one(&["a", "*", "\\u0000", "\\ud83d\\ude00", "é", "/", "../", "%2e"]);
    let name = piece.repeat(4_097 / piece.len() + chance.below(100_000));
    let (method, member) = *chance.one(&[
        ("tools/call", "name"),
        ("prompts/get", "name"),
        ("resources/read", "uri"),
        ("completion/complete", "ref"),
    ]);
    let method = if chance.below(8) == 0 { &name } else { method };
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"{member}":"{name}"}}}}"#);
    Request::post("/mcp", &json!(null)).bearer(&tokens.good).body(body).bytes()
}

fn bad_chunks(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let request = Request::call("delete_city").bearer(&tokens.good);
    let sizes: Vec<_> = (0..chance.below(40)).map(|_| 1 + chance.below(5)).collect();
    let length = chance.below(60);
    let value = format!("{:?}", chance.bytes(length));
    let mut bytes = request.chunked(&sizes, &[("x-mcp-subject", "forged"), ("x-odd", &value)]);
    if chance.below(2) == 0 {
        let at = bytes.len() - 1 - chance.below(bytes.len() / 2);
        bytes[at] = chance.next() as u8;
    }
    bytes
}

fn mismatch(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let values = [
        "tools/list",
        "echo",
        "=?base64?ZWNobw==?=",
        "=?base64?!!?=",
        "2026-07-28",
        "9999-99-99",
        "0000-00-00",
        "2026",
        "",
        "a, b",
    ];
    let mut request = Request::call("delete_city").bearer(&tokens.good);
    for name in ["mcp-method", "mcp-name", "mcp-protocol-version"] {
        if chance.below(3) > 0 {
            request = request.header(name, *chance.one(&values));
        }
    }
    request.bytes()
}
