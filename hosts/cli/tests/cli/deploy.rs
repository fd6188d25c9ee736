//! The manifests in `deploy/istio/` and `deploy/envoy-gateway/`: each parses, names what exists, and carries a configuration
//! that `toolgate check` accepts without a warning, in every combination of their components.
//!
//! Combinations are built by `kubectl kustomize`, or the command in `TOOLGATE_KUSTOMIZE`. `make manifests` also holds them to
//! the schemas of the kinds, by the kubeconform in `TOOLGATE_KUBECONFORM` and the folder in `TOOLGATE_SCHEMAS`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::run::Place;
use crate::support::at_root;

/// Components of Istio that go together: places, then forms.
const ISTIO: [&str; 13] = [
    "gateway tls wasm-plugin",
    "gateway traffic-extension",
    "gateway held",
    "gateway tls wasm-plugin metrics",
    "gateway wasm-plugin beside-jwt",
    "gateway traffic-extension beside-jwt",
    "gateway held beside-jwt",
    "wasm-plugin ingress-gateway",
    "traffic-extension ingress-gateway metrics",
    "held ingress-gateway",
    "wasm-plugin sidecar",
    "traffic-extension sidecar",
    "held sidecar",
];

/// Components of Envoy Gateway that go together.
const ENVOY_GATEWAY: [&str; 7] = [
    "tls configuration image",
    "configuration http",
    "configuration image held",
    "tls configuration http held",
    "configuration image metrics",
    "configuration image beside-jwt",
    "configuration image held metrics beside-jwt",
];

/// Every combination: the platform and its components.
fn combinations() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of = |platform, all: &'static [&str]| all.iter().map(move |components| (platform, *components));
    of("istio", &ISTIO).chain(of("envoy-gateway", &ENVOY_GATEWAY))
}

/// The documents of a YAML text.
fn documents(text: &str) -> Vec<Value> {
    let read = |document| serde::Deserialize::deserialize(document).unwrap_or_else(|fault| panic!("{fault}:\n{text}"));
    let all = serde_norway::Deserializer::from_str(text).map(read);
    all.filter(|document: &Value| !document.is_null()).collect()
}

