//! Publishing: pages that stay, keys that change, signing elsewhere, static copies, and who else has a copy.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fonoteca_archive::feed::{self, ExportOptions, WithFiles};
use fonoteca_archive::health::{self, Healths, Report, ReportRefused, Risk, SignedReport, take_report};
use fonoteca_archive::keys::{KeyRing, public_keys};
use fonoteca_archive::{Archive, release, rights};
use fonoteca_model::rights::{Subject, SubjectKind};
use fonoteca_model::{Sha1Hash, Silent, Timestamp};
use fonoteca_torrent::SigningKey;
use fonoteca_torrent::feed::{Document, Feed, Trust, sign};

use crate::world::{World, noise};

/// An archive that publishes, with its keys beside it.
struct Publisher {
    world: World,
    keys: KeyRing,
}

impl Publisher {
    async fn new() -> Self {
        let world = World::new().await;
        let keys = KeyRing::new(world.folder.path().join("keys"));
        let publisher = Self { world, keys };
        publisher.release("one", 1).await;
        publisher
    }

    fn archive(&self) -> &Archive {
        &self.world.archive
    }

    /// A release of one new file.
    async fn release(&self, name: &str, seed: u32) {
        self.world.file(&format!("{name}.wav"), &noise(seed, 300));
        self.world.ingest(name).await;
        self.build(name, &self.keys.signing_key(self.archive()).expect("a key")).await;
    }

    async fn build(&self, name: &str, key: &SigningKey) {
        let mut options = release::Options::new(name);
        options.outside.url = Some("http://127.0.0.1:9".to_owned());
        release::build(self.archive(), &options, key, &Silent).await.expect("built");
    }

    async fn publish(&self) -> Feed {
        let plan = feed::plan(self.archive(), 30).await.expect("planned");
        let key = self.keys.signing_key(self.archive()).expect("a key");
        feed::publish(self.archive(), plan, &key).expect("published");
        self.archive().own_feed().expect("read").expect("published")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.folder.path().join(name)
    }

    fn releases(&self, name: &str) -> PathBuf {
        self.archive().releases_path().join(name)
    }

    fn trusts(&self, trust: &Trust) -> Result<Trust, String> {
        let bytes = fs::read(self.releases("feed.json")).expect("published");
        let signature = fs::read_to_string(self.releases("feed.json.minisig")).expect("signed");
        trust.verify(&bytes, &signature).map(|(_, trust)| trust).map_err(|error| error.to_string())
    }
}

