//! A selection in the forms in which archives hand things on: BagIt bags (RFC 8493) and an OCFL storage root (OCFL 1.1).
//!
//! What may be exported is what may be given to anyone. Each blob is checked against its root on its way out; one that is not
//! what it was is named and left out. A bag or an object is there whole or not at all, and what is there is not made again.

mod bagit;
mod ocfl;
mod premis;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use fonoteca_catalog::{Blob, Event, Snapshot};
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::{BlobHasher, BlobHashes, BlobId};
use futures::TryStreamExt;
use serde::Serialize;
use sha2::{Digest, Sha256, Sha512};

use super::Options;
use super::build::withdrawn_blobs;
use super::cut::{Cut, Cutter};
use super::plan::{LeftOut, plan_without};
use super::select::{Selected, select};
use super::tail::Given;
use crate::archive::Archive;
use crate::error::{ArchiveError, said};

/// In which form to hand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Bags with the content that torrents of the selection would have.
    BagIt,
    /// A storage root with an object a file.
    Ocfl,
}

/// What `release export` did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ExportReport {
    /// Bags or objects that were made.
    pub packages: u64,
    /// Bags or objects that were there already.
    pub present: u64,
    /// Audio files in what was made.
    pub files: u64,
    /// Bytes in what was made.
    pub bytes: u64,
    /// Blobs that could not be exported, and why.
    pub failed: Vec<(BlobId, String)>,
    /// What is left out, by rule.
    pub left_out: Vec<LeftOut>,
}

/// Writes the selection below `folder`, which is made. Interrupted or killed, it goes on where it was.
pub async fn export(
    archive: &Archive,
    options: &Options,
    shape: Shape,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<ExportReport, ArchiveError> {
    let snapshot = archive.snapshot().await?;
    let planned = plan_without(archive, &snapshot, options, &HashSet::new()).await?;
    if planned.files() == 0 {
        let why: Vec<String> = planned.left_out.iter().map(|left| left.rule.clone()).collect();
        return Err(ArchiveError::Refused(format!("nothing may be exported; left out: {}", why.join("; "))));
    }
    if let Some(tail) = planned.tail.filter(|tail| tail.lacking > 0) {
        return Err(ArchiveError::Usage(format!(
            "{} files lack their copy for the long tail: run `fonoteca release prepare` with the same options first",
            tail.lacking
        )));
    }
    std::fs::create_dir_all(folder).map_err(ArchiveError::io(folder, "cannot be made"))?;
    if shape == Shape::Ocfl {
        ocfl::root(folder)?;
    }
    progress.stage("exporting", Some(planned.bytes()), Unit::Bytes);
    let mut exporter = Exporter {
        archive,
        snapshot: &snapshot,
        folder,
        shape,
        progress,
        withdrawn: withdrawn_blobs(&snapshot).await?,
        report: ExportReport::default(),
    };
    let mut cutter = Cutter::new(&options.name, &options.bands, options.limits);
    let left_out = select(archive, &snapshot, options, &HashSet::new(), async |selected| match cutter.push(selected) {
        Some(cut) => exporter.cut(cut).await,
        None => Ok(()),
    })
    .await?;
    if let Some(cut) = cutter.finish() {
        exporter.cut(cut).await?;
    }
    let mut report = exporter.report;
    report.left_out = left_out.into_values().collect();
    Ok(report)
}

struct Exporter<'a> {
    archive: &'a Archive,
    snapshot: &'a Snapshot,
    folder: &'a Path,
    shape: Shape,
    progress: &'a dyn Progress,
    /// Covers among them do not go with their audio.
    withdrawn: HashSet<BlobId>,
    report: ExportReport,
}

/// What is known of the files of a cut.
struct Known {
    blobs: HashMap<BlobId, (BlobHashes, Blob)>,
    events: HashMap<BlobId, Vec<Event>>,
}

/// A file that was written out.
#[derive(Debug, Clone)]
struct Written {
    sha256: String,
    sha512: String,
    bytes: u64,
}

