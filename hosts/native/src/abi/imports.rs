//! The functions of Envoy that the module calls, as the ABI declares them.

use std::ffi::{c_char, c_void};
use std::ptr::null;
use std::slice::from_raw_parts;

/// Envoy refused a call.
#[derive(Clone, Copy, Debug)]
pub struct HostFault;

pub fn check(is_done: bool) -> Result<(), HostFault> {
    if is_done { Ok(()) } else { Err(HostFault) }
}

/// Bytes of Envoy, which are valid until the end of the hook, or until they are changed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Theirs {
    pub data: *const u8,
    pub size: usize,
}

/// Bytes of the module, which Envoy copies.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Ours {
    pub data: *const u8,
    pub size: usize,
}

/// A header field of either side.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Field {
    pub name: *const u8,
    pub name_size: usize,
    pub value: *const u8,
    pub value_size: usize,
}

impl Ours {
    pub fn new(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), size: bytes.len() }
    }

    /// Nothing, which is not the same as no bytes.
    pub const NONE: Self = Self { data: null(), size: 0 };
}

impl Theirs {
    /// # Safety
    /// Envoy gave it in the current hook, and nothing has changed the bytes since.
    pub unsafe fn bytes<'h>(self) -> &'h [u8] {
        if self.data.is_null() { &[] } else { unsafe { from_raw_parts(self.data, self.size) } }
    }
}

impl Field {
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: name.as_ptr(), name_size: name.len(), value: value.as_ptr(), value_size: value.len() }
    }

    /// # Safety
    /// As for [`Theirs::bytes`].
    pub unsafe fn pair<'h>(self) -> (&'h [u8], &'h [u8]) {
        let name = Theirs { data: self.name, size: self.name_size };
        let value = Theirs { data: self.value, size: self.value_size };
        unsafe { (name.bytes(), value.bytes()) }
    }
}

/// The fields of a message to Envoy.
pub fn fields<'f>(pairs: impl IntoIterator<Item = &'f (&'static str, String)>) -> Vec<Field> {
    pairs.into_iter().map(|(name, value)| Field::new(name, value)).collect()
}

