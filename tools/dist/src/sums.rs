//! SHA-256 sums.

use std::fmt::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{Result, files, read};

/// The digest in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A line of each file below a folder, as `sha256sum --check` reads them.
pub fn of_folder(root: &Path) -> Result<String> {
    let line = |file: String| Ok(format!("{}  {file}\n", sha256(&read(&root.join(&file))?)));
    files(root)?.into_iter().map(line).collect()
}
