//! The structure of `src` is as its map says: no cycle of modules, no circle of files, and no use of `explain` by the rest.
//! Nor have the hosts circles. No doc line anywhere begins with "What", and files are short.
//!
//! The graph is read from the source text: every path that leads to a module of the crate is a use. A path to a name that
//! a module re-exports is a use of the file that defines the name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The sources of each package, the core first.
const SOURCES: [&str; 6] =
    ["src", "hosts/wasm/src", "hosts/cli/src", "hosts/native/src", "hosts/report/src", "hosts/playground/src"];
/// The folders of all code in Rust.
const FOLDERS: [&str; 6] = ["src", "hosts", "tests", "bench", "fuzz", "tools"];

/// The folders whose files are short, and the longest one's lines.
const SHORT: [&str; 3] = ["src", "hosts", "tests/core"];
const MAX_LINES: usize = 400;

/// The parts of a path such as `jwks::cache`.
type Name = Vec<String>;

/// Each file or module, and those that it uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_module_uses_one_that_uses_it() {
    for source in SOURCES {
        let found = Crate::read(source).modules();
        assert_eq!(in_circles(&found), Graph::new(), "cycles of modules in {source}");
    }
}

#[test]
fn no_file_uses_one_that_uses_it() {
    for source in SOURCES {
        let found = Crate::read(source).files();
        assert_eq!(in_circles(&found), Graph::new(), "circles of files in {source}");
    }
}

#[test]
fn no_module_needs_what_explains_it() {
    let modules = Crate::read(SOURCES[0]).modules();
    let needing: Vec<_> = modules.iter().filter(|(_, used)| used.contains("explain")).map(|(name, _)| name).collect();
    assert!(needing.is_empty(), "{needing:?}");
    assert!(modules["explain"].contains("exchange"), "it is read");
}

#[test]
fn no_doc_line_begins_with_a_relative_clause() {
    let doc = |line: &str| ["/// What ", "//! What "].iter().any(|start| line.trim_start().starts_with(start));
    for folder in FOLDERS {
        let files = read(folder);
        assert!(!files.is_empty(), "{folder}");
        for (name, text) in files {
            let found: Vec<_> = text.lines().filter(|line| doc(line)).collect();
            assert!(found.is_empty(), "{folder}/{}: name the thing instead: {found:?}", name.join("/"));
        }
    }
}

#[test]
fn no_file_is_long() {
    for folder in SHORT {
        for (name, text) in read(folder) {
            let lines = text.lines().count();
            assert!(lines <= MAX_LINES, "{folder}/{}: {lines} lines", name.join("/"));
        }
    }
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    // The files, and those in circles.
    type Case = (&'static [(&'static str, &'static str)], &'static str);
    let cases: &[Case] = &[
        (&[("a", "use crate::b::B;"), ("b", "pub struct B;")], ""),
        (&[("a", "use crate::b::B;"), ("b", "use crate::a::A;")], "a b"),
        (&[("a", "use crate::{b::B, c};"), ("b", "fn f() { crate::c::f() }"), ("c", "use crate::a;")], "a b c"),
        (&[("a", "use crate::b::B;"), ("b", "// use crate::a::A;\n/// [`crate::a`]")], ""),
        (&[("a", "use crate::b::B;"), ("b", "#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}")], ""),
        // A file and its parts are one.
        (&[("a", "mod b;\npub use b::B;\nfn f() { b::f() }"), ("a::b", "use super::A;")], ""),
        (&[("a", "mod b;\nmod c;"), ("a::b", "use super::c::C;"), ("a::c", "use super::b::{self, B};")], "a::b a::c"),
        (&[("a", "mod b;\nmod c;\npub use b::B;"), ("a::b", "use super::c;"), ("a::c", "use super::B;")], "a::b a::c"),
        (&[("a", "mod b;\npub use b::{B as D};"), ("a::b", "use crate::c::C;"), ("c", "use crate::a::D;")], "a::b c"),
        (&[("a", "mod b;\nmod c;"), ("a::b", "use super::c::C;"), ("a::c", "use super::B;")], ""),
        (
            &[("a", "mod b;\npub use b::B;"), ("a::b", "use crate::c;"), ("c", "use crate::a;\nfn f() { a::B }")],
            "a::b c",
        ),
    ];
    for (files, expected) in cases {
        let files = files.iter().map(|(name, text)| (parts(name), (*text).to_owned()));
        let circles = in_circles(&Crate::of(files.collect()).files());
        assert_eq!(circles.into_keys().collect::<Vec<_>>().join(" "), *expected, "{expected}");
    }
}

/// Those of a graph that are in a circle, or between two circles, with what they use of the others.
fn in_circles(graph: &Graph) -> Graph {
    let mut rest = graph.clone();
    loop {
        let used: BTreeSet<_> = rest.values().flatten().cloned().collect();
        let before = rest.len();
        rest.retain(|name, uses| !uses.is_empty() && used.contains(name));
        let left: BTreeSet<_> = rest.keys().cloned().collect();
        rest.values_mut().for_each(|uses| uses.retain(|used| left.contains(used)));
        if rest.len() == before && rest.values().all(|uses| !uses.is_empty()) {
            return rest;
        }
    }
}

