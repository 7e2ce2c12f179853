//! An open archive: the folder, and the engines that work on it.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use fonoteca_audio::identify::SoundIndex;
use fonoteca_catalog::index::Index;
use fonoteca_catalog::{Catalog, CatalogError, Snapshot};
use fonoteca_model::rights::{Verdict, decide};
use fonoteca_model::{BlobId, Progress, Silent, Timestamp};
use fonoteca_store::Store;
use parking_lot::Mutex;

use crate::begun;
use crate::error::ArchiveError;
use crate::published::{KnownRoots, Published, Shelf};
use crate::settings::Settings;

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// An open archive; clones share it.
#[derive(Clone)]
pub struct Archive {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    settings: Settings,
    store: Store,
    catalog: Catalog,
    clock: Clock,
    index: Mutex<Option<Arc<Index>>>,
    sounds: OnceLock<Arc<SoundIndex>>,
    published: tokio::sync::Mutex<Option<Arc<Published>>>,
    torrent_roots: KnownRoots,
    opened_torrents: Mutex<Shelf>,
    verdicts: Mutex<Remembered>,
    /// Whether any decision is about a work, at this version of `rights`.
    works_decided: Mutex<Option<(i64, bool)>>,
}

/// Verdicts given so far, under one state of the tables they follow from.
#[derive(Default)]
struct Remembered {
    stamp: (Vec<i64>, i64),
    verdicts: HashMap<BlobId, Verdict>,
}

/// Verdicts kept at most; some 300 bytes each.
const REMEMBERED_VERDICTS: usize = 100_000;

/// The versions of the tables that a verdict follows from.
pub(crate) fn rights_versions(snapshot: &Snapshot) -> Vec<i64> {
    let follows_from = ["albums", "blobs", "collections", "files", "holdings", "links", "rights", "tracks"];
    snapshot
        .versions()
        .iter()
        .filter(|(table, _)| follows_from.contains(&table.name()))
        .map(|(_, version)| *version)
        .collect()
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Archive({})", self.inner.root.display())
    }
}

impl Archive {
    /// Makes a new archive in `dir`, which must be empty or not exist. What a killed `init` left there is completed.
    pub async fn init(dir: &Path, name: &str, clock: Clock) -> Result<Self, ArchiveError> {
        std::fs::create_dir_all(dir).map_err(ArchiveError::io(dir, "cannot be made"))?;
        let held = begun::hold(dir)?;
        begun::check(dir)?;
        let store = Store::local(dir)?;
        store.sweep_staging()?;
        for folder in begun::FOLDERS {
            let path = dir.join(folder);
            std::fs::create_dir_all(&path).map_err(ArchiveError::io(&path, "cannot be made"))?;
        }
        match Catalog::create(store.objects(), &dir.join("state")).await {
            Ok(_) | Err(CatalogError::Exists) => {}
            Err(error) => return Err(error.into()),
        }
        // The settings come last: a folder without them is no archive, so a killed `init` leaves none behind.
        begun::sweep(dir)?;
        Settings::new(name).write(dir)?;
        drop(held);
        Self::open(dir, clock).await
    }

    /// Opens the archive whose folder is `dir`.
    pub async fn open(dir: &Path, clock: Clock) -> Result<Self, ArchiveError> {
        if !dir.join(Settings::FILE).is_file() {
            return Err(ArchiveError::NotFound { path: dir.to_owned() });
        }
        let settings = Settings::read(dir)?;
        let root = dir.canonicalize().map_err(ArchiveError::io(dir, "cannot be found"))?;
        let store = Store::local(&root)?;
        let catalog = Catalog::open(store.objects(), &root.join("state")).await?;
        let archive = Self {
            inner: Arc::new(Inner {
                root,
                settings,
                store,
                catalog,
                clock,
                index: Mutex::new(None),
                sounds: OnceLock::new(),
                published: tokio::sync::Mutex::new(None),
                torrent_roots: Mutex::default(),
                opened_torrents: Mutex::default(),
                verdicts: Mutex::default(),
                works_decided: Mutex::default(),
            }),
        };
        if archive.lacks_places() {
            archive.places().await?;
        }
        Ok(archive)
    }

    /// The folder of the archive that `start` is in, as git finds its repository.
    pub fn find(start: &Path) -> Result<PathBuf, ArchiveError> {
        start
            .ancestors()
            .find(|folder| folder.join(Settings::FILE).is_file())
            .map(Path::to_owned)
            .ok_or_else(|| ArchiveError::NotFound { path: start.to_owned() })
    }

