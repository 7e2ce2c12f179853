//! Joining the keys of all data files of a kind when an index is filled: look-ups then ask one file of keys, and those of
//! the data files that came later.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fonoteca_model::progress::Unit;
use fonoteca_model::{Id, Progress};

use super::bulk::Work;
use super::document::Kind;
use super::error::IndexError;
use super::files::{FileList, joined_at};
use super::update::blocking;
use crate::keys::{Covered, KeyKind, Keys, join};

/// Joins the keys of all data files of a kind, and has the list say so; unless they are in one file already.
pub(super) async fn join_keys(
    work: &Arc<Work>,
    kind: Kind,
    list: &mut FileList,
    progress: &dyn Progress,
) -> Result<(), IndexError> {
    let Some(entries) = list.get_mut(kind.table().name()) else { return Ok(()) };
    let paths: HashSet<String> = entries.iter().map(|entry| entry.path.clone()).collect();
    let mut places: Vec<PathBuf> = Vec::new();
    let mut known = HashSet::new();
    for entry in entries.iter().filter(|entry| !entry.path.is_empty()) {
        let place = entry.keys_at(&work.dir, kind);
        if known.insert(place.clone()) {
            places.push(place);
        }
    }
    let all = places.iter().map(|place| Keys::open(place)).collect::<Result<Vec<_>, _>>()?;
    let is_kept = |file: &Covered| paths.contains(&file.path);
    if all.len() < 2 && all.iter().flat_map(Keys::files).all(is_kept) {
        return Ok(());
    }
    let kept: Vec<&str> =
        all.iter().flat_map(Keys::files).filter(|file| is_kept(file)).map(|file| &*file.path).collect();
    let joined = Id::of(kind.table().name(), &kept.join("\n"));
    let counts = all.iter().flat_map(|keys| KeyKind::ALL.map(|key| u64::from(keys.extent(key).0)));
    progress.stage(&format!("joining the keys of {}", kind.table().name()), Some(counts.sum()), Unit::Items);
    let (done, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (work, target) = (Arc::clone(work), joined_at(&work.dir, joined));
    let stop = Arc::clone(&work);
    let writing = tokio::spawn(blocking(move || {
        let all: Vec<&Keys> = all.iter().collect();
        let is_finished = join(
            &target,
            &all,
            |path| paths.contains(path),
            |keys| {
                // Nobody listens any more when the work was given up.
                done.send(keys).ok();
                !work.stop.load(Ordering::Relaxed)
            },
        )?;
        if is_finished { Ok(()) } else { Err(IndexError::Cancelled) }
    }));
    while let Some(keys) = told.recv().await {
        progress.advance(keys);
        if progress.cancelled() {
            stop.stop.store(true, Ordering::Relaxed);
        }
    }
    writing.await.map_err(|_| IndexError::Cancelled)??;
    for entry in entries.iter_mut().filter(|entry| !entry.path.is_empty()) {
        entry.keys = Some(joined);
    }
    Ok(())
}
