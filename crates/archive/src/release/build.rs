//! Building a release: torrents of the selection from the stored hashes, reading no audio.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use fonoteca_catalog::{Batch, Blob, BlobKind, Event, Outcome, Release, ReleaseStatus, Snapshot};
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::rights::SubjectKind;
use fonoteca_model::{BlobId, Sha256Hash};
use fonoteca_torrent::feed::{Role, SigningKey};
use fonoteca_torrent::{File, Kind, Metainfo, Outside, Selection};
use sha2::{Digest, Sha256};

use super::Options;
use super::cut::{Cut, Cutter};
use super::index::{blob_path, index, licence_label, licences};
use super::list::Earlier;
use super::manifest::{FORMAT, Manifest, ManifestTorrent, ManifestVariant};
use super::metadata;
use super::parts::Part;
use super::select::select;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::ingest::{AGENT, blob_row, only_new};
use crate::rights::stable_id;

/// Builds the release into `releases/<name>/` and records it. The folder appears whole or not at all.
pub async fn build(
    archive: &Archive,
    options: &Options,
    key: &SigningKey,
    progress: &dyn Progress,
) -> Result<Manifest, ArchiveError> {
    options.check()?;
    let target = archive.releases_path().join(&options.name);
    if target.exists() {
        return Err(ArchiveError::Usage(format!(
            "release {:?} is there already; a release is never changed: choose another name",
            options.name
        )));
    }
    let partial = archive.releases_path().join(format!(".{}.partial", options.name));
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(ArchiveError::io(&partial, "cannot be removed"))?;
    }
    std::fs::create_dir_all(&partial).map_err(ArchiveError::io(&partial, "cannot be made"))?;

    let snapshot = archive.snapshot().await?;
    let earlier = Earlier::read(archive).await?;
    let mut builder = Builder {
        archive,
        snapshot: &snapshot,
        options,
        folder: &partial,
        progress,
        all_listens: snapshot.stats().await?.listens.max(1),
        torrents: Vec::new(),
        parts: Vec::new(),
        withdrawn: withdrawn_blobs(&snapshot).await?,
        earlier: &earlier,
        blobs: BTreeMap::new(),
    };
    progress.stage("building torrents", None, Unit::Items);
    let mut cutter = Cutter::new(&options.name, options.limits);
    let left_out = select(archive, &snapshot, &earlier.given_out, async |selected| match cutter.push(selected) {
        Some(cut) => builder.audio(cut).await,
        None => Ok(()),
    })
    .await?;
    if let Some(cut) = cutter.finish() {
        builder.audio(cut).await?;
    }
    if builder.torrents.is_empty() {
        std::fs::remove_dir_all(&partial).map_err(ArchiveError::io(&partial, "cannot be removed"))?;
        let why: Vec<String> = left_out.values().map(|left| format!("{} ({} files)", left.rule, left.files)).collect();
        return Err(ArchiveError::Refused(if why.is_empty() {
            "nothing is held that could be released".to_owned()
        } else {
            format!("nothing may be released; left out: {}", why.join("; "))
        }));
    }
    builder.metadata()?;
    let Builder { torrents, blobs, .. } = builder;
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        release: options.name.clone(),
        archive: archive.name().to_owned(),
        tables: snapshot.versions().iter().map(|(table, version)| (table.name().to_owned(), *version)).collect(),
        torrents,
        left_out: left_out.into_values().collect(),
    };
    seal(&partial, &manifest, key)?;
    record(archive, &manifest, blobs).await?;
    std::fs::rename(&partial, &target).map_err(ArchiveError::io(&target, "cannot be put in place"))?;
    fonoteca_store::sync_folder(&archive.releases_path())?;
    Ok(manifest)
}

async fn withdrawn_blobs(snapshot: &Snapshot) -> Result<HashSet<BlobId>, ArchiveError> {
    let withdrawals = snapshot.withdrawals().await?;
    let blobs = withdrawals.into_iter().filter(|(decision, _)| decision.subject.kind == SubjectKind::Blob);
    Ok(blobs.filter_map(|(decision, _)| decision.subject.key.parse().ok()).collect())
}

