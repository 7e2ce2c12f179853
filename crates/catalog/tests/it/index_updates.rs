//! The index after the tables have changed, by whatever way it got there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use fonoteca_catalog::index::{Filters, Hit, Index, Query};
use fonoteca_catalog::{Album, Batch, Catalog, File, LinkEntity, Listens, Rights, Track};
use fonoteca_model::progress::Unit;
use fonoteca_model::rights::{Basis, ClaimStatus, Decision, SubjectKind};
use fonoteca_model::{Id, Progress, Silent};
use proptest::prelude::*;

use crate::archive::{Archive, commit};
use crate::index::{catch_up, folder, indexed, search};
use crate::sample::{
    AT, album, artist, collected, credit, decision, file, holding, id, link, recording, root, song, track,
};

fn titles(index: &Index, words: &str) -> Vec<String> {
    search(index, words).into_iter().map(|hit| hit.title).collect()
}

/// Everything that the index shows, by words and by keys.
fn everything(index: &Index, keys: &[String]) -> BTreeMap<String, Vec<Hit>> {
    let words = ["", "one", "song on", "album two", "artist", "artst three", "single", "edition"];
    let mut answers: BTreeMap<String, Vec<Hit>> =
        words.iter().map(|words| (format!("words {words}"), search(index, words))).collect();
    for licence in ["CC-BY-4.0", "CC0-1.0"] {
        let filters = Filters { licence: Some(licence.into()), ..Filters::default() };
        let query = Query { filters, ..Query::new("") };
        answers.insert(format!("licence {licence}"), index.search(&query).expect("search"));
    }
    answers.extend(keys.iter().map(|key| (key.clone(), index.lookup(key).expect("lookup"))));
    answers
}

