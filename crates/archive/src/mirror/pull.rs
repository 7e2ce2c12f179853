//! Pulling: every torrent of the plan, one after the other, until each is held.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;

use fonoteca_model::BlobId;
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_torrent::feed::{Feed, FeedTorrent, Role, verify_bytes};
use fonoteca_torrent::{Kind, Limits, Metainfo};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::plan::{Plan, plan_feed};
use super::{Mirror, fetch, follow, http, import, renew, withdraw};
use crate::archive::Archive;
use crate::error::{ArchiveError, said};
use crate::published::MIRRORED;
use crate::release::{Manifest, ManifestTorrent};

const MANIFEST_BYTES: usize = 64 << 20;
const SIGNATURE_BYTES: usize = 64 << 10;
const TORRENT_BYTES: usize = 64 << 20;

/// By which way blobs are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// From peers, and from the web seed when they give nothing.
    Auto,
    /// From peers alone.
    BitTorrent,
    /// From the web seed alone.
    WebSeed,
}

/// How to pull.
#[derive(Debug, Clone)]
pub struct PullOptions {
    /// The way.
    pub via: Via,
    /// Bytes that may be spent; none: the mirror's own budget.
    pub budget_bytes: Option<u64>,
    /// Where to listen for peers while fetching; none: only connect to others.
    pub listen: Option<SocketAddr>,
    /// Peers to ask besides those that the tracker names.
    pub peers: Vec<SocketAddr>,
    /// Find peers by DHT as well.
    pub dht: bool,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self { via: Via::Auto, budget_bytes: None, listen: None, peers: Vec::new(), dht: false }
    }
}

/// What a pull did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PullReport {
    /// The feed's serial.
    pub serial: u64,
    /// Torrents that are held now and were not before.
    pub torrents: u64,
    /// Blobs that came in.
    pub blobs: u64,
    /// Bytes that came over the network.
    pub fetched_bytes: u64,
    /// Bytes that an earlier, interrupted run had fetched.
    pub resumed_bytes: u64,
    /// Pieces that came with wrong bytes and were thrown away.
    pub pieces_refused: u64,
    /// Blobs dropped because the feed withdrew them.
    pub withdrawn: u64,
    /// Torrents that could not be fetched, and why.
    pub failed: Vec<(String, String)>,
}

