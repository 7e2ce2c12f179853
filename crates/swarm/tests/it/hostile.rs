//! Peers that are not what they should be, at the seeder's door.

use std::net::SocketAddr;
use std::time::Duration;

use fonoteca_swarm::SeederOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::testbed::{Collection, seed, within};

struct RawPeer {
    stream: TcpStream,
}

impl RawPeer {
    /// Shakes hands without any extension and takes the bitfield.
    async fn meet(address: SocketAddr, info_hash: [u8; 20], reserved: [u8; 8]) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a seeder");
        let mut hello = b"\x13BitTorrent protocol".to_vec();
        hello.extend_from_slice(&reserved);
        hello.extend_from_slice(&info_hash);
        hello.extend_from_slice(&[b'x'; 20]);
        stream.write_all(&hello).await.expect("written");
        let mut answer = [0; 68];
        stream.read_exact(&mut answer).await.expect("a handshake");
        assert_eq!(answer[28..48], info_hash);
        Self { stream }
    }

    async fn say(&mut self, message: &[u8]) {
        self.stream.write_all(&(message.len() as u32).to_be_bytes()).await.expect("written");
        self.stream.write_all(message).await.expect("written");
    }

    async fn hear(&mut self) -> Vec<u8> {
        let length = self.stream.read_u32().await.expect("a message");
        let mut message = vec![0; length as usize];
        self.stream.read_exact(&mut message).await.expect("a whole message");
        message
    }

    /// Waits until the other end hangs up; what it said until then.
    async fn until_dropped(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is a hang-up too, where the seeder leaves bytes unread.
        let _ = self.stream.read_to_end(&mut rest).await;
        rest
    }
}

fn request(piece: u32, begin: u32, length: u32) -> Vec<u8> {
    let mut message = vec![6];
    for number in [piece, begin, length] {
        message.extend_from_slice(&number.to_be_bytes());
    }
    message
}

const FAST: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 4];

#[tokio::test]
async fn plain_peers_get_a_bitfield_and_their_blocks() {
    let collection = Collection::of(&[20_000, 10]);
    let seeder = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let v2: [u8; 20] = collection.hybrid.info_hash_v2.expect("v2").0[..20].try_into().expect("20 bytes");
    for hash in [collection.hybrid.info_hash_v1.expect("v1").0, v2] {
        let mut peer = within(5, RawPeer::meet(seeder.local_addr(), hash, [0; 8])).await;
        assert_eq!(peer.hear().await, [5, 0b1100_0000]);
        peer.say(&[2]).await;
        assert_eq!(peer.hear().await, [1]);
        // The end of the first file and the padding after it.
        peer.say(&request(0, 16384, 16384)).await;
        let block = within(5, peer.hear()).await;
        assert_eq!(block[..9], [7, 0, 0, 0, 0, 0, 0, 64, 0]);
        assert_eq!(block[9..][..20_000 - 16384], collection.files[0].1[16384..]);
        assert!(block[9 + 20_000 - 16384..].iter().all(|byte| *byte == 0));
        // A hash request is turned down with the same body.
        let mut hashes = vec![21];
        hashes.extend_from_slice(&[9; 48]);
        peer.say(&hashes).await;
        hashes[0] = 23;
        assert_eq!(within(5, peer.hear()).await, hashes);
    }
}

