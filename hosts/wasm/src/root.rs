//! The root context: reads the configuration, and passes on ticks and the answers to calls.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use crate::host::{self, Buffer};
use crate::http::Stream;
use crate::worker::Worker;
use toolgate::config::Config;
use toolgate::gate::AT_ONCE;
use toolgate::version;
use toolgate::workers::SharedNames;

/// The largest plugin configuration: far beyond any real one, far below a worker's memory.
const MAX_CONFIGURATION: usize = 64 << 20;

/// One plugin instance in one worker.
pub struct Root {
    id: u32,
    /// `None` until it is configured.
    worker: Option<Rc<Worker>>,
}

impl Root {
    pub fn new(id: u32) -> Self {
        Self { id, worker: None }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, call: u32, _headers: usize, body_size: usize, _trailers: usize) {
        if let Some(worker) = &self.worker {
            worker.answered(call, body_size);
        }
    }
}

/// The host deletes the context right after it has told that it is done. To be told, too, would cost every stream a
/// callback, because the host has one of that name for all contexts.
impl Drop for Root {
    fn drop(&mut self) {
        if let Some(worker) = &self.worker {
            worker.release();
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = host::buffer(Buffer::PluginConfiguration, MAX_CONFIGURATION).unwrap_or_default();
        let config = match Config::parse(&bytes, &|name| std::env::var(name).ok()) {
            Ok(config) => config,
            Err(faults) => {
                faults.iter().for_each(|fault| log::error!("configuration refused: {fault}"));
                return false;
            }
        };
        config.warnings.iter().for_each(|warning| log::warn!("configuration: {warning}"));
        log::info!("{}", version::started(&config, version::ABI, &host_name()));
        let property = |name| host::property(name).unwrap_or_default();
        let names = SharedNames::new(&property("plugin_name"), &property("plugin_root_id"));
        self.worker = Some(Rc::new(Worker::new(self.id, config, &names)));
        if host::set_tick_period(AT_ONCE).is_err() {
            log::error!("configuration refused: the host has no timer");
            return false;
        }
        true
    }

    fn on_tick(&mut self) {
        if let Some(worker) = &self.worker {
            worker.tick();
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(id, self.worker.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// The name and version of the host, as far as they are known.
fn host_name() -> String {
    let name = host::property("xds\0node\0user_agent_name").and_then(|name| String::from_utf8(name).ok());
    let Some(name) = name.filter(|name| !name.is_empty()) else { return "an unknown host".to_owned() };
    let number = |part| {
        let bytes = host::property(&format!("xds\0node\0user_agent_build_version\0version\0{part}"))?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    match (number("major_number"), number("minor_number"), number("patch")) {
        (Some(major), Some(minor), Some(patch)) => format!("{name} {major}.{minor}.{patch}"),
        _ => name,
    }
}
