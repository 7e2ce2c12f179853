//! What anyone gets: the feed, releases, web seeds, and peers from the tracker.

use std::collections::BTreeMap;

use fonoteca_archive::{feed, release, rights};
use fonoteca_model::rights::{Subject, SubjectKind};
use fonoteca_model::{BlobHasher, Silent};
use fonoteca_torrent::{Limits, Metainfo, SigningKey};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::world::World;

/// A release of everything that may be given away, published.
async fn publish(world: &World) {
    let key = SigningKey::generate().expect("a key");
    let options = release::Options {
        outside: release::Outside { url: Some(world.url("")), ..release::Outside::default() },
        ..release::Options::new("first")
    };
    release::build(&world.archive, &options, &key, &Silent).await.expect("built");
    let plan = feed::plan(&world.archive, 30).await.expect("planned");
    feed::publish(&world.archive, plan, &key).expect("published");
    // What is given out is looked at anew after two seconds at the latest.
    tokio::time::sleep(std::time::Duration::from_millis(4_500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_given_out_before_it_is_published() {
    let world = World::new().await;
    for path in ["/feed.json", "/feed.json.minisig", "/releases/first/manifest.json", "/webseed/first/aa/b"] {
        assert_eq!(world.get(path).await.status(), 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_by_web_seed_and_tracker() {
    let world = World::new().await;
    publish(&world).await;
    let feed = world.get("/feed.json").await;
    assert_eq!(feed.status(), 200);
    let feed: serde_json::Value = serde_json::from_str(&feed.text().await.expect("text")).expect("JSON");
    assert!(feed["torrents"].as_array().is_some_and(|torrents| !torrents.is_empty()), "{feed:#}");
    assert_eq!(world.get("/feed.json.minisig").await.status(), 200);
    assert_eq!(world.get("/releases/first/manifest.json").await.status(), 200);
    for hidden in ["/releases/first/..%2F..%2Farchive.toml", "/releases/.feeds/00000001.json", "/releases/first/x"] {
        assert_eq!(world.get(hidden).await.status(), 404, "{hidden}");
    }

    let published = world.archive.published().await.expect("published");
    let (name, torrent) = published.torrents.iter().next().expect("a torrent");
    let variants: BTreeMap<&str, &Metainfo> =
        torrent.variants.iter().map(|variant| (variant.file_name.as_str(), &*variant.metainfo)).collect();
    assert_eq!(variants.len(), 2, "hybrid and twin");
    for (file_name, metainfo) in variants {
        let bytes = world.get(&format!("/releases/first/{file_name}")).await;
        assert_eq!(bytes.headers()["content-type"], "application/x-bittorrent");
        let bytes = bytes.bytes().await.expect("bytes");
        assert_eq!(
            &Metainfo::parse(&bytes, &Limits::default()).expect("a torrent").info_hash_v1,
            &metainfo.info_hash_v1
        );
        // The whole torrent as a web-seed client reads it, padding included: its pieces must be right.
        let mut whole = Vec::new();
        for file in &metainfo.files {
            let path: Vec<String> =
                file.path.iter().map(|part| percent_encode(part.as_bytes(), NON_ALPHANUMERIC).to_string()).collect();
            let response = world.get(&format!("/webseed/{name}/{}", path.join("/"))).await;
            assert_eq!(response.status(), 200, "{path:?}");
            let bytes = response.bytes().await.expect("bytes");
            assert_eq!(bytes.len() as u64, file.size);
            if let Some(root) = file.root {
                let mut hasher = BlobHasher::new();
                hasher.update(&bytes);
                assert_eq!(hasher.finish().expect("not empty").root, root);
            }
            whole.extend(bytes);
        }
        assert_eq!(whole.len() as u64, metainfo.total_bytes());
        let hash = metainfo.info_hash_v1.expect("v1");
        let escaped = percent_encode(hash.as_bytes(), NON_ALPHANUMERIC);
        let query = format!("info_hash={escaped}&peer_id=bbbbbbbbbbbbbbbbbbbb&port=6881&left=1");
        let answer = world.get(&format!("/announce?{query}&compact=0")).await.text().await.expect("text");
        let port = world.bound.bittorrent.expect("a seeder").port();
        assert!(answer.contains(&format!("2:ip9:127.0.0.17:peer id20:-FN0010-own-seeder-04:porti{port}e")), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_is_answered_with_451() {
    let world = World::new().await;
    publish(&world).await;
    let published = world.archive.published().await.expect("published");
    let files =
        published.torrents.iter().flat_map(|(name, torrent)| torrent.files.iter().map(move |file| (name, file)));
    let files: Vec<_> = files.collect();
    let roots: Vec<_> = files.iter().map(|(_, (_, file))| file.root).collect();
    let snapshot = world.archive.snapshot().await.expect("a snapshot");
    let held = snapshot.tracks_of_roots(&roots).await.expect("tracks");
    let (name, (path, file)) = files.into_iter().find(|(_, (_, file))| held.contains_key(&file.root)).expect("audio");
    assert_eq!(world.get(&format!("/webseed/{name}/{path}")).await.status(), 200);
    let subject = Subject::new(SubjectKind::Blob, file.root.to_string());
    let plan = rights::plan_withdrawal(&world.archive, &subject).await.expect("planned");
    rights::withdraw(&world.archive, &plan, "test", None).await.expect("withdrawn");
    tokio::time::sleep(std::time::Duration::from_millis(4_500)).await;
    assert_eq!(world.get(&format!("/webseed/{name}/{path}")).await.status(), 451);
    let song = held[&file.root][0].track_id;
    assert_eq!(world.ask("stream", &format!("id=tr-{song}")).await["error"]["code"], 50, "nor to the owner");
}
