//! `mirror`

use crate::serve::Server;
use crate::world::{World, assert_fields};

#[test]
fn a_mirror_is_added_with_trust_pulled_and_complete() {
    let world = World::with_sample();
    let server = Server::start(&world);
    let url = server.url().to_owned();
    assert_eq!(world.here(&["release", "build", "one", "--yes", "--url", &url]).code, 0);
    let key = world.here(&["feed", "publish", "--yes", "--json"]).one()["key"].as_str().unwrap().to_owned();

    world.ok(&["init", "copy"]);
    let there = |args: &[&str]| world.run(&[&["--archive", "copy"], args].concat());
    let asked = there(&["mirror", "add", &url]);
    assert_eq!(asked.code, 2);
    assert!(asked.err.contains(&key) && asked.err.contains("add --yes"), "{}", asked.err);
    assert_eq!(there(&["mirror", "status", "--json"]).out, "", "nothing is followed unasked");
    let added = there(&["mirror", "add", &url, "--key", &key, "--json"]);
    assert_eq!(added.code, 0, "{}", added.err);
    assert_eq!((&added.one()["mirror"], &added.one()["serial"]), (&"archivo".into(), &1.into()));

    let plan = there(&["mirror", "plan"]);
    assert!(plan.out.contains("to fetch") && plan.out.contains("one-metadata"), "{}", plan.out);
    let status = there(&["mirror", "status", "--json"]).one();
    assert_fields(&status, &["feed", "serial", "have_bytes", "want_bytes", "torrents", "state"]);
    assert_eq!((&status["state"], &status["have_bytes"]), (&"behind".into(), &0.into()));

    let pulled = there(&["mirror", "pull", "--via", "web-seed", "--json"]);
    assert_eq!(pulled.code, 0, "{}", pulled.err);
    assert!(pulled.one()["failed"].as_array().unwrap().is_empty());
    let status = there(&["mirror", "status", "--json"]).one();
    assert_eq!((&status["state"], &status["have_bytes"]), (&"complete".into(), &status["want_bytes"]));
    assert_eq!(there(&["verify"]).code, 0);
    assert_eq!(there(&["release", "verify", "one"]).code, 0);
    let again = there(&["mirror", "pull", "--json"]).one();
    assert_eq!((&again["torrents"], &again["fetched_bytes"]), (&0.into(), &0.into()));
    assert_eq!(server.stop(), Some(0));

    let gone = there(&["mirror", "plan"]);
    assert_eq!(gone.code, 1, "{}", gone.err);
    assert!(gone.err.contains("could not be fetched") && gone.err.contains("hint: check the address"), "{}", gone.err);
}
