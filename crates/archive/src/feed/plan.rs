//! What publishing now would give to the world.

use std::collections::{BTreeMap, HashMap};

use fonoteca_model::rights::{ClaimStatus, Decision, Use, Verdict};
use fonoteca_model::{BlobId, Sha256Hash, Timestamp};
use fonoteca_torrent::feed::{
    Document, Entry, FORMAT_PAGED, Feed, FeedRelease, FeedTorrent, FeedVariant, Listing, PAGE_ENTRIES, Page, Seeders,
    Withdrawal, lay_out, pack,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Own;
use super::key_change::statements;
use super::own::read_pages;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::published::audio_of;
use crate::release::{Manifest, ManifestTorrent, torrents_here};
use crate::rights::roots_of_subject;

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
    /// Bytes of entry and pages: what a reader fetches who has nothing yet.
    pub feed_bytes: u64,
    /// Bytes of the entry and of the pages that are new: what a reader fetches who has the feed before this one.
    pub update_bytes: u64,
    #[serde(skip)]
    pub(super) entry: Entry,
    #[serde(skip)]
    pub(super) pages: Vec<Page>,
    #[serde(skip)]
    pub(super) listed: Vec<FeedTorrent>,
    #[serde(skip)]
    pub(super) withdrawn: Vec<Withdrawal>,
}

/// Looks at what publishing now would give to the world.
pub async fn plan(archive: &Archive, valid_days: i64) -> Result<Plan, ArchiveError> {
    // The wire has milliseconds.
    let now = Timestamp::from_millis(archive.now().as_millis());
    let previous = Own::read(archive)?;
    let outline = previous.as_ref().map(|own| own.document.outline());
    // Without its pages the feed before is made anew, under its own number.
    let before = previous.as_ref().and_then(|own| own.feed(archive).ok());
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
        let known =
            before.as_ref().is_some_and(|feed| feed.torrents.iter().any(|torrent| torrent.release == manifest.release));
        releases.insert(manifest.release.clone(), !known);
    }
    let roots: Vec<BlobId> = candidates.iter().flat_map(|(_, _, audio)| audio.iter().copied()).collect();
    let verdicts = archive.verdicts(&roots).await?;
    for (manifest, torrent, audio) in &candidates {
        match dark_file(audio, &verdicts) {
            Some(reason) => left_out.push((torrent.name.clone(), reason)),
            None => torrents.push(entry_of(manifest, torrent, now)),
        }
    }
    torrents.sort_by(|a: &FeedTorrent, b| {
        b.popularity.map(|band| band[0]).cmp(&a.popularity.map(|band| band[0])).then_with(|| a.name.cmp(&b.name))
    });
    keep_dates(&mut torrents, before.as_ref());
    let mut laid = Laid::default();
    let (torrents, listed) = laid.out(
        archive,
        previous.as_ref(),
        torrents,
        |entry| &entry.torrents,
        |torrent| (torrent.release.clone(), torrent.name.clone()),
    );
    let manifests = manifest_hashes(archive, &manifests, &listed)?;
    let (releases_pages, _) =
        laid.out(archive, previous.as_ref(), manifests, |entry| &entry.releases, |release| release.release.clone());
    let withdrawn = withdrawals(&snapshot).await?;
    let (withdrawal_pages, withdrawn) = laid.out(
        archive,
        previous.as_ref(),
        withdrawn,
        |entry| &entry.withdrawals,
        |withdrawal| {
            (withdrawal.at, withdrawal.subject_kind.clone(), withdrawal.subject.clone(), withdrawal.layer.clone())
        },
    );
    let seeders = laid.seeders(archive, &listed)?;
    let expires = Timestamp::from_millis(now.plus_seconds(valid_days.max(1) * 86_400).as_millis());
    let settings = crate::settings::Settings::read(archive.root())?;
    let entry = Entry {
        format: FORMAT_PAGED.to_owned(),
        name: archive.name().to_owned(),
        serial: outline.as_ref().map_or(1, |feed| feed.serial + 1),
        published: now,
        expires,
        previous: previous.as_ref().map(|own| own.sha256),
        keys: crate::keys::public_keys(archive)?,
        statements: statements(archive)?,
        base_url: settings.publish.url,
        torrents,
        releases: releases_pages,
        withdrawals: withdrawal_pages,
        seeders,
    };
    let entry_bytes = entry.to_bytes().len() as u64;
    let known: std::collections::HashSet<Sha256Hash> =
        previous.iter().flat_map(|own| own.document.pages()).map(|page| page.sha256).collect();
    Ok(Plan {
        serial: entry.serial,
        releases: releases.into_iter().collect(),
        torrents: listed.len(),
        bytes: listed.iter().map(|torrent| torrent.bytes).sum(),
        left_out,
        withdrawals: withdrawn.len(),
        expires,
        feed_bytes: entry_bytes + entry.pages().map(|page| page.bytes).sum::<u64>(),
        update_bytes: entry_bytes
            + entry.pages().filter(|page| !known.contains(&page.sha256)).map(|page| page.bytes).sum::<u64>(),
        entry,
        pages: laid.pages,
        listed,
        withdrawn,
    })
}

