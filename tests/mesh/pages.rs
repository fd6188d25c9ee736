//! The pages that tell a user how to begin, followed word for word: every command of a section is run as it stands there.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::dist;
use crate::kubernetes::{Kubernetes, built};
use crate::support::at_root;
use crate::support::process::Scratch;
use crate::world::{World, run};

/// The section that leads to the first answer.
pub const FIRST: &str = "From nothing to the first 401";

/// A user with a checkout in which `make dist` was run, and with the certificate of a host.
pub struct User {
    folder: Scratch,
    environment: Vec<(&'static str, String)>,
}

impl User {
    pub fn new(world: &World, kubernetes: &Kubernetes) -> Self {
        let folder = Scratch::new();
        run("cp", &["-r", &at_root("deploy").to_string_lossy(), &folder.path("deploy")]);
        std::os::unix::fs::symlink(dist::folder(), folder.path("dist")).expect("a link");
        let identity = world.authority.identity("mcp.example.com");
        folder.write("tls.crt", &identity.certificate_pem);
        folder.write("tls.key", &identity.key_pem);
        let home = folder.path("home");
        fs::create_dir_all(&home).expect("a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let environment = vec![
            ("PATH", format!("{home}/.local/bin:{}:{path}", built("bin"))),
            ("HOME", home),
            ("KUBECONFIG", kubernetes.kubeconfig.clone()),
        ];
        Self { folder, environment }
    }

    /// Runs the commands of a section, block by block; `after` is told of each. All that they printed.
    ///
    /// # Panics
    /// Shows what a block printed if it fails.
    pub fn follow(&self, page: &str, section: &str, mut after: impl FnMut(&str)) -> Vec<String> {
        let text = fs::read_to_string(at_root(page)).expect("a page");
        let blocks = blocks(&text, section);
        assert!(!blocks.is_empty(), "{page} has no commands below {section:?}");
        let told = blocks.iter().map(|block| {
            let told = self.run(block, "");
            after(block);
            told
        });
        told.collect()
    }

    /// Asks for the tools, as the page does without a token.
    pub fn list_tools(&self, token: &str) -> String {
        let message = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let command = "curl --silent --show-error https://mcp.example.com/mcp -H 'content-type: application/json' \\\n  \
                       -H 'accept: application/json, text/event-stream'";
        self.run(&format!("{command} \\\n  -H \"authorization: Bearer $TOKEN\" -d '{message}'"), token)
    }

    fn run(&self, block: &str, token: &str) -> String {
        let mut prompt = '$';
        for line in block.lines() {
            println!("        {prompt} {line}");
            prompt = if line.ends_with('\\') { '>' } else { '$' };
        }
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &format!("exec 2>&1\n{block}")])
            .current_dir(Path::new(&self.folder.path("")))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("TOKEN", token)
            .stdin(Stdio::null())
            .output()
            .expect("bash");
        let told = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        for line in told.lines() {
            println!("        {line}");
        }
        assert!(output.status.success(), "{block}: {told}");
        told
    }
}

/// The fenced blocks of a section, without the indentation that a list gives them.
fn blocks(page: &str, section: &str) -> Vec<String> {
    let heading = format!("## {section}");
    let lines = page.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with("## "));
    let (mut blocks, mut open) = (Vec::new(), None::<String>);
    for line in lines.map(str::trim_start) {
        match (&mut open, line.starts_with("```")) {
            (None, true) => open = Some(String::new()),
            (Some(_), true) => blocks.extend(open.take()),
            (Some(block), false) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, false) => {}
        }
    }
    blocks
}
