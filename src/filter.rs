//! The host's side: callbacks become events of the core, effects become host calls. Nothing here knows OAuth.

mod callout;
mod drift;
mod host;
mod http;
mod introspection;
mod keys;
mod log;
mod metrics;
mod possession;
mod publish;
mod remote;
mod root;
mod shared;
mod signature;
mod sink;

use proxy_wasm::traits::RootContext;
use root::Root;

proxy_wasm::main! {{
    log::start();
    proxy_wasm::set_root_context(|id| -> Box<dyn RootContext> { Box::new(Root::new(id)) });
}}
