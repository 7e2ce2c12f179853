//! Publishing with a key that is on another machine: what is to be signed goes there in a folder, and comes back signed.
//!
//! The folder has `feed.json`, and `manifest.NAME.json` for each release whose manifest no key in force has signed. Each gets
//! a `.minisig` beside it, by [`sign_folder`] or by `minisign -S` itself.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use fonoteca_torrent::feed::{Document, SigningKey, Trust, sign, verify_bytes};
use serde::Serialize;

use super::publish::{follows, not_vouched_for, write, write_pages};
use super::{FEED, Plan, SIGNATURE, check};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::keys::public_keys;
use crate::release::Manifest;

/// What was written to be signed.
#[derive(Debug, Clone, Serialize)]
pub struct Unsigned {
    /// The folder.
    pub folder: PathBuf,
    /// Its files.
    pub files: Vec<String>,
}

const MANIFEST: &str = "manifest.";
const JSON: &str = ".json";
const MINISIG: &str = ".minisig";
/// Bytes of a file that is signed at most.
const MAX_BYTES: u64 = 64 << 20;

/// Writes what is to be signed into `folder`, which must be empty or not there. Nothing is published.
pub fn unsigned(archive: &Archive, plan: &Plan, folder: &Path) -> Result<Unsigned, ArchiveError> {
    let keys = public_keys(archive)?;
    if keys.is_empty() {
        return Err(ArchiveError::Usage(
            "archive.toml names no key that could sign: `fonoteca feed key use PUBLIC_KEY` names one".to_owned(),
        ));
    }
    std::fs::create_dir_all(folder).map_err(ArchiveError::io(folder, "cannot be made"))?;
    let mut entries = std::fs::read_dir(folder).map_err(ArchiveError::io(folder, "cannot be read"))?;
    if entries.next().is_some() {
        return Err(ArchiveError::Usage(format!("{} is not empty: give a new folder", folder.display())));
    }
    // They are named by the entry, which is to be published as it is written now.
    write_pages(archive, &plan.pages)?;
    let mut files = Vec::new();
    let mut put = |name: String, bytes: &[u8]| -> Result<(), ArchiveError> {
        fonoteca_store::write_file(&folder.join(&name), bytes)?;
        files.push(name);
        Ok(())
    };
    for (manifest, bytes) in not_vouched_for(archive, &keys)? {
        put(format!("{MANIFEST}{}{JSON}", manifest.release), &bytes)?;
    }
    put(FEED.to_owned(), &plan.entry.to_bytes())?;
    Ok(Unsigned { folder: folder.to_owned(), files })
}

/// Signs each JSON file in `folder`, of which only the key's machine needs to know. Returns their names.
pub fn sign_folder(folder: &Path, key: &SigningKey) -> Result<Vec<String>, ArchiveError> {
    let mut signed = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(ArchiveError::io(folder, "cannot be read"))? {
        let entry = entry.map_err(ArchiveError::io(folder, "cannot be read"))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name != FEED && !(name.starts_with(MANIFEST) && name.ends_with(JSON)) {
            continue;
        }
        let path = entry.path();
        let size = entry.metadata().map_err(ArchiveError::io(&path, "cannot be read"))?.len();
        if size > MAX_BYTES {
            let reason = format!("has {size} bytes, at most {MAX_BYTES} are signed");
            return Err(ArchiveError::Foreign { name: path.display().to_string(), reason });
        }
        let bytes = std::fs::read(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
        let signature =
            sign(&bytes, key, &comment(&name, &bytes)).map_err(|error| ArchiveError::Bug(error.to_string()))?;
        fonoteca_store::write_file(&folder.join(format!("{name}{MINISIG}")), signature.as_bytes())?;
        signed.push(name);
    }
    signed.sort();
    if signed.is_empty() {
        let message =
            format!("{} has nothing to be signed: give the folder of `feed publish --unsigned`", folder.display());
        return Err(ArchiveError::Usage(message));
    }
    Ok(signed)
}

fn comment(name: &str, bytes: &[u8]) -> String {
    match Document::from_bytes(bytes) {
        Ok(document) if name == FEED => {
            let feed = document.outline();
            format!("{} serial {}", feed.name, feed.serial)
        }
        _ => name.to_owned(),
    }
}

/// Publishes what came back signed in `folder`. `plan` is a plan of now: what has gone dark since, or was withdrawn, must be
/// written and signed anew.
pub fn publish_signed(archive: &Archive, plan: &Plan, folder: &Path) -> Result<PathBuf, ArchiveError> {
    let keys = public_keys(archive)?;
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(ArchiveError::io(path, "cannot be read"))
    };
    let bytes = read(FEED)?;
    let signature = String::from_utf8_lossy(&read(SIGNATURE)?).into_owned();
    let url = folder.join(FEED).display().to_string();
    let believed = check(&bytes, &signature, &Trust::new(keys.clone()), None, archive.now(), &url)?;
    if !follows(&believed.document, plan) {
        return Err(ArchiveError::Usage(format!(
            "{url} does not follow the feed that is published now: write it anew with --unsigned"
        )));
    }
    let pages = super::own::pages_folder(archive);
    let feed = believed.whole(&url, archive.now(), |page| {
        let path = pages.join(page.file_name());
        std::fs::read(&path).map_err(ArchiveError::io(path, "cannot be read"))
    })?;
    let fine: HashSet<(&str, &str)> =
        plan.listed.iter().map(|torrent| (torrent.release.as_str(), torrent.name.as_str())).collect();
    let dark = feed.torrents.iter().find(|torrent| !fine.contains(&(torrent.release.as_str(), torrent.name.as_str())));
    if let Some(torrent) = dark {
        return Err(ArchiveError::Refused(format!(
            "{} may not be given out any more since {url} was written: write it anew with --unsigned",
            torrent.name
        )));
    }
    if let Some(withdrawal) = plan.withdrawn.iter().find(|withdrawal| !feed.withdrawals.contains(withdrawal)) {
        return Err(ArchiveError::Refused(format!(
            "{} {} was withdrawn since {url} was written: write it anew with --unsigned",
            withdrawal.subject_kind, withdrawal.subject
        )));
    }
    for (manifest, bytes) in not_vouched_for(archive, &keys)? {
        let name = format!("{MANIFEST}{}{JSON}{MINISIG}", manifest.release);
        let signature = String::from_utf8_lossy(&read(&name)?).into_owned();
        verify_bytes(&bytes, &signature, &keys)
            .map_err(|source| ArchiveError::Feed { url: folder.join(&name).display().to_string(), source })?;
        let path = archive.releases_path().join(&manifest.release).join(Manifest::SIGNATURE);
        fonoteca_store::write_file(&path, signature.as_bytes())?;
    }
    write(archive, &[], &bytes, &signature, &Trust::new(keys))
}
