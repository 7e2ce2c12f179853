//! Pulling a release into an empty archive, and giving it on from there.

use fonoteca_testkit::Operator;

use super::{PROGRAM, Publisher, assert_same, follower, number, pull};

/// Sound of five formats, with covers in files and in tags.
const MUSIC: [&str; 4] = ["Clara Monte", "Harbour Lights", "Tower Recorders", "Ансамбль «Аврора»"];

/// Bytes of all blobs in the store.
fn held_bytes(operator: &Operator) -> u64 {
    number(&operator.object(&["sql", "SELECT sum(size) AS bytes FROM blobs"]), "bytes")
}

#[test]
fn by_bittorrent_alone_and_by_web_seed_alone_a_mirror_becomes_the_same_archive() {
    let source = Publisher::of(&MUSIC);
    let release = source.release("first");
    let mut blobs_bytes = 0;
    for via in ["bittorrent", "web-seed"] {
        let mirror = follower(&source.serving.url(), &release.key);
        let plan = mirror.object(&["mirror", "plan"]);
        assert_eq!((number(&plan, "have_bytes"), number(&plan, "want_bytes")), (0, release.bytes()));

        let report = pull(&mirror, &["--via", via]);
        let fetched = number(&report, "fetched_bytes");
        // What stands in two torrents comes once.
        blobs_bytes = held_bytes(&mirror);
        assert!((blobs_bytes..blobs_bytes * 11 / 10).contains(&fetched), "{via}: {blobs_bytes} bytes: {report}");
        assert_eq!(number(&report, "torrents"), release.torrents.len() as u64);
        assert_same(&source.operator, &mirror);
        let status = mirror.object(&["mirror", "status"]);
        assert_eq!((&status["state"], number(&status, "have_bytes")), (&"complete".into(), release.bytes()));
        mirror.object(&["release", "verify", "first"]);

        let again = pull(&mirror, &["--via", via]);
        assert_eq!((number(&again, "fetched_bytes"), number(&again, "torrents")), (0, 0));
    }
    let metrics = String::from_utf8(source.serving.get("/metrics").1).expect("text");
    let counted = |name: &str| -> u64 {
        let found = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("{name} is not in {metrics}")).parse().expect("a number")
    };
    assert_eq!(counted("fonoteca_web_seed_bytes_total"), blobs_bytes, "one mirror came for each byte once");
    let sent = counted("fonoteca_seeder_bytes_total");
    assert!((blobs_bytes..blobs_bytes * 12 / 10).contains(&sent), "{sent} of {blobs_bytes}");
    assert!(counted("fonoteca_seeder_connections_total") > 0);
    assert_eq!(counted("fonoteca_seeder_torrents"), 2 * release.torrents.len() as u64, "hybrid and v1 twin of each");
}

#[test]
fn a_mirror_is_mirrored_when_the_first_archive_is_gone() {
    let Publisher { operator: first, serving } = {
        let source = Publisher::of(&["Clara Monte", "Tower Recorders"]);
        source.release("first");
        source
    };
    let key = first.object(&["feed", "verify"])["keys"][0].as_str().expect("a key").to_owned();
    let mirror = follower(&serving.url(), &key);
    pull(&mirror, &["--via", "web-seed"]);
    drop(serving);

    let second = Publisher::serving(mirror);
    let own_key = second.publish()["key"].as_str().expect("a key").to_owned();
    assert_ne!(own_key, key, "a mirror publishes under its own name");
    let seeder = second.serving.bittorrent.expect("it seeds").to_string();
    for way in [&["--via", "web-seed"][..], &["--via", "bittorrent", "--peer", &seeder]] {
        let third = follower(&second.serving.url(), &own_key);
        pull(&third, way);
        assert_same(&first, &third);
    }
}

#[test]
fn a_budget_is_kept() {
    let source = Publisher::of(&["Clara Monte"]);
    let release = source.release_with("first", &["--url", &source.serving.url(), "--torrent-size", "1500000"]);
    let mirror = Operator::new(PROGRAM, "Mirror");
    mirror.json(&["mirror", "add", &source.serving.url(), "--key", &release.key, "--budget", "2MB"]);
    let report = pull(&mirror, &[]);
    let held = held_bytes(&mirror);
    assert!(held > 1_000_000 && held <= 2_000_000, "{held}: {report}");
    let plan = mirror.object(&["mirror", "plan"]);
    // Something of each torrent may be there, and never more than the budget of all of them.
    let wanted = number(&plan, "want_bytes");
    assert!(wanted <= 2_000_000 && wanted < release.bytes(), "{plan}");
    assert_eq!(mirror.object(&["mirror", "status"])["state"], "complete");
    let published = mirror.object(&["feed", "publish", "--yes"]);
    assert_eq!(published["torrents"], report["torrents"], "it promises no more than it holds");
    mirror.object(&["release", "verify", "first"]);
}

/// By default the origin's web seed is for what nobody else has; who mirrors it is found by its tracker.
#[test]
fn who_mirrors_is_found_and_spares_the_origin() {
    let source = Publisher::of(&["Clara Monte", "Tower Recorders"]);
    let release = source.release("first");
    let sent = || {
        let metrics = String::from_utf8(source.serving.get("/metrics").1).expect("text");
        let line = metrics.lines().find_map(|line| line.strip_prefix("fonoteca_web_seed_bytes_total "));
        line.expect("it is counted").parse::<u64>().expect("a number")
    };
    let first = follower(&source.serving.url(), &release.key);
    pull(&first, &[]);
    let once = sent();
    assert_eq!(once, held_bytes(&first), "nobody else had it");

    let first = Publisher::serving(first);
    let seeders = |infohash: &str| {
        let bytes: Vec<&str> = infohash.as_bytes().chunks(2).map(|two| str::from_utf8(two).expect("hex")).collect();
        format!("/scrape?info_hash=%{}", bytes.join("%"))
    };
    let variants = release.torrents.iter().flat_map(|torrent| torrent["variants"].as_array().expect("variants"));
    for variant in variants {
        let path = seeders(variant["infohash_v1"].as_str().expect("hex"));
        let counted = |body: &[u8]| body.windows(13).any(|part| part == b"8:completei2e");
        source.serving.wait(&path, |status, body| status == 200 && counted(body));
    }
    let second = follower(&source.serving.url(), &release.key);
    pull(&second, &[]);
    assert_same(&first.operator, &second);
    assert_eq!(sent(), once, "the other mirror gave it");
}
