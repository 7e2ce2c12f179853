//! `review`: held files against a catalogue.

use fonoteca_catalog::{Album, Batch, Track};
use fonoteca_model::Id;
use serde_json::Value;

use crate::duplicates::ffmpeg;
use crate::links::{commit, told};
use crate::world::{World, sample};

const LENGTH_MS: i64 = 29_000;

/// A track of the catalogue of the length of what is held.
fn known(artist: &str, title: &str, more: impl FnOnce(&mut Track)) -> Track {
    let mut track = Track { duration_ms: Some(LENGTH_MS), ..told("musicbrainz", artist, title, None) };
    more(&mut track);
    track
}

/// A piece of music for each, tagged anew; none without ffmpeg.
fn with_files(files: &[(&str, &[&str])]) -> Option<World> {
    let world = World::with_archive();
    std::fs::create_dir(world.path("music")).unwrap();
    let pieces = [
        "Clara Monte/Teclas Antiguas (2019)/01 Minuet in G.flac",
        "Clara Monte/Teclas Antiguas (2019)/02 Für Elise.flac",
        "Clara Monte/Teclas Antiguas (2019)/03 Ode to Joy.flac",
        "Harbour Lights/The Long Way Home (2021)/Disc 1/01 Greensleeves.ogg",
    ];
    for ((name, tags), piece) in files.iter().zip(pieces) {
        let from = sample().join(piece);
        let mut options = vec!["-t", "20", "-map_metadata", "-1", "-map", "0:a"];
        tags.iter().for_each(|tag| options.extend(["-metadata", tag]));
        if !ffmpeg(&from, &world.path("music").join(name), &options) {
            return None;
        }
    }
    Some(world)
}