struct Builder<'a> {
    archive: &'a Archive,
    snapshot: &'a Snapshot,
    options: &'a Options,
    folder: &'a Path,
    progress: &'a dyn Progress,
    all_listens: i64,
    torrents: Vec<ManifestTorrent>,
    parts: Vec<Part>,
    /// Blobs that were withdrawn by themselves, such as a cover whose artist objects.
    withdrawn: HashSet<BlobId>,
    earlier: &'a Earlier,
    /// Blobs that the release itself makes.
    blobs: BTreeMap<BlobId, Blob>,
}

impl Builder<'_> {
    /// One audio torrent: its audio, the covers that go with it, the index and the licences.
    async fn audio(&mut self, cut: Cut) -> Result<(), ArchiveError> {
        if self.progress.cancelled() {
            return Err(ArchiveError::Cancelled);
        }
        let covers: BTreeSet<BlobId> = cut.files.iter().filter_map(|file| file.held.cover_root).collect();
        let wanted: Vec<BlobId> = cut.files.iter().map(|file| file.held.root).chain(covers.iter().copied()).collect();
        let known = self.snapshot.blobs(&wanted).await?;
        let mut files = Vec::with_capacity(wanted.len() + 2);
        for selected in &cut.files {
            let held = &selected.held;
            let (hashes, _) = known.get(&held.root).ok_or(ArchiveError::MissingBlob { root: held.root })?;
            files.push(File { path: blob_path(held.root, &held.extension), hashes: hashes.clone() });
        }
        let mut given = Vec::new();
        for cover in covers {
            // A cover goes with its audio, unless somebody had the artwork itself withdrawn.
            if let (false, Some((hashes, row))) = (self.withdrawn.contains(&cover), known.get(&cover)) {
                let mut path = blob_path(cover, image_extension(&row.mime));
                path.insert(0, "covers".to_owned());
                files.push(File { path, hashes: hashes.clone() });
                given.push(cover);
            }
        }
        files.push(self.keep("index.jsonl", &index(&cut.files), "application/jsonl", BlobKind::Index).await?);
        files.push(self.keep("LICENCES.txt", &licences(&cut.files), "text/plain", BlobKind::Licence).await?);

        let parts = metadata::write(self.archive, self.snapshot, &cut, &given).await?;
        let rows = parts.iter().filter_map(|part| Some((part.table?.to_owned(), part.hashes.root))).collect();
        self.parts.extend(parts);
        let labels: BTreeSet<String> = cut.files.iter().map(|file| licence_label(&file.verdict)).collect();
        let about = ManifestTorrent {
            popularity: Some([cut.popularity.0, cut.popularity.1]),
            listens_share: (cut.listens as f64 / self.all_listens as f64).clamp(0.0, 1.0),
            licences: labels.into_iter().collect(),
            supersedes: self.earlier.superseded_by(cut.files.iter().map(|file| file.held.root)),
            rows,
            ..nothing_yet(cut.name, Role::Audio)
        };
        self.torrent(about, files)?;
        self.progress.advance(1);
        Ok(())
    }

    async fn keep(&mut self, name: &str, bytes: &[u8], mime: &str, kind: BlobKind) -> Result<File, ArchiveError> {
        let hashes = self.archive.store().put_bytes(bytes).await?.hashes;
        self.blobs.insert(hashes.root, blob_row(&hashes, mime, kind));
        Ok(File { path: vec![name.to_owned()], hashes })
    }

    /// The torrent of all parts of the tables.
    fn metadata(&mut self) -> Result<(), ArchiveError> {
        let parts = std::mem::take(&mut self.parts);
        let mut files = Vec::with_capacity(parts.len());
        for part in parts {
            self.blobs.insert(part.hashes.root, part.row);
            files.push(File { path: part.path, hashes: part.hashes });
        }
        let name = format!("{}-metadata", self.options.name);
        let about = ManifestTorrent { licences: vec!["CC0-1.0".to_owned()], ..nothing_yet(name, Role::Metadata) };
        self.torrent(about, files)
    }

    /// Writes the torrents of `files`, and puts what is known of them beside what `about` says.
    fn torrent(&mut self, mut about: ManifestTorrent, files: Vec<File>) -> Result<(), ArchiveError> {
        about.bytes = files.iter().map(|file| file.hashes.size).sum();
        about.files = files.len() as u64;
        let selection = Selection { name: about.name.clone(), files };
        let outside = Outside {
            announce: self.options.announce().into_iter().map(|url| vec![url]).collect(),
            web_seeds: self.options.web_seed().into_iter().collect(),
            comment: Some(format!("{} of {}", self.options.name, self.archive.name())),
            created_by: Some(AGENT.to_owned()),
            creation_date: Some(self.archive.now().as_seconds()),
            similar: Vec::new(),
        };
        for kind in [Kind::Hybrid, Kind::V1] {
            let metainfo = fonoteca_torrent::build(&selection, kind, &outside)?;
            about.variants.push(self.write_torrent(kind, &metainfo)?);
        }
        self.torrents.push(about);
        Ok(())
    }

    fn write_torrent(&self, kind: Kind, metainfo: &Metainfo) -> Result<ManifestVariant, ArchiveError> {
        let file_name = match kind {
            Kind::Hybrid => format!("{}.torrent", metainfo.name),
            Kind::V1 => format!("{}.v1.torrent", metainfo.name),
        };
        let bytes = metainfo.to_bytes();
        fonoteca_store::write_file(&self.folder.join(&file_name), bytes)?;
        let infohash_v1 = metainfo
            .info_hash_v1
            .ok_or_else(|| ArchiveError::Bug("a torrent was built without a v1 info-hash".to_owned()))?;
        let announce: Vec<String> = self.options.announce().into_iter().collect();
        let web_seeds: Vec<String> = self.options.web_seed().into_iter().collect();
        Ok(ManifestVariant {
            kind,
            infohash_v1,
            infohash_v2: metainfo.info_hash_v2,
            magnet: metainfo.magnet(&announce, &web_seeds, &[]),
            torrent_bytes: bytes.len() as u64,
            torrent_sha256: Sha256Hash(Sha256::digest(bytes).into()),
            path: file_name,
        })
    }
}

