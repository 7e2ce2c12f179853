//! `import listenbrainz`

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use serde_json::Value;

use crate::world::World;

/// Lines of the file that imports are killed on.
const LINES: u64 = 20_000;

fn listen(artist: &str, title: &str) -> String {
    let metadata = serde_json::json!({"artist_name": artist, "track_name": title, "release_name": ""});
    format!("{}\n", serde_json::json!({"listened_at": 1_735_808_074, "user_name": "ana", "track_metadata": metadata}))
}

/// Rows of `listens` as they count: recording, count, popularity.
fn counts(world: &World, archive: &str) -> Vec<Value> {
    let query = "SELECT hex_id(recording_id) AS id, last_value(\"count\" ORDER BY as_of) AS n, \
                 last_value(popularity ORDER BY as_of) AS popularity FROM listens GROUP BY recording_id ORDER BY 1";
    world.ok(&["--archive", archive, "sql", query, "--json"]).json()
}

#[test]
fn dumps_in_every_packing_are_counted_once_whatever_they_are_called() {
    let world = World::with_sample();
    let before = world.here(&["stats", "--json"]).one()["listens"].as_i64().unwrap();
    let mut python = Command::new(fonoteca_testkit::python());
    // An independent packer: Python's own tar, as the dumps are made.
    let pack = r#"
import io, sys, tarfile
lines = sys.stdin.buffer.read()
for name, mode in [("a.tar", "w"), ("b.tar.gz", "w:gz"), ("c.tar.bz2", "w:bz2"), ("d.tar.xz", "w:xz")]:
    with tarfile.open(f"{sys.argv[1]}/{name}", mode) as tar:
        for number, member in enumerate(["COPYING", "listens/2024/1.listens", "listens/2025/1.listens"]):
            text = b"not listens\n" if member == "COPYING" else lines + (name + str(number)).encode().join([b"\n"] * 2)
            info = tarfile.TarInfo("listenbrainz-listens-dump-1/" + member)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
"#;
    let mut child = python.arg("-c").arg(pack).arg(world.path("")).stdin(Stdio::piped()).spawn().unwrap();
    let lines = listen("Clara Monte", "Für Elise") + &listen("clara MONTE", "fur elise") + &listen("Nobody", "Nothing");
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());

    let files = ["a.tar", "b.tar.gz", "c.tar.bz2", "d.tar.xz"];
    let said = world.here(&[&["import", "listenbrainz", "--json", "--rejects", "rejects.jsonl"], &files[..]].concat());
    assert_eq!(said.code, 1, "the last line of each member is no listen: {}", said.err);
    let report = said.one();
    // Two members with three listens each in four files.
    assert_eq!(
        (&report["rows"], &report["matched"], &report["unmatched"]),
        (&32.into(), &16.into(), &8.into()),
        "{report}"
    );
    assert_eq!((&report["rejected_rows"], &report["recordings"]), (&8.into(), &1.into()));
    let rejects = std::fs::read_to_string(world.path("rejects.jsonl")).unwrap();
    let rejects: Vec<Value> = rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rejects.len(), &rejects[0]["file"], &rejects[0]["number"]), (8, &"a.tar".into(), &5.into()));
    assert!(rejects.iter().all(|reject| reject["reason"].as_str().is_some_and(|reason| !reason.is_empty())));
    assert_eq!(world.here(&["stats", "--json"]).one()["listens"], before + 16);

    std::fs::copy(world.path("c.tar.bz2"), world.path("another name")).unwrap();
    let again = world.here(&["import", "listenbrainz", "another name", "a.tar", "--json"]).one();
    assert_eq!((&again["already"], &again["rows"]), (&true.into(), &0.into()), "{again}");
    assert_eq!(world.here(&["stats", "--json"]).one()["listens"], before + 16);
    let twice = format!("{lines}{}", listen("Harbour Lights", "Scarborough Fair"));
    std::fs::write(world.path("new.jsonl"), twice).unwrap();
    std::fs::copy(world.path("new.jsonl"), world.path("copy.jsonl")).unwrap();
    let mixed = world.here(&["import", "listenbrainz", "new.jsonl", "copy.jsonl", "b.tar.gz", "--json"]).one();
    assert_eq!((&mixed["matched"], &mixed["files"][1]["already"]), (&3.into(), &true.into()), "{mixed}");
    assert_eq!(world.here(&["stats", "--json"]).one()["listens"], before + 19);
    assert_eq!(std::fs::read_dir(world.path("archive/state/listens")).unwrap().count(), 0, "nothing is left over");
}

#[test]
fn only_what_changed_is_written() {
    let world = World::with_sample();
    let rows = || world.here(&["sql", "SELECT count(*) AS n FROM listens", "--json"]).one()["n"].as_i64().unwrap();
    let before = rows();
    std::fs::write(world.path("one.jsonl"), listen("Harbour Lights", "Greensleeves")).unwrap();
    let report = world.here(&["import", "listenbrainz", "one.jsonl", "--json"]).one();
    assert_eq!((&report["changed"], rows()), (&1.into(), before + 1), "{report}");
    std::fs::write(world.path("top.jsonl"), listen("Harbour Lights", "Scarborough Fair").repeat(400)).unwrap();
    let report = world.here(&["import", "listenbrainz", "top.jsonl", "--json"]).one();
    let changed = report["changed"].as_i64().unwrap();
    assert!(changed > 1 && rows() == before + 1 + changed, "a new top moves the popularity of others: {report}");
    let found = world.here(&["search", "scarborough", "--json"]).json();
    assert_eq!(found[0]["popularity"], 100);
}

