//! The archive's own feed: the signed list of what it gives out and of what was withdrawn.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use fonoteca_model::rights::{ClaimStatus, Decision, Use, Verdict};
use fonoteca_model::{BlobId, Sha256Hash, Timestamp};
use fonoteca_torrent::feed::{
    FORMAT, Feed, FeedTorrent, FeedVariant, PublicKey, Seen, SigningKey, Withdrawal, accept, sign, verify_bytes,
    verify_signed,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::published::audio_of;
use crate::release::{Manifest, ManifestTorrent, torrents_here};
use crate::rights::roots_of_subject;

/// The feed's file name, on disk and on the server.
pub const FEED: &str = "feed.json";
/// Its detached minisign signature.
pub const SIGNATURE: &str = "feed.json.minisig";
/// A feed is believed for so long unless it is renewed.
pub const VALID_DAYS: i64 = 30;

/// What publishing would change.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The serial that the feed would get.
    pub serial: u64,
    /// Releases in it, and whether each is new.
    pub releases: Vec<(String, bool)>,
    /// Torrents in it.
    pub torrents: usize,
    /// Bytes in them.
    pub bytes: u64,
    /// Torrents left out because something in them may not be given out any more, with the reason.
    pub left_out: Vec<(String, String)>,
    /// Withdrawals in it.
    pub withdrawals: usize,
    /// Until when it is believed.
    pub expires: Timestamp,
    #[serde(skip)]
    feed: Feed,
}

/// Looks at what publishing now would give to the world.
pub async fn plan(archive: &Archive, valid_days: i64) -> Result<Plan, ArchiveError> {
    let now = archive.now();
    let previous = current(archive)?;
    let snapshot = archive.snapshot().await?;
    let mut torrents = Vec::new();
    let mut left_out = Vec::new();
    let mut releases: BTreeMap<String, bool> = BTreeMap::new();
    let manifests = crate::release::manifests(archive)?;
    let mut candidates = Vec::new();
    for manifest in &manifests {
        for torrent in torrents_here(archive, manifest) {
            candidates.push((manifest, torrent, audio_of(archive, manifest, torrent)?));
        }
        let known = previous
            .as_ref()
            .is_some_and(|(feed, _)| feed.torrents.iter().any(|torrent| torrent.release == manifest.release));
        releases.insert(manifest.release.clone(), !known);
    }
    let roots: Vec<BlobId> = candidates.iter().flat_map(|(_, _, audio)| audio.iter().copied()).collect();
    let verdicts = archive.verdicts(&roots).await?;
    for (manifest, torrent, audio) in &candidates {
        match dark_file(audio, &verdicts) {
            Some(reason) => left_out.push((torrent.name.clone(), reason)),
            None => torrents.push(entry(manifest, torrent)),
        }
    }
    torrents.sort_by(|a: &FeedTorrent, b| {
        b.popularity.map(|band| band[0]).cmp(&a.popularity.map(|band| band[0])).then_with(|| a.name.cmp(&b.name))
    });
    let withdrawals = withdrawals(&snapshot).await?;
    let expires = now.plus_seconds(valid_days.max(1) * 86_400);
    let settings = crate::settings::Settings::read(archive.root())?;
    let feed = Feed {
        format: FORMAT.to_owned(),
        name: archive.name().to_owned(),
        serial: previous.as_ref().map_or(1, |(feed, _)| feed.serial + 1),
        // The wire has milliseconds.
        published: Timestamp::from_millis(now.as_millis()),
        expires: Timestamp::from_millis(expires.as_millis()),
        previous: previous.map(|(_, sha256)| sha256),
        keys: crate::keys::public_keys(archive)?,
        base_url: settings.publish.url,
        torrents,
        withdrawals,
    };
    Ok(Plan {
        serial: feed.serial,
        releases: releases.into_iter().collect(),
        torrents: feed.torrents.len(),
        bytes: feed.torrents.iter().map(|torrent| torrent.bytes).sum(),
        left_out,
        withdrawals: feed.withdrawals.len(),
        expires: feed.expires,
        feed,
    })
}

/// Signs and writes what was planned. Feed and signature are replaced one after the other, the old ones are kept by serial.
pub fn publish(archive: &Archive, plan: Plan, key: &SigningKey) -> Result<PathBuf, ArchiveError> {
    let mut feed = plan.feed;
    // The first publication makes the key, after the plan was made.
    if !feed.keys.contains(key.public()) {
        feed.keys.insert(0, key.public().clone());
    }
    let bytes = feed.to_bytes();
    let signature = sign(&bytes, key, &format!("{} serial {}", feed.name, feed.serial))
        .map_err(|error| ArchiveError::Bug(error.to_string()))?;
    let sha256 = Sha256Hash(Sha256::digest(&bytes).into());
    accept(&feed, sha256, None, archive.now()).map_err(|source| ArchiveError::Feed { url: FEED.to_owned(), source })?;
    vouch(archive, key)?;
    let folder = archive.releases_path();
    let history = folder.join(".feeds");
    std::fs::create_dir_all(&history).map_err(ArchiveError::io(&history, "cannot be made"))?;
    fonoteca_store::write_file(&history.join(format!("{:08}.json", feed.serial)), &bytes)?;
    fonoteca_store::write_file(&folder.join(SIGNATURE), signature.as_bytes())?;
    fonoteca_store::write_file(&folder.join(FEED), &bytes)?;
    Ok(folder.join(FEED))
}

