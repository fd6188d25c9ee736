//! The version of this build, and the line that the module logs when it starts.

use crate::config::Config;
use crate::policy::Mode;

macro_rules! abi {
    () => {
        "proxy-wasm 0.2.1"
    };
}

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit of the sources, `-dirty` if they were changed; `unknown` if they were in no repository.
pub const COMMIT: &str = env!("TOOLGATE_COMMIT");

/// The interface between the module and its host.
pub const ABI: &str = abi!();

/// Version, commit and interface in one line.
pub const LINE: &str = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("TOOLGATE_COMMIT"), ", ", abi!(), ")");

/// The name of the module's custom section.
pub const SECTION: &str = "toolgate";

/// The content of the custom section: the same as JSON.
pub const DESCRIPTION: &str = concat!(
    r#"{"version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","commit":""#,
    env!("TOOLGATE_COMMIT"),
    r#"","abi":""#,
    abi!(),
    r#""}"#
);

/// The log line of a plugin instance that starts on `host`, through the interface `abi`.
pub fn started(config: &Config, abi: &str, host: &str) -> String {
    let policies = || config.resources.iter().map(|resource| &resource.policy);
    let rules = policies().flat_map(|policy| {
        let sets = [&policy.tools, &policy.prompts, &policy.resources, &policy.methods];
        let rules = sets.into_iter().flat_map(|set| set.rules().map(|rule| rule.mode));
        let scenarios = policy.matrix.iter().map(|scenario| scenario.mode);
        rules.chain(scenarios).map(|own| own.unwrap_or(policy.mode))
    });
    format!(
        "started: toolgate {VERSION} (commit {COMMIT}, {abi}) on {host}; issuers: {}; resources: {}; rules and scenarios: {}; request headers {}",
        config.issuers.len(),
        by_mode(policies().map(|policy| policy.mode)),
        by_mode(rules),
        if config.hold_request_headers { "held" } else { "not held" },
    )
}

fn by_mode(modes: impl Iterator<Item = Mode>) -> String {
    let (mut enforced, mut shadow) = (0_usize, 0_usize);
    modes.for_each(|mode| *if mode == Mode::Enforce { &mut enforced } else { &mut shadow } += 1);
    format!("{enforced} enforced, {shadow} in shadow mode")
}
