//! What follows from another column is left out of the tables, and seen nowhere else.

use fonoteca_catalog::arrow::array::AsArray as _;
use fonoteca_catalog::{Album, Artist, Batch, Credit, Snapshot, Track};

use crate::archive::{Archive, commit, everything, sorted};
use crate::sample::{album, artist, credit, id, track};

/// All texts of one column, in the order of the query.
async fn texts(snapshot: &Snapshot, query: &str) -> Vec<String> {
    let batches = snapshot.sql(query).await.expect("an answer");
    let columns = batches.iter().map(|batch| batch.column(0).as_string::<i32>());
    columns.flatten().map(|text| text.expect("no null").to_owned()).collect()
}

/// Rows whose credit is one name, or several, or more than names; with a second role; and without anybody.
fn credited() -> Batch {
    let also = |role: &str, name: &str| Credit { role: role.into(), ..credit(name) };
    Batch {
        albums: vec![
            album("a", "Zoë"),
            Album { artists: vec![credit("Zoë"), credit("Ana")], ..album("b", "Zoë & Ana") },
            Album { artists: Vec::new(), ..album("c", "Various Artists") },
        ],
        tracks: vec![
            Track {
                artists: vec![credit("Zoë"), also("composer", "Zoë"), also("mixer", "zoë")],
                ..track("d", "Zoë", None)
            },
            Track { artists: vec![credit("Zoë"), also("featured", "Ana")], ..track("e", "Zoë feat. Ana", None) },
            track("f", "", None),
            Track { artists: vec![credit("Zoë"), also("featured", "Ana")], ..track("g", "Zoë presents Ana", None) },
        ],
        ..Batch::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_left_out_where_the_credit_has_them() {
    let (archive, catalog) = Archive::new().await;
    commit(&catalog, "job", 0, credited()).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let raw = |table: &str| {
        format!(
            "SELECT a['name'] FROM (SELECT title, unnest(artists) AS a FROM {table}) AS credits ORDER BY title, a['role']"
        )
    };
    assert_eq!(texts(&snapshot, &raw("albums")).await, ["", "", ""]);
    assert_eq!(texts(&snapshot, &raw("tracks")).await, ["", "", "zoë", "", "", "", "Ana", "Zoë"]);
    assert_eq!(everything(&catalog).await, sorted(credited()));
    assert_eq!(everything(&archive.open().await).await, sorted(credited()), "also in another process");
    // A part of what was read in one piece.
    let last: Vec<Track> = snapshot.rows("title > 'd' ORDER BY title LIMIT 1").await.expect("rows");
    assert_eq!(last, [credited().tracks[1].clone()]);
}

/// What is ingested, and what somebody else states.
fn folded() -> Batch {
    let source = || "musicbrainz".to_owned();
    Batch {
        artists: vec![
            artist("Beyoncé"),
            Artist { id: id("mb"), source: source(), ..artist("Zoë & Söhne") },
            artist("!"),
        ],
        albums: vec![album("Élan", "Zoë"), Album { id: id("mb"), source: source(), ..album("Straße", "Zoë") }],
        ..Batch::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folded_names_are_left_out_where_nobody_looks_rows_up_by_them() {
    let (_archive, catalog) = Archive::new().await;
    commit(&catalog, "job", 0, folded()).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert_eq!(texts(&snapshot, "SELECT fold FROM artists ORDER BY name").await, ["", "beyonce", ""]);
    assert_eq!(texts(&snapshot, "SELECT fold FROM albums ORDER BY title").await, ["", "elan"]);
    let any = "SELECT coalesce(nullif(fold, ''), fold(name)) FROM artists ORDER BY name";
    assert_eq!(texts(&snapshot, any).await, ["", "beyonce", "zoe sohne"]);
    assert_eq!(texts(&snapshot, "SELECT fold('Łódź – Ünî')").await, ["lodz uni"], "of a constant, too");
    assert_eq!(everything(&catalog).await, sorted(folded()));
    let keys = ["beyonce", "zoe sohne"].map(str::to_owned);
    let found = snapshot.local_artists_by_fold(&keys).await.expect("artists");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["beyonce"], "the other is not `local`");
}
