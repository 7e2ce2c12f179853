//! Machine output is a contract: these fields are there, whatever else is.

use crate::world::{World, assert_fields};

#[test]
fn stats() {
    let stats = World::with_sample().here(&["stats", "--json"]).one();
    let counts = [
        "artists",
        "albums",
        "tracks",
        "recordings",
        "files",
        "blobs",
        "bytes",
        "malformed",
        "damaged",
        "listens",
        "version",
    ];
    assert_fields(&stats, &counts);
    assert!(counts.iter().all(|count| stats[count].is_i64()), "{stats}");
    assert_eq!((&stats["malformed"], &stats["damaged"]), (&1.into(), &0.into()));
    assert_eq!(stats["listens"], 300);
    assert!(stats["recordings"].as_i64() < stats["tracks"].as_i64(), "one recording is there in two codecs: {stats}");
}

#[test]
fn search_and_lookup() {
    let world = World::with_sample();
    let fields = ["kind", "id", "title", "artist", "album", "isrc", "year", "popularity", "held", "score"];
    let hits = world.here(&["search", "scarborough", "fair", "--json"]).json();
    assert_fields(&hits[0], &fields);
    assert_eq!((&hits[0]["kind"], &hits[0]["title"]), (&"track".into(), &"Scarborough Fair".into()));
    assert_eq!((&hits[0]["popularity"], &hits[0]["held"]), (&100.into(), &true.into()));
    let id = hits[0]["id"].as_str().unwrap();
    assert_eq!(id.len(), 16);

    let known = world.here(&["lookup", "zz-fn2-21-00002", "--json"]).one();
    assert_fields(&known, &fields);
    assert_eq!(known["id"], id);
    let file = &known["files"][0];
    assert_fields(file, &["root", "codec", "bytes", "duration_ms", "basis"]);
    assert!(file["bytes"].is_u64() && file["duration_ms"].is_u64());
    assert_eq!(file["basis"], "licensed");
    let by_root = world.here(&["lookup", file["root"].as_str().unwrap(), "--json"]).one();
    assert_eq!(by_root["id"], id);
}

#[test]
fn rights_show() {
    let shown = World::with_sample().here(&["rights", "show", "ZZFN32200005", "--json"]).one();
    assert_fields(&shown, &["subject", "basis", "licence", "spdx", "uses", "why"]);
    assert_fields(&shown["uses"], &["stream", "distribute", "dataset", "derive", "commercial"]);
    assert_eq!((&shown["basis"], &shown["uses"]["stream"]), (&"private-copy".into(), &true.into()));
    assert_eq!(shown["uses"]["distribute"], false);
    assert!(shown["why"].as_array().unwrap().iter().all(|why| why.as_str().unwrap().len() > 20));
}

#[test]
fn verify_and_releases() {
    let world = World::with_sample();
    assert_fields(&world.here(&["verify", "--json"]).one(), &["checked", "damaged", "missing", "bytes", "seconds"]);
    assert_eq!(world.here(&["release", "build", "one", "--yes"]).code, 0);
    let listed = world.here(&["release", "list", "--json"]).one();
    assert_eq!(listed["release"], "one");
    for torrent in listed["torrents"].as_array().unwrap() {
        assert_fields(torrent, &["name", "variants", "files", "bytes", "popularity", "listens_share"]);
        let kinds: Vec<&str> =
            torrent["variants"].as_array().unwrap().iter().map(|variant| variant["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["hybrid", "v1"]);
        for variant in torrent["variants"].as_array().unwrap() {
            assert_fields(variant, &["kind", "path", "infohash_v1", "infohash_v2", "magnet"]);
            assert_eq!(variant["infohash_v1"].as_str().map(str::len), Some(40));
            assert!(variant["magnet"].as_str().unwrap().starts_with("magnet:?xt=urn:bt"));
        }
    }
    let verdict = world.here(&["release", "verify", "one", "--json"]).one();
    assert_fields(&verdict, &["checked", "damaged", "missing", "bytes", "seconds"]);
}
