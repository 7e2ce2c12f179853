//! The rules one by one: what is joined, what never is, to what, and what stays so.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use fonoteca_catalog::identity::{IdentityError, find};
use fonoteca_catalog::{Album, Artist, Batch, Catalog, Link, LinkEntity, Listens, Rights, Track, Versions};
use fonoteca_model::progress::{Progress, Silent, Unit};
use fonoteca_model::rights::{Subject, SubjectKind};
use fonoteca_model::{Id, Isrc, Mbid, Upc};

use super::chance::Chance;
use crate::archive::{Archive, commit};
use crate::sample::{self, AT, decision, id};

const MBID: &str = "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d";
const OTHER_MBID: &str = "0dbb3a3c-5d4e-4a2b-9b0a-000000000001";

/// A track called `name` in the test: its id follows from that.
fn track(name: &str, artist: &str, title: &str, seconds: f64) -> Track {
    Track {
        id: id(name),
        source_id: name.into(),
        album_id: Some(id(&format!("{name} album"))),
        number: Some(1),
        duration_ms: (seconds > 0.0).then_some((seconds * 1000.0) as i64),
        ..sample::track(title, artist, None)
    }
}

fn coded(track: Track, isrc: Option<&str>, mbid: Option<&str>) -> Track {
    let isrc = isrc.map(|isrc| isrc.parse::<Isrc>().expect("an ISRC").to_string());
    let mbid = mbid.map(|mbid| mbid.parse::<Mbid>().expect("an MBID").to_string());
    Track { isrc, mbid, ..track }
}

struct World {
    archive: Archive,
    catalog: Catalog,
    commits: AtomicU64,
}

impl World {
    async fn with(batch: Batch) -> Self {
        let (archive, catalog) = Archive::new().await;
        let world = Self { archive, catalog, commits: AtomicU64::new(0) };
        world.add(batch).await;
        world
    }

    async fn of(tracks: Vec<Track>) -> Self {
        Self::with(Batch { tracks, ..Batch::default() }).await
    }

    async fn add(&self, batch: Batch) {
        commit(&self.catalog, "test", self.commits.fetch_add(1, Ordering::Relaxed) as i64, batch).await;
    }

    async fn versions(&self) -> Versions {
        self.catalog.snapshot().await.expect("snapshot").versions().clone()
    }

    /// Looks for joins and writes them; returns the links.
    async fn join(&self, since: Option<&Versions>) -> Vec<Link> {
        let number = self.commits.load(Ordering::Relaxed) as i64;
        let folder = self.archive.path().join(format!("waiting-{number}"));
        std::fs::create_dir(&folder).expect("a folder");
        let snapshot = self.catalog.snapshot().await.expect("snapshot");
        let found = find(&snapshot, since, &folder, &Silent).await.expect("joins");
        let links: Vec<Link> = found
            .joins()
            .map(|join| {
                let (entity, join) = join.expect("read");
                Link {
                    id: format!("{} {} {}", join.from, join.to, join.reason),
                    reason: join.reason.into(),
                    score: join.score,
                    ..sample::link("", entity, join.from, join.to, AT.plus_seconds(number))
                }
            })
            .collect();
        assert_eq!(found.len(), links.len() as u64);
        drop(found);
        let left = std::fs::read_dir(&folder).expect("listed").count();
        assert_eq!(left, 0, "what waited on disk is gone");
        std::fs::remove_dir(&folder).expect("removed");
        self.add(Batch { links: links.clone(), ..Batch::default() }).await;
        links
    }

    async fn undo(&self, link: &Link) {
        let number = self.commits.load(Ordering::Relaxed) as i64;
        let back = Link {
            supersedes: Some(link.id.clone()),
            reason: "undone".into(),
            ..sample::link(
                &format!("undo {}", link.id),
                link.entity,
                link.from_id,
                link.from_id,
                AT.plus_seconds(number),
            )
        };
        self.add(Batch { links: vec![back], ..Batch::default() }).await;
    }

