//! The wire format of protocol buffers, as far as it is needed: fields without groups.

/// The content of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire<'a> {
    /// A string, bytes, or a message.
    Bytes(&'a [u8]),
    /// A double.
    Fixed64(u64),
    /// An integer, an enum, or a bool.
    Varint(u64),
}

/// Calls `field` with the number and content of each field, in order. `None` if `bytes` are not a message, or `field`
/// returned `None`.
pub fn for_each_field(mut bytes: &[u8], mut field: impl FnMut(u64, Wire<'_>) -> Option<()>) -> Option<()> {
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let wire = match tag & 7 {
            0 => Wire::Varint(varint(&mut bytes)?),
            1 => Wire::Fixed64(u64::from_le_bytes(take(&mut bytes, 8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Wire::Bytes(take(&mut bytes, length)?)
            }
            _ => return None,
        };
        field(tag >> 3, wire)?;
    }
    Some(())
}

/// Appends a string or bytes as field `number`, which is below 16.
pub fn put_bytes(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = content.len();
    while length >= 0x80 {
        message.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(content);
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *take(bytes, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read() {
        for size in [0, 1, 127, 128, 16_383, 16_384, 100_000] {
            let mut message = Vec::new();
            put_bytes(&mut message, 15, &vec![7; size]);
            let mut seen = Vec::new();
            for_each_field(&message, |number, wire| {
                assert_eq!(wire, Wire::Bytes(&vec![7; size]));
                seen.push(number);
                Some(())
            });
            assert_eq!(seen, [15], "{size} bytes");
        }
    }
}
