//! A feed of 20,000 torrents, on a plain web server, as a mirror reads it first and later.

use std::io::{Read, Write};
use std::net::TcpListener;

use fonoteca_archive::mirror::{Mirror, look, plan};
use fonoteca_torrent::feed::SigningKey;

use crate::world::World;

#[path = "../../benches/release/feed.rs"]
mod feed;

use feed::{LargeFeed, TORRENTS};

#[tokio::test(flavor = "multi_thread")]
async fn it_is_loaded_once_and_then_costs_little() {
    let world = World::new().await;
    let mut large = LargeFeed::publish();
    let (mut mirror, first) = large.first_load(&world.archive).await;
    let (planned, nothing_new) = large.poll(&world.archive, &mut mirror).await;
    assert_eq!(planned.serial, 1);
    large.change();
    let (planned, update) = large.poll(&world.archive, &mut mirror).await;
    assert_eq!((planned.serial, planned.beyond_budget.len()), (2, TORRENTS as usize + 9));
    for (what, cost) in [("first load", &first), ("nothing new", &nothing_new), ("ten new and one gone", &update)] {
        eprintln!("{what}: {} bytes, {:.2} s", cost.bytes, cost.seconds);
    }
    assert!(nothing_new.bytes < 1_000, "{nothing_new:?}");
    assert!(update.bytes <= 100_000, "{update:?}");

    // A clock that jumps changes what is believed now, and nothing that is kept.
    let refused = async |mirror: &mut Mirror| {
        fonoteca_archive::error::said(&plan(&world.archive, mirror, Some(0)).await.expect_err("refused"))
    };
    world.clock.jump(2 * 86_400);
    assert!(refused(&mut mirror).await.contains("the feed expired at"));
    world.clock.jump(-3 * 86_400);
    assert!(refused(&mut mirror).await.contains("is this machine's clock right?"));
    world.clock.jump(86_400);
    assert_eq!(plan(&world.archive, &mut mirror, Some(0)).await.expect("believed again").serial, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_ends_is_given_up() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4096];
            let length = stream.read(&mut request).expect("a request");
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntrusted comment: x\n");
            let is_signature = String::from_utf8_lossy(&request[..length]).contains(".minisig ");
            // Until the reader has had enough.
            while !is_signature && stream.write_all(&[b' '; 16_384]).is_ok() {}
        }
    });
    let key = SigningKey::generate().expect("a key");
    let error = look(&world.archive, &url, &[key.public().clone()]).await.expect_err("refused").to_string();
    assert!(error.ends_with("feed.json could not be fetched: it is longer than 67108864 bytes"), "{error}");
}
