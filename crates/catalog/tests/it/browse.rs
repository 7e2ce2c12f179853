//! The lists that people browse.

use fonoteca_catalog::{Album, AlbumOrder, Batch, Catalog, FileState, Listens, Snapshot, Supplement, Track};

use crate::archive::{Archive, commit};
use crate::sample::{AT, album, artist, credit, decision, file, holding, id, recording, root, track};

/// Three held albums, one that is only known, and a single.
async fn library() -> (Archive, Catalog) {
    let (archive, catalog) = Archive::new().await;
    let mut batch = Batch {
        artists: ["Zoë", "Ana", "Various"].map(artist).to_vec(),
        albums: vec![
            Album { date: Some("1999-05".into()), cover_root: Some(root("cover")), ..album("Beta", "Zoë") },
            Album { date: Some("2004".into()), ..album("alpha", "Ana") },
            Album { artists: vec![credit("Various"), credit("Ana")], ..album("Gamma", "Various") },
            album("Known only", "Ana"),
        ],
        ..Batch::default()
    };
    for (title, artist, album, number, added) in [
        ("b2", "Zoë", Some("Beta"), 2, 0),
        ("b1", "Zoë", Some("Beta"), 1, 9),
        ("a1", "Ana", Some("alpha"), 1, 2),
        ("g1", "Zoë", Some("Gamma"), 1, 1),
        ("single", "Ana", None, 1, 3),
    ] {
        let bytes = format!("{title} bytes");
        batch.tracks.push(Track { number: Some(number), date: Some("1999".into()), ..track(title, artist, album) });
        batch.holdings.push(holding(title, &bytes));
        let mut file = file(&bytes);
        file.at = AT.plus_seconds(added);
        batch.files.push(file);
    }
    // The same track in two codecs is one song of the album, and the better one comes first.
    batch.holdings.push(holding("b1", "b1 mp3"));
    let mut mp3 = file("b1 mp3");
    mp3.bit_rate = Some(128_000);
    batch.files.push(mp3);
    batch.holdings.push(holding("b1", "b1 broken"));
    let mut broken = file("b1 broken");
    (broken.state, broken.bit_rate) = (FileState::Malformed, Some(2_000_000));
    batch.files.push(broken);
    batch.tracks.push(track("known track", "Ana", Some("Known only")));
    batch.tracks.push(Track { number: Some(3), ..track("b3 is missing", "Zoë", Some("Beta")) });
    commit(&catalog, "job", 0, batch).await;
    (archive, catalog)
}