fn doubts(world: &World, more: &[&str]) -> Vec<Value> {
    let said = world.here(&[&["review", "--json"], more].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    said.json()
}

/// What a held file is one with, by the titles of others.
fn one_with(world: &World, title: &str) -> Vec<String> {
    let found = world.here(&[
        "sql",
        &format!("SELECT id FROM tracks WHERE source = 'local' AND title = '{title}'"),
        "--format",
        "json",
    ]);
    let id = Id(found.one()["id"].as_i64().unwrap()).to_string();
    let shown = world.here(&["links", "show", &id, "--json"]).json();
    let members = shown.iter().flat_map(|shown| shown["members"].as_array().unwrap());
    let others = members.filter(|member| member["source"] != "local");
    others.map(|member| member["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_in_doubt_is_listed_and_decided_for_good() {
    let world = with_files(&[
        ("a.flac", &["artist=Clara Monte", "title=Lantern Street", "ISRC=ZZFON2600001"]),
        ("b.flac", &["artist=Clara Monte", "title=Winter Garden", "ISRC=ZZFON2600002"]),
        ("c.flac", &["artist=Clara Monte", "title=Paper Boats"]),
    ]);
    let Some(world) = world else { return };
    let taken = world.here(&["ingest", "music", "--basis", "own-work"]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    let catalogue = vec![
        // The same code, and another length than any slack allows.
        known("Clara Monte", "Lantern Street", |track| {
            track.isrc = Some("ZZFON2600001".into());
            track.duration_ms = Some(95_000);
        }),
        // The same code on something else.
        known("Nobody Else", "Quite Different", |track| track.isrc = Some("ZZFON2600002".into())),
        // Longer by far, by names alone; and what is no candidate at all.
        known("Clara Monte", "Paper Boats", |track| track.duration_ms = Some(26_000)),
        known("Clara Monte", "Paper Boats (Live)", |_| {}),
        known("Other People", "Unrelated", |_| {}),
    ];
    commit(&world.path("archive"), "catalogue", Batch { tracks: catalogue, ..Batch::default() });
    assert_eq!(world.here(&["index", "rebuild"]).code, 0);

    let found = doubts(&world, &[]);
    let candidate = |title: &str| {
        let doubt = found.iter().find(|doubt| doubt["held"]["title"] == title).unwrap_or_else(|| panic!("{found:?}"));
        assert_eq!(doubt["candidates"].as_array().unwrap().len(), 1, "{doubt}");
        doubt["candidates"][0].clone()
    };
    assert_eq!(found.len(), 3);
    let (street, garden, boats) = (candidate("Lantern Street"), candidate("Winter Garden"), candidate("Paper Boats"));
    assert_eq!((&street["reason"], &street["sure"]), (&"isrc".into(), &false.into()));
    assert_eq!((&garden["reason"], &garden["sure"]), (&"isrc".into(), &false.into()));
    assert_eq!((&boats["reason"], &boats["sure"]), (&"artist-title-duration".into(), &false.into()));
    assert_eq!(boats["candidate"]["title"], "Paper Boats");
    let score = |candidate: &Value| candidate["score"].as_f64().unwrap();
    assert!(score(&street) > 0.8 && score(&garden) < 0.7, "{street} {garden}");
    assert_eq!(doubts(&world, &["--reason", "isrc", "--min-score", "0.8"]).len(), 1);

    // One by one, by rule, and never again what was refused.
    let id = |candidate: &Value| candidate["id"].as_str().unwrap().to_owned();
    let refused = world.here(&["review", "refuse", &id(&garden), "--json"]);
    assert_eq!((refused.code, &refused.one()["decided"]), (0, &1.into()), "{}", refused.err);
    assert_eq!(doubts(&world, &[]).len(), 2);
    assert_eq!(world.here(&["review", "accept", "--reason", "isrc", "--min-score", "0.8"]).code, 2, "it asks first");
    let accepted = world.here(&["review", "accept", "--reason", "isrc", "--min-score", "0.8", "--yes", "--json"]);
    assert_eq!(
        (accepted.code, &accepted.one()["accepted"]),
        (0, &serde_json::json!([id(&street)])),
        "{}",
        accepted.err
    );
    assert_eq!(one_with(&world, "Lantern Street"), ["Clara Monte – Lantern Street"]);
    assert_eq!(one_with(&world, "Winter Garden"), Vec::<String>::new());
    for _ in 0..2 {
        assert_eq!(world.here(&["links", "join", "--all"]).code, 0);
        let left = doubts(&world, &[]);
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(left[0]["held"]["title"], "Paper Boats");
        assert_eq!(one_with(&world, "Winter Garden"), Vec::<String>::new());
    }
    let again = world.here(&["review", "accept", &id(&garden)]);
    assert_eq!(again.code, 2, "{}", again.err);
    assert!(again.err.contains("not in doubt"), "{}", again.err);
    // An acceptance can be taken back as any join, and the pair is then refused.
    let link = world
        .here(&["sql", "SELECT id FROM links WHERE reason = 'isrc' ORDER BY at DESC LIMIT 1", "--format", "json"])
        .one();
    assert_eq!(world.here(&["links", "undo", link["id"].as_str().unwrap(), "--yes"]).code, 0);
    assert_eq!(doubts(&world, &[]).len(), 1);
    assert_eq!(one_with(&world, "Lantern Street"), Vec::<String>::new());
}

#[test]
fn what_is_sure_is_joined_as_it_comes_in() {
    let world = with_files(&[
        ("a.flac", &["artist=Clara Monte", "title=Lantern Street", "ISRC=ZZFON2600001"]),
        (
            "b.flac",
            &["artist=Кл. М.", "title=Winter Garden", "album=Evening", "track=4", "disc=1", "BARCODE=0724349691704"],
        ),
        ("c.flac", &["artist=Clara Monte", "title=Paper Boats"]),
        ("d.flac", &["artist=Clara Monte", "title=Twice Told"]),
    ]);
    let Some(world) = world else { return };
    let album = Album {
        id: Id::of("musicbrainz", "evening"),
        source: "musicbrainz".into(),
        source_id: "evening".into(),
        title: "Evening".into(),
        fold: "evening".into(),
        artist_credit: "Clara Monte".into(),
        artists: Vec::new(),
        upc: Some("0724349691704".into()),
        mbid: None,
        label: None,
        catalogue_number: None,
        date: None,
        kind: None,
        language: None,
        cover_root: None,
        raw: None,
    };
    let twenty = |track: &mut Track| track.duration_ms = Some(20_000);
    let catalogue = vec![
        known("Clara Monte", "Lantern Street", |track| {
            twenty(track);
            track.isrc = Some("ZZFON2600001".into());
        }),
        known("Clara Monte", "Winter Garden", |track| {
            twenty(track);
            track.album_id = Some(album.id);
            track.disc = Some(1);
            track.number = Some(4);
        }),
        known("Clara Monte", "Paper Boats", |track| {
            twenty(track);
            track.mbid = Some("3f1b2c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d".into());
        }),
        // Two recordings of one name and length: which of them it is, nobody can tell.
        known("Clara Monte", "Twice Told", |track| {
            twenty(track);
            track.mbid = Some("11111111-5e6f-4a7b-8c9d-0e1f2a3b4c5d".into());
        }),
        known("Clara Monte", "Twice told", |track| {
            twenty(track);
            track.mbid = Some("22222222-5e6f-4a7b-8c9d-0e1f2a3b4c5d".into());
        }),
    ];
    commit(&world.path("archive"), "catalogue", Batch { tracks: catalogue, albums: vec![album], ..Batch::default() });
    assert_eq!(world.here(&["index", "rebuild"]).code, 0);
    let taken = world.here(&["ingest", "music", "--basis", "own-work"]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    let reasons = world
        .here(&[
            "sql",
            "SELECT reason, count(*) AS links FROM links GROUP BY reason ORDER BY reason",
            "--format",
            "json",
        ])
        .json();
    let reasons: Vec<(&str, i64)> =
        reasons.iter().map(|row| (row["reason"].as_str().unwrap(), row["links"].as_i64().unwrap())).collect();
    assert_eq!(reasons, [("artist-title-duration", 1), ("isrc", 1), ("upc-position", 1)]);
    let left = doubts(&world, &[]);
    assert_eq!(left.len(), 1, "{left:?}");
    let candidates = left[0]["candidates"].as_array().unwrap();
    assert_eq!((candidates.len(), &candidates[0]["sure"], &candidates[1]["sure"]), (2, &true.into(), &true.into()));
    // By rule nothing is accepted where two are as likely; one by one it is.
    let by_rule = world.here(&["review", "accept", "--min-score", "0.5", "--yes", "--json"]);
    assert!(by_rule.err.contains("nothing in doubt"), "{}{}", by_rule.out, by_rule.err);
    assert_eq!(world.here(&["review", "accept", candidates[1]["id"].as_str().unwrap()]).code, 0);
    assert_eq!(doubts(&world, &[]).len(), 0);
    assert_eq!(one_with(&world, "Twice Told").len(), 1);
}
