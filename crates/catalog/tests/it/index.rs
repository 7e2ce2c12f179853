//! The search index, made from tables and asked from outside.

use std::path::PathBuf;

use fonoteca_catalog::index::{Filters, Hit, Index, Kind, Query};
use fonoteca_catalog::{Batch, Catalog, Listens, Track};
use fonoteca_model::{Id, Silent};

use crate::archive::{Archive, commit};
use crate::index_library::{library, track_id};
use crate::sample::{AT, album, artist, file, holding, id, recording, root, song, track};

pub fn folder(archive: &Archive) -> PathBuf {
    archive.path().join("index")
}

/// An archive with these rows, and an index that has caught up with them.
pub async fn indexed(batch: Batch) -> (Archive, Catalog, Index) {
    let (archive, catalog) = Archive::new().await;
    commit(&catalog, "library", 1, batch).await;
    let index = Index::open(&folder(&archive)).expect("open");
    catch_up(&index, &catalog).await;
    (archive, catalog, index)
}

pub async fn catch_up(index: &Index, catalog: &Catalog) {
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert!(index.catch_up(&snapshot, &Silent).await.expect("catch up"));
}

pub fn shown(hit: &Hit) -> String {
    match hit.kind {
        Kind::Track => format!("{} @ {}", hit.title, hit.artist),
        Kind::Album => format!("album:{}", hit.title),
        Kind::Artist => format!("artist:{}", hit.title),
    }
}

pub fn search(index: &Index, words: &str) -> Vec<Hit> {
    index.search(&Query { limit: 1000, ..Query::new(words) }).expect("search")
}

fn filtered(index: &Index, words: &str, filters: Filters) -> Vec<String> {
    let query = Query { filters, limit: 1000, ..Query::new(words) };
    let mut hits: Vec<String> = index.search(&query).expect("search").iter().map(shown).collect();
    hits.truncate(4);
    hits
}

