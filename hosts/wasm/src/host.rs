//! Host calls (proxy-wasm ABI 0.2.1) that return their failures. The SDK's own wrappers panic on an unexpected status,
//! and one panic ends every stream of the worker.

#![allow(unsafe_code)]

mod abi;
mod memory;

use std::ptr::null_mut;

use toolgate::exchange::HeaderEdit;
use toolgate::headers::Headers;
use toolgate::reply::Reply;
use toolgate::time::UnixTime;
use toolgate::workers::{NotShared, SharedData, Versioned};

/// A map of header fields.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    ResponseTrailers = 3,
    CallResponseHeaders = 6,
}

/// A buffer of the host.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

/// The host refused a call.
#[derive(Clone, Copy, Debug)]
pub struct HostFault;

const OK: u32 = 0;

fn check(status: u32) -> Result<(), HostFault> {
    if status == OK { Ok(()) } else { Err(HostFault) }
}

/// Takes ownership of memory that this module allocated for the host.
///
/// # Safety
/// A successful host call set `data` and `size`: `data` is null, or an allocation of `size` bytes by the module's
/// `proxy_on_memory_allocate`, which is `Vec::with_capacity(size)`.
unsafe fn owned(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() { Vec::new() } else { unsafe { Vec::from_raw_parts(data, size, size) } }
}

/// The host's wall clock.
pub fn now() -> UnixTime {
    let mut nanoseconds = 0;
    // SAFETY: the pointer is to a local of the right type.
    let status = unsafe { abi::proxy_get_current_time_nanoseconds(&raw mut nanoseconds) };
    // Without a clock the time is 1970. Then every token is not valid yet, or lives too long to be cached, and no
    // fetched value is fresh.
    UnixTime::from_millis(if status == OK { nanoseconds / 1_000_000 } else { 0 })
}

/// Fills `bytes` with the host's random bytes. Returns whether it succeeded.
pub fn fill_random(bytes: &mut [u8]) -> bool {
    // SAFETY: the pointer comes with the length of the slice it is to.
    unsafe { abi::random_get(bytes.as_mut_ptr(), bytes.len()) == OK }
}

/// The level of a log line.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum LogLevel {
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
    Critical = 5,
}

/// Writes to the host's log. Only [`crate::log`] calls this, which restricts the content of lines.
pub fn log(level: LogLevel, line: &str) {
    // SAFETY: the pointer is to a slice with its length. A failure cannot be reported.
    let _ = unsafe { abi::proxy_log(level as u32, line.as_ptr(), line.len()) };
}

/// Whether the host prints lines of the info level. `true` if unknown.
pub fn prints_info() -> bool {
    let mut level = LogLevel::Info as u32;
    // SAFETY: the pointer is to a local of the right type.
    let status = unsafe { abi::proxy_get_log_level(&raw mut level) };
    status != OK || level <= LogLevel::Info as u32
}

/// All fields of a map.
pub fn headers(map: Map) -> Result<Headers, HostFault> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: the pointers are to locals of the right types; the result is owned once.
    let bytes = unsafe {
        check(abi::proxy_get_header_map_pairs(map as u32, &raw mut data, &raw mut size))?;
        owned(data, size)
    };
    Headers::from_pairs(bytes).ok_or(HostFault)
}

/// The first value of one field, which costs less than a whole map. `None` if there is no such field.
pub fn header(map: Map, name: &str) -> Option<Vec<u8>> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: the pointers are to locals of the right types and to a slice with its length; the result is
    // owned once.
    unsafe {
        let status =
            abi::proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), &raw mut data, &raw mut size);
        check(status).ok().map(|()| owned(data, size))
    }
}

/// The layout that [`Headers::from_pairs`] reads.
fn write_pairs(pairs: &[(&'static str, String)]) -> Vec<u8> {
    let size = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = u32::try_from(pairs.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    for (name, value) in pairs {
        out.extend(size(name));
        out.extend(size(value));
    }
    for (name, value) in pairs {
        for text in [name.as_bytes(), value.as_bytes()] {
            out.extend_from_slice(text);
            out.push(0);
        }
    }
    out
}

/// Applies one change to a map.
pub fn edit(map: Map, edit: &HeaderEdit) -> Result<(), HostFault> {
    let map = map as u32;
    // SAFETY: every pointer comes with the length of the slice it is to.
    check(unsafe {
        match edit {
            HeaderEdit::Add(name, value) => {
                abi::proxy_add_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len())
            }
            HeaderEdit::Remove(name) => abi::proxy_remove_header_map_value(map, name.as_ptr(), name.len()),
            HeaderEdit::Set(name, value) => {
                abi::proxy_replace_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len())
            }
        }
    })
}

/// Up to `max` bytes of a buffer. `None` if there is no such buffer.
pub fn buffer(buffer: Buffer, max: usize) -> Option<Vec<u8>> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: the pointers are to locals of the right types; the result is owned once.
    unsafe {
        let status = abi::proxy_get_buffer_bytes(buffer as u32, 0, max, &raw mut data, &raw mut size);
        check(status).ok().map(|()| owned(data, size))
    }
}

/// A property of the plugin or the stream, as raw bytes.
pub fn property(path: &str) -> Option<Vec<u8>> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: the pointers are to locals of the right types and to a slice with its length; the result is
    // owned once.
    unsafe {
        let status = abi::proxy_get_property(path.as_ptr(), path.len(), &raw mut data, &raw mut size);
        check(status).ok().map(|()| owned(data, size))
    }
}

/// The name of this Envoy among those of its control plane.
pub fn node() -> Option<String> {
    // Envoy before 1.36 knows the other path only.
    let id = property("xds\0node\0id").or_else(|| property("node\0id"))?;
    String::from_utf8(id).ok().filter(|id| !id.is_empty())
}

