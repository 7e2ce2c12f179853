//! What is in a published torrent, read when somebody asks for it: which blob lies at which path, and what a seeder needs.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use fonoteca_model::{BlobId, Sha1Hash, Sha256Hash};
use fonoteca_swarm::{SeedSource, SeedTorrent};
use fonoteca_torrent::{Kind, Metainfo};
use futures::TryStreamExt;
use lru::LruCache;
use parking_lot::Mutex;

use super::{Published, PublishedFile, PublishedTorrent, PublishedVariant};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::release::read_torrent;

/// Files of opened torrents that are kept, some 200 bytes each.
const KEPT_FILES: usize = 200_000;

/// What lies at a path of a torrent.
#[derive(Debug, Clone, Copy)]
pub enum Located {
    /// A file.
    File(PublishedFile),
    /// Padding: so many zeros that nobody stores.
    Padding(u64),
}

/// What lies where in a torrent, by path with `/` between the components.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    files: HashMap<String, (BlobId, u64)>,
    padding: HashMap<String, u64>,
}

impl Paths {
    fn of(hybrid: &Metainfo) -> Self {
        let mut paths = Self::default();
        for file in &hybrid.files {
            if file.pad {
                paths.padding.insert(file.path.join("/"), file.size);
            } else if let Some(root) = file.root {
                paths.files.insert(file.path.join("/"), (root, file.size));
            }
        }
        paths
    }

    fn len(&self) -> usize {
        self.files.len() + self.padding.len()
    }
}

/// The torrents that were asked for lately, by the SHA-256 of their hybrids' files.
pub(crate) struct Shelf {
    opened: LruCache<Sha256Hash, Arc<Paths>>,
    files: usize,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { opened: LruCache::unbounded(), files: 0 }
    }
}

impl Shelf {
    fn put(&mut self, key: Sha256Hash, paths: &Arc<Paths>) {
        self.files += paths.len();
        if let Some((_, before)) = self.opened.push(key, Arc::clone(paths)) {
            self.files -= before.len();
        }
        while self.files > KEPT_FILES
            && let Some((_, oldest)) = self.opened.pop_lru()
        {
            self.files -= oldest.len();
        }
    }
}

impl Archive {
    /// What lies at `path` of a torrent that is given out; `None` where there is nothing.
    pub async fn locate(
        &self,
        published: &Published,
        torrent: &PublishedTorrent,
        path: &str,
    ) -> Result<Option<Located>, ArchiveError> {
        let paths = self.paths(torrent).await?;
        if let Some((root, size)) = paths.files.get(path).copied() {
            let given = published.given.get(&root);
            return Ok(given.map(|given| {
                let (may_distribute, withdrawn) = (given.may_distribute, given.withdrawn);
                Located::File(PublishedFile { root, size, may_distribute, withdrawn })
            }));
        }
        Ok(paths.padding.get(path).copied().map(Located::Padding))
    }

    /// Both variants have the same files and padding; the hybrid tells the roots.
    async fn paths(&self, torrent: &PublishedTorrent) -> Result<Arc<Paths>, ArchiveError> {
        let Some(hybrid) = torrent.variants.iter().find(|variant| variant.kind == Kind::Hybrid) else {
            return Ok(Arc::default());
        };
        let key = hybrid.torrent_sha256;
        let known = self.opened_torrents().lock().opened.get(&key).cloned();
        if let Some(paths) = known {
            return Ok(paths);
        }
        let (archive, release, file) = (self.clone(), torrent.release.clone(), hybrid.file_name.clone());
        let read = tokio::task::spawn_blocking(move || read_torrent(&archive, &release, &file));
        let hybrid = read.await.map_err(|error| ArchiveError::Bug(error.to_string()))??;
        let paths = Arc::new(Paths::of(&hybrid));
        self.opened_torrents().lock().put(key, &paths);
        Ok(paths)
    }

    /// Where a seeder reads: only what is published, and only while the rules allow it.
    pub fn seed_source(&self) -> Arc<dyn SeedSource> {
        Arc::new(PublishedBlobs { archive: self.clone() })
    }
}

/// A v1 twin does not tell its files' roots; the hybrid of the same files does.
fn seed_torrent(archive: &Archive, torrent: &PublishedTorrent, index: usize) -> Result<SeedTorrent, ArchiveError> {
    let read = |variant: &PublishedVariant| read_torrent(archive, &torrent.release, &variant.file_name);
    let wanted = read(&torrent.variants[index])?;
    let hybrid = torrent.variants.iter().enumerate().find(|(at, variant)| *at != index && variant.kind == Kind::Hybrid);
    let hybrid = hybrid.filter(|_| wanted.info_hash_v2.is_none()).map(|(_, variant)| read(variant)).transpose()?;
    let roots: HashMap<&[String], BlobId> = hybrid
        .iter()
        .flat_map(Metainfo::real_files)
        .filter_map(|(_, file)| Some((file.path.as_slice(), file.root?)))
        .collect();
    Ok(SeedTorrent::with_roots(&wanted, |_, file| roots.get(file.path.as_slice()).copied())?)
}

struct PublishedBlobs {
    archive: Archive,
}

impl PublishedBlobs {
    async fn published(&self) -> Option<Arc<Published>> {
        self.archive.published_cell().lock().await.clone()
    }
}

#[async_trait]
impl SeedSource for PublishedBlobs {
    async fn read(&self, root: BlobId, range: Range<u64>) -> io::Result<Bytes> {
        let published = self.published().await;
        let allowed = published.and_then(|published| published.given.get(&root).map(|given| given.may_distribute));
        if allowed != Some(true) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{root} is not given out")));
        }
        let stream = self.archive.store().read(root, range).await.map_err(io::Error::other)?;
        let parts: Vec<Bytes> = stream.try_collect().await.map_err(io::Error::other)?;
        match <[Bytes; 1]>::try_from(parts) {
            Ok([one]) => Ok(one),
            Err(parts) => Ok(parts
                .into_iter()
                .fold(BytesMut::new(), |mut all, part| {
                    all.extend_from_slice(&part);
                    all
                })
                .freeze()),
        }
    }

    async fn open(&self, key: Sha1Hash) -> io::Result<Option<SeedTorrent>> {
        let Some(published) = self.published().await else {
            return Ok(None);
        };
        let Some((name, index)) = published.by_key.get(&key).cloned() else {
            return Ok(None);
        };
        let Some(torrent) = published.torrents.get(&name).filter(|torrent| torrent.may_distribute).cloned() else {
            return Ok(None);
        };
        let archive = self.archive.clone();
        let read = tokio::task::spawn_blocking(move || seed_torrent(&archive, &torrent, index)).await;
        read.map_err(io::Error::other)?.map(Some).map_err(io::Error::other)
    }
}
