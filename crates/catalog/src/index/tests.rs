//! The index by itself, fed with documents: what a change does must not depend on how it came about.

use std::collections::BTreeMap;

use fonoteca_model::{BlobId, Id};
use proptest::prelude::*;

use super::change::{Aggregate, Change};
use super::document::{Document, Kind, Standing};
use super::generation::{Generation, Lock, TableVersions};
use super::{Filters, Hit, Index, Query};

const WORDS: [&str; 10] = ["harbour", "harbor", "light", "lights", "of", "the", "train", "さくら", "Трам", "night"];
const TRACKS: i64 = 24;
const ALBUMS: i64 = 4;

/// A track's state; everything else about it follows.
#[derive(Debug, Clone)]
struct Song {
    title: Vec<usize>,
    album: i64,
    group: i64,
    popularity: u8,
    listens: u64,
    held: bool,
    withdrawn: bool,
}

fn song() -> impl Strategy<Value = Song> {
    (
        proptest::collection::vec(0..WORDS.len(), 1..4),
        0..ALBUMS,
        0..TRACKS,
        0_u8..4,
        0_u64..3,
        any::<bool>(),
        proptest::bool::weighted(0.1),
    )
        .prop_map(|(title, album, group, popularity, listens, held, withdrawn)| Song {
            title,
            album,
            group,
            popularity,
            listens,
            held,
            withdrawn,
        })
}

fn track(id: i64, song: &Song) -> Document {
    let title: Vec<&str> = song.title.iter().map(|word| WORDS[*word]).collect();
    Document {
        group: Id(song.group),
        artist: format!("Artist {}", song.album % 2),
        album: Some(format!("Album {}", song.album)),
        album_id: Some(Id(song.album)),
        artist_ids: vec![Id(100 + song.album % 2)],
        standing: Standing { popularity: song.popularity, listens: song.listens },
        held: song.held,
        withdrawn: song.withdrawn,
        roots: if song.held { vec![BlobId([id as u8; 32])] } else { Vec::new() },
        year: Some(1990 + u16::from(song.popularity)),
        ..Document::new(Kind::Track, Id(id), title.join(" "))
    }
}

fn containers() -> Vec<Document> {
    let albums = (0..ALBUMS).map(|id| Document::new(Kind::Album, Id(id), format!("Album {id}")));
    albums.chain((0..2).map(|id| Document::new(Kind::Artist, Id(100 + id), format!("Artist {id}")))).collect()
}

fn placed(change: &Change, document: Document) -> Document {
    let Aggregate { standing, held, withdrawn } = change.aggregate((document.kind, document.id)).expect("aggregate");
    Document { standing, held, withdrawn, ..document }
}

fn change(dir: &std::path::Path) -> Change {
    let lock = Lock::take(dir).expect("lock");
    let generation = Generation::open_current(dir).expect("open").expect("one");
    Change::begin(generation, lock, 1).expect("begin")
}

fn versions(tracks: i64) -> TableVersions {
    TableVersions::from([("tracks".to_owned(), tracks)])
}

/// Replaces tracks as an update does: the tracks, then the albums and artists that they touch.
fn update(dir: &std::path::Path, songs: &[(i64, Song)], version: i64) {
    let mut change = change(dir);
    for (id, song) in songs {
        change.put(&track(*id, song)).expect("put");
    }
    let touched = change.touched().clone();
    for document in containers().into_iter().filter(|document| touched.contains(&(document.kind, document.id))) {
        let document = placed(&change, document);
        change.put(&document).expect("put");
    }
    change.commit(&versions(version)).expect("commit");
}

/// Fills an index as a rebuild does.
fn filled(dir: &std::path::Path, songs: &BTreeMap<i64, Song>) -> Index {
    let index = Index::open(dir).expect("open");
    let lock = Lock::take(dir).expect("lock");
    let mut change = Change::begin(Generation::create(dir).expect("create"), lock, 1).expect("begin");
    for (id, song) in songs {
        change.add(&track(*id, song)).expect("add");
    }
    change.settle().expect("settle");
    for document in containers() {
        let document = placed(&change, document);
        change.add(&document).expect("add");
    }
    let (generation, _lock) = change.commit(&versions(1)).expect("commit");
    generation.publish(dir).expect("publish");
    index
}

