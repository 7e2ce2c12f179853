//! What a release costs; `cargo xtask bench release` runs the phases.
//!
//! `material` writes sound that does not repeat; `torrents` hashes it once, as an ingest does, and then builds hybrid and
//! twin from the hashes, again and again. `tables` makes an archive whose tables know any number of files that are nowhere;
//! `held` makes the torrents alone of them, and `build` a release. `feed` follows a feed of 20,000 torrents.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints what it measured")]

mod feed;

use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use fonoteca_archive::release::{self, Options};
use fonoteca_archive::rights::{self, Statement};
use fonoteca_archive::{Archive, Clock};
use fonoteca_catalog::{Batch, Blob, BlobKind, File, FileState, HeldQuery, Holding, Listens, Track};
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::rights::{Basis, Subject, SubjectKind};
use fonoteca_model::{BlobHasher, BlobHashes, Id, PIECE_BYTES, Sha1Hash, Sha256Hash, Timestamp, merkle};
use fonoteca_testkit::noise;
use fonoteca_torrent::{Kind, Outside, Selection, SigningKey};
use futures::TryStreamExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::feed::{LargeFeed, TORRENTS};

/// What the program has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Bytes of a file that is nowhere.
const SIZE: u64 = 3_500_000;
/// Rows of one commit.
const BATCH: u64 = 50_000;
/// Of noise.
const BYTES_OF_A_MILLISECOND: u64 = 16;
const NOW: i64 = 1_800_000_000;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [phase, dir, numbers @ ..] = &arguments[..] else {
        // As `cargo bench` calls it.
        eprintln!("usage: release material|torrents|tables|held|build|feed DIR NUMBER…");
        return Ok(());
    };
    let number = |at: usize| -> Outcome<u64> { Ok(numbers.get(at).ok_or("a number is missing")?.parse()?) };
    let dir = Path::new(dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut figures = match phase.as_str() {
        "material" => material(dir, number(0)?, number(1)?, number(2)?)?,
        "torrents" => torrents(dir, number(0)?)?,
        "tables" => runtime.block_on(tables(dir, number(0)?))?,
        "held" => runtime.block_on(held(dir))?,
        "build" => runtime.block_on(build(dir))?,
        "feed" => runtime.block_on(follow(dir))?,
        other => return Err(format!("{other} is no phase").into()),
    };
    figures["peak_memory_mb"] = json!(peak_memory_mb());
    println!("{figures}");
    Ok(())
}

/// Files from number `first` on, of about `bytes` bytes each: WAV, in folders of twelve.
fn material(dir: &Path, first: u64, files: u64, bytes: u64) -> Outcome<Value> {
    let mut all = 0;
    for number in first..first + files {
        let folder = dir.join(format!("album {:04}", number / 12));
        std::fs::create_dir_all(&folder)?;
        // Sizes differ, and few end with a piece.
        let size = bytes - bytes / 4 + number * 7_919 % (bytes / 2).max(1);
        let wav = noise(number as u32 + 1, (size / BYTES_OF_A_MILLISECOND) as u32);
        all += wav.len();
        std::fs::write(folder.join(format!("{:02}.wav", number % 12)), wav)?;
    }
    Ok(json!({"files": files, "bytes": all}))
}

fn paths_below(dir: &Path) -> Outcome<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() { paths.extend(paths_below(&path)?) } else { paths.push(path) }
    }
    paths.sort();
    Ok(paths)
}

/// Hybrid and twin of all files below `dir`, `rounds` times, each written to the disk.
fn torrents(dir: &Path, rounds: u64) -> Outcome<Value> {
    let mut files = Vec::new();
    let mut bytes = 0;
    for path in paths_below(dir)? {
        let mut hasher = BlobHasher::new();
        let mut file = std::fs::File::open(&path)?;
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
        let hashes = hasher.finish().ok_or("an empty file")?;
        bytes += hashes.size;
        let below = path.strip_prefix(dir)?.components();
        let path = below.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        files.push(fonoteca_torrent::File { path, hashes });
    }
    let selection = Selection { name: "release".to_owned(), files };
    let folder = tempfile::tempdir()?;
    let mut seconds = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        write_both(&selection, folder.path())?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(json!({"files": selection.files.len(), "bytes": bytes, "seconds": seconds}))
}

