//! Files that are being written and have no name yet, and the sweeping of those whose writer was killed.
//!
//! A living writer holds an exclusive `flock` on its staging file, which the system drops with the process however it
//! ends; so whatever can be locked is a leftover.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::durable::{Folders, rename_no_replace, sync_entries};
use crate::error::StoreError;
use crate::source;

/// Marks an object that is being written, beside its place. `object_store` hides names that end in `#` and digits.
const MARK: &str = ".staging#";

/// What to do where the name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Fail with [`ErrorKind::AlreadyExists`].
    Refuse,
    /// Replace what is there in one step.
    Replace,
}

/// A locked file under a temporary name; deleted when dropped before it was [placed](Staged::place).
#[derive(Debug)]
pub(crate) struct Staged {
    file: File,
    path: PathBuf,
    placed: bool,
}

impl Staged {
    /// A new file in `folder`, for bytes whose name is not known yet.
    pub(crate) fn in_folder(folder: &Path) -> io::Result<Self> {
        let process = std::process::id();
        Self::create(|number| folder.join(format!("{process}-{number}")))
    }

    /// A new file beside `target`: whatever file system that folder is on, renaming will not leave it.
    pub(crate) fn beside(target: &Path) -> io::Result<Self> {
        let process = std::process::id();
        Self::create(|number| {
            let mut name = target.as_os_str().to_owned();
            name.push(format!(".{process}-{number}{MARK}0"));
            name.into()
        })
    }

    fn create(name: impl Fn(u64) -> PathBuf) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let path = name(NEXT.fetch_add(1, Ordering::Relaxed));
            let file = match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                result => result?,
            };
            let staged = Self { file, path, placed: false };
            staged.file.lock()?;
            // A sweep may have come between creating and locking; then the file has no name any more.
            if staged.file.metadata()?.nlink() > 0 {
                return Ok(staged);
            }
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the bytes durable, gives them their name, and makes that durable.
    pub(crate) fn place(&mut self, target: &Path, taken: Taken, folders: &Folders) -> io::Result<()> {
        self.file.sync_all()?;
        folders.with_parent(target, || match taken {
            Taken::Refuse => rename_no_replace(&self.path, target),
            Taken::Replace => fs::rename(&self.path, target),
        })?;
        self.placed = true;
        sync_entries(target.parent().ok_or(ErrorKind::InvalidInput)?)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.placed {
            // Nothing can be reported from here, and the next sweep tries again.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Deletes every leftover in `staging`, and every marked one in `root` outside `skip`; says how many.
pub(crate) fn sweep(staging: &Path, root: &Path, skip: &Path) -> Result<u64, StoreError> {
    let mut swept = 0;
    for entry in entries(staging)? {
        swept += u64::from(entry.file_type.is_file() && remove_leftover(&entry.path)?);
    }
    // Symlinks are not followed: what lies beyond one is not ours to delete from.
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder)? {
            if entry.file_type.is_dir() {
                if entry.path != skip {
                    folders.push(entry.path);
                }
            } else if entry.file_type.is_file() && is_marked(&entry.path) {
                swept += u64::from(remove_leftover(&entry.path)?);
            }
        }
    }
    Ok(swept)
}

struct Entry {
    path: PathBuf,
    file_type: fs::FileType,
}

/// What is in a folder; nothing where it has gone meanwhile.
fn entries(folder: &Path) -> Result<Vec<Entry>, StoreError> {
    let list = || {
        fs::read_dir(folder)?
            .map(|entry| entry.and_then(|entry| Ok(Entry { path: entry.path(), file_type: entry.file_type()? })))
            .collect::<io::Result<Vec<_>>>()
    };
    match list() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        result => result.map_err(StoreError::on("list", folder)),
    }
}

fn is_marked(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).and_then(|name| name.rsplit_once(MARK)).is_some_and(
        |(target, number)| !target.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()),
    )
}

fn remove_leftover(path: &Path) -> Result<bool, StoreError> {
    let remove = || {
        let file = source::open_unchecked(path, source::Links::Refuse)?;
        match file.try_lock() {
            Ok(()) => fs::remove_file(path).map(|()| true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    };
    match remove() {
        // Its writer placed or dropped it meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        result => result.map_err(StoreError::on("sweep", path)),
    }
}