async fn listed(snapshot: &Snapshot, order: AlbumOrder, offset: usize, size: usize) -> Vec<String> {
    let albums = snapshot.album_list(&order, offset, size).await.expect("albums");
    albums.into_iter().map(|entry| entry.album.title).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn albums_are_listed_in_every_order() {
    let (_archive, catalog) = library().await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert_eq!(listed(&snapshot, AlbumOrder::AlphabeticalByName, 0, 10).await, ["alpha", "Beta", "Gamma"]);
    assert_eq!(listed(&snapshot, AlbumOrder::AlphabeticalByName, 1, 1).await, ["Beta"]);
    assert_eq!(listed(&snapshot, AlbumOrder::AlphabeticalByName, 9, 9).await, Vec::<String>::new());
    assert_eq!(listed(&snapshot, AlbumOrder::AlphabeticalByArtist, 0, 10).await, ["alpha", "Gamma", "Beta"]);
    assert_eq!(listed(&snapshot, AlbumOrder::Newest, 0, 10).await, ["alpha", "Gamma", "Beta"]);
    assert_eq!(listed(&snapshot, AlbumOrder::ByYear(1990..=2010), 0, 10).await, ["Beta", "alpha"]);
    assert_eq!(listed(&snapshot, AlbumOrder::ByYearDescending(1990..=2010), 0, 10).await, ["alpha", "Beta"]);
    assert_eq!(listed(&snapshot, AlbumOrder::ByYear(2000..=2003), 0, 10).await, Vec::<String>::new());
    let these = AlbumOrder::These(vec![id("Gamma"), id("nowhere"), id("Known only"), id("alpha")]);
    assert_eq!(listed(&snapshot, these, 0, 10).await, ["Gamma", "alpha"]);
    let once = listed(&snapshot, AlbumOrder::Random(1), 0, 10).await;
    assert_eq!(listed(&snapshot, AlbumOrder::Random(1), 0, 10).await, once, "a seed is an order");
    assert_eq!(once.len(), 3);
    let mut orders: Vec<Vec<String>> = Vec::new();
    for seed in 0..20 {
        orders.push(listed(&snapshot, AlbumOrder::Random(seed), 0, 10).await);
    }
    orders.sort();
    orders.dedup();
    assert!(orders.len() > 2, "another seed, another order: {orders:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_album_has_its_held_tracks_in_order() {
    let (_archive, catalog) = library().await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let beta = snapshot.album_with_tracks(id("Beta")).await.expect("album").expect("there");
    let titles: Vec<&str> = beta.tracks.iter().map(|entry| entry.track.title.as_str()).collect();
    assert_eq!(titles, ["b1", "b2"], "b3 is known, but not held");
    assert_eq!((beta.entry.tracks, beta.entry.duration_ms), (2, 2000), "two codecs are one song");
    assert_eq!(beta.entry.added, AT, "when the first of them came");
    let held: Vec<_> = beta.tracks[0].held.iter().map(|held| held.file.root).collect();
    assert_eq!(held, [root("b1 bytes"), root("b1 mp3"), root("b1 broken")]);
    assert_eq!(beta.tracks[0].cover_root, Some(root("cover")));
    assert_eq!(beta.tracks[0].album_title.as_deref(), Some("Beta"));
    assert!(snapshot.album_with_tracks(id("Known only")).await.expect("album").is_none(), "nothing of it is held");
    assert!(snapshot.album_with_tracks(id("nowhere")).await.expect("album").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn artists_have_the_albums_that_credit_them() {
    let (_archive, catalog) = library().await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let index = snapshot.artists_index().await.expect("artists");
    let index: Vec<(&str, i64)> = index.iter().map(|entry| (entry.artist.name.as_str(), entry.albums)).collect();
    assert_eq!(index, [("Ana", 2), ("Various", 1), ("Zoë", 1)]);
    let ana = snapshot.artist_with_albums(id("Ana")).await.expect("artist").expect("there");
    let albums: Vec<&str> = ana.albums.iter().map(|entry| entry.album.title.as_str()).collect();
    assert_eq!(albums, ["alpha", "Gamma"]);
    assert_eq!(ana.entry.albums, 2);
    let zoe = snapshot.artist_with_albums(id("Zoë")).await.expect("artist").expect("there");
    assert_eq!(zoe.entry.cover_root, Some(root("cover")));
    assert!(snapshot.artist_with_albums(id("nobody")).await.expect("artist").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn random_tracks_are_held_ones() {
    let (_archive, catalog) = library().await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let all = snapshot.random_tracks(7, 99, None).await.expect("tracks");
    let mut titles: Vec<&str> = all.iter().map(|entry| entry.track.title.as_str()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["a1", "b1", "b2", "g1", "single"]);
    assert_eq!(snapshot.random_tracks(7, 2, None).await.expect("tracks"), all[..2]);
    assert_eq!(snapshot.random_tracks(7, 9, Some(1999..=1999)).await.expect("tracks").len(), 5);
    assert!(snapshot.random_tracks(7, 9, Some(2000..=2001)).await.expect("tracks").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_shows_all_that_is_known() {
    let (_archive, catalog) = library().await;
    let listens = |count, popularity, second| Listens {
        recording_id: id("mb b1"),
        as_of: AT.plus_seconds(second),
        count,
        popularity,
    };
    let batch = Batch {
        tracks: vec![track("mb b1", "Zoë", None)],
        links: vec![recording("1", "b1", "mb b1", 0)],
        listens: vec![listens(10, 50, 1), listens(5, 40, 0)],
        supplements: vec![Supplement {
            source: "musicbrainz".into(),
            kind_of: "track".into(),
            id: id("b1"),
            kind: "genre".into(),
            value: "folk".into(),
            licence: None,
        }],
        rights: vec![(&decision("d", fonoteca_model::rights::SubjectKind::Artist, &id("Zoë").to_string())).into()],
        ..Batch::default()
    };
    commit(&catalog, "import", 0, batch).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let details = snapshot.track_details(id("b1")).await.expect("track").expect("there");
    assert_eq!((details.entry.recording_id, details.entry.popularity, details.listens), (id("mb b1"), 50, 10));
    assert_eq!(details.album.expect("album").title, "Beta");
    assert_eq!(details.artists[0].name, "Zoë");
    assert_eq!(details.versions, [id("mb b1")]);
    assert_eq!(details.supplements[0].value, "folk");
    let mut blobs: Vec<_> = details.decisions.iter().map(|(root, decisions)| (*root, decisions.len())).collect();
    blobs.sort_unstable();
    let mut expected = [root("b1 bytes"), root("b1 mp3"), root("b1 broken")].map(|root| (root, 1));
    expected.sort_unstable();
    assert_eq!(blobs, expected);
    let unheld = snapshot.track_details(id("mb b1")).await.expect("track").expect("there");
    assert!(unheld.entry.held.is_empty() && unheld.decisions.is_empty() && unheld.album.is_none());
    assert!(snapshot.track_details(id("nowhere")).await.expect("track").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn albums_of_any_source_are_in_the_order_of_their_folded_titles() {
    let (_archive, catalog) = Archive::new().await;
    let mut batch = Batch { artists: vec![artist("Ana")], ..Batch::default() };
    let titles = ["Zebra", "élan", "Echo", "Ábaco", "beta"];
    for title in titles {
        let source = if title == "Echo" { "local" } else { "musicbrainz" };
        batch.albums.push(Album { source: source.into(), date: Some("1999".into()), ..album(title, "Ana") });
        batch.tracks.push(track(&format!("{title} 1"), "Ana", Some(title)));
        batch.holdings.push(holding(&format!("{title} 1"), title));
        batch.files.push(file(title));
    }
    commit(&catalog, "job", 0, batch).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let expected = ["Ábaco", "beta", "Echo", "élan", "Zebra"];
    for order in [
        AlbumOrder::AlphabeticalByName,
        AlbumOrder::AlphabeticalByArtist,
        AlbumOrder::ByYear(1999..=1999),
        AlbumOrder::ByYearDescending(1999..=1999),
    ] {
        assert_eq!(listed(&snapshot, order.clone(), 0, 10).await, expected, "{order:?}");
    }
    let ana = snapshot.artist_with_albums(id("Ana")).await.expect("artist").expect("there");
    let albums: Vec<&str> = ana.albums.iter().map(|entry| entry.album.title.as_str()).collect();
    assert_eq!(albums, expected);
}
