//! The project's own `envoy/envoy.yaml`, changed where a test must change it:
//! addresses, the module's path, and what the test is about. Whatever else
//! the file says is tested as it is.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Value, json};

use super::native;
use super::provider::Provider;
use super::tls::Authority;
use super::upstream::Upstream;

/// The two forms in which a host hands over the plugin configuration.
#[derive(Clone, Debug)]
pub enum Configuration {
    /// Written natively in Envoy's YAML; arrives as protobuf bytes.
    Struct(Value),
    /// JSON text, byte for byte, as Istio and Envoy Gateway send it.
    Text(String),
}

impl Configuration {
    fn any(&self) -> Value {
        let (kind, value) = match self {
            Self::Struct(value) => ("Struct", value.clone()),
            Self::Text(text) => ("StringValue", Value::String(text.clone())),
        };
        json!({"@type": format!("type.googleapis.com/google.protobuf.{kind}"), "value": value})
    }
}

/// How an Envoy is to be started: the bootstrap and what is said beside it.
#[derive(Clone, Debug)]
pub struct Setup {
    pub(super) bootstrap: Value,
    pub(super) concurrency: usize,
    pub(super) environment: Vec<(String, String)>,
    /// Whether listeners come from a file that can be replaced, and how many seconds those replaced have to end.
    pub(super) updatable: Option<u32>,
}

impl Setup {
    /// The project's file, in front of this upstream, on free ports, with one
    /// worker.
    pub fn new(upstream: &Upstream) -> Self {
        let mut bootstrap = project_file();
        for address in ["/admin/address", "/static_resources/listeners/0/address"] {
            let any_port = json!({"socket_address": {"address": "127.0.0.1", "port_value": 0}});
            *at(&mut bootstrap, address) = any_port;
        }
        Self { bootstrap, concurrency: 1, environment: Vec::new(), updatable: None }
            .endpoint("mcp_server", upstream.address())
            // Refused, until a test names a provider: none asks a name server.
            .endpoint("auth", SocketAddr::from(([127, 0, 0, 1], 1)))
            .plugin(|plugin| {
                plugin["vm_config"]["code"] = json!({"local": {"filename": module()}});
            })
    }

    /// The bootstrap, before the native module takes the place of the other.
    pub fn bootstrap(&self) -> &Value {
        &self.bootstrap
    }

    /// Reaches another MCP server.
    pub fn server(self, address: SocketAddr) -> Self {
        self.endpoint("mcp_server", address)
    }

    /// Reaches this provider through the cluster `auth`, in the clear.
    pub fn provider(self, provider: &Provider) -> Self {
        self.endpoint("auth", provider.address()).cluster("auth", |auth| {
            auth.as_object_mut().expect("a cluster").remove("transport_socket");
        })
    }

    /// Reaches it with TLS, verified as the file says, but against this root.
    pub fn provider_tls(self, provider: &Provider, authority: &Authority) -> Self {
        const TRUSTED_CA: &str = "/transport_socket/typed_config/common_tls_context\
                                  /validation_context/trusted_ca";
        self.endpoint("auth", provider.address()).cluster("auth", |auth| {
            *at(auth, TRUSTED_CA) = json!({"inline_string": authority.pem()});
        })
    }

    pub fn configuration(self, configuration: &Configuration) -> Self {
        self.plugin(|plugin| plugin["configuration"] = configuration.any())
    }

    /// Sets `allow_on_headers_stop_iteration`, which has to agree with
    /// `hold_request_headers` of the configuration.
    pub fn host_flag(self, on: bool) -> Self {
        self.plugin(|plugin| plugin["allow_on_headers_stop_iteration"] = json!(on))
    }

    /// Lets HTTP/1 trailers through, from the client and to the upstream.
    pub fn trailers(self) -> Self {
        let trailers = json!({"enable_trailers": true});
        self.http_manager(|http| http["http_protocol_options"] = trailers.clone()).cluster("mcp_server", |cluster| {
            let name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
            cluster["typed_extension_protocol_options"][name] = json!({
                "@type": format!("type.googleapis.com/{name}"),
                "explicit_http_config": {"http_protocol_options": trailers},
            });
        })
    }

    /// Lets these upgrades through to the filter and on.
    pub fn upgrades(self, types: &[&str]) -> Self {
        let types: Vec<_> = types.iter().map(|kind| json!({"upgrade_type": kind})).collect();
        self.http_manager(|http| http["upgrade_configs"] = json!(types))
    }

    /// Shows the filter paths and header names as they were sent, as an Envoy
    /// does that is not set up with the project's care.
    pub fn unnormalised(self) -> Self {
        self.http_manager(|http| {
            http["normalize_path"] = json!(false);
            http["merge_slashes"] = json!(false);
            http["path_with_escaped_slashes_action"] = json!("KEEP_UNCHANGED");
            http["common_http_protocol_options"]["headers_with_underscores_action"] = json!("ALLOW");
        })
    }

