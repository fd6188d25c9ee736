//! The pages that readers see, with their headings, links and fenced blocks.

use std::path::{Path, PathBuf};

/// Where the book is.
pub const BOOK: &str = "docs";
/// Folders whose Markdown is for readers, and files at the root.
const FOLDERS: [&str; 3] = [BOOK, "deploy", "examples"];
const FILES: [&str; 4] = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];

/// A page, by its path from the root of the project.
pub struct Page {
    pub path: String,
    pub text: String,
}

/// A fenced block.
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    /// The words after the fence: the language, then marks.
    pub info: String,
    pub text: String,
}

impl Block {
    pub fn language(&self) -> &str {
        self.info.split(' ').next().unwrap_or_default()
    }

    pub fn has(&self, mark: &str) -> bool {
        self.info.split(' ').skip(1).any(|word| word == mark)
    }
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// One page.
pub fn page(path: &str) -> Page {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"));
    Page { path: path.to_owned(), text }
}

/// All pages, in the order of their paths.
pub fn all() -> Vec<Page> {
    let mut paths: Vec<String> = FILES.map(str::to_owned).into();
    FOLDERS.iter().for_each(|folder| collect(&root().join(folder), &mut paths));
    paths.sort();
    assert!(paths.len() > 40, "only {} pages were found", paths.len());
    paths.iter().map(|path| page(path)).collect()
}

fn collect(folder: &Path, paths: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        }
    }
}

impl Page {
    /// The fenced blocks, without the indentation that a list gives them.
    pub fn blocks(&self) -> Vec<Block> {
        let (mut blocks, mut open) = (Vec::new(), None::<(usize, Block)>);
        for (n, line) in self.text.lines().enumerate() {
            let bare = line.trim_start();
            match &mut open {
                None if bare.starts_with("```") => {
                    let block = Block { line: n + 1, info: bare[3..].trim().to_owned(), text: String::new() };
                    open = Some((line.len() - bare.len(), block));
                }
                Some(_) if bare == "```" => blocks.extend(open.take().map(|(_, block)| block)),
                Some((indent, block)) => {
                    block.text.push_str(line.get(*indent..).unwrap_or_default());
                    block.text.push('\n');
                }
                None => {}
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.path);
        blocks
    }

    /// The lines outside of fenced blocks.
    pub fn prose(&self) -> Vec<&str> {
        let mut inside = false;
        let outside = |line: &&str| {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            !inside && !fence
        };
        self.text.lines().filter(outside).collect()
    }

    /// The anchors of the headings, as forges and mdBook make them.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().into_iter().filter(|line| line.starts_with('#'));
        headings.map(|line| slug(line.trim_start_matches('#').trim())).collect()
    }
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}
