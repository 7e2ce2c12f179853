//! Tracks that are parts of a file, and the words of songs.

use fonoteca_archive::ingest::{Options, ingest};
use fonoteca_model::Silent;
use fonoteca_model::rights::Basis;
use fonoteca_testkit::noise;
use serde_json::{Value, json};

use crate::world::World;

/// A server with these files taken in from one folder.
async fn with(files: &[(&str, &[u8])]) -> World {
    let world = World::empty().await;
    let music = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        std::fs::write(music.path().join(name), bytes).expect("written");
    }
    let options = Options::new(vec![music.path().to_owned()], Basis::OwnWork, "test", "test");
    let summary = ingest(&world.archive, &options, &Silent, &mut |_| ()).await.expect("ingested");
    assert!(summary.added > 0, "{summary:?}");
    world
}

async fn song(world: &World, words: &str) -> Value {
    world.ask("search3", &format!("query={words}")).await["searchResult3"]["song"][0].clone()
}

/// Seconds of sound in bytes that ffmpeg can read.
fn seconds(bytes: &[u8]) -> f64 {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("written");
    let decoded = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file.path())
        .args(["-f", "s16le", "-ac", "1", "-ar", "8000", "-"])
        .output()
        .expect("ffmpeg");
    decoded.stdout.len() as f64 / 16_000.0
}

const SHEET: &[u8] = b"PERFORMER \"Ana\"\nTITLE \"Night\"\nFILE \"night.wav\" WAVE\n\
    TRACK 01 AUDIO\nTITLE \"Dusk\"\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nTITLE \"Midnight\"\nINDEX 01 00:02:00\n\
    TRACK 03 AUDIO\nTITLE \"Dawn\"\nINDEX 01 00:05:00\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_track_of_a_sheet_plays_its_part() {
    let sound = noise(1, 9_000);
    let world = with(&[("night.wav", &sound), ("night.cue", SHEET)]).await;
    for (title, expected) in [("Dusk", 2), ("Midnight", 3), ("Dawn", 4)] {
        let song = song(&world, title).await;
        assert_eq!((&song["title"], &song["duration"]), (&json!(title), &json!(expected)), "{song}");
        assert_eq!((&song["suffix"], &song["contentType"]), (&json!("flac"), &json!("audio/flac")), "{song}");
        let share = sound.len() as i64 * expected / 9;
        assert!((song["size"].as_i64().expect("bytes") - share).abs() < 1000, "{song}");
        let id = format!("id={}", song["id"].as_str().expect("an id"));
        for query in ["", "&format=raw"] {
            let response = world.fetch(&world.ana, "stream", &format!("{id}{query}")).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], "audio/flac");
            let length = seconds(&response.bytes().await.expect("bytes"));
            assert!((length - expected as f64).abs() < 0.05, "{title}{query}: {length}");
        }
        let kept = world.fetch(&world.ana, "download", &id).await;
        let name = kept.headers()["content-disposition"].to_str().expect("text").to_owned();
        assert!(name.ends_with("%2Eflac"), "{name}");
        assert!((seconds(&kept.bytes().await.expect("bytes")) - expected as f64).abs() < 0.05);
    }
    let id = format!("id={}", song(&world, "Midnight").await["id"].as_str().expect("an id"));
    let later = world.fetch(&world.ana, "stream", &format!("{id}&format=mp3&maxBitRate=64&timeOffset=2")).await;
    let length = seconds(&later.bytes().await.expect("bytes"));
    assert!((0.9..1.4).contains(&length), "one second is left of it: {length}");
    let album = song(&world, "Dawn").await["albumId"].as_str().expect("an id").to_owned();
    let album = world.ask("getAlbum", &format!("id={album}")).await["album"].clone();
    assert_eq!((&album["songCount"], &album["duration"]), (&json!(3), &json!(9)), "{album}");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_with_their_times_and_without() {
    let world = with(&[
        ("night.wav", &noise(1, 9_000)),
        ("night.cue", SHEET),
        ("night.lrc", b"[00:01.00]In the dusk\n[00:03.00]At midnight\n"),
        ("plain.wav", &noise(2, 1_000)),
        ("plain.txt", b"First line\nSecond <line>\n"),
        ("silent.wav", &noise(3, 1_000)),
    ])
    .await;
    let words = async |title: &str| {
        let song = song(&world, title).await;
        assert_eq!(song["title"], title, "{song}");
        let id = song["id"].as_str().expect("an id").to_owned();
        world.ask("getLyricsBySongId", &format!("id={id}")).await["lyricsList"].clone()
    };
    let line = |at: i64, text: &str| json!({"start": at, "value": text});
    let timed = words("Midnight").await;
    assert_eq!(timed["structuredLyrics"][0]["line"], json!([line(1_000, "At midnight")]), "{timed}");
    assert_eq!(timed["structuredLyrics"][0]["synced"], true);
    assert_eq!(words("Dusk").await["structuredLyrics"][0]["line"], json!([line(1_000, "In the dusk")]));
    assert_eq!(words("Dawn").await["structuredLyrics"], json!([]));
    let plain = words("plain").await;
    assert_eq!(plain["structuredLyrics"][0]["line"], json!([{"value": "First line"}, {"value": "Second <line>"}]));
    assert_eq!(plain["structuredLyrics"][0]["synced"], false);
    assert_eq!(words("silent").await["structuredLyrics"], json!([]));
    let asked = world.ask("getLyrics", "artist=Ana&title=midnight").await;
    assert_eq!(asked["lyrics"], json!({"artist": "Ana", "title": "Midnight", "value": "At midnight"}));
    assert_eq!(world.ask("getLyrics", "artist=Nobody&title=midnight").await["lyrics"], json!({"value": ""}));
    assert_eq!(world.ask("getLyricsBySongId", "id=none").await["error"]["code"], 70);
    let extensions = world.ask("getOpenSubsonicExtensions", "").await.to_string();
    assert!(extensions.contains("songLyrics"), "{extensions}");
    let xml = world.fetch(&world.ana, "getLyrics", "title=plain").await.text().await.expect("text");
    assert!(xml.contains("Second &lt;line&gt;</lyrics>"), "{xml}");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_for_who_may_hear_the_song() {
    let world = World::empty().await;
    let music = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(music.path().join("mine.wav"), noise(1, 1_000)).expect("written");
    std::fs::write(music.path().join("mine.lrc"), b"[00:00.10]la").expect("written");
    let options = Options::new(vec![music.path().to_owned()], Basis::PrivateCopy, "test", "test");
    ingest(&world.archive, &options, &Silent, &mut |_| ()).await.expect("ingested");
    let id = format!("id={}", song(&world, "mine").await["id"].as_str().expect("an id"));
    assert_eq!(world.ask("getLyricsBySongId", &id).await["status"], "ok");
    let refused = world.ask_as_bea("getLyricsBySongId", &id).await;
    assert_eq!(refused["error"]["code"], 50, "{refused}");
    assert_eq!(world.ask_as_bea("getLyrics", "title=mine").await["lyrics"], json!({"value": ""}));
}
