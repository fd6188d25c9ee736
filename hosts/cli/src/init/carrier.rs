//! The complete files around a configuration. They are the project's own, whose tests run them.

use toolgate::url::{Scheme, Url};

use super::Format;
use super::draft::quoted;
use crate::output::Trouble;

const ENVOY: &str = include_str!("../../../../envoy/envoy.yaml");
const ISTIO_GATEWAY: &str = include_str!("../../../../deploy/istio/components/gateway/gateway.yaml");
const ISTIO_PLUGIN: &str = include_str!("../../../../deploy/istio/components/wasm-plugin/wasm-plugin.yaml");
const ISTIO_PROVIDER: &str = include_str!("../../../../deploy/istio/base/provider.yaml");
const EG_GATEWAY: &str = include_str!("../../../../deploy/envoy-gateway/base/gateway.yaml");
const EG_ROUTE: &str = include_str!("../../../../deploy/envoy-gateway/base/route.yaml");
const EG_PROVIDER: &str = include_str!("../../../../deploy/envoy-gateway/base/provider.yaml");
const EG_PLUGIN: &str = include_str!("../../../../deploy/envoy-gateway/components/configuration/extension-policy.yaml");

/// The names that these files have, which are replaced.
const ISSUER_HOST: &str = "auth.example.com";
const RESOURCE_HOST: &str = "mcp.example.com";

/// The file around a configuration.
pub struct Carrier<'c> {
    pub format: Format,
    pub resource: &'c str,
    /// A URL of the host that has the issuer's keys.
    pub keys: &'c str,
    /// The URL of the MCP server.
    pub server: Option<&'c str>,
}

/// A host and a port, and whether TLS is spoken there.
struct Place {
    host: String,
    port: String,
    path: String,
    is_tls: bool,
}

impl Place {
    fn of(url: &str) -> Result<Self, Trouble> {
        let parsed = Url::parse(url).map_err(|fault| Trouble(format!("{url}: {}", fault.message())))?;
        let authority = parsed.authority();
        let has_port = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let (host, port) = match has_port {
            Some((host, port)) => (host, port.to_owned()),
            None => (authority, parsed.scheme().default_port().to_string()),
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port, path: parsed.path().to_owned(), is_tls: parsed.scheme() == Scheme::Https })
    }
}

