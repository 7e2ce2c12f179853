//! What there is to choose from: every torrent that the feed lists, cut into units, with what is here of each and what others
//! have; and what is here of torrents that the feed lists no more.

use std::collections::{BTreeSet, HashSet};

use fonoteca_model::{BlobId, Sha1Hash, Sha256Hash};
use fonoteca_torrent::feed::{Feed, FeedTorrent, Role};
use fonoteca_torrent::{Kind, Limits, Metainfo};
use sha2::{Digest, Sha256};

use super::Mirror;
use super::choose::{ALL_PARTS, PARTS, Unit, part_of, parts_of_unit, place, units_of};
use super::held::{Marker, of_mirror};
use super::only::matching;
use super::others::Others;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::published::lies_as_audio;
use crate::release::{Manifest, Parts};

/// A file of a torrent, as far as plans need it.
#[derive(Debug, Clone, Copy)]
struct FileOf {
    root: BlobId,
    size: u64,
    /// Audio; all else comes along with any of it.
    is_audio: bool,
}

/// A torrent, and what is known of it.
pub(super) struct OfTorrent<'a> {
    /// Its index in the feed; none: it is not listed any more.
    pub listed: Option<usize>,
    /// Another that is listed replaces it, and has all of it that is still wanted.
    pub replaced: bool,
    pub release: String,
    pub name: String,
    pub bytes: u64,
    pub popularity: Option<[u64; 2]>,
    pub is_metadata: bool,
    /// Bytes of what comes along with any part of it, and those of them that are here.
    pub overhead: u64,
    pub overhead_here: u64,
    /// Which audio is meant cannot be told yet.
    pub matches_unknown: bool,
    /// It is cut into this many units.
    cut: u32,
    files: Option<Vec<FileOf>>,
    /// Only this audio is meant.
    only: Option<HashSet<BlobId>>,
    whole: bool,
    here: BTreeSet<BlobId>,
    feed: Option<&'a FeedTorrent>,
}

impl OfTorrent<'_> {
    /// Whether nothing of it is to be fetched any more.
    pub fn is_gone(&self) -> bool {
        self.listed.is_none() || self.replaced
    }

    /// Whether its files are not known although plans need them.
    pub fn is_unknown(&self) -> bool {
        self.files.is_none() && (self.cut > 1 || self.matches_unknown)
    }

    /// The files of these parts, with what comes along; none: all of the torrent.
    pub fn files_of(&self, parts: u64) -> Option<HashSet<BlobId>> {
        if parts == ALL_PARTS && self.only.is_none() {
            return None;
        }
        let files = self.files.iter().flatten();
        Some(files.filter(|file| !file.is_audio || self.is_meant(file, parts)).map(|file| file.root).collect())
    }

    /// The parts of which no audio is lacking, when anything is here at all.
    pub fn parts_here(&self) -> u64 {
        if self.whole {
            return ALL_PARTS;
        }
        let Some(files) = self.files.as_ref().filter(|_| !self.here.is_empty()) else { return 0 };
        let lacking = files.iter().filter(|file| file.is_audio && !self.here.contains(&file.root));
        lacking.fold(ALL_PARTS, |parts, file| parts & !(1 << part_of(file.root)))
    }

    fn is_meant(&self, file: &FileOf, parts: u64) -> bool {
        file.is_audio
            && parts & (1 << part_of(file.root)) != 0
            && self.only.as_ref().is_none_or(|only| only.contains(&file.root))
    }

    fn is_here(&self, file: &FileOf) -> bool {
        self.whole || self.here.contains(&file.root)
    }

    /// Bytes of the audio that is meant in some parts, and those of them that are here.
    fn bytes_of(&self, parts: u64) -> (u64, u64) {
        let Some(files) = &self.files else {
            let bytes = self.bytes / u64::from(PARTS) * u64::from(parts.count_ones());
            let bytes = if parts == ALL_PARTS { self.bytes } else { bytes };
            return (bytes, if self.whole { bytes } else { 0 });
        };
        let meant = || files.iter().filter(|file| self.is_meant(file, parts));
        (meant().map(|file| file.size).sum(), meant().filter(|file| self.is_here(file)).map(|file| file.size).sum())
    }
}

/// All of it.
pub(super) struct Survey<'a> {
    /// In the order of plans: metadata, then the most popular first; what is listed no more is last.
    pub torrents: Vec<OfTorrent<'a>>,
    /// Their units, torrent by torrent.
    pub units: Vec<Unit>,
}