/// The data that the plugins of one `vm_id` share, in all workers.
pub struct Shared;

impl SharedData for Shared {
    fn read(&self, name: &str) -> Result<Versioned, NotShared> {
        const NOT_FOUND: u32 = 1;
        let (mut data, mut size, mut version) = (null_mut(), 0, 0);
        // SAFETY: the pointers are to locals of the right types and to a slice with its length; the result is
        // owned once.
        unsafe {
            let status =
                abi::proxy_get_shared_data(name.as_ptr(), name.len(), &raw mut data, &raw mut size, &raw mut version);
            match status {
                OK => Ok(Versioned { bytes: owned(data, size), version: Some(version) }),
                NOT_FOUND => Ok(Versioned::default()),
                _ => Err(NotShared),
            }
        }
    }

    fn replace(&self, name: &str, old: &Versioned, value: &[u8]) -> Result<bool, NotShared> {
        const VERSION_MISMATCH: u32 = 8;
        // The host counts versions from 1, and 0 means any version. A version that it never reaches creates a missing
        // value, and fails if another worker was faster.
        match set_shared(name, value, old.version.unwrap_or(u32::MAX)) {
            OK => Ok(true),
            VERSION_MISMATCH => Ok(false),
            _ => Err(NotShared),
        }
    }

    fn overwrite(&self, name: &str, value: &[u8]) -> Result<(), NotShared> {
        if set_shared(name, value, 0) == OK { Ok(()) } else { Err(NotShared) }
    }
}

fn set_shared(name: &str, value: &[u8], version: u32) -> u32 {
    // SAFETY: every pointer comes with the length of the slice it is to.
    unsafe { abi::proxy_set_shared_data(name.as_ptr(), name.len(), value.as_ptr(), value.len(), version) }
}

/// Whether the current answer is the host's own. `false`, as for the server's, if unknown.
pub fn answer_is_hosts_own() -> bool {
    // The host's detail of an answer by the server.
    const FROM_SERVER: &[u8] = b"via_upstream";
    let details = property(CODE_DETAILS);
    details.is_some_and(|details| !details.is_empty() && details != FROM_SERVER)
}

/// Whether the host ended the stream because a body is larger than its buffer.
pub fn buffer_is_exceeded() -> bool {
    let details = property(CODE_DETAILS).unwrap_or_default();
    matches!(details.as_slice(), b"request_payload_too_large" | b"response_payload_too_large")
}

/// The property with the host's reason for an answer.
const CODE_DETAILS: &str = "response\0code_details";

/// Replaces the `size` bytes of a buffer with `bytes`.
pub fn replace_buffer(buffer: Buffer, size: usize, bytes: &[u8]) -> Result<(), HostFault> {
    // SAFETY: the pointer comes with the length of the slice it is to.
    check(unsafe { abi::proxy_set_buffer_bytes(buffer as u32, 0, size, bytes.as_ptr(), bytes.len()) })
}

/// Answers the client. The host puts `details` into its access log.
pub fn reply(reply: &Reply) -> Result<(), HostFault> {
    let details = format!("toolgate_{}", reply.reason);
    let headers = write_pairs(&reply.headers);
    // SAFETY: every pointer comes with the length of the slice it is to.
    check(unsafe {
        abi::proxy_send_local_response(
            u32::from(reply.status),
            details.as_ptr(),
            details.len(),
            reply.body.as_ptr(),
            reply.body.len(),
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    })
}

/// Calls a foreign function. A host without it refuses, like a host that forbids it.
pub fn call_foreign_function(name: &str, arguments: &[u8]) -> Result<Vec<u8>, HostFault> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: the pointers are to locals of the right types and to slices with their lengths; the result is
    // owned once.
    unsafe {
        check(abi::proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            &raw mut data,
            &raw mut size,
        ))?;
        Ok(owned(data, size))
    }
}

/// Ends a stream at once, in both directions.
pub fn close_stream() -> Result<(), HostFault> {
    const ANSWER: u32 = 1;
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_close_stream(ANSWER) })
}

/// Resumes a held request.
pub fn resume_request() -> Result<(), HostFault> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_continue_stream(0) })
}

/// Directs the following calls to another context of this module. Its stream may have ended.
pub fn set_effective_context(id: u32) -> Result<(), HostFault> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_set_effective_context(id) })
}

/// Puts a value into the filter state, which access logs read as `wasm.<name>`.
pub fn set_filter_state(name: &str, value: &str) -> Result<(), HostFault> {
    // SAFETY: every pointer comes with the length of the slice it is to.
    check(unsafe { abi::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// The kind of a metric.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum MetricKind {
    Counter = 0,
    Gauge = 1,
}

/// The host's number for the metric of this name, which it may have already.
pub fn define_metric(kind: MetricKind, name: &str) -> Result<u32, HostFault> {
    let mut id = 0;
    // SAFETY: the pointers are to a slice with its length and to a local of the right type.
    check(unsafe { abi::proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) })?;
    Ok(id)
}

/// Adds to a counter.
pub fn increment_metric(id: u32, offset: i64) -> Result<(), HostFault> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_increment_metric(id, offset) })
}

/// Sets a gauge.
pub fn record_metric(id: u32, value: u64) -> Result<(), HostFault> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_record_metric(id, value) })
}

/// Sets the period of the root context's timer, in milliseconds.
pub fn set_tick_period(milliseconds: u32) -> Result<(), HostFault> {
    // SAFETY: no pointers.
    check(unsafe { abi::proxy_set_tick_period_milliseconds(milliseconds) })
}
