//! Copies on a disk: another archive's store, or files under whatever names.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fonoteca_model::{BlobHashes, BlobId};
use fonoteca_store::layout;
use walkdir::WalkDir;

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::settings::Settings;

/// Files of a folder that are looked at, so that a repair from `/` ends.
const MOST_FILES: usize = 10_000_000;

pub(super) enum Folder {
    /// The folder of another archive: blobs are where their roots say.
    Archive(PathBuf),
    /// Any folder: a file of the right length may be the blob, and its pieces tell.
    Files {
        by_size: HashMap<u64, Vec<PathBuf>>,
        /// Where a piece of a blob was found, others are looked for first.
        seen: HashMap<BlobId, PathBuf>,
    },
}

impl Folder {
    /// Looks which files there are; they are read when they are needed.
    pub fn open(archive: &Archive, path: &Path) -> Result<Self, ArchiveError> {
        let folder = path.canonicalize().map_err(ArchiveError::io(path, "cannot be found"))?;
        if folder.starts_with(archive.root()) {
            return Err(ArchiveError::Usage(format!(
                "{} is in this archive itself: name a copy that lies elsewhere",
                path.display()
            )));
        }
        if folder.join(Settings::FILE).is_file() {
            return Ok(Self::Archive(folder));
        }
        let mut by_size: HashMap<u64, Vec<PathBuf>> = HashMap::new();
        // What cannot be listed is not there to repair from.
        let files =
            WalkDir::new(&folder).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
        for file in files.take(MOST_FILES) {
            if let Ok(metadata) = file.metadata() {
                by_size.entry(metadata.len()).or_default().push(file.into_path());
            }
        }
        Ok(Self::Files { by_size, seen: HashMap::new() })
    }

    pub async fn read(
        &mut self,
        expected: &BlobHashes,
        piece: u64,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, ArchiveError> {
        let root = expected.root;
        match self {
            Self::Archive(folder) => {
                let path = layout::path(folder, root);
                let read = blocking({
                    let path = path.clone();
                    move || read(&path, &range)
                });
                read.await.map_err(ArchiveError::io(path, "cannot be read"))
            }
            Self::Files { by_size, seen } => {
                let candidates = by_size.get(&expected.size).into_iter().flatten();
                let candidates: Vec<PathBuf> = seen.get(&root).into_iter().chain(candidates).cloned().collect();
                let expected = expected.clone();
                let found = blocking(move || {
                    // Other files of this length are no lies, so only the right one is given.
                    let right = candidates.into_iter().find_map(|path| {
                        let bytes = read(&path, &range).ok().flatten()?;
                        expected.is_piece(piece, &bytes).then_some((path, bytes))
                    });
                    Ok(right)
                });
                let found = found.await.map_err(ArchiveError::io("a folder", "cannot be read"))?;
                Ok(found.map(|(path, bytes)| {
                    seen.insert(root, path);
                    bytes
                }))
            }
        }
    }
}

/// A range of a file; none where there is no file, or it is shorter.
fn read(path: &Path, range: &Range<u64>) -> std::io::Result<Option<Bytes>> {
    use std::io::ErrorKind::{NotFound, UnexpectedEof};
    let read = || -> std::io::Result<Option<Bytes>> {
        if !std::fs::symlink_metadata(path)?.is_file() {
            return Ok(None);
        }
        let mut bytes = vec![0; (range.end - range.start) as usize];
        File::open(path)?.read_exact_at(&mut bytes, range.start)?;
        Ok(Some(Bytes::from(bytes)))
    };
    match read() {
        Err(error) if matches!(error.kind(), NotFound | UnexpectedEof) => Ok(None),
        result => result,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
