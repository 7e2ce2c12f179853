//! Finding the files to take in, in an order that is the same every time.

use std::path::{Path, PathBuf};

use fonoteca_model::progress::{Progress, Unit};
use walkdir::WalkDir;

use super::outcome::{FileOutcome, Status};
use crate::error::ArchiveError;
use crate::settings::Settings;

/// A file to look at.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Where it is.
    pub path: PathBuf,
    /// Its name below the folder that was asked for: all of a path that the archive remembers.
    pub name: PathBuf,
}

/// What lies below the paths that were asked for.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub candidates: Vec<Candidate>,
    pub failures: Vec<FileOutcome>,
    /// Files beside the music that nobody asked for.
    pub ignored: u64,
}

/// Walks the paths. Links are followed as a collector means them; a loop is named and left. The archive's own folder, where
/// it lies below one of them, is not music to take in.
pub(super) fn walk(paths: &[PathBuf], archive: &Path, progress: &dyn Progress) -> Result<Walked, ArchiveError> {
    let mut walked = Walked::default();
    progress.stage("looking for files", None, Unit::Items);
    for asked in paths {
        if let Err(source) = std::fs::metadata(asked) {
            walked.failures.push(FileOutcome::of_path(
                asked,
                Status::Failed,
                Some(format!("cannot be opened: {source}")),
            ));
            continue;
        }
        let is_archive = |entry: &walkdir::DirEntry| {
            entry.file_type().is_dir()
                && entry.path().join(Settings::FILE).is_file()
                && same_folder(entry.path(), archive)
        };
        let entries = WalkDir::new(asked).follow_links(true).sort_by_file_name().into_iter();
        for entry in entries.filter_entry(|entry| !is_archive(entry)) {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => {
                    let path = entry.path();
                    let named = entry.depth() == 0;
                    // Whatever is named on the command line is looked at; in a folder, only what may be audio.
                    if named || fonoteca_audio::looks_like_audio_name(path) || starts_like_audio(path) {
                        let name = if named { path.file_name().map_or(path, Path::new) } else { strip(path, asked) };
                        walked.candidates.push(Candidate { path: path.to_owned(), name: name.to_owned() });
                        progress.advance(1);
                    } else {
                        walked.ignored += 1;
                    }
                }
                Err(error) => walked.failures.push(failure(&error, asked)),
            }
            if progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
        }
    }
    Ok(walked)
}

fn same_folder(path: &Path, archive: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path == archive)
}

fn strip<'a>(path: &'a Path, asked: &Path) -> &'a Path {
    path.strip_prefix(asked).unwrap_or(path)
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
