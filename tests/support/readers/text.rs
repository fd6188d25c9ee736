//! Texts as careless readers decode them.

pub(super) fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| text[at] == b'%') {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}

/// Every text that the bytes may stand for.
pub(super) fn texts(body: &[u8]) -> Vec<String> {
    let mut texts = vec![careless_utf8(body)];
    if body.contains(&0) || body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff") {
        for width in [2, 4] {
            for skip in 0..width {
                let bytes = body.get(skip..).unwrap_or_default();
                for little in [true, false] {
                    let unit = |unit: &[u8]| {
                        let fold = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
                        if little { unit.iter().rev().fold(0, fold) } else { unit.iter().fold(0, fold) }
                    };
                    let chars = bytes.chunks(width).map(|one| char::from_u32(unit(one)).unwrap_or('\u{fffd}'));
                    texts.push(chars.collect());
                }
            }
        }
    }
    if texts[0].contains("+A") {
        texts.push(utf7(&texts[0]));
    }
    if !texts[0].contains('{') {
        texts.push(String::from_utf8_lossy(&percent_decoded(&texts[0].replace('+', " ").into_bytes())).into_owned());
    }
    texts
}

/// UTF-8 as decoders read it that check neither for overlong forms nor for
/// surrogates.
fn careless_utf8(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let (length, bits) = match bytes[at] {
            byte @ 0xc0..0xe0 => (2, byte & 0x1f),
            byte @ 0xe0..0xf0 => (3, byte & 0xf),
            byte @ 0xf0..0xf8 => (4, byte & 7),
            byte @ 0..0x80 => (1, byte),
            _ => (1, 0),
        };
        let rest = bytes.get(at + 1..at + length).filter(|rest| rest.iter().all(|byte| byte & 0xc0 == 0x80));
        let valid = rest.filter(|_| length > 1 || bytes[at] < 0x80);
        let code = valid.map(|rest| rest.iter().fold(u32::from(bits), |code, byte| code << 6 | u32::from(byte & 0x3f)));
        text.push(code.and_then(char::from_u32).unwrap_or('\u{fffd}'));
        at += if rest.is_some() { length } else { 1 };
    }
    text
}

/// UTF-7 (RFC 2152) of characters up to U+FFFF.
fn utf7(text: &str) -> String {
    use base64::Engine;
    let engine = base64::engine::general_purpose::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let mut parts = text.split('+');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '/').unwrap_or(part.len());
        let units = engine.decode(&part[..end]).unwrap_or_default();
        out.extend(
            units.chunks(2).filter_map(|unit| char::from_u32(unit.iter().fold(0, |c, b| c << 8 | u32::from(*b)))),
        );
        out.push_str(part[end..].strip_prefix('-').unwrap_or(&part[end..]));
    }
    out
}
