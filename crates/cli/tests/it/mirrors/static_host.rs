//! A plain web server gives the archive out: nothing of ours runs there.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fonoteca_testkit::{Operator, Relay, Wire};

use super::{PROGRAM, Publisher, assert_same, number, pull};

/// `python3 -m http.server`.
struct PlainServer {
    child: Child,
    address: SocketAddr,
}

impl PlainServer {
    fn of(folder: &Path) -> Self {
        let mut child = Command::new("python3")
            .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says where it is");
        let port = line.split(" port ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u16>().ok());
        Self { child, address: ([127, 0, 0, 1], port.unwrap_or_else(|| panic!("{line}"))).into() }
    }
}

impl Drop for PlainServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_mirror_pulls_from_a_plain_web_server() {
    let source = Publisher::of(&["Tower Recorders"]);
    let www = tempfile::tempdir().expect("a folder");
    let to = www.path().join("www");
    let to = to.to_str().expect("UTF-8");
    source.operator.object(&["release", "build", "first", "--yes"]);
    let publish = ["feed", "publish", "--yes", "--to", to, "--with-files", "copy", "--url", "http://127.0.0.1/"];
    let published = source.operator.object(&publish);
    assert!(number(&published["exported"], "written") > 0, "{published}");
    let key = published["key"].as_str().expect("a key");
    let plain = PlainServer::of(Path::new(to));
    let relay = Relay::to(plain.address, Wire::default());
    let mirror = Operator::new(PROGRAM, "Mirror");
    mirror.json(&["mirror", "add", &relay.url(), "--key", key, "--name", "m"]);
    pull(&mirror, &["--via", "web-seed"]);
    assert_same(&source.operator, &mirror);
    mirror.object(&["release", "verify", "first"]);

    // Nothing new costs the mirror one small answer, a new release no more than that and itself.
    let before = relay.sent_bytes();
    pull(&mirror, &["--via", "web-seed"]);
    let polled = relay.sent_bytes() - before;
    assert!(polled < 1_000, "{polled} bytes");
    let again = source.operator.object(&publish);
    let exported = &again["exported"];
    assert_eq!(number(exported, "written"), 2, "feed and signature: {exported}");
    source.take_in(&["Clara Monte"]);
    source.operator.object(&["release", "build", "second", "--yes"]);
    source.operator.object(&publish);
    pull(&mirror, &["--via", "web-seed"]);
    assert_same(&source.operator, &mirror);

    // A withdrawal reaches the copy, and through it the mirror.
    let found = &source.operator.json(&["search", "--held", "--kind", "track", "--limit", "1"])[0];
    // Also tells of other versions of the recording.
    let known = source.operator.json(&["lookup", found["id"].as_str().expect("an id")]);
    let known = known.iter().find(|known| known["id"] == found["id"]).expect("the track");
    let root = known["files"][0]["root"].as_str().expect("a root").to_owned();
    source.operator.json(&["rights", "withdraw", &root, "--yes"]);
    assert!(number(&source.operator.object(&publish)["exported"], "removed") > 0);
    assert_eq!(number(&pull(&mirror, &[]), "withdrawn"), 1);
    assert!(!mirror.blob(&root).exists());
}
