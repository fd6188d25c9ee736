//! The documentation shows the output that the program prints.

use serde_json::json;

use crate::run::{Place, assert_snapshot};
use crate::support::at_root;
use crate::support::keys::{Key, key_set};
use crate::support::tokens::Token;

const NOW: i64 = 1_800_000_000;

/// The files of `docs/cli`, and those that hold keys and tokens.
fn place(name: &str) -> Place {
    let place = Place::new(name);
    let examples = at_root("docs/cli");
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        place.file(path.file_name().unwrap().to_str().unwrap(), std::fs::read(&path).unwrap());
    }
    place.file("jwks.json", key_set(&[Key::ed25519()]).to_string());
    let token = Token::at(NOW).subject("bob").scope("weather:read").claim("azp", "desktop").claim("typ", "Bearer");
    place.file("token.txt", token.claim("jti", "7").sign(&Key::ed25519()));
    // As Keycloak issues it without an audience mapper.
    let token = Token::at(NOW).subject("bob").audience("account").scope("weather:write").claim("azp", "desktop");
    place.file("keycloak-token.txt", token.claim("jti", "8").sign(&Key::ed25519()));
    place
}

/// The text with what each command of its `console` blocks prints now.
fn rewritten(text: &str, place: &Place) -> (String, usize) {
    let (mut out, mut ran) = (String::new(), 0);
    let mut inside = false;
    for line in text.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) if !line.starts_with("$ ") => continue,
            _ => {}
        }
        out.push_str(line);
        out.push('\n');
        if inside && let Some(command) = line.strip_prefix("$ toolgate ") {
            ran += 1;
            let (command, into) = command.split_once(" > ").map_or((command, None), |(own, file)| (own, Some(file)));
            let done = place.run(command);
            assert_ne!(done.code, 2, "{command}: {}", done.err);
            match into {
                Some(file) => _ = place.file(file, done.out),
                None => out.push_str(&shortened(&done.out)),
            }
        }
    }
    (out, ran)
}

/// Decision ids are the same here, so that nothing has to be left out.
fn shortened(out: &str) -> String {
    if out.ends_with('\n') { out.to_owned() } else { format!("{out}\n") }
}

#[test]
fn every_command_of_the_documentation_prints_what_it_shows() {
    for (file, least) in [
        ("docs/cli.md", 12),
        ("docs/public-tools.md", 2),
        ("docs/shadow-rollout.md", 1),
        ("docs/troubleshooting.md", 1),
    ] {
        let path = at_root(file);
        let text = std::fs::read_to_string(path).unwrap();
        let (now, ran) = rewritten(&text, &place(&format!("docs-{}", file.len())));
        assert!(ran >= least, "{file}: {ran} commands");
        assert_snapshot(file, &now);
    }
}

#[test]
fn the_case_file_that_is_explained_is_one() {
    let text = include_str!("../../../../docs/cli.md");
    let cases = text.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let place = place("docs-cases");
    place.file("explained.yaml", cases);
    let ran = place.run("test toolgate.yaml explained.yaml --json");
    let names: Vec<_> = ran.json()["cases"].as_array().unwrap().iter().map(|case| case["name"].clone()).collect();
    assert_eq!(names, [json!("alice sets alerts"), json!("alice, tool delete_alert: deny")]);
}

#[test]
fn the_page_about_public_tools_shows_the_files_that_its_commands_read() {
    let read = |file: &str| std::fs::read_to_string(at_root(file)).unwrap();
    let page = read("docs/public-tools.md");
    for file in ["docs/cli/public.yaml", "docs/cli/public-cases.yaml"] {
        let shown = read(file).lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        assert!(page.contains(&format!("```yaml\n{shown}\n```")), "{file}");
    }
    let in_band = page.split("```yaml resource\n").find(|block| block.starts_with("in_band:")).unwrap();
    let indented = in_band.split("```").next().unwrap().lines().map(|line| format!("    {line}\n")).collect::<String>();
    let place = place("docs-in-band");
    place.file("in-band.yaml", read("docs/cli/public.yaml") + &indented);
    assert!(place.run("check in-band.yaml").well().contains("challenges inside results"));
}
