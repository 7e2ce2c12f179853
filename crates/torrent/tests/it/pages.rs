//! Feeds of format 2: what an update costs, and pages that are not what they should be.

use std::collections::HashMap;

use fonoteca_model::{Sha1Hash, Sha256Hash, Timestamp};
use fonoteca_torrent::feed::{
    Document, Entry, FORMAT_PAGED, FeedTorrent, Listing, Page, PageRef, Seeders, Withdrawal, accept_document, lay_out,
    pack, unpack,
};
use fonoteca_torrent::{FeedError, Kind, accept};
use sha2::{Digest, Sha256};

use crate::feed::sample;

/// Torrents of the size that they have in practice, with hashes that do not compress.
pub fn torrents(range: std::ops::Range<u32>) -> Vec<FeedTorrent> {
    let model = sample(1, None).torrents.remove(0);
    let hash = |kind: &str, number: u32| Sha256Hash(Sha256::digest(format!("{kind} {number}")).into());
    let short = |kind: &str, number: u32| {
        let Sha256Hash(bytes) = hash(kind, number);
        let mut first = [0; 20];
        first.copy_from_slice(&bytes[..20]);
        Sha1Hash(first)
    };
    let torrent = |number: u32| {
        let mut torrent = model.clone();
        torrent.release = format!("2026-{:02}", number / 1000);
        torrent.name = format!("{}-p100-{:04}", torrent.release, number % 1000);
        torrent.bytes = 34_359_738_368 - u64::from(number) * 7919;
        torrent.files = 9_000 + u64::from(number % 1000);
        torrent.listens_share = 1.0 / f64::from(number + 2);
        torrent.seeders = None;
        torrent.added = Some(Timestamp::from_seconds(1_793_620_800 + i64::from(number / 100) * 86_400));
        torrent.supersedes.clear();
        for variant in &mut torrent.variants {
            let kind = if variant.kind == Kind::Hybrid { "hybrid" } else { "v1" };
            let suffix = if variant.kind == Kind::Hybrid { "" } else { ".v1" };
            variant.path = format!("releases/{}/{}{suffix}.torrent", torrent.release, torrent.name);
            variant.infohash_v1 = short(kind, number);
            variant.infohash_v2 = variant.infohash_v2.map(|_| hash("v2", number));
            let v2 = variant.infohash_v2.map(|hash| format!("&xt=urn:btmh:1220{hash}")).unwrap_or_default();
            variant.magnet = format!(
                "magnet:?xt=urn:btih:{}{v2}&dn={}&tr=https%3A%2F%2Fmusic.example.org%2Fannounce&ws=https%3A%2F%2Fmusic.example.org%2Fwebseed%2F",
                variant.infohash_v1, torrent.name
            );
            variant.torrent_bytes = 1_000_000 + u64::from(number);
            variant.torrent_sha256 = hash("file", number + u32::from(variant.kind == Kind::V1) * 1_000_000);
        }
        torrent
    };
    range.map(torrent).collect()
}

fn withdrawal(number: u32) -> Withdrawal {
    let mut withdrawal = sample(1, None).withdrawals.remove(0);
    withdrawal.subject = format!("ZZFNT26{number:05}");
    withdrawal.roots = vec![fonoteca_model::BlobId(Sha256::digest(number.to_le_bytes()).into())];
    withdrawal
}

/// What a publisher has: the entry, and all pages by their hashes.
#[derive(Default)]
struct Shelf {
    pages: HashMap<Sha256Hash, Vec<u8>>,
    torrents: Vec<(PageRef, Vec<FeedTorrent>)>,
    withdrawals: Vec<(PageRef, Vec<Withdrawal>)>,
}

impl Shelf {
    /// Publishes, and returns the entry and the bytes that a reader fetches who has all pages from before.
    fn publish(
        &mut self,
        torrents: Vec<FeedTorrent>,
        withdrawals: Vec<Withdrawal>,
        seeders: &[Option<Seeders>],
    ) -> (Entry, u64) {
        let mut new: Vec<Page> = Vec::new();
        let previous = std::mem::take(&mut self.torrents);
        let (torrents, laid_out, pages) = lay_out(previous, torrents, |torrent| torrent.name.clone());
        self.torrents = on_pages(&torrents, laid_out);
        new.extend(pages);
        let previous = std::mem::take(&mut self.withdrawals);
        let (withdrawals, laid_out, pages) = lay_out(previous, withdrawals, |withdrawal| withdrawal.subject.clone());
        self.withdrawals = on_pages(&withdrawals, laid_out);
        new.extend(pages);
        let page = pack(seeders);
        let seeders = Listing { entries: page.reference.entries, pages: vec![page.reference] };
        new.push(page);
        let fetched: u64 = new
            .iter()
            .filter(|page| !self.pages.contains_key(&page.reference.sha256))
            .map(|page| page.bytes.len() as u64)
            .sum();
        self.pages.extend(new.into_iter().map(|page| (page.reference.sha256, page.bytes)));
        let feed = sample(1, None);
        let entry = Entry {
            format: FORMAT_PAGED.to_owned(),
            name: feed.name,
            serial: 1,
            published: feed.published,
            expires: feed.expires,
            previous: None,
            keys: feed.keys,
            statements: Vec::new(),
            base_url: None,
            torrents,
            releases: Listing::default(),
            withdrawals,
            seeders,
        };
        let bytes = fetched + entry.to_bytes().len() as u64;
        (entry, bytes)
    }
}

