//! `catalog`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use fonoteca_testkit::Ran;

use crate::world::{World, sample};

/// An archive whose tables have many small files.
fn in_small_batches() -> World {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    World::like(TEMPLATE.get_or_init(|| {
        let world = World::with_archive();
        let sample = sample();
        let args = ["ingest", sample.to_str().unwrap(), "--basis", "licensed", "--batch-files", "1", "--quiet"];
        let taken = world.here(&args);
        assert_eq!(taken.code, 1, "one file of the sample is refused: {}", taken.err);
        world.kept("small-batches")
    }))
}

fn parquet_files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            if path.is_dir() {
                parquet_files(&path)
            } else {
                usize::from(path.extension().is_some_and(|it| it == "parquet"))
            }
        })
        .sum()
}

/// What the tables say, in one text: first what `stats` says, then all rows of some of them.
fn answers(world: &World, tables: &[&str]) -> String {
    let ask = |args: &[&str]| world.ok(&[&["--archive", "archive"], args].concat()).out;
    let mut all = ask(&["stats", "--json"]);
    for table in tables {
        let key = if matches!(*table, "holdings" | "files" | "blobs") { "root" } else { "id" };
        all.push_str(&ask(&["sql", &format!("SELECT * FROM {table} ORDER BY \"{key}\""), "--json"]));
    }
    all
}

const TABLES: [&str; 6] = ["artists", "tracks", "holdings", "files", "rights", "links"];

#[test]
fn optimized_tables_give_the_same_answers_in_fewer_files() {
    let world = in_small_batches();
    let before = answers(&world, &TABLES);
    // The version of `files` is one later, and no more.
    let later = |text: &str, by: i64| {
        let stats: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        (stats["version"].as_i64().unwrap() + by, text.split_once('\n').unwrap().1.to_owned())
    };
    let plan = world.here(&["catalog", "optimize"]);
    assert_eq!(plan.code, 2, "a plan is all that happens without a yes: {}", plan.err);
    assert!(plan.err.contains("tracks") && plan.err.contains("--yes"), "{}", plan.err);
    assert_eq!(answers(&world, &TABLES), before);

    let done = world.here(&["catalog", "optimize", "--yes", "--json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let done = done.one();
    assert!(done["files_before"].as_u64() > Some(30), "{done}");
    assert_eq!(done["files_after"], done["rewrites"]);
    assert_eq!(later(&answers(&world, &TABLES), 0), later(&before, 1));
    let nothing = world.here(&["catalog", "optimize", "--yes"]);
    assert!(nothing.code == 0 && nothing.out.contains("nothing to make larger"), "{}{}", nothing.out, nothing.err);

    // Another program still counts the same.
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/readers/counts.py");
    let counted = Command::new(fonoteca_testkit::python()).arg(script).arg(world.path("archive")).output().unwrap();
    let (counted, stats) = (Ran::from(counted).one(), world.here(&["stats", "--json"]).one());
    for count in ["artists", "albums", "tracks", "recordings", "files", "blobs"] {
        assert_eq!(counted[count], stats[count], "{count}");
    }
    assert_eq!(world.here(&["search", "scarborough", "--json"]).json().len(), 1);
}

#[test]
fn history_names_versions_jobs_and_releases() {
    let world = World::with_sample();
    assert_eq!(world.here(&["release", "build", "one", "--yes"]).code, 0);
    let lines = world.here(&["catalog", "history", "tracks", "--json"]).json();
    assert_eq!(lines[0]["operation"], "CREATE TABLE");
    let last = lines.last().unwrap();
    assert_eq!((&last["rows"], &last["rows_added"], &last["files"]), (&20.into(), &20.into(), &1.into()));
    assert!(last["job"].as_str().unwrap().starts_with("ingest-") && last["at"].as_i64() > Some(1_700_000_000_000));
    assert_eq!(last["releases"], serde_json::json!(["one"]));
    let table = world.here(&["catalog", "history", "tracks", "files"]);
    assert!(table.out.contains("made") && table.out.contains(" one\n"), "{}", table.out);
    let wrong = world.here(&["catalog", "history", "trakcs"]);
    assert!(wrong.code == 2 && wrong.err.contains("tracks"), "{}", wrong.err);
}

#[test]
fn what_a_release_pins_stays_readable_after_a_vacuum() {
    let world = in_small_batches();
    let rights = world.here(&["rights", "import", sample().join("rights.csv").to_str().unwrap()]);
    assert_eq!(rights.code, 0, "{}", rights.err);
    assert_eq!(world.here(&["release", "build", "one", "--yes"]).code, 0);
    let pinned = world.here(&["sql", "SELECT tables FROM releases LIMIT 1", "--json"]).one();
    let pinned: serde_json::Value = serde_json::from_str(pinned["tables"].as_str().unwrap()).unwrap();
    let at = |table: &str| format!("{table}={}", pinned[table]);
    let (tracks, files) = (at("tracks"), at("files"));
    let ask = |world: &World| {
        let query = "SELECT t.*, f.size FROM tracks t JOIN holdings h ON h.track_id = t.id JOIN files f ON f.root = h.root ORDER BY t.id";
        world.here(&["sql", query, "--json", "--at", &tracks, "--at", &files])
    };
    let before = ask(&world);
    assert_eq!((before.code, before.json().len()), (0, 20), "{}", before.err);

    assert_eq!(world.here(&["catalog", "optimize", "--yes"]).code, 0);
    let plan = world.here(&["catalog", "vacuum"]);
    assert!(plan.code == 0 && plan.out.contains("nothing"), "all is younger than 30 days: {}{}", plan.out, plan.err);
    let held = parquet_files(&world.path("archive/catalog"));
    let refused = world.here(&["catalog", "vacuum", "--keep", "0"]);
    assert_eq!((refused.code, parquet_files(&world.path("archive/catalog"))), (2, held), "{}", refused.err);
    let done = world.here(&["catalog", "vacuum", "--keep", "0", "--yes", "--json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let removed = done.one()["files"].as_u64().unwrap() as usize;
    assert!(removed > 0);
    assert_eq!(parquet_files(&world.path("archive/catalog")), held - removed);
    let after = ask(&world);
    assert_eq!((after.code, after.out), (0, before.out), "{}", after.err);
    assert_eq!(world.here(&["release", "verify", "one"]).code, 0);
    assert_eq!(world.here(&["verify"]).code, 0);
}

#[test]
fn a_killed_optimize_is_harmless() {
    let world = in_small_batches();
    let before = answers(&world, &TABLES[1..4]);
    let before = before.split_once('\n').unwrap().1;
    for (number, wait) in [5, 60, 150, 300].into_iter().enumerate() {
        let args = ["--archive", "archive", "catalog", "optimize", "--yes", "--quiet"];
        let mut child = world.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_millis(wait));
        // On Unix this is SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(answers(&world, &TABLES[1..4]).split_once('\n').unwrap().1, before, "kill {number}");
    }
    assert_eq!(world.here(&["catalog", "optimize", "--yes"]).code, 0);
    assert_eq!(answers(&world, &TABLES[1..4]).split_once('\n').unwrap().1, before);
}
