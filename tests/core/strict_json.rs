//! The strict reader beside a slow one that reads byte by byte and has no tricks: the same verdict on every text, down
//! to the fault.

use std::collections::BTreeSet;

use toolgate::json::{JsonFault, check};

const DEPTH: usize = 6;

/// The grammar of RFC 8259, as plainly as it can be written.
struct Plain<'t> {
    text: &'t [u8],
    at: usize,
}

impl Plain<'_> {
    fn verdict(text: &[u8]) -> Result<(), JsonFault> {
        if text.starts_with(b"\xef\xbb\xbf") {
            return Err(JsonFault::ByteOrderMark);
        }
        if std::str::from_utf8(text).is_err() {
            return Err(JsonFault::Utf8);
        }
        let mut plain = Plain { text, at: 0 };
        plain.value(0)?;
        if plain.space() == 0 { Ok(()) } else { Err(JsonFault::TrailingBytes) }
    }

    /// The next byte; zero at the end of the text, which no token starts with.
    fn byte(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// The next byte that is no white space, or zero.
    fn space(&mut self) -> u8 {
        while b" \t\r\n".contains(&self.byte()) {
            self.at += 1;
        }
        if self.at < self.text.len() && self.byte() == 0 { 1 } else { self.byte() }
    }

    fn take(&mut self, byte: u8) -> Result<(), JsonFault> {
        if self.space() != byte {
            return Err(JsonFault::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<(), JsonFault> {
        let first = self.space();
        match first {
            b'{' | b'[' if depth == DEPTH => Err(JsonFault::TooDeep),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'"' => self.string().map(|_| ()),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), JsonFault> {
        self.take(b'{')?;
        let (mut names, mut twice) = (BTreeSet::new(), false);
        if self.space() != b'}' {
            loop {
                if self.space() != b'"' {
                    return Err(JsonFault::Syntax);
                }
                twice |= !names.insert(self.string()?);
                self.take(b':')?;
                self.value(depth)?;
                if self.space() != b',' {
                    break;
                }
                self.at += 1;
            }
        }
        self.take(b'}')?;
        if twice { Err(JsonFault::DuplicateMember) } else { Ok(()) }
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonFault> {
        self.take(b'[')?;
        if self.space() != b']' {
            loop {
                self.value(depth)?;
                if self.space() != b',' {
                    break;
                }
                self.at += 1;
            }
        }
        self.take(b']')
    }

    /// The code units of UTF-16, in which lone surrogates have a place.
    fn string(&mut self) -> Result<Vec<u16>, JsonFault> {
        self.at += 1;
        let mut units = Vec::new();
        let mut plain = Vec::new();
        loop {
            let byte = self.byte();
            self.at += 1;
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                plain.push(byte);
                continue;
            }
            units.extend(std::str::from_utf8(&plain).unwrap().encode_utf16());
            plain.clear();
            match byte {
                b'"' => return Ok(units),
                b'\\' => units.push(self.escape()?),
                _ => return Err(JsonFault::Syntax),
            }
        }
    }

    fn escape(&mut self) -> Result<u16, JsonFault> {
        let byte = self.byte();
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => byte.into(),
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                let mut unit = 0;
                for _ in 0..4 {
                    let digit = char::from(self.byte()).to_digit(16).ok_or(JsonFault::Syntax)?;
                    unit = unit << 4 | u16::try_from(digit).unwrap();
                    self.at += 1;
                }
                unit
            }
            _ => return Err(JsonFault::Syntax),
        })
    }

    fn literal(&mut self, literal: &str) -> Result<(), JsonFault> {
        if !self.text[self.at..].starts_with(literal.as_bytes()) {
            return Err(JsonFault::Syntax);
        }
        self.at += literal.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonFault> {
        if self.byte() == b'-' {
            self.at += 1;
        }
        if self.byte() == b'0' && self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            return Err(JsonFault::Syntax);
        }
        self.digits()?;
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(JsonFault::Syntax) } else { Ok(()) }
    }
}

fn agree(text: &[u8]) -> Result<(), JsonFault> {
    let verdict = Plain::verdict(text);
    assert_eq!(check(text, DEPTH), verdict, "{}", String::from_utf8_lossy(text).escape_debug());
    verdict
}

