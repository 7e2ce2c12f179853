//! The catalogue of a release: the tables of all that is given out now, what changed since the release before, and all that
//! one needs to use them without this program.

use std::collections::BTreeMap;
use std::fs::File as DiskFile;
use std::path::{Path, PathBuf};

use fonoteca_catalog::{Blob, BlobKind, Release, Snapshot};
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::{BlobId, Sha1Hash, Sha256Hash};
use fonoteca_torrent::File;
use fonoteca_torrent::feed::Role;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use super::list::{Earlier, manifests, superseded};
use super::manifest::{Manifest, ManifestTorrent};
use super::package::{self, Package, Resource};
use super::parts::each_table;
use super::tables::{Counts, Places};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::ingest::blob_row;

/// Tables that are written at once; each holds some rows of up to 64 parts.
const TABLES_AT_ONCE: usize = 4;

/// What the catalogue's torrent holds.
pub(super) struct Catalogue {
    pub files: Vec<File>,
    pub blobs: Vec<Blob>,
    /// The full tables.
    pub rows: BTreeMap<String, BlobId>,
    /// The torrents of the catalogue that it replaces.
    pub supersedes: Vec<Sha256Hash>,
    /// Their v1 info-hashes.
    pub similar: Vec<Sha1Hash>,
}

/// What a release's torrent of the catalogue is called.
pub(super) fn name_of(release: &str) -> String {
    format!("{release}-catalogue")
}

/// The folder in which tables are made; gone with it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now, the next build of the same release removes before it begins.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes the catalogue of a release that will have these torrents besides.
pub(super) async fn write(
    archive: &Archive,
    snapshot: &Snapshot,
    earlier: &Earlier,
    release: &str,
    torrents: &[ManifestTorrent],
    progress: &dyn Progress,
) -> Result<Catalogue, ArchiveError> {
    let scratch = Scratch(archive.state_path().join(format!("release-{release}")));
    if scratch.0.exists() {
        std::fs::remove_dir_all(&scratch.0).map_err(ArchiveError::io(&scratch.0, "cannot be removed"))?;
    }
    let (full, delta) = (scratch.0.join("full"), scratch.0.join("delta"));
    std::fs::create_dir_all(&full).map_err(ArchiveError::io(&full, "cannot be made"))?;
    let before = in_order(archive, snapshot).await?;
    let mut replaced = superseded(&before);
    replaced.extend(torrents.iter().flat_map(|torrent| &torrent.supersedes).copied());
    let is_live = |torrent: &&ManifestTorrent| {
        let hash = torrent.variants.iter().find_map(|variant| variant.infohash_v2);
        // An earlier catalogue has rows as well: of things that may be gone by now.
        torrent.role == Role::Audio
            && earlier.is_live(&torrent.name)
            && !hash.is_some_and(|hash| replaced.contains(&hash))
    };
    let live: Vec<&ManifestTorrent> =
        before.iter().flat_map(|manifest| &manifest.torrents).filter(is_live).chain(torrents).collect();
    let previous = before.iter().rev().find_map(|manifest| {
        let name = name_of(&manifest.release);
        Some((&manifest.release, manifest.torrents.iter().find(|torrent| torrent.name == name)?))
    });
    if previous.is_some() {
        std::fs::create_dir_all(&delta).map_err(ArchiveError::io(&delta, "cannot be made"))?;
    }
    let places =
        Places { scratch: scratch.0.clone(), full: full.clone(), delta: previous.is_some().then(|| delta.clone()) };
    progress.stage("tables of all that is given out", None, Unit::Items);
    let mut columns = BTreeMap::new();
    let mut writing = Vec::new();
    each_table!(table, Row => {
        let mut parts = Vec::new();
        for torrent in &live {
            if let Some(root) = torrent.rows.get(table) {
                parts.push(locate(archive, *root).await?);
            }
        }
        let previous = match previous.and_then(|(_, torrent)| torrent.rows.get(table)) {
            Some(root) => Some(locate(archive, *root).await?),
            None => None,
        };
        columns.insert(table, package::columns::<Row>());
        let places = places.clone();
        writing.push(async move {
            if progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            let write = move || super::tables::write::<Row>(&places, parts, previous);
            let counts = tokio::task::spawn_blocking(write).await.map_err(|error| ArchiveError::Bug(error.to_string()))??;
            progress.advance(1);
            Ok((table, counts))
        }.boxed());
    });
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let counts: BTreeMap<&'static str, Counts> =
        stream::iter(writing).buffer_unordered(processors.min(TABLES_AT_ONCE)).try_collect().await?;
    let mut kept = Keeper { archive, files: Vec::new(), blobs: Vec::new(), resources: Vec::new() };
    let mut rows = BTreeMap::new();
    for (folder, of_delta) in [(&full, false), (&delta, true)] {
        for (&table, &of_table) in &counts {
            for ending in ["parquet", "jsonl.zst"] {
                let path = folder.join(format!("{table}.{ending}"));
                if !path.exists() {
                    continue;
                }
                let name = format!("{}/{table}.{ending}", if of_delta { "delta" } else { "full" });
                let root = kept.file(&name, &path, table, of_table).await?;
                if !of_delta && ending == "parquet" {
                    rows.insert(table.to_owned(), root);
                }
            }
        }
    }
    let package = Package {
        archive: archive.name(),
        release,
        previous: previous.map(|(release, _)| release.as_str()),
        counts: &counts,
        columns: &columns,
    };
    let resources = std::mem::take(&mut kept.resources);
    let mut sums: Vec<(String, String)> =
        resources.iter().map(|resource| (resource.path.clone(), resource.sha256.clone())).collect();
    for (name, mime, text) in package.documents(&resources) {
        sums.push((name.to_owned(), hex::encode(Sha256::digest(&text))));
        kept.text(name, mime, text.as_bytes()).await?;
    }
    sums.sort();
    let lines: Vec<String> = sums.iter().map(|(name, sha256)| format!("{sha256}  {name}")).collect();
    kept.text("SHA256SUMS", "text/plain", (lines.join("\n") + "\n").as_bytes()).await?;
    let variants = || previous.iter().flat_map(|(_, torrent)| &torrent.variants);
    Ok(Catalogue {
        files: kept.files,
        blobs: kept.blobs,
        rows,
        supersedes: variants().filter_map(|variant| variant.infohash_v2).collect(),
        similar: variants().map(|variant| variant.infohash_v1).collect(),
    })
}

