//! What peers get of a rate that is limited, and that the limit holds.

use std::time::{Duration, Instant};

use crate::raw::{RawPeer, request};
use crate::testbed::{Collection, MIB, seed, slow, within};

/// A peer that keeps so many requests of this size waiting; counts what it gets.
async fn greedy(mut peer: RawPeer, block: u32, waiting: u32, until: Instant) -> u64 {
    peer.say(&[2]).await;
    let mut asked = 0;
    let mut got = 0;
    let mut next = || {
        let at = asked * block;
        asked += 1;
        request(at / (MIB as u32) % 16, at % (MIB as u32), block)
    };
    for _ in 0..waiting {
        peer.say(&next()).await;
    }
    while Instant::now() < until {
        let message = peer.hear().await;
        if message[0] == 7 {
            got += message.len() as u64 - 9;
            peer.say(&next()).await;
        }
    }
    got
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_gets_no_more_for_asking_for_more() {
    let collection = Collection::of(&[16 * MIB]);
    let seeder = seed(&collection, &collection.twin, slow(8 << 20)).await;
    let hash = collection.twin.info_hash_v1.expect("v1").0;
    let until = Instant::now() + Duration::from_secs(2);
    let mut peers = Vec::new();
    for (block, waiting) in [(128 << 10, 40), (16 << 10, 4), (16 << 10, 4)] {
        let peer = within(5, RawPeer::meet(seeder.local_addr(), hash, [0; 8])).await;
        peers.push(tokio::spawn(greedy(peer, block, waiting, until)));
    }
    let mut got = Vec::new();
    for peer in peers {
        got.push(within(10, peer).await.expect("no panic"));
    }
    let least = *got.iter().min().expect("three");
    let most = *got.iter().max().expect("three");
    assert!(least > 0 && most <= least + least / 2 + (256 << 10), "{got:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_peers_together_keep_to_the_limit() {
    let rate = 4 << 20;
    let collection = Collection::of(&[16 * MIB]);
    let seeder = seed(&collection, &collection.twin, slow(rate)).await;
    let hash = collection.twin.info_hash_v1.expect("v1").0;
    let start = Instant::now();
    let until = start + Duration::from_millis(1500);
    let mut peers = Vec::new();
    for _ in 0..4 {
        let peer = within(5, RawPeer::meet(seeder.local_addr(), hash, [0; 8])).await;
        peers.push(tokio::spawn(greedy(peer, 16 << 10, 50, until)));
    }
    for peer in peers {
        within(10, peer).await.expect("no panic");
    }
    // A tenth of a second of credit, and a block of each on its way.
    let sent = seeder.stats().uploaded_bytes as f64;
    let most = rate as f64 * (start.elapsed().as_secs_f64() + 0.1) + 8.0 * 16384.0;
    assert!(sent > 0.0 && sent <= most, "{sent} bytes, at most {most}");
}
