//! A seeder with very many torrents on offer; `cargo xtask bench seeder` runs both phases.
//!
//! `make` writes torrents of synthetic files, each as a hybrid and as a v1 twin. `seed` offers them all from what a
//! manifest tells, and peers ask: one for one block as soon as it listens, then as many as have a place, each at another
//! torrent. Every blob is a file of zeros, opened for each read.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints what it measured")]

mod peer;

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use fonoteca_model::{BlobHashes, BlobId, PIECE_BYTES, Sha1Hash, Sha256Hash, merkle};
use fonoteca_swarm::{Offer, SeedSource, SeedTorrent, Seeder, SeederOptions};
use fonoteca_torrent::{File as TorrentFile, Kind, Limits, Metainfo, Outside, Selection, build};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Pieces of each file: 3.5 MB, as songs have.
const PIECES: usize = 4;
const FILE_BYTES: u64 = 3_500_000;
/// Which torrents there are: a line each, with v1 info-hash, v2 info-hash or `-`, and the file's name.
const LIST: &str = "list.txt";
const ZEROS: &str = "zeros";
/// Peers that come one after the other, each for a torrent that is not open.
const VISITS: usize = 100;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", dir, torrents, files] => make(Path::new(dir), torrents.parse()?, files.parse()?),
        ["seed", dir] => tokio::runtime::Runtime::new()?.block_on(seed(PathBuf::from(dir))),
        _ => {
            // As `cargo bench` calls it.
            eprintln!("usage: seeder make DIR TORRENTS FILES | seeder seed DIR");
            Ok(())
        }
    }
}

fn make(dir: &Path, torrents: usize, files: usize) -> Outcome<()> {
    fs::create_dir_all(dir)?;
    File::create(dir.join(ZEROS))?.set_len(FILE_BYTES)?;
    let mut list = String::new();
    for number in 0..torrents {
        let files = (0..(files / torrents).max(1)).map(|index| synthetic(number, index)).collect();
        let selection = Selection { name: format!("torrent-{number:06}"), files };
        for (kind, ending) in [(Kind::Hybrid, ""), (Kind::V1, ".v1")] {
            let torrent = build(&selection, kind, &Outside::default())?;
            let name = format!("{}{ending}.torrent", selection.name);
            fs::write(dir.join(&name), torrent.to_bytes())?;
            let v1 = torrent.info_hash_v1.ok_or("no v1 info-hash")?;
            let v2 = torrent.info_hash_v2.map_or_else(|| "-".to_owned(), |hash| hash.to_string());
            writeln!(list, "{v1} {v2} {name}")?;
        }
    }
    fs::write(dir.join(LIST), list)?;
    println!("{}", json!({"torrents": torrents, "files": torrents * (files / torrents).max(1)}));
    Ok(())
}

/// A file that nobody has, with hashes that agree with each other.
fn synthetic(torrent: usize, index: usize) -> TorrentFile {
    let mut node = [1; 32];
    node[..8].copy_from_slice(&(torrent as u64).to_be_bytes());
    node[8..16].copy_from_slice(&(index as u64).to_be_bytes());
    let v1 = node.first_chunk().copied().unwrap_or_default();
    let piece_layer = vec![Sha256Hash(node); PIECES];
    let root = merkle::root_of_layer(&piece_layer);
    let hashes = BlobHashes {
        root,
        size: FILE_BYTES,
        piece_layer,
        v1_pieces: vec![Sha1Hash(v1); PIECES],
        v1_last_unpadded: Sha1Hash(v1),
    };
    let hex = root.to_string();
    TorrentFile { path: vec![hex[..2].to_owned(), format!("{hex}.flac")], hashes }
}

/// Torrents in a folder, and zeros for blobs.
struct Folder {
    dir: PathBuf,
    names: HashMap<Sha1Hash, String>,
}

impl Folder {
    fn parse(&self, name: &str) -> io::Result<Metainfo> {
        Metainfo::parse(&fs::read(self.dir.join(name))?, &Limits::default()).map_err(io::Error::other)
    }

