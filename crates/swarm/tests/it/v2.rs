//! Peers that speak v2 (BEP 52).

use std::process::Stdio;

use fonoteca_swarm::SeederOptions;
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::clients::{LIBTORRENT, run};
use crate::raw::{FAST, FAST_V2, RawPeer, hash_request, request};
use crate::testbed::{Collection, MIB, seed, within};

fn short(hash: [u8; 32]) -> [u8; 20] {
    hash[..20].try_into().expect("20 bytes")
}

#[tokio::test]
async fn a_peer_that_knows_v2_is_answered_in_v2() {
    let collection = Collection::of(&[3 * MIB, 5]);
    let hybrid = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let v1 = collection.hybrid.info_hash_v1.expect("v1").0;
    let v2 = short(collection.hybrid.info_hash_v2.expect("v2").0);
    for (asked, reserved, answered) in [(v1, FAST, v1), (v1, FAST_V2, v2), (v2, FAST_V2, v2), (v2, FAST, v2)] {
        let (_, answer) = within(5, RawPeer::shake(hybrid.local_addr(), asked, reserved)).await;
        assert_eq!(answer[28..48], answered);
        assert_eq!(answer[27], 0x14, "a hybrid says that it knows v2");
    }
    let twin = seed(&collection, &collection.twin, SeederOptions::default()).await;
    let v1 = collection.twin.info_hash_v1.expect("v1").0;
    let (_, answer) = within(5, RawPeer::shake(twin.local_addr(), v1, FAST_V2)).await;
    assert_eq!((&answer[28..48], answer[27]), (&v1[..], 0x04), "a torrent that is v1 only does not");
}

#[tokio::test]
async fn hashes_are_given_with_their_proof() {
    let collection = Collection::of(&[5 * MIB + 3]);
    let seeder = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let v2 = short(collection.hybrid.info_hash_v2.expect("v2").0);
    let mut peer = within(5, RawPeer::meet(seeder.local_addr(), v2, FAST_V2)).await;
    let (root, layer) = collection.hybrid.piece_layers.iter().next().expect("a layer");
    let asked = hash_request(root.0, [6, 2, 2, 2]);
    peer.say(&asked).await;
    let message = loop {
        let message = within(5, peer.hear()).await;
        if message[0] == 22 {
            break message;
        }
    };
    assert_eq!(message[1..49], asked[1..]);
    let (nodes, rest) = message[49..].as_chunks::<32>();
    assert!(rest.is_empty());
    assert_eq!(nodes[..2], [layer[2].0, layer[3].0]);
    let pair = |left: &[u8; 32], right: &[u8; 32]| -> [u8; 32] {
        Sha256::new().chain_update(left).chain_update(right).finalize().into()
    };
    let upper = pair(&nodes[2], &pair(&nodes[0], &nodes[1]));
    assert_eq!(pair(&upper, &nodes[3]), root.0, "it leads to the root");
    // What would take reading the blob is refused.
    let blocks = hash_request(root.0, [0, 0, 64, 0]);
    peer.say(&blocks).await;
    assert_eq!(within(5, peer.hear()).await, [&[23], &blocks[1..]].concat());
    peer.say(&[2]).await;
    peer.say(&request(5, 0, 3)).await;
    assert_eq!(within(5, peer.hear()).await, [1]);
    assert_eq!(within(5, peer.hear()).await[9..], collection.files[0].1[5 * MIB..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_v2_magnet_link_alone_is_enough_for_libtorrent() {
    // The info-hash of v2 and nothing else: file list, tree and piece layers all come from the seeder.
    let collection = Collection::of(&[3 * MIB + 5, 17, MIB, MIB + 1, 9 * MIB]);
    let seeder = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let magnet = format!("magnet:?xt=urn:btmh:1220{}", collection.hybrid.info_hash_v2.expect("v2"));
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", LIBTORRENT, &magnet]).arg(folder.path()).arg(seeder.local_addr().port().to_string());
    run(command.stdin(Stdio::null())).await;
    collection.assert_in(&folder.path().join("a release"));
}
