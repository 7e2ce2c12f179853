//! Which releases there are.

use std::collections::HashSet;

use fonoteca_model::BlobId;
use fonoteca_torrent::{Limits, Metainfo};
use serde::Serialize;

use super::manifest::{Manifest, ManifestTorrent};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::feed::dark_file;
use crate::published::audio_of;

/// One line of `release list --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// The release's name.
    pub release: String,
    /// The archive that made it.
    pub archive: String,
    /// Its torrents, most popular first.
    pub torrents: Vec<ManifestTorrent>,
}

/// All releases in `releases/`, own and mirrored, by name.
pub fn list(archive: &Archive) -> Result<Vec<Listed>, ArchiveError> {
    Ok(manifests(archive)?
        .into_iter()
        .map(|manifest| Listed { release: manifest.release, archive: manifest.archive, torrents: manifest.torrents })
        .collect())
}

/// The manifests of all releases in `releases/`, by name. Folders in the making begin with a dot.
pub(crate) fn manifests(archive: &Archive) -> Result<Vec<Manifest>, ArchiveError> {
    let folder = archive.releases_path();
    let mut manifests = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(ArchiveError::io(&folder, "cannot be read"))? {
        let entry = entry.map_err(ArchiveError::io(&folder, "cannot be read"))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && entry.path().join(Manifest::FILE).is_file() {
            manifests.push(Manifest::read(&entry.path())?);
        }
    }
    manifests.sort_by(|a, b| a.release.cmp(&b.release));
    Ok(manifests)
}

/// The torrents of a release that this archive can give out: all of its own, and of a mirrored one those that it holds.
pub(crate) fn torrents_here<'a>(archive: &Archive, manifest: &'a Manifest) -> Vec<&'a ManifestTorrent> {
    let held = crate::mirror::held_torrents(archive, &manifest.release);
    let is_here = |torrent: &&ManifestTorrent| held.as_ref().is_none_or(|held| held.contains(&torrent.name));
    manifest.torrents.iter().filter(is_here).collect()
}

/// Every blob that some release already gives out. A torrent with something dark in it is in no feed any more, so that
/// the rest of it may be released anew.
pub(super) async fn given_out(archive: &Archive) -> Result<HashSet<BlobId>, ArchiveError> {
    let manifests = manifests(archive)?;
    let mut torrents = Vec::new();
    for manifest in &manifests {
        for torrent in torrents_here(archive, manifest) {
            torrents.push(audio_of(archive, manifest, torrent)?);
        }
    }
    let roots: Vec<BlobId> = torrents.iter().flatten().copied().collect();
    let verdicts = archive.verdicts(&roots).await?;
    Ok(torrents.into_iter().filter(|audio| dark_file(audio, &verdicts).is_none()).flatten().collect())
}

/// A torrent of a release of this archive.
pub(crate) fn read_torrent(archive: &Archive, release: &str, file: &str) -> Result<Metainfo, ArchiveError> {
    let path = archive.releases_path().join(release).join(file);
    let bytes = std::fs::read(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
    Metainfo::parse(&bytes, &Limits::default())
        .map_err(|source| ArchiveError::Metainfo { name: path.display().to_string(), source })
}
