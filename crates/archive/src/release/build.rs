//! Building a release: torrents of the selection from the stored hashes, reading no audio.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use fonoteca_catalog::{Batch, Blob, BlobKind, Event, Outcome, Release, ReleaseStatus, Snapshot};
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::rights::SubjectKind;
use fonoteca_model::{BlobHashes, BlobId};
use fonoteca_torrent::File;
use fonoteca_torrent::feed::{Role, SigningKey};

use super::cut::{Cut, Cutter};
use super::index::{blob_path, file_path, index, licence_label, licences};
use super::list::Earlier;
use super::manifest::{FORMAT, Manifest, ManifestTorrent};
use super::metadata::{self, Rows};
use super::parts::Part;
use super::plan::LeftOut;
use super::select::{Selected, select};
use super::tail::Given;
use super::torrents::Torrents;
use super::{Options, catalogue};
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
    let earlier = Earlier::read(archive, &snapshot, options.recut).await?;
    let mut builder = Builder {
        archive,
        snapshot: &snapshot,
        release: &options.name,
        writer: Torrents::new(archive, options, partial.clone()),
        progress,
        all_listens: snapshot.stats().await?.listens.max(1),
        waiting: Vec::new(),
        torrents: Vec::new(),
        parts: Vec::new(),
        withdrawn: withdrawn_blobs(&snapshot).await?,
        earlier: &earlier,
        blobs: BTreeMap::new(),
    };
    progress.stage("building torrents", None, Unit::Items);
    let mut cutter = Cutter::new(&options.name, &options.bands, options.limits);
    let mut lacking = Lacking::default();
    let left_out = select(archive, &snapshot, options, &earlier.given_out, async |selected| {
        if lacking.notes(&selected) {
            return Ok(());
        }
        match cutter.push(selected) {
            Some(cut) => builder.audio(cut).await,
            None => Ok(()),
        }
    })
    .await?;
    if let Some(cut) = cutter.finish() {
        builder.audio(cut).await?;
    }
    builder.window().await?;
    let nothing = builder.torrents.is_empty();
    if let Some(refusal) = lacking.refusal(&options.name).or_else(|| nothing.then(|| of_nothing(&left_out))) {
        std::fs::remove_dir_all(&partial).map_err(ArchiveError::io(&partial, "cannot be removed"))?;
        return Err(refusal);
    }
    builder.metadata()?;
    let Builder { mut torrents, mut blobs, writer, .. } = builder;
    let name = catalogue::name_of(&options.name);
    let catalogue = catalogue::write(archive, &snapshot, &earlier, &options.name, &torrents, progress).await?;
    blobs.extend(catalogue.blobs.into_iter().map(|blob| (blob.root, blob)));
    let licences = vec!["CC0-1.0".to_owned()];
    let (rows, supersedes) = (catalogue.rows, catalogue.supersedes);
    let about = ManifestTorrent { licences, supersedes, rows, ..nothing_yet(name, Role::Metadata) };
    torrents.push(writer.write(about, catalogue.files, catalogue.similar)?);
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        release: options.name.clone(),
        archive: archive.name().to_owned(),
        tables: snapshot.versions().iter().map(|(table, version)| (table.name().to_owned(), *version)).collect(),
        made: options.made(),
        torrents,
        left_out: left_out.into_values().collect(),
    };
    seal(&partial, &manifest, key)?;
    record(archive, &manifest, blobs).await?;
    std::fs::rename(&partial, &target).map_err(ArchiveError::io(&target, "cannot be put in place"))?;
    fonoteca_store::sync_folder(&archive.releases_path())?;
    Ok(manifest)
}

fn of_nothing(left_out: &BTreeMap<String, LeftOut>) -> ArchiveError {
    let why: Vec<String> = left_out.values().map(|left| format!("{} ({} files)", left.rule, left.files)).collect();
    ArchiveError::Refused(if why.is_empty() {
        "nothing is held that could be released".to_owned()
    } else {
        format!("nothing may be released; left out: {}", why.join("; "))
    })
}

/// Copies that nobody made yet.
#[derive(Debug, Default)]
struct Lacking {
    files: u64,
    first: Vec<BlobId>,
}

/// Lacking copies that an error names.
const NAMED: usize = 3;

impl Lacking {
    /// Whether a file's copy is lacking.
    fn notes(&mut self, selected: &Selected) -> bool {
        let lacks = matches!(selected.given, Given::Lacking { .. });
        if lacks {
            self.files += 1;
            if self.first.len() < NAMED {
                self.first.push(selected.held.root);
            }
        }
        lacks
    }

