//! Calls from Envoy: its hooks, each of which catches a panic. A panic refuses its request, is counted, and takes the
//! state of its worker with it; it never leaves the module.

#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null;
use std::slice::from_raw_parts;
use std::sync::Arc;

use crate::abi::{self, Field, Filter, Theirs};
use crate::http::{Http, Status};
use crate::plugin::Plugin;
use crate::state::Received;
use crate::stream::Open;

/// The largest answer to a call that is copied for a gate, which reads far less.
const MAX_ANSWER: usize = 64 << 20;

/// Runs a hook; after a panic, `recover`, and then the answer is `otherwise`.
fn guarded<T>(otherwise: T, recover: impl FnOnce(), act: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| {
        // If even that panics, whatever waits is refused in time, and nothing passes.
        let _ = catch_unwind(AssertUnwindSafe(recover));
        otherwise
    })
}

/// The stream of a hook, or nothing if there is none: Envoy 1.38 and 1.39 call the hooks of a stream that this module failed
/// to make.
///
/// # Safety
/// `stream` is null, or as [`envoy_dynamic_module_on_http_filter_new`] returned it, and was not destroyed.
unsafe fn stream_of(stream: *const c_void) -> Option<Arc<Http>> {
    let stream = stream.cast::<Http>();
    // SAFETY: it came from `Arc::into_raw`, whose count is at least one until the stream is destroyed.
    (!stream.is_null()).then(|| unsafe {
        // Its own owner: the stream may be destroyed before the hook returns.
        Arc::increment_strong_count(stream);
        Arc::from_raw(stream)
    })
}

/// A hook of a request. Without a stream in the module, it is answered.
///
/// # Safety
/// `filter` is Envoy's, of this hook; `stream` as for [`stream_of`].
unsafe fn request_hook(filter: *mut c_void, stream: *const c_void, act: impl FnOnce(&Http) -> Status) -> Status {
    // SAFETY: as the caller says.
    let http = unsafe { stream_of(stream) };
    let refuse = || {
        if let (None, Some(filter)) = (&http, Filter::new(filter)) {
            Open::new(filter).refuse();
        }
        Status::Stop
    };
    let recover = || http.iter().for_each(|http| http.recover());
    guarded(Status::Stop, recover, || http.as_deref().map_or_else(refuse, act))
}

/// A hook of an answer. Without a stream in the module, it is none of a server: no request has passed.
///
/// # Safety
/// As for [`stream_of`].
unsafe fn response_hook(stream: *const c_void, act: impl FnOnce(&Http) -> Status) -> Status {
    // SAFETY: as the caller says.
    let http = unsafe { stream_of(stream) };
    let recover = || http.iter().for_each(|http| http.recover());
    guarded(Status::Stop, recover, || http.as_deref().map_or(Status::Continue, act))
}

/// A hook of a stream that can have no answer of its own: it is over, or it only lends its thread.
///
/// # Safety
/// As for [`stream_of`].
unsafe fn mute_hook(stream: *const c_void, act: impl FnOnce(&Http)) {
    // SAFETY: as the caller says.
    let http = unsafe { stream_of(stream) };
    guarded((), || http.iter().for_each(|http| http.recover_worker()), || http.as_deref().map_or((), act));
}