/// Texts from a seed, always the same.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 32).unwrap() % below
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.next(all.len())]
    }

    fn space(&mut self) -> &'static str {
        self.one_of(&["", "", "", "", "", " ", "\n", "\r\n\t  ", "                                "])
    }

    fn string(&mut self) -> String {
        let pieces = [
            "a",
            "b",
            "name",
            "id",
            "\\n",
            "\\\"",
            "\\\\",
            "\\u0061",
            "\\u00FC",
            "ü",
            "€",
            "😀",
            "\\ud83d\\ude00",
            "\\ud800",
            "\\udc00",
            "/",
            "{",
            "]",
            ",",
            ":",
            " ",
            "\u{7f}",
            "0",
            "12345678",
            "a longer piece of a text ",
        ];
        let count = self.one_of(&[0, 1, 1, 1, 2, 3, 9]);
        format!("\"{}\"", (0..count).map(|_| self.one_of(&pieces)).collect::<String>())
    }

    fn value(&mut self, depth: usize, out: &mut String) {
        out.push_str(self.space());
        match self.next(if depth >= DEPTH { 7 } else { 10 }) {
            0 | 1 => {
                let numbers =
                    ["0", "-0", "7", "12345678", "123456789012", "-1.5", "0.25e-3", "1E+9", "10e10", "99999999.5"];
                out.push_str(self.one_of(&numbers));
            }
            2 => out.push_str(self.one_of(&["true", "false", "null"])),
            3..=6 => out.push_str(&self.string()),
            7 => {
                let count = self.next(5);
                self.items(count, "[]", out, |random, out| random.value(depth + 1, out));
            }
            _ => {
                let count = self.one_of(&[0, 1, 3, 5, 8, 9, 31, 32, 33, 40]);
                let mut number = 0;
                // Names of its own, or a few that repeat.
                let own = self.next(4) > 0;
                self.items(count, "{}", out, |random, out| {
                    number += 1;
                    let name = if own {
                        format!("\"{}{number}\"", random.one_of(&["", "name", "a long name, "]))
                    } else {
                        random.string()
                    };
                    out.push_str(random.space());
                    out.push_str(&name);
                    out.push_str(random.space());
                    out.push(':');
                    let depth = if count > 8 { DEPTH } else { depth + 1 };
                    random.value(depth, out);
                });
            }
        }
        out.push_str(self.space());
    }

    fn items(&mut self, count: usize, brackets: &str, out: &mut String, mut item: impl FnMut(&mut Self, &mut String)) {
        out.push_str(&brackets[..1]);
        for n in 0..count {
            if n > 0 {
                out.push(',');
            }
            item(self, out);
        }
        out.push_str(&brackets[1..]);
    }

    fn mutate(&mut self, text: &mut Vec<u8>) {
        let bytes = b"\"\\{}[],: \t\n\r09-+.eEtfnul/abuxX\x00\x01\x1f\x7f\x80\xbf\xc3\xa4\xe2\xed\xf0\xff";
        let (at, byte) = (self.next(text.len().max(1)), self.one_of(bytes));
        match self.next(4) {
            _ if text.is_empty() => text.push(byte),
            0 => text[at] = byte,
            1 => text.insert(at, byte),
            2 => drop(text.remove(at)),
            _ => text.truncate(at),
        }
    }
}

#[test]
fn the_reader_agrees_with_a_plain_one_on_generated_texts() {
    let mut random = Random(0x5eed);
    let mut verdicts = Vec::new();
    for _ in 0..6_000 {
        let mut text = String::new();
        random.value(0, &mut text);
        let mut text = text.into_bytes();
        verdicts.push(agree(&text));
        for _ in 0..3 {
            random.mutate(&mut text);
            verdicts.push(agree(&text));
        }
    }
    use JsonFault::{DuplicateMember, Syntax, TrailingBytes, Utf8};
    for verdict in [Ok(()), Err(DuplicateMember), Err(Syntax), Err(TrailingBytes), Err(Utf8)] {
        let count = verdicts.iter().filter(|own| **own == verdict).count();
        assert!(count > 100, "{verdict:?} only {count} times");
    }
}

#[test]
fn no_byte_hides_behind_the_boundary_of_a_block() {
    let pieces: &[&[u8]] = &[
        b"",
        b"\"",
        b"\\",
        b"\\\"",
        b"\\n",
        b"\\x",
        b"\\u00e4",
        b"\\u00g4",
        b"\\ud83d\\ude00",
        b"\x00",
        b"\x1f",
        b"\n",
        b"\x7f",
        b"\xc3\xa4",
        b"\xe2\x82\xac",
        b"\xf0\x9f\x98\x80",
        b"\x80",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xff",
    ];
    for offset in 0..130 {
        let plain = vec![b'a'; offset];
        let digits = vec![b'7'; offset + 1];
        let space = vec![b' '; offset];
        for piece in pieces {
            for after in [0, 1, 7, 63, 64, 130] {
                let after = vec![b'a'; after];
                let string = [b"\"", &*plain, piece, &after, b"\""].concat();
                let _ = agree(&string);
                let _ = agree(&string[..string.len() - 1]);
                // As two names of one object, which are the same but for a byte at the end.
                for other in [&b""[..], b"b"] {
                    let name = [b"\"", &*plain, piece, &after, other, b"\""].concat();
                    let _ = agree(&[b"{", &*string, b":1,", &name, b":{}}"].concat());
                }
            }
            let _ = agree(&[b"[", &*space, piece, &space, b"]"].concat());
            let _ = agree(&[b"[", &*digits, piece, b"]"].concat());
            let _ = agree(&[b"[-0.", &*digits, piece, b"e+", &digits, b"]"].concat());
        }
        for end in ["", "]", "}", ",", ", 1", ":", "e", ".", "x"] {
            let _ = agree(&[b"[", &*space, b"1", &space, end.as_bytes()].concat());
            let _ = agree(&[b"[", &*space, b"true", end.as_bytes()].concat());
            let _ = agree(&[b"[", &*digits, end.as_bytes()].concat());
        }
    }
}

#[test]
fn a_name_is_found_twice_among_any_number_of_names() {
    for count in 1..80 {
        // Names that begin alike, and such that differ in their first bytes.
        for begin in ["", "the same beginning of "] {
            let names: Vec<_> = (0..count).map(|n| format!("\"{begin}{n}\":0")).collect();
            let object = |names: &[String]| format!("{{{}}}", names.join(","));
            assert_eq!(agree(object(&names).as_bytes()), Ok(()));
            for twice in 0..count {
                let mut names = names.clone();
                names.insert(count / 2, format!("\"{begin}{twice}\":0"));
                assert_eq!(agree(object(&names).as_bytes()), Err(JsonFault::DuplicateMember));
            }
        }
    }
}
