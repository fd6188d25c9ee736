//! Links lead somewhere, and the book's table of contents lists every page.

use std::collections::BTreeSet;

use crate::pages::{BOOK, Page, all, page, root};

/// The targets of the links and images of a line, without those inside code.
fn targets(line: &str) -> Vec<&str> {
    let code = |at: usize| line[..at].matches('`').count() % 2 == 1;
    let found = line.match_indices("](").filter(|(at, _)| !code(*at));
    found.map(|(at, _)| line[at + 2..].split(')').next().unwrap()).collect()
}

/// The path from the root that a link of a page leads to.
fn resolved(from: &Page, path: &str) -> String {
    if path.is_empty() {
        return from.path.clone();
    }
    let mut parts: Vec<&str> = from.path.split('/').collect();
    parts.pop();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            assert!(parts.pop().is_some(), "{}: {path} leads out of the project", from.path);
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[test]
fn every_link_inside_the_project_leads_to_a_file_and_a_heading() {
    let (mut faults, mut checked) = (Vec::new(), 0);
    for own in all() {
        for target in own.prose().into_iter().flat_map(targets).filter(|target| !target.contains("://")) {
            let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
            let to = resolved(&own, path);
            checked += 1;
            if !root().join(&to).exists() {
                faults.push(format!("{}: ({target}) leads to {to}, which does not exist", own.path));
            } else if anchor.is_some_and(|anchor| !page(&to).anchors().iter().any(|own| own == anchor)) {
                faults.push(format!("{}: ({target}): {to} has no such heading", own.path));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(checked > 200, "only {checked} links were found");
}

#[test]
fn the_contents_of_the_book_list_every_page_once() {
    let summary = format!("{BOOK}/SUMMARY.md");
    let contents = page(&summary);
    let mut listed = BTreeSet::new();
    for target in contents.prose().into_iter().flat_map(targets) {
        assert!(listed.insert(resolved(&contents, target)), "{summary} lists {target} twice");
    }
    let in_book = |own: &Page| own.path.starts_with(&format!("{BOOK}/")) && own.path != summary;
    let there: BTreeSet<String> = all().into_iter().filter(in_book).map(|own| own.path).collect();
    let missing: Vec<_> = there.difference(&listed).collect();
    assert!(missing.is_empty(), "{summary} does not list {missing:?}");
}

#[test]
fn anchors_are_made_as_forges_make_them() {
    let own = Page {
        path: "page.md".to_owned(),
        text: "# `a_b` and C++: one, two\n```sh\n# no heading\n```\n## Manifest-and Diff".to_owned(),
    };
    assert_eq!(own.anchors(), ["a_b-and-c-one-two", "manifest-and-diff"]);
    assert_eq!(targets("[a](b.md#c), ![d](e.svg) and `[no](link)`"), ["b.md#c", "e.svg"]);
}
