//! Downloading from BitTorrent peers, by librqbit (the v1 side of a torrent).

mod padding;
mod relay;
mod storage;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fonoteca_model::Progress;
use fonoteca_model::progress::Unit;
use fonoteca_torrent::{Limits, Metainfo};
use librqbit::limits::LimitsConfig;
use librqbit::storage::StorageFactoryExt;
use librqbit::{
    AddTorrent, AddTorrentOptions, ConnectionOptions, DhtSessionConfig, ListenerMode, ListenerOptions, ManagedTorrent,
    Session, SessionOptions, TorrentStats, TorrentStatsState,
};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::SwarmError;
use crate::fetched::Fetched;
use crate::staging::{Staging, wanted_files};
use padding::Traffic;
use storage::StagedFiles;

/// What to fetch from which peers, and how.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// The `.torrent` file: v1 or hybrid.
    pub torrent_bytes: Vec<u8>,
    /// Folder for the files, below which each has its path in the torrent.
    pub staging: PathBuf,
    /// Indices into the torrent's files; `None` is all but the padding.
    pub wanted: Option<Vec<usize>>,
    /// Peers to begin with.
    pub initial_peers: Vec<SocketAddr>,
    /// Whether the torrent's trackers are asked for peers. They are foreign addresses.
    pub trackers: bool,
    /// Whether the DHT is asked for peers, which makes public what is fetched. Never for private torrents (BEP 27).
    pub dht: bool,
    /// Where peers may call; `None` only calls others.
    pub listen: Option<SocketAddr>,
    /// Peers at once.
    pub max_peers: usize,
    /// Bytes a second at most.
    pub bytes_per_second: Option<NonZeroU32>,
    /// Longest time in which nothing new arrives.
    pub stall: Duration,
    /// What a torrent may cost to read.
    pub limits: Limits,
}

impl FetchOptions {
    /// All files, the torrent's trackers, no DHT, no listening, at most 50 peers, 60 s without anything new.
    pub fn new(torrent_bytes: Vec<u8>, staging: impl Into<PathBuf>) -> Self {
        Self {
            torrent_bytes,
            staging: staging.into(),
            wanted: None,
            initial_peers: Vec::new(),
            trackers: true,
            dht: false,
            listen: None,
            max_peers: 50,
            bytes_per_second: None,
            stall: Duration::from_mins(1),
            limits: Limits::default(),
        }
    }
}

/// How often the engine is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Fetches the wanted files; returns when each lies in the staging folder under its name, every piece checked (SHA-1).
///
/// What is in the staging folder already is hashed first and not fetched again, also after a kill. When nothing new
/// arrives for [`FetchOptions::stall`] the error is [`SwarmError::Stalled`]; what has arrived stays, and the same call
/// or
/// [`fetch_by_web_seed`](crate::fetch_by_web_seed) goes on from there. Dropping the future ends the download at once.
///
/// No local service discovery and no port forwarding, ever. Needs tokio's multi-thread runtime.
pub async fn fetch_by_swarm(options: FetchOptions, progress: &dyn Progress) -> Result<Fetched, SwarmError> {
    let metainfo = Metainfo::parse(&options.torrent_bytes, &options.limits);
    let metainfo = Arc::new(metainfo.map_err(|source| SwarmError::Torrent { source })?);
    if metainfo.info_hash_v1.is_none() {
        return Err(SwarmError::NoV1 { torrent: metainfo.name.clone() });
    }
    let wanted = wanted_files(&metainfo, options.wanted.as_deref())?;
    let staging = Staging::new(&options.staging);
    for index in &wanted {
        staging.reopen(&metainfo.files[*index])?;
    }
    let mut fetch = Fetch::start(metainfo, staging, wanted, &options).await?;
    let bytes_already = fetch.checked(progress).await?;
    fetch.go(bytes_already, progress).await?;
    fetch.finish(bytes_already)
}

/// A running download. Dropping it ends the engine, and nothing is written any more.
struct Fetch {
    metainfo: Arc<Metainfo>,
    staging: Staging,
    wanted: Vec<usize>,
    want_bytes: u64,
    stall: Duration,
    files: StagedFiles,
    traffic: Arc<Traffic>,
    session: Arc<Session>,
    torrent: Arc<ManagedTorrent>,
    pieces_refused: u64,
    liars: Vec<SocketAddr>,
    _until: DropGuard,
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.files.close();
    }
}

impl Fetch {
    async fn start(
        metainfo: Arc<Metainfo>,
        staging: Staging,
        wanted: Vec<usize>,
        options: &FetchOptions,
    ) -> Result<Self, SwarmError> {
        let until = CancellationToken::new();
        let guard = until.clone().drop_guard();
        let traffic = Arc::new(Traffic::new(&metainfo));
        let proxy_url = relay::start(traffic.clone(), until.clone()).await?;
        let failed = |error: anyhow::Error| engine_error(&metainfo, &error);
        let session_options = SessionOptions {
            dht: options.dht.then(|| DhtSessionConfig { persistence: None, ..DhtSessionConfig::default() }),
            disable_trackers: !options.trackers,
            disable_local_service_discovery: true,
            listen: options.listen.map(|listen_addr| ListenerOptions {
                mode: ListenerMode::TcpOnly,
                listen_addr,
                enable_upnp_port_forwarding: false,
                ..ListenerOptions::default()
            }),
            connect: Some(ConnectionOptions { proxy_url: Some(proxy_url), ..ConnectionOptions::default() }),
            cancellation_token: Some(until),
            ratelimits: LimitsConfig { download_bps: options.bytes_per_second, upload_bps: None },
            ..SessionOptions::default()
        };
        let session = Session::new_with_opts(options.staging.clone(), session_options).await.map_err(failed)?;
        let files = StagedFiles::new(metainfo.clone(), staging.clone(), &wanted);
        let add_options = AddTorrentOptions {
            // It begins paused, so that what was there before is known before anything arrives.
            paused: true,
            only_files: Some(wanted.clone()),
            overwrite: true,
            output_folder: Some(options.staging.display().to_string()),
            disable_trackers: !options.trackers,
            initial_peers: Some(options.initial_peers.clone()),
            peer_limit: Some(options.max_peers),
            storage_factory: Some(files.clone().boxed()),
            ..AddTorrentOptions::default()
        };
        let torrent = AddTorrent::from_bytes(options.torrent_bytes.clone());
        let added = session.add_torrent(torrent, Some(add_options)).await.map_err(failed)?;
        let torrent = added.into_handle().ok_or_else(|| SwarmError::Engine {
            torrent: metainfo.name.clone(),
            problem: "it was listed, not added".to_owned(),
        })?;
        let want_bytes = wanted.iter().map(|index| metainfo.files[*index].size).sum();
        let stall = options.stall;
        Ok(Self {
            metainfo,
            staging,
            wanted,
            want_bytes,
            stall,
            files,
            traffic,
            session,
            torrent,
            pieces_refused: 0,
            liars: Vec::new(),
            _until: guard,
        })
    }

