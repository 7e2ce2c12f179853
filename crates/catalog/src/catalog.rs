//! The catalogue as a whole: create, open, take a snapshot, become its writer.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use deltalake::DeltaTable;
use futures::future::try_join_all;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, path::Path as Key};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::delta;
use crate::error::CatalogError;
use crate::ordered::Ordered;
use crate::schema::Table;
use crate::snapshot::{BatchesOfTable, Snapshot};
use crate::writer::{self, Writer};

/// The version of the tables' format, as it stands in `catalog/format.json`.
pub(crate) const FORMAT: &str = "fonoteca-catalog/1";
const FORMAT_KEY: &str = "catalog/format.json";
/// Memory that the queries of one process may take before they spill to disk.
const QUERY_MEMORY_BYTES: usize = 1 << 30;

/// A version of each table.
pub type Versions = BTreeMap<Table, i64>;

/// The tables of one archive. Cheap to clone; all clones share what they have loaded.
///
/// Needs a tokio runtime, best one of several threads.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// `<archive>/state`.
    pub(crate) state: PathBuf,
    pub(crate) runtime: Arc<RuntimeEnv>,
    /// The tables as last loaded: an update reads only what was committed since.
    loaded: tokio::sync::Mutex<HashMap<Table, DeltaTable>>,
    /// Which batches a table held at the version last looked at.
    pub(crate) batches: Mutex<HashMap<Table, (i64, Arc<BatchesOfTable>)>>,
}

#[derive(Serialize, Deserialize)]
struct Format {
    format: String,
}

impl Catalog {
    /// Creates all tables, empty, below `catalog/` of the object store, which stands at the archive's folder. What a killed
    /// `create` left is completed. `local_state` is `<archive>/state`, on local disk.
    pub async fn create(objects: Arc<dyn ObjectStore>, local_state: &Path) -> Result<Self, CatalogError> {
        let objects: Arc<dyn ObjectStore> = Arc::new(Ordered(objects));
        if read_format(&objects).await?.is_some() {
            return Err(CatalogError::Exists);
        }
        try_join_all(Table::ALL.iter().map(|table| delta::create(&objects, *table))).await?;
        // Last: a catalogue without this file is none.
        let format = serde_json::json!({ "format": FORMAT }).to_string() + "\n";
        let options = PutOptions::from(PutMode::Create);
        objects
            .put_opts(&Key::from(FORMAT_KEY), format.into(), options)
            .await
            .map_err(CatalogError::object("write", FORMAT_KEY))?;
        Self::open_ordered(objects, local_state).await
    }

    /// Opens the tables. Refuses a newer format. If a killed process left an unfinished batch and nobody is writing, that
    /// batch is finished first.
    pub async fn open(objects: Arc<dyn ObjectStore>, local_state: &Path) -> Result<Self, CatalogError> {
        Self::open_ordered(Arc::new(Ordered(objects)), local_state).await
    }

    async fn open_ordered(objects: Arc<dyn ObjectStore>, local_state: &Path) -> Result<Self, CatalogError> {
        let found = read_format(&objects).await?.ok_or(CatalogError::Missing)?;
        if found != FORMAT {
            return Err(CatalogError::Format { file: FORMAT_KEY.to_owned(), found, known: FORMAT });
        }
        let shared = Shared {
            objects,
            state: local_state.to_path_buf(),
            runtime: runtime()?,
            loaded: tokio::sync::Mutex::default(),
            batches: Mutex::default(),
        };
        let catalog = Self { shared: Arc::new(shared) };
        if writer::is_pending(local_state) {
            catalog.finish_what_was_begun().await?;
        }
        Ok(catalog)
    }

    /// Completes the batch of a killed process, unless somebody is writing: waiting could take as long as their ingest, and
    /// they will complete it themselves. A disk that is full or may only be read is no reason not to read: rows of a batch
    /// that is not complete do not count.
    async fn finish_what_was_begun(&self) -> Result<(), CatalogError> {
        let finish = async {
            let Some(lock) = self.lock(Wait::No).await? else { return Ok(()) };
            self.shared.bring_up_to_date().await?;
            writer::roll_forward(&self.shared).await?;
            drop(lock);
            Ok(())
        };
        match finish.await {
            Err(
                error @ (CatalogError::State { .. }
                | CatalogError::Delta { action: delta::APPEND | delta::CREATE | delta::ADD_COLUMNS, .. }),
            ) => {
                tracing::warn!(%error, "a batch that was interrupted cannot be completed now; it does not count until it is");
                Ok(())
            }
            finished => finished,
        }
    }

    /// The latest versions of all tables, which show each batch wholly or not at all.
    pub async fn snapshot(&self) -> Result<Snapshot, CatalogError> {
        Snapshot::build(&self.shared, self.shared.latest().await?).await
    }

    /// The tables at these versions; tables that are not named are at their latest.
    pub async fn snapshot_at(&self, versions: &Versions) -> Result<Snapshot, CatalogError> {
        let mut tables = self.shared.latest().await?;
        for (table, version) in versions {
            let latest = tables.get(table).map_or(-1, delta::version);
            if *version > latest || *version < 0 {
                return Err(CatalogError::Version { table: *table, version: *version });
            }
            if *version < latest {
                tables.insert(*table, delta::open_at(&self.shared.objects, *table, *version).await?);
            }
        }
        Snapshot::build(&self.shared, tables).await
    }

