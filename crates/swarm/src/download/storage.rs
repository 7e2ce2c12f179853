//! The staging folder as librqbit's storage: only wanted files are made, few are open at once, refused pieces are seen.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use fonoteca_torrent::{MetaFile, Metainfo};
use librqbit::storage::{BoxStorageFactory, StorageFactory, StorageFactoryExt, TorrentStorage};
use librqbit::{ManagedTorrentShared, TorrentMetadata};
use librqbit_core::lengths::ValidPieceIndex;
use parking_lot::Mutex;

use crate::staging::Staging;

/// Files open at once; a torrent may have more files than a process may have descriptors.
const OPEN_FILES: usize = 128;
/// A piece that was read back for its hash is reported complete at once, or never.
const VERDICT_WITHIN: Duration = Duration::from_millis(500);

/// Files of one torrent in a staging folder. Clones are the same storage.
#[derive(Clone)]
pub(super) struct StagedFiles {
    inner: Arc<Inner>,
}

struct Inner {
    metainfo: Arc<Metainfo>,
    staging: Staging,
    /// By index of the file: whether it is wanted, or shares a piece with one that is.
    touched: Vec<bool>,
    open: Mutex<HashMap<usize, Arc<File>>>,
    /// Pieces that are being written, and when they were last read back.
    in_the_making: Mutex<HashMap<u64, Option<Instant>>>,
    closed: AtomicBool,
}

impl StagedFiles {
    pub(super) fn new(metainfo: Arc<Metainfo>, staging: Staging, wanted: &[usize]) -> Self {
        let mut touched = vec![false; metainfo.files.len()];
        for index in wanted {
            let file = &metainfo.files[*index];
            touched[*index] = true;
            if file.size > 0 {
                let ends = [file.v1_offset, file.v1_offset + file.size - 1].map(|byte| byte / metainfo.piece_length);
                for span in ends.iter().flat_map(|piece| metainfo.piece_map(*piece)) {
                    touched[span.file] |= !metainfo.files[span.file].pad;
                }
            }
        }
        let inner = Inner {
            metainfo,
            staging,
            touched,
            open: Mutex::default(),
            in_the_making: Mutex::default(),
            closed: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// From now on nothing is read or written, whoever still holds the storage.
    pub(super) fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
        self.inner.open.lock().clear();
    }

    /// Pieces that were read back for their hash and not found good, since this was last asked.
    pub(super) fn take_refused(&self) -> Vec<u64> {
        let mut refused = Vec::new();
        self.inner.in_the_making.lock().retain(|piece, read_back| {
            let bad = read_back.is_some_and(|at| at.elapsed() > VERDICT_WITHIN);
            if bad {
                refused.push(*piece);
            }
            !bad
        });
        refused
    }

    fn file(&self, index: usize, create: bool) -> anyhow::Result<(&MetaFile, Arc<File>)> {
        if self.inner.closed.load(Ordering::Acquire) {
            bail!("the download has ended");
        }
        let meta = self.inner.metainfo.files.get(index).context("no such file in the torrent")?;
        if !self.inner.touched[index] {
            bail!("the file is not wanted");
        }
        let mut open = self.inner.open.lock();
        if let Some(file) = open.get(&index) {
            return Ok((meta, file.clone()));
        }
        let file = if create {
            self.inner.staging.open(meta)?
        } else {
            OpenOptions::new().read(true).write(true).open(self.inner.staging.part(meta))?
        };
        if open.len() >= OPEN_FILES {
            open.clear();
        }
        let file = Arc::new(file);
        open.insert(index, file.clone());
        Ok((meta, file))
    }

    fn piece(&self, meta: &MetaFile, offset: u64) -> u64 {
        (meta.v1_offset + offset) / self.inner.metainfo.piece_length
    }
}

impl TorrentStorage for StagedFiles {
    fn init(&mut self, _shared: &ManagedTorrentShared, _metadata: &TorrentMetadata) -> anyhow::Result<()> {
        Ok(())
    }

    fn pread_exact(&self, file_id: usize, offset: u64, buf: &mut [u8]) -> anyhow::Result<()> {
        // Reads and writes of nothing come for files that only border on a piece.
        if buf.is_empty() {
            return Ok(());
        }
        let (meta, file) = self.file(file_id, false)?;
        file.read_exact_at(buf, offset)?;
        if let Some(read_back) = self.inner.in_the_making.lock().get_mut(&self.piece(meta, offset)) {
            *read_back = Some(Instant::now());
        }
        Ok(())
    }

    fn pwrite_all(&self, file_id: usize, offset: u64, buf: &[u8]) -> anyhow::Result<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let (meta, file) = self.file(file_id, true)?;
        self.inner.in_the_making.lock().insert(self.piece(meta, offset), None);
        file.write_all_at(buf, offset)?;
        Ok(())
    }

    fn on_piece_completed(&self, piece_index: ValidPieceIndex) -> anyhow::Result<()> {
        self.inner.in_the_making.lock().remove(&u64::from(piece_index.get()));
        Ok(())
    }

    fn ensure_file_length(&self, _file_id: usize, _length: u64) -> anyhow::Result<()> {
        Ok(()) // A file has its full length from its first byte on.
    }

    fn remove_file(&self, _file_id: usize, _filename: &Path) -> anyhow::Result<()> {
        Ok(()) // What has arrived is kept.
    }

    fn remove_directory_if_empty(&self, _path: &Path) -> anyhow::Result<()> {
        Ok(())
    }

    fn take(&self) -> anyhow::Result<Box<dyn TorrentStorage>> {
        Ok(Box::new(self.clone()))
    }
}

impl StorageFactory for StagedFiles {
    type Storage = Self;

    fn create(&self, _shared: &ManagedTorrentShared, _metadata: &TorrentMetadata) -> anyhow::Result<Self> {
        Ok(self.clone())
    }

    fn clone_box(&self) -> BoxStorageFactory {
        self.clone().boxed()
    }
}
