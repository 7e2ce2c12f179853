//! A small collection with torrents of it, a source of its bytes, and progress that remembers.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fonoteca_model::progress::Unit;
use fonoteca_model::{BlobHasher, BlobId, Progress, Sha1Hash, Silent};
use fonoteca_swarm::{FetchOptions, Offer, SeedSource, SeedTorrent, Seeder, SeederOptions, fetch_by_swarm};
pub use fonoteca_testkit::random_bytes as noise;
use fonoteca_torrent::{File, Kind, Metainfo, Outside, Selection, build};
use parking_lot::Mutex;

pub const MIB: usize = 1 << 20;
pub const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Runs a test that must end in time.
pub async fn within<T>(seconds: u64, test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), test).await.expect("the test ends in time")
}

/// Files with their content, in the order of the torrent.
pub struct Collection {
    pub files: Vec<(Vec<String>, Bytes)>,
    pub hybrid: Arc<Metainfo>,
    pub twin: Arc<Metainfo>,
}

impl Collection {
    /// Files of these sizes, in a folder each, with names that need encoding in a URL.
    pub fn of(sizes: &[usize]) -> Self {
        let mut files = Vec::new();
        let mut selected = Vec::new();
        for (index, size) in sizes.iter().enumerate() {
            let bytes = Bytes::from(noise(index as u64 + 1, *size));
            let mut hasher = BlobHasher::new();
            hasher.update(&bytes);
            let hashes = hasher.finish().expect("not empty");
            let path = vec![format!("{index:02}"), format!("sóng #{index} 100%.bin")];
            files.push((path.clone(), bytes));
            selected.push(File { path, hashes });
        }
        let selection = Selection { name: "a release".to_owned(), files: selected };
        let torrent = |kind| Arc::new(build(&selection, kind, &Outside::default()).expect("a torrent"));
        Self { files, hybrid: torrent(Kind::Hybrid), twin: torrent(Kind::V1) }
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    pub fn source(&self) -> MemorySource {
        let mut blobs = HashMap::new();
        for (_, bytes) in &self.files {
            let mut hasher = BlobHasher::new();
            hasher.update(bytes);
            blobs.insert(hasher.finish().expect("not empty").root, bytes.clone());
        }
        let torrents = [&self.hybrid, &self.twin].map(|torrent| (torrent.info_hash_v1.expect("v1"), torrent.clone()));
        let hybrid = self.hybrid.clone();
        MemorySource { blobs, torrents: torrents.into(), hybrid, lies: false, opened: AtomicUsize::new(0) }
    }

    /// Index into the torrent's files of the nth file with content.
    pub fn index(&self, nth: usize) -> usize {
        self.hybrid.real_files().nth(nth).expect("so many files").0
    }

    /// Whether a folder holds exactly these bytes under the paths of the torrent.
    pub fn assert_in(&self, folder: &Path) {
        for (path, bytes) in &self.files {
            let found = std::fs::read(folder.join(path.join("/"))).expect("the file is there");
            assert!(found == *bytes, "{path:?} has other bytes");
        }
        assert!(!self.anything_else(folder), "something else is left in the folder");
    }

    fn anything_else(&self, folder: &Path) -> bool {
        let paths = |folder: &Path| -> Vec<std::path::PathBuf> {
            std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path()).collect()
        };
        let all: usize = paths(folder).iter().map(|sub| paths(sub).len()).sum();
        all != self.files.len()
    }
}

/// Blobs in memory; one that lies flips a bit in each block.
pub struct MemorySource {
    pub blobs: HashMap<BlobId, Bytes>,
    pub torrents: HashMap<Sha1Hash, Arc<Metainfo>>,
    /// It knows the roots that a twin read from disk does not tell.
    hybrid: Arc<Metainfo>,
    pub lies: bool,
    /// How often a torrent was opened.
    pub opened: AtomicUsize,
}

#[async_trait]
impl SeedSource for MemorySource {
    async fn read(&self, root: BlobId, range: Range<u64>) -> io::Result<Bytes> {
        let blob = self.blobs.get(&root).ok_or(io::ErrorKind::NotFound)?;
        let bytes = blob.slice(range.start as usize..range.end as usize);
        if !self.lies {
            return Ok(bytes);
        }
        let mut lie = bytes.to_vec();
        lie[0] ^= 1;
        Ok(lie.into())
    }

    async fn open(&self, key: Sha1Hash) -> io::Result<Option<SeedTorrent>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let Some(torrent) = self.torrents.get(&key) else { return Ok(None) };
        let opened = SeedTorrent::with_roots(torrent, |index, _| self.hybrid.files[index].root);
        opened.map(Some).map_err(io::Error::other)
    }
}

pub async fn seed(collection: &Collection, torrent: &Metainfo, options: SeederOptions) -> Seeder {
    start(collection.source(), torrent, options).await
}

pub async fn start(source: MemorySource, torrent: &Metainfo, options: SeederOptions) -> Seeder {
    let seeder = Seeder::start(LOCAL, Arc::new(source), options).await.expect("a free port");
    seeder.add(Offer::of(torrent).expect("info-hashes"));
    seeder
}

pub fn slow(bytes_per_second: u64) -> SeederOptions {
    SeederOptions { bytes_per_second: NonZeroU64::new(bytes_per_second), ..SeederOptions::default() }
}

pub fn fetch(torrent: &Metainfo, staging: &Path, from: &Seeder) -> FetchOptions {
    let mut options = FetchOptions::new(torrent.to_bytes().to_vec(), staging);
    options.initial_peers.push(from.local_addr());
    options.stall = Duration::from_secs(5);
    options
}

/// Runs a download until its seeder has sent so many bytes, and drops it there as a kill would.
pub async fn kill_after(bytes: u64, seeder: &Seeder, options: FetchOptions) {
    let sent = async {
        while seeder.stats().uploaded_bytes < bytes {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let ended = tokio::select! {
        ended = fetch_by_swarm(options, &Silent) => Some(ended),
        () = within(60, sent) => None,
    };
    assert!(ended.is_none(), "it ended before it was killed: {ended:?}");
    let gone = async {
        while seeder.stats().peers > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(10, gone).await;
}

/// Progress that remembers.
#[derive(Default)]
pub struct Remember {
    pub notes: Mutex<Vec<String>>,
    /// Total and units done of the latest stage.
    pub latest: Mutex<(Option<u64>, u64)>,
    pub cancel: AtomicBool,
}

impl Progress for Remember {
    fn stage(&self, _what: &str, total: Option<u64>, _unit: Unit) {
        *self.latest.lock() = (total, 0);
    }
    fn advance(&self, units: u64) {
        self.latest.lock().1 += units;
    }
    fn note(&self, line: &str) {
        self.notes.lock().push(line.to_owned());
    }
    fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}
