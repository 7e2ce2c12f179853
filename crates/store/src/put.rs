//! Bytes become a blob: one pass over them, then a durable rename to the place that their root names.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonoteca_model::{BlobHasher, BlobHashes, BlobId, PIECE_BYTES};

use crate::durable::{Folders, rename_no_replace, sync_entries};
use crate::error::StoreError;
use crate::layout;
use crate::source::{Links, Source, Stamp};
use crate::staging::{Staged, Taken};
use crate::store::{How, Put, Way};

/// Where bytes come from.
#[derive(Debug)]
enum Origin {
    File(Source),
    /// Something that was read once, and what errors call it.
    Stream(String),
}

impl Origin {
    fn name(&self) -> String {
        match self {
            Self::File(source) => source.name(),
            Self::Stream(name) => name.clone(),
        }
    }
}

/// Bytes that were read and hashed, and are neither at their place nor durable yet.
#[derive(Debug)]
pub(crate) struct Arriving {
    origin: Origin,
    /// Its bytes in the staging folder; none where the file itself is to get a second name.
    staged: Option<Staged>,
    hashes: BlobHashes,
    how: How,
}

impl Arriving {
    pub(crate) fn hashes(&self) -> &BlobHashes {
        &self.hashes
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        match &self.origin {
            Origin::File(source) => Some(source.stamp()),
            Origin::Stream(_) => None,
        }
    }