/// The manifests of the archive's own releases, the oldest first.
async fn in_order(archive: &Archive, snapshot: &Snapshot) -> Result<Vec<Manifest>, ArchiveError> {
    let built: Vec<Release> = snapshot.rows("").await?;
    let mut at = BTreeMap::new();
    for row in built {
        let first = at.entry(row.name).or_insert(row.at);
        *first = row.at.min(*first);
    }
    let mut own: Vec<Manifest> = manifests(archive)?;
    own.retain(|manifest| crate::mirror::held_torrents(archive, &manifest.release).is_none());
    own.sort_by_key(|manifest| (at.get(&manifest.release).copied(), manifest.release.clone()));
    Ok(own)
}

async fn locate(archive: &Archive, root: BlobId) -> Result<PathBuf, ArchiveError> {
    archive.store().locate(root).await?.ok_or(ArchiveError::MissingBlob { root })
}

/// Puts files into the store, and remembers them.
struct Keeper<'a> {
    archive: &'a Archive,
    files: Vec<File>,
    blobs: Vec<Blob>,
    resources: Vec<Resource>,
}

impl Keeper<'_> {
    async fn file(
        &mut self,
        name: &str,
        path: &Path,
        table: &'static str,
        counts: Counts,
    ) -> Result<BlobId, ArchiveError> {
        let sha256 = sha256_of(path)?;
        let limit = fonoteca_model::limits::Limits::default().file_bytes;
        let hashes = self.archive.store().put_file(path, limit).await?.hashes;
        std::fs::remove_file(path).map_err(ArchiveError::io(path, "cannot be removed"))?;
        let is_parquet = Path::new(name).extension().is_some_and(|ending| ending == "parquet");
        let mime = if is_parquet { "application/vnd.apache.parquet" } else { "application/zstd" };
        let (root, bytes) = (hashes.root, hashes.size);
        self.blobs.push(blob_row(&hashes, mime, BlobKind::Metadata));
        self.files.push(File { path: name.split('/').map(str::to_owned).collect(), hashes });
        self.resources.push(Resource { path: name.to_owned(), table, mime, bytes, sha256, counts });
        Ok(root)
    }

    async fn text(&mut self, name: &str, mime: &str, text: &[u8]) -> Result<(), ArchiveError> {
        let hashes = self.archive.store().put_bytes(text).await?.hashes;
        self.blobs.push(blob_row(&hashes, mime, BlobKind::Metadata));
        self.files.push(File { path: name.split('/').map(str::to_owned).collect(), hashes });
        Ok(())
    }
}

fn sha256_of(path: &Path) -> Result<String, ArchiveError> {
    use std::io::Read;
    let mut file = DiskFile::open(path).map_err(ArchiveError::io(path, "cannot be read"))?;
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).map_err(ArchiveError::io(path, "cannot be read"))?;
        if count == 0 {
            return Ok(hex::encode(sha256.finalize()));
        }
        sha256.update(&buffer[..count]);
    }
}
