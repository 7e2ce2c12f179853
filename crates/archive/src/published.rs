//! What the archive gives to anyone: its feed, its torrents, and which blob answers for which path.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use fonoteca_model::BlobId;
use fonoteca_model::rights::{Use, Verdict};
use fonoteca_swarm::BlobSource;
use fonoteca_torrent::feed::{Feed, Role};
use fonoteca_torrent::{Kind, Metainfo};
use futures::TryStreamExt;

use crate::archive::{Archive, rights_versions};
use crate::error::ArchiveError;
use crate::feed;
use crate::release::{Manifest, ManifestTorrent, ManifestVariant, read_torrent};

/// Everything given out now.
#[derive(Debug, Default)]
pub struct Published {
    /// The archive's own feed.
    pub feed: Option<SignedFeed>,
    /// Torrents by name: those of the feed, and those mirrored from others.
    pub torrents: BTreeMap<String, Arc<PublishedTorrent>>,
    /// What the above was read from; the same stamp, the same content.
    stamp: Stamp,
    /// Which of the blobs may be given out.
    allowed: HashMap<BlobId, bool>,
}

/// A feed with its signature, as they are on disk.
#[derive(Debug, Clone)]
pub struct SignedFeed {
    /// `feed.json`.
    pub bytes: Bytes,
    /// `feed.json.minisig`.
    pub signature: String,
    /// All that it lists.
    pub listed: Arc<Feed>,
}

/// A torrent that is given out.
#[derive(Debug)]
pub struct PublishedTorrent {
    /// The release that it belongs to.
    pub release: String,
    /// Its name.
    pub name: String,
    /// Its `.torrent` files.
    pub variants: Vec<PublishedVariant>,
    /// Its real files, by path with `/` between the components.
    pub files: HashMap<String, PublishedFile>,
    /// All of them are here; a mirror may have some only, which its web seed gives.
    pub whole: bool,
}

/// One `.torrent` file.
#[derive(Debug)]
pub struct PublishedVariant {
    /// Hybrid, or v1 only.
    pub kind: Kind,
    /// Its name in the release's folder.
    pub file_name: String,
    /// What it says.
    pub metainfo: Arc<Metainfo>,
}

/// A file of a torrent.
#[derive(Debug, Clone, Copy)]
pub struct PublishedFile {
    /// The blob.
    pub root: BlobId,
    /// Bytes.
    pub size: u64,
    /// The rules allow giving it to anyone.
    pub may_distribute: bool,
    /// Its rights holder had it withdrawn.
    pub withdrawn: bool,
}

/// What tells whether anything changed: the feed's and the releases' folders, and the rights.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Stamp {
    feed: Option<SystemTime>,
    releases: Option<SystemTime>,
    tables: Vec<i64>,
}

/// The marker in the folder of a release that was mirrored: it is given out without a feed of one's own.
pub(crate) const MIRRORED: &str = "mirrored.json";

impl Published {
    /// Whether `file` is one of those that the folder of a release given out has.
    fn has_release_file(&self, release: &str, file: &str) -> bool {
        let of_release: Vec<&Arc<PublishedTorrent>> =
            self.torrents.values().filter(|torrent| torrent.release == release).collect();
        let documents = [Manifest::FILE, Manifest::SIGNATURE, Manifest::CHECKSUMS];
        let torrents = of_release.iter().flat_map(|torrent| &torrent.variants);
        !of_release.is_empty()
            && (documents.contains(&file) || torrents.into_iter().any(|variant| variant.file_name == file))
    }
}

impl Archive {
    /// What is given out now. Cheap when nothing changed since the last call.
    pub async fn published(&self) -> Result<Arc<Published>, ArchiveError> {
        let stamp = self.stamp().await?;
        let mut cell = self.published_cell().lock().await;
        if let Some(published) = cell.as_ref().filter(|published| published.stamp == stamp) {
            return Ok(published.clone());
        }
        let published = Arc::new(self.read_published(stamp).await?);
        *cell = Some(published.clone());
        Ok(published)
    }

    async fn stamp(&self) -> Result<Stamp, ArchiveError> {
        let modified = |path: PathBuf| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let snapshot = self.snapshot().await?;
        Ok(Stamp {
            feed: modified(self.releases_path().join(feed::FEED)),
            releases: modified(self.releases_path()),
            tables: rights_versions(&snapshot),
        })
    }

