//! The proxy-wasm host: callbacks become events of the gate, effects become host calls. Nothing here depends on OAuth.

#![cfg(target_family = "wasm")]
// The SDK's macro creates a function without documentation.
#![allow(missing_docs)]

mod callout;
mod host;
mod http;
mod log;
mod metrics;
mod possession;
mod root;
mod signature;
mod step;
mod worker;

use proxy_wasm::traits::RootContext;
use root::Root;
use toolgate::version::DESCRIPTION;

/// The custom section [`toolgate::version::SECTION`], which `toolgate version FILE` reads.
// The attribute can break memory safety in a section that is loaded. This one is not loaded.
#[allow(unsafe_code)]
#[used]
#[unsafe(link_section = "toolgate")]
static SECTION: [u8; DESCRIPTION.len()] = match DESCRIPTION.as_bytes().first_chunk() {
    Some(bytes) => *bytes,
    None => [0; DESCRIPTION.len()],
};

proxy_wasm::main! {{
    log::start();
    proxy_wasm::set_root_context(|id| -> Box<dyn RootContext> { Box::new(Root::new(id)) });
}}