unsafe extern "C" {
    pub fn envoy_dynamic_module_callback_log(level: u32, line: Ours);
    pub fn envoy_dynamic_module_callback_log_enabled(level: u32) -> bool;

    pub fn envoy_dynamic_module_callback_http_filter_config_define_counter(
        config: *mut c_void,
        name: Ours,
        labels: *const Ours,
        labels_count: usize,
        id: *mut usize,
    ) -> u32;
    pub fn envoy_dynamic_module_callback_http_filter_config_define_gauge(
        config: *mut c_void,
        name: Ours,
        labels: *const Ours,
        labels_count: usize,
        id: *mut usize,
    ) -> u32;

    pub fn envoy_dynamic_module_callback_http_filter_increment_counter(
        filter: *mut c_void,
        id: usize,
        labels: *const Ours,
        labels_count: usize,
        value: u64,
    ) -> u32;
    pub fn envoy_dynamic_module_callback_http_filter_set_gauge(
        filter: *mut c_void,
        id: usize,
        labels: *const Ours,
        labels_count: usize,
        value: u64,
    ) -> u32;

    pub fn envoy_dynamic_module_callback_http_get_header(
        filter: *mut c_void,
        map: u32,
        name: Ours,
        value: *mut Theirs,
        index: usize,
        count: *mut usize,
    ) -> bool;
    pub fn envoy_dynamic_module_callback_http_get_headers_size(filter: *mut c_void, map: u32) -> usize;
    pub fn envoy_dynamic_module_callback_http_get_headers(filter: *mut c_void, map: u32, fields: *mut Field) -> bool;
    pub fn envoy_dynamic_module_callback_http_add_header(
        filter: *mut c_void,
        map: u32,
        name: Ours,
        value: Ours,
    ) -> bool;
    pub fn envoy_dynamic_module_callback_http_set_header(
        filter: *mut c_void,
        map: u32,
        name: Ours,
        value: Ours,
    ) -> bool;
    pub fn envoy_dynamic_module_callback_http_send_response(
        filter: *mut c_void,
        status: u32,
        fields: *const Field,
        fields_count: usize,
        body: Ours,
        details: Ours,
    );

    pub fn envoy_dynamic_module_callback_http_send_response_headers(
        filter: *mut c_void,
        fields: *const Field,
        fields_count: usize,
        end: bool,
    );

    pub fn envoy_dynamic_module_callback_http_get_body_size(filter: *mut c_void, body: u32) -> usize;
    pub fn envoy_dynamic_module_callback_http_get_body_chunks_size(filter: *mut c_void, body: u32) -> usize;
    pub fn envoy_dynamic_module_callback_http_get_body_chunks(
        filter: *mut c_void,
        body: u32,
        chunks: *mut Theirs,
    ) -> bool;
    pub fn envoy_dynamic_module_callback_http_append_body(filter: *mut c_void, body: u32, bytes: Ours) -> bool;
    pub fn envoy_dynamic_module_callback_http_drain_body(filter: *mut c_void, body: u32, size: usize) -> bool;
    pub fn envoy_dynamic_module_callback_http_received_buffered_request_body(filter: *mut c_void) -> bool;
    pub fn envoy_dynamic_module_callback_http_received_buffered_response_body(filter: *mut c_void) -> bool;

    pub fn envoy_dynamic_module_callback_http_set_filter_state_bytes(
        filter: *mut c_void,
        name: Ours,
        value: Ours,
    ) -> bool;
    pub fn envoy_dynamic_module_callback_http_filter_get_attribute_string(
        filter: *mut c_void,
        attribute: u32,
        value: *mut Theirs,
    ) -> bool;
    pub fn envoy_dynamic_module_callback_http_filter_get_attribute_bool(
        filter: *mut c_void,
        attribute: u32,
        value: *mut bool,
    ) -> bool;
    pub fn envoy_dynamic_module_callback_http_filter_continue_decoding(filter: *mut c_void);
    pub fn envoy_dynamic_module_callback_http_filter_reset_stream(filter: *mut c_void, reason: u32, details: Ours);

    pub fn envoy_dynamic_module_callback_http_filter_scheduler_new(filter: *mut c_void) -> *mut c_void;
    pub fn envoy_dynamic_module_callback_http_filter_scheduler_commit(scheduler: *mut c_void, event: u64);
    pub fn envoy_dynamic_module_callback_http_filter_scheduler_delete(scheduler: *mut c_void);
    pub fn envoy_dynamic_module_callback_http_filter_config_scheduler_new(config: *mut c_void) -> *mut c_void;
    pub fn envoy_dynamic_module_callback_http_filter_config_scheduler_commit(scheduler: *mut c_void, event: u64);
    pub fn envoy_dynamic_module_callback_http_filter_config_scheduler_delete(scheduler: *mut c_void);

    pub fn envoy_dynamic_module_callback_http_filter_config_http_callout(
        config: *mut c_void,
        call: *mut u64,
        cluster: Ours,
        fields: *const Field,
        fields_count: usize,
        body: Ours,
        timeout: u64,
    ) -> u32;
}

/// Functions that not every supported Envoy has. The C library finds them, if they are there.
pub mod newer {
    use super::{Ours, c_char, c_void};

    /// `..._http_filter_config_increment_counter` and `..._http_filter_config_set_gauge`.
    pub type Measure = unsafe extern "C" fn(*mut c_void, usize, *const Ours, usize, u64) -> u32;
    /// `..._is_validation_mode`
    pub type Ask = unsafe extern "C" fn() -> bool;

    unsafe extern "C" {
        pub fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    }
}

/// The kind of a metric.
#[derive(Clone, Copy)]
pub enum Kind {
    Counter,
    Gauge,
}

/// A metric of Envoy.
#[derive(Clone, Copy)]
pub struct Metric(pub Kind, pub usize);