    /// Waits for the commit lock, finishes the batch of a killed process if there is one, and looks at the latest versions.
    ///
    /// Keep it short: all other writers on this machine wait. Two machines do not see each other's lock; there, Delta's own
    /// order of commits decides.
    pub async fn writer(&self) -> Result<Writer, CatalogError> {
        let lock = self.lock(Wait::Yes).await?.expect("waiting for a lock ends with the lock");
        self.shared.bring_up_to_date().await?;
        writer::roll_forward(&self.shared).await?;
        let snapshot = self.snapshot().await?;
        Ok(Writer::new(Arc::clone(&self.shared), snapshot, lock))
    }

    /// `state/commit.lock`, freed when the file is dropped, also by the end of the process.
    async fn lock(&self, wait: Wait) -> Result<Option<File>, CatalogError> {
        let state = self.shared.state.clone();
        let path = state.join("commit.lock");
        let error_path = path.clone();
        let take = move || {
            fs::create_dir_all(&state)?;
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            match wait {
                Wait::Yes => file.lock().map(|()| Some(file)),
                Wait::No => match file.try_lock() {
                    Ok(()) => Ok(Some(file)),
                    Err(TryLockError::WouldBlock) => Ok(None),
                    Err(TryLockError::Error(error)) => Err(error),
                },
            }
        };
        let taken = tokio::task::spawn_blocking(take).await.unwrap_or_else(|error| Err(error.into()));
        taken.map_err(CatalogError::state("lock", &error_path))
    }
}

#[derive(Clone, Copy)]
enum Wait {
    Yes,
    No,
}

impl Shared {
    /// All tables at their latest versions. `files` is read first: each batch that it shows was committed to the other tables
    /// before, so that they, read after it, show it too.
    pub(crate) async fn latest(&self) -> Result<BTreeMap<Table, DeltaTable>, CatalogError> {
        let mut loaded = self.loaded.lock().await;
        let mut tables = BTreeMap::new();
        let files = self.load(loaded.get(&Table::Files).cloned(), Table::Files).await?;
        tables.insert(Table::Files, files);
        let others = Table::ALL.iter().copied().filter(|table| *table != Table::Files);
        let others = others.map(|table| {
            let known = loaded.get(&table).cloned();
            async move {
                if known.is_none() && table.came_later() && !delta::exists(&self.objects, table).await? {
                    return Ok(None);
                }
                Ok::<_, CatalogError>(Some((table, self.load(known, table).await?)))
            }
        });
        tables.extend(try_join_all(others).await?.into_iter().flatten());
        loaded.extend(tables.iter().map(|(table, delta)| (*table, delta.clone())));
        Ok(tables)
    }

    async fn load(&self, known: Option<DeltaTable>, table: Table) -> Result<DeltaTable, CatalogError> {
        match known {
            Some(mut delta) => {
                delta.update_incremental(None).await.map_err(CatalogError::delta("update", table))?;
                Ok(delta)
            }
            None => delta::open(&self.objects, table).await,
        }
    }

    /// Makes tables and adds columns that came after the archive was made. The caller holds the lock.
    async fn bring_up_to_date(&self) -> Result<(), CatalogError> {
        for table in Table::ALL.iter().copied().filter(|table| table.came_later() || table.is_imported()) {
            let known = self.loaded.lock().await.get(&table).cloned();
            if known.as_ref().is_some_and(|delta| delta::missing(delta, table).is_ok_and(|missing| missing.is_empty()))
            {
                continue;
            }
            if known.is_none() && table.came_later() && !delta::exists(&self.objects, table).await? {
                delta::create(&self.objects, table).await?;
            }
            let mut delta = self.load(known, table).await?;
            delta::add_missing(&mut delta, table).await?;
            self.loaded.lock().await.insert(table, delta);
        }
        Ok(())
    }

    /// One table at its latest version, for writing.
    pub(crate) async fn table(&self, table: Table) -> Result<DeltaTable, CatalogError> {
        let known = self.loaded.lock().await.get(&table).cloned();
        self.load(known, table).await
    }
}

/// Spills go to the system's folder for temporary files, which is made use of only when memory runs out; one of our own
/// would have to be made at each opening, also of an archive that may only be read.
fn runtime() -> Result<Arc<RuntimeEnv>, CatalogError> {
    RuntimeEnvBuilder::new()
        .with_memory_limit(QUERY_MEMORY_BYTES, 1.0)
        .build_arc()
        .map_err(CatalogError::query("setting up queries"))
}

async fn read_format(objects: &Arc<dyn ObjectStore>) -> Result<Option<String>, CatalogError> {
    let unreadable = |text: &[u8]| CatalogError::Format {
        file: FORMAT_KEY.to_owned(),
        found: String::from_utf8_lossy(text).chars().take(60).collect(),
        known: FORMAT,
    };
    let found = match objects.get(&Key::from(FORMAT_KEY)).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(CatalogError::object("read", FORMAT_KEY)(error)),
    };
    if found.meta.size > 4096 {
        return Err(unreadable(b"more than 4 KiB"));
    }
    let text = found.bytes().await.map_err(CatalogError::object("read", FORMAT_KEY))?;
    serde_json::from_slice::<Format>(&text).map(|format| Some(format.format)).map_err(|_| unreadable(&text))
}
