//! `toolgate version`: version, commit and ABI of the program or of a module.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use toolgate::version::{DESCRIPTION, SECTION};

use crate::output::{Report, Trouble, read};

/// Prints version, commit and ABI of this program, or of a module
#[derive(Args)]
#[command(after_help = "\
Example:
  toolgate version toolgate.wasm")]
pub struct Version {
    /// The module; without it, this program
    #[arg(value_name = "FILE")]
    module: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Version {
    pub fn run(self) -> Result<Report, Trouble> {
        let members = match &self.module {
            None => described(DESCRIPTION.as_bytes()),
            Some(path) => of_module(&read(path)?).map_err(|fault| format!("{}: {fault}", path.display())),
        };
        let members = members.map_err(Trouble)?;
        if self.json {
            return Ok(Report::well(format!("{members:#}\n")));
        }
        let line = |name: &str| Some(format!("{name:<8} {}\n", members.get(name)?.as_str()?));
        Ok(Report::well(["version", "commit", "abi"].into_iter().filter_map(line).collect()))
    }
}

fn of_module(module: &[u8]) -> Result<Value, String> {
    let sections = custom_sections(module).ok_or("not a WebAssembly module")?;
    let own = sections.into_iter().find(|(name, _)| *name == SECTION.as_bytes());
    let (_, content) = own.ok_or("no custom section `toolgate`: not toolgate's, or built before it had one")?;
    described(content)
}

fn described(content: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(content).map_err(|fault| format!("the section `toolgate`: {fault}"))
}

/// The custom sections of a module: name and content. `None` if it is not well formed.
fn custom_sections(module: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    const CUSTOM: u8 = 0;
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0")?;
    let mut found = Vec::new();
    while let Some((id, after)) = rest.split_first() {
        let (content, after) = sized(after)?;
        if *id == CUSTOM {
            found.push(sized(content)?);
        }
        rest = after;
    }
    Some(found)
}

/// The bytes after their length, and the rest.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = leb128(bytes)?;
    rest.split_at_checked(length)
}

/// An unsigned number of at most 32 bits, and the rest.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (n, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, bytes.get(n + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::custom_sections;

    #[test]
    fn custom_sections_are_found_among_others() {
        let module = b"\0asm\x01\0\0\0\x01\x02ab\x00\x05\x02hixy\x00\x81\x00\x00";
        assert_eq!(custom_sections(module), Some(vec![(&b"hi"[..], &b"xy"[..]), (&b""[..], &b""[..])]));
    }

    #[test]
    fn what_is_cut_or_no_module_has_none() {
        for bytes in [&b""[..], b"\0asm", b"\0asm\x02\0\0\0", b"\0asm\x01\0\0\0\x00", b"\0asm\x01\0\0\0\x00\x05\x02hi"]
        {
            assert_eq!(custom_sections(bytes), None, "{bytes:?}");
        }
        assert_eq!(custom_sections(b"\0asm\x01\0\0\0\x00\x80\x80\x80\x80\x80\x00"), None, "a length of six bytes");
    }
}
