//! Mirrors with small budgets that share a release out between them, and what happens when the origin is gone.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use fonoteca_testkit::{Operator, Serving, noise};
use serde_json::{Value, json};

use super::{PROGRAM, Publisher, assert_same, number, pull};

/// Recordings of about 160 kB, in one torrent.
const RECORDINGS: u32 = 100;
/// How long mirrors may take to settle.
const LIMIT: Duration = Duration::from_mins(6);

/// Somebody who publishes noise, all of it in one torrent.
pub fn noisy(recordings: u32) -> Publisher {
    let operator = Operator::new(PROGRAM, "Source");
    let music = operator.archive().with_file_name("music");
    fs::create_dir(&music).expect("a folder");
    for seed in 0..recordings {
        fs::write(music.join(format!("{seed}.wav")), noise(seed + 1, 10_000 + seed)).expect("written");
    }
    operator.json(&["ingest", music.to_str().expect("UTF-8"), "--basis", "own-work"]);
    Publisher::serving(operator)
}

/// Somebody who follows the feed by these rules.
fn with_rules(url: &str, key: &str, rules: &[&str]) -> Operator {
    let operator = Operator::new(PROGRAM, "Mirror");
    let set = rules.iter().flat_map(|rule| ["--set", rule]);
    let add: Vec<&str> = ["mirror", "add", url, "--key", key, "--name", "m"].into_iter().chain(set).collect();
    operator.json(&add);
    operator
}

/// Bytes of all blobs that somebody has.
fn stored(operator: &Operator) -> u64 {
    operator.blobs().iter().map(|root| fs::metadata(operator.blob(root)).expect("a blob").len()).sum()
}

/// The roots of all audio.
fn audio(operator: &Operator) -> BTreeSet<String> {
    let rows = operator.json(&["sql", "SELECT root FROM files"]);
    rows.iter().map(|row| row["root"].as_str().expect("a root").to_owned()).collect()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < until, "{what}: not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(500));
    }
}

/// The relay of a mirror: the feed that it follows, as the origin signed it.
fn relay(serving: &Serving) -> String {
    format!("{}/mirror/m", serving.url())
}

