//! The store: an async face over the blobs' folder and over the objects beside it.

use std::fmt;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fonoteca_model::{BlobHashes, BlobId};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{GetOptions, GetResultPayload, ObjectStore, ObjectStoreExt};

use crate::elsewhere::Elsewhere;
use crate::error::StoreError;
use crate::objects::DurableFs;
use crate::places::Places;
use crate::put::{Arriving, Local};
use crate::source::{Links, Source, Stamp};
use crate::verify::{self, Verdict};
use crate::walk::Walk;
use crate::{layout, staging};

/// Bytes read at a time for a stream.
const CHUNK_BYTES: u64 = 256 * 1024;
/// Blobs listed at a time.
const LIST_ITEMS: usize = 1024;

/// What became of bytes that were put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Their root, and all that torrents will need.
    pub hashes: BlobHashes,
    /// Whether they are new here; `false` where the blob was held already.
    pub added: bool,
    /// How they came, or would have.
    pub how: How,
}

/// How bytes came into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// They were copied.
    Copied,
    /// The copy shares its blocks with the source until either is written to.
    Reflinked,
    /// The source got a second name. Whoever writes to it through the first changes the blob.
    HardLinked,
    /// The file was moved.
    Moved,
}

/// How bytes are to come into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By a copy.
    Copy,
    /// By a reflink, where that cannot be by a hard link, and where that cannot be either by a copy.
    Link,
}

/// Bytes that were read and hashed, and are not durable yet; dropped, they leave nothing behind.
#[derive(Debug)]
pub struct Arrival {
    local: Arc<Local>,
    arriving: Arriving,
}

impl Arrival {
    /// Which blob it is.
    pub fn hashes(&self) -> &BlobHashes {
        self.arriving.hashes()
    }

    /// What its file looked like when it was read; `None` for what came from no file of its own.
    pub fn stamp(&self) -> Option<Stamp> {
        self.arriving.stamp()
    }

    /// Makes it a blob, durably. Waits for the disk and works little, so that many at once take hardly longer than one.
    ///
    /// # Errors
    /// As for [`Store::put_file`].
    pub async fn settle(self) -> Result<Put, StoreError> {
        let Self { local, arriving } = self;
        let name = arriving.name();
        let settled = tokio::task::spawn_blocking(move || local.settle(arriving)).await;
        settled.map_err(|source| StoreError::Interrupted { name, source })?
    }
}

/// Blobs in an archive's folder. Cheap to clone, and any number of them, in any number of processes, may work on one
/// archive at once.
///
/// A future that is dropped does not stop the write that it began: that ends, or is [swept](Store::sweep_staging).
#[derive(Clone)]
pub struct Store {
    local: Arc<Local>,
    objects: Arc<DurableFs>,
    elsewhere: Arc<Elsewhere>,
}

impl Store {
    /// The store in the folder of an archive, which must exist; makes `blobs/` and its staging folder where missing.
    pub fn local(archive_root: &Path) -> Result<Self, StoreError> {
        let objects = DurableFs::new(archive_root)?;
        let local = Local::open(objects.folders())?;
        let elsewhere = Elsewhere::new(local.root().join(layout::PLACES));
        Ok(Self { local: Arc::new(local), objects: Arc::new(objects), elsewhere: Arc::new(elsewhere) })
    }