/// A hook of a configuration.
///
/// # Safety
/// `plugin` is as [`envoy_dynamic_module_on_http_filter_config_new`] returned it, and was not destroyed.
unsafe fn main_hook(plugin: *const c_void, act: impl FnOnce(&Plugin)) {
    let plugin = plugin.cast::<Plugin>();
    // Its own owner: see `calls` on configurations that end on another thread.
    // SAFETY: it came from `Arc::into_raw`, whose count is at least one until the configuration is destroyed.
    let plugin = (!plugin.is_null()).then(|| unsafe {
        Arc::increment_strong_count(plugin);
        Arc::from_raw(plugin)
    });
    guarded((), || {}, move || plugin.as_deref().map_or((), act));
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    abi::version().as_ptr()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    config: *mut c_void,
    name: Theirs,
    bytes: Theirs,
) -> *const c_void {
    // SAFETY: Envoy's bytes are valid until the end of the hook.
    let (name, bytes) = unsafe { (name.bytes(), bytes.bytes()) };
    let new = || {
        let plugin = abi::Plugin::new(config).and_then(|own| Plugin::configure(own, name, bytes))?;
        Some(Arc::into_raw(Arc::new(plugin)).cast())
    };
    guarded(None, || {}, new).unwrap_or(null())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(plugin: *const c_void) {
    if plugin.is_null() {
        return;
    }
    // SAFETY: it came from `Arc::into_raw`, and this is its last hook.
    let plugin = unsafe { Arc::from_raw(plugin.cast::<Plugin>()) };
    guarded((), || {}, move || plugin.end());
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_scheduled(
    _: *mut c_void,
    plugin: *const c_void,
    _: u64,
) {
    // SAFETY: Envoy's pointers.
    unsafe { main_hook(plugin, Plugin::called) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_callout_done(
    _: *mut c_void,
    plugin: *const c_void,
    call: u64,
    result: u32,
    fields: *const Field,
    fields_count: usize,
    chunks: *const Theirs,
    chunks_count: usize,
) {
    // SAFETY: Envoy's pointers come with their counts, and are valid until the end of the hook.
    unsafe {
        main_hook(plugin, |plugin| {
            let has_come = result == 0;
            let answer = has_come.then(|| received(list(fields, fields_count), list(chunks, chunks_count)));
            plugin.answered(call, answer.unwrap_or_default());
        });
    }
}

/// A copy of an answer.
///
/// # Safety
/// The bytes are Envoy's, of the current hook.
unsafe fn received(fields: &[Field], chunks: &[Theirs]) -> Received {
    // SAFETY: as the caller says.
    let text = |name: &[u8]| unsafe {
        let found = fields.iter().map(|field| field.pair()).find(|(own, _)| *own == name);
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    };
    // SAFETY: as above.
    let chunks = || chunks.iter().map(|chunk| unsafe { chunk.bytes() });
    let size = chunks().map(<[u8]>::len).sum();
    Received {
        status: text(b":status").and_then(|status| status.parse().ok()),
        etag: text(b"etag").map(str::to_owned),
        size,
        body: (size <= MAX_ANSWER).then(|| chunks().collect::<Vec<_>>().concat()),
    }
}

/// # Safety
/// The pointer is null, or comes with its count.
unsafe fn list<'h, T>(items: *const T, count: usize) -> &'h [T] {
    // SAFETY: as the caller says.
    if items.is_null() { &[] } else { unsafe { from_raw_parts(items, count) } }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(
    plugin: *const c_void,
    filter: *mut c_void,
) -> *const c_void {
    // SAFETY: it came from `Arc::into_raw`, and exists as long as Envoy makes streams of it.
    let plugin = unsafe { &*plugin.cast::<Plugin>() };
    let new = || Filter::new(filter).map(|filter| Arc::into_raw(Arc::new(Http::new(plugin.begin(filter), filter))));
    // Without a stream in the module, Envoy 1.40 ends its own; see `stream_of` for others.
    guarded(None, || {}, new).map_or(null(), |http| http.cast())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(stream: *const c_void) {
    if stream.is_null() {
        return;
    }
    // SAFETY: it came from `Arc::into_raw`, and this is its last hook.
    let http = unsafe { Arc::from_raw(stream.cast::<Http>()) };
    guarded((), || {}, move || http.end());
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    filter: *mut c_void,
    stream: *const c_void,
    end: bool,
) -> Status {
    // SAFETY: Envoy's pointers.
    unsafe { request_hook(filter, stream, |http| http.request_headers(end)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_body(
    filter: *mut c_void,
    stream: *const c_void,
    end: bool,
) -> Status {
    // SAFETY: Envoy's pointers.
    unsafe { request_hook(filter, stream, |http| http.request_body(end)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_trailers(
    filter: *mut c_void,
    stream: *const c_void,
) -> Status {
    // SAFETY: Envoy's pointers.
    unsafe { request_hook(filter, stream, Http::request_trailers) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    _: *mut c_void,
    stream: *const c_void,
    end: bool,
) -> Status {
    // SAFETY: Envoy's pointers.
    unsafe { response_hook(stream, |http| http.response_headers(end)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_body(
    _: *mut c_void,
    stream: *const c_void,
    end: bool,
) -> Status {
    // SAFETY: Envoy's pointers.
    unsafe { response_hook(stream, |http| http.response_body(end)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_trailers(
    _: *mut c_void,
    stream: *const c_void,
) -> Status {
    // SAFETY: Envoy's pointers.
    unsafe { response_hook(stream, Http::response_trailers) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_stream_complete(_: *mut c_void, stream: *const c_void) {
    // SAFETY: Envoy's pointers.
    unsafe { mute_hook(stream, Http::complete) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_scheduled(_: *mut c_void, stream: *const c_void, _: u64) {
    // SAFETY: Envoy's pointers.
    unsafe { mute_hook(stream, Http::scheduled) }
}

/// Hooks that Envoy requires of every module, and never calls in this one: no stream sends a request, and none is the
/// last of its chain.
macro_rules! unused {
    ($($name:ident)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name() {}
    )* };
}

unused! {
    envoy_dynamic_module_on_http_filter_http_callout_done
    envoy_dynamic_module_on_http_filter_http_stream_headers
    envoy_dynamic_module_on_http_filter_http_stream_data
    envoy_dynamic_module_on_http_filter_http_stream_trailers
    envoy_dynamic_module_on_http_filter_http_stream_complete
    envoy_dynamic_module_on_http_filter_http_stream_reset
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark
}