    /// Waits until the engine has hashed what is there, and starts it; returns how much of what is wanted is there.
    async fn checked(&self, progress: &dyn Progress) -> Result<u64, SwarmError> {
        let total = self.metainfo.total_bytes();
        progress.stage(&format!("checking what is there of {}", self.metainfo.name), Some(total), Unit::Bytes);
        let mut shown = 0;
        loop {
            let stats = self.look(progress)?;
            if !matches!(stats.state, TorrentStatsState::Initializing { .. }) {
                let there = self.have_bytes(&stats);
                self.session.unpause(&self.torrent).await.map_err(|error| engine_error(&self.metainfo, &error))?;
                return Ok(there);
            }
            progress.advance(stats.progress_bytes.saturating_sub(shown));
            shown = shown.max(stats.progress_bytes);
            tokio::time::sleep(TICK).await;
        }
    }

    /// Waits until all is there.
    async fn go(&mut self, already: u64, progress: &dyn Progress) -> Result<(), SwarmError> {
        progress.stage(&format!("fetching {} from peers", self.metainfo.name), Some(self.want_bytes), Unit::Bytes);
        progress.advance(already);
        let mut shown = already;
        let mut most_useful = 0;
        let mut last_new = Instant::now();
        loop {
            let stats = self.look(progress)?;
            let have = self.have_bytes(&stats);
            progress.advance(have.saturating_sub(shown));
            shown = shown.max(have);
            self.note_refused(progress);
            if stats.finished {
                return Ok(());
            }
            // What was refused was nothing new, or a liar could keep a download waiting for ever.
            let refused = self.pieces_refused.saturating_mul(self.metainfo.piece_length);
            let useful = self.downloaded_bytes(&stats).saturating_sub(refused);
            if useful > most_useful {
                most_useful = useful;
                last_new = Instant::now();
            }
            if last_new.elapsed() >= self.stall {
                return Err(SwarmError::Stalled {
                    torrent: self.metainfo.name.clone(),
                    seconds: self.stall.as_secs(),
                    have_bytes: have,
                    want_bytes: self.want_bytes,
                    pieces_refused: self.pieces_refused,
                    liars: self.liars.clone(),
                });
            }
            tokio::time::sleep(TICK).await;
        }
    }

    fn finish(self, bytes_already: u64) -> Result<Fetched, SwarmError> {
        let bytes_downloaded = self.downloaded_bytes(&self.torrent.stats());
        self.files.close();
        for index in &self.wanted {
            self.staging.finish(&self.metainfo.files[*index])?;
        }
        Ok(Fetched { bytes_downloaded, bytes_already, pieces_refused: self.pieces_refused })
    }

    fn look(&self, progress: &dyn Progress) -> Result<TorrentStats, SwarmError> {
        if progress.cancelled() {
            return Err(SwarmError::Cancelled);
        }
        let stats = self.torrent.stats();
        if let Some(problem) = stats.error {
            return Err(SwarmError::Engine { torrent: self.metainfo.name.clone(), problem });
        }
        Ok(stats)
    }

    /// Bytes of the wanted files that are there and have the right hash.
    fn have_bytes(&self, stats: &TorrentStats) -> u64 {
        self.wanted.iter().filter_map(|index| stats.file_progress.get(*index)).sum()
    }

    fn downloaded_bytes(&self, stats: &TorrentStats) -> u64 {
        self.traffic.downloaded_bytes(stats.live.as_ref().map_or(0, |live| live.snapshot.fetched_bytes))
    }

    fn note_refused(&mut self, progress: &dyn Progress) {
        for piece in self.files.take_refused() {
            self.pieces_refused += 1;
            let sender = self.traffic.sender(piece);
            let from = sender.map_or_else(|| "a peer".to_owned(), |peer| format!("peer {peer}"));
            let torrent = &self.metainfo.name;
            progress.note(&format!("{torrent}: {from} sent wrong bytes; piece {piece} was thrown away"));
            if let Some(liar) = sender {
                self.traffic.refused(liar);
                if !self.liars.contains(&liar) {
                    self.liars.push(liar);
                }
            }
        }
        for (peer, what) in self.traffic.take_news() {
            progress.note(&format!("{}: peer {peer} {what}; it is not asked again", self.metainfo.name));
        }
    }
}

fn engine_error(metainfo: &Metainfo, error: &anyhow::Error) -> SwarmError {
    SwarmError::Engine { torrent: metainfo.name.clone(), problem: format!("{error:#}") }
}
