//! Which blobs are in a torrent: read from its hybrid once, and remembered, since a release never changes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use fonoteca_model::{BlobId, Sha256Hash};
use fonoteca_torrent::feed::Role;
use fonoteca_torrent::{MetaFile, Metainfo};
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::release::{Manifest, ManifestTorrent, read_torrent};

/// Torrents that are read at once.
const AT_ONCE: usize = 4;

/// The blobs of a torrent; 32 bytes each.
#[derive(Debug, Default)]
pub(crate) struct TorrentRoots {
    roots: Box<[BlobId]>,
    /// So many of them, the first ones, are audio.
    audio: usize,
}

/// Roots by the SHA-256 of the hybrid's file.
pub(crate) type KnownRoots = Mutex<HashMap<Sha256Hash, Arc<TorrentRoots>>>;

impl TorrentRoots {
    fn of(hybrid: &Metainfo) -> Self {
        let (mut roots, mut others) = (Vec::new(), Vec::new());
        for (_, file) in hybrid.real_files() {
            if let Some(root) = file.root {
                if lies_as_audio(file) { roots.push(root) } else { others.push(root) }
            }
        }
        let audio = roots.len();
        roots.append(&mut others);
        Self { roots: roots.into(), audio }
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[BlobId] {
        &self.roots
    }

    /// Those that are audio, where the torrent's role is that.
    pub(crate) fn audio(&self) -> &[BlobId] {
        &self.roots[..self.audio]
    }
}

/// Whether a file of a hybrid is audio: that lies two deep, by the first byte of its root; covers lie three deep, and the rest on
/// top.
pub(crate) fn lies_as_audio(file: &MetaFile) -> bool {
    file.path.len() == 2
}

fn known_or_read(
    archive: &Archive,
    release: &str,
    torrent: &ManifestTorrent,
) -> Result<Arc<TorrentRoots>, ArchiveError> {
    let Some(hybrid) = torrent.hybrid() else {
        return Ok(Arc::default());
    };
    if let Some(known) = archive.torrent_roots().lock().get(&hybrid.torrent_sha256) {
        return Ok(Arc::clone(known));
    }
    let roots = Arc::new(TorrentRoots::of(&read_torrent(archive, release, &hybrid.path)?));
    archive.torrent_roots().lock().insert(hybrid.torrent_sha256, Arc::clone(&roots));
    Ok(roots)
}

/// The roots of each of these torrents of releases; those of others are forgotten.
pub(super) async fn roots_of(
    archive: &Archive,
    torrents: &[(String, ManifestTorrent)],
) -> Result<Vec<Arc<TorrentRoots>>, ArchiveError> {
    let mut reading = Vec::new();
    for (release, torrent) in torrents {
        let (archive, release, torrent) = (archive.clone(), release.clone(), torrent.clone());
        reading.push(async move {
            let read = tokio::task::spawn_blocking(move || known_or_read(&archive, &release, &torrent)).await;
            read.map_err(|error| ArchiveError::Bug(error.to_string()))?
        });
    }
    let roots = futures::stream::iter(reading).buffered(AT_ONCE).try_collect().await?;
    let variants = torrents.iter().flat_map(|(_, torrent)| &torrent.variants);
    let given: HashSet<Sha256Hash> = variants.map(|variant| variant.torrent_sha256).collect();
    archive.torrent_roots().lock().retain(|sha256, _| given.contains(sha256));
    Ok(roots)
}

/// The audio of one torrent of a release.
pub(crate) fn audio_of(
    archive: &Archive,
    manifest: &Manifest,
    torrent: &ManifestTorrent,
) -> Result<Vec<BlobId>, ArchiveError> {
    if torrent.role != Role::Audio {
        return Ok(Vec::new());
    }
    Ok(known_or_read(archive, &manifest.release, torrent)?.audio().to_vec())
}
