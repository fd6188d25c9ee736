//! A bill of materials in CycloneDX 1.6 JSON, of what cargo links into one package for one target.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::{Result, doing};

/// One thing that is linked.
#[derive(Clone, Debug, Default, PartialEq)]
struct Package {
    name: String,
    version: String,
    license: String,
    repository: String,
    /// The references of what it uses.
    uses: Vec<String>,
}

/// The artifact that a bill is of.
#[derive(Clone, Debug)]
pub struct Artifact<'a> {
    /// The file.
    pub file: &'a str,
    /// Its digest.
    pub sha256: &'a str,
    /// The package of the workspace.
    pub package: &'a str,
    /// The target that it is built for.
    pub target: &'a str,
}

/// Separates the columns that cargo prints. It occurs in no name, licence or address.
const SEPARATOR: char = '\t';

/// The dependencies as `cargo tree` resolves them: features and all, without build scripts, macros and tests.
pub fn tree(artifact: &Artifact<'_>) -> Result<String> {
    #[rustfmt::skip]
    let arguments = [
        "tree", "--locked", "--package", artifact.package, "--target", artifact.target,
        "--edges", "normal,no-proc-macro", "--prefix", "depth", "--charset", "ascii",
        "--format", &format!("{SEPARATOR}{{p}}{SEPARATOR}{{l}}{SEPARATOR}{{r}}{SEPARATOR}"),
    ];
    let output = doing("cargo tree", Command::new("cargo").args(arguments).output())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The bill of an artifact. `lock` is `Cargo.lock`, which has the digests of what was downloaded.
pub fn bill(artifact: &Artifact<'_>, tree: &str, lock: &str, timestamp: &str) -> Result<Value> {
    let (root, packages) = parse(tree)?;
    let digests = digests(lock);
    let component = |(reference, package): (&String, &Package)| {
        let mut component = json!({
            "type": "library",
            "bom-ref": reference,
            "name": package.name,
            "version": package.version,
        });
        if !package.license.is_empty() {
            // Older packages write `/` for `OR`.
            component["licenses"] = json!([{"expression": package.license.replace('/', " OR ")}]);
        }
        // A package without a digest is of this workspace, and in no registry.
        if let Some(digest) = digests.get(&(package.name.as_str(), package.version.as_str())) {
            component["purl"] = json!(reference);
            component["hashes"] = json!([{"alg": "SHA-256", "content": digest}]);
            if !package.repository.is_empty() {
                component["externalReferences"] = json!([{"type": "vcs", "url": package.repository}]);
            }
        }
        component
    };
    let own = packages.get(&root).cloned().unwrap_or_default();
    let dependency = |(reference, package): (&String, &Package)| json!({"ref": reference, "dependsOn": package.uses});
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(artifact.sha256),
        "version": 1,
        "metadata": {
            "timestamp": timestamp,
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": artifact.file,
                "version": own.version,
                "licenses": [{"expression": own.license}],
                "hashes": [{"alg": "SHA-256", "content": artifact.sha256}],
                "properties": [{"name": "target", "value": artifact.target}],
            },
        },
        "components": packages.iter().filter(|(reference, _)| **reference != root).map(component).collect::<Vec<_>>(),
        "dependencies": packages.iter().map(dependency).collect::<Vec<_>>(),
    }))
}

