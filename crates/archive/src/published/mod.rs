//! What the archive gives to anyone: its feed, its torrents, and which blobs are in them.
//!
//! A large archive publishes tens of thousands of torrent files, so none stays parsed in memory: here are their names,
//! info-hashes and roots; [`open`] reads one again when somebody asks for what is in it.

mod open;
mod roots;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use fonoteca_model::rights::Use;
use fonoteca_model::{BlobId, Sha1Hash, Sha256Hash};
use fonoteca_swarm::Offer;
use fonoteca_torrent::Kind;
use fonoteca_torrent::feed::{Feed, Role};
use percent_encoding::percent_decode_str;

use crate::archive::{Archive, rights_versions};
use crate::error::ArchiveError;
use crate::feed;
use crate::release::{Manifest, ManifestVariant};

pub(crate) use open::Shelf;
pub use open::{Contents, Located};
pub(crate) use roots::{KnownRoots, audio_of, lies_as_audio};
use roots::{TorrentRoots, roots_of};

/// Roots whose verdicts are asked for at once.
const ROOTS_AT_ONCE: usize = 4096;

/// Everything given out now.
#[derive(Debug, Default)]
pub struct Published {
    /// The archive's own feed.
    pub feed: Option<SignedFeed>,
    /// Torrents by name: those of the feed, and those mirrored from others.
    pub torrents: BTreeMap<String, Arc<PublishedTorrent>>,
    /// What the above was read from; the same stamp, the same content.
    stamp: Stamp,
    /// What may be done with each of the blobs.
    given: HashMap<BlobId, Given>,
    /// By [`Offer::key`]: the torrent's name, and which of its variants.
    by_key: HashMap<Sha1Hash, (String, usize)>,
}

/// Whether a blob that is in a torrent may be given to anyone.
#[derive(Debug, Clone, Copy)]
struct Given {
    may_distribute: bool,
    withdrawn: bool,
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
    /// Whether all that is in it may be given to anyone.
    pub may_distribute: bool,
    /// Whether all of it is here; a mirror may have some files only, which its web seed gives.
    pub whole: bool,
    roots: Arc<TorrentRoots>,
}

impl PublishedTorrent {
    /// The blobs that are in it.
    pub fn roots(&self) -> &[BlobId] {
        self.roots.all()
    }
}

/// One `.torrent` file.
#[derive(Debug, Clone)]
pub struct PublishedVariant {
    /// Hybrid, or v1 only.
    pub kind: Kind,
    /// Its name in the release's folder.
    pub file_name: String,
    /// Its info-hashes.
    pub offer: Offer,
    /// Its trackers.
    pub trackers: Vec<String>,
    torrent_sha256: Sha256Hash,
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
        let mut in_feed = HashSet::new();
        if let Some(own) = feed::Own::read(self)? {
            let listed = Arc::new(own.feed(self)?);
            in_feed = listed.torrents.iter().map(|torrent| (torrent.release.clone(), torrent.name.clone())).collect();
            published.feed = Some(SignedFeed { bytes: own.bytes.into(), signature: own.signature, listed });
        }
        let (mut torrents, mut whole) = (Vec::new(), Vec::new());
        for manifest in crate::release::manifests(self)? {
            let mirrored = crate::mirror::held_torrents(self, &manifest.release).unwrap_or_default();
            let in_part = crate::mirror::torrents_in_part(self, &manifest.release);
            let release = &manifest.release;
            for torrent in &manifest.torrents {
                let is_whole = !in_part.contains(&torrent.name);
                if mirrored.contains(&torrent.name)
                    || !is_whole
                    || in_feed.contains(&(release.clone(), torrent.name.clone()))
                {
                    torrents.push((release.clone(), torrent.clone()));
                    whole.push(is_whole);
                }
            }
        }
        let roots = roots_of(self, &torrents).await?;
        published.given =
            self.given(&torrents.iter().map(|(_, torrent)| torrent.role).zip(&roots).collect::<Vec<_>>()).await?;
        for (((release, torrent), whole), roots) in torrents.into_iter().zip(whole).zip(roots) {
            let variants: Vec<PublishedVariant> = torrent.variants.into_iter().filter_map(published_variant).collect();
            for (index, variant) in variants.iter().enumerate() {
                published.by_key.insert(variant.offer.key(), (torrent.name.clone(), index));
            }
            // What is in no hybrid is not known, and so not given.
            let may_distribute =
                !roots.all().is_empty() && roots.all().iter().all(|root| published.given[root].may_distribute);
            let torrent = PublishedTorrent { release, name: torrent.name, variants, may_distribute, whole, roots };
            published.torrents.insert(torrent.name.clone(), Arc::new(torrent));
        }
        Ok(published)
    }

    /// What may be done with each of the blobs: only audio has a verdict of its own; what goes with it, goes with it.
    async fn given(&self, torrents: &[(Role, &Arc<TorrentRoots>)]) -> Result<HashMap<BlobId, Given>, ArchiveError> {
        let mut given = HashMap::new();
        let mut audio: Vec<BlobId> = Vec::new();
        for (role, roots) in torrents {
            if *role == Role::Audio {
                audio.extend_from_slice(roots.audio());
            }
            given.extend(roots.all().iter().map(|root| (*root, Given { may_distribute: true, withdrawn: false })));
        }
        audio.sort_unstable();
        audio.dedup();
        for some in audio.chunks(ROOTS_AT_ONCE) {
            for (root, verdict) in self.verdicts(some).await? {
                let may_distribute = verdict.allows(Use::Distribute);
                given.insert(root, Given { may_distribute, withdrawn: verdict.withdrawn });
            }
        }
        Ok(given)
    }

    /// A file of a published release's folder, by the names that a release has.
    pub async fn open_release_file(&self, release: &str, file: &str) -> Result<Option<Bytes>, ArchiveError> {
        if !self.published().await?.has_release_file(release, file) {
            return Ok(None);
        }
        let path = self.releases_path().join(release).join(file);
        tokio::fs::read(&path).await.map(|bytes| Some(bytes.into())).map_err(ArchiveError::io(path, "cannot be read"))
    }
}

fn published_variant(variant: ManifestVariant) -> Option<PublishedVariant> {
    let offer = Offer::new(Some(variant.infohash_v1), variant.infohash_v2)?;
    let trackers = trackers(&variant.magnet);
    let ManifestVariant { kind, path: file_name, torrent_sha256, .. } = variant;
    Some(PublishedVariant { kind, file_name, offer, trackers, torrent_sha256 })
}

/// The trackers of a magnet link, which are those of the torrent's file.
fn trackers(magnet: &str) -> Vec<String> {
    let urls = magnet.split(['?', '&']).filter_map(|parameter| parameter.strip_prefix("tr="));
    urls.map(|url| percent_decode_str(url).decode_utf8_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_magnet_link_names_its_trackers() {
        let magnet =
            "magnet:?xt=urn:btih:00&dn=tr%3Dno&tr=http%3A%2F%2Fa.org%2Fannounce&tr=udp%3A%2F%2Fb.org%3A1&ws=tr";
        assert_eq!(trackers(magnet), ["http://a.org/announce", "udp://b.org:1"]);
        assert!(trackers("").is_empty());
    }
}
