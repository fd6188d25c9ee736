//! The loader reads and checks the entire configuration before it creates a [`Config`]. A plugin never starts with a
//! partial configuration.
//!
//! Each file reads one part. Readers record every fault with its path and continue ([`Findings`]).

mod endpoint;
mod fields;
mod form;
mod forward;
mod in_band;
mod issuer;
mod lint;
mod live;
mod manifest;
mod policy;
mod protobuf;
mod resource;
mod revoked;
mod rule;
mod sessions;

use std::time::Duration;

use fields::{At, Fields, Findings, Zero};
use issuer::Issuers;

use crate::config::{
    Audit, Batches, Config, Decisions, Fault, FilterState, Limits, OVERRIDES, Pointer, Resource, SubjectForm,
};
use crate::ids::{ById, ResourceId};
use crate::index::Index;
use crate::pattern::Pattern;
use crate::routes::{PathPattern, Protected, Routes};

/// Envoy's default for `per_connection_buffer_limit_bytes`. Beyond it, Envoy itself refuses a buffered body.
const HOST_BUFFER: usize = 1_048_576;
/// The maximum buffer size, so that several fit into a worker's 1 GiB of memory.
const MAX_BUFFER: usize = 64 * HOST_BUFFER;

/// Looks up an environment variable that may hold a secret.
pub(crate) type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads the configuration from JSON text or from the wire bytes of a protobuf `Struct`.
    ///
    /// `environment` looks up variables that may hold secrets. All faults are returned at once.
    pub fn parse(bytes: &[u8], environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<Fault>> {
        let mut found = Findings::default();
        let config = match form::read(bytes) {
            Ok(node) => Self::read(&At { path: String::new(), node: &node }, environment, &mut found),
            Err(message) => found.fault("", message),
        };
        match config {
            Some(config) if found.faults.is_empty() => Ok(Self { warnings: found.warnings, ..config }),
            _ => Err(found.faults),
        }
    }

    fn read(at: &At<'_>, environment: Environment<'_>, found: &mut Findings) -> Option<Self> {
        let mut fields = at.fields(found)?;
        let issuers = Issuers::read(fields.require("issuers", found), environment, found);
        issuer::check_names(&issuers, found);
        let resources = fields.require("resources", found).and_then(|at| {
            at.list(Zero::Refuse, found, |at, found| Some(resource::read(&at, &issuers, environment, found)))
        });
        let resources = resources.unwrap_or_default().into_iter().enumerate();
        // Faulty resources are skipped. Messages keep the indices of the configuration.
        let (places, resources): (Vec<usize>, Vec<Resource>) =
            resources.filter_map(|(place, resource)| Some((place, resource?))).unzip();
        let places: ById<ResourceId, usize> = places.into_iter().collect();
        issuer::check_scope_maps(&issuers, &resources, found);
        let resources: ById<ResourceId, Resource> = resources.into_iter().collect();
        let pass = fields.take("pass").and_then(|at| at.list(Zero::Allow, found, |at, found| path_pattern(&at, found)));
        let routes = Routes::new(&resources.map(protected), pass.unwrap_or_default());
        for (first, second) in routes.conflicts() {
            let (Some(first), Some(second)) = (places.get(*first), places.get(*second)) else { continue };
            let message = format!("matches the same requests as resources[{first}]");
            found.fault::<()>(&format!("resources[{second}]"), message);
        }
        let hold = fields.take("hold_request_headers").and_then(|at| at.flag(found));
        let batches = [("reject", Batches::Reject), ("authorize_each", Batches::AuthorizeEach)];
        let batches = fields.take("batches").and_then(|at| at.choice(&batches, found));
        let forwarded = resources.iter().flat_map(|resource| &resource.forwarded).map(|header| header.folded.clone());
        let scrubbed = OVERRIDES.iter().map(|name| (*name).to_owned()).chain(forwarded);
        let config = Self {
            issuers: issuers.read,
            scrubbed: Index::new(scrubbed).into_names(),
            resources,
            routes,
            hold_request_headers: hold.unwrap_or(false),
            batches: batches.unwrap_or(Batches::Reject),
            limits: read_limits(fields.take("limits"), found),
            token_cache_entries: read_token_cache(fields.take("token_cache"), found),
            audit: read_audit(fields.take("audit"), found),
            filter_state: read_records(fields.take("records"), found),
            warnings: Vec::new(),
        };
        fields.finish(found);
        Some(config)
    }
}

