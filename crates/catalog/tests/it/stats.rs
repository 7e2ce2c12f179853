//! Counts, against what a person counts.

use fonoteca_catalog::{Batch, Event, FileState, Listens, Outcome, Stats, Supplement};

use crate::archive::{Archive, commit};
use crate::sample::{AT, hashes, id, recording, root, song, track};

fn fixity(name: &str, blob: &str, second: i64, outcome: Outcome) -> Event {
    Event {
        id: name.into(),
        at: AT.plus_seconds(second),
        kind: "fixity check".into(),
        subject_kind: "blob".into(),
        subject: root(blob).to_string(),
        outcome,
        detail: None,
        agent: "test".into(),
    }
}

fn listens(name: &str, second: i64, count: i64) -> Listens {
    Listens { recording_id: id(name), as_of: AT.plus_seconds(second), count, popularity: 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_archive_has_nothing() {
    let (_archive, catalog) = Archive::new().await;
    let stats = catalog.snapshot().await.expect("snapshot").stats().await.expect("stats");
    let nothing = Stats {
        artists: 0,
        albums: 0,
        tracks: 0,
        recordings: 0,
        files: 0,
        blobs: 0,
        bytes: 0,
        malformed: 0,
        damaged: 0,
        listens: 0,
        version: 0,
    };
    assert_eq!(stats, nothing);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_what_a_person_counts() {
    let (_archive, catalog) = Archive::new().await;
    let mut ingest = song("a");
    for name in ["b", "c", "d"] {
        ingest.append(song(name));
    }
    ingest.files[1].state = FileState::Malformed;
    commit(&catalog, "job", 0, ingest).await;
    // Statements of another source, of which one is no track of ours and one came without audio.
    let import = Batch {
        tracks: vec![track("mb-a", "x", None), track("mb-b", "x", None)],
        links: vec![
            // a, b and mb-a are one recording by way of a redirect; c was joined to a and taken back; d stands alone.
            recording("1", "a", "mb-a", 0),
            recording("2", "b", "old", 0),
            recording("3", "old", "mb-a", 1),
            recording("4", "c", "mb-a", 0),
            recording("5", "c", "c", 2),
            recording("6", "somewhere else", "mb-b", 0),
        ],
        events: vec![
            fixity("1", "a bytes", 0, Outcome::Failure),
            fixity("2", "a bytes", 1, Outcome::Success),
            fixity("3", "b bytes", 0, Outcome::Success),
            fixity("4", "b bytes", 1, Outcome::Failure),
            fixity("5", "c bytes", 1, Outcome::Success),
            Event { kind: "validation".into(), ..fixity("6", "d bytes", 1, Outcome::Failure) },
        ],
        listens: vec![listens("mb-a", 0, 10), listens("mb-a", 1, 15), listens("mb-a", -1, 90), listens("d", 0, 1)],
        supplements: vec![Supplement {
            source: "x".into(),
            kind_of: "track".into(),
            id: id("a"),
            kind: "genre".into(),
            value: "folk".into(),
            licence: None,
        }],
        ..Batch::default()
    };
    commit(&catalog, "import", 0, import).await;
    let stats = catalog.snapshot().await.expect("snapshot").stats().await.expect("stats");
    let expected = Stats {
        artists: 4,
        albums: 4,
        tracks: 6,
        // {a, b, mb-a}, {c}, {d}, {mb-b}
        recordings: 4,
        files: 4,
        blobs: 4,
        bytes: 4 * hashes("a bytes").size as i64,
        malformed: 1,
        damaged: 1,
        listens: 16,
        version: 1,
    };
    assert_eq!(stats, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_follows_links_and_is_the_same_when_joins_go_to_disk() {
    let (_archive, catalog) = Archive::new().await;
    let mut batch = Batch::default();
    ["a", "b", "c", "silent"].iter().for_each(|name| batch.append(song(name)));
    batch.append(Batch { links: vec![recording("link", "b", "a", 1)], ..Batch::default() });
    let counted = |name: &str, count, second| Listens {
        recording_id: id(name),
        as_of: AT.plus_seconds(second),
        count,
        popularity: if count > 50 { 100 } else { 10 },
    };
    // The latest counts; what is not in the catalogue has listens all the same.
    batch.listens = vec![counted("a", 7, 0), counted("a", 80, 1), counted("c", 10, 0), counted("elsewhere", 10, 0)];
    commit(&catalog, "job", 0, batch).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let coverage = snapshot.coverage().await.expect("coverage");
    assert_eq!((coverage.listens, coverage.recordings_listened), (100, 3));
    assert_eq!((coverage.tracks_listened, coverage.tracks_unlistened), (3, 1));
    let half = coverage.covering[0];
    let bytes = |names: &[&str]| names.iter().map(|name| format!("{name} bytes").len() as i64).sum::<i64>();
    assert_eq!((half.recordings, half.tracks, half.bytes), (1, 2, bytes(&["a", "b"])));
    assert_eq!(coverage.bytes_held, bytes(&["a", "b", "c", "silent"]));
    assert!((coverage.share_held - 0.9).abs() < 1e-9, "{coverage:?}");
    let bands: Vec<_> = coverage.bands.iter().map(|band| (band.recordings, band.tracks, band.listens)).collect();
    assert_eq!(bands, [(1, 2, 80), (0, 0, 0), (0, 0, 0), (2, 1, 20), (0, 1, 0)]);
    assert_eq!(snapshot.coverage_with(0).await.expect("on disk"), coverage);
}
