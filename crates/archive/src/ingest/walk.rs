//! Finding the files to take in, in an order that is the same every time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonoteca_model::progress::{Progress, Unit};
use fonoteca_store::{Place, Stamp};
use walkdir::WalkDir;

use super::outcome::{FileOutcome, Status};
use super::packed::{Entry, INSIDE, Packed, PackedError, PackedLimits, Spool, is_packed};
use super::{Keep, Options};
use crate::error::{ArchiveError, said};
use crate::settings::Settings;

/// A file to look at.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Where it is, as it was asked for.
    pub path: PathBuf,
    /// Its name below the folder that was asked for: all of a path that the tables remember of a file that is copied.
    pub name: PathBuf,
    /// Its absolute path.
    pub place: PathBuf,
    /// What it looks like; `None` for what is no regular file.
    pub stamp: Option<Stamp>,
    /// What was at its path when it was last taken in.
    pub before: Option<Place>,
    /// The entry of an archive that it is; nothing for a file of its own.
    pub packed: Option<Entry>,
}

/// Something that lies below the paths that were asked for.
#[derive(Debug)]
pub(super) enum Found {
    File(Candidate),
    Failed(FileOutcome),
    /// So many files beside the music that nobody asked for.
    Ignored(u64),
}

/// A walk over the paths that were asked for. Links are followed as a collector means them; a loop is named and left. The
/// archive's own folder, where it lies below one of them, is not music to take in.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pub paths: Vec<PathBuf>,
    /// The paths are what was changed below this folder: nobody named them, and they may be gone by now.
    changed_below: Option<PathBuf>,
    archive: PathBuf,
    is_in_place: bool,
    limits: PackedLimits,
    /// What lies beside the audio in archives.
    spool: Arc<Spool>,
}

impl Walk {
    pub fn new(options: &Options, changed_below: Option<&Path>, archive: &Path) -> Self {
        let changed_below = changed_below.map(Path::to_owned);
        Self {
            paths: options.paths.clone(),
            changed_below,
            archive: archive.to_owned(),
            is_in_place: options.keep == Keep::InPlace,
            limits: PackedLimits { cover_bytes: options.limits.cover_bytes, ..options.packed },
            spool: Arc::new(Spool::new(archive)),
        }
    }

