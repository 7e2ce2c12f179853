//! A withdrawal reaches those who hold a copy.

use fonoteca_torrent::FeedError;
use fonoteca_torrent::feed::{Document, PageRef, Role};
use serde_json::{Value, json};

use super::{Publisher, follower, number, pull};

#[test]
fn what_is_withdrawn_is_dropped_by_mirrors_and_the_rest_is_released_anew() {
    let source = Publisher::of(&["Clara Monte", "Harbour Lights"]);
    let release = source.release("first");
    let mirror = follower(&source.serving.url(), &release.key);
    pull(&mirror, &["--via", "web-seed"]);
    let mirror = Publisher::serving(mirror);
    mirror.publish();

    let found = &source.operator.json(&["search", "scarborough", "fair", "--kind", "track"])[0];
    let known = source.operator.object(&["lookup", found["id"].as_str().expect("an id")]);
    let root = known["files"][0]["root"].as_str().expect("a root").to_owned();
    let seeded = web_seed_path(&source, &root);
    for server in [&source, &mirror] {
        assert_eq!(server.serving.get(&seeded).0, 200);
    }

    source.operator.json(&["rights", "withdraw", &root, "--reason", "the singer asked", "--yes"]);
    source.serving.wait(&seeded, |status, _| status == 451);
    let feed = source.publish();
    assert_eq!((number(&feed, "withdrawals"), &feed["left_out"]), (1, &json!(["first-p000-0001"])));
    assert_eq!(mirror.serving.get(&seeded).0, 200, "nobody has told the mirror yet");

    let report = pull(&mirror.operator, &[]);
    assert_eq!((number(&report, "withdrawn"), number(&report, "fetched_bytes")), (1, 0));
    mirror.serving.wait(&seeded, |status, _| status == 451);
    assert!(!mirror.operator.blob(&root).exists(), "dropped");
    assert!(source.operator.blob(&root).exists(), "kept where it came in, but dark");
    let shown = mirror.operator.object(&["rights", "show", &root]);
    assert_eq!(shown["uses"]["stream"], json!(false), "{shown}");
    for server in [&source, &mirror] {
        let hits = server.operator.json(&["search", "scarborough", "fair", "--kind", "track"]);
        assert!(hits.iter().all(|hit| hit["title"] != found["title"]), "{hits:?}");
        let verified = server.operator.object(&["verify"]);
        assert_eq!((&verified["damaged"], &verified["missing"]), (&json!([]), &json!([])));
    }
    assert_eq!(number(&pull(&mirror.operator, &[]), "withdrawn"), 0, "once is enough");
    assert_eq!(number(&mirror.publish(), "withdrawals"), 1, "the mirror's own mirrors hear of it");

    // The torrent with the withdrawn song is gone, and what else was in it is given out again.
    let again = source.release("again");
    assert_eq!(audio_files(&again.torrents), audio_files(&release.torrents) - 1);
    let replaced = v2_hash(&release.torrents[0]);
    assert_eq!(superseded(&source), [("again-p000-0001".to_owned(), json!([replaced]))]);
    let report = pull(&mirror.operator, &["--via", "web-seed"]);
    let tables = again.torrents.iter().filter(|torrent| torrent["role"] == "metadata");
    let tables: u64 = tables.map(|torrent| number(torrent, "bytes")).sum();
    assert!(number(&report, "fetched_bytes") < tables + 200_000, "only what goes with the audio is new: {report}");
    let fresh = follower(&source.serving.url(), &release.key);
    pull(&fresh, &["--via", "bittorrent"]);
    assert!(!fresh.blob(&root).exists());
    assert_eq!(number(&fresh.object(&["feed", "publish", "--yes"]), "withdrawals"), 0, "it never had it");
    mirror.publish();
    assert_eq!(superseded(&mirror), superseded(&source), "the mirror's own mirrors hear of that too");
    assert_eq!(number(&fresh.object(&["stats"]), "files"), number(&mirror.operator.object(&["stats"]), "files") - 1);
}

/// Where the web seed has a blob of the first release.
fn web_seed_path(source: &Publisher, root: &str) -> String {
    let hash = &root[..2];
    let extension = ["flac", "opus", "ogg"]
        .into_iter()
        .find(|extension| source.serving.get(&format!("/webseed/first-p000-0001/{hash}/{root}.{extension}")).0 == 200);
    format!("/webseed/first-p000-0001/{hash}/{root}.{}", extension.expect("it is given out"))
}

fn v2_hash(torrent: &Value) -> &Value {
    assert_eq!(torrent["role"], "audio");
    let variants = torrent["variants"].as_array().expect("variants");
    &variants.iter().find(|variant| variant["kind"] == "hybrid").expect("a hybrid")["infohash_v2"]
}

/// The audio torrents of the feed as it is served that replace others, with what they replace.
fn superseded(publisher: &Publisher) -> Vec<(String, Value)> {
    let (status, bytes) = publisher.serving.get("/feed.json");
    assert_eq!(status, 200);
    let document = Document::from_bytes(&bytes).expect("a feed");
    let read =
        |page: &PageRef| -> Result<Vec<u8>, FeedError> { Ok(publisher.serving.get(&format!("/{}", page.path())).1) };
    let feed = document.assemble(read).expect("its pages are there");
    let torrents =
        feed.torrents.into_iter().filter(|torrent| torrent.role == Role::Audio && !torrent.supersedes.is_empty());
    torrents.map(|torrent| (torrent.name, json!(torrent.supersedes))).collect()
}

fn audio_files(torrents: &[Value]) -> usize {
    torrents.iter().filter(|torrent| torrent["role"] == "audio").map(|torrent| number(torrent, "files") as usize).sum()
}