/// The URL, hosts and paths by which requests find a resource.
fn protected(resource: &Resource) -> Protected<'_> {
    Protected { identifier: &resource.identifier, hosts: &resource.hosts, paths: &resource.paths }
}

fn path_pattern(at: &At<'_>, found: &mut Findings) -> Option<PathPattern> {
    match PathPattern::parse(at.text(found)?) {
        Some(path) => Some(path),
        None => found.fault(&at.path, "must be a path, such as `/mcp`, with `*` only as a trailing `/*`"),
    }
}

fn read_limits(at: Option<At<'_>>, found: &mut Findings) -> Limits {
    let mut limits = Limits {
        body: 1_000_000,
        list: 1_000_000,
        token: 16_384,
        depth: 64,
        batch: 32,
        stream: Duration::from_secs(3600),
    };
    let Some(mut fields) = at.and_then(|at| at.fields(found)) else { return limits };
    let mut whole = |name, limit: &mut usize, most, fields: &mut Fields<'_>| {
        let Some(at) = fields.take(name) else { return };
        *limit = at.whole(1, most, found).unwrap_or(*limit);
        if *limit > HOST_BUFFER {
            found.warn(&at.path, "is over Envoy's default per_connection_buffer_limit_bytes of 1048576");
        }
    };
    whole("body", &mut limits.body, MAX_BUFFER, &mut fields);
    whole("list", &mut limits.list, MAX_BUFFER, &mut fields);
    whole("token", &mut limits.token, HOST_BUFFER, &mut fields);
    whole("depth", &mut limits.depth, 10_000, &mut fields);
    whole("batch", &mut limits.batch, 10_000, &mut fields);
    let stream = fields.take("stream").and_then(|at| at.duration(Zero::Refuse, found));
    limits.stream = stream.unwrap_or(limits.stream);
    fields.finish(found);
    limits
}

fn read_token_cache(at: Option<At<'_>>, found: &mut Findings) -> usize {
    /// An entry takes a few kilobytes, so more would take a gigabyte.
    const MOST: usize = 1_000_000;
    let default = 4096;
    let Some(mut fields) = at.and_then(|at| at.fields(found)) else { return default };
    let entries = fields.take("entries").and_then(|at| at.whole(0, MOST, found));
    fields.finish(found);
    entries.unwrap_or(default)
}

fn read_records(at: Option<At<'_>>, found: &mut Findings) -> FilterState {
    let default = FilterState::All;
    let Some(mut fields) = at.and_then(|at| at.fields(found)) else { return default };
    let parts = [("all", FilterState::All), ("decision", FilterState::Decision), ("none", FilterState::None)];
    let filter_state = fields.take("filter_state").and_then(|at| at.choice(&parts, found));
    fields.finish(found);
    filter_state.unwrap_or(default)
}

fn read_audit(at: Option<At<'_>>, found: &mut Findings) -> Audit {
    let mut audit = Audit {
        decisions: Decisions::All,
        subject: SubjectForm::Plain,
        detail: true,
        sink: None,
        arguments: Vec::new(),
    };
    let Some(mut fields) = at.and_then(|at| at.fields(found)) else { return audit };
    let decisions = [("all", Decisions::All), ("denied", Decisions::Denied), ("none", Decisions::None)];
    if let Some(decisions) = fields.take("decisions").and_then(|at| at.choice(&decisions, found)) {
        audit.decisions = decisions;
    }
    let forms = [("plain", SubjectForm::Plain), ("hash", SubjectForm::Hash)];
    if let Some(form) = fields.take("subject").and_then(|at| at.choice(&forms, found)) {
        audit.subject = form;
    }
    if let Some(detail) = fields.take("detail").and_then(|at| at.flag(found)) {
        audit.detail = detail;
    }
    audit.arguments = fields.take("arguments").map(|at| read_recorded(&at, found)).unwrap_or_default();
    audit.sink = fields.take("sink").and_then(|at| endpoint::read_sink(&at, found));
    fields.finish(found);
    audit
}

/// `audit.arguments`: patterns for tools, each with the pointers to the arguments that are recorded.
fn read_recorded(at: &At<'_>, found: &mut Findings) -> Vec<(Pattern, Vec<Pointer>)> {
    let pointer = |at: At<'_>, found: &mut Findings| {
        let text = at.text(found)?.to_owned();
        let path = rule::pointer(&text, &at, found)?;
        Some(Pointer { text, path })
    };
    let entries = at.entries(found).unwrap_or_default().into_iter();
    entries.filter_map(|(name, at)| Some((Pattern::new(name), at.list(Zero::Refuse, found, pointer)?))).collect()
}