    async fn read_published(&self, stamp: Stamp) -> Result<Published, ArchiveError> {
        let mut published = Published { stamp, ..Published::default() };
        let mut in_feed = std::collections::HashSet::new();
        if let Some(own) = feed::Own::read(self)? {
            let listed = Arc::new(own.feed(self)?);
            in_feed = listed.torrents.iter().map(|torrent| (torrent.release.clone(), torrent.name.clone())).collect();
            published.feed = Some(SignedFeed { bytes: own.bytes.into(), signature: own.signature, listed });
        }
        let mut given = Vec::new();
        for manifest in crate::release::manifests(self)? {
            let mirrored = crate::mirror::held_torrents(self, &manifest.release).unwrap_or_default();
            let in_part = crate::mirror::torrents_in_part(self, &manifest.release);
            for torrent in &manifest.torrents {
                let whole = !in_part.contains(&torrent.name);
                if mirrored.contains(&torrent.name)
                    || !whole
                    || in_feed.contains(&(manifest.release.clone(), torrent.name.clone()))
                {
                    let variants = torrent.variants.iter().map(|variant| published_variant(self, &manifest, variant));
                    given.push((
                        manifest.release.clone(),
                        torrent.role,
                        whole,
                        variants.collect::<Result<Vec<_>, _>>()?,
                    ));
                }
            }
        }
        let hybrids = given.iter().filter(|(_, role, ..)| *role == Role::Audio).flat_map(|(.., variants)| variants);
        let hybrids = hybrids.filter(|variant| variant.kind == Kind::Hybrid);
        let roots: Vec<BlobId> = hybrids.flat_map(|variant| audio_roots(&variant.metainfo)).collect();
        let verdicts = self.verdicts(&roots).await?;
        for (release, _, whole, variants) in given {
            let torrent = published_torrent(release, variants, whole, &verdicts);
            for file in torrent.files.values() {
                published.allowed.insert(file.root, file.may_distribute);
            }
            published.torrents.insert(torrent.name.clone(), Arc::new(torrent));
        }
        self.parsed_torrents().lock().retain(|_, torrent| torrent.strong_count() > 0);
        Ok(published)
    }

    /// A file of a published release's folder, by the names that a release has.
    pub async fn open_release_file(&self, release: &str, file: &str) -> Result<Option<Bytes>, ArchiveError> {
        if !self.published().await?.has_release_file(release, file) {
            return Ok(None);
        }
        let path = self.releases_path().join(release).join(file);
        tokio::fs::read(&path).await.map(|bytes| Some(bytes.into())).map_err(ArchiveError::io(path, "cannot be read"))
    }

    /// Where a seeder reads: only what is published, and only while the rules allow it.
    pub fn blob_source(&self) -> Arc<dyn BlobSource> {
        Arc::new(PublishedBlobs { archive: self.clone() })
    }
}

fn published_variant(
    archive: &Archive,
    manifest: &Manifest,
    variant: &ManifestVariant,
) -> Result<PublishedVariant, ArchiveError> {
    let metainfo = parsed(archive, manifest, variant)?;
    Ok(PublishedVariant { kind: variant.kind, file_name: variant.path.clone(), metainfo })
}

/// A torrent of a release, parsed at most once while anybody holds it: what is published is read again whenever a right
/// changes, and a release never changes.
fn parsed(archive: &Archive, manifest: &Manifest, variant: &ManifestVariant) -> Result<Arc<Metainfo>, ArchiveError> {
    let known = archive.parsed_torrents().lock().get(&variant.torrent_sha256).and_then(Weak::upgrade);
    if let Some(known) = known {
        return Ok(known);
    }
    let metainfo = Arc::new(read_torrent(archive, &manifest.release, &variant.path)?);
    archive.parsed_torrents().lock().insert(variant.torrent_sha256, Arc::downgrade(&metainfo));
    Ok(metainfo)
}

fn published_torrent(
    release: String,
    variants: Vec<PublishedVariant>,
    whole: bool,
    verdicts: &HashMap<BlobId, Verdict>,
) -> PublishedTorrent {
    let files = variants
        .iter()
        .flat_map(|variant| variant.metainfo.real_files())
        .filter_map(|(_, file)| {
            let root = file.root?;
            // Only audio has a verdict of its own; what goes with it, goes with it.
            let verdict = verdicts.get(&root);
            let given = PublishedFile {
                root,
                size: file.size,
                may_distribute: verdict.is_none_or(|verdict| verdict.allows(Use::Distribute)),
                withdrawn: verdict.is_some_and(|verdict| verdict.withdrawn),
            };
            Some((file.path.join("/"), given))
        })
        .collect();
    let name = variants.first().map(|variant| variant.metainfo.name.clone()).unwrap_or_default();
    PublishedTorrent { release, name, variants, files, whole }
}

/// The audio of a hybrid: it lies two deep, by the first byte of its root; covers lie three deep, and the rest on top.
fn audio_roots(hybrid: &Metainfo) -> Vec<BlobId> {
    let audio = hybrid.real_files().filter(|(_, file)| file.path.len() == 2);
    audio.filter_map(|(_, file)| file.root).collect()
}

/// The audio of one torrent of a release.
pub(crate) fn audio_of(
    archive: &Archive,
    manifest: &Manifest,
    torrent: &ManifestTorrent,
) -> Result<Vec<BlobId>, ArchiveError> {
    let hybrid = torrent.variants.iter().find(|variant| variant.kind == Kind::Hybrid);
    match hybrid.filter(|_| torrent.role == Role::Audio) {
        Some(hybrid) => Ok(audio_roots(&*parsed(archive, manifest, hybrid)?)),
        None => Ok(Vec::new()),
    }
}

struct PublishedBlobs {
    archive: Archive,
}

#[async_trait]
impl BlobSource for PublishedBlobs {
    async fn read(&self, root: BlobId, range: Range<u64>) -> io::Result<Bytes> {
        let published = self.archive.published_cell().lock().await.clone();
        let allowed = published.is_some_and(|published| published.allowed.get(&root).copied().unwrap_or(false));
        if !allowed {
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
}
