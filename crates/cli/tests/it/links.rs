//! `links`

use std::path::Path;
use std::sync::Arc;

use fonoteca_archive::Archive;
use fonoteca_catalog::{Batch, Credit, Track};
use fonoteca_model::{Id, Timestamp};

use crate::world::World;

pub fn told(source: &str, artist: &str, title: &str, isrc: Option<&str>) -> Track {
    Track {
        id: Id::of(source, title),
        source: source.into(),
        source_id: title.into(),
        title: title.into(),
        artist_credit: artist.into(),
        artists: vec![Credit { artist_id: Id::of(source, artist), role: "main".into(), name: artist.into() }],
        album_id: None,
        disc: None,
        number: None,
        duration_ms: Some(200_000),
        isrc: isrc.map(Into::into),
        mbid: None,
        date: None,
        label: None,
        language: None,
        explicit: None,
        raw: None,
    }
}

/// Rows as an import writes them.
fn import(archive: &Path, number: i64, tracks: Vec<Track>) {
    commit(archive, &format!("import-test-{number}"), Batch { tracks, ..Batch::default() });
}

/// Commits rows as they are.
pub fn commit(archive: &Path, job: &str, batch: Batch) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let archive = Archive::open(archive, Arc::new(|| Timestamp::from_seconds(1_793_620_800))).await.unwrap();
        let writer = archive.catalog().writer().await.unwrap();
        writer.commit(job, 0, batch).await.unwrap();
    });
}

#[test]
fn what_is_one_is_found_shown_and_taken_back_for_good() {
    let world = World::with_archive();
    let archive = world.path("archive");
    import(
        &archive,
        0,
        vec![
            told("shop", "Ana Ferreira", "Long Way Down", Some("ZZFON2600001")),
            told("tags", "Ferreira, Ana", "long way down (remastered 2010)", None),
            told("press", "A. Ferreira", "Long Wya Down", Some("ZZFON2600001")),
            told("live", "Ana Ferreira", "Long Way Down (Live)", None),
        ],
    );
    let dry = world.here(&["links", "join", "--dry-run", "--json"]).one();
    assert_eq!((&dry["written"], &dry["everything"]), (&0.into(), &true.into()));
    assert_eq!(dry["joins"]["recording"], serde_json::json!({"isrc": 1, "artist-title-duration": 1}));
    assert_eq!(world.here(&["stats", "--json"]).one()["recordings"], 4, "nothing was written");

    let done = world.here(&["links", "join"]);
    assert!(done.out.contains("2 links written") && done.out.contains("isrc"), "{}{}", done.out, done.err);
    assert_eq!(world.here(&["stats", "--json"]).one()["recordings"], 2);
    assert_eq!(world.here(&["links", "join", "--json"]).one()["nothing_new"], true);
    assert_eq!(world.here(&["links", "join", "--all", "--json"]).one()["written"], 0);

    let id = Id::of("shop", "Long Way Down").to_string();
    let shown = world.here(&["links", "show", &id, "--json"]).one();
    let members = shown["members"].as_array().unwrap();
    assert_eq!((members.len(), &shown["entity"]), (3, &"recording".into()));
    assert!(members[0]["link"].is_null() && members[0]["id"] == shown["id"], "{shown}");
    let link = &members[1]["link"];
    assert!(link["score"].as_f64().unwrap() > 0.8 && link["at_ms"].is_i64(), "{link}");
    let (link, apart) = (link["id"].as_str().unwrap(), members[1]["id"].as_str().unwrap());
    assert!(world.here(&["links", "show", &id]).out.contains(link));

    let asked = world.here(&["links", "undo", link]);
    assert_eq!(asked.code, 2);
    assert!(asked.err.contains(apart) && asked.err.contains("add --yes"), "{}", asked.err);
    assert_eq!(world.here(&["links", "undo", link, "--yes"]).code, 0);
    assert_eq!(world.here(&["stats", "--json"]).one()["recordings"], 3);
    let again = world.here(&["links", "join", "--all", "--json"]).one();
    assert_eq!(again["written"], 0, "{again}");
    assert!(again["taken_back"].as_u64().unwrap() > 0);
    let twice = world.here(&["links", "undo", link, "--yes"]);
    assert!(twice.code == 2 && twice.err.contains("taken back"), "{}", twice.err);
    let unknown = world.here(&["links", "undo", "nonsense", "--yes"]);
    assert!(unknown.code == 2 && unknown.err.contains("links show"), "{}", unknown.err);

    // What comes later is asked about, and finds its place.
    import(&archive, 1, vec![told("late", "Ana Ferreira", "Long Way Down [Live]", None)]);
    let later = world.here(&["links", "join", "--json"]).one();
    assert_eq!((&later["written"], &later["everything"]), (&1.into(), &false.into()), "{later}");
    let nothing = world.here(&["links", "show", "00000000000000aa"]);
    assert!(nothing.code == 1 && nothing.err.contains("no link"), "{}", nothing.err);
    assert!(!archive.join("state/identity").exists(), "nothing is left waiting");
}

#[test]
fn one_run_at_a_time_and_what_a_killed_one_left_is_swept_away() {
    let world = World::with_archive();
    let state = world.path("archive/state");
    let lock = std::fs::File::create(state.join("identity.lock")).unwrap();
    lock.lock().unwrap();
    let refused = world.here(&["links", "join"]);
    assert!(refused.code == 4 && refused.err.contains("another"), "{}", refused.err);
    drop(lock);
    std::fs::create_dir_all(state.join("identity")).unwrap();
    std::fs::write(state.join("identity/tracks-0"), "half").unwrap();
    assert_eq!(world.here(&["links", "join"]).code, 0);
    assert!(!state.join("identity").exists());
}
