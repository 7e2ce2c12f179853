//! The long tail: originals above an edge, small copies below it.

use std::sync::Arc;

use fonoteca_archive::Archive;
use fonoteca_archive::feed::verify;
use fonoteca_archive::keys::public_keys;
use fonoteca_model::Timestamp;
use fonoteca_torrent::feed::Withdrawal;
use serde_json::Value;

use super::{audio, build, unpack};
use crate::world::World;

const TAIL: [&str; 4] = ["--tail", "opus:32", "--tail-below", "101"];

fn prepare(world: &World) -> Value {
    let said = world.here(&[&["release", "prepare", "--json"], &TAIL[..]].concat());
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    said.one()
}

/// What the published feed says was withdrawn.
fn withdrawals(world: &World) -> Vec<Withdrawal> {
    let now = || Timestamp::from_seconds(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let archive = runtime.block_on(Archive::open(&world.path("archive"), Arc::new(now))).unwrap();
    verify(&archive, &public_keys(&archive).unwrap()).unwrap().withdrawals
}

#[test]
fn copies_are_prepared_once_and_go_out_instead() {
    let world = World::with_sample();
    let refused = world.here(&[&["release", "build", "r", "--yes"], &TAIL[..]].concat());
    assert_eq!(refused.code, 2, "{}{}", refused.out, refused.err);
    assert!(refused.err.contains("lack their copy") && refused.err.contains("release prepare r"), "{}", refused.err);
    assert!(!world.path("archive/releases/r").exists());

    let planned = world.here(&[&["release", "plan", "--json"], &TAIL[..]].concat()).one();
    let tail = &planned["tail"];
    assert!(tail["lacking"].as_u64() > Some(3) && tail["lacking"] == tail["copies"], "{tail}");
    let made = prepare(&world);
    assert_eq!(made["made"], tail["lacking"], "{made}");
    assert!(made["bytes"].as_u64() < made["original_bytes"].as_u64(), "{made}");
    let again = prepare(&world);
    assert_eq!((&again["made"], &again["known"]), (&0.into(), &made["made"]), "none is made twice");
    let how = "SELECT derived_how, count(*) AS n FROM blobs WHERE kind = 'derived' GROUP BY derived_how";
    let how = world.here(&["sql", how, "--json"]).one();
    let told = how["derived_how"].as_str().unwrap();
    assert!(told.starts_with("opus:32; 32 kbit/s; ffmpeg ") && told.contains("libopus"), "{told}");

    let torrents = audio(&build(&world, "r", &TAIL));
    let folder = world.path("unpacked");
    for torrent in &torrents {
        unpack(&world, "r", torrent["name"].as_str().unwrap(), &folder.join(torrent["name"].as_str().unwrap()));
    }
    let mut copies = 0;
    for torrent in &torrents {
        let folder = folder.join(torrent["name"].as_str().unwrap());
        for line in std::fs::read_to_string(folder.join("index.jsonl")).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let bytes = std::fs::read(folder.join(line["path"].as_str().unwrap())).unwrap();
            assert_eq!(bytes.len() as u64, line["bytes"].as_u64().unwrap());
            if line["copy_of"].is_string() {
                copies += 1;
                let is_opus = bytes.starts_with(b"OggS") && bytes.windows(8).any(|at| at == b"OpusHead");
                assert!(is_opus && line["codec"] == "opus", "{line}");
            }
        }
    }
    assert_eq!(made["made"], copies);
    // What went out as a copy is given out: its original is not offered again.
    assert_eq!(world.here(&["release", "build", "next", "--yes"]).code, 3);

    // A copy has its original's rights, from the moment that they change.
    let copy =
        world.here(&["sql", "SELECT root, derived_from FROM blobs WHERE kind = 'derived' LIMIT 1", "--json"]).one();
    let (root, from) = (copy["root"].as_str().unwrap(), copy["derived_from"].as_str().unwrap());
    let distribute = |root: &str| {
        let shown = world.here(&["rights", "show", &format!("blob:{root}"), "--json"]).json();
        let of_root = shown.iter().find(|shown| shown["subject"] == format!("blob:{root}")).unwrap().clone();
        of_root["uses"]["distribute"].as_bool().unwrap()
    };
    assert!(distribute(root) && distribute(from));
    let withdrawn = world.here(&["rights", "withdraw", &format!("blob:{from}"), "--yes", "--json"]);
    assert_eq!(withdrawn.code, 0, "{}{}", withdrawn.out, withdrawn.err);
    assert!(!distribute(root) && !distribute(from));
    let _ = world.here(&["feed", "publish", "--yes"]).ended(0);
    let withdrawals = withdrawals(&world);
    let roots: Vec<String> = withdrawals[0].roots.iter().map(ToString::to_string).collect();
    assert!(roots.contains(&root.into()) && roots.contains(&from.into()), "mirrors drop the copy: {withdrawals:#?}");
}

#[test]
fn what_a_kill_leaves_is_made_good() {
    let (killed, whole) = (World::with_sample(), World::with_sample());
    let args = [&["--archive", "archive", "release", "prepare", "--jobs", "1"], &TAIL[..]].concat();
    let mut child = killed.command(&args).spawn().unwrap();
    let began = std::time::Instant::now();
    // The first copy is on its way, or there.
    while !killed.path("archive/state/prepare").exists() && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < fonoteca_testkit::LIMIT, "prepare hangs");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    prepare(&killed);
    prepare(&whole);
    assert!(!killed.path("archive/state/prepare").exists());
    let copies = |world: &World| {
        let rows =
            world.here(&["sql", "SELECT root, derived_from FROM blobs WHERE kind = 'derived' ORDER BY 2", "--json"]);
        rows.json()
    };
    assert!(copies(&whole).len() > 3);
    assert_eq!(copies(&killed), copies(&whole), "the same encoder makes the same copies");
    assert_eq!(killed.here(&["verify"]).code, 0);
}
