//! What lies beside an audio file, in its folder or in the archive that it comes in: cover, CUE sheets, words.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonoteca_audio::AudioError;
use fonoteca_audio::cover::{best_cover, is_cover_name};
use fonoteca_store::is_io_error;
use parking_lot::Mutex;

use super::packed::Packed;
use super::walk::Candidate;

/// Folders that are remembered: files come folder by folder, a few of them at once.
const REMEMBERED: usize = 64;
/// Sheets of one folder that are looked at.
const MOST_SHEETS: usize = 64;
/// Sheets and words are a few kilobytes long.
const TEXT_BYTES: u64 = 1 << 20;

/// The small files of one folder.
#[derive(Debug)]
pub(super) struct Beside {
    place: Place,
    /// Covers, sheets and words by their names, in order.
    names: Vec<String>,
    /// Names of the audio in a folder, without extension and in lower case; nothing where it lies in an archive.
    stems: Option<HashSet<String>>,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Packed(Arc<Packed>, String),
}

/// The folders that were looked at last.
#[derive(Debug, Default)]
pub(super) struct Folders(Mutex<HashMap<PathBuf, Arc<Beside>>>);

impl Folders {
    /// What lies beside a file.
    ///
    /// Errors: the disk does not give the folder.
    pub fn beside(&self, candidate: &Candidate) -> Result<Arc<Beside>, AudioError> {
        let folder = candidate.place.parent().unwrap_or(Path::new("")).to_owned();
        if let Some(known) = self.0.lock().get(&folder) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(Beside::of(candidate)?);
        let mut known = self.0.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(folder, Arc::clone(&found));
        Ok(found)
    }
}

impl Beside {
    fn of(candidate: &Candidate) -> Result<Self, AudioError> {
        if let Some(entry) = &candidate.packed {
            let mut names = entry.packed.names_beside(entry.folder());
            names.sort();
            let place = Place::Packed(Arc::clone(&entry.packed), entry.folder().to_owned());
            return Ok(Self { place, names, stems: None });
        }
        let folder = candidate.path.parent().unwrap_or(Path::new("")).to_owned();
        let (mut names, mut stems) = (Vec::new(), HashSet::new());
        // A folder that may not be listed has nothing to offer; its audio was found in another way.
        let listed = if folder.as_os_str().is_empty() { fs::read_dir(".") } else { fs::read_dir(&folder) };
        for entry in given(listed, &folder)?.into_iter().flatten() {
            let Ok(entry) = given(entry, &folder)? else { continue };
            let Ok(name) = entry.file_name().into_string() else { continue };
            let lower = name.to_lowercase();
            let Some((stem, end)) = lower.rsplit_once('.') else { continue };
            if matches!(end, "cue" | "lrc" | "txt") || is_cover_name(stem, end) {
                let path = folder.join(&name);
                if given(fs::metadata(&path), &path)?.is_ok_and(|metadata| metadata.is_file()) {
                    names.push(name);
                }
            } else if fonoteca_audio::looks_like_audio_name(name.as_ref()) {
                stems.insert(stem.to_owned());
            }
        }
        names.sort();
        Ok(Self { place: Place::Folder(folder), names, stems: Some(stems) })
    }

    /// The cover by its name, if there is one.
    pub fn cover(&self) -> Option<&str> {
        best_cover(self.names.iter().map(String::as_str))
    }

    /// The CUE sheets, in the order of their names.
    pub fn sheets(&self) -> impl Iterator<Item = &str> {
        self.ending_in("cue").take(MOST_SHEETS)
    }

    /// The file with this ending that is called as an audio file is.
    pub fn companion(&self, audio: &str, ending: &str) -> Option<&str> {
        let stem = stem(audio);
        self.ending_in(ending).find(|name| self::stem(name) == stem)
    }

    /// Whether audio of that name lies here, whatever it ends in; where nobody knows, it does.
    pub fn has_audio(&self, name: &str) -> bool {
        self.stems.as_ref().is_none_or(|stems| stems.contains(&stem(name).to_lowercase()))
    }

    /// The bytes of one of these files; `None` where it has more than the limit. The inner error: it is to be left.
    ///
    /// Errors: the disk does not give it.
    pub fn read(&self, name: &str, most: u64) -> Result<io::Result<Option<Vec<u8>>>, AudioError> {
        let (bytes, path) = match &self.place {
            Place::Packed(packed, folder) => (packed.read_beside(folder, name), Path::new(folder).join(name)),
            Place::Folder(folder) => {
                let path = folder.join(name);
                (read_most(&path, most), path)
            }
        };
        given(bytes.map(|bytes| (bytes.len() as u64 <= most).then_some(bytes)), &path)
    }

    /// The bytes of a sheet, or of words.
    pub fn read_text(&self, name: &str) -> Result<io::Result<Option<Vec<u8>>>, AudioError> {
        self.read(name, TEXT_BYTES)
    }

    fn ending_in(&self, ending: &str) -> impl Iterator<Item = &str> {
        let ends = move |name: &&String| name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(ending));
        self.names.iter().filter(ends).map(String::as_str)
    }
}

/// Up to one byte more than the limit.
fn read_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Sets apart what the disk failed to give: another attempt may do better.
fn given<T>(result: io::Result<T>, path: &Path) -> Result<io::Result<T>, AudioError> {
    match result {
        Err(source) if is_io_error(&source) => Err(AudioError::Read { path: path.into(), source }),
        result => Ok(result),
    }
}

/// A name without its extension.
pub(super) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem })
}