    async fn ends(&self, entity: LinkEntity, names: &[&str]) -> Vec<Id> {
        let ids: Vec<Id> = names.iter().map(|name| id(name)).collect();
        let found = self.catalog.snapshot().await.expect("snapshot").resolve(entity, &ids).await.expect("ends");
        ids.iter().map(|id| found[id]).collect()
    }

    async fn are_one(&self, entity: LinkEntity, names: &[&str]) -> bool {
        self.ends(entity, names).await.into_iter().collect::<BTreeSet<_>>().len() == 1
    }
}

/// Whether two tracks are joined, and why.
async fn why(one: Track, other: Track) -> Option<String> {
    World::of(vec![one, other]).await.join(None).await.into_iter().next().map(|link| link.reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_join_unless_everything_else_speaks_against_it() {
    let isrc = Some("ZZFON2600001");
    let names = |name: &str| track(name, "Ana", "A Long Song", 200.0);
    let told =
        why(coded(names("a"), None, Some(MBID)), coded(track("b", "A.", "Song (live)", 204.0), None, Some(MBID)));
    assert_eq!(told.await.as_deref(), Some("mbid"));
    let mistagged = coded(track("b", "Somebody", "Else", 900.0), None, Some(MBID));
    assert_eq!(why(coded(names("a"), None, Some(MBID)), mistagged).await, None, "a wrong tag");

    let told = why(coded(names("a"), isrc, None), coded(track("b", "Ana", "Long Song", 206.0), isrc, None));
    assert_eq!(told.await.as_deref(), Some("isrc"));
    for (other, what) in [
        (track("b", "Ana", "A Long Song", 260.0), "another length"),
        (track("b", "Ana", "A Long Song (Live)", 200.0), "another version"),
        (track("b", "Ana", "Something Else", 200.0), "another title"),
        (track("b", "Ben & Company", "A Lng Sonng", 200.0), "another artist and not quite the title"),
        (track("b", "Ben", "Other", 0.0), "nothing but the code"),
    ] {
        assert_eq!(why(coded(names("a"), isrc, None), coded(other, isrc, None)).await, None, "{what}");
    }
    let apart = why(coded(names("a"), isrc, Some(MBID)), coded(names("b"), isrc, Some(OTHER_MBID)));
    assert_eq!(apart.await, None, "MusicBrainz says that they are two");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_join_what_differs_in_writing_only() {
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for (artist, title, seconds) in [
        ("Sigur Rós", "Svefn-g-englar", 204.0),
        ("SIGUR ROS", "svefn g englar", 200.0),
        ("Sigur Rós", "Svefn-g-englar (Remastered 2010)", 198.0),
        ("Sigur Rós feat. Amiina", "Svefn-g-englar", 200.0),
        ("Rós, Sigur", "Svefn-g-englar [feat. Amiina]", 200.0),
        ("S. Rós", "Svefn-g-englar", 201.0),
        ("Sigur Rós", "Svefn-g-englra", 201.0),
        ("Siggur Rós", "Svefn-g-engalr", 201.0),
        ("Sigur Rós", "Svefngenglar - 2010 Remaster", 201.0),
    ] {
        one.push((track("a", "Sigur Rós", "Svefn-g-englar", 200.0), track("b", artist, title, seconds)));
    }
    for (artist, title, seconds) in [
        ("Sigur Rós", "Svefn-g-englar", 206.0),
        ("Sigur Rós", "Svefn-g-englar (Live)", 200.0),
        ("Sigur Rós", "Svefn-g-englar (Instrumental)", 200.0),
        ("Sigur Rós", "Svefn-g-englar (Radio Edit)", 200.0),
        ("Sigur Rós", "Svefn-g-englar (Mono)", 200.0),
        ("Sigur Rós", "Svefn-g-englar (Clean)", 200.0),
        ("Sigur Rós", "Svefn-g-englar Part 2", 200.0),
        ("Sigur Rós", "Svefn-g-englar II", 200.0),
        ("Jónsi", "Svefn-g-englar", 200.0),
        ("Various Artists", "Svefn-g-englar", 200.0),
        ("", "Svefn-g-englar", 200.0),
        ("Sigur Rós", "", 200.0),
        ("Sigur Rós", "Svefn-g-englar", 0.0),
    ] {
        two.push((track("a", "Sigur Rós", "Svefn-g-englar", 200.0), track("b", artist, title, seconds)));
    }
    for (first, second) in [
        ("Suite Part 1", "Suite Part 2"),
        ("Suite Pt. I", "Suite Pt. II"),
        ("Side A of Everything", "Side B of Everything"),
        ("Everything (Foo Remix)", "Everything (Bar Remix)"),
        ("Symphony No. 5", "Symphony No. 6"),
        ("春の歌はうたう", "秋の歌はうたう"),
        ("Untitled", "Untitled (2)"),
        ("Studio 54", "Studio 55"),
        ("Untitled", "Untitlde"),
    ] {
        two.push((track("a", "Sigur Rós", first, 200.0), track("b", "Sigur Rós", second, 200.5)));
    }
    // Every album has an intro.
    let intro = |name: &str, seconds| track(name, "Sigur Rós", "Intro", seconds);
    two.push((intro("a", 60.0), intro("b", 63.0)));
    // Two tracks of one album are two.
    let beside = |name: &str, number| Track {
        number: Some(number),
        album_id: Some(id("one album")),
        ..track(name, "Sigur Rós", "Svefn-g-englar", 200.0)
    };
    two.push((beside("a", 1), beside("b", 9)));

    let joined = each_by_itself(&one).await;
    let missed: Vec<_> = one.iter().zip(&joined).filter(|(_, joined)| !**joined).map(told).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    let joined = each_by_itself(&two).await;
    let wrong: Vec<_> = two.iter().zip(&joined).filter(|(_, joined)| **joined).map(told).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn told((pair, _): (&(Track, Track), &bool)) -> String {
    format!("{} / {} and {} / {}", pair.0.artist_credit, pair.0.title, pair.1.artist_credit, pair.1.title)
}

/// Which of the pairs are joined. Each has a word of its own added to its artists, so that no other pair is like it.
async fn each_by_itself(pairs: &[(Track, Track)]) -> Vec<bool> {
    let mut chance = Chance::new(3);
    let mut tracks = Vec::new();
    for (at, (one, other)) in pairs.iter().enumerate() {
        let word: String = (0..14).map(|_| (b'a' + chance.below(26) as u8) as char).collect();
        for (name, told) in [("a", one), ("b", other)] {
            let mut row = Track { id: id(&format!("{name} {at}")), ..told.clone() };
            if !matches!(row.artist_credit.as_str(), "" | "Various Artists") {
                row.artist_credit = format!("{} {word}", row.artist_credit);
            }
            tracks.push(row);
        }
    }
    let world = World::of(tracks).await;
    world.join(None).await;
    let mut joined = Vec::new();
    for at in 0..pairs.len() {
        joined.push(world.are_one(LinkEntity::Recording, &[&format!("a {at}"), &format!("b {at}")]).await);
    }
    joined
}

#[tokio::test(flavor = "multi_thread")]
async fn small_steps_do_not_add_up_to_a_large_one() {
    let steps: Vec<Track> = (0..8)
        .map(|at| track(&format!("{at}"), "Ana Ferreira", "Long Way Down", 200.0 + f64::from(at) * 3.5))
        .collect();
    let lengths: HashMap<Id, i64> = steps.iter().map(|track| (track.id, track.duration_ms.unwrap_or(0))).collect();
    let world = World::of(steps).await;
    world.join(None).await;
    let names: Vec<String> = (0..8).map(|at| at.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ends = world.ends(LinkEntity::Recording, &names).await;
    let mut spans: HashMap<Id, Vec<i64>> = HashMap::new();
    for (name, end) in names.iter().zip(ends) {
        spans.entry(end).or_default().push(lengths[&id(name)]);
    }
    assert!(spans.len() > 1, "not all of it is one");
    for lengths in spans.values() {
        assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 8_000, "{lengths:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recordings_id_does_not_depend_on_the_order_of_work() {
    let told = ["a", "b", "c", "d"].map(|name| track(name, "Ana Ferreira", "Long Way Down", 200.0)).to_vec();
    let lowest = told.iter().map(|track| track.id).min().unwrap();
    let world = World::of(told.clone()).await;
    world.join(None).await;
    assert_eq!(world.ends(LinkEntity::Recording, &["a", "b", "c", "d"]).await, [lowest; 4], "the lowest id");

    let mut reversed = told.clone();
    reversed.reverse();
    let world = World::of(reversed).await;
    world.join(None).await;
    assert_eq!(world.ends(LinkEntity::Recording, &["a", "b", "c", "d"]).await, [lowest; 4]);

    let musicbrainz =
        Track { source: "musicbrainz".into(), ..told.iter().max_by_key(|track| track.id).unwrap().clone() };
    let own = musicbrainz.id;
    let mut with_own: Vec<Track> = told.iter().filter(|track| track.id != own).cloned().collect();
    with_own.push(musicbrainz);
    let world = World::of(with_own).await;
    world.join(None).await;
    assert_eq!(world.ends(LinkEntity::Recording, &["a", "b", "c", "d"]).await, [own; 4], "MusicBrainz's own row");

    // What is a recording already stays one, whoever comes later: lower ids, or MusicBrainz itself.
    let mut by_id = told;
    by_id.sort_by_key(|track| std::cmp::Reverse(track.id));
    let (first, later) = by_id.split_at(2);
    let world = World::of(first.to_vec()).await;
    world.join(None).await;
    let seen = world.versions().await;
    let mut later = later.to_vec();
    later[0].source = "musicbrainz".into();
    world.add(Batch { tracks: later, ..Batch::default() }).await;
    let links = world.join(Some(&seen)).await;
    assert_eq!(links.len(), 2);
    assert_eq!(world.ends(LinkEntity::Recording, &["a", "b", "c", "d"]).await, [first[1].id; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_finds_nothing_and_a_later_one_what_came() {
    let song = |name: &str, title: &str| track(name, "Ana Ferreira", title, 200.0);
    let world =
        World::of(vec![song("a", "Long Way Down"), song("b", "Long Way Down"), song("c", "Short Way Up")]).await;
    assert_eq!(world.join(None).await.len(), 1);
    assert_eq!(world.join(None).await, [], "everything is said");
    let seen = world.versions().await;
    assert_eq!(world.join(Some(&seen)).await, []);
    world.add(Batch { tracks: vec![song("d", "Shorrt Way Up"), song("e", "Long Way Down")], ..Batch::default() }).await;
    assert_eq!(world.join(Some(&seen)).await.len(), 2);
    assert!(world.are_one(LinkEntity::Recording, &["c", "d"]).await);
    assert!(world.are_one(LinkEntity::Recording, &["a", "b", "e"]).await);
    assert!(!world.are_one(LinkEntity::Recording, &["a", "c"]).await);
    assert_eq!(world.join(None).await, [], "in parts or at once: the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_recordings_merge_and_leave_a_redirect() {
    let song = |name: &str, seconds| track(name, "Ana Ferreira", "Long Way Down", seconds);
    let world = World::of(vec![song("a", 196.0), song("b", 196.0), song("c", 201.0), song("d", 201.0)]).await;
    assert_eq!(world.join(None).await.len(), 2);
    assert!(!world.are_one(LinkEntity::Recording, &["a", "c"]).await);
    // What lies between shows that they are one.
    world.add(Batch { tracks: vec![song("e", 198.5)], ..Batch::default() }).await;
    let links = world.join(None).await;
    assert_eq!(links.len(), 2, "{links:?}");
    assert!(world.are_one(LinkEntity::Recording, &["a", "b", "c", "d", "e"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_is_never_made_again() {
    let song = |name: &str| track(name, "Ana Ferreira", "Long Way Down", 200.0);
    let world = World::of(vec![song("a"), song("b"), song("c")]).await;
    let links = world.join(None).await;
    assert_eq!(links.len(), 2);
    let (taken, kept) = (&links[0], &links[1]);
    world.undo(taken).await;
    assert_eq!(world.join(None).await, [], "neither directly nor by way of the third");
    let end = |track: Id| {
        let world = &world;
        async move { world.catalog.snapshot().await.unwrap().recording_of(&[track]).await.unwrap()[&track] }
    };
    assert_eq!(end(taken.from_id).await, taken.from_id);
    assert_eq!(end(kept.from_id).await, kept.to_id);
    // Something new joins one side, and does not bring both together.
    let seen = world.versions().await;
    world.add(Batch { tracks: vec![song("d")], ..Batch::default() }).await;
    assert_eq!(world.join(Some(&seen)).await.len(), 1);
    assert_ne!(end(taken.from_id).await, end(taken.to_id).await);
    assert_eq!(world.join(None).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_points_at_a_recording_is_lost_by_a_merge_or_a_split() {
    let song = |name: &str| track(name, "Ana Ferreira", "Long Way Down", 200.0);
    let mut tracks = vec![song("a"), song("b")];
    tracks.sort_by_key(|track| track.id);
    let (kept, merged) = (tracks[0].id, tracks[1].id);
    let counted = |recording_id, count, popularity| Listens { recording_id, as_of: AT, count, popularity };
    let mut rows = Batch {
        tracks: tracks.clone(),
        listens: vec![counted(kept, 10, 40), counted(merged, 32, 60)],
        rights: vec![Rights::from(&decision("r", SubjectKind::Recording, &merged.to_string()))],
        ..Batch::default()
    };
    for track in &tracks {
        let name = track.source_id.as_str();
        rows.holdings.push(fonoteca_catalog::Holding { track_id: track.id, ..sample::holding(name, name) });
        rows.files.push(sample::file(name));
        let hashes = sample::hashes(name);
        rows.blobs.push(fonoteca_catalog::Blob::new(&hashes, "audio/flac", fonoteca_catalog::BlobKind::Audio));
    }
    let world = World::with(rows).await;
    let listens = |id: Id| {
        let world = &world;
        async move { world.catalog.snapshot().await.unwrap().listens(&[id]).await.unwrap()[&id].clone() }
    };
    let decided = || async {
        let roots = [sample::root("a"), sample::root("b")];
        let found = world.catalog.snapshot().await.unwrap().decisions_for(&roots).await.unwrap();
        roots.map(|root| found.get(&root).map_or(0, Vec::len))
    };
    let reached = || async {
        let subject = Subject::new(SubjectKind::Recording, merged.to_string());
        world.catalog.snapshot().await.unwrap().roots_of_subject(&subject).await.unwrap().len()
    };
    let of_merged = if tracks[1].source_id == "a" { [1, 0] } else { [0, 1] };
    assert_eq!((decided().await, reached().await), (of_merged, 1));

    let links = world.join(None).await;
    assert_eq!((links[0].from_id, links[0].to_id), (merged, kept));
    let together = listens(kept).await;
    assert_eq!((together.count, together.popularity), (42, 60), "listens add up");
    assert_eq!((decided().await, reached().await), ([1, 1], 2), "a decision on either is one on both");
    let snapshot = world.catalog.snapshot().await.unwrap();
    let held: Vec<_> =
        futures::TryStreamExt::try_collect::<Vec<_>>(snapshot.held_by_popularity().await.unwrap()).await.unwrap();
    let held: Vec<(Id, i64, i32)> =
        held.into_iter().flatten().map(|held| (held.recording_id, held.listens, held.popularity)).collect();
    assert_eq!(held, [(kept, 42, 60); 2]);

    world.undo(&links[0]).await;
    assert_eq!((listens(kept).await.count, listens(merged).await.count), (10, 32), "each has its own again");
    assert_eq!((decided().await, reached().await), (of_merged, 1));
}

fn artist(name: &str, source: &str, called: &str) -> Artist {
    Artist { id: id(name), source: source.into(), source_id: name.into(), ..sample::artist(called) }
}

fn by(artist: &str, track: Track) -> Track {
    let mut track = track;
    track.artists[0].artist_id = id(artist);
    track
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_alone_joins_no_artists() {
    let artists = vec![
        artist("shop john", "shop", "John Miller"),
        artist("tags john", "tags", "Miller, John"),
        artist("namesake", "press", "John Miller"),
        artist("mb ye", "musicbrainz", "Ye"),
        artist("other ye", "musicbrainz", "Ye"),
        Artist { aliases: vec!["Kanye West".into()], ..artist("shop ye", "shop", "Ye") },
        artist("tags west", "tags", "Kanye West"),
    ];
    let tracks = vec![
        by("shop john", track("a", "John Miller", "Long Way Down", 200.0)),
        by("tags john", track("b", "Miller, John", "Long Way Down", 201.0)),
        by("namesake", track("c", "John Miller", "Something Else", 90.0)),
        by("mb ye", track("d", "Ye", "Good Morning All", 200.0)),
        by("shop ye", track("e", "Ye", "Good Morning All", 200.0)),
        by("other ye", track("f", "Ye", "Good Morning All", 201.0)),
        by("tags west", track("g", "Kanye West", "Good Morning All", 200.0)),
    ];
    let world = World::with(Batch { artists, tracks, ..Batch::default() }).await;
    world.join(None).await;
    assert!(world.are_one(LinkEntity::Artist, &["shop john", "tags john"]).await, "a song in common");
    assert!(!world.are_one(LinkEntity::Artist, &["shop john", "namesake"]).await);
    assert!(!world.are_one(LinkEntity::Artist, &["mb ye", "other ye"]).await, "MusicBrainz tells its own apart");
    assert!(world.are_one(LinkEntity::Recording, &["e", "g"]).await, "found under another name");
    assert!(world.are_one(LinkEntity::Artist, &["shop ye", "tags west"]).await);
}

fn album(name: &str, source: &str, title: &str) -> Album {
    Album { id: id(name), source: source.into(), source_id: name.into(), ..sample::album(title, "Ana Ferreira") }
}

#[tokio::test(flavor = "multi_thread")]
async fn albums_join_by_codes_and_what_is_on_them_and_tracks_of_unknown_length_by_their_place() {
    let upc = Some("4006381333931".parse::<Upc>().expect("a UPC").to_string());
    let labelled = |album: Album, label: &str, number: &str| Album {
        label: Some(label.into()),
        catalogue_number: Some(number.into()),
        ..album
    };
    let albums = vec![
        Album { upc: upc.clone(), ..album("one", "shop", "Long Ways") },
        Album { upc: upc.clone(), ..album("two", "discogs", "Long Ways (Deluxe Edition)") },
        Album { upc, ..album("misused", "tags", "Nothing Like It") },
        labelled(album("three", "shop", "Mountains"), "Svek Records", "SK 032"),
        labelled(album("four", "tags", "Mountainns"), "SVEK", "sk032"),
        labelled(album("five", "tags", "Seas"), "Svek", "SK 033"),
    ];
    let on =
        |album: &str, number: i32, track: Track| Track { album_id: Some(id(album)), number: Some(number), ..track };
    let tracks = vec![
        on("one", 1, track("a", "Ana Ferreira", "Long Way Down", 200.0)),
        on("two", 1, track("b", "Ana Ferreira", "Long Way Down", 0.0)),
        on("two", 2, track("c", "Ana Ferreira", "Long Way Down", 0.0)),
        on("misused", 1, track("d", "Ana Ferreira", "Long Way Down", 0.0)),
    ];
    let world = World::with(Batch { albums, tracks, ..Batch::default() }).await;
    let links = world.join(None).await;
    assert!(world.are_one(LinkEntity::Album, &["one", "two"]).await, "{links:?}");
    assert!(!world.are_one(LinkEntity::Album, &["one", "misused"]).await, "the code of another album");
    assert!(world.are_one(LinkEntity::Album, &["three", "four"]).await);
    assert!(!world.are_one(LinkEntity::Album, &["four", "five"]).await);
    assert!(world.are_one(LinkEntity::Recording, &["a", "b"]).await, "at one place of one album");
    assert!(!world.are_one(LinkEntity::Recording, &["a", "c"]).await);
    assert!(!world.are_one(LinkEntity::Recording, &["a", "d"]).await);
    let mut reasons: Vec<&str> = links.iter().map(|link| link.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["album-position", "catalogue-number", "upc"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_group_is_not_compared_each_with_each_and_is_told_of() {
    let name = |at: usize| format!("{}{} Bandname{}", (b'A' + (at % 26) as u8) as char, at / 26, at * 7919 % 1000);
    let mut tracks: Vec<Track> = (0..600)
        .map(|at| track(&format!("{at}"), &name(at), "Everybody Sings This", 200.0 + (at % 3) as f64))
        .collect();
    tracks.push(track("twin", &name(300), "Everybody Sings This", 201.0));
    let world = World::of(tracks).await;
    let folder = tempfile::tempdir().expect("a folder");
    let found = find(&world.catalog.snapshot().await.unwrap(), None, folder.path(), &Silent).await.expect("joins");
    assert_eq!((found.report.large_groups, found.report.largest_group), (1, 601));
    assert!(found.report.compared < 601 * 100, "{}", found.report.compared);
    let links: Vec<_> = found.joins().map(|join| join.unwrap().1).collect();
    assert_eq!(links.len(), 1, "and its twin is found all the same: {links:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_rows_are_read_and_join_nothing() {
    let long = "very long ".repeat(20_000);
    let odd = [
        "",
        " ",
        "()",
        "(((",
        ")))",
        "feat.",
        "(feat.",
        "&",
        "- -",
        "\u{0}\u{1}",
        "🎵🎵",
        "[]{}<>",
        "a\u{301}\u{301}",
        &long,
    ];
    let mut tracks = Vec::new();
    for (at, title) in odd.iter().enumerate() {
        for (by, artist) in odd.iter().enumerate() {
            let mut row = track(&format!("{at} {by}"), artist, title, 200.0);
            row.duration_ms = [Some(i64::MAX), Some(i64::MIN), Some(0), None, Some(200_000)][(at + by) % 5];
            tracks.push(row);
        }
    }
    let world = World::of(tracks).await;
    let joined = world.join(None).await;
    let wrong: Vec<_> = joined.iter().filter(|link| link.score < 0.86 || link.score > 1.0).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Wishes to stop after so many reports.
struct Stops(AtomicU64);

impl Progress for Stops {
    fn stage(&self, _what: &str, _total: Option<u64>, _unit: Unit) {}
    fn advance(&self, _units: u64) {}
    fn note(&self, _line: &str) {}
    fn cancelled(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wishes_to_stop_is_heard_and_nothing_stays_on_disk() {
    let song = |name: &str| track(name, "Ana Ferreira", "Long Way Down", 200.0);
    let world = World::of(vec![song("a"), song("b"), song("c")]).await;
    let snapshot = world.catalog.snapshot().await.unwrap();
    for after in [1, 3, 10, 20] {
        let folder = tempfile::tempdir().expect("a folder");
        let stopped = find(&snapshot, None, folder.path(), &Stops(AtomicU64::new(after))).await;
        assert!(matches!(stopped, Err(IdentityError::Cancelled)), "after {after}");
    }
}
