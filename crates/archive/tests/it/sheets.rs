//! CUE sheets beside files: several tracks of one file, and sheets that are wrong.

use fonoteca_archive::duplicates::duplicates;
use fonoteca_archive::ingest::Status;
use fonoteca_catalog::{Album, File, Holding, Link, Sameness, Track};
use fonoteca_model::{Id, Silent};

use crate::world::{World, noise};

const SHEET: &str = "REM DATE 1999\nREM GENRE Fado\nPERFORMER \"Ana\"\nTITLE \"Night\"\nFILE \"night.wav\" WAVE\n\
    TRACK 01 AUDIO\nTITLE \"One\"\nISRC USRC17607839\nINDEX 01 00:00:00\n\
    TRACK 02 AUDIO\nTITLE \"Two\"\nPERFORMER \"Bea\"\nINDEX 00 00:01:50\nINDEX 01 00:02:00\n\
    TRACK 03 AUDIO\nINDEX 01 00:04:00\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_makes_one_file_several_tracks() {
    let world = World::new().await;
    world.file("night.wav", &noise(1, 6_000));
    world.file("night.cue", SHEET.as_bytes());
    let (summary, outcomes) = world.ingest("one").await;
    assert_eq!(summary.added, 1, "{outcomes:?}");
    let files: Vec<File> = world.rows().await;
    let root = files[0].root;
    let mut tracks: Vec<Track> = world.rows().await;
    tracks.sort_by_key(|track| track.number);
    let told: Vec<_> = tracks.iter().map(|track| (track.title.as_str(), track.artist_credit.as_str())).collect();
    assert_eq!(told, [("One", "Ana"), ("Two", "Bea"), ("Track 03", "Ana")]);
    let sources: Vec<&str> = tracks.iter().map(|track| track.source_id.as_str()).collect();
    assert_eq!(sources, [format!("{root}#0-2000"), format!("{root}#2000-4000"), format!("{root}#4000-")]);
    assert!(tracks.iter().all(|track| track.id == Id::of("local", &track.source_id)));
    assert_eq!(tracks[0].isrc.as_deref(), Some("USRC17607839"));
    assert!(tracks.iter().all(|track| track.duration_ms == Some(2_000) && track.date.as_deref() == Some("1999")));
    let albums: Vec<Album> = world.rows().await;
    assert_eq!((albums.len(), albums[0].title.as_str(), albums[0].artist_credit.as_str()), (1, "Night", "Ana"));
    assert!(tracks.iter().all(|track| track.album_id == Some(albums[0].id)));
    let mut holdings: Vec<Holding> = world.rows().await;
    holdings.sort_by_key(|holding| holding.start_ms);
    let ranges: Vec<_> = holdings.iter().map(|holding| (holding.start_ms, holding.end_ms)).collect();
    assert_eq!(ranges, [(Some(0), Some(2_000)), (Some(2_000), Some(4_000)), (Some(4_000), None)]);
    let ids: Vec<String> = tracks.iter().map(|track| track.id.to_string()).collect();
    assert_eq!((outcomes[0].track_id.as_ref(), &outcomes[0].track_ids), (ids.first(), &ids));

    // Known again, by looks and by bytes, with the same tracks.
    world.file("copy.wav", &noise(1, 6_000));
    let (summary, outcomes) = world.ingest("two").await;
    assert_eq!((summary.known, summary.unchanged), (2, 1), "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| outcome.track_ids == ids), "{outcomes:?}");
    assert_eq!(world.stats().await.tracks, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_no_copies_and_join_only_the_same_parts() {
    let world = World::new().await;
    let sound = noise(1, 6_000);
    let mut tagged = sound.clone();
    tagged.extend(b"LIST\x12\0\0\0INFOINAM\x06\0\0\0Night\0");
    let size = (tagged.len() - 8) as u32;
    tagged[4..8].copy_from_slice(&size.to_le_bytes());
    world.file("a/night.wav", &sound);
    world.file("a/night.cue", SHEET.as_bytes());
    world.file("b/night.wav", &tagged);
    world.file("b/night.cue", SHEET.as_bytes());
    let mut again = tagged.clone();
    let at = again.len() - 6;
    again[at..at + 5].copy_from_slice(b"Whole");
    world.file("c/whole.wav", &again);
    let (summary, outcomes) = world.ingest("one").await;
    assert_eq!(summary.added, 3, "{outcomes:?}");
    let links: Vec<Link> = world.rows().await;
    assert_eq!(links.len(), 3, "each part with its own, and the whole with none: {links:?}");
    assert!(links.iter().all(|link| link.reason == "same-essence"));
    let mut groups = Vec::new();
    let mut each = |group: &fonoteca_archive::duplicates::Group| groups.push((group.same, group.copies.len()));
    duplicates(&world.archive, &Sameness::ALL, &Silent, &mut each).await.expect("groups");
    assert_eq!(groups, [(Sameness::Essence, 3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_that_is_wrong_is_named_and_the_file_is_one_track() {
    let with_file = |name: &str| SHEET.replace("night.wav", name).into_bytes();
    for (name, sheet, why) in [
        ("outside", with_file("../night.wav"), "not beside the sheet"),
        ("absolute", with_file("/music/night.wav"), "not beside the sheet"),
        ("beyond", SHEET.replace("00:04:00", "00:40:00").into_bytes(), "goes beyond the end"),
        ("disorder", SHEET.replace("00:04:00", "00:01:00").into_bytes(), "begins before the track before it ends"),
        ("twice", SHEET.replace("TRACK 03", "TRACK 02").into_bytes(), "is there twice"),
        ("noise", b"\0\x01\x02 night.wav".to_vec(), "no track of sound"),
    ] {
        let world = World::new().await;
        world.file("night.wav", &noise(1, 6_000));
        world.file("night.cue", &sheet);
        let (summary, outcomes) = world.ingest("one").await;
        assert_eq!(summary.added, 1, "{name}: {outcomes:?}");
        let reason = outcomes[0].reason.as_deref().unwrap_or_default();
        assert!(reason.contains("night.cue") && reason.contains(why), "{name}: {reason}");
        let tracks: Vec<Track> = world.rows().await;
        assert_eq!((tracks.len(), tracks[0].title.as_str()), (1, "night"), "{name}");
        assert_eq!(outcomes[0].status, Status::Added);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sheets_find_their_files_and_say_what_they_miss() {
    let world = World::new().await;
    // Ripped as one WAVE, and called otherwise later; in an encoding of its time, with a second file that is gone.
    world.file("a/Ana.wav", &noise(1, 6_000));
    let sheet = SHEET.replace("night.wav", "CDImage.wav").replace("One", "Zo\u{eb}");
    let old: Vec<u8> = sheet.chars().map(|letter| letter as u8).collect();
    world.file("a/Ana.cue", &old);
    world.file("b/night.wav", &noise(2, 6_000));
    let two = format!("{SHEET}FILE \"gone.wav\" WAVE\nTRACK 04 AUDIO\nINDEX 01 00:00:00\n");
    world.file("b/any.cue", two.as_bytes());
    let (summary, outcomes) = world.ingest("one").await;
    assert_eq!(summary.added, 2, "{outcomes:?}");
    let reason = |end: &str| {
        let outcome = outcomes.iter().find(|outcome| outcome.path.ends_with(end)).expect("an outcome");
        outcome.reason.clone().unwrap_or_default()
    };
    assert!(reason("Ana.wav").contains("Windows-1252"), "{}", reason("Ana.wav"));
    assert!(reason("night.wav").contains("not there: gone.wav"), "{}", reason("night.wav"));
    let tracks: Vec<Track> = world.rows().await;
    assert_eq!(tracks.len(), 6);
    assert!(tracks.iter().any(|track| track.title == "Zo\u{eb}"));
}