impl<'a> Survey<'a> {
    /// Looks at everything that is on this machine.
    pub async fn take(
        archive: &Archive,
        mirror: &Mirror,
        feed: &'a Feed,
        others: &Others,
        budget: Option<u64>,
    ) -> Result<Self, ArchiveError> {
        let markers = of_mirror(archive, mirror)?;
        let replaced: HashSet<Sha256Hash> =
            feed.torrents.iter().flat_map(|torrent| &torrent.supersedes).copied().collect();
        let is_replaced = |torrent: &FeedTorrent| {
            torrent.variants.iter().filter_map(|variant| variant.infohash_v2).any(|hash| replaced.contains(&hash))
        };
        let wanted = feed.torrents.iter().filter(|torrent| !is_replaced(torrent));
        let all_bytes: u64 = wanted.map(|torrent| torrent.bytes).sum();
        // What fits whole is not cut.
        let budget = budget.filter(|budget| *budget < all_bytes);
        let mut order: Vec<usize> = (0..feed.torrents.len()).collect();
        order.sort_by_key(|index| {
            let torrent = &feed.torrents[*index];
            let popularity = torrent.popularity.map_or(0, |[high, _]| high);
            (torrent.role != Role::Metadata, std::cmp::Reverse(popularity), &torrent.name)
        });
        let mut survey = Self { torrents: Vec::new(), units: Vec::new() };
        for index in order {
            let listed = &feed.torrents[index];
            let (marker, replaced) = (markers.get(&listed.release), is_replaced(listed));
            let mut torrent = of_listed(archive, mirror, (index, listed), replaced, marker, budget).await?;
            if replaced {
                torrent.only_what_is_here();
            }
            survey.add(torrent, mirror, others);
        }
        let names: HashSet<(&str, &str)> =
            feed.torrents.iter().map(|torrent| (torrent.release.as_str(), torrent.name.as_str())).collect();
        for (release, marker) in &markers {
            let here = marker.torrents.iter().chain(marker.files.keys());
            for name in here.filter(|name| !names.contains(&(release.as_str(), name.as_str()))) {
                if let Some(torrent) = of_gone(archive, release, name, marker) {
                    survey.add(torrent, mirror, others);
                }
            }
        }
        Ok(survey)
    }

    fn add(&mut self, torrent: OfTorrent<'a>, mirror: &Mirror, others: &Others) {
        let index = self.torrents.len();
        let is_gone = torrent.is_gone();
        for unit in 0..if torrent.matches_unknown { 0 } else { torrent.cut } {
            let parts = parts_of_unit(unit, torrent.cut);
            let (bytes, here) = torrent.bytes_of(parts);
            if bytes == 0 && torrent.cut > 1 {
                continue;
            }
            let standing = torrent.feed.map(|feed| others.standing(feed, parts, here > 0)).unwrap_or_default();
            let name = torrent.feed.and_then(|feed| feed.variants.first()).map(|variant| variant.infohash_v1);
            let name = name.unwrap_or(Sha1Hash([0; 20]));
            self.units.push(Unit {
                torrent: index,
                parts,
                bytes,
                here,
                must: torrent.is_metadata && !is_gone,
                gone: is_gone,
                popularity: torrent.popularity.map_or(0, |[high, _]| high.min(100)),
                spread: place(&[mirror.id().as_bytes(), name.as_bytes(), &parts.trailing_zeros().to_le_bytes()]),
                seeders: torrent.feed.and_then(|feed| feed.seeders).map_or(0, |seeders| seeders.count),
                copies: standing.copies,
                claims: standing.claims,
                ahead: standing.ahead,
            });
        }
        self.torrents.push(torrent);
    }
}

