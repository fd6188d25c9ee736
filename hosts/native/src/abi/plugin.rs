//! One configuration of the filter: its metrics, its calls, and the way to the main thread. And the log.

use std::ffi::{CStr, c_void};
use std::ptr::{NonNull, null_mut};

use super::imports::*;
use toolgate::callout::Request;

/// Writes to Envoy's log. Only [`crate::log`] does, which knows what a line may hold.
pub fn log(level: u32, line: &str) {
    // SAFETY: the bytes are those of a slice.
    unsafe { envoy_dynamic_module_callback_log(level, Ours::new(line.as_bytes())) }
}

/// Whether Envoy prints lines of this level.
pub fn prints(level: u32) -> bool {
    // SAFETY: no pointers.
    unsafe { envoy_dynamic_module_callback_log_enabled(level) }
}

/// A function that only newer versions of Envoy have.
fn newer(name: &CStr) -> Option<NonNull<c_void>> {
    // SAFETY: the name ends with a zero. The null handle is that of all loaded objects, the program first.
    NonNull::new(unsafe { newer::dlsym(null_mut(), name.as_ptr()) })
}

const INCREMENT: &CStr = c"envoy_dynamic_module_callback_http_filter_config_increment_counter";
const SET: &CStr = c"envoy_dynamic_module_callback_http_filter_config_set_gauge";

/// Whether Envoy only checks its configuration. Versions before 1.40 do not tell.
pub fn only_validates() -> bool {
    newer(c"envoy_dynamic_module_callback_is_validation_mode").is_some_and(|function| {
        // SAFETY: the function of this name has this type.
        unsafe { std::mem::transmute::<*mut c_void, newer::Ask>(function.as_ptr())() }
    })
}

/// The filter of one configuration, in Envoy.
#[derive(Clone, Copy)]
pub struct Plugin(NonNull<c_void>);

// SAFETY: a name, which threads may pass on. They use it as the head of `abi.rs` says.
unsafe impl Send for Plugin {}
// SAFETY: as above.
unsafe impl Sync for Plugin {}

impl Plugin {
    /// The configuration that a hook is about.
    pub fn new(pointer: *mut c_void) -> Option<Self> {
        NonNull::new(pointer).map(Self)
    }

    /// Defines a metric with one label. Envoy allows it while it reads the configuration, and never after.
    pub fn define(self, kind: Kind, name: &str, label: &str) -> Result<Metric, HostFault> {
        let (name, label) = (Ours::new(name.as_bytes()), Ours::new(label.as_bytes()));
        let (config, mut id) = (self.0.as_ptr(), 0);
        // SAFETY: the pointers are to locals; the bytes are those of slices.
        let status = unsafe {
            match kind {
                Kind::Counter => envoy_dynamic_module_callback_http_filter_config_define_counter(
                    config,
                    name,
                    &raw const label,
                    1,
                    &raw mut id,
                ),
                Kind::Gauge => envoy_dynamic_module_callback_http_filter_config_define_gauge(
                    config,
                    name,
                    &raw const label,
                    1,
                    &raw mut id,
                ),
            }
        };
        check(status == 0)?;
        Ok(Metric(kind, id))
    }

    /// Whether Envoy takes metrics without a stream. Envoy 1.38 does not.
    pub fn can_measure(self) -> bool {
        newer(INCREMENT).is_some() && newer(SET).is_some()
    }

    /// Adds to a counter, or sets a gauge, for this value of its label.
    pub fn measure(self, Metric(kind, id): Metric, label: &str, value: u64) -> Result<(), HostFault> {
        let function = match kind {
            Kind::Counter => newer(INCREMENT),
            Kind::Gauge => newer(SET),
        };
        let label = Ours::new(label.as_bytes());
        // SAFETY: the functions of these names have this type; the pointer is to a local.
        let status = unsafe {
            let measure = std::mem::transmute::<*mut c_void, newer::Measure>(function.ok_or(HostFault)?.as_ptr());
            measure(self.0.as_ptr(), id, &raw const label, 1, value)
        };
        check(status == 0)
    }

    /// Sends a request. Returns Envoy's name for the call, or its status: no answer will come then.
    pub fn call(self, request: &Request) -> Result<u64, u32> {
        let (fields, mut call) = (fields(&request.headers), 0);
        let body = request.body.as_deref().map_or(Ours::NONE, Ours::new);
        let timeout = u64::try_from(request.timeout.as_millis()).unwrap_or(u64::MAX);
        // SAFETY: the bytes are those of slices, as are the fields; the pointer is to a local.
        let status = unsafe {
            envoy_dynamic_module_callback_http_filter_config_http_callout(
                self.0.as_ptr(),
                &raw mut call,
                Ours::new(request.cluster.as_bytes()),
                fields.as_ptr(),
                fields.len(),
                body,
                timeout,
            )
        };
        if status == 0 { Ok(call) } else { Err(status) }
    }

    /// A way to the main thread.
    pub fn scheduler(self) -> Option<MainScheduler> {
        // SAFETY: the configuration exists.
        NonNull::new(unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_new(self.0.as_ptr()) })
            .map(MainScheduler)
    }
}

/// A way to the main thread, for other threads.
pub struct MainScheduler(NonNull<c_void>);

// SAFETY: Envoy's object is made for use by several threads.
unsafe impl Send for MainScheduler {}
// SAFETY: as above.
unsafe impl Sync for MainScheduler {}

impl MainScheduler {
    /// Has Envoy call the configuration's hook for scheduled events, on the main thread.
    pub fn commit(&self) {
        // SAFETY: the scheduler exists until this value is dropped.
        unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_commit(self.0.as_ptr(), 0) }
    }
}

impl Drop for MainScheduler {
    fn drop(&mut self) {
        // SAFETY: nothing uses it any more.
        unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_delete(self.0.as_ptr()) }
    }
}

/// The versions of the ABI that the module was run with, as the start-up line tells them.
pub const VERSIONS: &str = "dynamic modules v0.1.0, v0.2.0";

/// The version that this module declares: that of the Envoy around it, if it was run there. Envoy warns if its own is
/// another one.
pub fn version() -> &'static CStr {
    // A function that came with v0.2.0, in Envoy 1.40.
    let is_new = newer(c"envoy_dynamic_module_callback_get_runtime_bool").is_some();
    if is_new { c"v0.2.0" } else { c"v0.1.0" }
}
