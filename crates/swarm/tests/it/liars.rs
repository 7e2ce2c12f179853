//! Peers that a download must get over: each is named and left alone, and an honest one gives the rest.

use std::net::SocketAddr;
use std::time::Duration;

use fonoteca_swarm::{SeederOptions, fetch_by_swarm};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::testbed::{Collection, MIB, Remember, fetch, seed, slow, within};

/// What a bad peer does once it was called.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Vice {
    /// Another protocol.
    Web,
    /// A handshake for another torrent.
    OtherTorrent,
    /// Noise instead of messages.
    Noise,
    /// Blocks that nobody asked for.
    Flood,
    /// It has everything, lets others ask, and sends nothing.
    Stall,
    /// It hangs up in the middle of a block.
    HangUp,
}

async fn bad_peer(vice: Vice) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // The other end hangs up, which is what is wanted.
                let _ = misbehave(stream, vice).await;
            });
        }
    });
    address
}

async fn misbehave(mut stream: TcpStream, vice: Vice) -> std::io::Result<()> {
    let mut handshake = [0; 68];
    stream.read_exact(&mut handshake).await?;
    if vice == Vice::Web {
        stream.write_all(&b"HTTP/1.1 400 Bad Request\r\n\r\n".repeat(10)).await?;
        return Ok(());
    }
    handshake[20..28].fill(0);
    handshake[48..].fill(b'l');
    if vice == Vice::OtherTorrent {
        handshake[28] ^= 1;
    }
    stream.write_all(&handshake).await?;
    // It has all 8 pieces, and unchokes.
    stream.write_all(&[0, 0, 0, 2, 5, 0xff, 0, 0, 0, 1, 1]).await?;
    let mut block = vec![0, 0, 0x40, 9, 7, 0, 0, 0, 0, 0, 0, 0, 0];
    block.resize(13 + 16384, 0xaa);
    match vice {
        Vice::Noise => stream.write_all(&[0xee; 4096]).await?,
        Vice::Flood => loop {
            stream.write_all(&block).await?;
        },
        Vice::HangUp => {
            let mut some = [0; 64];
            stream.read_exact(&mut some).await?;
            stream.write_all(&block[..100]).await?;
            return Ok(());
        }
        _ => {}
    }
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_gets_over_bad_peers_and_names_them() {
    let collection = Collection::of(&[5 * MIB, 3 * MIB]);
    let runs = [
        (Vice::Web, Some("does not speak BitTorrent")),
        (Vice::OtherTorrent, Some("answered for another torrent")),
        (Vice::Noise, Some("sent a message longer than any that makes sense")),
        (Vice::Flood, Some("sent what nobody asked for")),
        (Vice::Stall, None),
        (Vice::HangUp, None),
    ]
    .map(|(vice, told)| {
        let collection = &collection;
        async move {
            let folder = tempfile::tempdir().expect("a folder");
            let bad = bad_peer(vice).await;
            let honest = seed(collection, &collection.twin, slow(4 << 20)).await;
            let mut options = fetch(&collection.twin, folder.path(), &honest);
            options.initial_peers.insert(0, bad);
            options.stall = Duration::from_mins(1);
            let progress = Remember::default();
            within(100, fetch_by_swarm(options, &progress)).await.unwrap_or_else(|error| panic!("{vice:?}: {error}"));
            collection.assert_in(folder.path());
            let notes = progress.notes.lock();
            let named = notes.iter().any(|note| note.contains(&bad.to_string()) && note.contains(told.unwrap_or("")));
            assert_eq!(named, told.is_some(), "{vice:?}: {notes:?}");
            assert!(!notes.iter().any(|note| note.contains(&honest.local_addr().to_string())), "{vice:?}: {notes:?}");
        }
    });
    futures::future::join_all(runs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_lies_again_and_again_is_left_alone() {
    let collection = Collection::of(&[9 * MIB, 7 * MIB]);
    let mut source = collection.source();
    source.lies = true;
    let liar = crate::testbed::start(source, &collection.twin, SeederOptions::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let honest = seed(&collection, &collection.twin, slow(2 << 20)).await;
    let mut options = fetch(&collection.twin, folder.path(), &honest);
    options.initial_peers.insert(0, liar.local_addr());
    options.stall = Duration::from_mins(1);
    let progress = Remember::default();
    within(100, fetch_by_swarm(options, &progress)).await.expect("all");
    collection.assert_in(folder.path());
    let notes = progress.notes.lock();
    let named = notes.iter().any(|note| note.contains(&liar.local_addr().to_string()) && note.contains("wrong bytes"));
    assert!(named, "{notes:?}");
}
