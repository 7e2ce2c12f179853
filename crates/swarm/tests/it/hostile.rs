//! Peers that are not what they should be, at the seeder's door.

use std::time::Duration;

use fonoteca_swarm::SeederOptions;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::raw::{FAST, RawPeer, request};
use crate::testbed::{Collection, MIB, seed, within};

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
    let collection = Collection::of(&[16 * MIB + 200_000]);
    let seeder = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let hash = collection.hybrid.info_hash_v1.expect("v1").0;
    let mut peer = within(5, RawPeer::meet(seeder.local_addr(), hash, FAST)).await;
    assert_eq!(peer.hear().await, [14], "have all comes first");
    let mut allowed = Vec::new();
    for _ in 0..10 {
        let message = within(5, peer.hear()).await;
        assert_eq!((message[0], message.len()), (17, 5), "an allowed piece");
        allowed.push(u32::from_be_bytes(message[1..].try_into().expect("a number")));
    }
    let rejected = |mut message: Vec<u8>| {
        message[0] = 16;
        message
    };
    // Choked, only those pieces are given.
    peer.say(&request(allowed[0], 16384, 100)).await;
    let at = allowed[0] as usize * MIB + 16384;
    assert_eq!(within(5, peer.hear()).await[9..], collection.files[0].1[at..at + 100]);
    let other = (0..17).find(|piece| !allowed.contains(piece)).expect("17 pieces, 10 of them allowed");
    peer.say(&request(other, 0, 16384)).await;
    assert_eq!(within(5, peer.hear()).await, rejected(request(other, 0, 16384)));
    peer.say(&[2]).await;
    assert_eq!(peer.hear().await, [1]);
    for bad in [request(0, 0, 200_000), request(17, 0, 16384), request(0, u32::MAX, 1), request(0, 1 << 20, 1)] {
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
async fn a_blob_that_cannot_be_read_is_rejected_or_ends_the_connection() {
    let collection = Collection::of(&[1000]);
    let mut source = collection.source();
    source.blobs.clear();
    let seeder = crate::testbed::start(source, &collection.hybrid, SeederOptions::default()).await;
    let hash = collection.hybrid.info_hash_v1.expect("v1").0;
    let mut peer = within(5, RawPeer::meet(seeder.local_addr(), hash, [0; 8])).await;
    peer.say(&[2]).await;
    peer.say(&request(0, 0, 1000)).await;
    within(5, peer.until_dropped()).await;
    assert_eq!((seeder.stats().read_errors, seeder.stats().uploaded_bytes), (1, 0));

    // Who understands a refusal gets one, and other blobs after it.
    let mut peer = within(5, RawPeer::meet(seeder.local_addr(), hash, FAST)).await;
    peer.say(&[2]).await;
    let expected = [vec![14], vec![17, 0, 0, 0, 0], vec![1]];
    for message in expected {
        assert_eq!(within(5, peer.hear()).await, message);
    }
    for _ in 0..3 {
        peer.say(&request(0, 0, 1000)).await;
        assert_eq!(within(5, peer.hear()).await, [vec![16], request(0, 0, 1000)[1..].to_vec()].concat());
    }
    assert_eq!((seeder.stats().read_errors, seeder.stats().uploaded_bytes), (4, 0));
}