/// Reads the feed, obeys its withdrawals, and fetches what the plan wants. A torrent that fails is named, the others go on.
pub async fn pull(
    archive: &Archive,
    mirror: &mut Mirror,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<PullReport, ArchiveError> {
    let feed = follow::refresh(archive, mirror).await?;
    archive.store().sweep_staging()?;
    let mut report = PullReport { serial: feed.serial, ..PullReport::default() };
    report.withdrawn = withdraw::obey(archive, mirror, &feed, progress).await?;
    if let Err(error) = renew::signatures(archive, mirror, &feed).await {
        // What is held stays proved by the feed; `release verify` will say so until the next pull.
        progress.note(&said(&error));
    }
    let plan: Plan = plan_feed(archive, mirror, &feed, options.budget_bytes);
    let listed: HashMap<(&str, &str), &FeedTorrent> =
        feed.torrents.iter().map(|torrent| ((torrent.release.as_str(), torrent.name.as_str()), torrent)).collect();
    let wanted: Vec<&FeedTorrent> = plan
        .torrents
        .iter()
        .filter(|planned| !planned.held)
        .filter_map(|planned| listed.get(&(planned.release.as_str(), planned.name.as_str())).copied())
        .collect();
    let mut releases: BTreeMap<String, Manifest> = BTreeMap::new();
    for torrent in wanted {
        if progress.cancelled() {
            return Err(ArchiveError::Cancelled);
        }
        let done = pull_torrent(archive, mirror, &feed, torrent, &mut releases, options, progress, &mut report).await;
        match done {
            Ok(()) => report.torrents += 1,
            Err(ArchiveError::Cancelled) => return Err(ArchiveError::Cancelled),
            Err(ArchiveError::Store(error)) if error.is_full() => return Err(error.into()),
            Err(error) => {
                let said = said(&error);
                progress.note(&format!("{}: {said}", torrent.name));
                report.failed.push((torrent.name.clone(), said));
            }
        }
    }
    archive.refresh_index_with(progress).await?;
    Ok(report)
}

#[expect(clippy::too_many_arguments, reason = "the state of one pull; a struct would only rename it")]
async fn pull_torrent(
    archive: &Archive,
    mirror: &Mirror,
    feed: &Feed,
    torrent: &FeedTorrent,
    releases: &mut BTreeMap<String, Manifest>,
    options: &PullOptions,
    progress: &dyn Progress,
    report: &mut PullReport,
) -> Result<(), ArchiveError> {
    if !releases.contains_key(&torrent.release) {
        let manifest = open_release(archive, mirror, feed, &torrent.release).await?;
        releases.insert(torrent.release.clone(), manifest);
    }
    let manifest = &releases[&torrent.release];
    let listed =
        manifest.torrents.iter().find(|listed| listed.name == torrent.name).ok_or_else(|| ArchiveError::Foreign {
            name: format!("release {}", torrent.release),
            reason: format!("its manifest does not list {}, which the feed does", torrent.name),
        })?;
    let metainfo = fetch_metainfo(archive, mirror, torrent).await?;
    progress.stage(&torrent.name, Some(torrent.bytes), Unit::Bytes);
    let fetched = fetch::blobs(archive, mirror, &metainfo, options, progress).await?;
    report.fetched_bytes += fetched.moved.bytes_downloaded;
    report.resumed_bytes += fetched.moved.bytes_already;
    report.pieces_refused += fetched.moved.pieces_refused;
    report.blobs += fetched.added;
    import::rows(archive, mirror, listed, &metainfo, &fetched.hashes).await?;
    mark_held(archive, mirror, manifest, listed)?;
    Ok(())
}

/// Fetches and checks a release's manifest, and lays its folder out as it is with its maker.
async fn open_release(
    archive: &Archive,
    mirror: &Mirror,
    feed: &Feed,
    release: &str,
) -> Result<Manifest, ArchiveError> {
    let folder = archive.releases_path().join(release);
    if folder.exists() && owner(archive, release)?.as_deref() != Some(&mirror.name) {
        return Err(ArchiveError::Usage(format!(
            "this archive has another release called {release:?}: mirror this feed into an archive of its own"
        )));
    }
    let client = http::client()?;
    let base = mirror.address(&format!("releases/{release}"));
    let bytes = http::get(&client, &format!("{base}/{}", Manifest::FILE), MANIFEST_BYTES).await?;
    let signature = http::get(&client, &format!("{base}/{}", Manifest::SIGNATURE), SIGNATURE_BYTES).await?;
    let name = format!("{base}/{}", Manifest::FILE);
    match feed.releases.iter().find(|listed| listed.release == release) {
        // The signed feed names its hash, which is worth more than a signature of its own.
        Some(listed) if Sha256::digest(&bytes)[..] == listed.manifest_sha256.0 => {}
        Some(_) => {
            let reason = "is not the manifest that the signed feed names".to_owned();
            return Err(ArchiveError::Foreign { name, reason });
        }
        None => verify_bytes(&bytes, &String::from_utf8_lossy(&signature), &mirror.keys)
            .map_err(|source| ArchiveError::Feed { url: name.clone(), source })?,
    }
    let manifest = Manifest::parse(&bytes, &name)?;
    if manifest.release != release {
        return Err(ArchiveError::Foreign { name, reason: format!("is the manifest of {:?}", manifest.release) });
    }
    std::fs::create_dir_all(&folder).map_err(ArchiveError::io(&folder, "cannot be made"))?;
    if owner(archive, release)?.is_none() {
        write_marker(archive, release, &Marker { mirror: mirror.name.clone(), torrents: BTreeSet::new() })?;
    }
    for torrent in feed.torrents.iter().filter(|torrent| torrent.release == release) {
        for variant in &torrent.variants {
            let file = variant.path.rsplit('/').next().unwrap_or_default();
            let path = folder.join(file);
            let held = std::fs::read(&path).ok().filter(|bytes| Sha256::digest(bytes)[..] == variant.torrent_sha256.0);
            if held.is_none() {
                let bytes = http::get(&client, &mirror.address(&variant.path), TORRENT_BYTES).await?;
                if Sha256::digest(&bytes)[..] != variant.torrent_sha256.0 {
                    return Err(ArchiveError::Foreign {
                        name: mirror.address(&variant.path),
                        reason: "is not the torrent that the signed feed names".to_owned(),
                    });
                }
                fonoteca_store::write_file(&path, &bytes)?;
            }
        }
    }
    fonoteca_store::write_file(&folder.join(Manifest::CHECKSUMS), manifest.checksums(&bytes).as_bytes())?;
    // One that is here may have been signed again since, for this archive's own mirrors.
    if std::fs::read(folder.join(Manifest::FILE)).ok().as_ref() != Some(&bytes) {
        fonoteca_store::write_file(&folder.join(Manifest::SIGNATURE), &signature)?;
        fonoteca_store::write_file(&folder.join(Manifest::FILE), &bytes)?;
    }
    Ok(manifest)
}

/// The hybrid variant, which names the roots.
async fn fetch_metainfo(archive: &Archive, mirror: &Mirror, torrent: &FeedTorrent) -> Result<Metainfo, ArchiveError> {
    let url = mirror.address(&torrent.name);
    let hybrid =
        torrent.variants.iter().find(|variant| variant.kind == Kind::Hybrid).ok_or_else(|| ArchiveError::Foreign {
            name: url.clone(),
            reason: "has no hybrid torrent, so its blobs have no roots".to_owned(),
        })?;
    let file = hybrid.path.rsplit('/').next().unwrap_or_default();
    let path = archive.releases_path().join(&torrent.release).join(file);
    let bytes = tokio::fs::read(&path).await.map_err(ArchiveError::io(&path, "cannot be read"))?;
    let metainfo = Metainfo::parse(&bytes, &Limits::default())
        .map_err(|source| ArchiveError::Metainfo { name: url.clone(), source })?;
    if metainfo.info_hash_v1 != Some(hybrid.infohash_v1) || metainfo.name != torrent.name {
        return Err(ArchiveError::Foreign {
            name: url,
            reason: "is not the torrent that the feed describes".to_owned(),
        });
    }
    Ok(metainfo)
}

/// `mirrored.json` in the folder of a release that came from elsewhere.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    mirror: String,
    /// Torrents that are held whole.
    torrents: BTreeSet<String>,
}

