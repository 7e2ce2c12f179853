//! Finding the files to take in, in an order that is the same every time.

use std::path::{Path, PathBuf};

use fonoteca_model::progress::{Progress, Unit};
use fonoteca_store::{Place, Stamp};
use walkdir::WalkDir;

use super::Options;
use super::outcome::{FileOutcome, Status};
use crate::error::ArchiveError;
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
}

/// Something that lies below the paths that were asked for.
#[derive(Debug)]
pub(super) enum Found {
    File(Candidate),
    Failed(FileOutcome),
    /// A file beside the music that nobody asked for.
    Ignored,
}

/// A walk over the paths that were asked for. Links are followed as a collector means them; a loop is named and left. The
/// archive's own folder, where it lies below one of them, is not music to take in.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pub paths: Vec<PathBuf>,
    /// The paths are what was changed below this folder: nobody named them, and they may be gone by now.
    changed_below: Option<PathBuf>,
    archive: PathBuf,
}

impl Walk {
    pub fn new(options: &Options, changed_below: Option<&Path>, archive: &Path) -> Self {
        let changed_below = changed_below.map(Path::to_owned);
        Self { paths: options.paths.clone(), changed_below, archive: archive.to_owned() }
    }

    pub fn found<'a>(&'a self) -> impl Iterator<Item = Found> + 'a {
        self.paths.iter().flat_map(move |asked| -> Box<dyn Iterator<Item = Found> + 'a> {
            match asked.canonicalize() {
                Ok(place) => {
                    let found = entries(asked, &self.archive);
                    Box::new(found.filter_map(move |entry| Some(self.look_at(entry?, asked, &place))))
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
                if entry.is_ok_and(|entry| entry.depth() == 0 || fonoteca_audio::looks_like_audio_name(entry.path())) {
                    total += 1;
                    progress.advance(1);
                }
            }
        }
        Ok(total)
    }

    /// `place`: where what was asked for really is.
    fn look_at(&self, entry: walkdir::Result<walkdir::DirEntry>, asked: &Path, place: &Path) -> Found {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Found::Failed(failure(&error, asked)),
        };
        let path = entry.path();
        let itself = entry.depth() == 0;
        let named = itself && self.changed_below.is_none();
        // Whatever is named on the command line is looked at; otherwise only what may be audio.
        if !(named || fonoteca_audio::looks_like_audio_name(path) || starts_like_audio(path)) {
            return Found::Ignored;
        }
        let below = path.strip_prefix(asked).unwrap_or(path);
        let name = match &self.changed_below {
            Some(folder) => path.strip_prefix(folder).unwrap_or(path),
            None if named => path.file_name().map_or(path, Path::new),
            None => below,
        };
        Found::File(Candidate {
            name: name.to_owned(),
            place: if itself { place.to_owned() } else { place.join(below) },
            stamp: entry.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| Stamp::of(&metadata)),
            before: None,
            path: path.to_owned(),
        })
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