#[test]
fn three_mirrors_of_two_fifths_hold_everything_and_a_fourth_completes_from_them_alone() {
    let source = noisy(RECORDINGS);
    let release = source.release("first");
    let all = audio(&source.operator);
    assert_eq!(
        (all.len() as u32, release.torrents.iter().filter(|torrent| torrent["role"] == "audio").count()),
        (RECORDINGS, 1)
    );
    let budget = release.bytes() * 2 / 5;
    let rule = format!("budget={budget}");
    let rules = [&rule, "strategy=rarest", "report=true", "every=1s", "via=web-seed"];
    let mirrors: Vec<Operator> = (0..3).map(|_| with_rules(&source.serving.url(), &release.key, &rules)).collect();
    let mut servers: Vec<Serving> = mirrors.iter().map(|mirror| mirror.serve(&[])).collect();
    let here = |mirror: &Operator| -> BTreeSet<String> { mirror.blobs().intersection(&all).cloned().collect() };
    let covered = || mirrors.iter().flat_map(here).collect::<BTreeSet<_>>();
    let mut most = 0;
    wait_until("the three hold everything", || {
        let now = covered().len();
        most = most.max(now);
        for mirror in &mirrors {
            let stored = stored(mirror);
            assert!(stored <= budget, "{stored} bytes of a budget of {budget}");
        }
        now == all.len()
    });
    // It stays so, and none of them has everything.
    // What one of them has just heard of the others may still have it change its mind.
    let is_at_rest = |mirror: &Operator| {
        let plan = mirror.object(&["mirror", "plan"]);
        mirror.object(&["mirror", "status"])["state"] == "complete"
            && (&plan["drop"], &plan["drop_bytes"]) == (&json!([]), &json!(0))
    };
    wait_until("they have come to rest", || mirrors.iter().all(is_at_rest));
    for mirror in &mirrors {
        assert!(here(mirror).len() < all.len() / 2, "{} of {}", here(mirror).len(), all.len());
        let verified = mirror.object(&["verify"]);
        assert_eq!((&verified["damaged"], &verified["missing"]), (&json!([]), &json!([])));
    }
    assert_eq!(covered(), all);
    wait_until("the origin knows that it is safe", || {
        let health = source.operator.json(&["feed", "health"]);
        health.iter().filter(|line| line["health"].is_object()).all(|line| line["health"]["risk"] == "none")
    });

    // The origin disappears. Whoever trusts its key goes on from any mirror, and finds what the others have.
    let Publisher { operator: source, serving } = source;
    drop(serving);
    let sources = format!("sources={},{}", relay(&servers[1]), relay(&servers[2]));
    let fourth = with_rules(&relay(&servers[0]), &release.key, &[&sources, "via=web-seed"]);
    let report = pull(&fourth, &[]);
    assert!(number(&report, "fetched_bytes") <= release.bytes(), "nothing is fetched twice: {report}");
    assert_same(&source, &fourth);
    fourth.object(&["release", "verify", "first"]);
    let fourth_serving = fourth.serve(&[]);

    // A disk of one of them goes bad. It notices by itself and makes good what it has from the fourth.
    drop(servers.remove(0));
    let damaged: Vec<String> = here(&mirrors[0]).into_iter().step_by(7).collect();
    assert!(damaged.len() > 3);
    for root in &damaged {
        let path = mirrors[0].blob(root);
        let mut bytes = fs::read(&path).expect("a blob");
        bytes[1000] ^= 4;
        fs::remove_file(&path).expect("replaced");
        fs::write(&path, bytes).expect("replaced");
    }
    mirrors[0].json(&["mirror", "set", &format!("sources={}", relay(&fourth_serving))]);
    let settings = mirrors[0].archive().join("archive.toml");
    let text = fs::read_to_string(&settings).expect("settings");
    fs::write(&settings, format!("{text}\n[fixity]\nevery = \"2s\"\n")).expect("settings");
    let serving = mirrors[0].serve(&[]);
    let right = |root: &String| fs::read(mirrors[0].blob(root)).ok() == fs::read(source.blob(root)).ok();
    wait_until("what was damaged is made good", || damaged.iter().all(right));
    drop(serving);
    let verified = mirrors[0].object(&["verify"]);
    assert_eq!((&verified["damaged"], &verified["missing"]), (&json!([]), &json!([])));
}

#[test]
fn a_smaller_budget_drops_what_the_plan_showed_and_a_larger_one_fetches_it_again() {
    let source = noisy(40);
    let release = source.release("first");
    let mirror = with_rules(&source.serving.url(), &release.key, &["via=web-seed"]);
    pull(&mirror, &[]);
    let half = release.bytes() / 2;
    mirror.json(&["mirror", "set", &format!("budget={half}")]);
    let plan = mirror.object(&["mirror", "plan"]);
    let drops = number(&plan, "drop_bytes");
    assert!(drops > release.bytes() * 2 / 5, "{plan}");
    assert_eq!(plan["drop"][0]["last_copy"], json!(true), "nobody else is known to have it, and the plan says so");
    assert!(number(&plan, "want_bytes") <= half && number(&plan, "have_bytes") == number(&plan, "want_bytes"));
    let report = pull(&mirror, &[]);
    assert_eq!((number(&report, "dropped_bytes"), number(&report, "fetched_bytes")), (drops, 0));
    assert!(stored(&mirror) <= half);
    let sound = |mirror: &Operator| {
        let verified = mirror.object(&["verify"]);
        assert_eq!(
            (&verified["damaged"], &verified["missing"]),
            (&json!([]), &json!([])),
            "what was dropped is not missed"
        );
        number(&verified, "checked")
    };
    assert_eq!(sound(&mirror), mirror.blobs().len() as u64);
    assert_eq!(number(&pull(&mirror, &[]), "dropped_bytes"), 0, "it has come to rest");
    mirror.json(&["mirror", "set", "budget="]);
    let report = pull(&mirror, &[]);
    assert!(number(&report, "fetched_bytes").abs_diff(drops) < 100_000, "only what was dropped: {report}");
    assert_same(&source.operator, &mirror);
}