impl Carrier<'_> {
    /// The cluster that the file makes for the issuer's keys.
    pub fn cluster(&self) -> Result<String, Trouble> {
        Ok(match self.format {
            Format::Policy | Format::Envoy => "auth".to_owned(),
            Format::Istio => format!("outbound|{}||issuer.toolgate.internal", Place::of(self.keys)?.port),
            Format::Gateway => "httproute/mcp/issuer/rule/0".to_owned(),
        })
    }

    pub fn file(&self, configuration: &str, cluster: &str) -> Result<String, Trouble> {
        match self.format {
            Format::Policy => Ok(configuration.to_owned()),
            Format::Envoy => self.envoy(configuration, cluster),
            Format::Istio => self.istio(configuration),
            Format::Gateway => self.gateway(configuration),
        }
    }

    fn envoy(&self, configuration: &str, cluster: &str) -> Result<String, Trouble> {
        const INDENT: usize = 28;
        let keys = Place::of(self.keys)?;
        let server = Place::of(self.server.unwrap_or("http://127.0.0.1:3001/mcp"))?;
        let indent = " ".repeat(INDENT);
        let value = indented(body(configuration), INDENT)
            + &indent
            + "# Set it together with `allow_on_headers_stop_iteration` above.\n";
        let end = format!("{indent}hold_request_headers: true\n");
        let (before, rest) = cut(ENVOY, &format!("{indent}issuers:\n"))?;
        let (_, after) = cut(rest, &end)?;
        let text = format!("{before}{value}{end}{after}");
        // The clusters are at the end, the server's first.
        let (head, clusters) = cut(&text, "  clusters:\n")?;
        let (servers, auth) = cut(clusters, "    # The authorization server, for its keys.")?;
        let (tls, rest) = match auth.split_once("      transport_socket:\n") {
            Some((_, own)) => own.split_once("\n\n").unwrap_or((own, "")),
            None => ("", ""),
        };
        let tls = format!("      transport_socket:\n{tls}\n");
        let (auth_head, _) = cut(auth, "      transport_socket:\n")?;
        let auth_head = auth_head.replace("name: auth\n", &format!("name: {}\n", quoted(cluster))).replace(
            &format!("address: {ISSUER_HOST}, port_value: 443"),
            &format!("address: {}, port_value: {}", quoted(&keys.host), keys.port),
        );
        let secured =
            |place: &Place| if place.is_tls { tls.replace(ISSUER_HOST, &quoted(&place.host)) } else { String::new() };
        let address = format!("address: {}, port_value: {}", quoted(&server.host), server.port);
        let servers = servers.replace("address: 127.0.0.1, port_value: 3001", &address);
        let servers = format!("{}\n{}\n", servers.trim_end(), secured(&server));
        let head = without_paragraph(head, "# `make demo`");
        let mark = "    # The authorization server, for its keys.";
        Ok(format!("{head}  clusters:\n{servers}{mark}{auth_head}{}\n{rest}", secured(&keys)))
    }

    fn istio(&self, configuration: &str) -> Result<String, Trouble> {
        let keys = Place::of(self.keys)?;
        let provider =
            ISTIO_PROVIDER.replace(ISSUER_HOST, &keys.host).replace("number: 443", &format!("number: {}", keys.port));
        let provider = provider.replace("outbound|443|", &format!("outbound|{}|", keys.port));
        let plugin = format!("{ISTIO_PLUGIN}  pluginConfig:\n{}", indented(body(configuration), 4));
        let secured = "port: 443\n      protocol: HTTPS\n      # The certificate of the host above.\n      tls: {mode: Terminate, certificateRefs: [{name: mcp-tls}]}";
        let gateway = self.routed(ISTIO_GATEWAY)?.replace("port: 80\n      protocol: HTTP", secured);
        Ok(joined("Istio", &[&plugin, &provider, &gateway]))
    }

    fn gateway(&self, configuration: &str) -> Result<String, Trouble> {
        let keys = Place::of(self.keys)?;
        let provider =
            EG_PROVIDER.replace(ISSUER_HOST, &keys.host).replace("port: 443", &format!("port: {}", keys.port));
        let plugin = format!("{EG_PLUGIN}      config:\n{}", indented(body(configuration), 8));
        let secured =
            "{name: mcp, port: 443, protocol: HTTPS, tls: {mode: Terminate, certificateRefs: [{name: mcp-tls}]}}";
        let gateway = EG_GATEWAY.replace("{name: mcp, port: 80, protocol: HTTP}", secured);
        Ok(joined("Envoy Gateway", &[&plugin, &gateway, &self.routed(EG_ROUTE)?, &provider]))
    }

    /// A route or gateway for the resource's host and path.
    fn routed(&self, objects: &str) -> Result<String, Trouble> {
        let resource = Place::of(self.resource)?;
        let objects = objects.replace(RESOURCE_HOST, &resource.host);
        let mut objects = objects.replace("value: /mcp}", &format!("value: {}}}", quoted_path(&resource.path)));
        if let Some(server) = self.server.map(Place::of).transpose()? {
            objects = objects.replace("port: 3000", &format!("port: {}", server.port));
        }
        Ok(objects)
    }
}

/// Objects in one file.
fn joined(platform: &str, objects: &[&str]) -> String {
    let all: Vec<_> = objects.iter().map(|own| own.trim_end()).collect();
    format!(
        "# toolgate for {platform}: read it, and change the names of the image, the Service, the Secret and the namespace.\n\
         # Then: toolgate check FILE && kubectl apply -f FILE\n{}\n",
        all.join("\n---\n")
    )
}

/// The configuration without the comments at its start, which are about a file of its own.
fn body(configuration: &str) -> &str {
    configuration.find("issuers:").and_then(|start| configuration.get(start..)).unwrap_or(configuration)
}

fn indented(text: &str, by: usize) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{}{line}\n", " ".repeat(by)) };
    text.lines().map(line).collect()
}

/// A path in a flow mapping of YAML.
fn quoted_path(path: &str) -> String {
    let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.".contains(c));
    if is_plain { path.to_owned() } else { serde_json::Value::from(path).to_string() }
}

/// The text before and after a mark. The tests run every format, so the marks exist.
fn cut<'t>(text: &'t str, mark: &str) -> Result<(&'t str, &'t str), Trouble> {
    text.split_once(mark).ok_or_else(|| Trouble(format!("the model has no `{}`", mark.trim())))
}

/// The text without the paragraph of comments that starts so.
fn without_paragraph(text: &str, start: &str) -> String {
    let Some((before, rest)) = text.split_once(start) else { return text.to_owned() };
    let after = rest.split_once("\n\n").map(|(_, after)| after).unwrap_or_default();
    format!("{}\n\n{after}", before.trim_end_matches(['#', '\n', ' ']))
}
