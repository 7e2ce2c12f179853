//! Taking in what comes, as it comes.
//!
//! The system says which paths were written to. A path is looked at once it was left alone for a while, so that no half of
//! a file is taken; which of its bytes are new shows then as it does in any ingest. What came into a new folder before that
//! was listened to is found when the folder has settled, and left alone as long as if nobody had been seen to close it.
//! Where the system lost count, everything is looked at again, which costs little for what is unchanged.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fonoteca_model::Timestamp;
use fonoteca_model::progress::Progress;
use fonoteca_store::Stamp;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
use notify::{Event, EventKind, RecursiveMode, Watcher};
use parking_lot::Mutex;
use walkdir::WalkDir;

use super::ledger::Ledger;
use super::outcome::{FileOutcome, Summary};
use super::{Options, take};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// How long a file is left alone that its writer has closed, or that was moved here.
const CLOSED: Duration = Duration::from_secs(2);
/// How long, where nobody was seen to close it.
const OPEN: Duration = Duration::from_secs(30);
/// How often what has settled is looked for.
const LOOK: Duration = Duration::from_millis(200);
/// Paths remembered at most; when more change at once, everything is looked at.
const MOST_PATHS: usize = 100_000;

/// Takes everything in as [`ingest`](super::ingest()) does, and then what is added or changed below the paths, until
/// `progress` says that the user wants to stop: that is how it ends well.
pub async fn watch(
    archive: &Archive,
    options: &Options,
    progress: &dyn Progress,
    report: &mut (dyn FnMut(FileOutcome) + Send),
) -> Result<Summary, ArchiveError> {
    let started = archive.now();
    let mut roots = Vec::new();
    for path in &options.paths {
        roots.push(path.canonicalize().map_err(ArchiveError::io(path, "cannot be watched"))?);
    }
    let changes = Arc::new(Mutex::new(Changes::default()));
    // Before the first look, so that nothing falls between the two.
    let _watcher = listen(&roots, archive.root(), &changes)?;
    let ledger = Ledger::new(progress, report);
    let mut round = Options { paths: roots.clone(), ..options.clone() };
    let mut number = 0;
    let mut ended = take(archive, &round, None, progress, &ledger).await;
    while ended.is_ok() && !progress.cancelled() {
        tokio::time::sleep(LOOK).await;
        let now = archive.now();
        let settled = changes.lock().settled(Instant::now(), &|folder| files_below(folder, now));
        let (all, paths) = match settled {
            Settled::Paths(paths) if paths.is_empty() => continue,
            Settled::Paths(paths) => (false, paths),
            Settled::Everything => (true, roots.clone()),
        };
        for root in &roots {
            let below = paths.iter().filter(|path| all || path.starts_with(root));
            round.paths = if all { vec![root.clone()] } else { below.cloned().collect() };
            if ended.is_ok() && !round.paths.is_empty() {
                number += 1;
                round.job = format!("{}.{number}", options.job);
                ended = take(archive, &round, Some(root), progress, &ledger).await;
            }
        }
    }
    match ended {
        Ok(()) | Err(ArchiveError::Cancelled) => Ok(ledger.into_summary(archive, started)),
        Err(error) => Err(error),
    }
}

/// Listens until the watcher is dropped.
fn listen(
    roots: &[PathBuf],
    archive: &Path,
    changes: &Arc<Mutex<Changes>>,
) -> Result<notify::RecommendedWatcher, ArchiveError> {
    let (changes, archive) = (Arc::clone(changes), archive.to_owned());
    let told = move |event: notify::Result<Event>| changes.lock().note(event, &archive, Instant::now());
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: notify::Error| {
            let what = match error.kind {
                notify::ErrorKind::MaxFilesWatch => {
                    "has more folders than may be watched: raise fs.inotify.max_user_watches"
                }
                _ => "cannot be watched",
            };
            ArchiveError::Io { path, what, source: std::io::Error::other(error) }
        }
    };
    let mut watcher = notify::recommended_watcher(told).map_err(failed(&roots[0]))?;
    for root in roots {
        watcher.watch(root, RecursiveMode::Recursive).map_err(failed(root))?;
    }
    Ok(watcher)
}