fn pages(archive: &Archive) -> BTreeSet<String> {
    let bytes = fs::read(archive.releases_path().join("feed.json")).expect("published");
    let document = Document::from_bytes(&bytes).expect("a feed");
    document.pages().iter().map(|page| page.file_name()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_stays_on_its_page_and_keeps_its_date() {
    let source = Publisher::new().await;
    let first = source.publish().await;
    assert_eq!((first.format.as_str(), first.torrents.len(), first.releases.len()), ("fonoteca-feed/2", 3, 1));
    let before = pages(source.archive());
    source.world.clock.jump(86_400);
    let again = source.publish().await;
    assert_eq!((again.serial, &again.torrents, &again.releases), (2, &first.torrents, &first.releases));
    assert_eq!(pages(source.archive()), before, "an update is the entry alone");

    source.release("two", 2).await;
    let third = source.publish().await;
    assert_eq!(third.torrents[..3], first.torrents[..], "in the same order");
    assert_eq!(third.torrents[3].added, Some(third.published));
    assert_eq!(feed::verify(source.archive(), &public_keys(source.archive()).expect("keys")).expect("good"), third);

    // A page that is gone is made again, under the number of what it is.
    let pages_before = pages(source.archive());
    let lost = source.releases(".pages").join(pages_before.first().expect("a page"));
    fs::remove_file(&lost).expect("removed");
    assert!(source.archive().own_feed().is_err());
    let fourth = source.publish().await;
    assert_eq!((fourth.serial, fourth.torrents.len()), (4, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_with_a_feed_of_the_first_format_goes_on_with_the_second() {
    let source = Publisher::new().await;
    let mut old = source.publish().await;
    old.format = "fonoteca-feed/1".to_owned();
    old.releases.clear();
    old.torrents.iter_mut().for_each(|torrent| torrent.added = None);
    let key = source.keys.signing_key(source.archive()).expect("a key");
    fs::write(source.releases("feed.json"), old.to_bytes()).expect("written");
    fs::write(source.releases("feed.json.minisig"), sign(&old.to_bytes(), &key, "").expect("signed")).expect("written");
    assert_eq!(source.archive().own_feed().expect("read").expect("there"), old);
    assert_eq!(source.archive().published().await.expect("published").torrents.len(), 3, "it is served");
    source.world.clock.jump(86_400);
    let next = source.publish().await;
    assert_eq!((next.serial, next.format.as_str()), (2, "fonoteca-feed/2"));
    assert_eq!(next.torrents[0].added, Some(old.published), "it was published then");
    source.trusts(&Trust::new(public_keys(source.archive()).expect("keys"))).expect("believed");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_hand_over_and_are_revoked() {
    let source = Publisher::new().await;
    source.publish().await;
    let old = public_keys(source.archive()).expect("keys")[0].clone();
    let follower = Trust::new([old.clone()]);
    source.trusts(&follower).expect("believed");

    let change = feed::rotate(source.archive(), &source.keys, None).expect("handed over");
    assert_eq!((&change.old, public_keys(source.archive()).expect("keys")), (&old, vec![change.key.clone()]));
    source.publish().await;
    let after = source.trusts(&follower).expect("the chain is followed");
    assert_eq!(after.keys, std::slice::from_ref(&change.key));
    let options = std::slice::from_ref(&change.key);
    let verdict = release::verify(source.archive(), "one", options, &Silent).await.expect("verified");
    assert!(verdict.sound(), "the manifest was signed again: {:?}", verdict.problems);

    assert!(feed::revoke(source.archive(), &source.keys, &change.key).is_err(), "not the one in force");
    feed::revoke(source.archive(), &source.keys, &old).expect("revoked");
    feed::revoke(source.archive(), &source.keys, &old).expect("once is enough");
    assert_eq!(feed::statements(source.archive()).expect("read").len(), 2);
    source.publish().await;
    assert_eq!(source.trusts(&after).expect("believed").revoked, [old]);
    for entry in walk(source.archive().root()) {
        let text = String::from_utf8_lossy(&fs::read(&entry).expect("read")).into_owned();
        assert!(!text.contains("secret key"), "no secret in the archive: {}", entry.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_over_that_was_killed_is_completed() {
    let source = Publisher::new().await;
    source.publish().await;
    let settings = fs::read(source.archive().root().join("archive.toml")).expect("settings");
    let change = feed::rotate(source.archive(), &source.keys, None).expect("handed over");
    // As if it had been killed before the settings were written.
    fs::write(source.archive().root().join("archive.toml"), settings).expect("written");
    let plan = feed::plan(source.archive(), 30).await.expect("planned");
    let old = source.keys.signing_key(source.archive()).expect("a key");
    let error = feed::publish(source.archive(), plan, &old).expect_err("no mirror would believe it");
    assert!(fonoteca_archive::error::said(&error).contains("was replaced by another"), "{error}");
    let again = feed::rotate(source.archive(), &source.keys, None).expect("completed");
    assert_eq!((again.key, again.statement), (change.key, change.statement));
    source.publish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_on_another_machine() {
    let world = World::new().await;
    let keys = KeyRing::new(world.folder.path().join("keys"));
    let source = Publisher { world, keys };
    let elsewhere = KeyRing::new(source.path("elsewhere")).new_key().expect("a key");
    feed::adopt(source.archive(), elsewhere.public()).expect("named");
    assert!(feed::adopt(source.archive(), SigningKey::generate().expect("a key").public()).is_err());
    assert!(!source.keys.has_signing_key(source.archive()).expect("read"));
    source.world.file("one.wav", &noise(1, 300));
    source.world.ingest("one").await;
    source.build("one", &SigningKey::generate().expect("a key")).await;

    let plan = async || feed::plan(source.archive(), 30).await.expect("planned");
    let request = source.path("request");
    let written = feed::unsigned(source.archive(), &plan().await, &request).expect("written");
    assert_eq!(written.files, ["manifest.one.json", "feed.json"]);
    assert!(feed::unsigned(source.archive(), &plan().await, &request).is_err(), "not over another");
    assert!(!source.releases("feed.json").exists(), "nothing is published");
    assert!(feed::publish_signed(source.archive(), &plan().await, &request).is_err(), "nothing is signed");
    let stranger = SigningKey::generate().expect("a key");
    feed::sign_folder(&request, &stranger).expect("signed");
    let error = feed::publish_signed(source.archive(), &plan().await, &request).expect_err("refused");
    assert!(fonoteca_archive::error::said(&error).contains("not among the trusted keys"), "{error}");
    assert_eq!(feed::sign_folder(&request, &elsewhere).expect("signed"), ["feed.json", "manifest.one.json"]);
    feed::publish_signed(source.archive(), &plan().await, &request).expect("published");
    let published = feed::verify(source.archive(), &[elsewhere.public().clone()]).expect("good");
    assert_eq!((published.serial, published.torrents.len()), (1, 3));
    let verdict = release::verify(source.archive(), "one", &[elsewhere.public().clone()], &Silent).await;
    assert!(verdict.expect("verified").sound());
    assert!(feed::publish_signed(source.archive(), &plan().await, &request).is_err(), "not twice");

    // What is withdrawn while the request is on its way is not published.
    let request = source.path("later");
    feed::unsigned(source.archive(), &plan().await, &request).expect("written");
    feed::sign_folder(&request, &elsewhere).expect("signed");
    let root = source.world.rows::<fonoteca_catalog::File>().await[0].root;
    let subject = Subject::new(SubjectKind::Blob, root.to_string());
    let withdrawal = rights::plan_withdrawal(source.archive(), &subject).await.expect("planned");
    rights::withdraw(source.archive(), &withdrawal, "tester", None).await.expect("withdrawn");
    let error = feed::publish_signed(source.archive(), &plan().await, &request).expect_err("refused").to_string();
    assert!(error.contains("may not be given out any more since"), "{error}");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_copy_is_incremental_and_drops_what_is_withdrawn() {
    let source = Publisher::new().await;
    let copy = source.path("www");
    let url = Some("https://music.example.org/archive/".to_owned());
    let options = |with_files| ExportOptions { to: copy.clone(), with_files, url: url.clone() };
    let error = feed::export(source.archive(), &options(WithFiles::No), &Silent).await.expect_err("nothing yet");
    assert!(error.to_string().contains("nothing is published"), "{error}");
    source.publish().await;
    let inside = ExportOptions { to: source.archive().root().join("www"), ..options(WithFiles::No) };
    assert!(feed::export(source.archive(), &inside, &Silent).await.is_err(), "not into the archive");
    fs::create_dir(&copy).expect("made");
    fs::write(copy.join("mine.txt"), "").expect("written");
    assert!(feed::export(source.archive(), &options(WithFiles::No), &Silent).await.is_err(), "not among other files");
    fs::remove_file(copy.join("mine.txt")).expect("removed");

    let export =
        async |with_files| feed::export(source.archive(), &options(with_files), &Silent).await.expect("exported");
    let first = export(WithFiles::Link).await;
    assert!(first.rss && first.written > 10, "{first:?}");
    let again = export(WithFiles::Link).await;
    assert_eq!((again.written, again.removed, again.unchanged), (0, 0, first.written + first.unchanged));
    let file = source.world.rows::<fonoteca_catalog::File>().await[0].clone();
    let seeds = walk(&copy.join("webseed"));
    let audio = seeds.iter().find(|path| path.to_string_lossy().contains(&file.root.to_string())).expect("the audio");
    let own = source.archive().store().locate(file.root).await.expect("asked").expect("held");
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(audio).expect("there").ino(), fs::metadata(own).expect("there").ino(), "a hard link");
    let rss = fs::read_to_string(copy.join("rss/v1/all.xml")).expect("RSS");
    assert!(rss.contains("https://music.example.org/archive/releases/one/one-p000-0001.v1.torrent"), "{rss}");

    let old_pages = walk(&copy.join("pages")).len();
    let subject = Subject::new(SubjectKind::Blob, file.root.to_string());
    let withdrawal = rights::plan_withdrawal(source.archive(), &subject).await.expect("planned");
    rights::withdraw(source.archive(), &withdrawal, "tester", None).await.expect("withdrawn");
    source.publish().await;
    let audio = audio.clone();
    let third = export(WithFiles::No).await;
    assert!(!audio.exists() && third.removed > 0, "{third:?}");
    assert!(walk(&copy.join("pages")).len() > old_pages, "pages of the feed before stay for whoever just read it");
    export(WithFiles::No).await;
    let feed = fs::read(copy.join("feed.json")).expect("the feed");
    assert_eq!(feed, fs::read(source.releases("feed.json")).expect("the feed"));
}

fn report_of(key: &SigningKey, to: &Publisher, at: Timestamp, have: Vec<Sha1Hash>) -> Report {
    let to = public_keys(to.archive()).expect("keys")[0].clone();
    Report {
        format: "fonoteca-report/1".to_owned(),
        key: key.public().clone(),
        to,
        serial: 1,
        at,
        have,
        parts: Vec::new(),
    }
}

fn signed(report: &Report, key: &SigningKey) -> SignedReport {
    let report = serde_json::to_string(report).expect("JSON");
    let signature = sign(report.as_bytes(), key, "").expect("signed");
    SignedReport { report, signature }
}

#[tokio::test(flavor = "multi_thread")]
async fn mirrors_report_for_themselves_alone() {
    let source = Publisher::new().await;
    let feed = source.publish().await;
    let health = |source: &Publisher| Healths::read(source.archive()).expect("read").of_listed(&feed.torrents[0]);
    assert_eq!(health(&source).risk, Risk::Unknown);
    let (mirror, other) = (SigningKey::generate().expect("a key"), SigningKey::generate().expect("a key"));
    let hashes: Vec<Sha1Hash> = feed.torrents[0].variants.iter().map(|variant| variant.infohash_v1).collect();
    let now = || Timestamp::from_millis(source.archive().now().as_millis());
    let take = |report: &Report, key: &SigningKey| take_report(source.archive(), &signed(report, key));

    let report = report_of(&mirror, &source, now(), [hashes.clone(), vec![Sha1Hash([7; 20])]].concat());
    assert!(matches!(take(&report, &other), Err(ReportRefused::Signature(_))), "nobody reports for another key");
    let elsewhere = Report { to: other.public().clone(), ..report.clone() };
    assert!(matches!(take(&elsewhere, &mirror), Err(ReportRefused::Elsewhere)));
    for hours in [-2, 2] {
        let odd = Report { at: now().plus_seconds(hours * 3600), ..report.clone() };
        assert!(matches!(take(&odd, &mirror), Err(ReportRefused::Time { .. })));
    }
    let odd = Report { format: "fonoteca-report/9".to_owned(), ..report.clone() };
    assert!(matches!(take(&odd, &mirror), Err(ReportRefused::Format(_))));
    assert_eq!(health(&source).mirrors, 0);

    let accepted = take(&report, &mirror).expect("taken");
    assert_eq!((accepted.torrents, accepted.unknown), (hashes.len() as u64, 1));
    assert_eq!((health(&source).mirrors, health(&source).risk), (1, Risk::None));
    assert!(matches!(take(&report, &mirror), Err(ReportRefused::TooSoon { .. })), "not twice");
    take(&report_of(&other, &source, now(), hashes.clone()), &other).expect("another mirror");
    assert_eq!(health(&source).mirrors, 2);
    source.world.clock.jump(601);
    take(&report_of(&other, &source, now(), Vec::new()), &other).expect("it has nothing any more");
    assert_eq!(health(&source).mirrors, 1);
    assert_eq!(health::mirrors(source.archive()).expect("read").len(), 2);

    source.world.clock.jump((health::RISK_DAYS + 1) * 86_400);
    assert_eq!((health(&source).mirrors, health(&source).risk), (0, Risk::WebSeedOnly), "a web seed is all there is");
    assert!(health(&source).last_copy_ms.is_some(), "when it was is not forgotten");
    // A clock that was set back does not make copies out of what is in the future then.
    source.world.clock.jump(-100 * 86_400);
    assert_eq!((health(&source).mirrors, health(&source).risk), (0, Risk::Unknown));
    take(&report_of(&mirror, &source, now(), hashes), &mirror).expect("and does not keep mirrors from reporting");
    assert_eq!(health(&source).risk, Risk::None);
}
