//! An archive folder of its own for each test.

use std::path::PathBuf;
use std::sync::Arc;

use fonoteca_catalog::object_store::ObjectStore;
use fonoteca_catalog::object_store::local::LocalFileSystem;
use fonoteca_catalog::{Batch, Catalog, Row, Snapshot};

pub struct Archive {
    folder: tempfile::TempDir,
}

impl Archive {
    /// A folder without a catalogue.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// An archive with empty tables.
    pub async fn new() -> (Self, Catalog) {
        let archive = Self::empty();
        let catalog = Catalog::create(archive.objects(), &archive.state()).await.expect("create");
        (archive, catalog)
    }

    pub fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::new(LocalFileSystem::new_with_prefix(self.path()).expect("an object store"))
    }

    /// As another process would open it.
    pub async fn open(&self) -> Catalog {
        Catalog::open(self.objects(), &self.state()).await.expect("open")
    }
}

pub async fn commit(catalog: &Catalog, job: &str, number: i64, batch: Batch) {
    catalog.writer().await.expect("writer").commit(job, number, batch).await.expect("commit");
}

/// All rows of a table that count, in an order of their own.
pub async fn all<T: Row + std::fmt::Debug>(snapshot: &Snapshot) -> Vec<T> {
    let mut rows = snapshot.rows::<T>("").await.expect("rows");
    rows.sort_by_key(|row| format!("{row:?}"));
    rows
}

/// All rows of all tables that count.
pub async fn everything(catalog: &Catalog) -> Batch {
    let snapshot = catalog.snapshot().await.expect("snapshot");
    Batch {
        artists: all(&snapshot).await,
        albums: all(&snapshot).await,
        tracks: all(&snapshot).await,
        supplements: all(&snapshot).await,
        listens: all(&snapshot).await,
        links: all(&snapshot).await,
        collections: all(&snapshot).await,
        blobs: all(&snapshot).await,
        fingerprints: all(&snapshot).await,
        holdings: all(&snapshot).await,
        locations: all(&snapshot).await,
        rights: all(&snapshot).await,
        events: all(&snapshot).await,
        releases: all(&snapshot).await,
        imports: all(&snapshot).await,
        files: all(&snapshot).await,
    }
}

/// The rows of a batch in the order of [`everything`].
pub fn sorted(mut batch: Batch) -> Batch {
    macro_rules! sort {
        ($($table:ident)*) => { $(batch.$table.sort_by_key(|row| format!("{row:?}"));)* };
    }
    sort!(artists albums tracks supplements listens links collections blobs fingerprints holdings locations rights events
        releases imports files);
    batch
}