    pub(crate) fn name(&self) -> String {
        self.origin.name()
    }
}

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

    /// Reads and hashes a file, which [`Self::settle`] then gives its place.
    pub(crate) fn take(&self, path: &Path, max_bytes: u64, way: Way) -> Result<Arriving, StoreError> {
        let mut source = Source::open_to_take(path, max_bytes)?;
        if way == Way::Link {
            if let Some((staged, hashes)) = self.clone_of(&source)? {
                return Ok(Arriving {
                    origin: Origin::File(source),
                    staged: Some(staged),
                    hashes,
                    how: How::Reflinked,
                });
            }
            if source.is_beside(&self.staging) {
                let hashes = source.hash(|_| Ok(()))?;
                return Ok(Arriving { origin: Origin::File(source), staged: None, hashes, how: How::HardLinked });
            }
        }
        let (staged, hashes) = self.copy_of(&mut source)?;
        Ok(Arriving { origin: Origin::File(source), staged: Some(staged), hashes, how: How::Copied })
    }

    /// Reads, hashes and stages what comes from no file of its own, which [`Self::settle`] then gives its place.
    pub(crate) fn take_stream(&self, name: &str, bytes: &mut dyn Read, max_bytes: u64) -> Result<Arriving, StoreError> {
        let staged = self.stage(name)?;
        let (mut hasher, mut buffer) = (BlobHasher::new(), vec![0; PIECE_BYTES]);
        loop {
            let read = match bytes.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result.map_err(StoreError::on("read", Path::new(name)))?,
            };
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            if hasher.size() > max_bytes {
                return Err(StoreError::TooLarge { name: name.to_owned(), size: hasher.size(), limit: max_bytes });
            }
            staged.file().write_all(&buffer[..read]).map_err(|error| self.cannot_write(name, error))?;
        }
        let Some(hashes) = hasher.finish() else { return Err(StoreError::Empty { name: name.to_owned() }) };
        Ok(Arriving { origin: Origin::Stream(name.to_owned()), staged: Some(staged), hashes, how: How::Copied })
    }

    /// Makes what was taken durable, at its place.
    pub(crate) fn settle(&self, arriving: Arriving) -> Result<Put, StoreError> {
        let Arriving { origin, staged, hashes, how } = arriving;
        let name = origin.name();
        let mut source = match (staged, origin) {
            (Some(staged), _) => return self.keep(staged, hashes, how, &name),
            (None, Origin::File(source)) => source,
            (None, Origin::Stream(name)) => return Err(StoreError::Empty { name }),
        };
        match self.link(&source, &hashes)? {
            Some(added) => Ok(Put { hashes, added, how }),
            None => {
                let (staged, hashes) = self.copy_of(&mut source)?;
                self.keep(staged, hashes, How::Copied, &name)
            }
        }
    }

    pub(crate) fn put_bytes(&self, bytes: &[u8]) -> Result<Put, StoreError> {
        let name = format!("a piece of {} bytes", bytes.len());
        let mut hasher = BlobHasher::new();
        hasher.update(bytes);
        let Some(hashes) = hasher.finish() else { return Err(StoreError::Empty { name }) };
        if self.is_held(&hashes)? {
            return Ok(Put { hashes, added: false, how: How::Copied });
        }
        let staged = self.stage(&name)?;
        staged.file().write_all(bytes).map_err(|error| self.cannot_write(&name, error))?;
        self.keep(staged, hashes, How::Copied, &name)
    }

    pub(crate) fn adopt(&self, path: &Path, expected: BlobId) -> Result<Put, StoreError> {
        let mut source = Source::open(path, Links::Refuse)?;
        let hashes = source.hash(|_| Ok(()))?;
        check_root(&source, expected, hashes.root)?;
        self.move_in(source, hashes)
    }

    pub(crate) fn adopt_hashed(&self, path: &Path, hashes: BlobHashes) -> Result<Put, StoreError> {
        let source = Source::open(path, Links::Refuse)?;
        source.check_unchanged(hashes.size)?;
        self.move_in(source, hashes)
    }

    /// Gives a file with these hashes its place as a blob.
    fn move_in(&self, mut source: Source, hashes: BlobHashes) -> Result<Put, StoreError> {
        let path = source.path().to_owned();
        let target = self.path(hashes.root);
        // A file with a second name could be changed through that one for ever after.
        let mut movable = source.names() == 1;
        let added = loop {
            if self.is_held(&hashes)? {
                break false;
            }
            if !movable {
                let (staged, copied) = self.copy_of(&mut source)?;
                check_root(&source, hashes.root, copied.root)?;
                break self.keep(staged, copied, How::Copied, &source.name())?.added;
            }
            source.sync().map_err(StoreError::on("write to disk", &path))?;
            match self.folders.with_parent(&target, || rename_no_replace(&path, &target)) {
                Ok(()) => {
                    self.sync_parent(&target)?;
                    // A download is not what is asked for next, and would push out of memory what is.
                    source.forget();
                    return Ok(Put { hashes, added: true, how: How::Moved });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == ErrorKind::CrossesDevices => movable = false,
                Err(error) => return Err(self.cannot_write(&source.name(), error)),
            }
        };
        fs::remove_file(&path).map_err(StoreError::on("remove, now that it is stored,", &path))?;
        Ok(Put { hashes, added, how: if movable { How::Moved } else { How::Copied } })
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

    /// Copies and hashes in one pass.
    fn copy_of(&self, source: &mut Source) -> Result<(Staged, BlobHashes), StoreError> {
        if source.size() == 0 {
            return Err(StoreError::Empty { name: source.name() });
        }
        let name = source.name();
        let staged = self.stage(&name)?;
        let hashes =
            source.hash(|bytes| staged.file().write_all(bytes).map_err(|error| self.cannot_write(&name, error)))?;
        Ok((staged, hashes))
    }

    /// A copy that shares its blocks with the source until either is written to; `None` where the file system has no such
    /// thing. The copy is what is hashed, so nobody can change it meanwhile.
    fn clone_of(&self, source: &Source) -> Result<Option<(Staged, BlobHashes)>, StoreError> {
        let staged = self.stage(&source.name())?;
        if rustix::fs::ioctl_ficlone(staged.file(), source.file()).is_err() {
            return Ok(None);
        }
        let hashes = source.hash_from(staged.file())?;
        Ok(Some((staged, hashes)))
    }

    /// Gives the source a second name, at its blob's place, and says whether the blob is new; `None` where that cannot be,
    /// as for files of others.
    fn link(&self, source: &Source, hashes: &BlobHashes) -> Result<Option<bool>, StoreError> {
        let target = self.path(hashes.root);
        loop {
            if self.is_held(hashes)? {
                return Ok(Some(false));
            }
            source.sync().map_err(StoreError::on("write to disk", source.path()))?;
            match self.folders.with_parent(&target, || source.link_to(&target)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(_) => return Ok(None),
            }
            if let Err(error) = source.check_unchanged(hashes.size) {
                fs::remove_file(&target).map_err(StoreError::on("remove", &target))?;
                return Err(error);
            }
            self.sync_parent(&target)?;
            return Ok(Some(true));
        }
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

    fn keep(&self, mut staged: Staged, hashes: BlobHashes, how: How, name: &str) -> Result<Put, StoreError> {
        let target = self.path(hashes.root);
        // Round again only when another put was first, and then again if that blob was removed at once.
        loop {
            if self.is_held(&hashes)? {
                return Ok(Put { hashes, added: false, how });
            }
            match staged.place(&target, Taken::Refuse, &self.folders) {
                Ok(()) => return Ok(Put { hashes, added: true, how }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.cannot_write(name, error)),
            }
        }
    }

    /// Whether a file of its own lies at the blob's place.
    pub(crate) fn has_own(&self, id: BlobId) -> bool {
        fs::symlink_metadata(self.path(id)).is_ok_and(|metadata| metadata.is_file())
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
