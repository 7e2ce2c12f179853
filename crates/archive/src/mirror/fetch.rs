//! Getting the blobs of one torrent into the store.

use std::collections::{HashMap, HashSet};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fonoteca_model::progress::Progress;
use fonoteca_model::{BlobHashes, BlobId};
use fonoteca_swarm::{
    FetchOptions, Fetched, SwarmError, TrackerOptions, WebSeedOptions, fetch_by_swarm, fetch_what_web_seed_has, scrape,
};
use fonoteca_torrent::Metainfo;
use futures::channel::mpsc;
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;

use super::Mirror;
use super::pull::{PullOptions, Via, roots};
use crate::archive::Archive;
use crate::error::{ArchiveError, said};

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

/// Fetches the torrent's files whose blobs the store lacks, of all of them or of `files`, and moves each into the store, its
/// root proved.
pub(super) async fn blobs(
    archive: &Archive,
    mirror: &Mirror,
    metainfo: &Metainfo,
    files: Option<&HashSet<BlobId>>,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Blobs, ArchiveError> {
    let mut wanted = Vec::new();
    let mut lacking = HashMap::new();
    let mut seen = HashSet::new();
    for (index, root, file) in roots(metainfo) {
        // The same bytes may stand at two paths of one torrent.
        if files.is_some_and(|files| !files.contains(&root)) || !seen.insert(root) {
            continue;
        }
        if archive.store().size(root).await? == Some(file.size) {
            progress.advance(file.size);
        } else {
            wanted.push(index);
            lacking.insert(index, (root, file));
        }
    }
    let mut blobs = Blobs { moved: Fetched::default(), added: 0, hashes: HashMap::new() };
    if wanted.is_empty() {
        return Ok(blobs);
    }
    let staging = mirror.staging(archive, &metainfo.name);
    std::fs::create_dir_all(&staging).map_err(ArchiveError::io(&staging, "cannot be made"))?;
    let (adopting, arrivals) = mpsc::unbounded();
    let arrived = Arrivals { there: Arc::default(), adopting };
    let fetching = Fetching { mirror, metainfo, staging: &staging, options, progress, arrived };
    // While more arrives, what is there is made durable.
    let adopted = arrivals
        .map(|(index, hashes): (usize, Option<BlobHashes>)| {
            let (lacking, staging) = (&lacking, &staging);
            async move {
                let (root, file) =
                    lacking.get(&index).ok_or_else(|| ArchiveError::Bug("an unknown file".to_owned()))?;
                let path = file.path.iter().fold(staging.clone(), |path, part| path.join(part));
                let store = archive.store();
                let put = match hashes {
                    Some(hashes) => store.adopt_hashed(&path, hashes).await?,
                    None => store.adopt(&path, *root).await?,
                };
                Ok::<_, ArchiveError>((*root, put))
            }
        })
        .buffer_unordered(ADOPTED_AT_ONCE)
        .try_for_each(|(root, put)| {
            blobs.added += u64::from(put.added);
            blobs.hashes.insert(root, put.hashes);
            std::future::ready(Ok(()))
        });
    let (moved, ()) = tokio::try_join!(fetching.all(wanted), adopted)?;
    blobs.moved = moved;
    std::fs::remove_dir_all(&staging).map_err(ArchiveError::io(&staging, "cannot be removed"))?;
    Ok(blobs)
}

/// Takes note of each file that is there, by its index, with its hashes where they were computed as it came.
#[derive(Clone)]
struct Arrivals {
    there: Arc<Mutex<HashSet<usize>>>,
    adopting: mpsc::UnboundedSender<(usize, Option<BlobHashes>)>,
}

impl Arrivals {
    fn note(&self, index: usize, hashes: Option<BlobHashes>) {
        self.there.lock().insert(index);
        // Who adopts ends only with an error, which ends the fetching too.
        let _ = self.adopting.unbounded_send((index, hashes));
    }

    /// Which of these are not there yet.
    fn lacking(&self, wanted: &[usize]) -> Vec<usize> {
        let there = self.there.lock();
        wanted.iter().copied().filter(|index| !there.contains(index)).collect()
    }
}

/// One torrent that is being fetched.
struct Fetching<'a> {
    mirror: &'a Mirror,
    metainfo: &'a Metainfo,
    staging: &'a Path,
    options: &'a PullOptions,
    progress: &'a dyn Progress,
    arrived: Arrivals,
}

