//! The commands of README.md, docs/envoy.md and docs/your-server.md with which a new user puts toolgate into their Envoy.

use std::process::Command;

use crate::support::at_root;
use crate::support::bootstrap::module;
use crate::support::process::{Process, Scratch, free_addresses};
use crate::support::wait_until;

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

/// The commands of a page that are run, without the indentation of its list.
fn commands(page: &str) -> String {
    let text = std::fs::read_to_string(at_root(page)).unwrap();
    let mut blocks = Vec::new();
    for rest in text.split("```sh\n").skip(1) {
        blocks.extend(rest.split("```").next().unwrap().lines().map(|line| line.strip_prefix("   ").unwrap_or(line)));
    }
    blocks.join("\n")
}

/// The page's own MCP server is the demo's; its ports, files and programs are the test's.
#[test]
fn a_server_of_ones_own_gets_a_policy_and_a_proxy_that_doctor_finds_sound() {
    let [server, issuer, listener, admin] = free_addresses();
    let scratch = Scratch::new();
    let everything = at_root("demo/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let node = ["node", "--import", "./demo/loopback.mjs", everything.to_str().unwrap(), "streamableHttp"];
    let mut own = Process::start(Scratch::new(), &node, &[("PORT".to_owned(), server.port().to_string())]);
    wait_until("the MCP server listens", || {
        assert!(!own.has_ended(), "{}", own.log());
        std::net::TcpStream::connect(server).is_ok()
    });

    let mut commands = commands("docs/your-server.md").replace("make build\n", "");
    if at_root("target/debug/toolgate").exists() {
        commands = commands.replace("cargo build --quiet --package toolgate-cli\n", "");
    }
    let module = module().canonicalize().unwrap();
    commands = commands.replace("$PWD/target/wasm32-wasip1/release/toolgate.wasm", module.to_str().unwrap());
    for (shown, here) in [("127.0.0.1:8000", server), ("127.0.0.1:9400", issuer), ("127.0.0.1:10000", listener)] {
        assert!(commands.contains(shown), "{shown}");
        commands = commands.replace(shown, &here.to_string());
    }
    for file in ["auth.log", "metadata.json", "draft.yaml", "first.yaml", "envoy.log", "healthz", "token.txt"] {
        commands = commands.replace(&format!(" {file}"), &format!(" {}", scratch.path(file)));
    }
    // `init` leaves the bootstrap's own ports.
    let ports = format!(
        "sed -e 's/port_value: 10000/port_value: {}/' -e 's/port_value: 9901/port_value: {}/' -e \"s|/etc",
        listener.port(),
        admin.port()
    );
    commands = commands.replace("sed \"s|/etc", &ports);
    let script = format!("trap 'kill $(jobs -p)' EXIT\n{commands}");

    let ran = Command::new("bash").args(["-eu", "-c", &script]).current_dir(at_root("")).output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{script}\n{told}\n{}", std::fs::read_to_string(scratch.path("envoy.log")).unwrap());
    for expected in ["no fault", "all is well", "+ token         accepted", "+ denied call   403"] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
}