    /// Everything in the archive's folder as objects, rooted there, written durably. The catalogue's Delta tables are
    /// given this very object.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects) as Arc<dyn ObjectStore>
    }

    /// Copies a file of at most `max_bytes` in: one pass that reads, hashes and writes, then fsync, rename without
    /// replacing, and fsync of the folder. Symlinks to regular files are followed.
    ///
    /// # Errors
    /// [`StoreError::Empty`], [`StoreError::NotRegular`] (refused without blocking), [`StoreError::TooLarge`],
    /// [`StoreError::Changed`] (while it was read), [`StoreError::Full`], [`StoreError::HeldDamaged`] (the blob is
    /// there with another size; only [`Store::verify`] finds damage that keeps the size), or [`StoreError::Io`]. None
    /// leaves anything behind.
    pub async fn put_file(&self, path: &Path, max_bytes: u64) -> Result<Put, StoreError> {
        self.take(path, max_bytes, Way::Copy).await?.settle().await
    }

    /// The first half of [`Self::put_file`]: reads and hashes, and writes to the staging folder what must be written.
    pub async fn take(&self, path: &Path, max_bytes: u64, way: Way) -> Result<Arrival, StoreError> {
        let path = path.to_path_buf();
        let name = path.display().to_string();
        let arriving = self.blocking(name, move |local| local.take(&path, max_bytes, way)).await?;
        Ok(Arrival { local: Arc::clone(&self.local), arriving })
    }

    /// The same for at most `max_bytes` that come from no file of their own: an entry of an archive. `name` is what errors
    /// call it. Blocks, in constant memory, for as long as the bytes take to come.
    pub fn take_stream(
        &self,
        name: &str,
        bytes: &mut dyn std::io::Read,
        max_bytes: u64,
    ) -> Result<Arrival, StoreError> {
        let arriving = self.local.take_stream(name, bytes, max_bytes)?;
        Ok(Arrival { local: Arc::clone(&self.local), arriving })
    }

    /// Which blob a file of at most `max_bytes` is, and what it looked like; for files that stay where they are.
    ///
    /// # Errors
    /// As for [`Store::put_file`], as far as reading goes.
    pub async fn hash_file(&self, path: &Path, max_bytes: u64) -> Result<(BlobHashes, Stamp), StoreError> {
        let path = path.to_path_buf();
        let name = path.display().to_string();
        self.blocking(name, move |_| {
            let mut source = Source::open_to_take(&path, max_bytes)?;
            Ok((source.hash(|_| Ok(()))?, source.stamp()))
        })
        .await
    }

    /// Stores bytes that are in memory: a cover, a licence text, an index. Errors as for [`Store::put_file`].
    pub async fn put_bytes(&self, bytes: &[u8]) -> Result<Put, StoreError> {
        let bytes = Bytes::copy_from_slice(bytes);
        let name = format!("a piece of {} bytes", bytes.len());
        self.blocking(name, move |local| local.put_bytes(&bytes)).await
    }

    /// Makes a downloaded file a blob: hashes it, then moves it to its place, or copies it where it lies on another
    /// file system or has several names. On success the file is gone, also where the blob was held already (`added:
    /// false`).
    ///
    /// Nobody may write to the file any more.
    ///
    /// # Errors
    /// [`StoreError::WrongRoot`] where it is not the expected blob; otherwise as for [`Store::put_file`], and symlinks
    /// are refused. The file stays after an error.
    pub async fn adopt(&self, path: &Path, expected: BlobId) -> Result<Put, StoreError> {
        let path = path.to_path_buf();
        let name = path.display().to_string();
        self.blocking(name, move |local| local.adopt(&path, expected)).await
    }

    /// The same of a file that was hashed as its bytes were written, so that nothing is read again.
    ///
    /// # Errors
    /// As for [`Store::adopt`]; the size tells whether it is another file.
    pub async fn adopt_hashed(&self, path: &Path, hashes: BlobHashes) -> Result<Put, StoreError> {
        let path = path.to_path_buf();
        let name = path.display().to_string();
        self.blocking(name, move |local| local.adopt_hashed(&path, hashes)).await
    }

    /// The bytes of a range (end excluded), in pieces of at most 256 KiB. They are not checked; [`Store::verify`] does
    /// that. A blob in place is hashed first where its file looks different, and the stream ends with an error where the
    /// file is changed meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::ChangedInPlace`]; [`StoreError::OutOfRange`] unless `start <= end <= size`.
    /// Within the stream: an I/O error, or [`StoreError::Changed`].
    pub async fn read(
        &self,
        id: BlobId,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let within = |size| {
            let fits = range.start <= range.end && range.end <= size;
            if fits { Ok(range.clone()) } else { Err(StoreError::OutOfRange { id, range: range.clone(), size }) }
        };
        let Some(size) = self.own_size(id).await? else {
            let source = self.open_elsewhere(id).await?.ok_or(StoreError::Missing { id })?;
            let range = within(source.size())?;
            return Ok(chunks(source.name(), range, move |buffer, at| source.read_at(buffer, at)));
        };
        let range = within(size)?;
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let options = GetOptions::new().with_range(Some(range));
        let found = self.objects.get_opts(&key(id), options).await.map_err(|error| object_error("read", id, error))?;
        Ok(match found.payload {
            GetResultPayload::File(file, path) => chunks(path.display().to_string(), found.range, move |buffer, at| {
                file.read_exact_at(buffer, at).map_err(StoreError::on("read", &path))
            }),
            GetResultPayload::Stream(bytes) => bytes.map_err(move |error| object_error("read", id, error)).boxed(),
        })
    }

    /// All bytes of a blob that has at most `limit` of them.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::TooLarge`], or an I/O error.
    pub async fn read_all(&self, id: BlobId, limit: u64) -> Result<Bytes, StoreError> {
        let size = match self.own_size(id).await? {
            Some(size) => size,
            None => self.open_elsewhere(id).await?.ok_or(StoreError::Missing { id })?.size(),
        };
        if size > limit {
            return Err(StoreError::TooLarge { name: format!("blob {id}"), size, limit });
        }
        let chunks: Vec<Bytes> = self.read(id, 0..size).await?.try_collect().await?;
        Ok(if chunks.len() == 1 { chunks[0].clone() } else { Bytes::from(chunks.concat()) })
    }

    /// How many bytes the blob's file has; `None` where it is not held, here or in place.
    pub async fn size(&self, id: BlobId) -> Result<Option<u64>, StoreError> {
        if let Some(size) = self.own_size(id).await? {
            return Ok(Some(size));
        }
        match self.open_elsewhere(id).await {
            Ok(source) => Ok(source.map(|source| source.size())),
            Err(StoreError::ChangedInPlace { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn own_size(&self, id: BlobId) -> Result<Option<u64>, StoreError> {
        match self.objects.head(&key(id)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(object_error("read the size of", id, error)),
        }
    }

    async fn open_elsewhere(&self, id: BlobId) -> Result<Option<Source>, StoreError> {
        let elsewhere = Arc::clone(&self.elsewhere);
        self.blocking(format!("blob {id}"), move |_| elsewhere.open(id)).await
    }

    /// Where the blob lies in the archive, or would.
    pub fn path_of(&self, id: BlobId) -> Option<PathBuf> {
        Some(self.local.path(id))
    }

    /// The file that has the blob's bytes, in the archive or in place; `None` where it is not held.
    ///
    /// # Errors
    /// [`StoreError::ChangedInPlace`] where only files are left that are not the blob any more.
    pub async fn locate(&self, id: BlobId) -> Result<Option<PathBuf>, StoreError> {
        if self.has_own(id) {
            return Ok(self.path_of(id));
        }
        Ok(self.open_elsewhere(id).await?.map(|source| source.path().to_path_buf()))
    }

    /// Whether the archive has a file of its own for the blob.
    pub fn has_own(&self, id: BlobId) -> bool {
        self.local.has_own(id)
    }

    /// Whether the database of places is there.
    pub fn has_places(&self) -> bool {
        self.elsewhere.has_places()
    }

    /// Where files outside the archive were seen; the database is made where there is none. Blocks.
    pub fn places(&self) -> Result<Arc<Places>, StoreError> {
        self.elsewhere.places()
    }

    /// Reads the blob and compares it with what it was. One that was taken in without copying it is read where it lies.
    ///
    /// # Errors
    /// Where the bytes cannot be read at all, or somebody changed the file in place ([`StoreError::ChangedInPlace`]); what
    /// they are is the [`Verdict`].
    pub async fn verify(&self, expected: &BlobHashes) -> Result<Verdict, StoreError> {
        let expected = expected.clone();
        let elsewhere = Arc::clone(&self.elsewhere);
        self.blocking(format!("blob {}", expected.root), move |local| {
            match verify::verify(&local.path(expected.root), Links::Refuse, &expected)? {
                Verdict::Missing => elsewhere.verify(&expected),
                verdict => Ok(verdict),
            }
        })
        .await
    }

    /// All blobs with the bytes of their files, in the order of their ids. The fan-out is walked as the stream is read.
    ///
    /// What is no blob is an item too, [`StoreError::Foreign`], as is a folder that cannot be read; the walk goes on.
    pub fn list(&self) -> BoxStream<'static, Result<(BlobId, u64), StoreError>> {
        let store = self.clone();
        let walk = Walk::new(self.local.blobs());
        stream::unfold(Some(walk), move |walk| {
            let store = store.clone();
            async move {
                let mut walk = walk?;
                let name = store.local.blobs().display().to_string();
                let batch = store
                    .blocking(name, move |_| {
                        let items: Vec<_> = walk.by_ref().take(LIST_ITEMS).collect();
                        Ok((items, walk))
                    })
                    .await;
                match batch {
                    Ok((items, _)) if items.is_empty() => None,
                    Ok((items, walk)) => Some((items, Some(walk))),
                    Err(error) => Some((vec![Err(error)], None)),
                }
            }
        })
        .flat_map(stream::iter)
        .boxed()
    }

    /// Deletes a blob for good; `false` where it was not held.
    pub async fn remove(&self, id: BlobId) -> Result<bool, StoreError> {
        self.blocking(format!("blob {id}"), move |local| local.remove(id)).await
    }

    /// Deletes what killed processes had begun to write, of blobs and of objects, and says how many files that were.
    /// Files of living processes are locked and stay. Blocks; meant for the start of a program.
    pub fn sweep_staging(&self) -> Result<u64, StoreError> {
        staging::sweep(self.local.staging(), self.local.root(), self.local.blobs())
    }

    pub(crate) fn local_blobs(&self) -> Arc<Local> {
        Arc::clone(&self.local)
    }

    pub(crate) fn elsewhere(&self) -> Arc<Elsewhere> {
        Arc::clone(&self.elsewhere)
    }

    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        name: String,
        work: impl FnOnce(&Local) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let local = Arc::clone(&self.local);
        tokio::task::spawn_blocking(move || work(&local))
            .await
            .map_err(|source| StoreError::Interrupted { name, source })?
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("root", &self.local.root()).finish_non_exhaustive()
    }
}

fn key(id: BlobId) -> Key {
    Key::from(layout::key(id))
}

fn object_error(action: &'static str, id: BlobId, source: object_store::Error) -> StoreError {
    match source {
        object_store::Error::NotFound { .. } => StoreError::Missing { id },
        source => StoreError::Object { action, name: format!("blob {id}"), source },
    }
}

/// `object_store` streams a file by 8 KiB, a task each; these are larger. `read` fills a buffer from a place on.
fn chunks(
    name: String,
    range: Range<u64>,
    read: impl Fn(&mut [u8], u64) -> Result<(), StoreError> + Send + Sync + 'static,
) -> BoxStream<'static, Result<Bytes, StoreError>> {
    let read = Arc::new(read);
    stream::try_unfold(range, move |range| {
        let (read, name) = (Arc::clone(&read), name.clone());
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let one = move || {
                let mut bytes = vec![0; (range.end - range.start).min(CHUNK_BYTES) as usize];
                read(&mut bytes, range.start)?;
                let rest = range.start + bytes.len() as u64..range.end;
                Ok(Some((Bytes::from(bytes), rest)))
            };
            tokio::task::spawn_blocking(one).await.map_err(|source| StoreError::Interrupted { name, source })?
        }
    })
    .boxed()
}