async fn of_listed<'a>(
    archive: &Archive,
    mirror: &Mirror,
    (index, listed): (usize, &'a FeedTorrent),
    replaced: bool,
    marker: Option<&Marker>,
    budget: Option<u64>,
) -> Result<OfTorrent<'a>, ArchiveError> {
    let is_metadata = listed.role == Role::Metadata;
    let whole = marker.is_some_and(|marker| marker.torrents.contains(&listed.name));
    let here = marker.and_then(|marker| marker.files.get(&listed.name)).cloned().unwrap_or_default();
    let cut = if is_metadata { 1 } else { units_of(listed.bytes, budget) };
    let filtered = !mirror.rules.only.is_empty() && !is_metadata && !replaced;
    let hybrid = listed.variants.iter().find(|variant| variant.kind == Kind::Hybrid);
    let files = match hybrid.filter(|_| cut > 1 || filtered || !here.is_empty()) {
        Some(variant) => {
            let file = variant.path.rsplit('/').next().unwrap_or_default();
            files_of(archive, &listed.release, file, variant.torrent_sha256)
        }
        None => None,
    };
    let only = if filtered && files.is_some() { meant(archive, mirror, listed).await? } else { None };
    let mut torrent = OfTorrent {
        listed: Some(index),
        replaced,
        release: listed.release.clone(),
        name: listed.name.clone(),
        bytes: listed.bytes,
        popularity: listed.popularity,
        is_metadata,
        overhead: 0,
        overhead_here: 0,
        matches_unknown: filtered && only.is_none(),
        cut,
        files,
        only,
        whole,
        here,
        feed: Some(listed),
    };
    torrent.count_overhead();
    Ok(torrent)
}

impl OfTorrent<'_> {
    /// Leaves out what is not here, of a torrent of which nothing is to be fetched any more.
    fn only_what_is_here(&mut self) {
        if let Some(mut files) = self.files.take() {
            files.retain(|file| self.is_here(file));
            // Of metadata that nobody needs any more nothing comes along with anything.
            files.iter_mut().for_each(|file| file.is_audio |= self.is_metadata);
            self.files = Some(files);
        }
        self.is_metadata = false;
        self.count_overhead();
    }

    fn count_overhead(&mut self) {
        let along = || self.files.iter().flatten().filter(|file| !file.is_audio && !self.is_metadata);
        let (bytes, here) = (
            along().map(|file| file.size).sum(),
            along().filter(|file| self.is_here(file)).map(|file| file.size).sum(),
        );
        (self.overhead, self.overhead_here) = (bytes, here);
    }
}

/// A torrent of which something is here, and that the feed lists no more.
fn of_gone(archive: &Archive, release: &str, name: &str, marker: &Marker) -> Option<OfTorrent<'static>> {
    let manifest = Manifest::read(&archive.releases_path().join(release)).ok()?;
    let torrent = manifest.torrents.iter().find(|torrent| torrent.name == name)?;
    let hybrid = torrent.hybrid()?;
    let files = files_of(archive, release, &hybrid.path, hybrid.torrent_sha256)?;
    let mut gone = OfTorrent {
        listed: None,
        replaced: false,
        release: release.to_owned(),
        name: name.to_owned(),
        bytes: torrent.bytes,
        popularity: None,
        is_metadata: torrent.role == Role::Metadata,
        overhead: 0,
        overhead_here: 0,
        matches_unknown: false,
        cut: 1,
        files: Some(files),
        only: None,
        whole: marker.torrents.contains(name),
        here: marker.files.get(name).cloned().unwrap_or_default(),
        feed: None,
    };
    gone.only_what_is_here();
    Some(gone)
}

/// The files of a torrent that is on disk and is the one that is meant.
fn files_of(archive: &Archive, release: &str, file: &str, sha256: Sha256Hash) -> Option<Vec<FileOf>> {
    let bytes = std::fs::read(archive.releases_path().join(release).join(file)).ok()?;
    if Sha256::digest(&bytes)[..] != sha256.0 {
        return None;
    }
    let metainfo = Metainfo::parse(&bytes, &Limits::default()).ok()?;
    let mut seen = HashSet::new();
    let files = metainfo.real_files().filter_map(|(_, file)| {
        let root = file.root.filter(|root| seen.insert(*root))?;
        Some(FileOf { root, size: file.size, is_audio: lies_as_audio(file) })
    });
    Some(files.collect())
}

/// The audio of a torrent that the mirror's conditions hold for; none while the rows about it are not here.
async fn meant(
    archive: &Archive,
    mirror: &Mirror,
    listed: &FeedTorrent,
) -> Result<Option<HashSet<BlobId>>, ArchiveError> {
    let Ok(manifest) = Manifest::read(&archive.releases_path().join(&listed.release)) else { return Ok(None) };
    let Some(torrent) = manifest.torrents.iter().find(|torrent| torrent.name == listed.name) else { return Ok(None) };
    for root in torrent.rows.values() {
        if archive.store().size(*root).await?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(matching(&Parts::read(archive, torrent).await?, &mirror.rules.only)))
}