/// Pages that are new.
#[derive(Default)]
struct Laid {
    pages: Vec<Page>,
}

impl Laid {
    /// Lays one kind of entries out, on the pages of the feed before as far as they are the same.
    fn out<T, K>(
        &mut self,
        archive: &Archive,
        previous: Option<&Own>,
        wanted: Vec<T>,
        of: impl Fn(&Entry) -> &Listing,
        key: impl Fn(&T) -> K,
    ) -> (Listing, Vec<T>)
    where
        T: Serialize + serde::de::DeserializeOwned + Clone + PartialEq,
        K: std::hash::Hash + Eq,
    {
        let pages = match previous.map(|own| &own.document) {
            Some(Document::Paged(entry)) => read_pages(archive, of(entry)),
            _ => Vec::new(),
        };
        let (listing, entries, fresh) = lay_out(pages, wanted, key);
        self.pages.extend(fresh);
        (listing, entries)
    }

    /// How many have each torrent, as was last heard; no pages when nobody was asked.
    fn seeders(&mut self, archive: &Archive, listed: &[FeedTorrent]) -> Result<Listing, ArchiveError> {
        let counts = crate::health::seeders(archive)?;
        let of = |torrent: &FeedTorrent| -> Option<Seeders> {
            let counted = torrent.variants.iter().filter_map(|variant| counts.get(&variant.infohash_v1));
            counted.max_by_key(|seeders| seeders.count).copied()
        };
        let lines: Vec<Option<Seeders>> = listed.iter().map(of).collect();
        let mut listing = Listing::default();
        if lines.iter().all(Option::is_none) {
            return Ok(listing);
        }
        for some in lines.chunks(PAGE_ENTRIES * 256) {
            let page = pack(some);
            listing.entries += page.reference.entries;
            listing.pages.push(page.reference);
            self.pages.push(page);
        }
        Ok(listing)
    }
}

/// What was published before keeps its date.
fn keep_dates(torrents: &mut [FeedTorrent], before: Option<&Feed>) {
    let Some(before) = before else { return };
    let dates: HashMap<(&str, &str), Timestamp> = before
        .torrents
        .iter()
        .map(|torrent| {
            let added = torrent.added.unwrap_or(before.published);
            ((torrent.release.as_str(), torrent.name.as_str()), added)
        })
        .collect();
    for torrent in torrents {
        if let Some(added) = dates.get(&(torrent.release.as_str(), torrent.name.as_str())) {
            torrent.added = Some(*added);
        }
    }
}

fn manifest_hashes(
    archive: &Archive,
    manifests: &[Manifest],
    listed: &[FeedTorrent],
) -> Result<Vec<FeedRelease>, ArchiveError> {
    let named: std::collections::HashSet<&str> = listed.iter().map(|torrent| torrent.release.as_str()).collect();
    let mut hashes = Vec::new();
    for manifest in manifests.iter().filter(|manifest| named.contains(manifest.release.as_str())) {
        let path = archive.releases_path().join(&manifest.release).join(Manifest::FILE);
        let bytes = std::fs::read(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
        hashes.push(FeedRelease {
            release: manifest.release.clone(),
            manifest_bytes: bytes.len() as u64,
            manifest_sha256: Sha256Hash(Sha256::digest(&bytes).into()),
        });
    }
    Ok(hashes)
}

fn entry_of(manifest: &Manifest, torrent: &ManifestTorrent, now: Timestamp) -> FeedTorrent {
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
        added: Some(now),
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