    /// As an archive does it: the twin's roots are in the hybrid.
    fn opened(&self, name: &str) -> io::Result<SeedTorrent> {
        let torrent = self.parse(name)?;
        let Some(stem) = name.strip_suffix(".v1.torrent") else {
            return SeedTorrent::new(&torrent).map_err(io::Error::other);
        };
        let hybrid = self.parse(&format!("{stem}.torrent"))?;
        let roots: HashMap<&[String], BlobId> =
            hybrid.real_files().filter_map(|(_, file)| Some((file.path.as_slice(), file.root?))).collect();
        SeedTorrent::with_roots(&torrent, |_, file| roots.get(file.path.as_slice()).copied()).map_err(io::Error::other)
    }
}

#[async_trait]
impl SeedSource for Folder {
    async fn read(&self, _root: BlobId, range: Range<u64>) -> io::Result<Bytes> {
        let path = self.dir.join(ZEROS);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            File::open(path)?.read_exact_at(&mut bytes, range.start)?;
            Ok(bytes.into())
        });
        read.await.map_err(io::Error::other)?
    }

    async fn open(&self, key: Sha1Hash) -> io::Result<Option<SeedTorrent>> {
        self.names.get(&key).map(|name| self.opened(name)).transpose()
    }
}

async fn seed(dir: PathBuf) -> Outcome<()> {
    let start = Instant::now();
    let mut names = HashMap::new();
    let mut offers = Vec::new();
    for line in fs::read_to_string(dir.join(LIST))?.lines() {
        let [v1, v2, name] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("{line:?} is no line of {LIST}").into());
        };
        let v2 = if v2 == "-" { None } else { Some(v2.parse()?) };
        let offer = Offer::new(Some(v1.parse()?), v2).ok_or("no info-hash")?;
        names.insert(offer.key(), name.to_owned());
        offers.push(offer);
    }
    let options = SeederOptions { max_peers_per_address: usize::MAX, ..SeederOptions::default() };
    let peers = options.max_peers;
    let source = Arc::new(Folder { dir, names });
    let seeder = Seeder::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), source, options).await?;
    offers.iter().for_each(|offer| seeder.add(*offer));
    let start_s = start.elapsed().as_secs_f64();
    let keys: Vec<[u8; 20]> =
        offers.iter().step_by((offers.len() / (peers + VISITS)).max(1)).map(|o| o.key().0).collect();
    let address = seeder.local_addr();
    let (first_block_s, visits_ms, descriptors) = tokio::task::spawn_blocking(move || {
        peer::visit(address, &keys[0])?;
        let first_block_s = start.elapsed().as_secs_f64();
        let mut visits_ms = Vec::new();
        for key in keys.iter().take(VISITS) {
            let visit = Instant::now();
            peer::visit(address, key)?;
            visits_ms.push(visit.elapsed().as_secs_f64() * 1e3);
        }
        let together = peer::together(address, keys.iter().rev().take(peers.saturating_sub(5)))?;
        visits_ms.sort_by(f64::total_cmp);
        io::Result::Ok((first_block_s, visits_ms, together))
    })
    .await??;
    println!(
        "{}",
        json!({
            "torrents": offers.len(),
            "start_s": start_s,
            "first_block_s": first_block_s,
            "opening_p50_ms": visits_ms[visits_ms.len() / 2],
            "opening_p99_ms": visits_ms[visits_ms.len() * 99 / 100],
            "descriptors": descriptors,
            "open_torrents_mb": seeder.stats().open_torrents_bytes as f64 / 1e6,
            "peak_memory_mb": memory("VmHWM:"),
        })
    );
    debug_assert!(FILE_BYTES.div_ceil(PIECE_BYTES as u64) == PIECES as u64);
    Ok(())
}

/// Memory of this process in MB, by its name in `/proc/self/status`.
fn memory(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) * 1024.0 / 1e6
}