fn write_both(selection: &Selection, folder: &Path) -> Outcome<()> {
    for (kind, ending) in [(Kind::Hybrid, "torrent"), (Kind::V1, "v1.torrent")] {
        let metainfo = fonoteca_torrent::build(selection, kind, &Outside::default())?;
        std::fs::write(folder.join(format!("{}.{ending}", selection.name)), metainfo.to_bytes())?;
    }
    Ok(())
}

fn clock() -> Clock {
    Arc::new(|| Timestamp::from_seconds(NOW))
}

/// Hashes that fit together, of bytes that are nowhere.
fn imagined(number: u64) -> BlobHashes {
    let pieces = SIZE.div_ceil(PIECE_BYTES as u64);
    let node = |piece: u64| -> [u8; 32] {
        Sha256::new().chain_update(number.to_le_bytes()).chain_update(piece.to_le_bytes()).finalize().into()
    };
    let layer: Vec<Sha256Hash> = (0..pieces).map(|piece| Sha256Hash(node(piece))).collect();
    let v1 = |piece: u64| {
        let mut hash = [0; 20];
        hash.copy_from_slice(&node(piece + pieces)[..20]);
        Sha1Hash(hash)
    };
    BlobHashes {
        root: merkle::root_of_layer(&layer),
        size: SIZE,
        piece_layer: layer,
        v1_pieces: (0..pieces).map(v1).collect(),
        v1_last_unpadded: v1(pieces),
    }
}

/// An archive of `files` files, which may all be given to anyone.
async fn tables(dir: &Path, files: u64) -> Outcome<Value> {
    let archive = Archive::init(dir, "Bench", clock()).await?;
    let everything = Subject::new(SubjectKind::Source, "local");
    rights::set(&archive, &[Statement::new(everything, Basis::OwnWork, "bench")]).await?;
    let start = Instant::now();
    for (number, first) in (0..files).step_by(BATCH as usize).enumerate() {
        let mut batch = Batch::default();
        for file in first..files.min(first + BATCH) {
            add(&mut batch, file);
        }
        archive.catalog().writer().await?.commit("bench", number as i64, batch).await?;
    }
    Ok(json!({"files": files, "seconds": start.elapsed().as_secs_f64()}))
}

fn add(batch: &mut Batch, number: u64) {
    let hashes = imagined(number);
    let root = hashes.root;
    let id = Id::of("local", &root.to_string());
    batch.blobs.push(Blob::new(&hashes, "audio/flac", BlobKind::Audio));
    batch.tracks.push(Track {
        id,
        source: "local".to_owned(),
        source_id: root.to_string(),
        title: format!("Track {number}"),
        artist_credit: format!("Artist {}", number / 100),
        artists: Vec::new(),
        album_id: None,
        disc: None,
        number: None,
        duration_ms: Some(200_000),
        isrc: None,
        mbid: None,
        date: None,
        label: None,
        language: None,
        explicit: None,
        raw: None,
    });
    batch.holdings.push(Holding { track_id: id, root, start_ms: None, end_ms: None, reason: "ingested".to_owned() });
    // Three of four have no listens.
    if number.is_multiple_of(4) {
        let popularity = (number % 101) as i32;
        let count = 1 + i64::from(popularity) * 1_000;
        batch.listens.push(Listens { recording_id: id, as_of: Timestamp::from_seconds(NOW), count, popularity });
    }
    batch.files.push(File {
        root,
        path: format!("{number}.flac").into_bytes(),
        size: SIZE as i64,
        state: FileState::Sound,
        state_reason: None,
        container: "flac".to_owned(),
        extension: "flac".to_owned(),
        mime: "audio/flac".to_owned(),
        codec: "flac".to_owned(),
        bit_rate: None,
        sample_rate: 44_100,
        channels: 2,
        bit_depth: Some(16),
        duration_ms: 200_000,
        tags: "[]".to_owned(),
        notes: Vec::new(),
        essence: Sha256Hash(root.0),
        essence_version: 1,
        loudness_lufs: Some(-14.0),
        loudness_range_lu: None,
        true_peak_dbtp: None,
        replaygain_track_gain_db: None,
        replaygain_track_peak: None,
        clipped_samples: None,
        cutoff_hz: None,
        cover_root: None,
        lyrics_root: None,
        at: Timestamp::from_seconds(NOW),
    });
}

