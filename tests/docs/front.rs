//! First things: a README that is short, with figures that its sources have and commands that are run; pages that begin
//! with what they are for.

use crate::pages::{BOOK, all, page};

/// Enough for a first page: a reader decides within a minute.
const MOST_BYTES: usize = 12_000;

#[test]
fn the_readme_is_short() {
    let bytes = page("README.md").text.len();
    assert!(bytes <= MOST_BYTES, "README.md: {bytes} bytes");
}

/// The text of a page without line breaks.
fn flowing(path: &str) -> String {
    page(path).text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn its_figures_are_those_of_their_sources() {
    let readme = flowing("README.md");
    let of = |path: &str, figures: &[(&str, &str)]| {
        let source = flowing(path);
        for (shown, row) in figures {
            assert!(readme.contains(shown), "README.md does not say `{shown}` any more: change this test too");
            assert!(source.contains(row), "{path} does not say `{row}` any more: README.md says `{shown}`");
        }
    };
    of(
        "docs/native-mcp-filter.md",
        &[
            ("218 of 267", "`PASS_THROUGH` (the default) | 267 | 218 |"),
            ("(69 in their strict mode)", "`REJECT_NO_MCP` | 267 | 69 |"),
            ("none of 578", "`authorize_each` | 578 | 0 |"),
        ],
    );
    of(
        "docs/performance.md",
        &[
            ("142 µs of CPU with an audit line", "| D: toolgate, audit on | 142 µs |"),
            ("and 99.2 µs with the", "| N: toolgate as a native module, audit on | 99.2 µs |"),
            ("together take 122 µs", "| B: jwt_authn with its cache, mcp, rbac | 122 µs |"),
            (
                "an external authorizer takes 149 µs",
                "| F: ext_authz with toolgate's core in a service | 127 µs, +21.6 in the service |",
            ),
            ("A body of 200 kB takes 435 µs", "| D, 200,000 bytes | 435 µs |"),
            ("it takes 1,577 µs", "| B, 200,000 bytes | 1,577 µs |"),
        ],
    );
}

#[test]
fn its_commands_for_a_mesh_are_those_of_the_pages_that_are_run() {
    let blocks: Vec<_> =
        page("README.md").blocks().into_iter().filter(|block| block.text.contains("kubectl")).collect();
    assert_eq!(blocks.len(), 2);
    for (block, path) in blocks.iter().zip(["docs/istio.md", "docs/envoy-gateway.md"]) {
        let run: String = page(path).blocks().iter().map(|block| block.text.as_str()).collect();
        for line in block.text.lines() {
            let command = line.split('#').next().unwrap().trim_end();
            assert!(run.contains(command), "{path} does not run `{command}`");
        }
    }
}

#[test]
fn the_changelog_begins_with_the_version_of_the_package() {
    let newest = page("CHANGELOG.md").text;
    let newest = newest.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert!(newest.starts_with(env!("CARGO_PKG_VERSION")), "{newest}");
}

/// The contents.
const WITHOUT_TASK: [&str; 2] = ["README.md", "SUMMARY.md"];

#[test]
fn every_page_of_the_book_begins_with_its_task() {
    let book = format!("{BOOK}/");
    let own = |path: &str| path.strip_prefix(&book).is_some_and(|name| !WITHOUT_TASK.contains(&name));
    let begins =
        |text: &str| text.starts_with("# ") && text.lines().nth(2).is_some_and(|line| line.starts_with("**Task:** "));
    let without: Vec<_> =
        all().into_iter().filter(|page| own(&page.path) && !begins(&page.text)).map(|page| page.path).collect();
    assert!(without.is_empty(), "below the heading, say `**Task:** ...`: {without:?}");
}
