//! The filter of one stream, and the way to its thread.

use std::ffi::c_void;
use std::ptr::{NonNull, null, null_mut};

use super::imports::*;
use toolgate::exchange::HeaderEdit;
use toolgate::headers::Headers;
use toolgate::reply::Reply;

/// The header fields that a call is about.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    ResponseTrailers = 3,
}

/// The message that a call is about.
#[derive(Clone, Copy)]
pub enum Message {
    Request,
    Response,
}

impl Message {
    /// The part of its body that a hook brings, and the part that Envoy holds.
    fn bodies(self) -> (u32, u32) {
        match self {
            Self::Request => (0, 1),
            Self::Response => (2, 3),
        }
    }
}

/// An attribute of a stream, by its number in the ABI.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Attribute {
    CodeDetails = 16,
    MutualTls = 29,
    PeerCertificateDigest = 38,
}

/// The filter of one stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Filter(NonNull<c_void>);

// SAFETY: a name, which threads may pass on. They use it as the head of this file says.
unsafe impl Send for Filter {}
// SAFETY: as above.
unsafe impl Sync for Filter {}

impl Filter {
    /// The filter that a hook is about.
    pub fn new(pointer: *mut c_void) -> Option<Self> {
        NonNull::new(pointer).map(Self)
    }

    fn pointer(self) -> *mut c_void {
        self.0.as_ptr()
    }

    /// All fields of a map.
    pub fn headers(self, map: Map) -> Option<Headers> {
        // SAFETY: the filter exists.
        let count = unsafe { envoy_dynamic_module_callback_http_get_headers_size(self.pointer(), map as u32) };
        let mut fields = vec![Field::new("", ""); count];
        // SAFETY: there is room for as many fields as Envoy counts. They are copied at once.
        unsafe {
            let is_read =
                envoy_dynamic_module_callback_http_get_headers(self.pointer(), map as u32, fields.as_mut_ptr());
            check(is_read).ok()?;
            Some(Headers::copied(fields.iter().map(|field| field.pair())))
        }
    }

    /// The first value of one field.
    pub fn header(self, map: Map, name: &str) -> Option<Vec<u8>> {
        let mut value = Theirs { data: null(), size: 0 };
        // SAFETY: the pointers are to a slice, to a local, and to nothing, which is allowed. The value is copied at once.
        unsafe {
            let is_there = envoy_dynamic_module_callback_http_get_header(
                self.pointer(),
                map as u32,
                Ours::new(name.as_bytes()),
                &raw mut value,
                0,
                null_mut(),
            );
            is_there.then(|| value.bytes().to_vec())
        }
    }

    /// Applies one change to a map.
    pub fn edit(self, map: Map, edit: &HeaderEdit) -> Result<(), HostFault> {
        use HeaderEdit::{Add, Remove, Set};
        let (filter, map) = (self.pointer(), map as u32);
        let ours = |text: &str| Ours::new(text.as_bytes());
        // SAFETY: the bytes are those of slices. Without a value, the field is removed.
        check(unsafe {
            match edit {
                Add(name, value) => envoy_dynamic_module_callback_http_add_header(filter, map, ours(name), ours(value)),
                Remove(name) => envoy_dynamic_module_callback_http_set_header(filter, map, ours(name), Ours::NONE),
                Set(name, value) => envoy_dynamic_module_callback_http_set_header(filter, map, ours(name), ours(value)),
            }
        })
    }

    /// Answers the client. Envoy puts `details` into its access log.
    pub fn reply(self, reply: &Reply) {
        let (fields, details) = (fields(&reply.headers), format!("toolgate_{}", reply.reason));
        // SAFETY: the bytes are those of slices, as are the fields.
        unsafe {
            envoy_dynamic_module_callback_http_send_response(
                self.pointer(),
                u32::from(reply.status),
                fields.as_ptr(),
                fields.len(),
                Ours::new(reply.body.as_bytes()),
                Ours::new(details.as_bytes()),
            );
        }
    }

    /// Answers the client with header fields alone, whatever protocol the request speaks. Leads to the stream's hooks for
    /// answers.
    pub fn reply_without_body(self, reply: &Reply) {
        let status = reply.status.to_string();
        let of_body = |name: &str| matches!(name, "content-type" | "content-length");
        let mut all = vec![Field::new(":status", &status)];
        all.extend(fields(reply.headers.iter().filter(|(name, _)| !of_body(name))));
        // SAFETY: the bytes are those of slices, as are the fields.
        unsafe {
            envoy_dynamic_module_callback_http_send_response_headers(self.pointer(), all.as_ptr(), all.len(), true);
        }
    }

    /// The parts of a body that this hook shows, in their order. The part that Envoy held before may come again as the
    /// received one: then it counts once.
    fn parts(self, message: Message) -> impl Iterator<Item = u32> {
        let (received, held) = message.bodies();
        // SAFETY: the filter exists.
        let is_same = unsafe {
            match message {
                Message::Request => envoy_dynamic_module_callback_http_received_buffered_request_body(self.pointer()),
                Message::Response => envoy_dynamic_module_callback_http_received_buffered_response_body(self.pointer()),
            }
        };
        [(!is_same).then_some(held), Some(received)].into_iter().flatten()
    }

    /// The number of bytes of a body that this hook shows.
    pub fn body_size(self, message: Message) -> usize {
        // SAFETY: the filter exists.
        self.parts(message)
            .map(|part| unsafe { envoy_dynamic_module_callback_http_get_body_size(self.pointer(), part) })
            .sum()
    }