fn on_pages<T: Clone>(listing: &Listing, entries: Vec<T>) -> Vec<(PageRef, Vec<T>)> {
    let mut rest = entries.into_iter();
    listing.pages.iter().map(|page| (*page, rest.by_ref().take(page.entries as usize).collect())).collect()
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_793_620_860)
}

#[test]
fn an_update_of_a_feed_of_20_000_torrents_stays_below_100_000_bytes() {
    let mut shelf = Shelf::default();
    let counted = |count: u32, at: i64| -> Vec<Option<Seeders>> {
        let as_of = Timestamp::from_seconds(1_793_620_000 + at);
        // Most have few seeders, whose number moves.
        (0..count).map(|number| Some(Seeders { count: (number * 7 + at as u32) % 11, as_of })).collect()
    };
    let withdrawn: Vec<Withdrawal> = (0..500).map(withdrawal).collect();
    let (entry, first) = shelf.publish(torrents(0..20_000), withdrawn.clone(), &counted(20_000, 0));
    let document = Document::from_bytes(&entry.to_bytes()).expect("reads");
    accept_document(&document, Sha256Hash([0; 32]), None, now()).expect("accepted");
    let feed = document.assemble::<FeedError>(|page| Ok(shelf.pages[&page.sha256].clone())).expect("assembled");
    assert_eq!((feed.torrents.len(), feed.withdrawals.len()), (20_000, 500));
    assert_eq!(feed.torrents[7].seeders.expect("counted").count, 49 % 11);

    let (entry, nothing_new) = shelf.publish(torrents(0..20_000), withdrawn.clone(), &counted(20_000, 0));
    assert_eq!(entry.torrents, document_torrents(&document), "every page stays");
    let (_, appended) = shelf.publish(torrents(0..20_020), withdrawn.clone(), &counted(20_020, 60));
    let mut one_less = torrents(0..20_020);
    one_less.remove(12_345);
    let withdrawn: Vec<Withdrawal> = (0..501).map(withdrawal).collect();
    let (entry, one_withdrawn) = shelf.publish(one_less, withdrawn, &counted(20_019, 120));
    let whole = Document::Paged(entry).assemble::<FeedError>(|page| Ok(shelf.pages[&page.sha256].clone()));
    assert_eq!(whole.expect("assembled").torrents.len(), 20_019);
    eprintln!("first {first}, nothing new {nothing_new}, 20 new {appended}, one withdrawn {one_withdrawn} bytes");
    for update in [nothing_new, appended, one_withdrawn] {
        assert!(update <= 100_000, "{update} bytes");
    }
    assert!(first < 8_000_000, "{first} bytes");
}

fn document_torrents(document: &Document) -> Listing {
    match document {
        Document::Paged(entry) => entry.torrents.clone(),
        Document::Whole(_) => Listing::default(),
    }
}

#[test]
fn pages_that_nothing_changed_stay_and_empty_ones_go() {
    let key = |torrent: &FeedTorrent| torrent.name.clone();
    let (listing, all, pages) = lay_out(Vec::new(), torrents(0..300), key);
    assert_eq!(listing.pages.iter().map(|page| page.entries).collect::<Vec<_>>(), [128, 128, 44]);
    assert_eq!(pages.len(), 3);
    let previous = on_pages(&listing, all);
    let (again, _, pages) = lay_out(previous.clone(), torrents(0..300), key);
    assert_eq!((again, pages.len()), (listing.clone(), 0));

    let mut changed = torrents(0..310);
    changed.drain(0..128);
    changed[5].licences.clear();
    let (later, all, pages) = lay_out(previous.clone(), changed.clone(), key);
    assert_eq!(later.pages.iter().map(|page| page.entries).collect::<Vec<_>>(), [128, 54]);
    assert_eq!((pages.len(), all), (2, changed));
    // Most are gone: what is left comes together again.
    let few: Vec<FeedTorrent> = torrents(0..300).into_iter().step_by(100).collect();
    let (few, _, _) = lay_out(previous, few, key);
    assert_eq!(few.pages.len(), 1);
}

