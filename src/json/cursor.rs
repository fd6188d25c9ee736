//! A place in a JSON text, and the tokens that start there.
//!
//! Most tokens are short: what is inlined reads them eight bytes at a time, and leaves everything else to a call.

use super::JsonFault;
use super::string::{self, Text};
use crate::bytes::{count_digits, first_no_digit};

/// A place in a text. Small enough to stay in registers while a long value is passed over.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The whole text.
    #[inline(always)]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The number of bytes before this place.
    #[inline(always)]
    pub fn at(&self) -> usize {
        self.at
    }

    /// The text from `start` up to here.
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// Passes over this many bytes.
    #[inline(always)]
    pub fn advance(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Passes over white space and returns the byte after it.
    #[inline(always)]
    pub fn next(&mut self) -> Option<u8> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => {
                self.at = after_white_space(self.bytes, self.at);
                self.bytes.get(self.at).copied()
            }
        }
    }

    /// Passes over the string whose opening quote is here.
    #[inline(always)]
    pub fn string(&mut self) -> Result<Text<'a>, JsonFault> {
        let text = string::scan(self.bytes, self.at + 1)?;
        self.at += text.raw().len() + 2;
        Ok(text)
    }

    /// Passes over the number, `true`, `false` or `null` that is here.
    #[inline(always)]
    pub fn scalar(&mut self) -> Result<(), JsonFault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        // Nearly every number is a few digits and the byte that ends it.
        let short = first_no_digit(rest).filter(|length| match rest.get(*length) {
            Some(b'.' | b'e' | b'E') | None => false,
            Some(_) => *length == 1 || (*length > 1 && rest.first() != Some(&b'0')),
        });
        self.at += match short {
            Some(length) => length,
            None => scalar_length(rest).ok_or(JsonFault::Syntax)?,
        };
        Ok(())
    }
}

#[inline(never)]
fn after_white_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// The length of the number, `true`, `false` or `null` at the start of `bytes`.
#[inline(never)]
fn scalar_length(bytes: &[u8]) -> Option<usize> {
    match bytes.first_chunk() {
        Some(b"true" | b"null") => Some(4),
        Some(b"fals") => bytes.get(4).filter(|last| **last == b'e').map(|_| 5),
        _ => number_length(bytes),
    }
}

/// The length of the number at the start of `bytes`: `[ "-" ] int [ "." 1*DIGIT ] [ "e" [ sign ] 1*DIGIT ]`.
fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| count_digits(bytes.get(from..).unwrap_or_default());
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let integer = digits(at);
    if integer == 0 || (integer > 1 && bytes.get(at) == Some(&b'0')) {
        return None;
    }
    at += integer;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + fraction;
        if fraction == 0 {
            return None;
        }
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        at += exponent;
        if exponent == 0 {
            return None;
        }
    }
    Some(at)
}
