//! The plugin configuration: read whole, checked whole, and only then a [`Config`]. It never starts half configured.

mod fields;
mod form;
mod issuer;
mod lint;
mod live;
mod manifest;
mod policy;
mod protobuf;
mod remote;
mod resource;
mod rule;

pub use fields::{Fault, Findings};
pub use issuer::{ClientAuthentication, Dpop, Introspection, Issuer, Validation};
pub use live::{Live, MAX_POLICY};
pub use remote::{Endpoint, Format};
pub use resource::{ForwardedHeader, IdentityValue, OnDrift, Resource, UntilSeen};

use std::time::Duration;

use fields::{At, Fields, Zero};
use issuer::Issuers;

use crate::headers::Headers;
use crate::jwks::KeySource;
use crate::routes::{PathPattern, Protected, Routes};
use crate::url::Url;

/// Envoy's default for `per_connection_buffer_limit_bytes`: beyond it the host itself refuses a buffered body.
const HOST_BUFFER: usize = 1_048_576;
/// What no buffer in a worker's 1 GiB of memory should exceed.
const MAX_BUFFER: usize = 64 * HOST_BUFFER;

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// At least one.
    pub issuers: Vec<Issuer>,
    /// At least one.
    pub resources: Vec<Resource>,
    /// Where each request belongs.
    pub routes: Routes,
    /// Whether the host lets bodies be seen while headers are held.
    pub hold_request_headers: bool,
    /// What a JSON-RPC array is.
    pub batches: Batches,
    /// Sizes.
    pub limits: Limits,
    /// Verified tokens kept per worker.
    pub token_cache_entries: usize,
    /// What is recorded.
    pub audit: Audit,
    /// Headers that no server may take from a client, as [`Self::must_scrub`] compares them, each once.
    scrubbed: Vec<String>,
    /// What is worth a log line, but does not refuse the configuration.
    pub warnings: Vec<Fault>,
}

/// What a JSON-RPC array is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batches {
    /// Decided element by element.
    AuthorizeEach,
    /// Refused.
    Reject,
}

/// Sizes beyond which a message is refused, and a time after which a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Bytes of a list in an answer, or of one event that may hold one.
    pub list: usize,
    /// Bytes of a token.
    pub token: usize,
    /// Containers in one another in a JSON body.
    pub depth: usize,
    /// Elements of a batch.
    pub batch: usize,
    /// How long a stream may go on whose token has no `exp`.
    pub stream: Duration,
}

/// What is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Which decisions.
    pub decisions: Decisions,
    /// How the subject appears.
    pub subject: SubjectForm,
    /// Where lines are posted besides the log.
    pub sink: Option<SinkEndpoint>,
}

/// An endpoint that takes audit lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkEndpoint {
    /// Its URL.
    pub uri: Url,
    /// The host's cluster that reaches it.
    pub cluster: String,
    /// How long one call may take.
    pub timeout: Duration,
}

/// Which decisions get an audit line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decisions {
    /// All.
    All,
    /// Denials, those in shadow mode included.
    Denied,
    /// None.
    None,
}

/// How a subject appears in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectForm {
    /// As a digest, equal for equal subjects.
    Hash,
    /// As it is.
    Plain,
}

impl Config {
    /// Reads the configuration from JSON text or from the wire bytes of a protobuf `Struct`.
    ///
    /// `environment` looks up the variables that secrets may come from. All faults are given at once.
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

    /// The source of each issuer's keys.
    pub fn key_sources(&self) -> impl Iterator<Item = Option<&KeySource>> {
        self.issuers.iter().map(|issuer| issuer.keys.as_ref())
    }

