//! A feed of very many torrents on a plain web server, as a mirror reads it first and later: what the bench measures, and
//! what a test of this crate holds to its bounds.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use fonoteca_archive::Archive;
use fonoteca_archive::mirror::{Mirror, Plan, Rules, add, look, plan};
use fonoteca_model::{Sha1Hash, Sha256Hash, Timestamp};
use fonoteca_testkit::{Relay, Wire};
use fonoteca_torrent::Kind;
use fonoteca_torrent::feed::{
    Entry, FORMAT_PAGED, FeedTorrent, FeedVariant, Listing, PageRef, Role, SigningKey, lay_out, sign,
};
use sha2::{Digest, Sha256};

/// Torrents in the feed.
pub const TORRENTS: u32 = 20_000;

/// The feed, and the server that has it.
pub struct LargeFeed {
    folder: tempfile::TempDir,
    key: SigningKey,
    published: Published,
    relay: Relay,
    _server: Ended,
}

/// What reading a feed cost.
#[derive(Debug)]
pub struct Cost {
    /// Bytes that came over the network.
    pub bytes: u64,
    pub seconds: f64,
}

impl LargeFeed {
    /// Publishes it with `python3 -m http.server`.
    pub fn publish() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("pages")).expect("made");
        let key = SigningKey::generate().expect("a key");
        let published = write(folder.path(), &key, None, (0..TORRENTS).map(torrent).collect());
        let mut server = Command::new("python3")
            .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("piped")).read_line(&mut line).expect("it says where it is");
        let server = Ended(server);
        let port = line.split(" port ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a port");
        let relay = Relay::to(([127, 0, 0, 1], port).into(), Wire::default());
        Self { folder, key, published, relay, _server: server }
    }

    /// Follows it: all of it is read.
    pub async fn first_load(&self, archive: &Archive) -> (Mirror, Cost) {
        let began = (self.relay.sent_bytes(), Instant::now());
        let offer = look(archive, &self.relay.url(), &[self.key.public().clone()]).await.expect("read");
        assert_eq!(offer.feed.torrents.len(), TORRENTS as usize);
        let mirror = add(archive, offer, "large", &Rules::default()).expect("followed");
        (mirror, self.cost_since(began))
    }

    /// Reads what is new, and plans.
    pub async fn poll(&self, archive: &Archive, mirror: &mut Mirror) -> (Plan, Cost) {
        let began = (self.relay.sent_bytes(), Instant::now());
        let plan = plan(archive, mirror, Some(0)).await.expect("read");
        (plan, self.cost_since(began))
    }

    /// Adds ten torrents and takes one away.
    pub fn change(&mut self) {
        let mut changed: Vec<FeedTorrent> = (0..TORRENTS + 10).map(torrent).collect();
        changed.remove(7_777);
        self.published = write(self.folder.path(), &self.key, Some(&self.published), changed);
    }

    fn cost_since(&self, (bytes, began): (u64, Instant)) -> Cost {
        Cost { bytes: self.relay.sent_bytes() - bytes, seconds: began.elapsed().as_secs_f64() }
    }
}

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
fn write(folder: &Path, key: &SigningKey, previous: Option<&Published>, torrents: Vec<FeedTorrent>) -> Published {
    let now = Timestamp::from_seconds(1_800_000_000);
    let (serial, hash, pages) = match previous {
        Some((entry, pages)) => {
            (entry.serial + 1, Some(Sha256Hash(Sha256::digest(entry.to_bytes()).into())), pages.clone())
        }
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

/// Ends the server with its process.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