    /// All that is found; `stop` is asked while an archive is looked through.
    pub fn found<'a>(&'a self, stop: &'a dyn Fn() -> bool) -> impl Iterator<Item = Found> + 'a {
        self.paths.iter().flat_map(move |asked| -> Box<dyn Iterator<Item = Found> + 'a> {
            match asked.canonicalize() {
                Ok(place) => {
                    let found = entries(asked, &self.archive);
                    Box::new(found.flatten().flat_map(move |entry| self.look_at(entry, asked, &place, stop)))
                }
                Err(_) if self.changed_below.is_some() => Box::new(std::iter::empty()),
                Err(source) => {
                    let reason = format!("cannot be opened: {source}");
                    Box::new(std::iter::once(Found::Failed(FileOutcome::of_path(asked, Status::Failed, Some(reason)))))
                }
            }
        })
    }

    /// About how many files there are, for the progress: none is looked at.
    pub fn count(&self, progress: &dyn Progress) -> Result<u64, ArchiveError> {
        progress.stage("looking for files", None, Unit::Items);
        let mut total = 0;
        for asked in &self.paths {
            for entry in entries(asked, &self.archive).flatten() {
                if progress.cancelled() {
                    return Err(ArchiveError::Cancelled);
                }
                let is_music = |path: &Path| fonoteca_audio::looks_like_audio_name(path) || is_packed(path);
                if entry.is_ok_and(|entry| entry.depth() == 0 || is_music(entry.path())) {
                    total += 1;
                    progress.advance(1);
                }
            }
        }
        Ok(total)
    }

    /// `place`: where what was asked for really is.
    fn look_at(
        &self,
        entry: walkdir::Result<walkdir::DirEntry>,
        asked: &Path,
        place: &Path,
        stop: &dyn Fn() -> bool,
    ) -> Vec<Found> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return vec![Found::Failed(failure(&error, asked))],
        };
        let path = entry.path();
        let itself = entry.depth() == 0;
        let named = itself && self.changed_below.is_none();
        let is_archive = is_packed(path) && entry.metadata().is_ok_and(|metadata| metadata.is_file());
        // Whatever is named on the command line is looked at; otherwise only what may be audio.
        if !(named || is_archive || fonoteca_audio::looks_like_audio_name(path) || starts_like_audio(path)) {
            return vec![Found::Ignored(1)];
        }
        let below = path.strip_prefix(asked).unwrap_or(path);
        let name = match &self.changed_below {
            Some(folder) => path.strip_prefix(folder).unwrap_or(path),
            None if named => path.file_name().map_or(path, Path::new),
            None => below,
        };
        let candidate = Candidate {
            name: name.to_owned(),
            place: if itself { place.to_owned() } else { place.join(below) },
            stamp: entry.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| Stamp::of(&metadata)),
            before: None,
            packed: None,
            path: path.to_owned(),
        };
        if is_archive { self.look_into(&candidate, named, stop) } else { vec![Found::File(candidate)] }
    }

    /// What an archive holds, each entry as a file of its own.
    fn look_into(&self, archive: &Candidate, named: bool, stop: &dyn Fn() -> bool) -> Vec<Found> {
        let listing = Packed::list(&archive.path, self.limits, &self.spool, stop);
        let mut found = Vec::new();
        let turned_away =
            |status, reason: String| Found::Failed(FileOutcome::of_path(&archive.path, status, Some(reason)));
        let is_empty = listing.audio.is_empty() && listing.refused.is_empty();
        match &listing.ended {
            Some(PackedError::Left) => return found,
            Some(error) => {
                let refused = matches!(error, PackedError::Refused(_));
                found.push(turned_away(if refused { Status::Refused } else { Status::Failed }, said(error)));
            }
            None if is_empty && named => {
                found.push(turned_away(Status::Refused, "is an archive without any audio in it".to_owned()));
            }
            None if is_empty => return vec![Found::Ignored(1)],
            None => {}
        }
        if self.is_in_place && !listing.audio.is_empty() {
            let reason = "is an archive, whose files cannot be used where they are: unpack it, or take it in without \
                --in-place, which copies them";
            found.push(turned_away(Status::Refused, reason.to_owned()));
            return found;
        }
        found.push(Found::Ignored(listing.ignored));
        for (name, why) in listing.refused {
            found.push(Found::Failed(FileOutcome::of_path(&inside(&archive.path, &name), Status::Refused, Some(why))));
        }
        found.extend(listing.audio.into_iter().map(|entry| {
            Found::File(Candidate {
                path: inside(&archive.path, &entry.name),
                name: inside(&archive.name, &entry.name),
                place: inside(&archive.place, &entry.name),
                stamp: Some(entry.packed.stamp()),
                before: None,
                packed: Some(entry),
            })
        }));
        found
    }

    /// The absolute paths that were asked for, as far as there are such.
    pub fn places(&self) -> Vec<PathBuf> {
        let place = |asked: &PathBuf| match asked.canonicalize() {
            Ok(place) => Some(place),
            // What was changed was asked for by its place.
            Err(_) => self.changed_below.is_some().then(|| asked.clone()),
        };
        self.paths.iter().filter_map(place).collect()
    }
}

/// The path of an entry of an archive.
fn inside(archive: &Path, name: &str) -> PathBuf {
    let mut path = archive.as_os_str().to_owned();
    path.push(INSIDE);
    path.push(name);
    path.into()
}

/// What is at or below a path; `None` stands for a folder.
fn entries<'a>(
    asked: &Path,
    archive: &'a Path,
) -> impl Iterator<Item = Option<walkdir::Result<walkdir::DirEntry>>> + use<'a> {
    let is_archive = move |entry: &walkdir::DirEntry| {
        entry.file_type().is_dir() && entry.path().join(Settings::FILE).is_file() && same_folder(entry.path(), archive)
    };
    WalkDir::new(asked)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(move |entry| !is_archive(entry))
        .map(|entry| (!entry.as_ref().is_ok_and(|entry| entry.file_type().is_dir())).then_some(entry))
}

fn same_folder(path: &Path, archive: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path == archive)
}

/// Audio without an extension is still audio.
fn starts_like_audio(path: &Path) -> bool {
    path.extension().is_none() && fonoteca_audio::starts_like_audio(path)
}

fn failure(error: &walkdir::Error, asked: &Path) -> FileOutcome {
    let path = error.path().unwrap_or(asked);
    let reason = match (error.loop_ancestor(), error.io_error()) {
        (Some(ancestor), _) => {
            format!(
                "is a link back to {}, so it is not followed; everything there is taken in once",
                ancestor.display()
            )
        }
        (None, Some(source)) => format!("cannot be opened: {source}"),
        (None, None) => error.to_string(),
    };
    FileOutcome::of_path(path, Status::Failed, Some(reason))
}
