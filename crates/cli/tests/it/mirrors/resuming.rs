//! A mirror that is killed in the middle.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use fonoteca_testkit::{Operator, Relay, Wire};

use super::publisher::{Published, Publisher};
use super::{assert_same, follower, number, pull};
use crate::corpus::{Corpus, corpus};

/// So slow that what was sent has also been read when the reader is killed.
const RATE: Wire = Wire { bytes_per_second: Some(25_000_000), corrupts: None };

/// Kills a pull when half of the release has been sent, runs it again, and returns how much was sent in all.
fn killed_in_the_middle(mirror: &Operator, arguments: &[&str], relay: &Relay, release_bytes: u64) -> u64 {
    let arguments: Vec<&str> = ["mirror", "pull", "--json"].iter().chain(arguments).copied().collect();
    let mut command = mirror.command(&arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let until = Instant::now() + Duration::from_mins(2);
    while relay.sent_bytes() < release_bytes / 2 {
        assert_eq!(child.try_wait().expect("a child"), None, "it ended before half was sent");
        assert!(Instant::now() < until, "only {} of {release_bytes} bytes came", relay.sent_bytes());
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("killed");
    child.wait().expect("waited for");
    let sent = relay.sent_bytes();
    assert!(sent < release_bytes * 9 / 10, "it was killed too late, after {sent} bytes");
    let status = mirror.object(&["mirror", "status"]);
    assert_eq!(status["state"], "behind");

    let report = mirror.run(&arguments).ended(0).json().remove(0);
    assert!(number(&report, "fetched_bytes") < release_bytes * 4 / 5, "what was there by then counts: {report}");
    relay.sent_bytes()
}

/// Publishes the corpus. The torrents name no tracker, so that everything goes through a relay.
fn source(corpus: &Corpus) -> (Publisher, Published) {
    let source = Publisher::serving(corpus.copy());
    let release = source.release_with("corpus", &[]);
    (source, release)
}

fn assert_resumes(source: &Publisher, release: &Published, relay: &Relay, url: &str, arguments: &[&str]) {
    let mirror = follower(url, &release.key);
    let sent = killed_in_the_middle(&mirror, arguments, relay, release.bytes());
    assert!(sent < release.bytes() * 11 / 10, "{sent} bytes were sent for a release of {}", release.bytes());
    assert_same(&source.operator, &mirror);
    pull(&mirror, arguments);
    assert!(relay.sent_bytes() - sent < 1_000_000, "nothing is fetched again");
}

#[test]
fn by_bittorrent_a_killed_mirror_goes_on_where_it_was() {
    let Some(corpus) = corpus("by_bittorrent_a_killed_mirror_goes_on_where_it_was") else { return };
    let (source, release) = source(corpus);
    let relay = Relay::to(source.serving.bittorrent.expect("it seeds"), RATE);
    let peer = relay.address().to_string();
    let arguments = ["--via", "bittorrent", "--peer", &peer];
    assert_resumes(&source, &release, &relay, &source.serving.url(), &arguments);
}

#[test]
fn by_web_seed_a_killed_mirror_goes_on_where_it_was() {
    let Some(corpus) = corpus("by_web_seed_a_killed_mirror_goes_on_where_it_was") else { return };
    let (source, release) = source(corpus);
    let relay = Relay::to(source.serving.http, RATE);
    assert_resumes(&source, &release, &relay, &relay.url(), &["--via", "web-seed"]);
}
