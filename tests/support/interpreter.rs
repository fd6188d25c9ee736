//! The real module under an interpreter that counts: as many units as it runs
//! instructions, and one for every 64 bytes that one instruction copies. The
//! count depends on nothing but the module and its input, so tests may assert
//! on it where they may not on times.
//!
//! The host around it (proxy-wasm ABI 0.2.1) has one stream and does what the
//! gate needs of a host; any other call is refused.

use std::collections::BTreeMap;

use super::bootstrap::module_bytes;
use super::ring_host::RingHost;
use serde_json::Value;
use toolgate::signature::HostCrypto;
use wasmi::{
    AsContextMut, Caller, CompilationMode, Config, Engine, Extern, FuncType, Instance, Linker, Memory, Module, Store,
    Val, WasmParams, WasmResults,
};

const OK: i32 = 0;
const NOT_FOUND: i32 = 1;
const UNIMPLEMENTED: i32 = 12;

const ROOT: i32 = 1;

const REQUEST_BODY: i32 = 0;
const RESPONSE_BODY: i32 = 1;
const CONFIGURATION: i32 = 7;

/// The number of bytes that the module never uses, at the start of its memory.
pub const LOW_MEMORY: usize = 1024;

/// Header fields.
pub type Fields = Vec<(String, String)>;

/// The host's side of the one stream.
#[derive(Default)]
struct Host {
    now: u64,
    configuration: Vec<u8>,
    headers: Fields,
    body: Vec<u8>,
    answered: Option<u16>,
    log: Vec<String>,
    /// Whether header fields stay as they are.
    refuses_edits: bool,
    /// Whether it verifies signatures.
    verifies: bool,
    /// How often the module called each function, and how often it was called.
    calls: BTreeMap<String, u64>,
}

impl Host {
    fn called(&mut self, name: &str) {
        match self.calls.get_mut(name) {
            Some(count) => *count += 1,
            None => _ = self.calls.insert(name.to_owned(), 1),
        }
    }
}

/// One worker with one plugin.
pub struct Worker {
    store: Store<Host>,
    instance: Instance,
    next_stream: i32,
}

/// The outcome of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is forwarded. For an answer, its body after the module.
    GoesOn(Vec<u8>),
    /// It was answered with this status.
    Answered(u16),
}

impl Worker {
    /// Loads the module that `make build` left, at `now` in seconds since 1970.
    pub fn start(configuration: &Value, now: i64) -> Self {
        Self::on(Host::default(), configuration, now)
    }

    /// The same on a host that verifies signatures, as Envoy does. Its work is not counted.
    pub fn start_with_crypto(configuration: &Value, now: i64) -> Self {
        Self::on(Host { verifies: true, ..Host::default() }, configuration, now)
    }

    fn on(host: Host, configuration: &Value, now: i64) -> Self {
        let mut config = Config::default();
        config.consume_fuel(true).compilation_mode(CompilationMode::Eager);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, module_bytes()).expect("a module");
        let host = Host {
            now: u64::try_from(now).expect("after 1970") * 1_000_000_000,
            configuration: configuration.to_string().into_bytes(),
            ..host
        };
        let size = i32::try_from(host.configuration.len()).expect("a size");
        let mut store = Store::new(&engine, host);
        store.set_fuel(u64::MAX).expect("a counter");
        let instance = linker(&engine, &module).instantiate_and_start(&mut store, &module).expect("an instance");
        let mut worker = Self { store, instance, next_stream: ROOT + 1 };
        worker.call::<_, ()>("_initialize", ());
        worker.call::<_, ()>("proxy_on_context_create", (ROOT, 0));
        worker.call::<_, i32>("proxy_on_vm_start", (ROOT, 0));
        let configured: i32 = worker.call("proxy_on_configure", (ROOT, size));
        assert_eq!(configured, 1, "{:?}", worker.store.data().log);
        worker
    }

    /// From now on every change of a header field is refused.
    pub fn refuse_edits(&mut self) {
        self.store.data_mut().refuses_edits = true;
    }

    /// The first lines that the module logged.
    pub fn log(&self) -> &[String] {
        &self.store.data().log
    }

    /// Instructions so far.
    pub fn steps(&self) -> u64 {
        u64::MAX - self.store.get_fuel().expect("a counter")
    }

    /// The calls in both directions since the last time, by name.
    pub fn take_calls(&mut self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.store.data_mut().calls)
    }

    /// A new stream with a request in pieces.
    pub fn request(&mut self, headers: Fields, pieces: &[&[u8]]) -> Fate {
        self.next_stream += 1;
        self.call::<_, ()>("proxy_on_context_create", (self.next_stream, ROOT));
        self.pass("proxy_on_request", headers, pieces)
    }

    /// The answer to the request of the current stream, in pieces.
    pub fn answer(&mut self, headers: Fields, pieces: &[&[u8]]) -> Fate {
        self.pass("proxy_on_response", headers, pieces)
    }

    /// The current stream is over.
    pub fn end(&mut self) {
        if self.instance.get_func(&self.store, "proxy_on_log").is_some() {
            self.call::<_, ()>("proxy_on_log", self.next_stream);
        }
    }

    /// The host forgets the current stream.
    pub fn delete(&mut self) {
        self.call::<_, ()>("proxy_on_delete", self.next_stream);
    }

    /// Writes a byte where the module never does.
    pub fn write_low(&mut self) {
        let memory = self.instance.get_memory(&self.store, "memory").expect("a memory");
        memory.write(&mut self.store, LOW_MEMORY - 1, &[1]).expect("within the memory");
    }

    fn pass(&mut self, side: &str, headers: Fields, pieces: &[&[u8]]) -> Fate {
        let count = i32::try_from(headers.len()).expect("a count");
        let host = self.store.data_mut();
        (host.headers, host.answered) = (headers, None);
        host.body.clear();
        let end = i32::from(pieces.is_empty());
        // A host that shows no body before the headers go on, so they may be held here for a body only.
        let mut action: i32 = self.call(&format!("{side}_headers"), (self.next_stream, count, end));
        let mut out = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            if let Some(status) = self.store.data().answered {
                return Fate::Answered(status);
            }
            let body = &mut self.store.data_mut().body;
            body.extend_from_slice(piece);
            let size = i32::try_from(body.len()).expect("a size");
            let end = i32::from(number + 1 == pieces.len());
            action = self.call(&format!("{side}_body"), (self.next_stream, size, end));
            if action == 0 {
                out.append(&mut self.store.data_mut().body);
            }
        }
        match self.store.data().answered {
            Some(status) => Fate::Answered(status),
            None => {
                assert_eq!(action, 0, "neither answered nor let go: {:?}", self.store.data().log);
                Fate::GoesOn(out)
            }
        }
    }

    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, parameters: P) -> R {
        self.store.data_mut().called(name);
        let function = self.instance.get_typed_func::<P, R>(&self.store, name).expect("an export");
        let result = function.call(&mut self.store, parameters);
        result.unwrap_or_else(|trap| panic!("{name}: {trap}: {:?}", self.store.data().log))
    }
}

