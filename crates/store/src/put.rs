//! Bytes become a blob: one pass over them, then a durable rename to the place that their root names.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonoteca_model::{BlobHasher, BlobHashes, BlobId};

use crate::durable::{Folders, rename_no_replace, sync_entries};
use crate::error::StoreError;
use crate::layout;
use crate::source::{Links, Source};
use crate::staging::{Staged, Taken};
use crate::store::Put;

/// The blobs' folder on a local file system; everything here blocks.
#[derive(Debug)]
pub(crate) struct Local {
    folders: Arc<Folders>,
    blobs: PathBuf,
    staging: PathBuf,
}

impl Local {
    pub(crate) fn open(folders: Arc<Folders>) -> Result<Self, StoreError> {
        let blobs = folders.root().join(layout::BLOBS);
        let staging = blobs.join(layout::STAGING);
        folders.ensure(&staging).map_err(StoreError::on("make the folder", &staging))?;
        Ok(Self { folders, blobs, staging })
    }

    pub(crate) fn root(&self) -> &Path {
        self.folders.root()
    }

    pub(crate) fn blobs(&self) -> &Path {
        &self.blobs
    }

    pub(crate) fn staging(&self) -> &Path {
        &self.staging
    }

    pub(crate) fn path(&self, id: BlobId) -> PathBuf {
        layout::path(self.root(), id)
    }

    pub(crate) fn put_file(&self, path: &Path, max_bytes: u64) -> Result<Put, StoreError> {
        let mut source = Source::open(path, Links::Follow)?;
        let size = source.size();
        if size > max_bytes {
            return Err(StoreError::TooLarge { name: source.name(), size, limit: max_bytes });
        }
        self.copy_in(&mut source, None)
    }

    pub(crate) fn put_bytes(&self, bytes: &[u8]) -> Result<Put, StoreError> {
        let name = format!("a piece of {} bytes", bytes.len());
        let mut hasher = BlobHasher::new();
        hasher.update(bytes);
        let Some(hashes) = hasher.finish() else { return Err(StoreError::Empty { name }) };
        if self.is_held(&hashes)? {
            return Ok(Put { hashes, added: false });
        }
        let staged = self.stage(&name)?;
        staged.file().write_all(bytes).map_err(|error| self.cannot_write(&name, error))?;
        self.keep(staged, hashes, &name)
    }

    pub(crate) fn adopt(&self, path: &Path, expected: BlobId) -> Result<Put, StoreError> {
        let mut source = Source::open(path, Links::Refuse)?;
        let hashes = source.hash(|_| Ok(()))?;
        check_root(&source, expected, hashes.root)?;
        let target = self.path(hashes.root);
        // A file with a second name could be changed through that one for ever after.
        let mut movable = source.names() == 1;
        let added = loop {
            if self.is_held(&hashes)? {
                break false;
            }
            if !movable {
                break self.copy_in(&mut source, Some(expected))?.added;
            }
            source.sync().map_err(StoreError::on("write to disk", path))?;
            match self.folders.with_parent(&target, || rename_no_replace(path, &target)) {
                Ok(()) => {
                    self.sync_parent(&target)?;
                    return Ok(Put { hashes, added: true });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == ErrorKind::CrossesDevices => movable = false,
                Err(error) => return Err(self.cannot_write(&source.name(), error)),
            }
        };
        fs::remove_file(path).map_err(StoreError::on("remove, now that it is stored,", path))?;
        Ok(Put { hashes, added })
    }

    pub(crate) fn remove(&self, id: BlobId) -> Result<bool, StoreError> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            result => result.map_err(StoreError::on("remove", &path))?,
        }
        // A withdrawn blob must not come back with the power.
        self.sync_parent(&path)?;
        Ok(true)
    }

    fn copy_in(&self, source: &mut Source, expected: Option<BlobId>) -> Result<Put, StoreError> {
        if source.size() == 0 {
            return Err(StoreError::Empty { name: source.name() });
        }
        let name = source.name();
        let staged = self.stage(&name)?;
        let hashes =
            source.hash(|bytes| staged.file().write_all(bytes).map_err(|error| self.cannot_write(&name, error)))?;
        if let Some(expected) = expected {
            check_root(source, expected, hashes.root)?;
        }
        self.keep(staged, hashes, &name)
    }

    pub(crate) fn stage(&self, name: &str) -> Result<Staged, StoreError> {
        let create = || Staged::in_folder(&self.staging);
        self.folders.with_parent(&self.staging.join("file"), create).map_err(|error| self.cannot_write(name, error))
    }

    /// Gives a finished file the place of a blob, in one step with taking away what is there.
    pub(crate) fn replace(&self, mut staged: Staged, id: BlobId) -> Result<(), StoreError> {
        let placed = staged.place(&self.path(id), Taken::Replace, &self.folders);
        placed.map_err(|error| self.cannot_write(&format!("blob {id}"), error))
    }

    fn keep(&self, mut staged: Staged, hashes: BlobHashes, name: &str) -> Result<Put, StoreError> {
        let target = self.path(hashes.root);
        // Round again only when another put was first, and then again if that blob was removed at once.
        loop {
            if self.is_held(&hashes)? {
                return Ok(Put { hashes, added: false });
            }
            match staged.place(&target, Taken::Refuse, &self.folders) {
                Ok(()) => return Ok(Put { hashes, added: true }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.cannot_write(name, error)),
            }
        }
    }

    /// Whether the blob is there, whole as far as its size tells, and durable.
    fn is_held(&self, hashes: &BlobHashes) -> Result<bool, StoreError> {
        let path = self.path(hashes.root);
        let found = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            result => result.map_err(StoreError::on("read the size of", &path))?,
        };
        let found = if found.is_file() { found.len() } else { 0 };
        if found != hashes.size {
            return Err(StoreError::HeldDamaged { id: hashes.root, path, expected: hashes.size, found });
        }
        // Whoever put it may not have come to these steps yet.
        self.sync_parent(&path)?;
        Ok(true)
    }

    fn sync_parent(&self, path: &Path) -> Result<(), StoreError> {
        let folder = path.parent().expect("a blob lies in the fan-out");
        self.folders.ensure(folder).and_then(|()| sync_entries(folder)).map_err(StoreError::on("write to disk", folder))
    }

    pub(crate) fn cannot_write(&self, name: &str, error: io::Error) -> StoreError {
        StoreError::write(name, &self.blobs, error)
    }
}

fn check_root(source: &Source, expected: BlobId, found: BlobId) -> Result<(), StoreError> {
    if found == expected { Ok(()) } else { Err(StoreError::WrongRoot { name: source.name(), expected, found }) }
}
