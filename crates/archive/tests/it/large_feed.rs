//! A feed of 20,000 torrents, on a plain web server, as a mirror reads it first and later.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use fonoteca_archive::mirror::{Mirror, Rules, add, look, plan};
use fonoteca_model::{Sha1Hash, Sha256Hash, Timestamp};
use fonoteca_testkit::{Relay, Wire};
use fonoteca_torrent::Kind;
use fonoteca_torrent::feed::{
    Entry, FORMAT_PAGED, FeedTorrent, FeedVariant, Listing, PageRef, Role, SigningKey, lay_out, sign,
};
use sha2::{Digest, Sha256};

use crate::world::World;

const TORRENTS: u32 = 20_000;

/// One with hashes that do not compress.
fn torrent(number: u32) -> FeedTorrent {
    let (release, name) = (format!("r{}", number / 1000), format!("r{}-p100-{:04}", number / 1000, number % 1000));
    let variant = |kind: Kind, suffix: &str| {
        let hash = Sha256Hash(Sha256::digest(format!("{name}{suffix}")).into());
        let mut short = [0; 20];
        short.copy_from_slice(&hash.0[12..]);
        let infohash_v1 = Sha1Hash(short);
        FeedVariant {
            kind,
            path: format!("releases/{release}/{name}{suffix}.torrent"),
            infohash_v1,
            infohash_v2: (kind == Kind::Hybrid).then(|| Sha256Hash(Sha256::digest(hash.0).into())),
            magnet: format!("magnet:?xt=urn:btih:{infohash_v1}&dn={name}&tr=https%3A%2F%2Fexample.org%2Fannounce"),
            torrent_bytes: 1_000_000 + u64::from(number),
            torrent_sha256: hash,
        }
    };
    FeedTorrent {
        role: Role::Audio,
        variants: vec![variant(Kind::Hybrid, ""), variant(Kind::V1, ".v1")],
        bytes: 34_000_000_000 + u64::from(number) * 7919,
        files: 9_000 + u64::from(number % 1000),
        popularity: Some([100, 75]),
        listens_share: 1.0 / f64::from(number + 2),
        licences: vec!["CC-BY-4.0".to_owned()],
        supersedes: Vec::new(),
        embargo: None,
        seeders: None,
        added: Some(Timestamp::from_seconds(1_799_000_000)),
        release,
        name,
    }
}

/// An entry, and what is on each of its pages.
type Published = (Entry, Vec<(PageRef, Vec<FeedTorrent>)>);

/// Writes a signed feed of `torrents` into `folder`, on the pages of the one before; returns the pages.
fn write(folder: &Path, key: &SigningKey, previous: Option<Published>, torrents: Vec<FeedTorrent>) -> Published {
    let now = Timestamp::from_seconds(1_800_000_000);
    let (serial, hash, pages) = match previous {
        Some((entry, pages)) => (entry.serial + 1, Some(Sha256Hash(Sha256::digest(entry.to_bytes()).into())), pages),
        None => (1, None, Vec::new()),
    };
    let (listing, laid_out, new) = lay_out(pages, torrents, |torrent| torrent.name.clone());
    for page in new {
        fs::write(folder.join(page.reference.path()), page.bytes).expect("written");
    }
    let mut rest = laid_out.into_iter();
    let pages = listing.pages.iter().map(|page| (*page, rest.by_ref().take(page.entries as usize).collect())).collect();
    let entry = Entry {
        format: FORMAT_PAGED.to_owned(),
        name: "Large".to_owned(),
        serial,
        published: now,
        expires: now.plus_seconds(86_400),
        previous: hash,
        keys: vec![key.public().clone()],
        statements: Vec::new(),
        base_url: None,
        torrents: listing,
        releases: Listing::default(),
        withdrawals: Listing::default(),
        seeders: Listing::default(),
    };
    fs::write(folder.join("feed.json.minisig"), sign(&entry.to_bytes(), key, "").expect("signed")).expect("written");
    fs::write(folder.join("feed.json"), entry.to_bytes()).expect("written");
    (entry, pages)
}

/// Ends the server with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_loaded_once_and_then_costs_little() {
    let world = World::new().await;
    let folder = world.folder.path().join("www");
    fs::create_dir_all(folder.join("pages")).expect("made");
    let key = SigningKey::generate().expect("a key");
    let first = write(&folder, &key, None, (0..TORRENTS).map(torrent).collect());

    let mut python = Command::new("python3")
        .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"])
        .arg(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 runs");
    let mut line = String::new();
    BufReader::new(python.stdout.take().expect("piped")).read_line(&mut line).expect("it says where it is");
    let _python = Ended(python);
    let port = line.split(" port ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a port");
    let relay = Relay::to(([127, 0, 0, 1], port).into(), Wire::default());

    let began = Instant::now();
    let offer = look(&world.archive, &relay.url(), &[key.public().clone()]).await.expect("read");
    assert_eq!(offer.feed.torrents.len(), TORRENTS as usize);
    let mut mirror = add(&world.archive, offer, "large", &Rules::default()).expect("followed");
    let (loaded, seconds) = (relay.sent_bytes(), began.elapsed().as_secs_f32());

    let began = Instant::now();
    assert_eq!(plan(&world.archive, &mut mirror, Some(0)).await.expect("read").serial, 1);
    let (polled, polled_seconds) = (relay.sent_bytes() - loaded, began.elapsed().as_secs_f32());
    let mut changed: Vec<FeedTorrent> = (0..TORRENTS + 10).map(torrent).collect();
    changed.remove(7_777);
    write(&folder, &key, Some(first), changed);
    let before = relay.sent_bytes();
    let began = Instant::now();
    let planned = plan(&world.archive, &mut mirror, Some(0)).await.expect("read");
    assert_eq!((planned.serial, planned.beyond_budget.len()), (2, TORRENTS as usize + 9));
    let (updated, updated_seconds) = (relay.sent_bytes() - before, began.elapsed().as_secs_f32());
    eprintln!(
        "first load {loaded} bytes, {seconds} s; nothing new {polled} bytes, {polled_seconds} s; \
         ten new and one gone {updated} bytes, {updated_seconds} s"
    );
    assert!(polled < 1_000, "{polled}");
    assert!(updated <= 100_000, "{updated}");

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