/// `optimize/optimize.mjs` relies on it: nothing uses the lowest addresses, not even the deepest stack.
impl Drop for Worker {
    fn drop(&mut self) {
        let Some(memory) = self.instance.get_memory(&self.store, "memory").filter(|_| !std::thread::panicking()) else {
            return;
        };
        let mut lowest = [0; LOW_MEMORY];
        memory.read(&self.store, 0, &mut lowest).expect("within the memory");
        assert!(lowest.iter().all(|byte| *byte == 0), "the lowest addresses were written to");
    }
}

/// The calls that the host offers, and a refusal of every other one.
fn linker(engine: &Engine, module: &Module) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    /// Offers a function, and counts its calls.
    macro_rules! offer {
        ($name:literal, $function:expr, $($parameter:ident),*) => {
            linker
                .func_wrap("env", $name, |mut caller: Caller<'_, Host>, $($parameter: i32),*| -> i32 {
                    caller.data_mut().called($name);
                    ($function)(caller, $($parameter),*)
                })
                .is_ok()
        };
    }
    let offered = [
        offer!("proxy_get_buffer_bytes", get_buffer, a, b, c, d, e),
        offer!("proxy_set_buffer_bytes", set_buffer, a, b, c, d, e),
        offer!("proxy_get_header_map_pairs", get_pairs, a, b, c),
        offer!("proxy_get_header_map_value", get_value, a, b, c, d, e),
        offer!("proxy_send_local_response", answer, a, b, c, d, e, f, g, h),
        offer!("proxy_get_current_time_nanoseconds", tell_time, a),
        offer!("proxy_log", log, a, b, c),
        offer!("proxy_get_property", |_, _, _, _, _| NOT_FOUND, a, b, c, d),
        offer!("proxy_set_property", |_, _, _, _, _| OK, a, b, c, d),
        offer!("proxy_remove_header_map_value", remove, a, b, c),
        offer!("proxy_replace_header_map_value", change, a, b, c, d, e),
        offer!("proxy_add_header_map_value", change, a, b, c, d, e),
        offer!("proxy_set_tick_period_milliseconds", |_, _| OK, a),
        offer!("proxy_set_effective_context", |_, _| OK, a),
        offer!("proxy_call_foreign_function", call_foreign, a, b, c, d, e, f),
        linker.func_wrap("wasi_snapshot_preview1", "random_get", |_: i32, _: i32| OK).is_ok(),
    ];
    assert!(offered.iter().all(|done| *done));
    for import in module.imports() {
        let Some(kind) = import.ty().func() else { continue };
        let kind: FuncType = kind.clone();
        let refuse = |_: Caller<'_, Host>, _: &[Val], results: &mut [Val]| {
            results.iter_mut().for_each(|result| *result = Val::I32(UNIMPLEMENTED));
            Ok(())
        };
        // An error says that it is offered already.
        let _ = linker.func_new(import.module(), import.name(), kind, refuse);
    }
    linker
}

