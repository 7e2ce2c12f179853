//! Keys that hand over, as operators and mirrors see it.

use fonoteca_testkit::Operator;
use serde_json::json;

use super::{PROGRAM, Publisher, assert_same_music, follower, number, pull};

#[test]
fn a_mirror_follows_the_key_that_the_old_one_names_and_reports_what_it_has() {
    let source = Publisher::of(&["Tower Recorders"]);
    let release = source.release("first");
    let mirror = follower(&source.serving.url(), &release.key);
    pull(&mirror, &["--via", "web-seed"]);

    assert!(source.operator.run(&["feed", "key", "rotate"]).ended(2).err.contains("add --yes"));
    let change = source.operator.object(&["feed", "key", "rotate", "--yes"]);
    assert_eq!(change["old"], json!(release.key));
    let new = change["key"].as_str().expect("a key").to_owned();
    assert_eq!(source.publish()["key"], json!(new));
    source.take_in(&["Clara Monte"]);
    source.release("second");
    // One that knows the old key only, and one that followed it all the time.
    let late = follower(&source.serving.url(), &release.key);
    for archive in [&mirror, &late] {
        pull(archive, &["--via", "web-seed"]);
        // Whoever comes late leaves out the first catalogue, which the second replaces.
        assert_same_music(&source.operator, archive);
        for name in ["first", "second"] {
            archive.object(&["release", "verify", name]);
        }
    }
    source.operator.object(&["feed", "key", "revoke", &release.key, "--yes"]);
    source.publish();
    pull(&mirror, &[]);
    // It has fetched the manifest's new signature.
    mirror.object(&["release", "verify", "first"]);
    let shown = source.operator.object(&["feed", "key", "show"]);
    assert_eq!((&shown["keys"], shown["statements"].as_array().map(Vec::len)), (&json!([new]), Some(2)));
    // Whoever comes with the revoked key is led to the new one all the same.
    pull(&follower(&source.serving.url(), &release.key), &["--via", "web-seed"]);

    assert!(mirror.run(&["mirror", "report"]).ended(2).err.contains("torrents whole"), "nothing unasked");
    let before = source.operator.json(&["feed", "health"]);
    assert!(before.iter().all(|line| line["health"]["risk"] == "unknown"), "{before:?}");
    let reported = mirror.object(&["mirror", "report", "--yes"]);
    assert_eq!(reported["have"].as_array().map(Vec::len), Some(12), "three torrents of two releases, in two variants");
    let told = source.operator.json(&["feed", "health"]);
    assert!(told[..6].iter().all(|line| line["health"]["risk"] == "none" && number(&line["health"], "mirrors") == 1));
    assert_eq!(told[6]["mirror"]["key"], reported["key"]);
    let listed = source.operator.json(&["release", "list"]);
    assert_eq!(listed[0]["torrents"][0]["health"]["mirrors"], json!(1));
    let again = mirror.run(&["mirror", "report", "--yes"]).ended(1);
    assert!(again.err.contains("429") && again.err.contains("600 s"), "{}", again.err);
}

#[test]
fn signed_by_minisign_on_another_machine() {
    let operator = Operator::new(PROGRAM, "Source");
    let source = Publisher::serving(operator);
    source.take_in(&["Tower Recorders"]);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let at = |name: &str| elsewhere.path().join(name).to_str().expect("UTF-8").to_owned();
    let minisign = |arguments: &[&str]| {
        let output = std::process::Command::new("minisign").args(arguments).output();
        let output = output.expect("minisign is missing: apt-get install minisign");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    minisign(&["-G", "-W", "-p", &at("theirs.pub"), "-s", &at("theirs.key")]);
    let public = std::fs::read_to_string(at("theirs.pub")).expect("read").lines().last().expect("a key").to_owned();
    source.operator.object(&["feed", "key", "use", &public]);
    let url = source.serving.url();
    source.operator.object(&["release", "build", "first", "--yes", "--url", &url]);
    assert!(source.operator.run(&["feed", "publish", "--yes"]).ended(2).err.contains("none of the keys"));

    let request = at("request");
    let written = source.operator.object(&["feed", "publish", "--unsigned", &request]);
    assert_eq!(written["files"], json!(["manifest.first.json", "feed.json"]));
    for name in ["manifest.first.json", "feed.json"] {
        minisign(&["-S", "-s", &at("theirs.key"), "-m", &format!("{request}/{name}")]);
    }
    let published = source.operator.object(&["feed", "publish", "--signed", &request, "--yes"]);
    assert_eq!(number(&published, "serial"), 1);
    source.wait_for_feed();
    let mirror = follower(&url, &public);
    pull(&mirror, &["--via", "web-seed"]);
    mirror.object(&["release", "verify", "first"]);

    // The program itself takes no such key, and says what does.
    let request = at("again");
    source.operator.object(&["feed", "publish", "--unsigned", &request]);
    let key = at("theirs.key");
    let refused = source.operator.run(&["feed", "sign", "--key", &key, &request]);
    // minisign -W leaves the checksum out, which this program does not take.
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("minisign -S"), "{}", refused.err);
}