#[test]
fn what_replaces_a_torrent_takes_its_files_over_within_the_budget() {
    let source = noisy(40);
    let release = source.release("first");
    let budget = release.bytes() * 21 / 20;
    let mirror = with_rules(&source.serving.url(), &release.key, &[&format!("budget={budget}"), "via=web-seed"]);
    pull(&mirror, &[]);
    assert_same(&source.operator, &mirror);
    let all = audio(&source.operator);
    let withdrawn = all.first().expect("audio");
    source.operator.json(&["rights", "withdraw", withdrawn, "--reason", "the singer asked", "--yes"]);
    source.publish();
    assert_eq!(number(&pull(&mirror, &[]), "withdrawn"), 1);
    let again = source.release("again");
    let report = pull(&mirror, &[]);
    let tables: u64 =
        again.torrents.iter().filter(|torrent| torrent["role"] == "metadata").map(|t| number(t, "bytes")).sum();
    assert!(number(&report, "fetched_bytes") <= tables, "no audio is fetched again: {report}");
    assert!(stored(&mirror) <= budget);
    let left: BTreeSet<String> = all.iter().filter(|root| *root != withdrawn).cloned().collect();
    assert!(left.is_subset(&mirror.blobs()));
    assert_eq!(mirror.object(&["mirror", "status"])["state"], "complete");
    mirror.object(&["release", "verify", "again"]);
    assert_eq!(number(&pull(&mirror, &[]), "blobs"), 0, "it has come to rest");
}

#[test]
fn what_lies_on_the_disk_already_is_used_by_its_content() {
    let source = noisy(20);
    let release = source.release("first");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let music = source.operator.archive().with_file_name("music");
    for (index, entry) in fs::read_dir(music).expect("music").enumerate() {
        let to = elsewhere.path().join(format!("under another name {index}"));
        fs::copy(entry.expect("a file").path(), to).expect("copied");
    }
    // One of the right size, and no more than that.
    let liar = elsewhere.path().join("under another name 3");
    let mut bytes = fs::read(&liar).expect("a file");
    bytes[5000] ^= 1;
    fs::write(&liar, &bytes).expect("written");
    let reuse = format!("reuse={}", elsewhere.path().display());
    let mirror = with_rules(&source.serving.url(), &release.key, &[&reuse, "via=web-seed"]);
    let report = pull(&mirror, &[]);
    let of_audio: u64 =
        release.torrents.iter().filter(|torrent| torrent["role"] == "audio").map(|t| number(t, "bytes")).sum();
    let (reused, fetched) = (number(&report, "reused_bytes"), number(&report, "fetched_bytes"));
    assert!(reused > of_audio * 9 / 10 && fetched + reused <= release.bytes(), "{report}");
    assert_same(&source.operator, &mirror);
}

#[test]
fn only_what_is_meant_is_fetched() {
    let source = Publisher::of(&["Clara Monte", "Harbour Lights"]);
    let release = source.release("first");
    let mirror = with_rules(&source.serving.url(), &release.key, &["only=artist:clara monte", "via=web-seed"]);
    pull(&mirror, &[]);
    let wanted = source.operator.json(&[
        "sql",
        "SELECT DISTINCT h.root FROM tracks t JOIN holdings h ON h.track_id = t.id WHERE t.artist_credit LIKE '%Clara Monte%'",
    ]);
    let wanted: BTreeSet<String> = wanted.iter().map(|row| row["root"].as_str().expect("a root").to_owned()).collect();
    assert!(!wanted.is_empty() && wanted.len() < audio(&source.operator).len());
    assert_eq!(audio(&mirror), wanted);
    assert_eq!(mirror.object(&["mirror", "status"])["state"], "complete");
    assert_eq!(number(&pull(&mirror, &[]), "blobs"), 0);
    let found = mirror.json(&["search", "--held", "--kind", "track", "--limit", "1000"]);
    assert!(!found.is_empty() && found.iter().all(|hit| hit["artist"].to_string().contains("Clara")), "{found:?}");
    // In part it is given out as a web seed, and what is not here is not there.
    let serving = mirror.serve(&[]);
    for root in audio(&source.operator) {
        let files = source.operator.json(&["sql", &format!("SELECT extension FROM files WHERE root = '{root}'")]);
        let extension = files[0]["extension"].as_str().expect("an extension");
        let path = format!("/webseed/first-p000-0001/{}/{root}.{extension}", &root[..2]);
        assert_eq!(serving.get(&path).0, if wanted.contains(&root) { 200 } else { 404 }, "{path}");
    }
}

