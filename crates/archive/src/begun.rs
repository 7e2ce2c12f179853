//! What a killed `init` leaves: folders and empty tables of ours, and nothing of anybody's.

use std::fs::File;
use std::path::{Component, Path};

use fonoteca_catalog::Table;
use walkdir::WalkDir;

use crate::error::ArchiveError;
use crate::settings::Settings;

/// Where [`Archive::init`](crate::Archive::init) makes folders and nothing else, relative to the archive.
pub(crate) const FOLDERS: [&str; 3] = ["index", "releases", "state"];
/// Made by the store.
const BLOBS: [&str; 2] = ["blobs", "blobs/.staging"];
const CATALOG: &str = "catalog";
const CATALOG_FORMAT: &str = "catalog/format.json";
const LOG: &str = "_delta_log";
/// The commit that makes a table.
const FIRST_COMMIT: &str = "00000000000000000000.json";

/// Holds the folder for one `init`; a second one waits, and then finds an archive.
pub(crate) fn hold(dir: &Path) -> Result<File, ArchiveError> {
    let folder = File::open(dir).map_err(ArchiveError::io(dir, "cannot be read"))?;
    // A file system without locks has one `init` at a time, as all had before.
    let _ = folder.lock();
    Ok(folder)
}

/// Refuses a folder in which anything is that an `init` before its end does not leave there.
pub(crate) fn check(dir: &Path) -> Result<(), ArchiveError> {
    for entry in WalkDir::new(dir).min_depth(1) {
        let entry = entry.map_err(|error| ArchiveError::io(dir, "cannot be read")(error.into()))?;
        let below = entry.path().strip_prefix(dir).unwrap_or(entry.path());
        if !is_ours(below, entry.file_type().is_dir(), entry.file_type().is_file()) {
            return Err(ArchiveError::NotEmpty { path: dir.to_owned() });
        }
    }
    Ok(())
}

/// Removes settings that were never finished; the store sweeps its own.
pub(crate) fn sweep(dir: &Path) -> Result<(), ArchiveError> {
    for entry in WalkDir::new(dir).min_depth(1).max_depth(1).into_iter().filter_map(Result::ok) {
        if entry.file_type().is_file() && entry.file_name().to_str().is_some_and(is_unfinished_settings) {
            std::fs::remove_file(entry.path()).map_err(ArchiveError::io(entry.path(), "cannot be removed"))?;
        }
    }
    Ok(())
}

fn is_ours(below: &Path, folder: bool, file: bool) -> bool {
    let parts: Option<Vec<&str>> = below
        .components()
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let Some(parts) = parts else { return false };
    let path = parts.join("/");
    let table = |name: &str| Table::ALL.iter().any(|table| table.name() == name);
    match parts.as_slice() {
        [CATALOG, name] if folder => table(name),
        [CATALOG, name, LOG] if folder => table(name),
        [CATALOG, name, LOG, file_name] if file => table(name) && is_or_becomes(file_name, FIRST_COMMIT),
        [name] if file => is_unfinished_settings(name),
        _ if folder => path == CATALOG || FOLDERS.contains(&&*path) || BLOBS.contains(&&*path),
        _ => file && is_or_becomes(&path, CATALOG_FORMAT),
    }
}

/// `name`, or what the store calls it while it is being written: `name.<process>-<number>.staging#<number>`.
fn is_or_becomes(found: &str, name: &str) -> bool {
    found.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.') && rest.contains(".staging#"))
}

/// `.archive.toml.<process>.new`
fn is_unfinished_settings(name: &str) -> bool {
    let process = name
        .strip_prefix('.')
        .and_then(|name| name.strip_prefix(Settings::FILE))
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|rest| rest.strip_suffix(".new"));
    process.is_some_and(|process| !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_init_makes_is_ours() {
        let log = "catalog/files/_delta_log";
        for folder in ["blobs", "blobs/.staging", "catalog", "catalog/files", log, "index", "releases", "state"] {
            assert!(is_ours(Path::new(folder), true, false), "{folder}");
            assert!(!is_ours(Path::new(folder), false, true), "{folder} as a file");
            assert!(!is_ours(Path::new(folder), false, false), "{folder} as a link");
        }
        for file in [
            "catalog/format.json".to_owned(),
            "catalog/format.json.12-3.staging#0".to_owned(),
            format!("{log}/00000000000000000000.json"),
            format!("{log}/00000000000000000000.json.12-3.staging#0"),
            ".archive.toml.77.new".to_owned(),
        ] {
            assert!(is_ours(Path::new(&file), false, true), "{file}");
        }
        for foreign in [
            "letter.txt",
            "archive.toml",
            ".archive.toml.x.new",
            "state/accounts.sqlite",
            "blobs/ab",
            "catalog/mine",
            "catalog/files/part-0.parquet",
            "catalog/files/_delta_log/00000000000000000001.json",
            "index/meta.json",
            "releases/first",
        ] {
            assert!(!is_ours(Path::new(foreign), false, true), "{foreign}");
            assert!(!is_ours(Path::new(foreign), true, false), "{foreign} as a folder");
        }
    }
}