/// The YAML files below a folder of the repository.
fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![at_root(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// The texts of a list.
fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[test]
fn every_manifest_names_its_object() {
    let files = [yaml_files("deploy/istio"), yaml_files("deploy/envoy-gateway")].concat();
    assert!(files.len() > 30, "{files:?}");
    for path in files {
        for document in documents(&read(&path)) {
            let has = |name: &str| document[name].is_string();
            let is_kustomize = path.file_name().unwrap() == "kustomization.yaml";
            let is_named = is_kustomize || document["metadata"]["name"].is_string();
            assert!(has("apiVersion") && has("kind") && is_named, "{}: {document}", path.display());
        }
    }
}

#[test]
fn every_file_is_used_and_every_name_of_a_file_is_one() {
    let mut used = BTreeSet::new();
    let all = [yaml_files("deploy/istio"), yaml_files("deploy/envoy-gateway")].concat();
    for path in all.iter().filter(|path| path.ends_with("kustomization.yaml")) {
        let kustomization = documents(&read(path)).remove(0);
        let patches =
            kustomization["patches"].as_array().into_iter().flatten().filter_map(|patch| patch["path"].as_str());
        let generated = kustomization["configMapGenerator"].as_array().into_iter().flatten();
        let generated = generated.flat_map(|own| texts(&own["files"]));
        let names = texts(&kustomization["resources"]).chain(texts(&kustomization["components"]));
        for name in names.chain(patches).chain(generated) {
            let named = path.parent().unwrap().join(name);
            let named = named.canonicalize().unwrap_or_else(|fault| panic!("{}: {name}: {fault}", path.display()));
            used.insert(named);
        }
        used.insert(path.canonicalize().unwrap());
    }
    let unused: Vec<_> = all.iter().filter(|path| !used.contains(&path.canonicalize().unwrap())).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_component_is_explained_and_every_one_that_is_exists() {
    for platform in ["istio", "envoy-gateway"] {
        let page = read(&at_root(&format!("docs/{platform}.md")));
        let (_, table) = page.split_once("| component |").unwrap();
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let explained: BTreeSet<_> = rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect();
        let folders = std::fs::read_dir(at_root(&format!("deploy/{platform}/components"))).unwrap();
        let there = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(explained, there, "{platform}");
        let built = combinations().filter(|(own, _)| *own == platform).flat_map(|(_, all)| all.split(' '));
        assert_eq!(built.map(str::to_owned).collect::<BTreeSet<_>>(), there, "{platform}: each is in a combination");
    }
}

#[test]
fn settings_and_policy_of_each_overlay_are_accepted_without_a_warning() {
    for platform in ["istio", "envoy-gateway"] {
        let document = |name: &str| documents(&read(&at_root(&format!("deploy/{platform}/overlay/{name}")))).remove(0);
        let mut config = document("toolgate.yaml")["config"].take();
        config["resources"][0]["policy"] = document("policy.yaml")["policy"].take();
        let place = Place::new("deploy-settings");
        let ran = place.file("toolgate.json", config.to_string()).run("check --strict --quiet toolgate.json");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{platform}: {}", ran.out);
    }
}

#[test]
fn the_labels_of_metrics_are_those_of_the_bootstrap() {
    let tags = |text: &str| {
        let found = documents(text).remove(0)["stats_config"]["stats_tags"].take();
        assert!(found.as_array().is_some_and(|tags| tags.len() == 4), "{found}");
        found
    };
    let bootstrap = tags(&read(&at_root("envoy/envoy.yaml")));
    let istio = read(&at_root("deploy/istio/components/metrics/custom_bootstrap.json"));
    let proxy = read(&at_root("deploy/envoy-gateway/components/metrics/envoy-proxy.yaml"));
    let envoy_gateway = documents(&proxy).remove(0)["spec"]["bootstrap"]["value"].take();
    assert_eq!(tags(&istio), bootstrap);
    assert_eq!(tags(envoy_gateway.as_str().unwrap()), bootstrap);
}

#[test]
fn every_combination_builds_into_objects_that_check_accepts_without_a_warning() {
    let Some(kustomize) = Kustomize::find() else {
        eprintln!("SKIPPED, no combination was built: neither kubectl is installed, nor TOOLGATE_KUSTOMIZE set");
        return;
    };
    for (platform, components) in combinations() {
        let name = format!("{platform}: {components}");
        let place = overlay(platform, components);
        let built = kustomize.build(&place, &name);
        place.file("built.yaml", &built);
        let ran = place.run("check --strict --quiet built.yaml");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}: {}", ran.out);
        let objects = documents(&built);
        assert_names_exist(&objects, &name);
        assert_holds_agree(&built, components);
        let policy = documents(&place.read("policy.yaml")).remove(0)["policy"].take();
        let count = objects.iter().map(|object| occurrences(object, &policy)).sum::<usize>();
        assert_eq!(count, 1, "{name}: the policy is the overlay's");
        assert_fits_schemas(&place, &name);
    }
}

/// The overlay of a platform with these components in the place of its own.
fn overlay(platform: &str, components: &str) -> Place {
    let place = Place::new("deploy");
    let folder = at_root(&format!("deploy/{platform}"));
    let up = "../".repeat(place.0.canonicalize().unwrap().components().count() - 1);
    let folder = format!("{up}{}", folder.canonicalize().unwrap().strip_prefix("/").unwrap().display());
    let components: Vec<_> = components.split(' ').map(|name| format!("{folder}/components/{name}")).collect();
    let kustomization = serde_json::json!({
        "resources": [format!("{folder}/base"), "toolgate.yaml", "policy.yaml"],
        "components": components,
    });
    let settings = read(&at_root(&format!("deploy/{platform}/overlay/toolgate.yaml")));
    // The settings of a module from a web server are in comments.
    let digest = "0".repeat(64);
    let settings = settings.replace("# url: https", "url: https");
    let settings = settings.replace("# sha256: of the module, 64 hexadecimal digits", &format!("sha256: \"{digest}\""));
    let policy = read(&at_root(&format!("deploy/{platform}/overlay/policy.yaml")));
    place.file("kustomization.yaml", kustomization.to_string()).file("toolgate.yaml", settings);
    place.file("policy.yaml", policy);
    place
}

/// The command that builds overlays.
struct Kustomize(Vec<String>);

impl Kustomize {
    fn find() -> Option<Self> {
        let named = std::env::var("TOOLGATE_KUSTOMIZE").ok();
        let words = |command: &str| Self(command.split(' ').map(str::to_owned).collect());
        let is_there = || Command::new("kubectl").args(["kustomize", "--help"]).output().is_ok();
        named.map(|command| words(&command)).or_else(|| is_there().then(|| words("kubectl kustomize")))
    }

    fn build(&self, place: &Place, name: &str) -> String {
        let Self(command) = self;
        let output = Command::new(&command[0]).args(&command[1..]).arg(&place.0).output().unwrap();
        well(&output, name)
    }
}

fn well(output: &Output, name: &str) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert!(output.status.success(), "{name}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The names of objects that others refer to are those of objects, but for what a user brings: a Service, a Secret, and the
/// objects of an ingress gateway.
fn assert_names_exist(objects: &[Value], name: &str) {
    let names: BTreeSet<_> =
        objects.iter().map(|object| (text(&object["kind"]), text(&object["metadata"]["name"]))).collect();
    let mut references = Vec::new();
    objects.iter().for_each(|object| collect_references(object, &mut references));
    assert!(!references.is_empty() || name.contains("ingress-gateway") || name.contains("sidecar"), "{name}");
    for (kind, referred) in references {
        let is_the_users = ["Service", "Secret"].contains(&kind.as_str());
        assert!(is_the_users || names.contains(&(kind.clone(), referred.clone())), "{name}: no {kind} `{referred}`");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The kind and name of what an object refers to, wherever it does.
fn collect_references(value: &Value, found: &mut Vec<(String, String)>) {
    const MEMBERS: [(&str, &str); 6] = [
        ("backendRefs", "Service"),
        ("certificateRefs", "Secret"),
        ("parametersRef", ""),
        ("parentRefs", "Gateway"),
        ("targetRef", ""),
        ("targetRefs", ""),
    ];
    for (member, default) in MEMBERS {
        let references =
            value.get(member).map_or(Vec::new(), |own| own.as_array().cloned().unwrap_or(vec![own.clone()]));
        for reference in references {
            let kind = reference["kind"].as_str().unwrap_or(default).to_owned();
            found.push((kind, text(&reference["name"])));
        }
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        Value::Object(members) => members.values().for_each(|own| collect_references(own, found)),
        _ => {}
    }
}

/// The option and the flag are set together, and only where headers are held.
fn assert_holds_agree(built: &str, components: &str) {
    let holds = components.split(' ').any(|component| component == "held");
    let has = |word: &str| built.contains(word);
    assert_eq!(has("hold_request_headers: true"), holds, "{components}");
    assert_eq!(has("allow_on_headers_stop_iteration"), holds, "{components}");
    assert!(!holds || has("FAIL_RELOAD"), "{components}");
}

/// How often a value is in another one.
fn occurrences(value: &Value, wanted: &Value) -> usize {
    let inside = match value {
        Value::Array(items) => items.iter().map(|item| occurrences(item, wanted)).sum(),
        Value::Object(members) => members.values().map(|own| occurrences(own, wanted)).sum(),
        _ => 0,
    };
    inside + usize::from(value == wanted)
}

fn assert_fits_schemas(place: &Place, name: &str) {
    let (Ok(kubeconform), Ok(schemas)) = (std::env::var("TOOLGATE_KUBECONFORM"), std::env::var("TOOLGATE_SCHEMAS"))
    else {
        return;
    };
    let location = format!("{schemas}/{{{{.Group}}}}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json");
    let arguments = ["-strict", "-summary", "-skip", "ConfigMap", "-schema-location", &location];
    let output = Command::new(kubeconform).args(arguments).arg(place.0.join("built.yaml")).output().unwrap();
    println!("{name}: {}", well(&output, name).trim());
}