/// Signs the manifests of mirrored releases too: who follows this feed trusts its key, and may never have heard of the one
/// that signed them first.
fn vouch(archive: &Archive, key: &SigningKey) -> Result<(), ArchiveError> {
    for manifest in crate::release::manifests(archive)? {
        let folder = archive.releases_path().join(&manifest.release);
        let path = folder.join(Manifest::FILE);
        let bytes = std::fs::read(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
        let path = folder.join(Manifest::SIGNATURE);
        let signature = std::fs::read_to_string(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
        if verify_bytes(&bytes, &signature, std::slice::from_ref(key.public())).is_err() {
            let comment = format!("release {}, mirrored from {}", manifest.release, manifest.archive);
            let signature = sign(&bytes, key, &comment).map_err(|error| ArchiveError::Bug(error.to_string()))?;
            fonoteca_store::write_file(&path, signature.as_bytes())?;
        }
    }
    Ok(())
}

/// Checks a feed on disk as a mirror would: by the archive's own keys, or by `keys`.
pub fn verify(archive: &Archive, keys: &[PublicKey]) -> Result<Feed, ArchiveError> {
    let (bytes, signature) = read(&archive.releases_path())?
        .ok_or_else(|| ArchiveError::Usage("nothing is published yet: `fonoteca feed publish` does it".to_owned()))?;
    check(&bytes, &signature, keys, None, archive.now(), FEED)
}

/// Believes a feed, or says why not.
pub(crate) fn check(
    bytes: &[u8],
    signature: &str,
    keys: &[PublicKey],
    seen: Option<&Seen>,
    now: Timestamp,
    url: &str,
) -> Result<Feed, ArchiveError> {
    let refused = |source| ArchiveError::Feed { url: url.to_owned(), source };
    let feed = verify_signed(bytes, signature, keys).map_err(refused)?;
    accept(&feed, Sha256Hash(Sha256::digest(bytes).into()), seen, now).map_err(refused)?;
    Ok(feed)
}

pub(crate) fn read(folder: &Path) -> Result<Option<(Vec<u8>, String)>, ArchiveError> {
    let path = folder.join(FEED);
    match std::fs::read(&path) {
        Ok(bytes) => {
            let signature = folder.join(SIGNATURE);
            let text = std::fs::read_to_string(&signature).map_err(ArchiveError::io(&signature, "cannot be read"))?;
            Ok(Some((bytes, text)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ArchiveError::Io { path, what: "cannot be read", source }),
    }
}

/// The feed published last. The one in the history counts: a kill between signature and feed leaves it complete.
fn current(archive: &Archive) -> Result<Option<(Feed, Sha256Hash)>, ArchiveError> {
    let Some((bytes, _)) = read(&archive.releases_path())? else { return Ok(None) };
    let feed = Feed::from_bytes(&bytes).map_err(|source| ArchiveError::Feed { url: FEED.to_owned(), source })?;
    Ok(Some((feed, Sha256Hash(Sha256::digest(&bytes).into()))))
}

fn entry(manifest: &Manifest, torrent: &ManifestTorrent) -> FeedTorrent {
    FeedTorrent {
        release: manifest.release.clone(),
        name: torrent.name.clone(),
        role: torrent.role,
        variants: torrent
            .variants
            .iter()
            .map(|variant| FeedVariant {
                kind: variant.kind,
                path: format!("releases/{}/{}", manifest.release, variant.path),
                infohash_v1: variant.infohash_v1,
                infohash_v2: variant.infohash_v2,
                magnet: variant.magnet.clone(),
                torrent_bytes: variant.torrent_bytes,
                torrent_sha256: variant.torrent_sha256,
            })
            .collect(),
        bytes: torrent.bytes,
        files: torrent.files,
        popularity: torrent.popularity.map(|[high, low]| [high.max(0) as u64, low.max(0) as u64]),
        listens_share: torrent.listens_share,
        licences: torrent.licences.clone(),
        supersedes: torrent.supersedes.clone(),
        embargo: None,
        seeders: None,
    }
}

/// Why a torrent may not be given out any more: the first file in it that has gone dark.
pub(crate) fn dark_file(audio: &[BlobId], verdicts: &HashMap<BlobId, Verdict>) -> Option<String> {
    audio.iter().filter_map(|root| Some((root, verdicts.get(root)?))).find_map(|(root, verdict)| {
        if verdict.withdrawn {
            Some(format!("{root} was withdrawn: build a new release without it"))
        } else if verdict.allows(Use::Distribute) {
            None
        } else {
            Some(format!("{root} may not be given out any more: {}", verdict.why.join("; ")))
        }
    })
}

async fn withdrawals(snapshot: &fonoteca_catalog::Snapshot) -> Result<Vec<Withdrawal>, ArchiveError> {
    let mut all = Vec::new();
    for (decision, note) in snapshot.withdrawals().await? {
        let roots = roots_of_subject(snapshot, &decision.subject).await?;
        all.push(withdrawal(&decision, roots, note));
    }
    all.sort_by(|a: &Withdrawal, b| (a.at, &a.subject).cmp(&(b.at, &b.subject)));
    Ok(all)
}

fn withdrawal(decision: &Decision, roots: Vec<BlobId>, note: Option<String>) -> Withdrawal {
    debug_assert_eq!(decision.status, ClaimStatus::Withdrawn);
    Withdrawal {
        subject_kind: decision.subject.kind.to_string(),
        subject: decision.subject.key.clone(),
        roots,
        at: Timestamp::from_millis(decision.at.as_millis()),
        reason: note.unwrap_or_else(|| "withdrawn by the rights holder".to_owned()),
        layer: decision.layer.to_string(),
    }
}
