//! The packages of a release: the same bytes from the same sources, wherever they are built.

pub mod archive;
pub mod notes;
pub mod oci;
pub mod sbom;
pub mod sums;

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::Path;

/// A message for whoever runs the tool.
pub type Result<T> = std::result::Result<T, String>;

/// Adds what was tried to an error.
pub fn doing<T, E: Display>(what: impl Display, result: std::result::Result<T, E>) -> Result<T> {
    result.map_err(|error| format!("{what}: {error}"))
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    doing(path.display(), fs::read(path))
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    doing(path.display(), folder.and_then(|()| fs::write(path, bytes)))
}

/// The files below a folder, sorted, with paths relative to it.
pub fn files(root: &Path) -> Result<Vec<String>> {
    fn visit(root: &Path, folder: &Path, found: &mut Vec<String>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                visit(root, &path, found)?;
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_string_lossy().into_owned());
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    doing(root.display(), visit(root, root, &mut found))?;
    found.sort();
    Ok(found)
}
