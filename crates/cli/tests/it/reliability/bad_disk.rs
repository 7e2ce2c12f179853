//! A disk that returns errors at twenty instants: while files come in, copied and in place, and while they are checked.
//!
//! What fails is one request or all from one on, in the archive or among the music. It is named, the rest goes on or the
//! command ends with what the disk said; once the disk gives all again, the same command ends as if nothing had been.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fonoteca_testkit::{Asked, BadDisk, Ran, copy_folder, noise, sample};
use serde_json::Value;

use super::{INSTANTS, are_equal, next};
use crate::world::World;

const SAID: &str = "Input/output error";
/// How SQLite says the same.
const BY_SQLITE: [&str; 2] = ["disk I/O error", "unable to open database file"];

/// A world with a disk at `disk`, which is the folder `below` in truth.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn on_a_disk(test: &str) -> Option<(World, BadDisk)> {
    let world = World::empty();
    for folder in ["below/music", "disk"] {
        fs::create_dir_all(world.path(folder)).unwrap();
    }
    let disk = BadDisk::mount(&world.path("below"), &world.path("disk"));
    if disk.is_none() {
        eprintln!("skipped: {test}: nobody may mount a file system here");
    }
    Some((world, disk?))
}

/// Two seconds of songs in several formats, one of which is cut off, with a cover. No two have an artist or an album in
/// common: those are named by the file they were first heard in, and which that is depends on what could be read first.
fn music(folder: &Path) {
    let minuet = "Clara Monte/Teclas Antiguas (2019)/01 Minuet in G.flac";
    let songs = [
        ("Unsorted/Track01.mp3", "Track01.mp3", "0"),
        ("Ансамбль «Аврора»/Калинка (2020)/01 Калинка.opus", "Калинка.opus", "0"),
        ("Lumen Duo/Evening Songs (2018)/01 Silent Night.m4a", "01 Silent Night.m4a", "0"),
        (minuet, "01 Minuet in G.flac", "0"),
        (minuet, "half.flac", "-1"),
    ];
    for (song, name, tags_of) in songs {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "quiet", "-nostdin", "-i"]).arg(sample().join(song));
        ffmpeg.args(["-vn", "-c", "copy", "-t", "2", "-map_metadata", tags_of]);
        assert!(ffmpeg.arg(folder.join(name)).stdin(Stdio::null()).status().unwrap().success());
    }
    let half = folder.join("half.flac");
    let flac = fs::read(&half).unwrap();
    fs::write(half, &flac[..flac.len() / 2]).unwrap();
    fs::write(folder.join("noise.wav"), noise(1, 900)).unwrap();
    fs::write(folder.join("cover.png"), b"\x89PNG\r\n\x1a\nof all").unwrap();
}

fn ingests_come_through(keep: &str, troubles: &[(Asked, &str)]) {
    let Some((world, disk)) = on_a_disk("an ingest on a disk that fails") else { return };
    music(&world.path("below/music"));
    world.ok(&["init", "below/empty", "--name", "A"]);
    let new = |archive: &str| copy_folder(&world.path("below/empty"), &world.path("below").join(archive));
    let ingest = |archive: &str| {
        let archive = format!("disk/{archive}");
        let args = ["--archive", &archive, "ingest", "disk/music", "-b", "own-work", keep, "--json"];
        world.run(&[&args[..], &["--batch-files", "3"]].concat())
    };
    let mut counts = Vec::new();
    for (number, (asked, below)) in troubles.iter().enumerate() {
        let archive = format!("whole-{number}");
        new(&archive);
        disk.count(*asked, &below.replace("ARCHIVE", &archive));
        let _ = ingest(&archive).ended(0);
        counts.push(disk.mend().0);
    }
    assert!(counts.iter().all(|count| *count >= 6), "what can fail: {counts:?}");

    let mut archives = vec!["below/whole-0".to_owned()];
    let mut stops = 0;
    for number in 0..INSTANTS {
        let archive = format!("bad-{number}");
        new(&archive);
        let trouble = number as usize % troubles.len();
        let (asked, below) = troubles[trouble];
        let mut random = number;
        let from = counts[trouble] * (number * 1000 + next(&mut random) % 1000) / (INSTANTS * 1000);
        disk.fail(asked, &below.replace("ARCHIVE", &archive), from, next(&mut random).is_multiple_of(2));
        let said = ingest(&archive);
        let (_, failed) = disk.mend();
        let told =
            format!("{archive}: {:?} failed, and {} more\n{}{}", failed.first(), failed.len(), said.out, said.err);
        // A leftover that cannot be removed waits for the next one who can.
        if said.code != 0 {
            stops += 1;
            // A table that cannot be read may be damaged.
            let damage = below.ends_with("catalog") && said.code == 4;
            assert!(said.code == 1 || damage, "{told}");
            let is_said = [SAID, BY_SQLITE[0], BY_SQLITE[1]].iter().any(|words| said.err.contains(words));
            assert!(!failed.is_empty() && is_said, "{told}");
            assert!(!said.err.contains("has a bug"), "{told}");
        }
        if asked == Asked::Read && below == "music" {
            names_what_failed(&said, &failed, &told);
        }
        let again = ingest(&archive);
        assert_eq!(again.code, 0, "{told}\nthen {}{}", again.out, again.err);
        archives.push(format!("below/{archive}"));
    }
    assert!(stops >= INSTANTS / 3, "only {stops} came to an end by it");
    are_equal(&world, &archives, &["tracks", "blobs", "holdings", "rights", "events", "files"]);
    for archive in ["below/bad-3", "below/bad-12"] {
        let report = world.ok(&["--archive", archive, "verify", "--json"]).one();
        assert_eq!(report["unknown"], Value::Array(vec![]), "{archive}: nothing is left over");
    }
}

