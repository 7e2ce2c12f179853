//! Pulling: what the plan drops goes, what it wants comes, one torrent after the other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use fonoteca_model::BlobId;
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_torrent::Metainfo;
use fonoteca_torrent::feed::{Feed, FeedTorrent, Role, SigningKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::held::{Marker, mark};
use super::open::{fetch_metainfo, open_release};
use super::others::Others;
use super::plan::{Work, look_around, plan_feed};
use super::state::Told;
use super::{Mirror, fetch, follow, import, others, renew, reuse, shed, state, withdraw};
use crate::archive::Archive;
use crate::error::{ArchiveError, said};
use crate::health::{make_report, send_report};
use crate::release::{Manifest, ManifestTorrent};

/// The same is reported again after six hours, so that the origin knows that it is still so.
const SAY_AGAIN_MS: i64 = 6 * 3600 * 1000;

/// By which way blobs are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// From peers, or from the web seed where nobody else has it; whoever gives nothing is followed by the other.
    Auto,
    /// From peers alone.
    #[serde(rename = "bittorrent")]
    BitTorrent,
    /// From the web seed alone.
    WebSeed,
}

/// How to pull.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// The way; none: as the mirror's rules say, or from peers first.
    pub via: Option<Via>,
    /// Bytes that may be spent; none: the mirror's own budget.
    pub budget_bytes: Option<u64>,
    /// Where to listen for peers while fetching; none: only connect to others.
    pub listen: Option<SocketAddr>,
    /// Peers to ask besides those that the tracker names.
    pub peers: Vec<SocketAddr>,
    /// Find peers by DHT as well.
    pub dht: bool,
    /// What signs reports, where the rules say that the origin is told what is here.
    pub key: Option<Arc<SigningKey>>,
    /// Read the feed and honour its withdrawals, and fetch nothing.
    pub obey_only: bool,
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
    /// Bytes that were found in folders of this machine.
    pub reused_bytes: u64,
    /// Blobs dropped because the feed withdrew them.
    pub withdrawn: u64,
    /// Bytes dropped because the plan has no room for them.
    pub dropped_bytes: u64,
    /// Torrents that could not be fetched, and why.
    pub failed: Vec<(String, String)>,
}

/// Reads the feed, obeys its withdrawals, drops what the plan drops and fetches what it wants. A torrent that fails is named,
/// the others go on.
pub async fn pull(
    archive: &Archive,
    mirror: &mut Mirror,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<PullReport, ArchiveError> {
    let _alone = state::alone(archive, mirror, progress).await?;
    let feed = follow::refresh(archive, mirror).await?;
    archive.store().sweep_staging()?;
    let mut report = PullReport { serial: feed.serial, ..PullReport::default() };
    report.withdrawn = withdraw::obey(archive, mirror, &feed, progress).await?;
    if let Err(error) = renew::signatures(archive, mirror, &feed).await {
        // What is held stays proved by the feed; `release verify` will say so until the next pull.
        progress.note(&said(&error));
    }
    if !mirror.rules.pause && !options.obey_only {
        let others = look_around(archive, mirror, options.budget_bytes, progress).await?;
        let mut pull = Pull { archive, mirror, feed: &feed, options, progress, releases: BTreeMap::new(), report };
        pull.all(&others).await?;
        report = pull.report;
    }
    archive.refresh_index_with(progress).await?;
    Ok(report)
}

/// One pull.
struct Pull<'a> {
    archive: &'a Archive,
    mirror: &'a Mirror,
    feed: &'a Feed,
    options: &'a PullOptions,
    progress: &'a dyn Progress,
    releases: BTreeMap<String, Manifest>,
    report: PullReport,
}

