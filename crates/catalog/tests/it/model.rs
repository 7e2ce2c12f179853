//! Random commits, repeats and kills against a catalogue that is a list in memory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use fonoteca_catalog::{Artist, Batch, Catalog, File, FileState, Table, Track};
use fonoteca_model::{BlobId, Id, PartialDate, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::archive::{Archive, all, sorted};
use crate::failing::Failing;
use crate::sample::{artist, credit, file, track};

#[derive(Debug, Clone)]
struct Commit {
    job: &'static str,
    number: i64,
    batch: Batch,
    /// Killed after so many operations.
    killed: Option<usize>,
}

fn any_artist() -> impl Strategy<Value = Artist> {
    (any::<i64>(), ".{0,8}", proptest::collection::vec(".{0,4}", 0..3), proptest::option::of(".{0,4}"))
        .prop_map(|(id, name, aliases, sort_name)| Artist { id: Id(id), aliases, sort_name, ..artist(&name) })
}

fn any_track() -> impl Strategy<Value = Track> {
    (
        any::<i64>(),
        ".{0,8}",
        proptest::collection::vec("[a-z]{1,3}", 0..3),
        proptest::option::of(any::<i32>()),
        1u16..9999,
    )
        .prop_map(|(id, title, artists, number, year)| Track {
            id: Id(id),
            artists: artists.iter().map(|name| credit(name)).collect(),
            number,
            date: PartialDate::lenient(&format!("{year:04}")).map(|date| date.to_string()),
            ..track(&title, "x", None)
        })
}

fn any_file() -> impl Strategy<Value = File> {
    (
        any::<[u8; 32]>(),
        proptest::collection::vec(any::<u8>(), 0..12),
        proptest::option::of(any::<f64>().prop_filter("not equal to itself", |number| !number.is_nan())),
        proptest::sample::select(FileState::ALL),
        any::<i64>(),
    )
        .prop_map(|(root, path, loudness_lufs, state, at)| File {
            root: BlobId(root),
            path,
            loudness_lufs,
            state,
            at: Timestamp(at / 2),
            ..file("x")
        })
}

fn any_commit() -> impl Strategy<Value = Commit> {
    (
        proptest::sample::select(vec!["a", "b"]),
        0..4i64,
        proptest::collection::vec(any_artist(), 0..3),
        proptest::collection::vec(any_track(), 0..4),
        proptest::collection::vec(any_file(), 0..3),
        proptest::option::of(0..60usize),
    )
        .prop_map(|(job, number, artists, tracks, files, killed)| Commit {
            job,
            number,
            batch: Batch { artists, tracks, files, ..Batch::default() },
            killed,
        })
}

/// The catalogue as its documentation describes it.
#[derive(Default)]
struct Model {
    recorded: HashMap<(Table, &'static str), i64>,
    complete: HashSet<(&'static str, i64)>,
    artists: Vec<(Option<(&'static str, i64)>, Artist)>,
    tracks: Vec<(Option<(&'static str, i64)>, Track)>,
    files: Vec<File>,
}

impl Model {
    fn commit(&mut self, commit: &Commit) {
        let Commit { job, number, batch, .. } = commit.clone();
        let of = (!batch.files.is_empty()).then_some((job, number));
        if self.takes(Table::Artists, job, number, batch.artists.len()) {
            self.artists.extend(batch.artists.into_iter().map(|row| (of, row)));
        }
        if self.takes(Table::Tracks, job, number, batch.tracks.len()) {
            self.tracks.extend(batch.tracks.into_iter().map(|row| (of, row)));
        }
        if self.takes(Table::Files, job, number, batch.files.len()) {
            self.files.extend(batch.files);
            self.complete.insert((job, number));
        }
    }

    fn takes(&mut self, table: Table, job: &'static str, number: i64, rows: usize) -> bool {
        let fresh = self.recorded.get(&(table, job)).is_none_or(|last| *last < number);
        if fresh && rows > 0 {
            self.recorded.insert((table, job), number);
        }
        fresh && rows > 0
    }

    fn counting(&self) -> Batch {
        let counts = |of: &Option<(&'static str, i64)>| of.is_none_or(|batch| self.complete.contains(&batch));
        sorted(Batch {
            artists: self.artists.iter().filter(|(of, _)| counts(of)).map(|(_, row)| row.clone()).collect(),
            tracks: self.tracks.iter().filter(|(of, _)| counts(of)).map(|(_, row)| row.clone()).collect(),
            files: self.files.clone(),
            ..Batch::default()
        })
    }
}

async fn play(commits: Vec<Commit>) {
    let (archive, _) = Archive::new().await;
    let mut model = Model::default();
    for commit in commits {
        let failing = Failing::after(usize::MAX, archive.objects());
        let catalog = Catalog::open(Arc::new(failing.clone()), &archive.state()).await.expect("open");
        let writer = catalog.writer().await.expect("writer");
        failing.allow(commit.killed.unwrap_or(usize::MAX));
        let outcome = writer.commit(commit.job, commit.number, commit.batch.clone()).await;
        assert!(outcome.is_ok() || commit.killed.is_some(), "{outcome:?}");
        model.commit(&commit);
        // Killed or not: whoever opens the archive next finds the batch whole.
        let snapshot = archive.open().await.snapshot().await.expect("snapshot");
        let found = Batch {
            artists: all(&snapshot).await,
            tracks: all(&snapshot).await,
            files: all(&snapshot).await,
            ..Batch::default()
        };
        assert_eq!(found, model.counting());
        assert_eq!(snapshot.stats().await.expect("stats").tracks, found.tracks.len() as i64);
    }
}

#[test]
fn random_commits_and_kills() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 8, failure_persistence: None, ..Config::default() });
    runner
        .run(&proptest::collection::vec(any_commit(), 1..6), |commits| {
            runtime.block_on(play(commits));
            Ok(())
        })
        .expect("the model and the tables agree");
}
