//! What is here of the torrents of mirrored releases: `mirrored.json` in each release's folder.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;

use fonoteca_model::BlobId;
use fonoteca_torrent::Metainfo;
use serde::{Deserialize, Serialize};

use super::Mirror;
use super::pull::roots;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::published::MIRRORED;

/// `mirrored.json` in the folder of a release that came from elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Marker {
    /// Which mirror's it is.
    pub mirror: String,
    /// Torrents that are held whole.
    pub torrents: BTreeSet<String>,
    /// Of torrents that are held in part, the files that are here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, BTreeSet<BlobId>>,
}

impl Marker {
    /// A marker of a release of which nothing is here yet.
    pub fn new(mirror: &str) -> Self {
        Self { mirror: mirror.to_owned(), torrents: BTreeSet::new(), files: BTreeMap::new() }
    }

    /// The marker of a release; none where it is one's own, or not here.
    pub fn read(archive: &Archive, release: &str) -> Result<Option<Self>, ArchiveError> {
        let path: PathBuf = archive.releases_path().join(release).join(MIRRORED);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| ArchiveError::Foreign { name: path.display().to_string(), reason: error.to_string() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ArchiveError::Io { path, what: "cannot be read", source }),
        }
    }

    /// Writes it, and lets whoever gives things out look again.
    pub fn write(&self, archive: &Archive, release: &str) -> Result<(), ArchiveError> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| ArchiveError::Bug(error.to_string()))?;
        fonoteca_store::write_file(&archive.releases_path().join(release).join(MIRRORED), &bytes)?;
        // The folder's own time is what `published` looks at; a marker renamed into place moves the release's, not this one.
        let now = std::fs::FileTimes::new().set_modified(std::time::SystemTime::now());
        std::fs::File::open(archive.releases_path())
            .and_then(|folder| folder.set_times(now))
            .map_err(ArchiveError::io(archive.releases_path(), "cannot be touched"))
    }
}

/// The releases that belong to a mirror, with their markers, by name.
pub(super) fn of_mirror(archive: &Archive, mirror: &Mirror) -> Result<BTreeMap<String, Marker>, ArchiveError> {
    let mut all = every(archive)?;
    all.retain(|_, marker| marker.mirror == mirror.name);
    Ok(all)
}

/// All mirrored releases, with their markers, by name.
pub(super) fn every(archive: &Archive) -> Result<BTreeMap<String, Marker>, ArchiveError> {
    let folder = archive.releases_path();
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).map_err(ArchiveError::io(&folder, "cannot be read"))? {
        let entry = entry.map_err(ArchiveError::io(&folder, "cannot be read"))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        // The feed of one's own lies beside the releases.
        if !entry.path().is_dir() {
            continue;
        }
        if let Some(marker) = Marker::read(archive, name)? {
            all.insert(name.to_owned(), marker);
        }
    }
    Ok(all)
}

/// Which mirror a release belongs to.
pub(super) fn owner(archive: &Archive, release: &str) -> Result<Option<String>, ArchiveError> {
    Ok(Marker::read(archive, release)?.map(|marker| marker.mirror))
}

/// Notes that these files of a torrent are here; `whole`: they are all of it.
pub(super) fn mark(
    archive: &Archive,
    mirror: &Mirror,
    release: &str,
    torrent: &str,
    here: &HashSet<BlobId>,
    whole: bool,
) -> Result<(), ArchiveError> {
    let mut marker = Marker::read(archive, release)?.unwrap_or_else(|| Marker::new(&mirror.name));
    if whole {
        marker.torrents.insert(torrent.to_owned());
        marker.files.remove(torrent);
    } else {
        marker.torrents.remove(torrent);
        marker.files.insert(torrent.to_owned(), here.iter().copied().collect());
    }
    marker.write(archive, release)
}

/// The torrents of a mirrored release that are here whole; none for a release of one's own. Where that cannot be read,
/// nothing is known to be here.
pub(crate) fn held_torrents(archive: &Archive, release: &str) -> Option<BTreeSet<String>> {
    match Marker::read(archive, release) {
        Ok(marker) => marker.map(|marker| marker.torrents),
        Err(_) => Some(BTreeSet::new()),
    }
}

/// The blobs of a mirrored torrent that are here by its release's marker.
pub(super) fn roots_here(marker: &Marker, torrent: &str, metainfo: &Metainfo) -> HashSet<BlobId> {
    if marker.torrents.contains(torrent) {
        return roots(metainfo).into_iter().map(|(_, root, _)| root).collect();
    }
    marker.files.get(torrent).into_iter().flatten().copied().collect()
}

/// The torrents of a mirrored release of which some files are here.
pub(crate) fn torrents_in_part(archive: &Archive, release: &str) -> BTreeSet<String> {
    let marker = Marker::read(archive, release).ok().flatten();
    marker.map(|marker| marker.files.into_keys().collect()).unwrap_or_default()
}