/// Each file that could not be read is named as failed or, if the disk gave it at a second attempt, taken in; the others
/// are taken in.
fn names_what_failed(said: &Ran, failed: &[String], told: &str) {
    let failed = |name: &str| failed.iter().any(|failed| failed.ends_with(name) || failed.ends_with("cover.png"));
    for line in said.json().iter().filter(|line| line["path"].is_string()) {
        let name = line["path"].as_str().unwrap().rsplit('/').next().unwrap();
        match line["status"].as_str().unwrap() {
            "added" | "malformed" => {}
            "failed" => assert!(failed(name) && line["reason"].as_str().unwrap().contains(SAID), "{line}: {told}"),
            _ => panic!("{line}: {told}"),
        }
    }
}

#[test]
fn an_ingest_on_a_disk_that_fails_ends_as_on_one_that_does_not() {
    let troubles =
        [(Asked::Write, "ARCHIVE"), (Asked::Read, "music"), (Asked::Write, "ARCHIVE"), (Asked::Read, "ARCHIVE/blobs")];
    ingests_come_through("--copy", &troubles);
}

#[test]
fn an_ingest_in_place_on_a_disk_that_fails_ends_as_on_one_that_does_not() {
    let troubles = [(Asked::Read, "music"), (Asked::Write, "ARCHIVE"), (Asked::Read, "ARCHIVE/catalog")];
    ingests_come_through("--in-place", &troubles);
}

#[test]
fn what_cannot_be_read_is_not_called_damaged_and_nothing_is_put_in_its_place() {
    let Some((world, disk)) = on_a_disk("a check on a disk that fails") else { return };
    for number in 0..5 {
        // One has three pieces.
        let length = if number == 0 { 140_000 } else { 300 };
        fs::write(world.path("below/music").join(format!("{number}.wav")), noise(number, length)).unwrap();
    }
    world.ok(&["init", "below/copied", "--name", "A"]);
    world.ok(&["init", "below/placed", "--name", "A"]);
    for (archive, keep) in [("copied", "--copy"), ("placed", "--in-place")] {
        let archive = format!("disk/{archive}");
        world.ok(&["--archive", &archive, "ingest", "disk/music", "-b", "own-work", keep, "--analyse", "none"]);
    }
    copy_folder(&world.path("below/copied"), &world.path("copy"));
    let before = inodes(&world.path("below"));
    let mut unread = 0;
    for number in 0..INSTANTS {
        let (archive, below) = [("disk/copied", "copied/blobs"), ("disk/placed", "music")][number as usize % 2];
        let verify = |how: &[&str]| world.run(&[&["--archive", archive, "verify", "--json"], how].concat());
        let everything = ["--sample", "100%", "--fresh"];
        disk.count(Asked::Read, below);
        let _ = verify(&everything).ended(0);
        let (count, _) = disk.mend();
        let mut random = number;
        let lasting = next(&mut random).is_multiple_of(2);
        let from = count * (number / 2 * 1000 + next(&mut random) % 1000) / (INSTANTS / 2 * 1000);
        disk.fail(Asked::Read, below, from, lasting);
        let said = verify(&everything);
        let (_, failed) = disk.mend();
        let report = said.one();
        let told = format!("{number}: {} of {count} failed: {failed:?}\n{report}\n{}", failed.len(), said.err);
        assert_eq!((&report["damaged"], &report["missing"]), (&Value::Array(vec![]), &Value::Array(vec![])), "{told}");
        let unreadable = report["unreadable"].as_array().unwrap();
        assert!(unreadable.iter().all(|one| one["found"].as_str().unwrap().contains(SAID)), "{told}");
        // What the system only read ahead is read once more, and may be given then.
        assert!(!lasting || !unreadable.is_empty(), "{told}");
        assert_eq!(said.code, if unreadable.is_empty() { 0 } else { 4 }, "{told}");
        unread += usize::from(!unreadable.is_empty());
        // The disk gives all again: nothing is to be repaired, and nothing is.
        let repaired = verify(&["--damaged", "--repair", "--from", "copy", "--yes"]).ended(0).one();
        assert_eq!(
            (&repaired["unreadable"], &repaired["repair"]["repaired"]),
            (&Value::Array(vec![]), &Value::Array(vec![]))
        );
    }
    assert!(unread >= INSTANTS as usize / 3, "only {unread} times was anything unreadable");
    assert_eq!(inodes(&world.path("below")), before, "no file was put in the place of another");
}

/// The inodes of the music and of the blobs, by their paths.
fn inodes(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.join("music"), folder.join("copied/blobs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::metadata(&path).unwrap();
            if metadata.is_dir() {
                folders.push(path);
            } else {
                found.insert(path, metadata.ino());
            }
        }
    }
    found
}