fn found(index: &Index, key: &str) -> Vec<String> {
    index.lookup(key).expect("lookup").iter().map(shown).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn finds_what_people_type() {
    let (_archive, _catalog, index) = indexed(library()).await;
    let mut wrong = Vec::new();
    let mut asked = 0;
    for line in include_str!("queries.tsv").lines().filter(|line| !line.starts_with('#')) {
        let (words, expected) = line.split_once('\t').expect("two cells");
        let expected: Vec<&str> = expected.split(" | ").filter(|hit| !hit.is_empty()).collect();
        let hits: Vec<String> = index.search(&Query::new(words)).expect("search").iter().map(shown).collect();
        let first = &hits[..hits.len().min(expected.len())];
        if first != expected || expected.is_empty() && !hits.is_empty() {
            wrong.push(format!("{words:?}: expected {expected:?}, found {:?}", &hits[..hits.len().min(4)]));
        }
        asked += 1;
    }
    assert!(asked >= 40, "{asked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow_the_answer() {
    let (_archive, _catalog, index) = indexed(library()).await;
    let all = Filters::default;
    let lanterns = ["Yesterday's Train", "Help Me Row", "Harbour Lights", "Hello Tomorrow"];
    let lanterns = lanterns.map(|title| format!("{title} @ The Lanterns"));
    assert_eq!(filtered(&index, "the lanterns", Filters { kind: Some(Kind::Track), ..all() }), lanterns);
    assert_eq!(filtered(&index, "hello", Filters { kind: Some(Kind::Artist), ..all() }), Vec::<String>::new());
    assert_eq!(
        filtered(&index, "lanterns", Filters { kind: Some(Kind::Track), year: Some(1969..=1971), ..all() }),
        ["Hello Tomorrow @ The Lanterns", "A Day in the Wind @ The Lanterns"]
    );
    assert_eq!(
        filtered(&index, "lanterns", Filters { held: Some(true), ..all() }),
        ["artist:The Lanterns", "album:Harbour Lights", "Harbour Lights @ The Lanterns"]
    );
    assert_eq!(
        filtered(&index, "bohemian evening", Filters { held: Some(false), ..all() }),
        ["Bohemian Evening @ Quartz", "Bohemian Evening (Live) @ Quartz"]
    );
    assert_eq!(filtered(&index, "lanterns", Filters { min_popularity: Some(89), ..all() }), Vec::<String>::new());
    assert_eq!(
        filtered(&index, "", Filters { min_popularity: Some(95), kind: Some(Kind::Artist), ..all() }),
        ["artist:Béatrice Noël", "artist:Marta Vale"]
    );
    for licence in ["CC0-1.0", "cc0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"] {
        assert_eq!(
            filtered(&index, "", Filters { licence: Some(licence.into()), ..all() }),
            ["Harbour Lights @ The Lanterns", "Коробейники @ Хор «Ладья»", "さくらさくら @ さくら合唱団"],
            "{licence}"
        );
    }
    assert_eq!(filtered(&index, "", Filters { source: Some("discogs".into()), ..all() }), Vec::<String>::new());
    assert_eq!(filtered(&index, "", Filters { source: Some("local".into()), ..all() }).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other() {
    let (_archive, _catalog, index) = indexed(library()).await;
    for words in ["", "river", "the", "copper owls river", "gardn", "r"] {
        let whole = search(&index, words);
        assert!(words != "river" || whole.len() >= 50, "{}", whole.len());
        let mut paged = Vec::new();
        for offset in (0..).step_by(7) {
            let page = index.search(&Query { offset, limit: 7, ..Query::new(words) }).expect("search");
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        let as_shown = |hits: &[Hit]| hits.iter().map(|hit| (hit.id, hit.cursor)).collect::<Vec<_>>();
        assert_eq!(as_shown(&paged), as_shown(&whole), "{words:?}");
        // From place to place.
        let mut followed = Vec::new();
        let mut after = None;
        loop {
            let page = index.search_page(&Query { after, limit: 7, ..Query::new(words) }).expect("search");
            followed.extend(page.hits);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(as_shown(&followed), as_shown(&whole), "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_outlasts_what_comes_before_it() {
    let (_archive, catalog, index) = indexed(library()).await;
    let query = |after| Query { after, limit: 5, ..Query::new("river") };
    let first = index.search_page(&query(None)).expect("search");
    let second = index.search_page(&query(first.next)).expect("search");
    let mut batch = song("river");
    batch.listens = vec![Listens { recording_id: id("river"), as_of: AT, count: 1, popularity: 100 }];
    commit(&catalog, "more", 1, batch).await;
    catch_up(&index, &catalog).await;
    assert_eq!(search(&index, "river")[0].id, id("river"));
    assert_eq!(index.search_page(&query(first.next)).expect("search"), second);
    // Nothing is shown twice when the hit itself went to another place.
    let last = first.hits.last().expect("hits").id;
    let listens = vec![Listens { recording_id: last, as_of: AT.plus_seconds(9), count: 1, popularity: 99 }];
    commit(&catalog, "more", 2, Batch { listens, ..Batch::default() }).await;
    catch_up(&index, &catalog).await;
    assert_eq!(index.search_page(&query(first.next)).expect("search"), second);
}

#[tokio::test(flavor = "multi_thread")]
async fn ties_fall_to_listens_then_kind_then_row() {
    let batch = library();
    let order: Vec<Id> = batch.tracks.iter().map(|track| track.id).collect();
    let place = |id: Id| order.iter().position(|known| *known == id).expect("a track of the library");
    let (_archive, _catalog, index) = indexed(batch).await;
    let hits = index.search(&Query::new("21 reasons")).expect("search");
    let shown: Vec<String> = hits.iter().map(shown).collect();
    let mut last = ["Someone Unlike You", "Turning Pages"];
    last.sort_by_key(|title| place(track_id("Marta Vale", title)));
    assert_eq!(shown[..2], ["album:21 Reasons", "Rolling in the Sheep @ Marta Vale"]);
    assert_eq!(shown[2..], last.map(|title| format!("{title} @ Marta Vale")));
    // All of these were never listened to: the order of the table alone orders them.
    let filters = Filters { kind: Some(Kind::Track), ..Filters::default() };
    let hits = index.search(&Query { filters, limit: 1000, ..Query::new("") }).expect("search");
    let unheard: Vec<usize> = hits.iter().filter(|hit| hit.popularity == 0).map(|hit| place(hit.id)).collect();
    assert!(unheard.len() > 200 && unheard.is_sorted(), "{}", unheard.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_up_exact_keys() {
    let mut batch = library();
    batch.albums[0].upc = Some("0036000291452".into());
    let upc_album = batch.albums[0].title.clone();
    let (_archive, _catalog, index) = indexed(batch).await;
    for isrc in ["ZZFON7500001", "zz-fon-75-00001", "ISRC ZZ FON 75 00001"] {
        assert_eq!(found(&index, isrc), ["Bohemian Evening @ Quartz"], "{isrc}");
    }
    for upc in ["036000291452", "0 036000-291452"] {
        assert_eq!(found(&index, upc), [format!("album:{upc_album}")], "{upc}");
    }
    assert_eq!(found(&index, "B1A9C0E9-D987-4042-AE91-78D6A3267D69"), ["Bohemian Evening @ Quartz"]);
    let versions = ["Bohemian Evening @ Quartz", "Bohemian Evening - Remastered 2011 @ Quartz"];
    let recording = track_id("Quartz", "Bohemian Evening");
    assert_eq!(found(&index, &recording.to_string()), versions);
    assert_eq!(found(&index, &recording.to_string().to_uppercase()), versions);
    let held = "Quartz / Bohemian Evening - Remastered 2011";
    assert_eq!(found(&index, &root(held).to_string()), versions[1..]);
    assert_eq!(found(&index, held), versions[1..], "the source's id");
    let hit = &index.lookup(&root(held).to_string()).expect("lookup")[0];
    assert_eq!((hit.recording_id, hit.held, hit.popularity, hit.year), (Some(recording), true, 90, Some(2011)));
    for nothing in ["", " ", "ZZFON7500009", "4006381333931", "0123456789abcdef", &"ab".repeat(32), "Bohemian Evening"]
    {
        assert_eq!(found(&index, nothing), Vec::<String>::new(), "{nothing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artist_and_an_album_may_share_an_id_with_a_track() {
    let mut batch = song("one");
    batch.tracks[0].id = id("same");
    batch.albums[0].id = id("same");
    batch.artists[0].id = id("same");
    batch.tracks[0].album_id = Some(id("same"));
    batch.tracks[0].artists[0].artist_id = id("same");
    batch.holdings[0].track_id = id("same");
    let (_archive, _catalog, index) = indexed(batch).await;
    let kinds: Vec<Kind> = search(&index, "one").iter().map(|hit| hit.kind).collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    assert!(search(&index, "one").iter().all(|hit| hit.held));
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_one_recording_are_one_hit() {
    let names = ["Song", "Song (Radio Edit)", "Song (Single)", "Other Song"];
    let mut batch = Batch {
        artists: vec![artist("Somebody")],
        albums: vec![album("Somewhere", "Somebody")],
        tracks: names.iter().map(|name| track(name, "Somebody", Some("Somewhere"))).collect(),
        links: vec![
            recording("a", "Song (Radio Edit)", "Song", 0),
            recording("b", "Song (Single)", "Song (Radio Edit)", 1),
        ],
        files: vec![file("x")],
        ..Batch::default()
    };
    batch.holdings = vec![holding("Song (Single)", "x")];
    let (_archive, _catalog, index) = indexed(batch).await;
    let tracks = |words: &str| {
        let filters = Filters { kind: Some(Kind::Track), ..Filters::default() };
        filtered(&index, words, filters)
    };
    // The copy that is held stands for all; where it does not match, the one that does.
    let mut both = vec!["Song (Single) @ Somebody", "Other Song @ Somebody"];
    assert_eq!(tracks("song"), both);
    assert_eq!(tracks("radio edit"), ["Song (Radio Edit) @ Somebody"]);
    both.sort_unstable();
    let mut listed = tracks("");
    listed.sort_unstable();
    assert_eq!(listed, both);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_is_not_among_the_most_frequent_is_found_all_the_same() {
    let mut batch = Batch { files: vec![file("x")], ..Batch::default() };
    for n in 0..200_u8 {
        for copy in 0..2 {
            let title = format!("star{}{} common", char::from(b'a' + n / 26), char::from(b'a' + n % 26));
            batch.tracks.push(Track { id: id(&format!("{title} {copy}")), ..track(&title, "somebody", None) });
        }
    }
    batch.tracks.push(track("starzzz rare", "somebody", None));
    let (_archive, _catalog, index) = indexed(batch).await;
    for (words, score) in [("rare star", -200.0), ("rare stra", -600.0)] {
        let hits = index.search(&Query::new(words)).expect("search");
        let found: Vec<(Id, f64)> = hits.iter().map(|hit| (hit.id, hit.score)).collect();
        assert_eq!(found, [(id("starzzz rare"), score)], "{words}");
    }
}