    /// The archive's folder.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.inner.settings.name
    }

    /// What `archive.toml` said when it was opened.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The time, from whoever opened the archive.
    pub fn now(&self) -> Timestamp {
        (self.inner.clock)()
    }

    /// The blobs.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The tables.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// The tables as they are now.
    pub async fn snapshot(&self) -> Result<Snapshot, ArchiveError> {
        Ok(self.inner.catalog.snapshot().await?)
    }

    /// `state/accounts.sqlite`.
    pub fn accounts_path(&self) -> PathBuf {
        self.inner.root.join("state/accounts.sqlite")
    }

    /// `releases/`.
    pub fn releases_path(&self) -> PathBuf {
        self.inner.root.join("releases")
    }

    pub(crate) fn state_path(&self) -> PathBuf {
        self.inner.root.join("state")
    }

    pub(crate) fn works_decided(&self) -> &Mutex<Option<(i64, bool)>> {
        &self.inner.works_decided
    }

    pub(crate) fn torrent_roots(&self) -> &KnownRoots {
        &self.inner.torrent_roots
    }

    pub(crate) fn opened_torrents(&self) -> &Mutex<Shelf> {
        &self.inner.opened_torrents
    }

    pub(crate) fn sounds_cell(&self) -> &OnceLock<Arc<SoundIndex>> {
        &self.inner.sounds
    }

    pub(crate) fn published_cell(&self) -> &tokio::sync::Mutex<Option<Arc<Published>>> {
        &self.inner.published
    }

    /// The search index, opened at first use.
    pub fn index(&self) -> Result<Arc<Index>, ArchiveError> {
        let mut cell = self.inner.index.lock();
        if let Some(index) = cell.as_ref() {
            return Ok(index.clone());
        }
        let index = Arc::new(Index::open(&self.inner.root.join("index"))?);
        *cell = Some(index.clone());
        Ok(index)
    }

    /// Brings search index and index of sounds to the tables as they are now. Another process may be doing just that: then it
    /// is left to it.
    pub async fn refresh_index(&self) -> Result<(), ArchiveError> {
        self.refresh_index_with(&Silent).await
    }

    /// As [`Self::refresh_index`], telling how far it is.
    pub async fn refresh_index_with(&self, progress: &dyn Progress) -> Result<(), ArchiveError> {
        let snapshot = self.snapshot().await?;
        self.index()?.catch_up(&snapshot, progress).await?;
        match self.refresh_sounds(progress).await {
            // Words are found without it, and whoever asks by sound is told.
            Err(ArchiveError::Sounds(error)) if error.needs_rebuild() => progress.note(&error.to_string()),
            refreshed => refreshed?,
        }
        Ok(())
    }

    /// Builds search index and index of sounds anew from the tables.
    pub async fn rebuild_index(&self, progress: &dyn Progress) -> Result<(), ArchiveError> {
        let folder = self.inner.root.join("index");
        let snapshot = self.snapshot().await?;
        *self.inner.index.lock() = None;
        let index = Index::rebuild_in(&folder, &snapshot, progress).await?;
        *self.inner.index.lock() = Some(Arc::new(index));
        self.rebuild_sounds(progress).await
    }

    /// What may be done with each of these blobs, all that it belongs to and all layers considered.
    ///
    /// Answers are remembered until anything that they follow from changes, and for a minute at most, since a decision
    /// may begin or end by itself.
    pub async fn verdicts(&self, roots: &[BlobId]) -> Result<HashMap<BlobId, Verdict>, ArchiveError> {
        let snapshot = self.snapshot().await?;
        let stamp = (rights_versions(&snapshot), self.now().as_seconds().div_euclid(60));
        let mut found: HashMap<BlobId, Verdict> = {
            let mut remembered = self.inner.verdicts.lock();
            if remembered.stamp != stamp || remembered.verdicts.len() > REMEMBERED_VERDICTS {
                *remembered = Remembered { stamp: stamp.clone(), verdicts: HashMap::new() };
            }
            roots.iter().filter_map(|root| Some((*root, remembered.verdicts.get(root)?.clone()))).collect()
        };
        let asked: Vec<BlobId> = roots.iter().copied().filter(|root| !found.contains_key(root)).collect();
        for chunk in asked.chunks(4096) {
            let fresh = self.verdicts_in(&snapshot, chunk).await?;
            let mut remembered = self.inner.verdicts.lock();
            if remembered.stamp == stamp {
                remembered.verdicts.extend(fresh.iter().map(|(root, verdict)| (*root, verdict.clone())));
            }
            found.extend(fresh);
        }
        Ok(found)
    }

    pub(crate) async fn verdicts_in(
        &self,
        snapshot: &Snapshot,
        roots: &[BlobId],
    ) -> Result<HashMap<BlobId, Verdict>, ArchiveError> {
        let now = self.now();
        let decisions = self.decisions_for(snapshot, roots).await?;
        Ok(decisions.into_iter().map(|(root, decisions)| (root, decide(&decisions, now))).collect())
    }

    /// What may be done with one blob.
    pub async fn verdict(&self, root: BlobId) -> Result<Verdict, ArchiveError> {
        let mut verdicts = self.verdicts(&[root]).await?;
        Ok(verdicts.remove(&root).unwrap_or_else(|| decide(&[], self.now())))
    }
}
