//! What is in a published torrent, read when somebody asks for it: which blob lies at which path, and what a seeder needs.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use fonoteca_model::{BlobId, Sha1Hash, Sha256Hash};
use fonoteca_swarm::{SeedSource, SeedTorrent};
use fonoteca_torrent::{Kind, MetaFile, Metainfo};
use futures::TryStreamExt;
use lru::LruCache;

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

/// What lies where in a torrent that is given out, by path with `/` between the components.
#[derive(Debug)]
pub struct Contents<'a> {
    published: &'a Published,
    entries: Arc<Entries>,
}

impl Contents<'_> {
    /// What lies at a path; `None` where there is nothing.
    pub fn get(&self, path: &str) -> Option<Located> {
        self.entries.get(path).and_then(|entry| self.located(*entry))
    }

    /// All of it, in the order of the paths.
    pub fn all(&self) -> impl Iterator<Item = (&str, Located)> {
        self.entries.iter().filter_map(|(path, entry)| Some((path.as_str(), self.located(*entry)?)))
    }

    fn located(&self, entry: Entry) -> Option<Located> {
        match entry {
            Entry::Padding(size) => Some(Located::Padding(size)),
            Entry::File { root, size } => self.published.given.get(&root).map(|given| {
                let (may_distribute, withdrawn) = (given.may_distribute, given.withdrawn);
                Located::File(PublishedFile { root, size, may_distribute, withdrawn })
            }),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    File { root: BlobId, size: u64 },
    Padding(u64),
}

type Entries = BTreeMap<String, Entry>;

fn entries(hybrid: &Metainfo) -> Entries {
    let entry = |file: &MetaFile| match (file.pad, file.root) {
        (true, _) => Some(Entry::Padding(file.size)),
        (false, root) => root.map(|root| Entry::File { root, size: file.size }),
    };
    hybrid.files.iter().filter_map(|file| Some((file.path.join("/"), entry(file)?))).collect()
}

/// The torrents that were asked for lately, by the SHA-256 of their hybrids' files.
pub(crate) struct Shelf {
    opened: LruCache<Sha256Hash, Arc<Entries>>,
    files: usize,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { opened: LruCache::unbounded(), files: 0 }
    }
}

impl Shelf {
    fn put(&mut self, key: Sha256Hash, entries: &Arc<Entries>) {
        self.files += entries.len();
        if let Some((_, before)) = self.opened.push(key, Arc::clone(entries)) {
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
    /// What is in a torrent that is given out; read from disk where nobody asked lately.
    pub async fn contents<'a>(
        &self,
        published: &'a Published,
        torrent: &PublishedTorrent,
    ) -> Result<Contents<'a>, ArchiveError> {
        Ok(Contents { published, entries: self.entries(torrent).await? })
    }

    /// Both variants have the same files and padding; the hybrid tells the roots.
    async fn entries(&self, torrent: &PublishedTorrent) -> Result<Arc<Entries>, ArchiveError> {
        let Some(hybrid) = torrent.variants.iter().find(|variant| variant.kind == Kind::Hybrid) else {
            return Ok(Arc::default());
        };
        let key = hybrid.torrent_sha256;
        let known = self.opened_torrents().lock().opened.get(&key).cloned();
        if let Some(entries) = known {
            return Ok(entries);
        }
        let (archive, release, file) = (self.clone(), torrent.release.clone(), hybrid.file_name.clone());
        let read = tokio::task::spawn_blocking(move || read_torrent(&archive, &release, &file));
        let hybrid = read.await.map_err(|error| ArchiveError::Bug(error.to_string()))??;
        let entries = Arc::new(entries(&hybrid));
        self.opened_torrents().lock().put(key, &entries);
        Ok(entries)
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
        // A seeder says that it has everything.
        let given = |torrent: &&Arc<PublishedTorrent>| torrent.whole && torrent.may_distribute;
        let Some(torrent) = published.torrents.get(&name).filter(given).cloned() else {
            return Ok(None);
        };
        let archive = self.archive.clone();
        let read = tokio::task::spawn_blocking(move || seed_torrent(&archive, &torrent, index)).await;
        read.map_err(io::Error::other)?.map(Some).map_err(io::Error::other)
    }
}