#[test]
fn within_one_poll_mirrors_have_dropped_what_is_withdrawn_but_for_a_legal_hold() {
    let source = Publisher::of(&["Clara Monte"]);
    let release = source.release("first");
    let rules = ["every=1s", "via=web-seed"];
    let held = ["every=1s", "via=web-seed", "legal_hold=*"];
    let mirrors = [&rules[..], &held].map(|rules| with_rules(&source.serving.url(), &release.key, rules));
    let servers = [&mirrors[0], &mirrors[1]].map(|mirror| mirror.serve(&[]));
    wait_until("both are complete", || {
        mirrors.iter().all(|mirror| mirror.object(&["mirror", "status"])["state"] == "complete")
    });
    let track = &source.operator.json(&["sql", "SELECT t.isrc, h.root, f.extension FROM tracks t \
        JOIN holdings h ON h.track_id = t.id JOIN files f ON f.root = h.root WHERE t.isrc IS NOT NULL ORDER BY 1 LIMIT 1"])[0];
    let text = |name: &str| track[name].as_str().expect("text").to_owned();
    let (isrc, root) = (text("isrc"), text("root"));
    let path = format!("/webseed/first-p000-0001/{}/{root}.{}", &root[..2], text("extension"));
    for server in &servers {
        server.wait(&path, |status, _| status == 200);
    }
    source.operator.json(&["rights", "withdraw", &isrc, "--reason", "the singer asked", "--yes"]);
    source.publish();
    for server in &servers {
        server.wait(&path, |status, _| status == 451);
        let torrents = server.get("/metrics").1;
        assert!(String::from_utf8_lossy(&torrents).contains("fonoteca_seeder_torrents"), "it seeds the rest");
    }
    wait_until("it is dropped", || !mirrors[0].blob(&root).exists());
    assert!(mirrors[1].blob(&root).exists(), "a legal hold keeps it, dark");
    for mirror in &mirrors {
        let shown = mirror.object(&["rights", "show", &root]);
        assert_eq!((&shown["uses"]["stream"], &shown["uses"]["distribute"]), (&json!(false), &json!(false)));
        let by_isrc = &mirror.json(&["rights", "show", &isrc])[0];
        assert!(by_isrc["why"].to_string().contains("the singer asked"), "its ISRC says why: {by_isrc}");
    }
    let again = source.release("again");
    let lacks = |torrent: &&Value| torrent["role"] == "audio";
    assert_eq!(
        again.torrents.iter().filter(lacks).map(|t| number(t, "files")).sum::<u64>() + 1,
        release.torrents.iter().filter(lacks).map(|t| number(t, "files")).sum::<u64>(),
        "the next release lacks it"
    );
    wait_until("the mirrors have the next release", || {
        mirrors.iter().all(|mirror| mirror.object(&["mirror", "status"])["state"] == "complete")
            && servers.iter().all(|server| server.get("/releases/again/manifest.json").0 == 200)
    });
    assert!(!mirrors[0].blob(&root).exists());
    let verified = mirrors[1].object(&["verify"]);
    assert_eq!((&verified["damaged"], &verified["missing"]), (&json!([]), &json!([])));
}
