//! Getting the blobs of one torrent into the store.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fonoteca_model::progress::Progress;
use fonoteca_model::{BlobHashes, BlobId};
use fonoteca_swarm::{FetchOptions, Fetched, SwarmError, WebSeedOptions, fetch_by_swarm, fetch_by_web_seed};
use fonoteca_torrent::Metainfo;
use futures::{StreamExt, TryStreamExt};

use super::Mirror;
use super::pull::{PullOptions, Via, roots};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// Without news from peers for so long, the web seed is asked; when there is no such way out, patience is longer.
const STALL_AUTO: Duration = Duration::from_secs(15);
const STALL_ALONE: Duration = Duration::from_mins(1);

/// Files that are hashed and made durable at once: most of the time of a small one is waiting for the disk.
const ADOPTED_AT_ONCE: usize = 8;

/// What came in.
pub(super) struct Blobs {
    /// Bytes moved and saved.
    pub moved: Fetched,
    /// Blobs that were not in the store before.
    pub added: u64,
    /// The hashes of what came in, computed here.
    pub hashes: HashMap<BlobId, BlobHashes>,
}

/// Fetches the torrent's files whose blobs the store lacks, and moves each into the store, proving its root once more.
pub(super) async fn blobs(
    archive: &Archive,
    mirror: &Mirror,
    metainfo: &Metainfo,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Blobs, ArchiveError> {
    let mut wanted = Vec::new();
    let mut lacking = Vec::new();
    for (index, root, file) in roots(metainfo) {
        if archive.store().size(root).await? == Some(file.size) {
            progress.advance(file.size);
        } else {
            wanted.push(index);
            lacking.push((root, file));
        }
    }
    let mut blobs = Blobs { moved: Fetched::default(), added: 0, hashes: HashMap::new() };
    if wanted.is_empty() {
        return Ok(blobs);
    }
    let staging = mirror.staging(archive, &metainfo.name);
    std::fs::create_dir_all(&staging).map_err(ArchiveError::io(&staging, "cannot be made"))?;
    blobs.moved = fetch(mirror, metainfo, &staging, wanted, options, progress).await?;
    // The same bytes may stand at two paths of one torrent; the first takes them along.
    let mut seen = HashSet::new();
    lacking.retain(|(root, _)| seen.insert(*root));
    let mut adopting = Vec::new();
    for (root, file) in lacking {
        let path = file.path.iter().fold(staging.clone(), |path, part| path.join(part));
        adopting.push(async move { Ok::<_, ArchiveError>((root, archive.store().adopt(&path, root).await?)) });
    }
    let mut adopted = futures::stream::iter(adopting).buffer_unordered(ADOPTED_AT_ONCE);
    while let Some((root, put)) = adopted.try_next().await? {
        blobs.added += u64::from(put.added);
        blobs.hashes.insert(root, put.hashes);
    }
    drop(adopted);
    std::fs::remove_dir_all(&staging).map_err(ArchiveError::io(&staging, "cannot be removed"))?;
    Ok(blobs)
}

async fn fetch(
    mirror: &Mirror,
    metainfo: &Metainfo,
    staging: &PathBuf,
    wanted: Vec<usize>,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Fetched, ArchiveError> {
    if options.via == Via::WebSeed {
        return by_web_seed(mirror, metainfo, staging, wanted, progress).await;
    }
    let mut peers = FetchOptions::new(metainfo.to_bytes().to_vec(), staging);
    peers.wanted = Some(wanted.clone());
    peers.initial_peers.clone_from(&options.peers);
    peers.listen = options.listen;
    peers.dht = options.dht;
    peers.stall = if options.via == Via::Auto { STALL_AUTO } else { STALL_ALONE };
    match fetch_by_swarm(peers, progress).await {
        Ok(fetched) => Ok(fetched),
        Err(SwarmError::Cancelled) => Err(ArchiveError::Cancelled),
        Err(error) if options.via == Via::Auto => {
            progress.note(&format!("{}: {error}; asking the web seed", metainfo.name));
            by_web_seed(mirror, metainfo, staging, wanted, progress).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn by_web_seed(
    mirror: &Mirror,
    metainfo: &Metainfo,
    staging: &PathBuf,
    wanted: Vec<usize>,
    progress: &dyn Progress,
) -> Result<Fetched, ArchiveError> {
    let mut options = WebSeedOptions::new(Arc::new(metainfo.clone()), mirror.address("webseed/"), staging);
    options.wanted = Some(wanted);
    match fetch_by_web_seed(options, progress).await {
        Ok(fetched) => Ok(fetched),
        Err(SwarmError::Cancelled) => Err(ArchiveError::Cancelled),
        Err(error) => Err(error.into()),
    }
}