impl Pull<'_> {
    async fn all(&mut self, others: &Others) -> Result<(), ArchiveError> {
        let mut failed = HashSet::new();
        let mut work = self.opened_plan(others, &mut failed).await?;
        self.tell().await;
        let heirs = self.heirs(&work);
        if heirs.is_empty() {
            self.shed(&work).await?;
        }
        // Metadata first: it tells what is in the rest.
        let is_metadata = |index: &usize| self.feed.torrents[*index].role == Role::Metadata;
        let metadata: Vec<usize> = work.fetch.iter().map(|(index, _)| *index).filter(is_metadata).collect();
        for index in &metadata {
            if !self.torrent(*index, None).await? {
                failed.insert(self.feed.torrents[*index].name.clone());
            }
        }
        if !heirs.is_empty() {
            self.inherit(&heirs, &work).await?;
        }
        if !metadata.is_empty() || !heirs.is_empty() {
            work = self.opened_plan(others, &mut failed).await?;
            self.shed(&work).await?;
        }
        let unread: HashSet<String> = work.unopened.into_iter().collect();
        for (index, files) in work.fetch {
            let torrent = &self.feed.torrents[index];
            let is_unread = files.is_some() && unread.contains(&torrent.release);
            if !is_unread && !failed.contains(&torrent.name) {
                self.torrent(index, files).await?;
            }
        }
        if self.report.torrents > 0 || self.report.blobs > 0 || self.report.dropped_bytes > 0 {
            self.tell().await;
        }
        Ok(())
    }

    /// Torrents of audio to be fetched that replace others, where something goes.
    fn heirs(&self, work: &Work) -> Vec<usize> {
        let is_heir = |torrent: &FeedTorrent| torrent.role == Role::Audio && !torrent.supersedes.is_empty();
        let fetched = work.fetch.iter().map(|(index, _)| *index).filter(|_| !work.drop.is_empty());
        fetched.filter(|index| is_heir(&self.feed.torrents[*index])).collect()
    }

    /// Notes what they have in common with torrents that go as theirs, so that it is not dropped to be fetched again.
    async fn inherit(&mut self, heirs: &[usize], work: &Work) -> Result<(), ArchiveError> {
        let going = shed::blobs_of(self.archive, self.mirror, &work.drop)?;
        for index in heirs {
            let torrent = &self.feed.torrents[*index];
            let metainfo = match self.release(&torrent.release).await {
                Ok(()) => fetch_metainfo(self.archive, self.mirror, torrent).await,
                Err(error) => Err(error),
            };
            match metainfo {
                Ok(metainfo) => {
                    let here: HashSet<BlobId> = roots(&metainfo).into_iter().map(|(_, root, _)| root).collect();
                    let here: HashSet<BlobId> = here.intersection(&going).copied().collect();
                    if !here.is_empty() {
                        self.torrent(*index, Some(here)).await?;
                    }
                }
                Err(error) => self.failed(&torrent.name, error)?,
            }
        }
        Ok(())
    }

    /// A plan for which every torrent that has to be was read.
    async fn opened_plan(&mut self, others: &Others, failed: &mut HashSet<String>) -> Result<Work, ArchiveError> {
        let mut work = self.plan(others).await?;
        loop {
            let unopened = work.unopened.iter().filter(|release| !failed.contains(*release));
            let unopened: Vec<String> =
                unopened.filter(|release| !self.releases.contains_key(*release)).cloned().collect();
            if unopened.is_empty() {
                return Ok(work);
            }
            for release in unopened {
                if let Err(error) = self.release(&release).await {
                    self.failed(&release, error)?;
                    failed.insert(release);
                }
            }
            work = self.plan(others).await?;
        }
    }

    async fn shed(&mut self, work: &Work) -> Result<(), ArchiveError> {
        self.report.dropped_bytes += shed::shed(self.archive, self.mirror, &work.drop, self.progress).await?;
        Ok(())
    }

    async fn plan(&self, others: &Others) -> Result<Work, ArchiveError> {
        plan_feed(self.archive, self.mirror, self.feed, others, self.options.budget_bytes).await
    }

    /// Tells the origin what is here and what is about to be, where the operator says so.
    async fn tell(&self) {
        let Some(key) = self.options.key.as_ref().filter(|_| self.mirror.rules.report) else { return };
        if let Err(error) = tell(self.archive, self.mirror, key).await {
            self.progress.note(&format!("the origin could not be told what is here: {}", said(&error)));
        }
    }

    async fn release(&mut self, release: &str) -> Result<(), ArchiveError> {
        if !self.releases.contains_key(release) {
            let manifest = open_release(self.archive, self.mirror, self.feed, release).await?;
            self.releases.insert(release.to_owned(), manifest);
        }
        Ok(())
    }

    /// Fetches a torrent, or these files of it; whether it went well.
    async fn torrent(&mut self, index: usize, files: Option<HashSet<BlobId>>) -> Result<bool, ArchiveError> {
        if self.progress.cancelled() {
            return Err(ArchiveError::Cancelled);
        }
        let name = self.feed.torrents[index].name.clone();
        match self.fetch(index, files).await {
            Ok(()) => Ok(true),
            Err(error) => self.failed(&name, error).map(|()| false),
        }
    }

    fn failed(&mut self, name: &str, error: ArchiveError) -> Result<(), ArchiveError> {
        if matches!(error, ArchiveError::Cancelled) || error.is_full() {
            return Err(error);
        }
        let said = said(&error);
        self.progress.note(&format!("{name}: {said}"));
        self.report.failed.push((name.to_owned(), said));
        Ok(())
    }

    async fn fetch(&mut self, index: usize, wanted: Option<HashSet<BlobId>>) -> Result<(), ArchiveError> {
        let (archive, mirror) = (self.archive, self.mirror);
        let torrent = &self.feed.torrents[index];
        self.release(&torrent.release).await?;
        let manifest = &self.releases[&torrent.release];
        let listed = manifest.torrents.iter().find(|listed| listed.name == torrent.name).ok_or_else(|| {
            ArchiveError::Foreign {
                name: format!("release {}", torrent.release),
                reason: format!("its manifest does not list {}, which the feed does", torrent.name),
            }
        })?;
        let metainfo = fetch_metainfo(archive, mirror, torrent).await?;
        let all = roots(&metainfo);
        let is_wanted = |root: &BlobId| wanted.as_ref().is_none_or(|wanted| wanted.contains(root));
        let bytes = all.iter().filter(|(_, root, _)| is_wanted(root)).map(|(_, _, file)| file.size).sum();
        self.progress.stage(&torrent.name, Some(bytes), Unit::Bytes);
        if !mirror.rules.reuse.is_empty() {
            let lacking: HashMap<u64, Vec<BlobId>> = all.iter().filter(|(_, root, _)| is_wanted(root)).fold(
                HashMap::new(),
                |mut sizes: HashMap<u64, Vec<BlobId>>, (_, root, file)| {
                    sizes.entry(file.size).or_default().push(*root);
                    sizes
                },
            );
            self.report.reused_bytes += reuse::take(archive, &mirror.rules.reuse, lacking, self.progress).await?;
        }
        let fetched = fetch::blobs(archive, mirror, &metainfo, wanted.as_ref(), self.options, self.progress).await?;
        self.report.fetched_bytes += fetched.moved.bytes_downloaded;
        self.report.resumed_bytes += fetched.moved.bytes_already;
        self.report.pieces_refused += fetched.moved.pieces_refused;
        self.report.blobs += fetched.added;
        let before =
            Marker::read(archive, &manifest.release)?.and_then(|mut marker| marker.files.remove(&torrent.name));
        let mut here: HashSet<BlobId> = before.into_iter().flatten().collect();
        here.extend(all.iter().map(|(_, root, _)| *root).filter(is_wanted));
        let whole = all.iter().all(|(_, root, _)| here.contains(root));
        import::rows(archive, mirror, listed, &metainfo, &here, whole, &fetched.hashes).await?;
        mark(archive, mirror, &manifest.release, &torrent.name, &here, whole)?;
        self.report.torrents += u64::from(whole);
        Ok(())
    }
}