fn read_marker(archive: &Archive, release: &str) -> Result<Option<Marker>, ArchiveError> {
    let path: PathBuf = archive.releases_path().join(release).join(MIRRORED);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| ArchiveError::Foreign { name: path.display().to_string(), reason: error.to_string() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ArchiveError::Io { path, what: "cannot be read", source }),
    }
}

fn write_marker(archive: &Archive, release: &str, marker: &Marker) -> Result<(), ArchiveError> {
    let bytes = serde_json::to_vec_pretty(marker).map_err(|error| ArchiveError::Bug(error.to_string()))?;
    Ok(fonoteca_store::write_file(&archive.releases_path().join(release).join(MIRRORED), &bytes)?)
}

pub(super) fn owner(archive: &Archive, release: &str) -> Result<Option<String>, ArchiveError> {
    Ok(read_marker(archive, release)?.map(|marker| marker.mirror))
}

fn mark_held(
    archive: &Archive,
    mirror: &Mirror,
    manifest: &Manifest,
    torrent: &ManifestTorrent,
) -> Result<(), ArchiveError> {
    let mut marker = read_marker(archive, &manifest.release)?
        .unwrap_or_else(|| Marker { mirror: mirror.name.clone(), torrents: BTreeSet::new() });
    marker.torrents.insert(torrent.name.clone());
    write_marker(archive, &manifest.release, &marker)?;
    // The folder's own time is what `published` looks at; a marker renamed into place moves the release's, not this one.
    let now = std::fs::FileTimes::new().set_modified(std::time::SystemTime::now());
    std::fs::File::open(archive.releases_path())
        .and_then(|folder| folder.set_times(now))
        .map_err(ArchiveError::io(archive.releases_path(), "cannot be touched"))
}

/// The torrents of a mirrored release that are here whole; none for a release of one's own.
pub(crate) fn held_torrents(archive: &Archive, release: &str) -> Option<BTreeSet<String>> {
    read_marker(archive, release).ok().flatten().map(|marker| marker.torrents)
}

/// The audio of a torrent, as far as the metainfo tells: what a role stands for.
pub(super) fn is_audio(torrent: &ManifestTorrent) -> bool {
    torrent.role == Role::Audio
}

/// The roots of a torrent's real files with their paths.
pub(super) fn roots(metainfo: &Metainfo) -> Vec<(usize, BlobId, &fonoteca_torrent::MetaFile)> {
    metainfo.real_files().filter_map(|(index, file)| Some((index, file.root?, file))).collect()
}
