//! Which releases there are.

use std::collections::{BTreeSet, HashMap, HashSet};

use fonoteca_catalog::Snapshot;
use fonoteca_model::{BlobId, Sha1Hash, Sha256Hash};
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

/// The torrents that a later one replaces, by v2 info-hash: what of them is still wanted is in the later ones.
pub(crate) fn superseded(manifests: &[Manifest]) -> HashSet<Sha256Hash> {
    let torrents = manifests.iter().flat_map(|manifest| &manifest.torrents);
    torrents.flat_map(|torrent| &torrent.supersedes).copied().collect()
}

/// A torrent that one of a new release may replace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Predecessor {
    v2: Sha256Hash,
    /// Of all its variants.
    v1: Vec<Sha1Hash>,
}

/// What the releases so far hold.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Every blob that some release gives out, and what copies that are given out were made from.
    pub given_out: HashSet<BlobId>,
    /// Torrents that may be given out and that none replaces so far, by name.
    live: HashSet<String>,
    predecessors: Vec<Predecessor>,
    /// The blobs of torrents that are replaced by whatever holds them next, each with those torrents: they have something
    /// dark in them, are replaced already, or everything is to be cut anew.
    gone: HashMap<BlobId, BTreeSet<usize>>,
}

impl Earlier {
    /// Reads the torrents of all releases. `recut`: all of this archive's own are to be replaced.
    pub async fn read(archive: &Archive, snapshot: &Snapshot, recut: bool) -> Result<Self, ArchiveError> {
        let manifests = manifests(archive)?;
        let superseded = superseded(&manifests);
        let mut torrents = Vec::new();
        for manifest in &manifests {
            let is_own = crate::mirror::held_torrents(archive, &manifest.release).is_none();
            for torrent in torrents_here(archive, manifest) {
                torrents.push((torrent, is_own, audio_of(archive, manifest, torrent)?));
            }
        }
        let roots: Vec<BlobId> = torrents.iter().flat_map(|(_, _, audio)| audio).copied().collect();
        let verdicts = archive.verdicts(&roots).await?;
        let mut earlier = Self::default();
        for (torrent, is_own, audio) in torrents {
            let v2 = torrent.variants.iter().find_map(|variant| variant.infohash_v2);
            let is_replaced = v2.is_some_and(|hash| superseded.contains(&hash));
            if dark_file(&audio, &verdicts).is_none() && !is_replaced {
                earlier.live.insert(torrent.name.clone());
                if !(recut && is_own) {
                    earlier.given_out.extend(audio);
                    continue;
                }
            }
            let Some(v2) = v2 else { continue };
            let v1 = torrent.variants.iter().map(|variant| variant.infohash_v1).collect();
            for root in audio {
                earlier.gone.entry(root).or_default().insert(earlier.predecessors.len());
            }
            earlier.predecessors.push(Predecessor { v2, v1 });
        }
        let given: Vec<BlobId> = earlier.given_out.iter().copied().collect();
        earlier.given_out.extend(snapshot.sources_of(&given).await?.into_values());
        Ok(earlier)
    }

    /// Whether a torrent may be given out and none replaces it so far.
    pub fn is_live(&self, torrent: &str) -> bool {
        self.live.contains(torrent)
    }

    /// The torrents that one with this audio replaces: their v2 info-hashes, and all their v1 info-hashes.
    pub fn replaced_by(&self, audio: impl Iterator<Item = BlobId>) -> (Vec<Sha256Hash>, Vec<Sha1Hash>) {
        let found: BTreeSet<usize> = audio.filter_map(|root| self.gone.get(&root)).flatten().copied().collect();
        let found: BTreeSet<&Predecessor> = found.into_iter().map(|index| &self.predecessors[index]).collect();
        let v1: BTreeSet<Sha1Hash> = found.iter().flat_map(|before| &before.v1).copied().collect();
        (found.into_iter().map(|before| before.v2).collect(), v1.into_iter().collect())
    }
}

/// A torrent of a release of this archive.
pub(crate) fn read_torrent(archive: &Archive, release: &str, file: &str) -> Result<Metainfo, ArchiveError> {
    let path = archive.releases_path().join(release).join(file);
    let bytes = std::fs::read(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
    Metainfo::parse(&bytes, &Limits::default())
        .map_err(|source| ArchiveError::Metainfo { name: path.display().to_string(), source })
}