#[test]
fn what_is_not_the_page_that_was_signed_is_refused() {
    let entries = torrents(0..3);
    let page = pack(&entries);
    let of =
        |reference: &PageRef, bytes: &[u8]| unpack::<FeedTorrent>(reference, bytes).map_err(|error| error.to_string());
    assert_eq!(of(&page.reference, &page.bytes), Ok(entries.clone()));
    let name = page.reference.file_name();
    let mut changed = page.bytes.clone();
    changed[20] ^= 1;
    for bytes in [&changed[..], &page.bytes[1..], b"", &pack(&entries[1..]).bytes] {
        let refused = of(&page.reference, bytes).expect_err("refused");
        assert!(refused.starts_with(&format!("the feed's page {name} is refused: its ")), "{refused}");
        assert!(refused.ends_with("it was changed, or is another page"), "{refused}");
    }
    // The publisher itself lies: the hash is right, and what it declares is not.
    let signed = |bytes: &[u8], unpacked: u64, entries: u64| {
        let sha256 = Sha256Hash(Sha256::digest(bytes).into());
        let reference = PageRef { sha256, bytes: bytes.len() as u64, unpacked, entries };
        of(&reference, bytes).expect_err("refused")
    };
    let bomb = zstd::bulk::compress(&vec![b' '; 256 << 20], 1).expect("compressed");
    let refused = signed(&bomb, 1 << 20, 1);
    assert!(refused.ends_with("it unpacks to more than the 1048576 bytes that the feed declares"), "{refused}");
    let reference = page.reference;
    let refused = signed(&page.bytes, reference.unpacked + 1, 3);
    assert!(refused.contains("it unpacks to less than"), "{refused}");
    let refused = signed(&page.bytes, reference.unpacked, 4);
    assert!(refused.ends_with("it has 3 entries, the feed declares 4"), "{refused}");
    let refused = signed(b"no zstd", 7, 1);
    assert!(refused.contains("it cannot be unpacked"), "{refused}");
    let other = pack(&[1, 2, 3]);
    let refused = signed(&other.bytes, other.reference.unpacked, 3);
    assert!(refused.contains("line 1: invalid type"), "{refused}");
}

#[test]
fn an_entry_whose_pages_cannot_be_right_is_refused_before_any_is_fetched() {
    let (listing, _, _) = lay_out(Vec::new(), torrents(0..200), |torrent| torrent.name.clone());
    let mut shelf = Shelf::default();
    let (good, _) = shelf.publish(torrents(0..200), Vec::new(), &[]);
    let refused = |change: &dyn Fn(&mut Listing)| {
        let mut torrents = listing.clone();
        change(&mut torrents);
        let document = Document::Paged(Entry { torrents, ..good.clone() });
        accept_document(&document, Sha256Hash([0; 32]), None, now()).expect_err("refused").to_string()
    };
    assert_eq!(
        refused(&|listing| listing.entries = 1),
        "the feed's torrents says that it has 1 entries, its pages have 200"
    );
    assert_eq!(
        refused(&|listing| listing.pages[1] = listing.pages[0]),
        "the feed's torrents says that it has 200 entries, its pages have 256"
    );
    assert_eq!(
        refused(&|listing| {
            listing.pages[1] = listing.pages[0];
            listing.entries = 256;
        }),
        "the feed's torrents.pages[1] is there twice"
    );
    assert_eq!(
        refused(&|listing| {
            listing.pages[0].entries = 200_000;
            listing.entries = 200_072;
        }),
        "the feed's torrents has 200072 entries, at most 100000 are taken"
    );
    let many = refused(&|listing| listing.pages = vec![listing.pages[0]; 20_000]);
    assert_eq!(many, "the feed's torrents has 20000 pages, at most 16384 are taken");
    let large = refused(&|listing| listing.pages[0].unpacked = 65 << 20);
    assert!(large.starts_with("the feed's torrents.pages[0] has ") && large.contains("unpacked; at most"), "{large}");
    assert!(refused(&|listing| listing.pages[0].bytes = u64::MAX).contains("at most 8388608"));
    assert!(refused(&|listing| listing.pages[0].unpacked = u64::MAX).contains("unpacks to 18446744073709551615 bytes"));
    // What can be said without the pages is said first.
    let late = Document::Paged(Entry { expires: Timestamp::from_seconds(1_793_620_801), ..good });
    let error = accept_document(&late, Sha256Hash([0; 32]), None, now()).expect_err("refused").to_string();
    assert!(error.starts_with("the feed expired at"), "{error}");
}

#[test]
fn a_torrent_on_two_pages_is_refused() {
    let mut shelf = Shelf::default();
    let (good, _) = shelf.publish(torrents(0..200), Vec::new(), &[]);
    let again = pack(&torrents(100..101));
    let mut torrents = good.torrents.clone();
    torrents.pages.push(again.reference);
    torrents.entries += 1;
    shelf.pages.insert(again.reference.sha256, again.bytes);
    let document = Document::Paged(Entry { torrents, ..good });
    accept_document(&document, Sha256Hash([0; 32]), None, now()).expect("the entry alone does not show it");
    let feed = document.assemble::<FeedError>(|page| Ok(shelf.pages[&page.sha256].clone())).expect("assembled");
    let error = accept(&feed, Sha256Hash([0; 32]), None, now()).expect_err("refused").to_string();
    assert_eq!(error, "the feed's torrents[200].name \"2026-00-p100-0100\" is in its release twice");
}
