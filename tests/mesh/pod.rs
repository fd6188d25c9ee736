//! The pods that Deployments ask for, without the nodes that would run them: the arguments, environment and files of a
//! container.

use std::fs;

use serde_json::Value;

use crate::kubernetes::Kubernetes;
use crate::support::keys::decode_base64;
use crate::support::process::Scratch;
use crate::world::within;

/// A container's arguments, and those of its variables that have a value. Files of ConfigMaps are written to `scratch`, and
/// variables that name them follow.
pub fn container(
    kubernetes: &Kubernetes,
    scratch: &Scratch,
    namespace: &str,
    deployment: &str,
) -> (Vec<String>, Vec<(String, String)>) {
    let deployment = within(60, "the Deployment", || kubernetes.get("deployment", namespace, deployment));
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let arguments = container["args"].as_array().expect("arguments").iter().filter_map(Value::as_str);
    let arguments = arguments.map(|argument| argument.replace("$(POD_NAMESPACE)", namespace)).collect();
    let mut files = Vec::new();
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        let of_volume = |mount: &&Value| mount["name"] == volume["name"];
        let mount = container["volumeMounts"].as_array().into_iter().flatten().find(of_volume);
        if let (Some(name), Some(mount)) = (volume["configMap"]["name"].as_str(), mount)
            && kubernetes.get("configmap", namespace, name).is_some()
        {
            let folder = files_of(kubernetes, scratch, namespace, ("configmap", name));
            files.push((mount["mountPath"].as_str().expect("a path").to_owned(), folder));
        }
    }
    let variable = |variable: &Value| {
        let value = variable["value"].as_str()?;
        let value = files.iter().fold(value.to_owned(), |value, (path, folder)| value.replace(path, folder));
        Some((variable["name"].as_str()?.to_owned(), value))
    };
    let environment = container["env"].as_array().into_iter().flatten().filter_map(variable).collect();
    (arguments, environment)
}

/// Writes what a Secret or a ConfigMap holds, as a pod would have it; the folder.
pub fn files_of(kubernetes: &Kubernetes, scratch: &Scratch, namespace: &str, (kind, name): (&str, &str)) -> String {
    let folder = scratch.path(&format!("{kind}-{name}"));
    fs::create_dir_all(&folder).expect("a folder");
    let object = kubernetes.get(kind, namespace, name).unwrap_or_else(|| panic!("no {kind} {name}"));
    for (file, value) in object["data"].as_object().into_iter().flatten() {
        let text = value.as_str().expect("text");
        let bytes = if kind == "secret" { decode_base64(text).expect("base64") } else { text.as_bytes().to_vec() };
        fs::write(format!("{folder}/{file}"), bytes).expect("a file");
    }
    folder
}
