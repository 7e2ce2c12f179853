//! The papers of a release: its manifest and torrents, from the first address of the feed that has them as they were signed.

use fonoteca_model::Sha256Hash;
use fonoteca_torrent::feed::{Feed, FeedTorrent, verify_bytes};
use fonoteca_torrent::{Kind, Limits, Metainfo};
use sha2::{Digest, Sha256};

use super::held::{Marker, owner};
use super::{Mirror, http};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::release::Manifest;

const MANIFEST_BYTES: usize = 64 << 20;
const SIGNATURE_BYTES: usize = 64 << 10;
const TORRENT_BYTES: usize = 64 << 20;

/// What is at `path` of the feed's addresses, with the address that had it; where a hash is expected, the first with that.
async fn get_any(
    mirror: &Mirror,
    client: &reqwest::Client,
    path: &str,
    limit: usize,
    expected: Option<(Sha256Hash, &str)>,
) -> Result<(String, Vec<u8>), ArchiveError> {
    let mut first = None;
    for base in mirror.addresses() {
        let url = format!("{base}/{path}");
        let error = match (http::get(client, &url, limit).await, expected) {
            (Ok(bytes), Some((sha256, reason))) if Sha256::digest(&bytes)[..] != sha256.0 => {
                ArchiveError::Foreign { name: url, reason: reason.to_owned() }
            }
            (Ok(bytes), _) => return Ok((url, bytes)),
            (Err(error), _) => error,
        };
        first = first.or(Some(error));
    }
    Err(first.unwrap_or_else(|| ArchiveError::Bug("a mirror without an address".to_owned())))
}

/// Fetches and checks a release's manifest, and lays its folder out as it is with its maker.
pub(super) async fn open_release(
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
    let base = format!("releases/{release}");
    let listed = feed.releases.iter().find(|listed| listed.release == release);
    // The signed feed names its hash, which is worth more than a signature of its own.
    let expected = listed.map(|listed| (listed.manifest_sha256, "is not the manifest that the signed feed names"));
    let manifest_path = format!("{base}/{}", Manifest::FILE);
    let (name, bytes) = get_any(mirror, &client, &manifest_path, MANIFEST_BYTES, expected).await?;
    let (_, signature) =
        get_any(mirror, &client, &format!("{base}/{}", Manifest::SIGNATURE), SIGNATURE_BYTES, None).await?;
    if listed.is_none() {
        verify_bytes(&bytes, &String::from_utf8_lossy(&signature), &mirror.keys)
            .map_err(|source| ArchiveError::Feed { url: name.clone(), source })?;
    }
    let manifest = Manifest::parse(&bytes, &name)?;
    if manifest.release != release {
        return Err(ArchiveError::Foreign { name, reason: format!("is the manifest of {:?}", manifest.release) });
    }
    std::fs::create_dir_all(&folder).map_err(ArchiveError::io(&folder, "cannot be made"))?;
    if owner(archive, release)?.is_none() {
        Marker::new(&mirror.name).write(archive, release)?;
    }
    for torrent in feed.torrents.iter().filter(|torrent| torrent.release == release) {
        for variant in &torrent.variants {
            let file = variant.path.rsplit('/').next().unwrap_or_default();
            let path = folder.join(file);
            let held = std::fs::read(&path).ok().filter(|bytes| Sha256::digest(bytes)[..] == variant.torrent_sha256.0);
            if held.is_none() {
                let expected = Some((variant.torrent_sha256, "is not the torrent that the signed feed names"));
                let (_, bytes) = get_any(mirror, &client, &variant.path, TORRENT_BYTES, expected).await?;
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
pub(super) async fn fetch_metainfo(
    archive: &Archive,
    mirror: &Mirror,
    torrent: &FeedTorrent,
) -> Result<Metainfo, ArchiveError> {
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
