//! Downloading from a web seed (BEP 19): plain HTTP ranges, each piece checked before it counts.

mod range;
mod response;
mod throttle;
mod url;

pub use range::WebSeed;

use std::fs::File;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fonoteca_model::progress::Unit;
use fonoteca_model::{BlobHashes, Progress};
use fonoteca_torrent::Metainfo;
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use reqwest::{Client, Response, Url, header, redirect};
use tokio::time::{Instant, timeout_at};

use crate::error::SwarmError;
use crate::fetched::Fetched;
use crate::staging::{FilePieces, Proof, Staging, wanted_files};
use throttle::Throttle;

/// Told of each file that lies in the staging folder under its name: its index and, where all of it was proved by SHA-256, the
/// hashes of what was written. Whoever is told may take the file away.
pub type Arrived = Arc<dyn Fn(usize, Option<BlobHashes>) + Send + Sync>;

/// What to fetch from which web seed, and how long to wait for it.
#[derive(Clone)]
pub struct WebSeedOptions {
    /// The torrent.
    pub metainfo: Arc<Metainfo>,
    /// The web seed, as in the torrent's `url-list`. Who calls decides whether it may be asked; the torrent is foreign.
    pub base_url: String,
    /// Folder for the files, below which each has its path in the torrent.
    pub staging: PathBuf,
    /// Indices into the torrent's files; `None` is all but the padding.
    pub wanted: Option<Vec<usize>>,
    /// Files at once; each takes up to two pieces of memory.
    pub parallel: usize,
    /// Longest time without a byte.
    pub stall: Duration,
    /// Longest time for one piece, so that a trickle is no way to hold a mirror up.
    pub piece_timeout: Duration,
    /// Bytes a second at most, of all files together.
    pub bytes_per_second: Option<NonZeroU64>,
    /// Who is told of each file as it arrives.
    pub arrived: Option<Arrived>,
}

impl WebSeedOptions {
    /// All files, four at once, 30 s without a byte, 10 minutes a piece.
    pub fn new(metainfo: Arc<Metainfo>, base_url: impl Into<String>, staging: impl Into<PathBuf>) -> Self {
        Self {
            metainfo,
            base_url: base_url.into(),
            staging: staging.into(),
            wanted: None,
            parallel: 4,
            stall: Duration::from_secs(30),
            piece_timeout: Duration::from_mins(10),
            bytes_per_second: None,
            arrived: None,
        }
    }
}

/// Fetches the wanted files; returns when each lies in the staging folder under its name.
///
/// Pieces that are there already and have the right hash are not asked for. The first error ends all files; what was
/// verified until then is kept, so the same call again, or [`fetch_by_swarm`](crate::fetch_by_swarm), goes on from
/// there.
pub async fn fetch_by_web_seed(options: WebSeedOptions, progress: &dyn Progress) -> Result<Fetched, SwarmError> {
    fetch(options, false, progress).await.map(|(fetched, _)| fetched)
}

/// The same of a web seed that may have a part of the torrent only. Also returns the indices of the files that it does not
/// have, or does not give by law (HTTP 404, 410, 451).
pub async fn fetch_what_web_seed_has(
    options: WebSeedOptions,
    progress: &dyn Progress,
) -> Result<(Fetched, Vec<usize>), SwarmError> {
    fetch(options, true, progress).await
}

async fn fetch(
    options: WebSeedOptions,
    in_part: bool,
    progress: &dyn Progress,
) -> Result<(Fetched, Vec<usize>), SwarmError> {
    let metainfo = &options.metainfo;
    let wanted = wanted_files(metainfo, options.wanted.as_deref())?;
    let total = wanted.iter().map(|index| metainfo.files[*index].size).sum();
    progress.stage(&format!("fetching {} from {}", metainfo.name, options.base_url), Some(total), Unit::Bytes);
    let visit = Visit {
        client: client(&options.base_url, options.stall)?,
        staging: Staging::new(&options.staging),
        options: &options,
        progress,
        throttle: Throttle::new(options.bytes_per_second),
        lacking: in_part.then(Mutex::default),
        downloaded: AtomicU64::new(0),
        already: AtomicU64::new(0),
    };
    futures::stream::iter(wanted)
        .map(|index| visit.file(index))
        .buffer_unordered(options.parallel.max(1))
        .try_collect::<()>()
        .await?;
    let mut lacking = visit.lacking.map(Mutex::into_inner).unwrap_or_default();
    lacking.sort_unstable();
    let fetched = Fetched {
        bytes_downloaded: visit.downloaded.into_inner(),
        bytes_already: visit.already.into_inner(),
        ..Fetched::default()
    };
    Ok((fetched, lacking))
}

