//! Which releases there are.

use std::collections::{BTreeSet, HashMap, HashSet};

use fonoteca_model::{BlobId, Sha256Hash};
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

/// What the releases so far hold.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Every blob that some release gives out.
    pub given_out: HashSet<BlobId>,
    /// The blobs of torrents with something dark in them, each with the v2 info-hashes of those torrents. Such a torrent is
    /// in no feed any more, so that the rest of it may be released anew.
    gone: HashMap<BlobId, BTreeSet<Sha256Hash>>,
}

impl Earlier {
    pub async fn read(archive: &Archive) -> Result<Self, ArchiveError> {
        let manifests = manifests(archive)?;
        let mut torrents = Vec::new();
        for manifest in &manifests {
            for torrent in torrents_here(archive, manifest) {
                torrents.push((torrent, audio_of(archive, manifest, torrent)?));
            }
        }
        let roots: Vec<BlobId> = torrents.iter().flat_map(|(_, audio)| audio).copied().collect();
        let verdicts = archive.verdicts(&roots).await?;
        let mut earlier = Self::default();
        for (torrent, audio) in torrents {
            if dark_file(&audio, &verdicts).is_none() {
                earlier.given_out.extend(audio);
                continue;
            }
            let hashes: Vec<Sha256Hash> = torrent.variants.iter().filter_map(|variant| variant.infohash_v2).collect();
            for root in audio {
                earlier.gone.entry(root).or_default().extend(&hashes);
            }
        }
        Ok(earlier)
    }

    /// The torrents that one with this audio replaces.
    pub fn superseded_by(&self, audio: impl Iterator<Item = BlobId>) -> Vec<Sha256Hash> {
        let hashes: BTreeSet<Sha256Hash> = audio.filter_map(|root| self.gone.get(&root)).flatten().copied().collect();
        hashes.into_iter().collect()
    }
}

/// A torrent of a release of this archive.
pub(crate) fn read_torrent(archive: &Archive, release: &str, file: &str) -> Result<Metainfo, ArchiveError> {
    let path = archive.releases_path().join(release).join(file);
    let bytes = std::fs::read(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
    Metainfo::parse(&bytes, &Limits::default())
        .map_err(|source| ArchiveError::Metainfo { name: path.display().to_string(), source })
}