async fn rebuilt(archive: &Archive, catalog: &Catalog, name: &str) -> Index {
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let index = Index::open(&archive.path().join(name)).expect("open");
    index.rebuild(&snapshot, &Silent).await.expect("rebuild");
    index
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_shows_after_catching_up() {
    let (archive, catalog, index) = indexed(song("one")).await;
    let reader = Index::open(&folder(&archive)).expect("open");
    assert_eq!(titles(&reader, "two"), Vec::<String>::new());
    commit(&catalog, "library", 2, song("two")).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let writer = index.clone();
    // As a task of its own, as a server does it.
    let caught_up = tokio::spawn(async move { writer.catch_up(&snapshot, &Silent).await });
    assert!(caught_up.await.expect("no panic").expect("catch up"));
    assert_eq!(titles(&index, "two"), ["two", "two artist", "two album"]);
    assert_eq!(search(&reader, "two"), search(&index, "two"), "also by whoever had it open");
    index.verify().expect("sound");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cover_of_a_file_is_kept_when_segments_are_merged() {
    let single = |number: i64| {
        let (name, blob) = (format!("single{number}"), format!("bytes {number}"));
        let sleeve = (number % 3 > 0).then(|| root(&format!("sleeve {}", number % 3)));
        Batch {
            tracks: vec![track(&name, "one artist", None)],
            holdings: vec![holding(&name, &blob)],
            files: vec![File { cover_root: sleeve, ..file(&blob) }],
            ..Batch::default()
        }
    };
    let (archive, catalog, index) = indexed(single(1)).await;
    let changes = 12;
    for number in 2..=changes {
        commit(&catalog, "library", number, single(number)).await;
        catch_up(&index, &catalog).await;
    }
    let generations = std::fs::read_dir(folder(&archive)).expect("folder").filter_map(|entry| Some(entry.ok()?.path()));
    let files = generations.filter(|path| path.is_dir()).flat_map(|path| std::fs::read_dir(path).expect("folder"));
    let stores =
        files.filter(|file| file.as_ref().expect("a file").path().extension().is_some_and(|end| end == "store"));
    assert!(stores.count() < changes as usize, "segments were merged");
    let rebuilt = rebuilt(&archive, &catalog, "rebuilt").await;
    for number in 1..=changes {
        let sleeve = (number % 3 > 0).then(|| root(&format!("sleeve {}", number % 3)));
        for index in [&index, &rebuilt] {
            assert_eq!(search(index, &format!("single{number}"))[0].cover_root, sleeve, "single {number}");
        }
    }
    index.verify().expect("sound");
    rebuilt.verify().expect("sound");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_snapshot_takes_nothing_back() {
    let (_archive, catalog, index) = indexed(song("one")).await;
    let older = catalog.snapshot().await.expect("snapshot");
    commit(&catalog, "library", 2, song("two")).await;
    catch_up(&index, &catalog).await;
    assert!(index.catch_up(&older, &Silent).await.expect("catch up"));
    assert_eq!(titles(&index, "two").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn listens_move_tracks_and_what_they_are_on() {
    let mut batch = song("one");
    batch.append(song("two"));
    let (_archive, catalog, index) = indexed(batch).await;
    let first = |index: &Index| titles(index, "album")[0].clone();
    for (name, popularity, as_of) in [("two", 40, 1), ("one", 60, 2), ("one", 10, 3)] {
        let listens = vec![Listens { recording_id: id(name), as_of: AT.plus_seconds(as_of), count: 5, popularity }];
        commit(&catalog, "say", as_of, Batch { listens, ..Batch::default() }).await;
        catch_up(&index, &catalog).await;
        let best = if popularity == 60 { "one" } else { "two" };
        assert_eq!(first(&index), format!("{best} album"), "{name} {popularity}");
        let artist = &search(&index, &format!("{name} artist"))[0];
        assert_eq!((artist.title.clone(), artist.popularity), (format!("{name} artist"), popularity));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_is_found_by_its_key_only() {
    let (_archive, catalog, index) = indexed(song("one")).await;
    let withdrawn = |supersedes: Option<&str>, name: &str, status| {
        Rights::from(&Decision {
            status,
            supersedes: supersedes.map(str::to_owned),
            ..decision(name, SubjectKind::Artist, &id("one artist").to_string())
        })
    };
    let rights = vec![withdrawn(None, "w", ClaimStatus::Withdrawn)];
    commit(&catalog, "say", 1, Batch { rights, ..Batch::default() }).await;
    catch_up(&index, &catalog).await;
    assert_eq!(titles(&index, "one"), Vec::<String>::new(), "neither the track nor what it is on");
    assert_eq!(index.lookup(&root("one bytes").to_string()).expect("lookup").len(), 1);
    let rights = vec![withdrawn(Some("w"), "v", ClaimStatus::Asserted)];
    commit(&catalog, "say", 2, Batch { rights, ..Batch::default() }).await;
    catch_up(&index, &catalog).await;
    assert_eq!(titles(&index, "one").len(), 3);
}

/// A catalogue's track, of which nothing is held, by everything that a withdrawal can be about.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_held_can_be_withdrawn_as_well() {
    let mut batch = song("two");
    batch.artists.extend([artist("one artist"), artist("artist twin")]);
    batch.albums.push(Album {
        upc: Some("4006381333931".into()),
        label: Some("Töne & Söhne".into()),
        source: "far".into(),
        ..album("one album", "one artist")
    });
    batch.tracks.push(Track { isrc: Some("ZZFON2600001".into()), ..track("one", "one artist", Some("one album")) });
    batch.tracks.push(Track { isrc: Some("ZZFON2600002".into()), ..track("twin", "twin artist", None) });
    batch.links.push(recording("l1", "one", "twin", 0));
    batch.links.push(link("l2", LinkEntity::Artist, id("one artist"), id("artist twin"), AT));
    batch.collections.push(collected("c1", "sakura", "one"));
    let (archive, catalog, index) = indexed(batch).await;
    let about = [
        (SubjectKind::Track, id("one").to_string()),
        (SubjectKind::Recording, id("twin").to_string()),
        (SubjectKind::Isrc, "ZZFON2600001".to_owned()),
        // Of another statement about the same recording.
        (SubjectKind::Isrc, "ZZFON2600002".to_owned()),
        (SubjectKind::Release, id("one album").to_string()),
        (SubjectKind::Upc, "4006381333931".to_owned()),
        (SubjectKind::Artist, id("artist twin").to_string()),
        (SubjectKind::Label, "TONE & SOHNE".to_owned()),
        (SubjectKind::Source, "far".to_owned()),
        (SubjectKind::Collection, "c1".to_owned()),
        (SubjectKind::Collection, "sakura".to_owned()),
    ];
    let seen = |index: &Index| [titles(index, "one album"), titles(index, "two")];
    let all = seen(&index);
    assert!(!all[0].is_empty() && !all[1].is_empty(), "{all:?}");
    for (number, (kind, subject)) in (0..).zip(about) {
        let said = |name: &str, status, supersedes: Option<&str>| {
            let about = decision(&format!("{name}{number}"), kind, &subject);
            let supersedes = supersedes.map(|name| format!("{name}{number}"));
            vec![Rights::from(&Decision { status, supersedes, ..about })]
        };
        let rights = said("w", ClaimStatus::Withdrawn, None);
        commit(&catalog, "say", 2 * number, Batch { rights, ..Batch::default() }).await;
        catch_up(&index, &catalog).await;
        assert_eq!(seen(&index), [Vec::new(), all[1].clone()], "{kind:?} {subject}");
        let again = rebuilt(&archive, &catalog, "again").await;
        assert_eq!(seen(&again), seen(&index), "{kind:?} {subject}, rebuilt");
        assert_eq!(again.lookup("ZZFON2600001").expect("lookup").len(), 1, "found by its key");
        let rights = said("v", ClaimStatus::Asserted, Some("w"));
        commit(&catalog, "say", 2 * number + 1, Batch { rights, ..Batch::default() }).await;
        catch_up(&index, &catalog).await;
        assert_eq!(seen(&index), all, "{kind:?} {subject}, taken back");
    }
}

struct Cancelled(AtomicBool);

impl Progress for Cancelled {
    fn stage(&self, _what: &str, _total: Option<u64>, _unit: Unit) {}
    fn advance(&self, _units: u64) {
        self.0.store(true, Ordering::Relaxed);
    }
    fn note(&self, _line: &str) {}
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stopped_half_way_leaves_the_index_as_it_was() {
    let (archive, catalog, index) = indexed(song("one")).await;
    let before = search(&index, "");
    commit(&catalog, "library", 2, song("two")).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let stop = || Cancelled(AtomicBool::new(false));
    index.rebuild(&snapshot, &stop()).await.expect_err("stopped");
    index.catch_up(&snapshot, &stop()).await.expect_err("stopped");
    assert_eq!(search(&index, ""), before);
    assert_eq!(search(&Index::open(&folder(&archive)).expect("open"), ""), before);
    catch_up(&index, &catalog).await;
    assert_eq!(titles(&index, "two").len(), 3);
}

/// Something that happens to the tables.
#[derive(Debug, Clone)]
enum Step {
    Song(usize),
    Listens(usize, i32),
    Join(LinkEntity, usize, usize),
    Holding(usize, usize),
    Right(usize, SubjectKind, ClaimStatus),
    Supersede(usize, ClaimStatus),
    Album(usize),
}

const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];

fn step() -> impl Strategy<Value = Step> {
    let which = || 0..NAMES.len();
    let status = || prop_oneof![Just(ClaimStatus::Withdrawn), Just(ClaimStatus::Asserted), Just(ClaimStatus::OptOut)];
    let kind = prop_oneof![
        Just(SubjectKind::Blob),
        Just(SubjectKind::Track),
        Just(SubjectKind::Recording),
        Just(SubjectKind::Isrc),
        Just(SubjectKind::Release),
        Just(SubjectKind::Artist),
        Just(SubjectKind::Label),
    ];
    let entity = prop_oneof![Just(LinkEntity::Recording), Just(LinkEntity::Album), Just(LinkEntity::Artist)];
    prop_oneof![
        which().prop_map(Step::Song),
        (which(), 0..4).prop_map(|(which, popularity)| Step::Listens(which, popularity)),
        (entity, which(), which()).prop_map(|(entity, from, to)| Step::Join(entity, from, to)),
        (which(), which()).prop_map(|(track, blob)| Step::Holding(track, blob)),
        (which(), kind, status()).prop_map(|(which, kind, status)| Step::Right(which, kind, status)),
        (0..9_usize, status()).prop_map(|(which, status)| Step::Supersede(which, status)),
        which().prop_map(Step::Album),
    ]
}

/// Songs three to five are on one album and by one artist; of the last two nothing is held at first.
fn place(which: usize) -> (&'static str, &'static str) {
    let place = NAMES[which.min(2)];
    (["album one", "album two", "album three"][which.min(2)], if place == "one" { "artist one" } else { "artist two" })
}

fn a_song(which: usize) -> Batch {
    let (name, (on, by)) = (NAMES[which], place(which));
    Batch {
        artists: vec![artist(by)],
        albums: vec![Album { label: Some("Töne".into()), ..album(on, by) }],
        tracks: vec![Track {
            isrc: Some(format!("ZZFON260000{}", which / 2)),
            artists: vec![credit(by)],
            ..track(&format!("song {name}"), by, Some(on))
        }],
        holdings: if which < 3 { vec![holding(&format!("song {name}"), name)] } else { Vec::new() },
        files: vec![file(name)],
        ..Batch::default()
    }
}

fn subject(which: usize, kind: SubjectKind) -> String {
    let (on, by) = place(which);
    match kind {
        SubjectKind::Blob => root(NAMES[which]).to_string(),
        SubjectKind::Isrc => format!("ZZFON260000{}", which / 2),
        SubjectKind::Release => id(on).to_string(),
        SubjectKind::Artist => id(by).to_string(),
        SubjectKind::Label => "tone".into(),
        _ => id(&format!("song {}", NAMES[which])).to_string(),
    }
}

async fn take(catalog: &Catalog, number: i64, step: &Step) {
    let name = number.to_string();
    let song_id = |which: &usize| id(&format!("song {}", NAMES[*which]));
    match step {
        Step::Song(which) => {
            let mut batch = a_song(*which);
            let known = catalog.snapshot().await.expect("snapshot");
            if known.tracks(&[song_id(which)]).await.expect("tracks").is_empty() {
                for held in known.albums(&[batch.albums[0].id]).await.expect("albums").into_keys() {
                    batch.albums.retain(|album| album.id != held);
                }
                for held in known.artists(&[batch.artists[0].id]).await.expect("artists").into_keys() {
                    batch.artists.retain(|artist| artist.id != held);
                }
                commit(catalog, "songs", number, batch).await;
            }
        }
        Step::Listens(which, popularity) => {
            let as_of = AT.plus_seconds(number);
            let listens = vec![Listens { recording_id: song_id(which), as_of, count: 1, popularity: *popularity }];
            commit(catalog, "listens", number, Batch { listens, ..Batch::default() }).await;
        }
        Step::Join(entity, from, to) => {
            let of = |which: usize| match entity {
                LinkEntity::Recording => song_id(&which),
                LinkEntity::Album => id(place(which).0),
                LinkEntity::Artist => id(place(which).1),
            };
            let row = link(&name, *entity, of(*from), of(*to), AT.plus_seconds(number));
            // What would make a circle is refused.
            let writer = catalog.writer().await.expect("writer");
            drop(writer.commit("links", number, Batch { links: vec![row], ..Batch::default() }).await);
        }
        Step::Holding(which, blob) => {
            let batch = Batch {
                holdings: vec![holding(&format!("song {}", NAMES[*which]), NAMES[*blob])],
                files: vec![file(NAMES[*blob])],
                ..Batch::default()
            };
            commit(catalog, "holdings", number, batch).await;
        }
        Step::Right(which, kind, status) => {
            let licence = Some(["CC-BY-4.0", "CC0-1.0"][which % 2].to_owned());
            let about = decision(&name, *kind, &subject(*which, *kind));
            let row = Rights::from(&Decision { status: *status, basis: Basis::Licensed, licence, ..about });
            commit(catalog, "rights", number, Batch { rights: vec![row], ..Batch::default() }).await;
        }
        Step::Supersede(earlier, status) => {
            let about = decision(&name, SubjectKind::Source, "nowhere");
            let supersedes = Some(earlier.to_string());
            let row = Rights::from(&Decision { status: *status, supersedes, ..about });
            commit(catalog, "rights", number, Batch { rights: vec![row], ..Batch::default() }).await;
        }
        Step::Album(which) => {
            let (on, by) = place(*which);
            let mut row = album(&format!("{on} edition"), by);
            row.artists = vec![credit(by)];
            commit(catalog, "albums", number, Batch { albums: vec![row], ..Batch::default() }).await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, failure_persistence: None, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn catching_up_ends_where_a_rebuild_ends(steps in proptest::collection::vec(step(), 4..9)) {
        let runtime = tokio::runtime::Runtime::new().expect("runtime");
        runtime.block_on(async {
            let (archive, catalog, index) = indexed(a_song(0)).await;
            for (number, step) in (1..).zip(&steps) {
                take(&catalog, number, step).await;
                if number % 2 == 0 {
                    catch_up(&index, &catalog).await;
                }
            }
            catch_up(&index, &catalog).await;
            let fresh = rebuilt(&archive, &catalog, "fresh").await;
            let songs: Vec<Id> = NAMES.iter().map(|name| id(&format!("song {name}"))).collect();
            let mut keys: Vec<String> = songs.iter().map(Id::to_string).collect();
            keys.extend(["ZZFON2600000".to_owned(), root("one").to_string(), id("album three").to_string()]);
            assert_eq!(everything(&index, &keys), everything(&fresh, &keys));
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirected_recording_takes_its_versions_along() {
    let names = ["song one", "song two", "song three"];
    let batch = Batch {
        artists: vec![artist("artist")],
        tracks: names.iter().map(|name| track(name, "artist", None)).collect(),
        links: vec![recording("a", "song one", "song two", 0)],
        files: vec![file("x")],
        ..Batch::default()
    };
    let (_archive, catalog, index) = indexed(batch).await;
    assert_eq!(titles(&index, "song").len(), 2);
    let links = vec![recording("b", "song two", "song three", 1)];
    commit(&catalog, "say", 1, Batch { links, ..Batch::default() }).await;
    catch_up(&index, &catalog).await;
    assert_eq!(titles(&index, "song").len(), 1);
    assert_eq!(search(&index, "one")[0].recording_id, Some(id("song three")));
    let links = vec![recording("c", "song two", "song two", 2)];
    commit(&catalog, "say", 2, Batch { links, ..Batch::default() }).await;
    catch_up(&index, &catalog).await;
    assert_eq!(search(&index, "one")[0].recording_id, Some(id("song two")), "taken back");
    assert_eq!(titles(&index, "song").len(), 2);
}