fn answers(index: &Index, words: &str, filters: Filters) -> Vec<Hit> {
    index.search(&Query { filters, limit: 1000, ..Query::new(words) }).expect("search")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn updates_end_where_a_rebuild_ends(
        steps in proptest::collection::vec(proptest::collection::vec((0..TRACKS, song()), 1..8), 1..6),
    ) {
        let updated = tempfile::tempdir().expect("folder");
        let rebuilt = tempfile::tempdir().expect("folder");
        let mut songs = BTreeMap::new();
        let index = filled(updated.path(), &songs);
        for (version, step) in (1..).zip(&steps) {
            update(updated.path(), step, version);
            songs.extend(step.iter().cloned());
        }
        let fresh = filled(rebuilt.path(), &songs);
        let held = Filters { held: Some(true), ..Filters::default() };
        for words in ["", "harbour", "harb", "lihgt", "the harbour", "album 1", "artist train", "さくら", "さ", "night of"] {
            prop_assert_eq!(
                answers(&index, words, Filters::default()),
                answers(&fresh, words, Filters::default()),
                "{}", words
            );
            prop_assert_eq!(answers(&index, words, held.clone()), answers(&fresh, words, held.clone()), "{}", words);
        }
        for id in 0..TRACKS {
            prop_assert_eq!(
                index.lookup(&Id(id).to_string()).expect("lookup"),
                fresh.lookup(&Id(id).to_string()).expect("lookup")
            );
        }
    }
}

/// The formula, worked out for every document, against what the early stop finds.
#[test]
fn stopping_early_finds_the_best() {
    let folder = tempfile::tempdir().expect("folder");
    let songs: BTreeMap<i64, Song> = (0..3000_i64)
        .map(|id| {
            let n = id as usize;
            let title = vec![n % 7, n % 5, n / 3 % 9];
            let popularity = (n * 37 % 101) as u8;
            (
                id,
                Song {
                    title,
                    album: id % 4,
                    group: id / 2,
                    popularity,
                    listens: 1,
                    held: n.is_multiple_of(3),
                    withdrawn: false,
                },
            )
        })
        .collect();
    // Versions of one recording are listened to as one.
    let songs =
        songs.iter().map(|(id, song)| (*id, Song { popularity: songs[&(id / 2 * 2)].popularity, ..song.clone() }));
    let songs: BTreeMap<i64, Song> = songs.collect();
    let index = filled(folder.path(), &songs);
    for word in ["light", "harbour", "train"] {
        let mut expected: BTreeMap<i64, i32> = BTreeMap::new();
        for song in songs.values() {
            let title: Vec<&str> = song.title.iter().map(|of_title| WORDS[*of_title]).collect();
            let worth = if title == [word] {
                60
            } else if title.contains(&word) {
                40
            } else if title.iter().any(|of_title| of_title.starts_with(word)) {
                15
            } else {
                continue;
            };
            let score = worth + i32::from(song.popularity);
            expected.entry(song.group).and_modify(|best| *best = score.max(*best)).or_insert(score);
        }
        let mut scores: Vec<i32> = expected.into_values().collect();
        scores.sort_unstable_by_key(|score| std::cmp::Reverse(*score));
        let hits = index.search(&Query { limit: 50, ..Query::new(word) }).expect("search");
        let found: Vec<i32> = hits.iter().map(|hit| hit.score as i32).collect();
        assert_eq!(found, scores[..50], "{word}");
    }
}

#[test]
fn a_word_that_is_not_among_the_most_frequent_is_found_all_the_same() {
    let folder = tempfile::tempdir().expect("folder");
    let index = Index::open(folder.path()).expect("open");
    let mut change = change(folder.path());
    for n in 0..200 {
        for copy in 0..2 {
            let title = format!("star{}{} common", char::from(b'a' + n / 26), char::from(b'a' + n % 26));
            change.put(&Document::new(Kind::Track, Id(i64::from(n) * 2 + copy), title)).expect("put");
        }
    }
    change.put(&Document::new(Kind::Track, Id(1000), "starzzz rare")).expect("put");
    change.commit(&versions(1)).expect("commit");
    for (words, score) in [("rare star", -200.0), ("rare stra", -600.0)] {
        let hits = index.search(&Query::new(words)).expect("search");
        assert_eq!(hits.iter().map(|hit| (hit.id, hit.score)).collect::<Vec<_>>(), [(Id(1000), score)], "{words}");
    }
}
