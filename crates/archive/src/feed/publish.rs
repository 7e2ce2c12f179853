//! Signing and writing what was planned.

use std::path::PathBuf;

use fonoteca_torrent::feed::{Document, Page, SigningKey, Trust, sign, verify_bytes};

use super::own::pages_folder;
use super::{FEED, Plan, SIGNATURE, check};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::release::Manifest;

/// Signs and writes what was planned: the pages first, the entry last. Old entries are kept by serial, old pages too.
pub fn publish(archive: &Archive, plan: Plan, key: &SigningKey) -> Result<PathBuf, ArchiveError> {
    let mut entry = plan.entry;
    // The first publication makes the key, after the plan was made.
    if !entry.keys.contains(key.public()) {
        entry.keys.insert(0, key.public().clone());
    }
    let bytes = entry.to_bytes();
    let signature = sign(&bytes, key, &format!("{} serial {}", entry.name, entry.serial))
        .map_err(|error| ArchiveError::Bug(error.to_string()))?;
    vouch(archive, key)?;
    write(archive, &plan.pages, &bytes, &signature, &Trust::new([key.public().clone()]))
}

/// Writes a feed that `trust` believes. What is read in between is the old one or the new one, or a signature that does not
/// fit yet, for which readers ask once more.
pub(super) fn write(
    archive: &Archive,
    pages: &[Page],
    bytes: &[u8],
    signature: &str,
    trust: &Trust,
) -> Result<PathBuf, ArchiveError> {
    let now = archive.now();
    write_pages(archive, pages)?;
    let believed = check(bytes, signature, trust, None, now, FEED)?;
    let folder = pages_folder(archive);
    let feed = believed.whole(FEED, now, |page| {
        let path = folder.join(page.file_name());
        std::fs::read(&path).map_err(ArchiveError::io(path, "cannot be read"))
    })?;
    let folder = archive.releases_path();
    let history = folder.join(".feeds");
    std::fs::create_dir_all(&history).map_err(ArchiveError::io(&history, "cannot be made"))?;
    fonoteca_store::write_file(&history.join(format!("{:08}.json", feed.serial)), bytes)?;
    fonoteca_store::write_file(&folder.join(SIGNATURE), signature.as_bytes())?;
    fonoteca_store::write_file(&folder.join(FEED), bytes)?;
    Ok(folder.join(FEED))
}

/// Puts pages where they are kept. Before a feed names them they are nothing to anybody.
pub(super) fn write_pages(archive: &Archive, pages: &[Page]) -> Result<(), ArchiveError> {
    let folder = pages_folder(archive);
    std::fs::create_dir_all(&folder).map_err(ArchiveError::io(&folder, "cannot be made"))?;
    for page in pages {
        fonoteca_store::write_file(&folder.join(page.reference.file_name()), &page.bytes)?;
    }
    Ok(())
}

/// The manifests that `keys` did not sign, with their bytes: those of mirrored releases, and those that an earlier key signed.
pub(super) fn not_vouched_for(
    archive: &Archive,
    keys: &[fonoteca_torrent::PublicKey],
) -> Result<Vec<(Manifest, Vec<u8>)>, ArchiveError> {
    let mut found = Vec::new();
    for manifest in crate::release::manifests(archive)? {
        let folder = archive.releases_path().join(&manifest.release);
        let path = folder.join(Manifest::FILE);
        let bytes = std::fs::read(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
        let path = folder.join(Manifest::SIGNATURE);
        let signature = std::fs::read_to_string(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
        if verify_bytes(&bytes, &signature, keys).is_err() {
            found.push((manifest, bytes));
        }
    }
    Ok(found)
}

/// Signs the manifests of mirrored releases too, and of those that an earlier key signed: who follows this feed trusts its
/// key, and may never have heard of the one that signed them first.
pub(super) fn vouch(archive: &Archive, key: &SigningKey) -> Result<(), ArchiveError> {
    for (manifest, bytes) in not_vouched_for(archive, std::slice::from_ref(key.public()))? {
        let comment = format!("release {} of {}", manifest.release, manifest.archive);
        let signature = sign(&bytes, key, &comment).map_err(|error| ArchiveError::Bug(error.to_string()))?;
        let path = archive.releases_path().join(&manifest.release).join(Manifest::SIGNATURE);
        fonoteca_store::write_file(&path, signature.as_bytes())?;
    }
    Ok(())
}

/// Whether two documents tell of the same publication.
pub(super) fn follows(document: &Document, plan: &Plan) -> bool {
    let outline = document.outline();
    outline.serial == plan.serial && outline.previous == plan.entry.previous
}
