//! The requests of each kind of attack.

use super::*;

pub(super) fn raw_bytes(chance: &mut Chance) -> Vec<u8> {
    let length = 1 + chance.below(300);
    let start: &[&[u8]] =
        &[b"", b"POST /mcp HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01", b"GET "];
    [*chance.one(start), &chance.bytes(length), b"\r\n\r\n"].concat()
}

pub(super) fn bad_header(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
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

pub(super) fn bad_token(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let scheme = *chance.one(&["Bearer ", "bearer ", "BEARER  ", "Bearer\t", "Bearer", "DPoP ", "", "Bearer Bearer "]);
    let value = format!("{scheme}{}", tokens.bad(chance));
    Request::call("echo").header("authorization", value).bytes()
}

pub(super) fn bad_body(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
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

pub(super) fn large_body(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let size = *chance.one(&[999_000, 1_000_001, 1_048_577, 1_200_000]);
    // One in ten is really that large: it takes its time.
    let size = if chance.below(10) == 0 { size } else { size / 50 };
    let filler = *chance.one(&["[", "\"", "1", "{\"a\":", "\\", "é"]);
    let body = filler.repeat(size / filler.len());
    let request = Request::post("/mcp", &json!(null)).bearer(&tokens.good).body(body);
    if chance.below(2) == 0 { request.bytes() } else { request.chunked(&[size / 3, size / 3], &[]) }
}

pub(super) fn many_headers(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
    let name =
        *chance.one(&["x", "mcp-method", "authorization", "mcp-name", "x-mcp-subject", "accept", "cookie", "origin"]);
    let number = chance.below(400);
    let request = Request::call("delete_city").bearer(&tokens.good);
    (0..number).fold(request, |request, n| request.header(name, format!("v{n}"))).bytes()
}

pub(super) fn odd_path(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
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

pub(super) fn huge_name(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
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

pub(super) fn bad_chunks(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
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

pub(super) fn mismatch(chance: &mut Chance, tokens: &Tokens) -> Vec<u8> {
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
