//! Writes the packages of a release: `toolgate-dist MODULE NATIVE PROGRAM TARGET FOLDER`, in the project's folder.
//!
//! NATIVE is the native module and PROGRAM the command line, both built for TARGET, which is this machine's. `TOOLGATE_DATE` is the time of the commit in
//! RFC 3339, `TOOLGATE_SOURCE` the address of the sources, if they have one.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use serde_json::{Value, json};
use toolgate_dist::archive::{Entry, gzip, tar};
use toolgate_dist::oci::{self, Form};
use toolgate_dist::sbom::{self, Artifact};
use toolgate_dist::{Result, doing, notes, read, sums, write};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let made = match arguments.as_slice() {
        [module, native, program, target, folder] => {
            make([module, native, program].map(Path::new), target, Path::new(folder))
        }
        _ => Err("usage: toolgate-dist MODULE NATIVE PROGRAM TARGET FOLDER".to_owned()),
    };
    match made {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn make([module, native, program]: [&Path; 3], target: &str, folder: &Path) -> Result<String> {
    let ask = |arguments: &[&str]| ask(program, arguments);
    let about = description(&ask(&["version", "--json"])?)?;
    let of_module = description(&ask(&["version", "--json", &module.to_string_lossy()])?)?;
    if about != of_module {
        return Err(format!("the module is {of_module}, and the program {about}: build both anew"));
    }
    let [version, commit] = ["version", "commit"].map(|name| about[name].as_str().unwrap_or_default());
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let date = variable("TOOLGATE_DATE").ok_or("TOOLGATE_DATE is not set")?;

    if folder.exists() {
        doing(folder.display(), fs::remove_dir_all(folder))?;
    }
    let give = |name: &str, bytes: &[u8]| write(&folder.join(name), bytes);
    let module = read(module)?;
    give("toolgate.wasm", &module)?;
    let native = read(native)?;
    let native_name = format!("libtoolgate-{version}-{target}.so");
    give(&native_name, &native)?;
    give("toolgate.schema.json", ask(&["schema"])?.as_bytes())?;
    give("RELEASE_NOTES.md", notes::section(&text("CHANGELOG.md")?, version)?.as_bytes())?;

    let name = format!("toolgate-{version}-{target}");
    let archive = gzip(&tar(command_line(program, &name)?)?)?;
    let archive_name = format!("{name}.tar.gz");
    give(&archive_name, &archive)?;

    let lock = text("Cargo.lock")?;
    for (file, bytes, package, target) in [
        ("toolgate.wasm", &module, "toolgate-wasm", "wasm32-wasip1"),
        (native_name.as_str(), &native, "toolgate-native", target),
        (archive_name.as_str(), &archive, "toolgate-cli", target),
    ] {
        let sha256 = sums::sha256(bytes);
        let artifact = Artifact { file, sha256: &sha256, package, target };
        let bill = sbom::bill(&artifact, &sbom::tree(&artifact)?, &lock, &date)?;
        give(&format!("{file}.cdx.json"), format!("{bill:#}\n").as_bytes())?;
    }

    let source = variable("TOOLGATE_SOURCE");
    let annotations = annotations(version, commit, &date, source.as_deref());
    let mut digests = String::new();
    for form in Form::ALL {
        let layout = format!("oci-{}", form.name());
        let digest = oci::write_layout(&folder.join(&layout), form, &module, &annotations)?;
        digests.push_str(&format!("{digest}  {layout}\n"));
    }
    give("OCI_DIGESTS", digests.as_bytes())?;
    let sums = sums::of_folder(folder)?;
    give("SHA256SUMS", sums.as_bytes())?;
    let note = if source.is_some() { "" } else { "SOURCE is not set: the images name no address of their sources\n" };
    Ok(format!("{sums}{digests}{note}"))
}

fn annotations(version: &str, commit: &str, date: &str, source: Option<&str>) -> Value {
    let mut annotations = json!({
        "org.opencontainers.image.title": "toolgate",
        "org.opencontainers.image.description": "Makes any MCP server behind Envoy an OAuth 2.1 resource server",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.created": date,
        "org.opencontainers.image.licenses": "Apache-2.0",
    });
    if let Some(source) = source {
        annotations["org.opencontainers.image.source"] = json!(source);
    }
    annotations
}

/// The program, its completions and its manual.
fn command_line(program: &Path, name: &str) -> Result<Vec<Entry>> {
    let entry = |path: &str, bytes| Entry { path: format!("{name}/{path}"), bytes, is_executable: false };
    let mut entries = vec![
        Entry { is_executable: true, ..entry("toolgate", read(program)?) },
        entry("LICENSE", read(Path::new("LICENSE"))?),
    ];
    for (shell, file) in [("bash", "toolgate.bash"), ("zsh", "_toolgate"), ("fish", "toolgate.fish")] {
        let script = ask(program, &["completions", shell])?;
        entries.push(entry(&format!("completions/{file}"), script.into_bytes()));
    }
    let first = ask(program, &["man"])?;
    let mut pages = vec![("toolgate".to_owned(), first.clone())];
    for command in commands(&first) {
        pages.push((format!("toolgate-{command}"), ask(program, &["man", &command])?));
    }
    if pages.len() == 1 {
        return Err("the manual names no command".to_owned());
    }
    entries.extend(pages.into_iter().map(|(page, text)| entry(&format!("man/{page}.1"), text.into_bytes())));
    Ok(entries)
}

/// The commands that the first page of the manual refers to, as `toolgate\-check(1)`.
fn commands(page: &str) -> Vec<String> {
    let name = |line: &str| Some(line.strip_prefix("toolgate\\-")?.strip_suffix("(1)")?.replace("\\-", "-"));
    page.lines().filter_map(name).filter(|name| name != "help").collect()
}

fn ask(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = doing(program.display(), Command::new(program).args(arguments).output())?;
    if !output.status.success() {
        return Err(format!("toolgate {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn description(told: &str) -> Result<Value> {
    doing("toolgate version", serde_json::from_str(told))
}

fn text(path: &str) -> Result<String> {
    doing(path, fs::read_to_string(path))
}
