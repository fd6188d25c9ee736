//! Release notes: the section of a version in the changelog.

use crate::Result;

/// The section of `version`, with its heading.
pub fn section(changelog: &str, version: &str) -> Result<String> {
    let is_own = |line: &str| {
        let heading = line.strip_prefix("## ").and_then(|heading| heading.split_whitespace().next());
        heading.is_some_and(|name| name.trim_matches(['[', ']']) == version)
    };
    let mut lines = changelog.lines().skip_while(|line| !is_own(line));
    let heading = lines.next().ok_or_else(|| format!("the changelog has no section `## {version}`"))?;
    let rest: Vec<_> = lines.take_while(|line| !line.starts_with("## ")).collect();
    if rest.iter().all(|line| line.trim().is_empty()) {
        return Err(format!("the section `## {version}` of the changelog is empty"));
    }
    Ok(format!("{heading}\n{}\n", rest.join("\n").trim_end()))
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn the_notes_are_the_section_of_the_version() {
        let log =
            "# Changelog\n\n## 0.2.0 (unreleased)\n\n- two\n\n## [0.1.0] - 2026-01-01\n\n- one\n  more\n\n## 0.0.9\n";
        assert_eq!(section(log, "0.2.0").unwrap(), "## 0.2.0 (unreleased)\n\n- two\n");
        assert_eq!(section(log, "0.1.0").unwrap(), "## [0.1.0] - 2026-01-01\n\n- one\n  more\n");
        assert_eq!(section(log, "0.0.9").unwrap_err(), "the section `## 0.0.9` of the changelog is empty");
        assert_eq!(section(log, "0.1").unwrap_err(), "the changelog has no section `## 0.1`");
    }
}