/// The text of each source file in a folder and its subfolders.
fn read(source: &str) -> BTreeMap<Name, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let (mut files, mut folders) = (BTreeMap::new(), vec![src.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.extend((!path.ends_with("target")).then_some(path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&src).unwrap().with_extension("");
                let name: Name = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

/// The source files of a crate.
struct Crate {
    /// The code of each module that is a file, without comments and tests.
    code: BTreeMap<Name, String>,
    /// The paths of the names that a module imports or re-exports.
    imported: BTreeMap<(Name, String), Name>,
}

impl Crate {
    /// Reads the sources of a package.
    fn read(source: &str) -> Self {
        let mut files = read(source);
        let root = ["lib", "main"].into_iter().find_map(|root| files.remove([root.to_owned()].as_slice()));
        assert!(root.is_some() && files.len() > 3, "{source}: {} files", files.len());
        Self::of(files)
    }

    fn of(files: BTreeMap<Name, String>) -> Self {
        let code: BTreeMap<_, _> = files.into_iter().map(|(name, text)| (name, code(&text))).collect();
        let mut read = Self { code, imported: BTreeMap::new() };
        for (file, code) in &read.code {
            for (path, name) in uses(code) {
                if let Some(target) = read.absolute(file, &path) {
                    read.imported.insert((file.clone(), name), target);
                }
            }
        }
        read
    }

    /// The path from the root of the crate; none if it leads into another crate.
    fn absolute(&self, file: &Name, path: &[String]) -> Option<Name> {
        let (first, rest) = path.split_first()?;
        let parent = || file[..file.len() - 1].to_vec();
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([file, rest].concat()),
            "super" if rest.first().is_some_and(|next| next == "super") => self.absolute(&parent(), rest),
            "super" => Some([&parent(), rest].concat()),
            name => match self.imported.get(&(file.clone(), name.to_owned())) {
                Some(target) => Some([target, rest].concat()),
                None => {
                    let child = [file.as_slice(), &[name.to_owned()]].concat();
                    self.code.contains_key(&child).then(|| [file, path].concat())
                }
            },
        }
    }

    /// The file in which the last name of an absolute path is defined.
    fn file_of(&self, path: &[String]) -> Option<Name> {
        let file = (1..=path.len()).rev().map(|n| &path[..n]).find(|file| self.code.contains_key(*file))?;
        let imported = path.get(file.len()).and_then(|name| self.imported.get(&(file.to_vec(), name.clone())));
        match imported {
            Some(path) => self.file_of(path),
            None => Some(file.to_vec()),
        }
    }

    /// Which file uses which. A file and its own parts are not told apart.
    fn files(&self) -> Graph {
        let uses = |(file, code): (&Name, &String)| {
            let paths = paths(code).into_iter().filter_map(|path| self.file_of(&self.absolute(file, &path)?));
            let used = paths.filter(|used| !used.starts_with(file) && !file.starts_with(used));
            (file.join("::"), used.map(|used| used.join("::")).collect())
        };
        self.code.iter().map(uses).collect()
    }

    /// Which top-level module uses which.
    fn modules(&self) -> Graph {
        let mut modules = Graph::new();
        let top = |file: &str| file.split("::").next().unwrap().to_owned();
        for (file, used) in self.files() {
            let own = top(&file);
            let used = used.iter().map(|used| top(used)).filter(|used| *used != own);
            modules.entry(own.clone()).or_default().extend(used);
        }
        modules
    }
}

fn parts(path: &str) -> Name {
    path.split("::").map(str::to_owned).collect()
}

/// The code of a file without comments and unit tests.
fn code(text: &str) -> String {
    let text = format!("\n{text}");
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The paths of the `use` declarations in some code, each with the name that it gets.
fn uses(code: &str) -> impl Iterator<Item = (Name, String)> {
    let trees = code.match_indices("use ").filter_map(|(at, keyword)| {
        let line = code[..at].rsplit('\n').next().unwrap().trim();
        let begins = line.is_empty() || (line.starts_with("pub") && !line.contains(' '));
        begins.then(|| &code[at + keyword.len()..])
    });
    trees.flat_map(expand)
}

/// Every path in some code that may lead to another file.
fn paths(code: &str) -> Vec<Name> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let begins = |(at, _): &(usize, &str)| {
        let before = &code[..*at];
        let name = before.rfind(|c| !is_name(c)).map_or(0, |end| end + 1);
        name < *at && !before[..name].ends_with(':')
    };
    let paths = code.match_indices("::").filter(begins).flat_map(|(at, _)| {
        let start = code[..at].rfind(|c| !is_name(c)).map_or(0, |end| end + 1);
        expand(&code[start..])
    });
    paths.map(|(path, _)| path).collect()
}

/// The paths of a tree such as `a::{b, c::D as E};`, each with the name that it gets.
fn expand(text: &str) -> Vec<(Name, String)> {
    let (mut found, mut rest) = (Vec::new(), text);
    branch(&mut rest, &[], &mut found);
    found
}

fn branch(rest: &mut &str, before: &[String], found: &mut Vec<(Name, String)>) {
    let mut path = before.to_vec();
    loop {
        *rest = rest.trim_start();
        if let Some(group) = rest.strip_prefix('{') {
            *rest = group;
            while !rest.is_empty() && !rest.trim_start().starts_with('}') {
                branch(rest, &path, found);
                *rest = rest.trim_start().trim_start_matches(',');
            }
            *rest = rest.trim_start().trim_start_matches('}');
            return;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        *rest = after;
        if name.is_empty() {
            // `*`, or the end of a turbofish.
            *rest = rest.get(1..).unwrap_or_default();
            return;
        }
        if name != "self" || path.is_empty() {
            path.push(name.to_owned());
        }
        match rest.strip_prefix("::") {
            Some(after) => *rest = after,
            None => break,
        }
    }
    let alias = rest.trim_start().strip_prefix("as ").map(|after| {
        let end = after.find([',', '}', ';', '\n']).unwrap_or(after.len());
        *rest = &after[end..];
        after[..end].trim().to_owned()
    });
    let name = alias.unwrap_or_else(|| path.last().cloned().unwrap_or_default());
    found.push((path, name));
}