/// The files below a folder, and how long ago each was modified.
fn files_below(folder: &Path, now: Timestamp) -> Vec<(PathBuf, Duration)> {
    let files = WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|entry| !entry.file_type().is_dir());
    let with_age = |entry: walkdir::DirEntry| {
        let stamp = Stamp::of(&entry.metadata().ok()?);
        Some((entry.into_path(), Duration::from_micros(now.0.saturating_sub(stamp.mtime.0).max(0).cast_unsigned())))
    };
    files.filter_map(with_age).take(MOST_PATHS).collect()
}

/// A path that was written to.
#[derive(Debug, Clone, Copy)]
struct Due {
    /// When it will have been left alone long enough.
    at: Instant,
    /// It is a folder that was made, and files may have come into it unseen.
    is_new_folder: bool,
}

/// What was written to and is not looked at yet.
#[derive(Debug, Default)]
struct Changes {
    due: HashMap<PathBuf, Due>,
    /// The same for everything, where the system lost count.
    everything: Option<Instant>,
}

/// What can be looked at.
#[derive(Debug, PartialEq, Eq)]
enum Settled {
    Paths(Vec<PathBuf>),
    Everything,
}

impl Changes {
    fn note(&mut self, event: notify::Result<Event>, archive: &Path, now: Instant) {
        let Ok(event) = event else {
            self.everything = Some(now + CLOSED);
            return;
        };
        let pause = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Create(CreateKind::Folder)
            | EventKind::Modify(ModifyKind::Name(_) | ModifyKind::Metadata(_))
            | EventKind::Remove(_) => CLOSED,
            EventKind::Access(_) => return,
            _ => OPEN,
        };
        if event.need_rescan() || self.due.len() >= MOST_PATHS {
            self.due.clear();
            self.everything = Some(now + CLOSED);
        }
        let is_new_folder = event.kind == EventKind::Create(CreateKind::Folder);
        for path in event.paths.into_iter().filter(|path| !path.starts_with(archive)) {
            self.due.insert(path, Due { at: now + pause, is_new_folder });
        }
    }

    /// What can be looked at by now, each once; `files_below` tells the files below a folder, and how long each was left alone.
    fn settled(&mut self, now: Instant, files_below: &dyn Fn(&Path) -> Vec<(PathBuf, Duration)>) -> Settled {
        if self.everything.is_some_and(|due| due <= now) {
            self.everything = None;
            return Settled::Everything;
        }
        if self.due.values().all(|due| due.at > now) {
            return Settled::Paths(Vec::new());
        }
        let folders: Vec<PathBuf> =
            self.due.extract_if(|_, due| due.is_new_folder && due.at <= now).map(|(path, _)| path).collect();
        for (file, age) in folders.iter().flat_map(|folder| files_below(folder)) {
            // What was seen is told of by itself.
            self.due.entry(file).or_insert(Due { at: now + OPEN.saturating_sub(age), is_new_folder: false });
        }
        // A folder waits for what is still written below it: all of it is looked at together.
        let late: BTreeSet<PathBuf> =
            self.due.iter().filter(|(_, due)| due.at > now).map(|(path, _)| path.clone()).collect();
        let is_left_alone =
            |path: &Path| late.range(path.to_owned()..).next().is_none_or(|late| !late.starts_with(path));
        let settled = self.due.extract_if(|path, due| due.at <= now && is_left_alone(path));
        let mut paths: Vec<PathBuf> = settled.map(|(path, _)| path).collect();
        paths.sort();
        // What lies below a folder is looked at with it.
        paths.dedup_by(|path, folder| path.starts_with(folder));
        Settled::Paths(paths)
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{DataChange, Flag, RenameMode};

    use super::*;

    fn event(kind: EventKind, path: &str) -> Event {
        Event::new(kind).add_path(path.into())
    }

    fn nothing(_: &Path) -> Vec<(PathBuf, Duration)> {
        Vec::new()
    }

    #[test]
    fn a_file_settles_after_its_writer_closed_it_and_not_while_it_is_written() {
        let (mut changes, begun, archive) = (Changes::default(), Instant::now(), Path::new("/music/archive"));
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        changes.note(Ok(event(written, "/music/a.wav")), archive, begun);
        changes.note(Ok(event(written, "/music/archive/blobs/x")), archive, begun);
        assert_eq!(changes.settled(begun + CLOSED, &nothing), Settled::Paths(vec![]));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        changes.note(Ok(event(closed, "/music/a.wav")), archive, begun);
        let read = EventKind::Access(AccessKind::Open(AccessMode::Read));
        changes.note(Ok(event(read, "/music/b.wav")), archive, begun);
        assert_eq!(changes.settled(begun, &nothing), Settled::Paths(vec![]));
        assert_eq!(changes.settled(begun + CLOSED, &nothing), Settled::Paths(vec!["/music/a.wav".into()]));
        assert_eq!(changes.settled(begun + OPEN, &nothing), Settled::Paths(vec![]), "each is told once");
    }

    #[test]
    fn a_folder_waits_for_what_is_written_in_it_and_all_of_it_is_told_once() {
        let (mut changes, begun, archive) = (Changes::default(), Instant::now(), Path::new("/archive"));
        let moved = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        changes.note(Ok(event(moved, "/music/new")), archive, begun);
        changes.note(Ok(event(moved, "/music/new one")), archive, begun);
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        changes.note(Ok(event(written, "/music/new/slow.wav")), archive, begun);
        assert_eq!(changes.settled(begun + CLOSED, &nothing), Settled::Paths(vec!["/music/new one".into()]));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        changes.note(Ok(event(closed, "/music/new/slow.wav")), archive, begun + CLOSED);
        let both = Settled::Paths(vec!["/music/new".into()]);
        assert_eq!(changes.settled(begun + CLOSED + CLOSED, &nothing), both, "the folder and the file in it, once");
        assert_eq!(changes.settled(begun + OPEN, &nothing), Settled::Paths(vec![]));
    }

    #[test]
    fn what_came_into_a_new_folder_unseen_is_left_alone_as_what_nobody_closed() {
        let (mut changes, begun, archive) = (Changes::default(), Instant::now(), Path::new("/archive"));
        let made = EventKind::Create(CreateKind::Folder);
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        changes.note(Ok(event(made, "/music/new")), archive, begun);
        changes.note(Ok(event(made, "/music/new/disc")), archive, begun);
        changes.note(Ok(event(closed, "/music/new/seen.wav")), archive, begun);
        let files = |folder: &Path| -> Vec<(PathBuf, Duration)> {
            let all = [("new/half.wav", 2), ("new/disc/old.wav", 3_600), ("new/seen.wav", 2)];
            let all = all.map(|(name, age)| (Path::new("/music").join(name), Duration::from_secs(age)));
            all.into_iter().filter(|(path, _)| path.starts_with(folder)).collect()
        };
        let first = vec!["/music/new/disc/old.wav".into(), "/music/new/seen.wav".into()];
        assert_eq!(changes.settled(begun + CLOSED, &files), Settled::Paths(first));
        assert_eq!(changes.settled(begun + OPEN.saturating_sub(CLOSED), &files), Settled::Paths(vec![]));
        assert_eq!(changes.settled(begun + OPEN, &files), Settled::Paths(vec!["/music/new/half.wav".into()]));
        assert_eq!(changes.settled(begun + OPEN + OPEN, &files), Settled::Paths(vec![]));
    }

    #[test]
    fn a_lost_count_means_everything() {
        let (mut changes, begun, archive) = (Changes::default(), Instant::now(), Path::new("/archive"));
        changes.note(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)), archive, begun);
        assert_eq!(changes.settled(begun, &nothing), Settled::Paths(vec![]));
        assert_eq!(changes.settled(begun + CLOSED, &nothing), Settled::Everything);
        for number in 0..=MOST_PATHS {
            changes.note(
                Ok(event(EventKind::Remove(notify::event::RemoveKind::File), &format!("/{number}"))),
                archive,
                begun,
            );
        }
        assert_eq!(changes.settled(begun + CLOSED, &nothing), Settled::Everything);
        assert_eq!(changes.due.len(), 1);
    }
}