impl Exporter<'_> {
    async fn cut(&mut self, cut: Cut) -> Result<(), ArchiveError> {
        let roots: BTreeSet<BlobId> = cut
            .files
            .iter()
            .flat_map(|file| [Some(file.root()), Some(file.held.root), file.held.cover_root])
            .flatten()
            .collect();
        let roots: Vec<BlobId> = roots.into_iter().collect();
        let keys: Vec<String> = roots.iter().map(ToString::to_string).collect();
        let mut events: HashMap<BlobId, Vec<Event>> = HashMap::new();
        for event in self.snapshot.rows_by::<Event, String>("subject", &keys).await? {
            if let (true, Ok(root)) = (event.subject_kind == "blob", event.subject.parse()) {
                events.entry(root).or_default().push(event);
            }
        }
        events.values_mut().for_each(|events| events.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id))));
        let mut blobs = self.snapshot.blobs(&roots).await?;
        blobs.retain(|root, _| !self.withdrawn.contains(root));
        let known = Known { blobs, events };
        match self.shape {
            Shape::BagIt => bagit::bag(self, &cut, &known).await,
            Shape::Ocfl => {
                for file in &cut.files {
                    ocfl::object(self, file, &known).await?;
                }
                Ok(())
            }
        }
    }

    /// Writes a blob to `path`, whole and proved, or says why not.
    async fn write_blob(&self, root: BlobId, path: &Path) -> Result<Written, ArchiveError> {
        let store = self.archive.store();
        let size = store.size(root).await?.ok_or(ArchiveError::MissingBlob { root })?;
        let failed = || ArchiveError::io(path, "cannot be written");
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(ArchiveError::io(parent, "cannot be made"))?;
        }
        let mut file = File::create(path).map_err(failed())?;
        let (mut sha256, mut sha512, mut hasher) = (Sha256::new(), Sha512::new(), BlobHasher::new());
        let mut bytes = store.read(root, 0..size).await?;
        while let Some(some) = bytes.try_next().await? {
            if self.progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            hasher.update(&some);
            match self.shape {
                Shape::BagIt => sha256.update(&some),
                Shape::Ocfl => {
                    sha256.update(&some);
                    sha512.update(&some);
                }
            }
            file.write_all(&some).map_err(failed())?;
            self.progress.advance(some.len() as u64);
        }
        if hasher.finish().map(|hashes| hashes.root) != Some(root) {
            return Err(ArchiveError::Damaged { what: format!("blob {root} has other bytes than its name says") });
        }
        file.sync_all().map_err(failed())?;
        Ok(Written { sha256: hex::encode(sha256.finalize()), sha512: hex::encode(sha512.finalize()), bytes: size })
    }

    /// Whether an error is about one blob, so that the others go on; it is kept under the blob's name.
    fn gives_up(&mut self, root: BlobId, error: ArchiveError) -> Result<(), ArchiveError> {
        match error {
            ArchiveError::Damaged { .. } | ArchiveError::MissingBlob { .. } | ArchiveError::Store(_)
                if !error.is_full() =>
            {
                let reason = said(&error);
                self.progress.note(&format!("{root}: {reason}"));
                self.report.failed.push((root, reason));
                Ok(())
            }
            error => Err(error),
        }
    }
}

/// Writes a small file.
fn write_text(path: &Path, bytes: &[u8]) -> Result<(), ArchiveError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(ArchiveError::io(parent, "cannot be made"))?;
    }
    std::fs::write(path, bytes).map_err(ArchiveError::io(path, "cannot be written"))
}

/// The files of a cut whose blobs are the covers, by their path in a package.
fn covers(cut: &[Selected], known: &Known) -> BTreeMap<BlobId, Vec<String>> {
    let roots = cut.iter().filter_map(|file| file.held.cover_root);
    roots
        .filter_map(|root| {
            let (_, row) = known.blobs.get(&root)?;
            let mut path = super::index::blob_path(root, super::build::image_extension(&row.mime));
            path.insert(0, "covers".to_owned());
            Some((root, path))
        })
        .collect()
}

/// Whether the blob of a file is a copy that was made here.
fn is_copy(file: &Selected) -> bool {
    matches!(file.given, Given::Copy { .. })
}