/// Sends a report, unless the same was said lately.
async fn tell(archive: &Archive, mirror: &Mirror, key: &SigningKey) -> Result<(), ArchiveError> {
    let (report, signed) = make_report(archive, mirror, key).await?;
    let content = serde_json::to_vec(&(report.serial, &report.have, &report.parts));
    let content = content.map_err(|error| ArchiveError::Bug(error.to_string()))?;
    let told = Told { at_ms: report.at.as_millis(), said: hex::encode(Sha256::digest(&content)) };
    let before = Told::read(archive, mirror);
    if before.said == told.said && (before.at_ms..before.at_ms + SAY_AGAIN_MS).contains(&told.at_ms) {
        return Ok(());
    }
    others::add(archive, mirror, signed.clone())?;
    send_report(mirror, &signed).await?;
    told.write(archive, mirror)
}

/// The audio of a torrent, as far as the metainfo tells: what a role stands for.
pub(super) fn is_audio(torrent: &ManifestTorrent) -> bool {
    torrent.role == Role::Audio
}

/// The roots of a torrent's real files with their paths.
pub(super) fn roots(metainfo: &Metainfo) -> Vec<(usize, BlobId, &fonoteca_torrent::MetaFile)> {
    metainfo.real_files().filter_map(|(index, file)| Some((index, file.root?, file))).collect()
}