    fn refusal(&self, release: &str) -> Option<ArchiveError> {
        let first: Vec<String> = self.first.iter().map(ToString::to_string).collect();
        let more = if self.files > self.first.len() as u64 { ", …" } else { "" };
        (self.files > 0).then(|| {
            ArchiveError::Usage(format!(
                "{} files lack their copy for the long tail ({}{more}): run `fonoteca release prepare {release}` with the \
                 same options first",
                self.files,
                first.join(", ")
            ))
        })
    }
}

pub(super) async fn withdrawn_blobs(snapshot: &Snapshot) -> Result<HashSet<BlobId>, ArchiveError> {
    let withdrawals = snapshot.withdrawals().await?;
    let blobs = withdrawals.into_iter().filter(|(decision, _)| decision.subject.kind == SubjectKind::Blob);
    Ok(blobs.filter_map(|(decision, _)| decision.subject.key.parse().ok()).collect())
}

/// Files about which the tables are asked at once.
const WINDOW: usize = 20_000;

struct Builder<'a> {
    archive: &'a Archive,
    snapshot: &'a Snapshot,
    release: &'a str,
    writer: Torrents,
    progress: &'a dyn Progress,
    all_listens: i64,
    /// Torrents that are cut and not built yet.
    waiting: Vec<Cut>,
    torrents: Vec<ManifestTorrent>,
    parts: Vec<Part>,
    /// Blobs that were withdrawn by themselves, such as a cover whose artist objects.
    withdrawn: HashSet<BlobId>,
    earlier: &'a Earlier,
    /// Blobs that the release itself makes.
    blobs: BTreeMap<BlobId, Blob>,
}

impl Builder<'_> {
    /// Takes one more torrent, and builds those that wait where they are many.
    async fn audio(&mut self, cut: Cut) -> Result<(), ArchiveError> {
        self.waiting.push(cut);
        let files: usize = self.waiting.iter().map(|cut| cut.files.len()).sum();
        if files >= WINDOW { self.window().await } else { Ok(()) }
    }

    /// Builds the torrents that wait: a question to the tables costs the same for one as for all of them.
    async fn window(&mut self) -> Result<(), ArchiveError> {
        let cuts = std::mem::take(&mut self.waiting);
        let files = || cuts.iter().flat_map(|cut| &cut.files);
        let wanted: BTreeSet<BlobId> =
            files().flat_map(|file| [Some(file.root()), file.held.cover_root]).flatten().collect();
        let known = self.snapshot.blobs(&wanted.into_iter().collect::<Vec<_>>()).await?;
        let rows = Rows::load(self.snapshot, files()).await?;
        for cut in cuts {
            if self.progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            self.build(&cut, &known, &rows).await?;
            self.progress.advance(1);
        }
        Ok(())
    }

    /// One audio torrent: its audio, the covers that go with it, the index and the licences.
    async fn build(
        &mut self,
        cut: &Cut,
        known: &HashMap<BlobId, (BlobHashes, Blob)>,
        rows: &Rows,
    ) -> Result<(), ArchiveError> {
        let mut files = Vec::with_capacity(cut.files.len() + 2);
        for selected in &cut.files {
            let root = selected.root();
            let (hashes, _) = known.get(&root).ok_or(ArchiveError::MissingBlob { root })?;
            files.push(File { path: file_path(selected), hashes: hashes.clone() });
        }
        let mut given = Vec::new();
        for cover in cut.files.iter().filter_map(|file| file.held.cover_root).collect::<BTreeSet<_>>() {
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

        let parts = metadata::write(self.archive, rows.of(cut), cut, &given).await?;
        let rows = parts.iter().filter_map(|part| Some((part.table?.to_owned(), part.hashes.root))).collect();
        self.parts.extend(parts);
        let labels: BTreeSet<String> = cut.files.iter().map(|file| licence_label(&file.verdict)).collect();
        let (supersedes, similar) = self.earlier.replaced_by(cut.files.iter().map(Selected::root));
        let about = ManifestTorrent {
            popularity: Some([cut.popularity.0, cut.popularity.1]),
            listens_share: (cut.listens as f64 / self.all_listens as f64).clamp(0.0, 1.0),
            licences: labels.into_iter().collect(),
            supersedes,
            rows,
            ..nothing_yet(cut.name.clone(), Role::Audio)
        };
        self.torrents.push(self.writer.write(about, files, similar)?);
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
        let name = format!("{}-metadata", self.release);
        let about = ManifestTorrent { licences: vec!["CC0-1.0".to_owned()], ..nothing_yet(name, Role::Metadata) };
        self.torrents.push(self.writer.write(about, files, Vec::new())?);
        Ok(())
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

pub(super) fn image_extension(mime: &str) -> &'static str {
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
