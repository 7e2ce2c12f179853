//! A full disk: what was finished is kept, and with more room the same command goes on.

use std::fs;
use std::path::Path;
use std::process::Command;

use fonoteca_testkit::{Ran, copy_folder};
use serde_json::Value;

use super::noise;
use crate::imports::musicbrainz::{lines, release};
use crate::reliability::{INSTANTS, are_equal, next};
use crate::world::World;

/// Releases of a dump that is larger than the disk.
const RELEASES: u64 = 3000;

/// A small file system of its own, unmounted when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// None where one may not be mounted.
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    fn used_kib(&self) -> u64 {
        let said = Command::new("du").arg("-sk").arg(self.0).output().unwrap();
        String::from_utf8(said.stdout).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }

    fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.0).status().unwrap().success());
    }

    /// Runs a command on a full disk, with `step` KiB more each time until it succeeds. When it fails it must say why, and the
    /// archive must be readable: `check` is given what `stats` says of it.
    fn run_with_ever_more_room(
        &self,
        world: &World,
        args: &[&str],
        step: u64,
        most: u64,
        check: impl Fn(&Value),
    ) -> Ran {
        let mut room = self.used_kib() + 60;
        self.resize(&format!("{room}k"));
        let mut stops = 0;
        let finished = loop {
            let said = world.run(args);
            if said.code == 0 {
                break said;
            }
            stops += 1;
            assert_eq!(said.code, 1, "at {room} KiB: {}{}", said.out, said.err);
            let complaint = said.err.to_lowercase();
            let is_named = complaint.contains("no space left") && complaint.contains("free some");
            assert!(is_named, "at {room} KiB: {}", said.err);
            room += step;
            assert!(room < most, "it never finishes: {}", said.err);
            self.resize(&format!("{room}k"));
            let stats = world.run(&["--archive", "disk/archive", "stats", "--json"]);
            assert_eq!(stats.code, 0, "at {room} KiB: {}", stats.err);
            check(&stats.one());
        };
        assert!(stops > 2, "the disk was never full");
        finished
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_at_any_instant_is_named_and_with_more_room_the_same_command_finishes() {
    let world = World::empty();
    let at = world.path("disk");
    let Some(disk) = SmallDisk::mount(&at, "256m") else {
        eprintln!("skipped: a full disk: a small file system cannot be mounted here");
        return;
    };
    world.ok(&["init", "disk/empty", "--name", "A"]);
    fs::create_dir(world.path("music")).unwrap();
    for number in 0..5 {
        fs::write(world.path("music").join(format!("{number}.wav")), noise(number, 400)).unwrap();
    }
    fs::write(world.path("music/cover.png"), b"\x89PNG\r\n\x1a\nof all").unwrap();
    let ingest = |archive: &str| {
        let archive = format!("disk/{archive}");
        world.run(&["--archive", &archive, "ingest", "music", "-b", "own-work", "--json", "--batch-files", "2"])
    };
    let new = |archive: &str| copy_folder(&world.path("disk/empty"), &world.path("disk").join(archive));
    new("whole");
    let before = disk.used_kib();
    let _ = ingest("whole").ended(0);
    let takes = disk.used_kib() - before;

    let mut archives = vec!["disk/whole".to_owned()];
    let mut stops = 0;
    for number in 0..INSTANTS {
        let archive = format!("full-{number}");
        new(&archive);
        let mut random = number;
        let room = takes * (number * 1000 + next(&mut random) % 1000) / (INSTANTS * 1000);
        disk.resize(&format!("{}k", disk.used_kib() + 8 + room));
        let said = ingest(&archive);
        disk.resize("256m");
        if said.code != 0 {
            stops += 1;
            assert_eq!(said.code, 1, "{room} of {takes} KiB: {}{}", said.out, said.err);
            let complaint = said.err.to_lowercase();
            let is_named = complaint.contains("no space left") && complaint.contains("free some");
            assert!(is_named, "{room} of {takes} KiB: {}", said.err);
        }
        let again = ingest(&archive).ended(0).json();
        let summary = &again.last().unwrap()["summary"];
        assert_eq!(summary["added"].as_u64().unwrap() + summary["known"].as_u64().unwrap(), 5, "{summary}");
        archives.push(format!("disk/{archive}"));
    }
    assert!(stops >= INSTANTS * 3 / 4, "only {stops} times was the disk full");
    are_equal(&world, &archives, &["tracks", "blobs", "holdings", "rights", "events", "files"]);
    for archive in ["disk/full-3", "disk/full-12"] {
        let verified = world.ok(&["--archive", archive, "verify", "--json"]).one();
        assert_eq!((&verified["checked"], &verified["unknown"]), (&6.into(), &Value::Array(vec![])), "{archive}");
        let found = world.ok(&["--archive", archive, "search", "--json", "--kind", "track", "--limit", "50"]);
        assert_eq!(found.json().len(), 5, "{archive}: {}", found.err);
    }
}

#[test]
fn an_import_that_fills_the_disk_leaves_the_tables_as_they_were_and_goes_on_with_more_room() {
    let world = World::empty();
    let at = world.path("disk");
    let Some(disk) = SmallDisk::mount(&at, "32m") else {
        eprintln!("skipped: a full disk: a small file system cannot be mounted here");
        return;
    };
    world.ok(&["init", "disk/archive", "--name", "A"]);
    // Titles that hardly compress.
    let titles = (1..=RELEASES).map(|number| format!("{:x}", u128::from(number) * 0x9E37_79B9_7F4A_7C15_F39C_C060));
    fs::write(world.path("release"), lines((1..).zip(titles).map(|(number, title)| release(number, &title)))).unwrap();
    let args = ["--archive", "disk/archive", "import", "musicbrainz", "release", "--batch-rows", "1000", "--json"];
    let finished = disk.run_with_ever_more_room(&world, &args, 150, 32_768, |stats| {
        let tracks = &stats["tracks"];
        assert!(*tracks == 0 || *tracks == RELEASES, "{tracks} tracks are in the tables");
    });
    assert_eq!(finished.one()["read"], RELEASES);
    disk.resize("32m");
    let stats = world.ok(&["--archive", "disk/archive", "stats", "--json"]).one();
    assert_eq!((&stats["tracks"], &stats["albums"]), (&RELEASES.into(), &RELEASES.into()));
    let found = world.ok(&["--archive", "disk/archive", "lookup", "SEFON2600321", "--json"]).one();
    assert_eq!(found["isrc"], "SEFON2600321");
}
