//! The host's side: callbacks become events of the gate, effects become host calls. Nothing here knows OAuth.

#![cfg(target_family = "wasm")]
// The macro of the SDK makes a function that has none.
#![allow(missing_docs)]

mod callout;
mod host;
mod http;
mod log;
mod metrics;
mod possession;
mod root;
mod signature;
mod worker;

use proxy_wasm::traits::RootContext;
use root::Root;

proxy_wasm::main! {{
    log::start();
    proxy_wasm::set_root_context(|id| -> Box<dyn RootContext> { Box::new(Root::new(id)) });
}}
