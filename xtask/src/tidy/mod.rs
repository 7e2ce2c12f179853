//! `cargo xtask tidy`: the house rules that a program can check. `cargo test -p xtask` runs it as a test.
//!
//! Only files that git tracks are looked at.

mod layers;
mod links;
mod sizes;
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// Packages that `Cargo.lock` may name. Each is code that somebody must trust and every build from nothing pays for; Delta
/// Lake with DataFusion brings in about 400 of them. Raise it with a reason in the commit.
const MAX_LOCKED_PACKAGES: usize = 760;

/// A tracked file; `text` is nothing for what is not UTF-8.
struct File {
    path: PathBuf,
    bytes: u64,
    text: Option<String>,
}

impl File {
    fn has_ending(&self, endings: &[&str]) -> bool {
        self.path.extension().is_some_and(|found| endings.iter().any(|ending| found == *ending))
    }
}

/// Checks everything and prints what is against the rules.
pub fn run(workspace: &Workspace) -> Result<()> {
    let findings = check(workspace)?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy"),
        1 => bail!("1 thing is against the house rules"),
        many => bail!("{many} things are against the house rules"),
    }
    Ok(())
}

/// Everything that is against the rules, as `path: what` or `path:line: what`, sorted.
pub fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for path in workspace.tracked()? {
        let content =
            fs::read(workspace.root.join(&path)).with_context(|| format!("cannot read {}", path.display()))?;
        files.push(File { path, bytes: content.len() as u64, text: String::from_utf8(content).ok() });
    }
    let mut findings = BTreeSet::new();
    findings.extend(layers::check(&workspace.packages()?));
    findings.extend(sizes::check(&files));
    for file in &files {
        findings.extend(sources::check(file));
        findings.extend(links::check(file, &workspace.root));
        if file.path.as_os_str() == "Cargo.lock" {
            findings.extend(locked(file.text.as_deref().unwrap_or_default()));
        }
    }
    Ok(findings.into_iter().collect())
}

fn locked(text: &str) -> Option<String> {
    let packages = text.lines().filter(|line| *line == "[[package]]").count();
    (packages > MAX_LOCKED_PACKAGES).then(|| format!("Cargo.lock: {packages} packages, {MAX_LOCKED_PACKAGES} at most"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_has_a_budget() {
        assert_eq!(locked(&"[[package]]\nname = \"x\"\n".repeat(MAX_LOCKED_PACKAGES)), None);
        let found = locked(&"[[package]]\n".repeat(MAX_LOCKED_PACKAGES + 1)).unwrap();
        assert!(found.starts_with("Cargo.lock: "), "{found}");
    }
}