#[tokio::test]
async fn garbage_ends_a_connection_and_is_counted() {
    let collection = Collection::of(&[20_000]);
    let seeder = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let hash = collection.hybrid.info_hash_v1.expect("v1").0;
    let garbage: [&[u8]; 7] = [
        &[99],                 // no such message
        &[6, 0],               // a request of the wrong length
        &[7, 0, 0, 0, 0],      // data that nobody asked for
        &[5, 0xff, 0xff],      // a bitfield of the wrong length
        &request(0, 0, 16384), // before it was unchoked, without BEP 6
        &[0xaa; 200],          // noise
        &[4],                  // half a message
    ];
    for message in garbage {
        let mut peer = within(5, RawPeer::meet(seeder.local_addr(), hash, [0; 8])).await;
        peer.say(message).await;
        let said = within(5, peer.until_dropped()).await;
        assert_eq!(said, [0, 0, 0, 2, 5, 0x80], "nothing but the bitfield after {message:?}");
    }
    let mut peer = within(5, RawPeer::meet(seeder.local_addr(), hash, [0; 8])).await;
    peer.stream.write_all(&[0xff; 4]).await.expect("written"); // A length of 4 GiB.
    within(5, peer.until_dropped()).await;
    let mut stranger = TcpStream::connect(seeder.local_addr()).await.expect("a seeder");
    stranger.write_all(&[b'G'; 100]).await.expect("written");
    assert!(within(5, RawPeer { stream: stranger }.until_dropped()).await.is_empty());
    let stats = seeder.stats();
    assert_eq!((stats.garbage, stats.uploaded_bytes), (9, 0));
    seeder.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_given_is_rejected() {
    let collection = Collection::of(&[200_000]);
    let seeder = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let hash = collection.hybrid.info_hash_v1.expect("v1").0;
    let mut peer = within(5, RawPeer::meet(seeder.local_addr(), hash, FAST)).await;
    assert_eq!(peer.hear().await, [14], "have all comes first");
    let before = request(0, 0, 16384);
    peer.say(&before).await;
    let rejected = |mut message: Vec<u8>| {
        message[0] = 16;
        message
    };
    assert_eq!(within(5, peer.hear()).await, rejected(before));
    peer.say(&[2]).await;
    assert_eq!(peer.hear().await, [1]);
    for bad in [request(0, 0, 200_000), request(7, 0, 16384), request(0, u32::MAX, 1), request(0, 1 << 20, 1)] {
        peer.say(&bad).await;
        assert_eq!(within(5, peer.hear()).await, rejected(bad));
    }
    peer.say(&request(0, 100, 131_072)).await;
    assert_eq!(within(5, peer.hear()).await[9..], collection.files[0].1[100..131_172]);
}

#[tokio::test]
async fn places_and_patience_are_limited() {
    let collection = Collection::of(&[1000]);
    let options = SeederOptions {
        max_peers_per_address: 2,
        handshake_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(600),
        ..SeederOptions::default()
    };
    let seeder = seed(&collection, &collection.hybrid, options).await;
    let hash = collection.hybrid.info_hash_v1.expect("v1").0;
    let first = within(5, RawPeer::meet(seeder.local_addr(), hash, FAST)).await;
    let silent = TcpStream::connect(seeder.local_addr()).await.expect("a seeder");
    within(5, async {
        while seeder.stats().peers < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let third = TcpStream::connect(seeder.local_addr()).await.expect("a listener");
    assert!(within(5, RawPeer { stream: third }.until_dropped()).await.is_empty(), "no place");
    assert_eq!(seeder.stats().turned_away, 1);
    // No handshake in time, no message in time.
    within(5, RawPeer { stream: silent }.until_dropped()).await;
    within(5, first.until_dropped()).await;
    within(5, async {
        while seeder.stats().peers > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_source_that_fails_ends_the_connection() {
    let collection = Collection::of(&[1000]);
    let other = Collection::of(&[2000]);
    let seeder = crate::testbed::start(other.source(), &collection.hybrid, SeederOptions::default()).await;
    let hash = collection.hybrid.info_hash_v1.expect("v1").0;
    let mut peer = within(5, RawPeer::meet(seeder.local_addr(), hash, [0; 8])).await;
    peer.say(&[2]).await;
    peer.say(&request(0, 0, 1000)).await;
    within(5, peer.until_dropped()).await;
    assert_eq!((seeder.stats().read_errors, seeder.stats().uploaded_bytes), (1, 0));
}
