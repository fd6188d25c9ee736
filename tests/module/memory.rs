//! The lowest addresses, which `optimize/optimize.mjs` assumes to be unused: no static data is there, and the stack,
//! which ends there, is never that deep. The latter is checked whenever a [`Worker`] is dropped, so by every test that
//! runs the module.

use crate::support::bootstrap::module_bytes;
use crate::support::core::{NOW, minimal};
use crate::support::interpreter::{LOW_MEMORY, Worker};

fn take<'m>(bytes: &mut &'m [u8], count: usize) -> &'m [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

/// A number that is not negative, in LEB128.
fn number(bytes: &mut &[u8]) -> usize {
    let byte = usize::from(take(bytes, 1)[0]);
    if byte < 0x80 { byte } else { byte - 0x80 + (number(bytes) << 7) }
}

/// The addresses of the data segments of a module.
fn segments(module: &[u8]) -> Vec<usize> {
    const DATA: u8 = 11;
    const ACTIVE: u8 = 0;
    const I32_CONST: u8 = 0x41;
    const END: u8 = 0x0b;
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0").expect("a module");
    let mut addresses = Vec::new();
    while !rest.is_empty() {
        let id = take(&mut rest, 1)[0];
        let size = number(&mut rest);
        let mut section = take(&mut rest, size);
        let count = if id == DATA { number(&mut section) } else { 0 };
        for _ in 0..count {
            assert_eq!(take(&mut section, 2), [ACTIVE, I32_CONST]);
            addresses.push(number(&mut section));
            assert_eq!(take(&mut section, 1), [END]);
            let size = number(&mut section);
            take(&mut section, size);
        }
    }
    addresses
}

#[test]
fn no_static_data_is_at_the_lowest_addresses() {
    let placed = segments(&module_bytes());
    assert!(!placed.is_empty());
    assert!(placed.iter().all(|address| *address >= LOW_MEMORY), "{placed:?}");
    let low = segments(b"\0asm\x01\0\0\0\x05\x03\x01\0\x01\x0b\x0e\x02\0\x41\x88\x08\x0b\x01x\0\x41\x08\x0b\x01x");
    assert_eq!(low, [1032, 8]);
}

#[test]
#[should_panic(expected = "the lowest addresses were written to")]
fn a_write_to_the_lowest_addresses_fails_the_test_that_made_it() {
    Worker::start(&minimal(), NOW).write_low();
}
