//! The whole of it: a provider with one key, toolgate in Envoy, and the
//! recording upstream, in either host mode.

use serde_json::{Value, json};

use super::bootstrap::{Configuration, Setup};
use super::envoy::Envoy;
use super::keys::{Key, key_set};
use super::native;
use super::provider::{Behaviour, Provider};
use super::tokens::{AUDIENCE, ISSUER, environment};
use super::upstream::Upstream;

/// The host's treatment of headers while the body is being decided. The setting
/// and Envoy's flag agree; tests in which they differ set both themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They go ahead to the server; the body is held.
    Ahead,
    /// They are held with the body.
    Held,
}

impl Mode {
    pub const ALL: Modes = Modes;

    /// The value of `hold_request_headers` and of Envoy's flag.
    pub fn holds(self) -> bool {
        self == Self::Held
    }
}

/// All modes that there are: the native module always holds headers.
#[derive(Clone, Copy, Debug)]
pub struct Modes;

impl IntoIterator for Modes {
    type Item = Mode;
    type IntoIter = std::vec::IntoIter<Mode>;

    fn into_iter(self) -> Self::IntoIter {
        let modes = if native::is_it() { vec![Mode::Held] } else { vec![Mode::Ahead, Mode::Held] };
        modes.into_iter()
    }
}

/// Everything that a request passes. Fields are dropped from top to bottom.
pub struct Gate {
    pub envoy: Envoy,
    pub provider: Provider,
    pub upstream: Upstream,
}

impl Gate {
    /// Starts it with [`Key::rsa_a`] published.
    pub fn start(mode: Mode, configuration: &Value) -> Self {
        Self::start_changed(mode, configuration, |setup| setup)
    }

    /// As [`Gate::start`], with a change to what is around the configuration.
    pub fn start_changed(mode: Mode, configuration: &Value, change: impl FnOnce(Setup) -> Setup) -> Self {
        let upstream = Upstream::start();
        let provider = Provider::start(Behaviour::Json(key_set([&Key::rsa_a()])));
        let setup = setup(&upstream, mode, configuration).provider(&provider);
        Self { envoy: change(setup).start(), provider, upstream }
    }
}

/// Envoy with this configuration, and `hold_request_headers` and the flag as
/// the mode wants them.
pub fn setup(upstream: &Upstream, mode: Mode, configuration: &Value) -> Setup {
    let mut configuration = configuration.clone();
    configuration["hold_request_headers"] = json!(mode.holds());
    Setup::new(upstream).configuration(&Configuration::Struct(configuration)).host_flag(mode.holds())
}

/// With these variables that hold a secret, see [`environment`].
pub fn with_secrets(setup: Setup, names: &[&str]) -> Setup {
    names.iter().copied().fold(setup, |setup, name| {
        let secret = environment(name).expect("a secret");
        // The native module reads Envoy's own environment.
        let setup = setup.environment(name, &secret);
        setup.plugin(|plugin| plugin["vm_config"]["environment_variables"]["key_values"][name] = json!(secret))
    })
}

/// The smallest configuration that fits [`super::tokens::Token`], around a
/// policy.
pub fn configuration(policy: &Value) -> Value {
    json!({
        "issuers": [{
            "issuer": ISSUER,
            "name": "main",
            "jwks": {"uri": format!("{ISSUER}/jwks"), "cluster": "auth"},
        }],
        "resources": [{"resource": AUDIENCE, "policy": policy}],
    })
}
