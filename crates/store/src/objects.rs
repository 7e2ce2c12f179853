//! A local folder as an object store whose writes outlast a power cut.
//!
//! [`LocalFileSystem`] renames without fsyncing anything, so that after a power cut a Delta commit may be there and
//! empty. Here every write goes to a marked file beside its place, which is fsynced, renamed, and its folder fsynced,
//! before success is reported. Reading, listing and deleting are left to [`LocalFileSystem`], which hides the marked
//! files.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    RenameTargetMode, Result, UploadPart,
};

use crate::durable::{Folders, rename_no_replace, sync_entries};
use crate::error::StoreError;
use crate::source::{Links, open_unchecked};
use crate::staging::{Staged, Taken};

/// The folder as an [`ObjectStore`]. Its writes need a tokio runtime.
///
/// [`PutMode::Update`] and attributes are not implemented, as in [`LocalFileSystem`]. A multipart upload that is
/// dropped before it is complete leaves nothing. Copies share no bytes on disk with what they were made from.
#[derive(Debug, Clone)]
pub struct DurableFs {
    inner: LocalFileSystem,
    folders: Arc<Folders>,
}

impl DurableFs {
    /// The objects in `root`, a folder that exists.
    pub fn new(root: &Path) -> std::result::Result<Self, StoreError> {
        let root = fs::canonicalize(root).map_err(StoreError::on("open the folder", root))?;
        let name = root.display().to_string();
        let inner = LocalFileSystem::new_with_prefix(&root).map_err(|source| StoreError::Object {
            action: "open the folder",
            name,
            source,
        })?;
        Ok(Self { inner, folders: Arc::new(Folders::new(root)) })
    }

    pub(crate) fn folders(&self) -> Arc<Folders> {
        Arc::clone(&self.folders)
    }

    fn refuse_attributes(&self, attributes: &Attributes) -> Result<()> {
        if attributes.is_empty() {
            return Ok(());
        }
        Err(Error::NotImplemented { operation: "a put with attributes".into(), implementer: self.to_string() })
    }

    /// Runs `work`, which writes to `target`, where it may block.
    async fn write<T: Send + 'static>(
        &self,
        action: &'static str,
        target: PathBuf,
        work: impl FnOnce(&Folders, &Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let folders = self.folders();
        let work = move || work(&folders, &target).map_err(|error| object_error(action, &target, error));
        tokio::task::spawn_blocking(work).await?
    }

    async fn put_result(&self, location: &Key) -> Result<PutResult> {
        let e_tag = self.inner.head(location).await?.e_tag;
        Ok(PutResult { e_tag, version: None })
    }
}

impl fmt::Display for DurableFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DurableFs({})", self.folders.root().display())
    }
}

#[async_trait]
impl ObjectStore for DurableFs {
    async fn put_opts(&self, location: &Key, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.refuse_attributes(&options.attributes)?;
        let taken = match options.mode {
            PutMode::Create => Taken::Refuse,
            PutMode::Overwrite => Taken::Replace,
            PutMode::Update(_) => {
                let operation = "a put with `PutMode::Update`".into();
                return Err(Error::NotImplemented { operation, implementer: self.to_string() });
            }
        };
        let target = self.inner.path_to_filesystem(location)?;
        self.write("write", target, move |folders, target| {
            let mut staged = folders.with_parent(target, || Staged::beside(target))?;
            payload.iter().try_for_each(|bytes| staged.file().write_all(bytes))?;
            staged.place(target, taken, folders)
        })
        .await?;
        self.put_result(location).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Key,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.refuse_attributes(&options.attributes)?;
        let target = self.inner.path_to_filesystem(location)?;
        let stage = |folders: &Folders, target: &Path| folders.with_parent(target, || Staged::beside(target));
        let staged = self.write("write", target.clone(), stage).await?;
        let state = Some(Arc::new(Upload { staged, written: AtomicU64::new(0) }));
        Ok(Box::new(DurableUpload { store: self.clone(), location: location.clone(), target, state, given: 0 }))
    }

