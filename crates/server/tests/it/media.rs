//! Streams, downloads and covers.

use fonoteca_audio::scale::dimensions;
use fonoteca_testkit::sample;
use serde_json::Value;

use crate::world::World;

async fn first_song(world: &World, words: &str) -> Value {
    world.ask("search3", &format!("query={words}")).await["searchResult3"]["song"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_byte_for_byte_and_in_ranges() {
    let world = World::new().await;
    let song = first_song(&world, "minuet").await;
    let id = format!("id={}", song["id"].as_str().expect("an id"));
    let folder = sample().join("Clara Monte/Teclas Antiguas (2019)");
    let file = std::fs::read_dir(folder).expect("listed").filter_map(Result::ok).map(|entry| entry.path());
    let file = file.into_iter().find(|path| path.to_string_lossy().contains("Minuet")).expect("the minuet");
    let original = std::fs::read(file).expect("read");
    for endpoint in ["stream", "download"] {
        let response = world.fetch(&world.ana, endpoint, &id).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], song["contentType"].as_str().expect("a type"));
        assert_eq!(response.headers()["accept-ranges"], "bytes");
        assert_eq!(response.bytes().await.expect("bytes"), original, "{endpoint}");
    }
    let whole = world.fetch(&world.ana, "stream", &id).await;
    let tag = whole.headers()["etag"].to_str().expect("text").to_owned();
    let path = whole.url().as_str().split_once("/rest").map(|(_, path)| format!("/rest{path}")).expect("a path");
    let part = world.get_with(&path, &[("range", "bytes=100-199")]).await;
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], format!("bytes 100-199/{}", original.len()));
    assert_eq!(part.bytes().await.expect("bytes"), original[100..200]);
    let end = world.get_with(&path, &[("range", "bytes=-7"), ("if-range", &tag)]).await;
    assert_eq!(end.bytes().await.expect("bytes"), original[original.len() - 7..]);
    let beyond = world.get_with(&path, &[("range", &format!("bytes={}-", original.len()))]).await;
    assert_eq!(beyond.status(), 416);
    assert_eq!(world.get_with(&path, &[("if-none-match", &tag)]).await.status(), 304);
    let other = world.get_with(&path, &[("range", "bytes=0-1"), ("if-range", "\"other\"")]).await;
    assert_eq!(other.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_copy_for_who_asks_for_one() {
    let world = World::new().await;
    let song = first_song(&world, "minuet").await;
    let id = format!("id={}", song["id"].as_str().expect("an id"));
    let copy = world.fetch(&world.ana, "stream", &format!("{id}&maxBitRate=64&format=mp3")).await;
    assert_eq!(copy.headers()["content-type"], "audio/mpeg");
    let bytes = copy.bytes().await.expect("bytes");
    let seconds = song["duration"].as_u64().expect("seconds");
    let expected = seconds * 64_000 / 8;
    assert!((expected / 2..expected * 2).contains(&(bytes.len() as u64)), "{} bytes of {seconds} s", bytes.len());
    assert!(bytes.starts_with(b"ID3") || bytes[0] == 0xff, "an MP3");
    let later = world.fetch(&world.ana, "stream", &format!("{id}&format=mp3&maxBitRate=64&timeOffset=10")).await;
    assert!((later.bytes().await.expect("bytes").len() as u64) < bytes.len() as u64);
    let wrong = world.ask("stream", &format!("{id}&format=exe")).await;
    assert_eq!(wrong["error"]["code"], 0, "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn covers_by_any_id() {
    let world = World::new().await;
    let song = first_song(&world, "minuet").await;
    let original = std::fs::read(sample().join("Clara Monte/Teclas Antiguas (2019)/cover.jpg")).expect("read");
    for name in ["id", "albumId", "artistId", "coverArt"] {
        let id = song[name].as_str().unwrap_or_else(|| panic!("{name} in {song}"));
        let cover = world.fetch(&world.ana, "getCoverArt", &format!("id={id}")).await;
        assert_eq!(cover.headers()["content-type"], "image/jpeg", "{name}");
        assert_eq!(cover.bytes().await.expect("bytes"), original, "{name}");
    }
    let id = song["coverArt"].as_str().expect("an id");
    for (size, side) in [(1, 1), (100, 100), (399, 399)] {
        let cover = world.fetch(&world.ana, "getCoverArt", &format!("id={id}&size={size}")).await;
        assert_eq!(cover.headers()["content-type"], "image/jpeg");
        let tag = cover.headers()["etag"].clone();
        let path = cover.url().as_str().split_once("/rest").map(|(_, path)| format!("/rest{path}")).expect("a path");
        let bytes = cover.bytes().await.expect("bytes");
        assert_eq!(dimensions("image/jpeg", &bytes), Some((side, side)), "{size}");
        assert!(side > 200 || bytes.len() < original.len(), "{} of {} bytes", bytes.len(), original.len());
        let tag = tag.to_str().expect("text");
        assert_eq!(world.get_with(&path, &[("if-none-match", tag)]).await.status(), 304);
        let part = world.get_with(&path, &[("range", "bytes=2-9")]).await;
        assert_eq!((part.status().as_u16(), part.bytes().await.expect("bytes")), (206, bytes.slice(2..10)));
    }
    // The sample's cover has 400 pixels a side: it is never made larger, nor coded again for nothing.
    for size in ["", "0", "400", "401", "4000000000"] {
        let cover = world.fetch(&world.ana, "getCoverArt", &format!("id={id}&size={size}")).await;
        assert_eq!(cover.bytes().await.expect("bytes"), original, "size={size}");
    }
    assert_eq!(world.ask("getCoverArt", &format!("id={id}&size=large")).await["error"]["code"], 0);
    for wrong in ["id=", "id=tr-0000000000000001", "id=al-0000000000000001", "id=../x"] {
        assert_eq!(world.ask("getCoverArt", wrong).await["error"]["code"], 70, "{wrong}");
    }
}
