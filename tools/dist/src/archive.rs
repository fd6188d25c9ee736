//! Archives without times, owners or the order of a file system.

use std::io::Write;

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::{Result, doing};

/// A file of an archive.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The path, with `/`.
    pub path: String,
    /// The content.
    pub bytes: Vec<u8>,
    /// Whether it is a program.
    pub is_executable: bool,
}

/// A tar archive of the entries, sorted by path.
pub fn tar(mut entries: Vec<Entry>) -> Result<Vec<u8>> {
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let mut archive = Builder::new(Vec::new());
    for entry in &entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(entry.bytes.len() as u64);
        header.set_mode(if entry.is_executable { 0o755 } else { 0o644 });
        for set in [Header::set_uid, Header::set_gid, Header::set_mtime] {
            set(&mut header, 0);
        }
        doing(&entry.path, archive.append_data(&mut header, &entry.path, entry.bytes.as_slice()))?;
    }
    doing("an archive", archive.into_inner())
}

/// The bytes, compressed; without a name or a time.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    // The system that the header names is "unknown".
    let mut compressed = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    doing("compression", compressed.write_all(bytes).and_then(|()| compressed.finish()))
}

#[cfg(test)]
mod tests {
    use super::{Entry, gzip, tar};

    fn entry(path: &str, is_executable: bool) -> Entry {
        Entry { path: path.to_owned(), bytes: path.as_bytes().to_vec(), is_executable }
    }

    #[test]
    fn an_archive_depends_on_its_content_only() {
        let one = tar(vec![entry("b", true), entry("a/c", false)]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let other = tar(vec![entry("a/c", false), entry("b", true)]).unwrap();
        assert_eq!(gzip(&one).unwrap(), gzip(&other).unwrap());
        let mut read = tar::Archive::new(one.as_slice());
        let told: Vec<_> = read
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let numbers =
                    (header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap());
                (entry.path().unwrap().to_string_lossy().into_owned(), numbers)
            })
            .collect();
        assert_eq!(told, [("a/c".to_owned(), (0o644, 0, 0, 0)), ("b".to_owned(), (0o755, 0, 0, 0))]);
    }
}