    /// Leaves the module out: what the harness and Envoy do by themselves.
    pub fn without_filter(self) -> Self {
        self.http_manager(|http| {
            let filters = http["http_filters"].as_array_mut().expect("a list of filters");
            filters.retain(|filter| filter["name"] != "toolgate");
        })
    }

    /// Forbids the module what only some hosts have: foreign functions, the
    /// host's crypto among them. All else that it uses it may.
    pub fn without_foreign_functions(self) -> Self {
        if native::is_it() {
            // It has none to begin with.
            return self;
        }
        let names = capabilities(&fs::read(module()).expect("the module"));
        let allowed = names.into_iter().filter(|name| name != "proxy_call_foreign_function");
        let allowed: serde_json::Map<_, _> = allowed.map(|name| (name, json!({}))).collect();
        self.plugin(|plugin| plugin["capability_restriction_config"] = json!({"allowed_capabilities": allowed}))
    }

    /// The number of workers.
    pub fn concurrency(self, workers: usize) -> Self {
        Self { concurrency: workers, ..self }
    }

    /// Takes the listeners from a file, which [`super::envoy::Envoy::update`] replaces. Connections of a listener that
    /// is gone have this many seconds to end; then Envoy ends them.
    pub fn updatable(self, drain: u32) -> Self {
        Self { updatable: Some(drain), ..self }
    }

    /// The listeners as a discovery response.
    pub(super) fn listeners(&self) -> Value {
        let mut listeners = self.bootstrap["static_resources"]["listeners"].clone();
        for listener in listeners.as_array_mut().into_iter().flatten() {
            listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        }
        json!({"resources": listeners})
    }

    /// Sets a variable in the environment of the process.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Changes the plugin's part: the object that holds `configuration`.
    pub fn plugin(self, change: impl FnOnce(&mut Value)) -> Self {
        self.http_manager(|http| {
            let filters = &mut http["http_filters"];
            change(&mut named(filters, "toolgate")["typed_config"]["config"]);
        })
    }

    /// Changes the HTTP connection manager of the listener `mcp`.
    pub fn http_manager(self, change: impl FnOnce(&mut Value)) -> Self {
        const FILTERS: &str = "/filter_chains/0/filters/0/typed_config";
        self.edit(|bootstrap| {
            let listeners = &mut bootstrap["static_resources"]["listeners"];
            change(at(named(listeners, "mcp"), FILTERS));
        })
    }

    /// Changes a cluster.
    pub fn cluster(self, name: &str, change: impl FnOnce(&mut Value)) -> Self {
        self.edit(|bootstrap| change(named(&mut bootstrap["static_resources"]["clusters"], name)))
    }

    /// Changes anything.
    pub fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.bootstrap);
        self
    }

    fn endpoint(self, cluster: &str, address: SocketAddr) -> Self {
        const ADDRESS: &str = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address";
        let (ip, port) = (address.ip().to_string(), address.port());
        self.cluster(cluster, |cluster| {
            *at(cluster, ADDRESS) = json!({"socket_address": {"address": ip, "port_value": port}});
        })
    }
}

/// The plugin configuration of the project's file.
pub fn project_configuration() -> Value {
    let mut found = Value::Null;
    let bootstrap = project_file();
    let setup = Setup { bootstrap, concurrency: 1, environment: Vec::new(), updatable: None };
    let _ = setup.plugin(|plugin| found = plugin["configuration"]["value"].take());
    found
}

/// The host's functions that a module uses and its own that the host calls,
/// which are all that a host may forbid.
fn capabilities(module: &[u8]) -> Vec<String> {
    let wasi = ["environ_get", "environ_sizes_get", "fd_write", "proc_exit", "random_get"];
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let names = module.split(|byte| !is_name(byte)).filter(|name| name.starts_with(b"proxy_"));
    let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
    names.chain(wasi.map(str::to_owned)).collect()
}

/// The module under test: `TOOLGATE_WASM`, or what `make build` leaves beside
/// the build of these tests.
pub fn module() -> PathBuf {
    let built = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("../wasm32-wasip1/release/toolgate.wasm");
    env::var_os("TOOLGATE_WASM").map_or_else(built, PathBuf::from)
}

/// The bytes of [`module`].
///
/// # Panics
/// If it was not built.
pub fn module_bytes() -> Vec<u8> {
    let path = module();
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `make build`", path.display()))
}

fn project_file() -> Value {
    let text = fs::read_to_string(super::at_root("envoy/envoy.yaml")).expect("the project's envoy.yaml");
    serde_norway::from_str(&text).expect("YAML")
}

fn at<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    value.pointer_mut(pointer).unwrap_or_else(|| panic!("no `{pointer}` in envoy.yaml"))
}

fn named<'a>(list: &'a mut Value, name: &str) -> &'a mut Value {
    let mut items = list.as_array_mut().into_iter().flatten();
    let found = items.find(|item| item["name"] == name);
    found.unwrap_or_else(|| panic!("nothing named `{name}` in envoy.yaml"))
}
