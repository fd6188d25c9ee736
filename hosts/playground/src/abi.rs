//! The interface to the page, by a plain C ABI: the page writes a text into `room`, calls `answer` or `linked`, and reads the
//! text that has taken its place.
//!
//! wasm-bindgen would bring a second tool of the same version and a generated script for what are few functions over one
//! text. This file is the only one that turns off the lint on unsafe code: it exports names, and has no unsafe block.
#![allow(unsafe_code)]

use std::cell::RefCell;

use serde::Serialize;
use serde::de::DeserializeOwned;

thread_local! {
    /// The text that passes between the page and this module.
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Begins. Without a function of this name, the linker would begin and end around each of the others.
#[unsafe(no_mangle)]
pub extern "C" fn _initialize() {}

/// Makes room for a text of so many bytes, and returns its address.
#[unsafe(no_mangle)]
pub extern "C" fn room(bytes: usize) -> *mut u8 {
    TEXT.with_borrow_mut(|text| {
        text.clear();
        text.resize(bytes, 0);
        text.as_mut_ptr()
    })
}

/// The address of the text.
#[unsafe(no_mangle)]
pub extern "C" fn place() -> *const u8 {
    TEXT.with_borrow(|text| text.as_ptr())
}

/// Replaces the case by the answers about it, and returns their length.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> usize {
    replace(crate::answer)
}

/// Replaces the case by its form in a link, and returns its length. `link` is a function of libc.
#[unsafe(no_mangle)]
pub extern "C" fn linked() -> usize {
    replace(crate::link)
}

fn replace<T: DeserializeOwned, R: Serialize>(function: impl FnOnce(T) -> R) -> usize {
    TEXT.with_borrow_mut(|text| {
        let asked = serde_json::from_slice(text);
        let answer = asked.and_then(|asked| serde_json::to_vec(&function(asked)));
        // The page wrote the text itself: it is wrong only if the page is.
        *text = answer.unwrap_or_else(|fault| serde_json::json!({ "error": fault.to_string() }).to_string().into());
        text.len()
    })
}