    async fn get_opts(&self, location: &Key, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Key, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Key>, offset: &Key) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> Result<()> {
        let taken = match options.mode {
            CopyMode::Create => Taken::Refuse,
            CopyMode::Overwrite => Taken::Replace,
        };
        let (from, to) = (self.inner.path_to_filesystem(from)?, self.inner.path_to_filesystem(to)?);
        let source = from.clone();
        let open = move |_: &Folders, from: &Path| open_unchecked(from, Links::Follow);
        let mut source = self.write("open", source, open).await?;
        self.write("write", to, move |folders, to| {
            let mut staged = folders.with_parent(to, || Staged::beside(to))?;
            io::copy(&mut source, &mut staged.file())?;
            staged.place(to, taken, folders)
        })
        .await
    }

    async fn rename_opts(&self, from: &Key, to: &Key, options: RenameOptions) -> Result<()> {
        let (from, to) = (self.inner.path_to_filesystem(from)?, self.inner.path_to_filesystem(to)?);
        let sync = |_: &Folders, from: &Path| open_unchecked(from, Links::Follow)?.sync_all();
        self.write("write to disk", from.clone(), sync).await?;
        self.write("rename to", to, move |folders, to| {
            folders.with_parent(to, || match options.target_mode {
                RenameTargetMode::Create => rename_no_replace(&from, to),
                RenameTargetMode::Overwrite => fs::rename(&from, to),
            })?;
            let parents = (to.parent(), from.parent());
            [parents.0, parents.1.filter(|_| parents.0 != parents.1)].into_iter().flatten().try_for_each(sync_entries)
        })
        .await
    }
}

/// What the parts of one upload share.
#[derive(Debug)]
struct Upload {
    staged: Staged,
    /// Bytes of the parts that were written whole.
    written: AtomicU64,
}

#[derive(Debug)]
struct DurableUpload {
    store: DurableFs,
    location: Key,
    target: PathBuf,
    /// None once completed or aborted.
    state: Option<Arc<Upload>>,
    /// Bytes of the parts handed in.
    given: u64,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let mut offset = self.given;
        self.given += data.content_length() as u64;
        let Some(state) = self.state.clone() else { return futures::future::ready(Err(over(&self.target))).boxed() };
        let (store, target) = (self.store.clone(), self.target.clone());
        async move {
            let write = move |_: &Folders, _: &Path| {
                for bytes in &data {
                    state.staged.file().write_all_at(bytes, offset)?;
                    offset += bytes.len() as u64;
                }
                state.written.fetch_add(data.content_length() as u64, Ordering::SeqCst);
                Ok(())
            };
            store.write("write", target, write).await
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let state = self.state.take().ok_or_else(|| over(&self.target))?;
        let given = self.given;
        let place = move |folders: &Folders, target: &Path| {
            // A part that failed, or was never awaited, must not become a hole in the object.
            let Some(mut upload) = Arc::into_inner(state).filter(|all| all.written.load(Ordering::SeqCst) == given)
            else {
                return Err(io::Error::other("not all parts of the upload were written"));
            };
            upload.staged.place(target, Taken::Replace, folders)
        };
        self.store.write("complete the upload of", self.target.clone(), place).await?;
        self.store.put_result(&self.location).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.state.take().map(drop).ok_or_else(|| over(&self.target))
    }
}

fn over(target: &Path) -> Error {
    object_error("go on with the upload of", target, io::Error::other("it was completed or aborted before"))
}

fn object_error(action: &'static str, path: &Path, error: io::Error) -> Error {
    let name = path.display().to_string();
    match error.kind() {
        ErrorKind::NotFound => Error::NotFound { path: name, source: error.into() },
        ErrorKind::AlreadyExists => Error::AlreadyExists { path: name, source: error.into() },
        ErrorKind::PermissionDenied => Error::PermissionDenied { path: name, source: error.into() },
        _ => Error::Generic { store: "DurableFs", source: Box::new(StoreError::io(action, path, error)) },
    }
}
