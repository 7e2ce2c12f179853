//! The steps that make a change of a folder outlast a power cut.
//!
//! A renamed file is durable once its own bytes are fsynced, and then the folder that now names it. A folder that was
//! just made must be durable in its parent too, or everything in it may vanish with it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::error::StoreError;

/// How many folders are remembered: the whole fan-out, and tables besides.
const KNOWN_FOLDERS: usize = 200_000;

/// Makes the entries of `folder` durable: what was renamed into it stays there.
pub fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    sync_entries(folder).map_err(|error| StoreError::write("a name", folder, error))
}

/// Writes a small file of the archive's own (settings, a feed, a marker), whole or not at all, over an older one.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_entries(folder)
    })();
    written.map_err(|error| {
        // The write failed; whether what is left of it can be removed changes nothing.
        let _ = fs::remove_file(&temporary);
        StoreError::write(&name, folder, error)
    })
}

/// Makes the entries of `folder` durable.
pub(crate) fn sync_entries(folder: &Path) -> io::Result<()> {
    match rustix::fs::fsync(File::open(folder)?) {
        // Some network file systems cannot fsync a folder and say so; their servers write entries at once.
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Gives the file `from` the name `to`; [`ErrorKind::AlreadyExists`] where that is taken.
pub(crate) fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Network file systems do not know the flag. A hard link does not replace either.
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        result => Ok(result?),
    }
}

/// Makes folders below a root, each durable in its parent before anything is put into it.
#[derive(Debug)]
pub(crate) struct Folders {
    root: PathBuf,
    /// Folders known to be durable. Finding one is not enough: another process may have made it an instant ago.
    known: Mutex<HashSet<PathBuf>>,
}

impl Folders {
    /// `root` is there already.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, known: Mutex::default() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes `folder`, which is below the root, and what is missing above it.
    pub(crate) fn ensure(&self, folder: &Path) -> io::Result<()> {
        if folder == self.root || self.known().contains(folder) {
            return Ok(());
        }
        let parent = folder.parent().ok_or(ErrorKind::InvalidInput)?;
        self.ensure(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
            result => result?,
        }
        sync_entries(parent)?;
        let mut known = self.known();
        if known.len() >= KNOWN_FOLDERS {
            known.clear();
        }
        known.insert(folder.to_path_buf());
        Ok(())
    }

    /// Runs `work`, which puts something into the folder of `target`. Where the folder is missing it is made first,
    /// also if it was known and somebody has removed it since.
    pub(crate) fn with_parent<T>(&self, target: &Path, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let folder = target.parent().ok_or(ErrorKind::InvalidInput)?;
        self.ensure(folder)?;
        match work() {
            Err(error) if error.kind() == ErrorKind::NotFound && !folder.exists() => {
                self.known().clear();
                self.ensure(folder)?;
                work()
            }
            result => result,
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
