//! All blobs in the order of their ids, one folder of the fan-out at a time.

use std::collections::VecDeque;
use std::fs::{self, FileType};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use fonoteca_model::BlobId;

use crate::error::StoreError;
use crate::layout;

/// What the walk yields: a blob and its bytes, or what does not belong or cannot be read; it goes on after each.
pub(crate) type Item = Result<(BlobId, u64), StoreError>;

/// Walks `blobs/`, holding the names of one folder of each level.
pub(crate) struct Walk {
    /// Folders still to be read, the next one last, with the names that led there.
    folders: Vec<(PathBuf, Vec<String>)>,
    ready: VecDeque<Item>,
}

impl Walk {
    pub(crate) fn new(blobs: &Path) -> Self {
        Self { folders: vec![(blobs.to_path_buf(), Vec::new())], ready: VecDeque::new() }
    }

    fn read_folder(&mut self, folder: &Path, names: &[String]) -> io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut below = Vec::new();
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type()?);
            let name = entry.file_name();
            match (names, name.to_str()) {
                ([], Some(layout::STAGING)) => {}
                ([] | [_], Some(name)) if kind.is_dir() && layout::is_fan_out(name) => {
                    below.push((path, [names, &[name.to_owned()]].concat()));
                }
                ([first, second], Some(name)) => self.ready.extend(blob(first, second, name, kind, path)),
                _ => self.ready.push_back(Err(StoreError::Foreign { path })),
            }
        }
        self.folders.extend(below.into_iter().rev());
        Ok(())
    }
}

/// The item for a file where blobs lie; none where it was removed meanwhile.
fn blob(first: &str, second: &str, name: &str, kind: FileType, path: PathBuf) -> Option<Item> {
    let Some(id) = layout::parse(first, second, name).filter(|_| kind.is_file()) else {
        return Some(Err(StoreError::Foreign { path }));
    };
    match fs::symlink_metadata(&path) {
        Ok(metadata) => Some(Ok((id, metadata.len()))),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(Err(StoreError::io("read the size of", &path, error))),
    }
}

impl Iterator for Walk {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            let (folder, names) = self.folders.pop()?;
            match self.read_folder(&folder, &names) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    self.ready.push_back(Err(StoreError::io("list", &folder, error)));
                }
                _ => {}
            }
        }
    }
}