fn client(base_url: &str, stall: Duration) -> Result<Client, SwarmError> {
    let same_host = redirect::Policy::custom(|attempt| {
        let follow = attempt.previous().len() <= 5
            && attempt.previous().last().is_some_and(|from| {
                let to = attempt.url();
                (from.host(), from.port_or_known_default()) == (to.host(), to.port_or_known_default())
                    && (from.scheme() == to.scheme() || to.scheme() == "https")
            });
        if follow { attempt.follow() } else { attempt.stop() }
    });
    let built = Client::builder()
        .user_agent(concat!("fonoteca/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(stall)
        .redirect(same_host)
        .no_proxy()
        .build();
    built.map_err(|source| SwarmError::Http { url: base_url.to_owned(), source: Box::new(source) })
}

/// One call's dealings with a web seed.
struct Visit<'a> {
    client: Client,
    staging: Staging,
    options: &'a WebSeedOptions,
    progress: &'a dyn Progress,
    throttle: Throttle,
    /// Files that the seed does not have, when that is no error.
    lacking: Option<Mutex<Vec<usize>>>,
    downloaded: AtomicU64,
    already: AtomicU64,
}

/// A file in the making, and what proves those of its pieces that are there.
struct Making {
    pieces: FilePieces,
    file: Arc<File>,
    sound: Vec<Option<Proof>>,
    url: Url,
}

impl Visit<'_> {
    async fn file(&self, index: usize) -> Result<(), SwarmError> {
        let pieces = FilePieces::new(self.options.metainfo.clone(), index)?;
        let url = url::file_url(&self.options.base_url, &self.options.metainfo, pieces.file())?;
        let staging = self.staging.clone();
        let (pieces, file, sound) = blocking(move || {
            staging.reopen(pieces.file())?;
            let is_new = !staging.part(pieces.file()).exists();
            let file = staging.open(pieces.file())?;
            let sound = if is_new { vec![None; pieces.count() as usize] } else { pieces.sound(&file) };
            Ok((pieces, file, sound))
        })
        .await?;
        let mut making = Making { pieces, file: Arc::new(file), sound, url };
        let there = (0..).zip(&making.sound).filter(|(_, sound)| sound.is_some());
        let bytes = there.map(|(piece, _)| making.pieces.range(piece)).map(|range| range.end - range.start).sum();
        self.already.fetch_add(bytes, Ordering::Relaxed);
        self.progress.advance(bytes);
        while let Some(first) = making.sound.iter().position(Option::is_none) {
            match (self.run(&mut making, first as u64).await, &self.lacking) {
                (Err(SwarmError::Missing { .. } | SwarmError::Withdrawn { .. }), Some(lacking)) => {
                    lacking.lock().push(index);
                    return Ok(());
                }
                (ran, _) => ran?,
            }
        }
        let staging = self.staging.clone();
        let hashes = blocking(move || {
            drop(making.file);
            staging.finish(making.pieces.file())?;
            Ok(making.pieces.hashes(&making.sound))
        })
        .await?;
        if let Some(arrived) = &self.options.arrived {
            arrived(index, hashes);
        }
        Ok(())
    }

    /// Fetches the missing pieces from `first` on up to the next one that is there.
    async fn run(&self, making: &mut Making, first: u64) -> Result<(), SwarmError> {
        let size = making.pieces.file().size;
        let missing = making.sound[first as usize..].iter().take_while(|sound| sound.is_none()).count() as u64;
        let range = making.pieces.range(first).start..making.pieces.range(first + missing - 1).end;
        let mut request = self.client.get(making.url.clone()).header(header::ACCEPT_ENCODING, "identity");
        if range != (0..size) {
            request = request.header(header::RANGE, format!("bytes={}-{}", range.start, range.end - 1));
        }
        let answered = timeout_at(Instant::now() + self.options.stall, request.send()).await;
        let response = answered.map_err(|_| self.stalled(making))?.map_err(|source| http(making, source))?;
        let body = response::accept(&response, &making.url, &range, size)?;
        self.body(making, response, body).await
    }

    /// Takes a body that begins at `body.start` of the file and must end at `body.end`.
    async fn body(
        &self,
        making: &mut Making,
        mut response: Response,
        body: std::ops::Range<u64>,
    ) -> Result<(), SwarmError> {
        let mut position = body.start;
        let mut buffer = Vec::new();
        let mut piece_deadline = Instant::now() + self.options.piece_timeout;
        loop {
            if self.progress.cancelled() {
                return Err(SwarmError::Cancelled);
            }
            let deadline = piece_deadline.min(Instant::now() + self.options.stall);
            let chunk = timeout_at(deadline, response.chunk()).await.map_err(|_| {
                if deadline < piece_deadline {
                    return self.stalled(making);
                }
                body_error(making, format!("one piece took longer than {} s", self.options.piece_timeout.as_secs_f32()))
            })?;
            let Some(chunk) = chunk.map_err(|source| http(making, source))? else {
                break;
            };
            self.downloaded.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            self.throttle.take(chunk.len() as u64).await;
            if position + chunk.len() as u64 > body.end {
                return Err(body_error(
                    making,
                    format!("longer than the {} bytes that were asked for", body.end - body.start),
                ));
            }
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                let piece = position / self.options.metainfo.piece_length;
                let end = making.pieces.range(piece).end;
                let take = rest.len().min((end - position) as usize);
                let (now, after) = rest.split_at(take);
                if making.sound[piece as usize].is_none() {
                    if buffer.is_empty() {
                        buffer.reserve_exact((end - position) as usize);
                    }
                    buffer.extend_from_slice(now);
                }
                position += take as u64;
                rest = after;
                if position == end && making.sound[piece as usize].is_none() {
                    self.keep(making, piece, std::mem::take(&mut buffer)).await?;
                    piece_deadline = Instant::now() + self.options.piece_timeout;
                }
            }
        }
        if position < body.end {
            return Err(body_error(making, format!("ends {} bytes too early", body.end - position)));
        }
        Ok(())
    }

    /// Checks a piece, and writes it to its place if it is the right one.
    async fn keep(&self, making: &mut Making, piece: u64, bytes: Vec<u8>) -> Result<(), SwarmError> {
        let length = bytes.len() as u64;
        let (pieces, file, path) =
            (making.pieces.clone(), making.file.clone(), self.staging.part(making.pieces.file()));
        let proof = blocking(move || {
            let proof = pieces.prove(piece, &bytes);
            if proof.is_some() {
                let written = file.write_all_at(&bytes, pieces.range(piece).start);
                written.map_err(|source| SwarmError::Staging { action: "write", path, source })?;
            }
            Ok(proof)
        })
        .await?;
        if proof.is_none() {
            let (url, file) = (making.url.to_string(), making.pieces.file().path.join("/"));
            self.progress.note(&format!("{url}: piece {piece} has wrong bytes and was thrown away"));
            return Err(SwarmError::WrongBytes { url, file, piece });
        }
        making.sound[piece as usize] = proof;
        self.progress.advance(length);
        Ok(())
    }

    fn stalled(&self, making: &Making) -> SwarmError {
        SwarmError::SeedStalled { url: making.url.to_string(), seconds: self.options.stall.as_secs() }
    }
}

fn http(making: &Making, source: reqwest::Error) -> SwarmError {
    SwarmError::Http { url: making.url.to_string(), source: Box::new(source.without_url()) }
}

fn body_error(making: &Making, problem: String) -> SwarmError {
    SwarmError::Body { url: making.url.to_string(), problem }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SwarmError> + Send + 'static,
) -> Result<T, SwarmError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // The work does not panic by itself, so either it did by a bug, which goes on here, or the runtime shuts down.
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(SwarmError::Cancelled),
    }
}
