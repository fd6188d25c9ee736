//! The order of a run: for each control plane the page that tells how to begin, the ways to load toolgate, the components.

use crate::faults::Case;
use crate::kubernetes::Kubernetes;
use crate::overlay::Overlay;
use crate::pages::{self, User};
use crate::proxy::Proxy;
use crate::report::Report;
use crate::world::{self, World};
use crate::{beside, envoy_gateway, istio, limits, verdicts};

/// A way to load toolgate: what it is called, its components, and the source of the module.
type Way = (&'static str, &'static [&'static str], Source);

/// The source of a proxy's module.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// A registry, which has an image in this form.
    Image(&'static str),
    Web,
}

const COMPAT: Source = Source::Image("compat");
const ARTIFACT: Source = Source::Image("artifact");

const ISTIO: [Way; 3] = [
    ("Istio WasmPlugin", &["gateway", "wasm-plugin"], COMPAT),
    ("Istio TrafficExtension", &["gateway", "traffic-extension"], ARTIFACT),
    ("Istio EnvoyFilter, headers held", &["gateway", "held"], ARTIFACT),
];
const ISTIO_METRICS: Way = ("Istio metrics", &["gateway", "wasm-plugin", "metrics"], COMPAT);
const ISTIO_BESIDE: Way = ("Istio beside JWT", &["gateway", "wasm-plugin", "beside-jwt"], COMPAT);
const INGRESS: Way = ("Istio ingress gateway", &["wasm-plugin", "ingress-gateway"], COMPAT);
const SIDECAR: Way = ("Istio sidecar", &["wasm-plugin", "sidecar"], COMPAT);

const ENVOY_GATEWAY: [Way; 3] = [
    ("Envoy Gateway image", &["configuration", "image"], COMPAT),
    ("Envoy Gateway HTTP source", &["configuration", "http"], Source::Web),
    ("Envoy Gateway image, headers held", &["configuration", "image", "held"], ARTIFACT),
];
const EG_METRICS: Way = ("Envoy Gateway metrics", &["configuration", "image", "metrics"], COMPAT);
const EG_BESIDE: Way = ("Envoy Gateway beside JWT", &["configuration", "image", "beside-jwt"], COMPAT);

/// The environment of all checks, and the report on them.
pub struct Mesh<'a> {
    pub report: &'a mut Report,
    pub world: &'a mut World,
    pub kubernetes: &'a Kubernetes,
    pub user: User,
    /// The parts that are wanted.
    pub words: Vec<String>,
}

impl<'a> Mesh<'a> {
    pub fn run(&mut self) {
        self.push();
        let platforms = ["istio", "envoy-gateway"];
        if self.wants("istio", &platforms) {
            self.istio();
        }
        if self.wants("envoy-gateway", &platforms) {
            self.envoy_gateway();
        }
    }

    /// Whether this word was given, or none of its kind.
    fn wants(&self, word: &str, kind: &[&str]) -> bool {
        let given = |word: &str| self.words.iter().any(|given| given == word);
        given(word) || !kind.iter().any(|word| given(word))
    }

    fn part(&self, word: &str) -> bool {
        self.wants(word, &["page", "ways", "metrics", "beside", "ingress"])
    }

    fn istio(&mut self) {
        let kubernetes = self.kubernetes;
        let _istiod = istio::control_plane(kubernetes);
        self.report.say("istiod is ready");
        let start = || istio::Proxy::start(kubernetes, istio::Place::Gateway);
        if self.part("page") {
            self.page("docs/istio.md", istio::TLS_PORT, || Box::new(start()));
        }
        if self.part("ways") {
            let mut proxy = None;
            for way in ISTIO {
                let overlay = self.deploy(way);
                let proxy = proxy.get_or_insert_with(start);
                self.case(way, proxy, overlay, way == ISTIO[0]);
                self.remove(proxy, "wasmplugins,trafficextensions,envoyfilters");
            }
        }
        if self.part("metrics") {
            self.deploy(ISTIO_METRICS);
            kubernetes.wait_for(("deployment", "mcp", "mcp-istio"), "ISTIO_BOOTSTRAP_OVERRIDE");
            verdicts::labels(self.report, ISTIO_METRICS.0, self.world, &start());
        }
        if self.part("beside") {
            self.deploy(ISTIO_BESIDE);
            let proxy = start();
            if verdicts::answers(self.report, ISTIO_BESIDE.0, &proxy) {
                beside::istio(self.report, ISTIO_BESIDE.0, self.world, kubernetes, &proxy);
            }
            kubernetes.delete_all("requestauthentications,authorizationpolicies");
        }
        // Envoy Gateway's have the same names, and what follows are other places for the same plugin.
        kubernetes.delete_all("wasmplugins,gateways.gateway.networking.k8s.io,httproutes");
        if self.part("ingress") {
            istio::ingress_gateway(kubernetes);
            let overlay = self.deploy_to("istio-system", INGRESS);
            let mut proxy = istio::Proxy::start(kubernetes, istio::Place::Ingress);
            self.case(INGRESS, &mut proxy, overlay, false);
        }
        if self.part("ways") {
            istio::sidecar(kubernetes);
            let overlay = self.deploy(SIDECAR);
            let mut proxy = istio::Proxy::start(kubernetes, istio::Place::Sidecar);
            self.case(SIDECAR, &mut proxy, overlay, false);
        }
    }

    fn envoy_gateway(&mut self) {
        let kubernetes = self.kubernetes;
        let _control_plane = envoy_gateway::control_plane(kubernetes);
        self.report.say("Envoy Gateway runs");
        let start = || envoy_gateway::Proxy::start(kubernetes);
        if self.part("page") {
            self.page("docs/envoy-gateway.md", envoy_gateway::TLS_PORT, || Box::new(start()));
        }
        if self.part("ways") {
            let mut proxy = None;
            for way in ENVOY_GATEWAY {
                let overlay = self.deploy(way);
                let proxy = proxy.get_or_insert_with(start);
                self.case(way, proxy, overlay, way == ENVOY_GATEWAY[0]);
                if way.2 != Source::Web {
                    let is_held = way.1.contains(&"held");
                    limits::small_buffer(self.report, way.0, self.world, kubernetes, proxy, is_held);
                }
                self.remove(proxy, "envoyextensionpolicies,envoypatchpolicies");
            }
        }
        if self.part("metrics") {
            self.deploy(EG_METRICS);
            let has_labels = || envoy_gateway::deployment(kubernetes).filter(|it| it.to_string().contains("toolgate"));
            world::within(60, "a Deployment with labels", has_labels);
            verdicts::labels(self.report, EG_METRICS.0, self.world, &start());
        }
        if self.part("beside") {
            self.deploy(EG_BESIDE);
            let proxy = start();
            if verdicts::answers(self.report, EG_BESIDE.0, &proxy) {
                beside::envoy_gateway(self.report, EG_BESIDE.0, self.world, kubernetes, &proxy);
            }
        }
    }

    /// Brings the images of `make dist` into the registry, by the commands of the page on packages.
    fn push(&mut self) {
        let user = &self.user;
        self.report.check("docs/packages.md", "followed word for word", || {
            let sections = ["The command line", "Verify", "Push and pin an image"];
            let told = sections.map(|section| user.follow("docs/packages.md", section, |_| {}).len());
            for form in ["compat", "artifact"] {
                let image =
                    format!("docker://registry.example.com/toolgate@{}", crate::dist::digest(&format!("oci-{form}")));
                world::run("skopeo", &["inspect", "--raw", &image]);
            }
            format!("{} blocks of commands; both images are there by their digests", told.iter().sum::<usize>())
        });
    }

    /// Follows a page to its first answer. No node runs the proxy that the page's `kubectl apply` asks for, so it is started
    /// then.
    fn page(&mut self, page: &'static str, port: u16, start: impl Fn() -> Box<dyn Proxy + 'a>) {
        let user = &self.user;
        // As the gateway's Service would pass them on.
        let _service = world::Forward::start((world::GATEWAY, 443), (world::GATEWAY, port));
        let token = self.world.token("mcp:read");
        self.report.check(page, "followed word for word", || {
            let mut proxy = None;
            let told = user.follow(page, pages::FIRST, |block| {
                if block.contains("kubectl apply -k") {
                    proxy = Some(start());
                }
            });
            let last = told.last().expect("what curl printed");
            let servers = "\"authorization_servers\":[\"https://auth.example.com\"]";
            for part in ["HTTP/2 401", &format!("resource_metadata=\"{}\"", verdicts::METADATA), servers] {
                assert!(last.contains(part), "no {part}: {last}");
            }
            let tools = user.list_tools(&token);
            assert!(tools.contains("get-sum") && !tools.contains("get-env"), "{tools}");
            format!("{} blocks of commands, to 401 over TLS; with a token, the trimmed list", told.len())
        });
        // The next page makes it, too.
        let secret = ["delete", "secret", "mcp-tls", "--namespace", "mcp", "--ignore-not-found"];
        self.kubernetes.kubectl(&secret);
    }

    fn deploy(&mut self, way: Way) -> Overlay {
        self.deploy_to("mcp", way)
    }

    /// Applies the objects of a way, after the API has judged them strictly.
    fn deploy_to(&mut self, namespace: &'static str, (place, components, source): Way) -> Overlay {
        let platform = if place.starts_with("Istio") { "istio" } else { "envoy-gateway" };
        let overlay = Overlay::new(platform, components).in_namespace(namespace);
        let overlay = match source {
            Source::Image(form) => overlay.image(form),
            Source::Web => overlay.web(),
        };
        let objects = overlay.build();
        self.report.check(place, "the API accepts the files", || {
            let told = self.kubernetes.judge(&objects).unwrap_or_else(|fault| panic!("{fault}"));
            format!("{} objects", told.lines().count())
        });
        self.kubernetes.apply(&objects);
        overlay
    }

    /// Runs the checks of a place; at the first of a control plane also what goes wrong.
    fn case(&mut self, (place, ..): Way, proxy: &mut dyn Proxy, overlay: Overlay, first: bool) {
        if !verdicts::answers(self.report, place, proxy) {
            return;
        }
        verdicts::all(self.report, place, self.world, proxy);
        let mut case = Case { place, world: self.world, kubernetes: self.kubernetes, proxy, overlay };
        case.senders(self.report);
        if first {
            case.changes(self.report);
        }
    }

    /// Removes toolgate, and waits until it is gone: the next to answer is another.
    fn remove(&self, proxy: &dyn Proxy, kinds: &str) {
        self.kubernetes.delete_all(kinds);
        world::within(30, "a proxy without toolgate", || (proxy.answer() == Ok(200)).then_some(()));
    }
}