/// Files of a torrent.
const TOGETHER: usize = 5_000;

/// Hybrid and twin of all that is held, from the hashes in the tables, each written to the disk.
async fn held(dir: &Path) -> Outcome<Value> {
    let archive = Archive::open(dir, clock()).await?;
    let folder = tempfile::tempdir()?;
    let start = Instant::now();
    let snapshot = archive.snapshot().await?;
    let mut batches = snapshot.held_asked(HeldQuery::default()).await?;
    let (mut waiting, mut torrents, mut files, mut ended) = (Vec::new(), 0, 0, false);
    while !ended {
        match batches.try_next().await? {
            Some(batch) => waiting.extend(batch.into_iter().map(|held| (held.root, held.extension))),
            None => ended = true,
        }
        // A question to the tables costs the same for one torrent as for several.
        while waiting.len() >= 10 * TOGETHER || (ended && !waiting.is_empty()) {
            let some: Vec<_> = waiting.drain(..waiting.len().min(10 * TOGETHER)).collect();
            let roots: Vec<_> = some.iter().map(|(root, _)| *root).collect();
            let known = snapshot.blobs(&roots).await?;
            for part in some.chunks(TOGETHER) {
                let file = |(root, extension): &(_, String)| -> Outcome<_> {
                    let (hashes, _) = known.get(root).ok_or("a blob without hashes")?;
                    let hex = format!("{root}");
                    let path = vec!["audio".to_owned(), hex[..2].to_owned(), format!("{hex}.{extension}")];
                    Ok(fonoteca_torrent::File { path, hashes: hashes.clone() })
                };
                let selection = Selection {
                    name: format!("held-{torrents:04}"),
                    files: part.iter().map(file).collect::<Outcome<_>>()?,
                };
                files += selection.files.len();
                write_both(&selection, folder.path())?;
                torrents += 1;
            }
        }
    }
    Ok(json!({"torrents": torrents, "files": files, "seconds": start.elapsed().as_secs_f64()}))
}

/// How long each stage of a job took, by its name.
#[derive(Default)]
struct Stages(Mutex<Vec<(String, Instant)>>);

impl Progress for Stages {
    fn stage(&self, what: &str, _total: Option<u64>, _unit: Unit) {
        self.0.lock().push((what.to_owned(), Instant::now()));
    }
    fn advance(&self, _units: u64) {}
    fn note(&self, line: &str) {
        eprintln!("{line}");
    }
    fn cancelled(&self) -> bool {
        false
    }
}

impl Stages {
    fn seconds(self) -> serde_json::Map<String, Value> {
        let end = ("the end".to_owned(), Instant::now());
        let begun: Vec<_> = self.0.into_inner().into_iter().chain([end]).collect();
        let took = begun.windows(2).map(|two| (two[0].0.clone(), json!((two[1].1 - two[0].1).as_secs_f64())));
        took.collect()
    }
}

/// A release of everything in the archive, its tables included.
async fn build(dir: &Path) -> Outcome<Value> {
    let archive = Archive::open(dir, clock()).await?;
    let key = SigningKey::generate()?;
    let (start, stages) = (Instant::now(), Stages::default());
    let manifest = release::build(&archive, &Options::new("bench"), &key, &stages).await?;
    let seconds = start.elapsed().as_secs_f64();
    let files: u64 = manifest.torrents.iter().map(|torrent| torrent.files).sum();
    Ok(json!({
        "torrents": manifest.torrents.len(), "files": files, "seconds": seconds, "stages": stages.seconds(),
    }))
}

/// A feed of many torrents, read for the first time and after a change.
async fn follow(dir: &Path) -> Outcome<Value> {
    let archive = Archive::init(dir, "Bench", clock()).await?;
    let mut large = LargeFeed::publish();
    let (mut mirror, first) = large.first_load(&archive).await;
    large.change();
    let (_, update) = large.poll(&archive, &mut mirror).await;
    Ok(json!({
        "torrents": TORRENTS, "first_s": first.seconds, "first_bytes": first.bytes,
        "update_s": update.seconds, "update_bytes": update.bytes,
    }))
}

fn peak_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}
