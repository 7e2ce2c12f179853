//! Getting the blobs of one torrent into the store.

use std::collections::{HashMap, HashSet};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fonoteca_model::progress::Progress;
use fonoteca_model::{BlobHashes, BlobId};
use fonoteca_swarm::{FetchOptions, Fetched, SwarmError, WebSeedOptions, fetch_by_swarm, fetch_what_web_seed_has};
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

/// The lowest rate that peers can be asked at: a block is 16 KiB.
const LOWEST_RATE: u32 = 32 << 10;

/// Fetches the torrent's files whose blobs the store lacks, of all of them or of `files`, and moves each into the store, proving
/// its root once more.
pub(super) async fn blobs(
    archive: &Archive,
    mirror: &Mirror,
    metainfo: &Metainfo,
    files: Option<&HashSet<BlobId>>,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Blobs, ArchiveError> {
    let mut wanted = Vec::new();
    let mut lacking = Vec::new();
    for (index, root, file) in roots(metainfo) {
        if files.is_some_and(|files| !files.contains(&root)) {
            continue;
        }
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
    let via = options.via.or(mirror.rules.via).unwrap_or(Via::Auto);
    if via == Via::WebSeed {
        return by_web_seeds(mirror, metainfo, staging, wanted, progress).await;
    }
    let mut peers = FetchOptions::new(metainfo.to_bytes().to_vec(), staging);
    peers.wanted = Some(wanted.clone());
    peers.initial_peers.clone_from(&options.peers);
    peers.listen = options.listen;
    peers.dht = options.dht;
    peers.stall = if via == Via::Auto { STALL_AUTO } else { STALL_ALONE };
    peers.max_peers = mirror.rules.peers.map_or(peers.max_peers, usize::from);
    let rate = mirror.rules.download.map(|rate| u32::try_from(rate.0).unwrap_or(u32::MAX).max(LOWEST_RATE));
    peers.bytes_per_second = rate.and_then(NonZeroU32::new);
    match fetch_by_swarm(peers, progress).await {
        Ok(fetched) => Ok(fetched),
        Err(SwarmError::Cancelled) => Err(ArchiveError::Cancelled),
        Err(error) if via == Via::Auto && !is_full(&error) => {
            progress.note(&format!("{}: {error}; asking the web seed", metainfo.name));
            by_web_seeds(mirror, metainfo, staging, wanted, progress).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Asks one address of the feed after the other; each may have some of the files.
async fn by_web_seeds(
    mirror: &Mirror,
    metainfo: &Metainfo,
    staging: &Path,
    mut wanted: Vec<usize>,
    progress: &dyn Progress,
) -> Result<Fetched, ArchiveError> {
    let metainfo = Arc::new(metainfo.clone());
    let mut all = Fetched::default();
    let mut last = None;
    for base in mirror.addresses() {
        let base = format!("{base}/webseed/");
        let mut options = WebSeedOptions::new(metainfo.clone(), &base, staging);
        options.wanted = Some(wanted.clone());
        options.bytes_per_second = mirror.rules.download.and_then(|rate| NonZeroU64::new(rate.0));
        match fetch_what_web_seed_has(options, progress).await {
            Ok((fetched, lacking)) => {
                all.bytes_downloaded += fetched.bytes_downloaded;
                all.bytes_already += fetched.bytes_already;
                if let Some(index) = lacking.first() {
                    let file = metainfo.files[*index].path.join("/");
                    let reason =
                        format!("{} files of {} are not there, {file} among them", lacking.len(), metainfo.name);
                    last = Some(ArchiveError::Fetch { url: base, reason });
                }
                wanted = lacking;
            }
            Err(SwarmError::Cancelled) => return Err(ArchiveError::Cancelled),
            Err(error) if is_full(&error) => return Err(error.into()),
            Err(error) => {
                let there = |index: &usize| {
                    let path = &metainfo.files[*index].path;
                    path.iter().fold(staging.to_path_buf(), |folder, part| folder.join(part)).is_file()
                };
                wanted.retain(|index| !there(index));
                last = Some(error.into());
            }
        }
        if wanted.is_empty() {
            return Ok(all);
        }
    }
    Err(last.unwrap_or_else(|| ArchiveError::Bug("a mirror without an address".to_owned())))
}

/// Another source is of no use when there is no room.
fn is_full(error: &SwarmError) -> bool {
    matches!(error, SwarmError::Staging { source, .. } if source.kind() == std::io::ErrorKind::StorageFull)
}