/// Another for each artifact, and the same for the same.
fn serial_number(sha256: &str) -> String {
    let part = |from: usize, to: usize| sha256.get(from..to).unwrap_or_default();
    // Version 8 and variant 2 of RFC 9562: made from whatever the application likes.
    format!("urn:uuid:{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}

/// The root, and all packages by reference. A package that was printed before is not expanded again.
fn parse(tree: &str) -> Result<(String, BTreeMap<String, Package>)> {
    let mut packages = BTreeMap::<String, Package>::new();
    let mut above: Vec<String> = Vec::new();
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let unread = || format!("cargo tree printed a line that is not understood: {line}");
        let columns: Vec<_> = line.split(SEPARATOR).collect();
        let [depth, package, license, repository, ..] = columns.as_slice() else { return Err(unread()) };
        let depth: usize = depth.parse().map_err(|_| unread())?;
        let mut words = package.split_whitespace();
        let (Some(name), Some(version)) = (words.next(), words.next().and_then(|version| version.strip_prefix('v')))
        else {
            return Err(unread());
        };
        let reference = format!("pkg:cargo/{name}@{version}");
        if depth > above.len() {
            return Err(unread());
        }
        above.truncate(depth);
        if let Some(parent) = above.last().and_then(|parent| packages.get_mut(parent))
            && !parent.uses.contains(&reference)
        {
            parent.uses.push(reference.clone());
        }
        packages.entry(reference.clone()).or_insert_with(|| Package {
            name: name.to_owned(),
            version: version.to_owned(),
            license: (*license).to_owned(),
            repository: (*repository).to_owned(),
            uses: Vec::new(),
        });
        above.push(reference);
    }
    let root = above.first().cloned().ok_or("cargo tree printed nothing")?;
    packages.values_mut().for_each(|package| package.uses.sort());
    Ok((root, packages))
}

/// The digest of each package that has one, by name and version.
fn digests(lock: &str) -> BTreeMap<(&str, &str), &str> {
    fn field<'a>(package: &'a str, name: &str) -> Option<&'a str> {
        package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
    }
    let digest = |package| Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?));
    lock.split("[[package]]").filter_map(digest).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Artifact, bill};

    const TREE: &str = "0\tapp v0.1.0 (/somewhere/app)\tApache-2.0\t\t\n\
        1\tcore v0.1.0 (/somewhere)\tApache-2.0\t\t\n\
        2\tleaf v1.2.3\tMIT/Apache-2.0\thttps://example.com/leaf\t\n\
        1\tleaf v1.2.3\tMIT/Apache-2.0\thttps://example.com/leaf\t\n\
        1\tcore v0.1.0 (/somewhere)\tApache-2.0\t\t (*)\n";
    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"leaf\"\nversion = \"1.2.2\"\nchecksum = \"00\"\n\n\
        [[package]]\nname = \"leaf\"\nversion = \"1.2.3\"\nsource = \"registry\"\nchecksum = \"ab\"\n";

    #[test]
    fn a_bill_names_each_package_once_with_its_uses_digest_and_licence() {
        let sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let artifact = Artifact { file: "app.wasm", sha256, package: "app", target: "wasm32-wasip1" };
        let bill = bill(&artifact, TREE, LOCK, "2026-01-01T00:00:00Z").unwrap();
        assert_eq!(bill["serialNumber"], "urn:uuid:01234567-89ab-8cde-8f01-23456789abcd");
        assert_eq!(bill["metadata"]["component"]["bom-ref"], "pkg:cargo/app@0.1.0");
        let (core, leaf) = ("pkg:cargo/core@0.1.0", "pkg:cargo/leaf@1.2.3");
        assert_eq!(
            bill["components"],
            json!([
                {"type": "library", "bom-ref": core, "name": "core", "version": "0.1.0",
                 "licenses": [{"expression": "Apache-2.0"}]},
                {"type": "library", "bom-ref": leaf, "name": "leaf", "version": "1.2.3", "purl": leaf,
                 "licenses": [{"expression": "MIT OR Apache-2.0"}], "hashes": [{"alg": "SHA-256", "content": "ab"}],
                 "externalReferences": [{"type": "vcs", "url": "https://example.com/leaf"}]},
            ])
        );
        assert_eq!(
            bill["dependencies"],
            json!([
                {"ref": "pkg:cargo/app@0.1.0", "dependsOn": [core, leaf]},
                {"ref": core, "dependsOn": [leaf]},
                {"ref": leaf, "dependsOn": []},
            ])
        );
        // No path of the machine that made it.
        assert!(!bill.to_string().contains("somewhere"));
    }

    #[test]
    fn a_line_that_is_not_understood_is_an_error() {
        let artifact = Artifact { file: "a", sha256: "", package: "a", target: "t" };
        for tree in ["", "error", "0\tapp\t\t\t", "x\tapp v1\t\t\t", "1\tapp v1\t\t\t"] {
            assert!(bill(&artifact, tree, "", "").is_err(), "{tree:?}");
        }
    }
}