impl Fetching<'_> {
    /// By the way that was chosen. Where both may be tried, one that gives nothing is followed by the other.
    async fn all(self, wanted: Vec<usize>) -> Result<Fetched, ArchiveError> {
        match self.options.via.or(self.mirror.rules.via).unwrap_or(Via::Auto) {
            Via::WebSeed => self.by_web_seeds(wanted).await,
            Via::BitTorrent => self.by_peers(wanted, STALL_ALONE).await,
            Via::Auto if self.others_have_it().await => match self.by_peers(wanted.clone(), STALL_AUTO).await {
                Err(error) if self.may_go_on(&error, "the web seed") => self.by_web_seeds(wanted).await,
                done => done,
            },
            Via::Auto => match self.by_web_seeds(wanted.clone()).await {
                Err(error) if self.may_go_on(&error, "peers") => {
                    self.by_peers(self.arrived.lacking(&wanted), STALL_ALONE).await
                }
                done => done,
            },
        }
    }

    /// Whether somebody else is to be asked after this error.
    fn may_go_on(&self, error: &ArchiveError, next: &str) -> bool {
        let may = !matches!(error, ArchiveError::Cancelled) && !error.is_full();
        if may {
            self.progress.note(&format!("{}: {}; asking {next}", self.metainfo.name, said(error)));
        }
        may
    }

    /// Whether anybody but the origin can be asked. Where its own tracker knows of nobody, the origin itself is what is left,
    /// and sends by HTTP with less work for both.
    async fn others_have_it(&self) -> bool {
        let own = |tracker: &str| self.mirror.addresses().any(|address| tracker.starts_with(&format!("{address}/")));
        let mut trackers = self.metainfo.announce.iter().flatten();
        let (Some(tracker), None) = (trackers.next(), trackers.next()) else { return true };
        let Some(hash) = self.metainfo.info_hash_v1.filter(|_| own(tracker)) else { return true };
        if self.options.dht || !self.options.peers.is_empty() {
            return true;
        }
        let counts = scrape(tracker, &[hash], &TrackerOptions::default()).await.unwrap_or_default();
        counts.get(&hash).is_none_or(|counted| counted.seeders + counted.leechers > 0)
    }

    async fn by_peers(&self, wanted: Vec<usize>, stall: Duration) -> Result<Fetched, ArchiveError> {
        let mut peers = FetchOptions::new(self.metainfo.to_bytes().to_vec(), self.staging);
        peers.wanted = Some(wanted.clone());
        peers.initial_peers.clone_from(&self.options.peers);
        peers.listen = self.options.listen;
        peers.dht = self.options.dht;
        peers.stall = stall;
        peers.max_peers = self.mirror.rules.peers.map_or(peers.max_peers, usize::from);
        let rate = self.mirror.rules.download.map(|rate| u32::try_from(rate.0).unwrap_or(u32::MAX).max(LOWEST_RATE));
        peers.bytes_per_second = rate.and_then(NonZeroU32::new);
        let fetched = fetch_by_swarm(peers, self.progress).await.map_err(archive_error)?;
        wanted.into_iter().for_each(|index| self.arrived.note(index, None));
        Ok(fetched)
    }

    /// Asks one address of the feed after the other; each may have some of the files.
    async fn by_web_seeds(&self, mut wanted: Vec<usize>) -> Result<Fetched, ArchiveError> {
        let metainfo = Arc::new(self.metainfo.clone());
        let mut all = Fetched::default();
        let mut last = None;
        for base in self.mirror.addresses() {
            let base = format!("{base}/webseed/");
            let mut options = WebSeedOptions::new(metainfo.clone(), &base, self.staging);
            options.wanted = Some(wanted.clone());
            options.bytes_per_second = self.mirror.rules.download.and_then(|rate| NonZeroU64::new(rate.0));
            let arrived = self.arrived.clone();
            options.arrived = Some(Arc::new(move |index, hashes| arrived.note(index, hashes)));
            match fetch_what_web_seed_has(options, self.progress).await {
                Ok((fetched, lacking)) => {
                    all.bytes_downloaded += fetched.bytes_downloaded;
                    all.bytes_already += fetched.bytes_already;
                    if let Some(index) = lacking.first() {
                        let file = metainfo.files[*index].path.join("/");
                        let reason =
                            format!("{} files of {} are not there, {file} among them", lacking.len(), metainfo.name);
                        last = Some(ArchiveError::Fetch { url: base, reason });
                    }
                }
                Err(error) => {
                    let error = archive_error(error);
                    if matches!(error, ArchiveError::Cancelled) || error.is_full() {
                        return Err(error);
                    }
                    last = Some(error);
                }
            }
            wanted = self.arrived.lacking(&wanted);
            if wanted.is_empty() {
                return Ok(all);
            }
        }
        Err(last.unwrap_or_else(|| ArchiveError::Bug("a mirror without an address".to_owned())))
    }
}

fn archive_error(error: SwarmError) -> ArchiveError {
    match error {
        SwarmError::Cancelled => ArchiveError::Cancelled,
        error => error.into(),
    }
}