/// A torrent of which nothing but its name is known.
fn nothing_yet(name: String, role: Role) -> ManifestTorrent {
    ManifestTorrent {
        name,
        role,
        variants: Vec::new(),
        files: 0,
        bytes: 0,
        popularity: None,
        listens_share: 0.0,
        licences: Vec::new(),
        supersedes: Vec::new(),
        rows: BTreeMap::new(),
    }
}

fn image_extension(mime: &str) -> &'static str {
    match mime {
        "image/png" => "png",
        "image/webp" => "webp",
        "image/gif" => "gif",
        _ => "jpg",
    }
}

/// Writes and signs the manifest, and lists the checksums of all files in the release's folder.
fn seal(folder: &Path, manifest: &Manifest, key: &SigningKey) -> Result<(), ArchiveError> {
    let bytes = manifest.to_bytes();
    fonoteca_store::write_file(&folder.join(Manifest::FILE), &bytes)?;
    let signature = fonoteca_torrent::feed::sign(&bytes, key, &format!("release {}", manifest.release))
        .map_err(|error| ArchiveError::Bug(error.to_string()))?;
    fonoteca_store::write_file(&folder.join(Manifest::SIGNATURE), signature.as_bytes())?;
    fonoteca_store::write_file(&folder.join(Manifest::CHECKSUMS), manifest.checksums(&bytes).as_bytes())?;
    Ok(())
}

async fn record(archive: &Archive, manifest: &Manifest, blobs: BTreeMap<BlobId, Blob>) -> Result<(), ArchiveError> {
    let now = archive.now();
    let writer = archive.catalog().writer().await?;
    let tables = serde_json::to_string(&manifest.tables).map_err(|error| ArchiveError::Bug(error.to_string()))?;
    let text = String::from_utf8(manifest.to_bytes()).map_err(|error| ArchiveError::Bug(error.to_string()))?;
    let batch = Batch {
        blobs: only_new(writer.snapshot(), blobs.into_values().collect()).await?,
        events: vec![Event {
            id: stable_id(&["release", &manifest.release, &now.0.to_string()]),
            at: now,
            kind: "information package creation".to_owned(),
            subject_kind: "release".to_owned(),
            subject: manifest.release.clone(),
            outcome: Outcome::Success,
            detail: Some(format!("{} torrents", manifest.torrents.len())),
            agent: AGENT.to_owned(),
        }],
        releases: vec![Release {
            name: manifest.release.clone(),
            at: now,
            serial: 0,
            status: ReleaseStatus::Built,
            tables,
            manifest: text.clone(),
            supersedes: None,
        }],
        ..Batch::default()
    };
    // A build that was killed here and finds other tables the next time is another job.
    writer.commit(&format!("release-{}", stable_id(&[&manifest.release, &text])), 0, batch).await?;
    Ok(())
}