    fn read(at: &At<'_>, environment: &dyn Fn(&str) -> Option<String>, found: &mut Findings) -> Option<Self> {
        let mut fields = at.fields(found)?;
        let issuers = Issuers::read(fields.require("issuers", found), environment, found);
        issuer::check_names(&issuers, found);
        let resources = fields.require("resources", found).and_then(|at| {
            at.list(Zero::Refuse, found, |at, found| Some(resource::read(&at, &issuers, environment, found)))
        });
        let resources = resources.unwrap_or_default().into_iter().enumerate();
        // The faulty ones are left out; the others keep the places that messages name.
        let (places, resources): (Vec<usize>, Vec<Resource>) =
            resources.filter_map(|(place, resource)| Some((place, resource?))).unzip();
        let pass = fields.take("pass").and_then(|at| at.list(Zero::Allow, found, |at, found| path_pattern(&at, found)));
        let routes = Routes::new(resources.iter().map(protected), pass.unwrap_or_default());
        for (first, second) in routes.conflicts() {
            let (Some(first), Some(second)) = (places.get(*first), places.get(*second)) else { continue };
            let message = format!("matches the same requests as resources[{first}]");
            found.fault::<()>(&format!("resources[{second}]"), message);
        }
        let hold = fields.take("hold_request_headers").and_then(|at| at.flag(found));
        let batches = [("reject", Batches::Reject), ("authorize_each", Batches::AuthorizeEach)];
        let batches = fields.take("batches").and_then(|at| at.choice(&batches, found));
        let forwarded = resources.iter().flat_map(|resource| &resource.forwarded).map(|header| header.folded.clone());
        let mut scrubbed: Vec<_> = OVERRIDES.iter().map(|name| (*name).to_owned()).chain(forwarded).collect();
        scrubbed.sort_unstable();
        scrubbed.dedup();
        let config = Self {
            issuers: issuers.read,
            scrubbed,
            resources,
            routes,
            hold_request_headers: hold.unwrap_or(false),
            batches: batches.unwrap_or(Batches::Reject),
            limits: read_limits(fields.take("limits"), found),
            token_cache_entries: read_token_cache(fields.take("token_cache"), found),
            audit: read_audit(fields.take("audit"), found),
            warnings: Vec::new(),
        };
        fields.finish(found);
        Some(config)
    }

    /// Those of `headers` that [`Self::must_scrub`] names.
    pub fn scrubbed<'h>(&self, headers: &'h Headers) -> impl Iterator<Item = &'h str> {
        // Without an underscore in any of them, each of these can stand there in one spelling only.
        let there = headers.has_underscore() || self.scrubbed.iter().any(|name| headers.has(name));
        let looked_at = there.then(|| headers.names());
        looked_at.into_iter().flatten().filter(|name| self.must_scrub(name))
    }

    /// Whether `name`, in any case and with `_` for `-`, is a header that toolgate alone may set or that would change
    /// the method or the path behind its back. Such headers never reach a server as the client sent them.
    pub fn must_scrub(&self, name: &str) -> bool {
        // With `_` it is none of MCP's, but a server may read it as one that nobody compared with the body.
        let folds_to = |folded: &str| resource::folds_to(name, folded);
        (name.contains('_') && name.get(..4).is_some_and(|start| resource::folds_to(start, "mcp-")))
            || self.scrubbed.iter().any(|name| folds_to(name))
    }
}

/// A resource as its requests find it.
fn protected(resource: &Resource) -> Protected<'_> {
    Protected { identifier: &resource.identifier, hosts: &resource.hosts, paths: &resource.paths }
}

/// Headers by which some servers take another method, or another path, than the request's.
const OVERRIDES: [&str; 5] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];

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
    /// Some kilobytes each: more would be a gigabyte.
    const MOST: usize = 1_000_000;
    let default = 4096;
    let Some(mut fields) = at.and_then(|at| at.fields(found)) else { return default };
    let entries = fields.take("entries").and_then(|at| at.whole(0, MOST, found));
    fields.finish(found);
    entries.unwrap_or(default)
}

fn read_audit(at: Option<At<'_>>, found: &mut Findings) -> Audit {
    let mut audit = Audit { decisions: Decisions::All, subject: SubjectForm::Plain, sink: None };
    let Some(mut fields) = at.and_then(|at| at.fields(found)) else { return audit };
    let decisions = [("all", Decisions::All), ("denied", Decisions::Denied), ("none", Decisions::None)];
    if let Some(decisions) = fields.take("decisions").and_then(|at| at.choice(&decisions, found)) {
        audit.decisions = decisions;
    }
    let forms = [("plain", SubjectForm::Plain), ("hash", SubjectForm::Hash)];
    if let Some(form) = fields.take("subject").and_then(|at| at.choice(&forms, found)) {
        audit.subject = form;
    }
    audit.sink = fields.take("sink").and_then(|at| read_sink(&at, found));
    fields.finish(found);
    audit
}

fn read_sink(at: &At<'_>, found: &mut Findings) -> Option<SinkEndpoint> {
    let mut fields = at.fields(found)?;
    let uri = fields.require("uri", found).and_then(|at| at.url(found));
    let cluster = fields.require("cluster", found).and_then(|at| at.text(found)).map(str::to_owned);
    let timeout = issuer::timeout(&mut fields, found);
    fields.finish(found);
    let (uri, cluster) = uri.zip(cluster)?;
    Some(SinkEndpoint { uri, cluster, timeout })
}
