//! The commands of README.md and docs/envoy.md with which a new user puts toolgate into their Envoy.

use std::process::Command;

use crate::support::at_root;
use crate::support::bootstrap::module;
use crate::support::process::Scratch;

/// The block of a page that has Envoy validate a bootstrap.
fn block(page: &str) -> String {
    let text = std::fs::read_to_string(at_root(page)).unwrap();
    let mut blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.find(|block| block.contains("--mode validate")).unwrap_or_else(|| panic!("{page}")).to_owned()
}

#[test]
fn the_commands_of_the_first_page_check_and_validate_a_copy_of_the_bootstrap() {
    let scratch = Scratch::new();
    // The module is there, the copy goes where nothing else is, and the program may have been built by other tests.
    let module = module().canonicalize().unwrap().to_str().unwrap().to_owned();
    let program = at_root("target/debug/toolgate");
    for page in ["README.md", "docs/envoy.md"] {
        let mut commands = block(page).replace("make build\n", "");
        commands = commands.replace("$PWD/target/wasm32-wasip1/release/toolgate.wasm", &module);
        commands = commands.replace(" my-envoy.yaml", &format!(" {}", scratch.path("my-envoy.yaml")));
        if program.exists() {
            commands = commands.replace("cargo run --quiet --package toolgate-cli --", program.to_str().unwrap());
        }
        let ran = Command::new("sh").args(["-eu", "-c", &commands]).current_dir(at_root("")).output().unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{page}: {commands}\n{told}");
        for expected in ["no fault", "https://mcp.example.com/mcp", "OK"] {
            assert!(told.contains(expected), "{page}: {expected}\n{told}");
        }
    }
}
