//! A mirror that is killed in the middle.

use std::net::SocketAddr;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use fonoteca_testkit::{Operator, Relay, Wire};

use super::{Publisher, assert_same, follower, number, pull};
use crate::corpus::corpus;

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
    assert!(number(&report, "resumed_bytes") > release_bytes / 5, "{report}");
    relay.sent_bytes()
}

/// The whole way: publish, be killed, go on, be the same.
fn resumes(test: &str, arguments: impl Fn(&Relay) -> Vec<String>, upstream: impl Fn(&Publisher) -> SocketAddr) {
    let Some(corpus) = corpus(test) else { return };
    let source = Publisher::serving(corpus.copy());
    // Without a tracker, so that everything goes through the relay.
    let release = source.release_with("corpus", &[]);
    let relay = Relay::to(upstream(&source), RATE);
    let is_web = relay_is_web(&source, &relay, upstream(&source));
    let url = if is_web { relay.url() } else { source.serving.url() };
    let mirror = follower(&url, &release.key);
    let arguments = arguments(&relay);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let sent = killed_in_the_middle(&mirror, &arguments, &relay, release.bytes());
    assert!(sent < release.bytes() * 11 / 10, "{sent} bytes were sent for a release of {}", release.bytes());
    assert_same(&source.operator, &mirror);
    let before = relay.sent_bytes();
    pull(&mirror, &arguments);
    assert!(relay.sent_bytes() - before < 1_000_000, "nothing is fetched again");
}