#[test]
fn damaged_dumps_are_named_and_count_nothing() {
    let world = World::with_sample();
    let before = counts(&world, "archive");
    let packed = world.path("cut.gz");
    let text = listen("Clara Monte", "Für Elise").repeat(1000);
    let mut gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    gzip.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let whole = gzip.wait_with_output().unwrap().stdout;
    std::fs::write(&packed, &whole[..whole.len() - 9]).unwrap();
    for (name, message) in [("cut.gz", "cut.gz"), ("missing.jsonl", "missing.jsonl")] {
        let said = world.here(&["import", "listenbrainz", name]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
        assert!(said.err.contains(message), "{}", said.err);
    }
    assert_eq!(counts(&world, "archive"), before);
    let hostile =
        ["", "null", "[]", "{\"track_metadata\":5}", "{\"track_metadata\":{\"artist_name\":\"a\"", "\u{0}", "💥"]
            .join("\n");
    std::fs::write(world.path("hostile.jsonl"), hostile).unwrap();
    let said = world.here(&["import", "listenbrainz", "hostile.jsonl", "--json"]);
    assert_eq!((said.code, &said.one()["rejected_rows"]), (1, &6.into()), "{}", said.err);
    assert_eq!(counts(&world, "archive"), before);
}

#[test]
fn a_killed_import_goes_on_and_counts_each_listen_once() {
    let world = World::with_sample();
    let mut text = String::new();
    let titles = ["Für Elise", "Greensleeves", "Scarborough Fair", "Ode to Joy", "Minuet in G"];
    for number in 0..LINES {
        // Most are of nobody, so that there are many keys; some are no listens.
        match number % 20 {
            0 => text.push_str("no listen\n"),
            n if n < 6 => {
                text.push_str(&listen(if n < 4 { "Harbour Lights" } else { "Clara Monte" }, titles[n as usize % 5]));
            }
            _ => text.push_str(&listen("Nobody", &format!("Nothing {}", number * 7919 % 9973))),
        }
        if number % 7 == 0 {
            let _ = write!(text, "{}", listen("Harbour Lights", "Greensleeves"));
        }
    }
    std::fs::write(world.path("dump.jsonl"), &text).unwrap();
    let copy = |name: &str| {
        let copied = Command::new("cp").arg("-r").arg(world.path("archive")).arg(world.path(name)).status().unwrap();
        assert!(copied.success());
    };
    copy("whole");
    let args = |archive: &'static str, rejects: &'static str| {
        [
            "--archive",
            archive,
            "import",
            "listenbrainz",
            "dump.jsonl",
            "--in-memory",
            "400",
            "--json",
            "--rejects",
            rejects,
        ]
    };
    let began = Instant::now();
    let whole = world.run(&args("whole", "whole.rejects"));
    let took = began.elapsed();
    assert_eq!(whole.code, 1, "{}", whole.err);
    let (whole, expected) = (whole.one(), counts(&world, "whole"));
    let largest = world.run(&["--archive", "whole", "sql", "SELECT max(\"count\") AS n FROM listens", "--json"]).one();
    assert!(largest["n"].as_u64() > Some(LINES / 10), "{largest}");

    let mut resumed = 0;
    for number in 0..2_u32 {
        let mut runs = 0;
        for kill in 0..3_u32 {
            let mut child = world
                .command(&args("archive", "killed.rejects"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            sleep(took * (1 + number * 3 + kill) / 8);
            child.kill().unwrap();
            child.wait().unwrap();
            runs = runs.max(runs_left(&world.path("archive/state/listens")));
        }
        resumed += usize::from(runs > 0);
        let said = world.run(&args("archive", "killed.rejects"));
        assert!(said.code == 1 || said.one()["already"] == true, "{}", said.err);
        assert_eq!(counts(&world, "archive"), expected, "round {number}");
        let rejects = std::fs::read_to_string(world.path("killed.rejects")).unwrap();
        assert_eq!(rejects, std::fs::read_to_string(world.path("whole.rejects")).unwrap(), "round {number}");
        if said.one()["already"] == false {
            assert_eq!(said.one()["rows"], whole["rows"]);
        }
        std::fs::remove_dir_all(world.path("archive")).unwrap();
        std::fs::remove_file(world.path("killed.rejects")).unwrap();
        let fresh = World::with_sample();
        std::fs::rename(fresh.path("archive"), world.path("archive")).unwrap();
    }
    assert!(resumed > 0, "no kill came while lines were counted");
}

fn runs_left(folder: &Path) -> usize {
    let Ok(folders) = std::fs::read_dir(folder) else { return 0 };
    folders.filter(|folder| folder.as_ref().unwrap().path().join("journal.json").exists()).count()
}