fn get_buffer(mut caller: Caller<'_, Host>, kind: i32, start: i32, max: i32, data: i32, size: i32) -> i32 {
    let host = caller.data();
    let bytes = match kind {
        REQUEST_BODY | RESPONSE_BODY => &host.body,
        CONFIGURATION => &host.configuration,
        _ => return NOT_FOUND,
    };
    let (start, max) = (usize::try_from(start).expect("a place"), usize::try_from(max).unwrap_or(usize::MAX));
    let bytes = bytes[start.min(bytes.len())..].iter().copied().take(max).collect();
    give(&mut caller, bytes, data, size)
}

fn set_buffer(mut caller: Caller<'_, Host>, kind: i32, start: i32, size: i32, data: i32, length: i32) -> i32 {
    let bytes = read(&mut caller, data, length);
    let body = &mut caller.data_mut().body;
    let (start, size) = (usize::try_from(start).expect("a place"), usize::try_from(size).expect("a size"));
    if kind != RESPONSE_BODY || start != 0 || size < body.len() {
        return UNIMPLEMENTED;
    }
    *body = bytes;
    OK
}

fn get_pairs(mut caller: Caller<'_, Host>, _map: i32, data: i32, size: i32) -> i32 {
    let fields = &caller.data().headers;
    let number = |n: usize| u32::try_from(n).expect("a size").to_le_bytes();
    let mut bytes = number(fields.len()).to_vec();
    bytes.extend(fields.iter().flat_map(|(name, value)| [number(name.len()), number(value.len())]).flatten());
    for text in fields.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend(text.bytes().chain([0]));
    }
    give(&mut caller, bytes, data, size)
}

fn get_value(mut caller: Caller<'_, Host>, _map: i32, name: i32, length: i32, data: i32, size: i32) -> i32 {
    let name = read(&mut caller, name, length);
    let value = caller.data().headers.iter().find(|(own, _)| own.as_bytes() == name).map(|(_, value)| value.clone());
    match value {
        Some(value) => give(&mut caller, value.into_bytes(), data, size),
        None => NOT_FOUND,
    }
}

fn call_foreign(
    mut caller: Caller<'_, Host>,
    name: i32,
    name_length: i32,
    arguments: i32,
    length: i32,
    data: i32,
    size: i32,
) -> i32 {
    let name = read(&mut caller, name, name_length);
    if !caller.data().verifies || name != b"verify_signature" {
        return UNIMPLEMENTED;
    }
    let arguments = read(&mut caller, arguments, length);
    match RingHost.verify_signature(&arguments) {
        Some(result) => give(&mut caller, result, data, size),
        None => UNIMPLEMENTED,
    }
}

fn remove(caller: Caller<'_, Host>, _map: i32, _: i32, _: i32) -> i32 {
    if caller.data().refuses_edits { UNIMPLEMENTED } else { OK }
}

fn change(caller: Caller<'_, Host>, map: i32, name: i32, length: i32, _: i32, _: i32) -> i32 {
    remove(caller, map, name, length)
}

#[allow(clippy::too_many_arguments)]
fn answer(mut caller: Caller<'_, Host>, status: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32) -> i32 {
    caller.data_mut().answered = u16::try_from(status).ok();
    OK
}

fn tell_time(mut caller: Caller<'_, Host>, at: i32) -> i32 {
    let now = caller.data().now.to_le_bytes();
    write(&mut caller, at, &now);
    OK
}

fn log(mut caller: Caller<'_, Host>, _level: i32, data: i32, length: i32) -> i32 {
    // A few lines tell what went wrong; those of a million requests do not.
    if caller.data().log.len() < 100 {
        let line = String::from_utf8_lossy(&read(&mut caller, data, length)).into_owned();
        caller.data_mut().log.push(line);
    }
    OK
}

/// Hands `bytes` over in memory of the module's own allocation.
fn give(caller: &mut Caller<'_, Host>, bytes: Vec<u8>, data: i32, size: i32) -> i32 {
    let length = i32::try_from(bytes.len()).expect("a size");
    let Some(Extern::Func(allocate)) = caller.get_export("proxy_on_memory_allocate") else { return NOT_FOUND };
    let allocate = allocate.typed::<i32, i32>(&*caller).expect("its type");
    let place = allocate.call(caller.as_context_mut(), length).expect("memory");
    write(caller, place, &bytes);
    write(caller, data, &place.to_le_bytes());
    write(caller, size, &length.to_le_bytes());
    OK
}

fn memory(caller: &Caller<'_, Host>) -> Memory {
    caller.get_export("memory").and_then(Extern::into_memory).expect("a memory")
}

fn write(caller: &mut Caller<'_, Host>, at: i32, bytes: &[u8]) {
    let place = usize::try_from(at.cast_unsigned()).expect("an address");
    memory(caller).write(caller, place, bytes).expect("within the memory");
}

fn read(caller: &mut Caller<'_, Host>, at: i32, length: i32) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(length).expect("a size")];
    let place = usize::try_from(at.cast_unsigned()).expect("an address");
    memory(caller).read(&*caller, place, &mut bytes).expect("within the memory");
    bytes
}