    /// At most `max` bytes of a body.
    pub fn body(self, message: Message, max: usize) -> Option<Vec<u8>> {
        let mut body = Vec::with_capacity(max.min(self.body_size(message)));
        for part in self.parts(message) {
            // SAFETY: the filter exists.
            let count = unsafe { envoy_dynamic_module_callback_http_get_body_chunks_size(self.pointer(), part) };
            if count == 0 {
                continue;
            }
            let mut chunks = vec![Theirs { data: null(), size: 0 }; count];
            // SAFETY: there is room for as many chunks as Envoy counts. They are copied at once.
            unsafe {
                let is_read =
                    envoy_dynamic_module_callback_http_get_body_chunks(self.pointer(), part, chunks.as_mut_ptr());
                check(is_read).ok()?;
                for chunk in chunks.into_iter().map(|chunk| chunk.bytes()) {
                    let room = max.saturating_sub(body.len());
                    body.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
                }
            }
        }
        Some(body)
    }

    /// Puts `bytes` in the place of the body that this hook shows.
    pub fn replace_body(self, message: Message, bytes: &[u8]) -> Result<(), HostFault> {
        let (received, held) = message.bodies();
        let mut place = held;
        for part in self.parts(message) {
            // SAFETY: the filter exists.
            let size = unsafe { envoy_dynamic_module_callback_http_get_body_size(self.pointer(), part) };
            // SAFETY: the filter exists. There is no received part outside of the hooks of bodies.
            if unsafe { envoy_dynamic_module_callback_http_drain_body(self.pointer(), part, size) } && part == received
            {
                place = received;
            } else if size > 0 && part == received {
                return Err(HostFault);
            }
        }
        // SAFETY: the bytes are those of a slice.
        check(unsafe { envoy_dynamic_module_callback_http_append_body(self.pointer(), place, Ours::new(bytes)) })
    }

    /// Puts a value into the filter state.
    pub fn set_filter_state(self, name: &str, value: &str) -> Result<(), HostFault> {
        let (name, value) = (Ours::new(name.as_bytes()), Ours::new(value.as_bytes()));
        // SAFETY: the bytes are those of slices.
        check(unsafe { envoy_dynamic_module_callback_http_set_filter_state_bytes(self.pointer(), name, value) })
    }

    /// The text of an attribute.
    pub fn text(self, attribute: Attribute) -> Option<Vec<u8>> {
        let mut value = Theirs { data: null(), size: 0 };
        // SAFETY: the pointer is to a local of the right type. The value is copied at once.
        unsafe {
            let is_there = envoy_dynamic_module_callback_http_filter_get_attribute_string(
                self.pointer(),
                attribute as u32,
                &raw mut value,
            );
            is_there.then(|| value.bytes().to_vec())
        }
    }

    /// Whether an attribute is there, and true.
    pub fn is(self, attribute: Attribute) -> bool {
        let mut value = false;
        // SAFETY: the pointer is to a local of the right type.
        unsafe {
            envoy_dynamic_module_callback_http_filter_get_attribute_bool(
                self.pointer(),
                attribute as u32,
                &raw mut value,
            ) && value
        }
    }

    /// Adds to a counter, or sets a gauge, for this value of its label.
    pub fn measure(self, Metric(kind, id): Metric, label: &str, value: u64) -> Result<(), HostFault> {
        let label = Ours::new(label.as_bytes());
        // SAFETY: the pointer is to a local; the bytes are those of a slice.
        let status = unsafe {
            match kind {
                Kind::Counter => envoy_dynamic_module_callback_http_filter_increment_counter(
                    self.pointer(),
                    id,
                    &raw const label,
                    1,
                    value,
                ),
                Kind::Gauge => {
                    envoy_dynamic_module_callback_http_filter_set_gauge(self.pointer(), id, &raw const label, 1, value)
                }
            }
        };
        check(status == 0)
    }

    /// Lets a held request go.
    pub fn resume_request(self) {
        // SAFETY: the filter exists.
        unsafe { envoy_dynamic_module_callback_http_filter_continue_decoding(self.pointer()) }
    }

    /// Ends the stream at once, in both directions.
    pub fn reset(self, details: &str) {
        const LOCAL_RESET: u32 = 0;
        // SAFETY: the bytes are those of a slice.
        unsafe {
            envoy_dynamic_module_callback_http_filter_reset_stream(
                self.pointer(),
                LOCAL_RESET,
                Ours::new(details.as_bytes()),
            );
        }
    }

    /// A way to the thread of this stream.
    pub fn scheduler(self) -> Option<StreamScheduler> {
        // SAFETY: the filter exists.
        NonNull::new(unsafe { envoy_dynamic_module_callback_http_filter_scheduler_new(self.pointer()) })
            .map(StreamScheduler)
    }
}

/// A way to the thread of a stream, for other threads. While its stream exists: Envoy requires it.
pub struct StreamScheduler(NonNull<c_void>);

// SAFETY: Envoy's object is made for use by several threads.
unsafe impl Send for StreamScheduler {}

impl StreamScheduler {
    /// Has Envoy call the stream's hook for scheduled events, on the stream's thread.
    pub fn commit(&self) {
        // SAFETY: the scheduler exists until this value is dropped.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_commit(self.0.as_ptr(), 0) }
    }
}

impl Drop for StreamScheduler {
    fn drop(&mut self) {
        // SAFETY: nothing uses it any more.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_delete(self.0.as_ptr()) }
    }
}
