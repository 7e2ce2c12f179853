//! What anyone gets: the feed, releases, web seeds, and peers from the tracker.

use fonoteca_archive::{Located, feed, health, release, rights};
use fonoteca_model::rights::{Subject, SubjectKind};
use fonoteca_model::{BlobHasher, Silent};
use fonoteca_torrent::{Limits, Metainfo, SigningKey};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::world::World;

/// A release of everything that may be given away, published.
pub(crate) async fn publish(world: &World) {
    let key = SigningKey::generate().expect("a key");
    feed::adopt(&world.archive, key.public()).expect("named");
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
    let pages = feed["torrents"]["pages"].as_array().expect("pages");
    assert_eq!((feed["torrents"]["entries"].as_u64(), pages.len()), (Some(3), 1), "{feed:#}");
    let page = format!("/pages/{}.jsonl.zst", pages[0]["sha256"].as_str().expect("a hash"));
    let page = world.get(&page).await;
    assert!(page.headers()["cache-control"].to_str().expect("text").contains("immutable"));
    assert_eq!(Some(page.bytes().await.expect("bytes").len() as u64), pages[0]["bytes"].as_u64());
    for none in ["/pages/x", "/pages/..%2Ffeed.json", "/rss/none.xml"] {
        assert_eq!(world.get(none).await.status(), 404, "{none}");
    }
    assert_eq!(world.get("/feed.json.minisig").await.status(), 200);
    assert_eq!(world.get("/releases/first/manifest.json").await.status(), 200);
    for hidden in ["/releases/first/..%2F..%2Farchive.toml", "/releases/.feeds/00000001.json", "/releases/first/x"] {
        assert_eq!(world.get(hidden).await.status(), 404, "{hidden}");
    }

    let published = world.archive.published().await.expect("published");
    let (name, torrent) = published.torrents.iter().next().expect("a torrent");
    assert_eq!(torrent.variants.len(), 2, "hybrid and twin");
    for variant in &torrent.variants {
        let bytes = world.get(&format!("/releases/first/{}", variant.file_name)).await;
        assert_eq!(bytes.headers()["content-type"], "application/x-bittorrent");
        let bytes = bytes.bytes().await.expect("bytes");
        let metainfo = Metainfo::parse(&bytes, &Limits::default()).expect("a torrent");
        assert_eq!(metainfo.info_hash_v1, Some(variant.offer.key()));
        assert_eq!(metainfo.announce.concat(), variant.trackers);
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

/// Reads RSS on its standard input as feed readers do, and prints what it found.
const READER: &str = "import sys, json, calendar, feedparser
feed = feedparser.parse(sys.stdin.buffer.read())
print(json.dumps({'bozo': bool(feed.bozo), 'version': feed.version, 'title': feed.feed.title, 'items': [
    {'title': item.title, 'id': item.id, 'at': calendar.timegm(item.published_parsed), 'tags': [tag.term for tag in item.tags],
     'enclosures': [{'href': e.href, 'type': e.type, 'length': int(e.length)} for e in item.enclosures]}
    for item in feed.entries]}))";

fn read_rss(text: &str) -> serde_json::Value {
    use std::io::Write;
    let mut python = std::process::Command::new(fonoteca_testkit::python())
        .args(["-c", READER])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("Python runs");
    python.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    let output = python.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("feedparser, of xtask/pytools.txt, read it")
}

#[tokio::test(flavor = "multi_thread")]
async fn rss_as_feed_readers_and_torrent_clients_read_it() {
    let world = World::new().await;
    publish(&world).await;
    let mut titles = Vec::new();
    for (path, suffix) in [
        ("/rss/all.xml", ".torrent"),
        ("/rss/v1/all.xml", ".v1.torrent"),
        ("/rss/release-first.xml", ".torrent"),
        ("/rss/licence-cc0-1-0.xml", ".torrent"),
    ] {
        let response = world.get(path).await;
        assert_eq!(response.headers()["content-type"], "application/rss+xml; charset=utf-8");
        let read = read_rss(&response.text().await.expect("text"));
        assert_eq!((&read["bozo"], read["version"].as_str()), (&false.into(), Some("rss20")), "{path}: {read}");
        titles.push(read["title"].as_str().expect("a title").to_owned());
        let items = read["items"].as_array().expect("items");
        assert!(!items.is_empty(), "{path}");
        for item in items {
            assert_eq!(item["at"].as_i64(), Some(world.archive.now().as_seconds()), "when it was published");
            let enclosures = item["enclosures"].as_array().expect("enclosures");
            assert_eq!((enclosures.len(), enclosures[0]["type"].as_str()), (1, Some("application/x-bittorrent")));
            let url = enclosures[0]["href"].as_str().expect("a URL");
            assert!(url.starts_with(&world.url("/releases/first/")) && url.ends_with(suffix), "{url}");
            let bytes = world.client.get(url).send().await.expect("an answer").bytes().await.expect("bytes");
            assert_eq!(Some(bytes.len() as u64), enclosures[0]["length"].as_u64());
            let hash = Metainfo::parse(&bytes, &Limits::default()).expect("a torrent").info_hash_v1.expect("v1");
            assert_eq!(item["id"].as_str(), Some(format!("urn:btih:{hash}").as_str()));
        }
    }
    assert_eq!(titles, ["Test archive", "Test archive", "Test archive: first", "Test archive: CC0-1.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_mirrors_and_the_page_that_shows_them() {
    let world = World::new().await;
    assert!(world.get("/torrents").await.text().await.expect("text").contains("Nothing is published here yet"));
    publish(&world).await;
    let page = async || world.get("/torrents").await.text().await.expect("text");
    let shown = page().await;
    assert!(shown.contains("nobody asked yet") && shown.contains("magnet:?xt=urn:btih:"), "{shown}");
    assert!(shown.contains("first-p000-0001") && shown.contains("/releases/first/first-p000-0001.torrent"), "{shown}");

    let published = world.archive.own_feed().expect("read").expect("published");
    let key = SigningKey::generate().expect("a key");
    let have: Vec<_> = published.torrents[0].variants.iter().map(|variant| variant.infohash_v1).collect();
    let at = fonoteca_model::Timestamp::from_millis(world.archive.now().as_millis());
    let to = published.keys[0].clone();
    let report = health::Report {
        format: "fonoteca-report/1".into(),
        key: key.public().clone(),
        to,
        serial: 1,
        at,
        have,
        parts: Vec::new(),
    };
    let text = serde_json::to_string(&report).expect("JSON");
    let signature = fonoteca_torrent::sign(text.as_bytes(), &key, "").expect("signed");
    let post = async |body: serde_json::Value| {
        let answer = world.client.post(world.url("/reports")).body(body.to_string()).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    let signed = serde_json::json!({ "report": text, "signature": signature });
    let changed = serde_json::json!({ "report": text.replace(":1,", ":2,"), "signature": signature });
    let (status, said) = post(changed).await;
    assert!(status == 403 && said.contains("not signed by the key that it names"), "{status} {said}");
    assert_eq!(post(serde_json::json!({ "report": 1 })).await.0, 400);
    let (status, said) = post(signed.clone()).await;
    assert_eq!(status, 200, "{said}");
    let (status, said) = post(signed).await;
    assert!(status == 429 && said.contains("the next report is taken 600 s after it"), "{status} {said}");
    // On a connection of its own, which the server may close before all is sent.
    let large = reqwest::Client::new().post(world.url("/reports")).body(vec![b' '; 13 << 20]).send().await;
    assert!(large.is_err() || large.is_ok_and(|answer| answer.status() == 413));
    assert!(page().await.contains("1 mirror"));
    assert_eq!(world.get("/torrents?page=7&release=%3Cscript%3E").await.status(), 200);
    world.wait((health::RISK_DAYS + 1) * 86_400);
    let shown = page().await;
    assert!(shown.contains("web seed only") && shown.contains("last copy 2026-11-18"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_tracker_tells_its_own_seeder_apart() {
    let world = World::new().await;
    publish(&world).await;
    let asked = health::ask(&world.archive, &health::TrackerOptions::default(), &Silent).await.expect("asked");
    assert_eq!((asked.trackers, asked.failed.len()), (1, 0), "{asked:?}");
    let torrent = world.archive.own_feed().expect("read").expect("published").torrents.remove(0);
    let of = || health::Healths::read(&world.archive).expect("read").of_listed(&torrent);
    assert_eq!((of().seeders, of().risk), (Some(0), health::Risk::WebSeedOnly), "the archive's own seeder is no copy");
    let escaped = percent_encode(torrent.variants[0].infohash_v1.as_bytes(), NON_ALPHANUMERIC).to_string();
    let query = format!("info_hash={escaped}&peer_id=bbbbbbbbbbbbbbbbbbbb&port=6881&left=0");
    assert_eq!(world.get(&format!("/announce?{query}")).await.status(), 200);
    health::ask(&world.archive, &health::TrackerOptions::default(), &Silent).await.expect("asked");
    assert_eq!((of().seeders, of().risk), (Some(1), health::Risk::None));
    let history = health::history(&world.archive, torrent.variants[0].infohash_v1).expect("read");
    assert_eq!(history, [(world.archive.now().as_seconds() / 86_400, 1, 0)]);
    let key = SigningKey::generate().expect("a key");
    let plan = feed::plan(&world.archive, 30).await.expect("planned");
    feed::publish(&world.archive, plan, &key).expect("published");
    let told = world.archive.own_feed().expect("read").expect("published").torrents.remove(0).seeders;
    assert_eq!(told.map(|seeders| seeders.count), Some(1), "the feed tells it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_is_answered_with_451() {
    let world = World::new().await;
    publish(&world).await;
    let published = world.archive.published().await.expect("published");
    let roots: Vec<_> = published.torrents.values().flat_map(|torrent| torrent.roots()).copied().collect();
    let snapshot = world.archive.snapshot().await.expect("a snapshot");
    let held = snapshot.tracks_of_roots(&roots).await.expect("tracks");
    let mut audio = Vec::new();
    for (name, torrent) in &published.torrents {
        let contents = world.archive.contents(&published, torrent).await.expect("read");
        audio.extend(contents.all().filter_map(|(path, located)| match located {
            Located::File(file) if held.contains_key(&file.root) => Some((name, path.to_owned(), file)),
            Located::File(_) | Located::Padding(_) => None,
        }));
    }
    let (name, path, file) = audio.into_iter().next().expect("audio");
    assert_eq!(world.get(&format!("/webseed/{name}/{path}")).await.status(), 200);
    let subject = Subject::new(SubjectKind::Blob, file.root.to_string());
    let plan = rights::plan_withdrawal(&world.archive, &subject).await.expect("planned");
    rights::withdraw(&world.archive, &plan, "test", None).await.expect("withdrawn");
    tokio::time::sleep(std::time::Duration::from_millis(4_500)).await;
    assert_eq!(world.get(&format!("/webseed/{name}/{path}")).await.status(), 451);
    let song = held[&file.root][0].track_id;
    assert_eq!(world.ask("stream", &format!("id=tr-{song}")).await["error"]["code"], 50, "nor to the owner");
}
