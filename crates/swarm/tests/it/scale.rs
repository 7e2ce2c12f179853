//! Many torrents on offer: only those that are asked for are in memory, and what is open is bounded.

use std::io;
use std::ops::Range;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use fonoteca_model::{BlobHashes, BlobId, Sha1Hash, Sha256Hash, merkle};
use fonoteca_swarm::{Offer, SeedSource, SeedTorrent, Seeder, SeederOptions};
use fonoteca_torrent::{File, Kind, Metainfo, Outside, Selection, build};

use crate::raw::{FAST, RawPeer, request};
use crate::testbed::{Collection, LOCAL, MIB, seed, within};

const TORRENTS: usize = 400;
const FILES: usize = 50;
const PEERS: usize = 60;
const ROOM_BYTES: usize = 256 << 10;

/// A torrent of files that nobody has.
fn synthetic(number: usize) -> Metainfo {
    let file = |index: usize| {
        let mut node = [1; 32];
        node[..8].copy_from_slice(&(number as u64).to_be_bytes());
        node[8..16].copy_from_slice(&(index as u64).to_be_bytes());
        let piece_layer = vec![Sha256Hash(node); 3];
        let v1 = Sha1Hash([number as u8; 20]);
        let root = merkle::root_of_layer(&piece_layer);
        let hashes =
            BlobHashes { root, size: 3 * MIB as u64 - 5, piece_layer, v1_pieces: vec![v1; 3], v1_last_unpadded: v1 };
        File { path: vec![root.to_string()], hashes }
    };
    let selection = Selection { name: format!("torrent {number}"), files: (0..FILES).map(file).collect() };
    build(&selection, Kind::Hybrid, &Outside::default()).expect("a torrent")
}

/// Torrents that are made when they are asked for, and files of zeros.
#[derive(Default)]
struct Synthetic {
    keys: std::collections::HashMap<Sha1Hash, usize>,
    opened: AtomicUsize,
    reading: AtomicUsize,
    most_reading: AtomicUsize,
}

#[async_trait]
impl SeedSource for Synthetic {
    async fn read(&self, _root: BlobId, range: Range<u64>) -> io::Result<Bytes> {
        let reading = self.reading.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_reading.fetch_max(reading, Ordering::SeqCst);
        // A descriptor for as long as it takes.
        let file = std::fs::File::open("/dev/zero")?;
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        drop(file);
        self.reading.fetch_sub(1, Ordering::SeqCst);
        Ok(Bytes::from(vec![0; (range.end - range.start) as usize]))
    }

    async fn open(&self, key: Sha1Hash) -> io::Result<Option<SeedTorrent>> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        let number = self.keys.get(&key).copied();
        number.map(|number| SeedTorrent::new(&synthetic(number)).map_err(io::Error::other)).transpose()
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux").count()
}

/// In a process of its own, so that the descriptors are its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child that the test below starts"]
async fn child() {
    let options = SeederOptions {
        max_peers: PEERS,
        max_peers_per_address: PEERS,
        max_reads: 5,
        torrents_bytes: ROOM_BYTES,
        ..SeederOptions::default()
    };
    let torrents: Vec<Offer> =
        (0..TORRENTS).map(|number| Offer::of(&synthetic(number)).expect("info-hashes")).collect();
    let keys = torrents.iter().enumerate().map(|(number, offer)| (offer.key(), number)).collect();
    let source = Arc::new(Synthetic { keys, ..Synthetic::default() });
    let before = descriptors();
    let seeder = Seeder::start(LOCAL, source.clone(), options).await.expect("a port");
    for offer in &torrents {
        seeder.add(*offer);
    }
    assert_eq!((seeder.stats().torrents, seeder.stats().open_torrents), (TORRENTS, 0));
    assert_eq!(source.opened.load(Ordering::SeqCst), 0, "offering opens nothing");

    // Peers one after the other at each of the torrents: of each so many fit, and no more are kept.
    for offer in &torrents {
        let mut peer = within(10, RawPeer::meet(seeder.local_addr(), offer.key().0, FAST)).await;
        peer.say(&[2]).await;
        peer.say(&request(1, 0, 16384)).await;
        while within(10, peer.hear()).await[0] != 7 {}
        assert!(seeder.stats().open_torrents_bytes <= ROOM_BYTES, "{:?}", seeder.stats());
    }
    let open = seeder.stats().open_torrents;
    assert!(open > 10 && open < TORRENTS, "{open} torrents are open");

    // As many as have a place at once, each at another torrent; all but those that have no room get their blocks.
    within(10, async {
        while seeder.stats().peers > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    let mut peers = Vec::new();
    for offer in torrents.iter().take(PEERS) {
        let mut peer = within(10, RawPeer::meet(seeder.local_addr(), offer.key().0, FAST)).await;
        peer.say(&[2]).await;
        for block in 0..20 {
            peer.say(&request(2 + block * 3, 0, 16384)).await;
        }
        peers.push(peer);
    }
    let most = descriptors();
    for peer in &mut peers {
        let mut blocks = 0;
        while blocks < 20 {
            blocks += u32::from(within(20, peer.hear()).await[0] == 7);
        }
    }
    assert!(source.most_reading.load(Ordering::SeqCst) <= 5, "reads at once");
    // Each peer has an end here too; a listener, and what the runtime wants.
    assert!(most <= before + 2 * PEERS + 5 + 8, "{most} descriptors, {before} before");
    assert_eq!(seeder.stats().turned_away, 0, "{:?}", seeder.stats());
    assert!(seeder.stats().open_torrents_bytes <= ROOM_BYTES);
}

#[test]
fn what_is_open_at_once_is_bounded() {
    let child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "scale::child", "--ignored", "--nocapture"])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn a_peer_for_whose_torrent_there_is_no_room_is_turned_away() {
    let collection = Collection::of(&[1000; 40]);
    let options = SeederOptions { torrents_bytes: 1000, ..SeederOptions::default() };
    let seeder = seed(&collection, &collection.hybrid, options).await;
    let mut stream = tokio::net::TcpStream::connect(seeder.local_addr()).await.expect("a seeder");
    let mut hello = b"\x13BitTorrent protocol\0\0\0\0\0\0\0\x04".to_vec();
    hello.extend_from_slice(&collection.hybrid.info_hash_v1.expect("v1").0);
    hello.extend_from_slice(&[b'x'; 20]);
    tokio::io::AsyncWriteExt::write_all(&mut stream, &hello).await.expect("written");
    assert!(within(5, RawPeer { stream }.until_dropped()).await.is_empty(), "no handshake comes back");
    assert_eq!((seeder.stats().turned_away, seeder.stats().open_torrents), (1, 0));
}
