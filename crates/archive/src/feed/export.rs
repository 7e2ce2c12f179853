//! Everything that a plain web server or an object store needs to give the archive's releases out: feed, pages, RSS,
//! torrents, manifests, and, if asked for, the files themselves as a web seed (BEP 19).
//!
//! Only what changed is written, each file whole or not at all, and `feed.json` last; what is given out no more is removed
//! after that. A withdrawal reaches the copy with the next export.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use fonoteca_model::BlobId;
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_torrent::feed::{Document, Feed};
use serde::Serialize;

use super::own::pages_folder;
use super::{FEED, Own, SIGNATURE, channels, rss};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::published::Located;
use crate::release::Manifest;

/// How audio gets into the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithFiles {
    /// None is added: torrents only. Those of an earlier export stay for as long as they are given out.
    No,
    /// By hard link where the copy is on the same file system, and copied where not. Whoever changes such a file changes the
    /// archive's.
    Link,
    /// Copied.
    Copy,
}

/// How to export.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The folder; new, empty, or of an earlier export.
    pub to: PathBuf,
    /// The files, too.
    pub with_files: WithFiles,
    /// Where the copy is reached; without it there is no RSS, which needs whole addresses.
    pub url: Option<String>,
}

/// What an export did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ExportReport {
    /// The feed's serial.
    pub serial: u64,
    /// Files written.
    pub written: u64,
    /// Bytes of them; linked files count as none.
    pub written_bytes: u64,
    /// Files that were there already.
    pub unchanged: u64,
    /// Files removed, since they are given out no more.
    pub removed: u64,
    /// Whether RSS was written.
    pub rss: bool,
}

/// The folders of an export in which what is not expected is removed.
const FOLDERS: [&str; 4] = ["pages", "releases", "rss", "webseed"];

/// Says what the folder is.
const MARKER: &str = "EXPORT.txt";

/// Exports what is published now.
pub async fn export(
    archive: &Archive,
    options: &ExportOptions,
    progress: &dyn Progress,
) -> Result<ExportReport, ArchiveError> {
    let own = Own::read(archive)?
        .ok_or_else(|| ArchiveError::Usage("nothing is published yet: `fonoteca feed publish` does it".to_owned()))?;
    let feed = own.feed(archive)?;
    let mut writer = Writer::new(archive, options, feed.serial)?;
    let before = std::fs::read(options.to.join(FEED)).ok().and_then(|bytes| Document::from_bytes(&bytes).ok());
    progress.stage("exporting", None, Unit::Items);
    releases(archive, &feed, &mut writer)?;
    files(archive, &feed, options.with_files, &mut writer, progress).await?;
    for page in own.document.pages() {
        let path = pages_folder(archive).join(page.file_name());
        let bytes = std::fs::read(&path).map_err(ArchiveError::io(path, "cannot be read"))?;
        writer.put(&page.path(), &bytes)?;
    }
    let base = options.url.clone().or_else(|| archive.settings().publish.url.clone());
    if let Some(base) = base {
        for (path, (channel, kind)) in channels(&feed) {
            writer.put(&path, rss(&feed, &base, &path, &channel, kind).as_bytes())?;
        }
        writer.report.rss = true;
    }
    writer.put(SIGNATURE, own.signature.as_bytes())?;
    writer.put(FEED, &own.bytes)?;
    // Whoever has just read the feed before this one still finds its pages.
    for page in before.iter().flat_map(Document::pages) {
        writer.expected.insert(PathBuf::from(page.path()));
    }
    writer.remove_others()?;
    Ok(writer.report)
}

fn releases(archive: &Archive, feed: &Feed, writer: &mut Writer<'_>) -> Result<(), ArchiveError> {
    let mut files: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for torrent in &feed.torrents {
        let of_release = files.entry(torrent.release.as_str()).or_default();
        of_release
            .extend(torrent.variants.iter().filter_map(|variant| variant.path.rsplit('/').next().map(str::to_owned)));
    }
    for (release, torrents) in files {
        let folder = archive.releases_path().join(release);
        let documents = [Manifest::SIGNATURE, Manifest::CHECKSUMS, Manifest::FILE].map(str::to_owned);
        for name in torrents.into_iter().chain(documents) {
            let path = folder.join(&name);
            let bytes = std::fs::read(&path).map_err(ArchiveError::io(path, "cannot be read"))?;
            writer.put(&format!("releases/{release}/{name}"), &bytes)?;
        }
    }
    Ok(())
}

/// The files of the torrents as a web seed has them: `webseed/<torrent>/<path>`. Padding (BEP 47) is a file of zeros, which
/// takes no room where the file system knows holes.
async fn files(
    archive: &Archive,
    feed: &Feed,
    how: WithFiles,
    writer: &mut Writer<'_>,
    progress: &dyn Progress,
) -> Result<(), ArchiveError> {
    let published = archive.published().await?;
    for torrent in &feed.torrents {
        let Some(given) = published.torrents.get(&torrent.name) else { continue };
        let contents = archive.contents(&published, given).await?;
        for (path, located) in contents.all() {
            if progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            let to = format!("webseed/{}/{path}", torrent.name);
            let size = match located {
                Located::Padding(size) => size,
                Located::File(file) if file.may_distribute => file.size,
                Located::File(_) => continue,
            };
            if writer.is_there(&to, size) || how == WithFiles::No {
                continue;
            }
            match located {
                Located::Padding(size) => writer.zeros(&to, size)?,
                Located::File(file) => {
                    blob(archive, file.root, how, &to, writer).await?;
                    progress.advance(1);
                }
            }
        }
    }
    Ok(())
}

async fn blob(
    archive: &Archive,
    root: BlobId,
    how: WithFiles,
    to: &str,
    writer: &mut Writer<'_>,
) -> Result<(), ArchiveError> {
    let from = archive.store().locate(root).await?.ok_or(ArchiveError::MissingBlob { root })?;
    // A file in place is somebody's own, who may change it.
    let is_own = from.starts_with(archive.root());
    writer.file(to, &from, how == WithFiles::Link && is_own)
}

/// Writes into the folder of an export.
struct Writer<'a> {
    to: &'a Path,
    expected: HashSet<PathBuf>,
    report: ExportReport,
}

impl<'a> Writer<'a> {
    fn new(archive: &Archive, options: &'a ExportOptions, serial: u64) -> Result<Self, ArchiveError> {
        let to = options.to.as_path();
        std::fs::create_dir_all(to).map_err(ArchiveError::io(to, "cannot be made"))?;
        let canonical = |path: &Path| std::fs::canonicalize(path).map_err(ArchiveError::io(path, "cannot be read"));
        let (there, own) = (canonical(to)?, canonical(archive.root())?);
        if there.starts_with(&own) || own.starts_with(&there) {
            return Err(ArchiveError::Usage(format!("{}: give a folder outside the archive", to.display())));
        }
        let mut entries = std::fs::read_dir(to).map_err(ArchiveError::io(to, "cannot be read"))?;
        if !to.join(MARKER).is_file() && entries.next().is_some() {
            return Err(ArchiveError::Usage(format!(
                "{} has other files in it: give a new folder, or that of an earlier export",
                to.display()
            )));
        }
        let mut writer =
            Self { to, expected: HashSet::new(), report: ExportReport { serial, ..ExportReport::default() } };
        // First of all, so that an export that was killed is known for what it is.
        writer
            .put(MARKER, b"Written by `fonoteca feed publish --to`; what is not of the feed is removed from here.\n")?;
        for folder in FOLDERS {
            let path = to.join(folder);
            std::fs::create_dir_all(&path).map_err(ArchiveError::io(path, "cannot be made"))?;
        }
        Ok(writer)
    }

    fn place(&mut self, path: &str) -> Result<PathBuf, ArchiveError> {
        self.expected.insert(PathBuf::from(path));
        let place = self.to.join(path);
        let folder = place.parent().unwrap_or(self.to);
        std::fs::create_dir_all(folder).map_err(ArchiveError::io(folder, "cannot be made"))?;
        Ok(place)
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        let place = self.place(path)?;
        if std::fs::read(&place).is_ok_and(|there| there == bytes) {
            self.report.unchanged += 1;
            return Ok(());
        }
        fonoteca_store::write_file(&place, bytes)?;
        self.report.written += 1;
        self.report.written_bytes += bytes.len() as u64;
        Ok(())
    }

    /// A file named by its content is the same if it is as long.
    fn is_there(&mut self, path: &str, size: u64) -> bool {
        let there = std::fs::metadata(self.to.join(path)).is_ok_and(|metadata| metadata.len() == size);
        if there {
            self.expected.insert(PathBuf::from(path));
            self.report.unchanged += 1;
        }
        there
    }

    fn zeros(&mut self, path: &str, size: u64) -> Result<(), ArchiveError> {
        let place = self.place(path)?;
        let file = std::fs::File::create(&place).map_err(ArchiveError::io(&place, "cannot be written"))?;
        file.set_len(size).map_err(ArchiveError::io(&place, "cannot be written"))?;
        self.report.written += 1;
        Ok(())
    }

    fn file(&mut self, path: &str, from: &Path, link: bool) -> Result<(), ArchiveError> {
        let place = self.place(path)?;
        let partial = place.with_file_name(".partial");
        // What a killed export left is begun anew; a name that is not there is as good.
        let _ = std::fs::remove_file(&partial);
        if !(link && std::fs::hard_link(from, &partial).is_ok()) {
            self.report.written_bytes +=
                std::fs::copy(from, &partial).map_err(ArchiveError::io(&partial, "cannot be written"))?;
            std::fs::File::open(&partial)
                .and_then(|file| file.sync_all())
                .map_err(ArchiveError::io(&partial, "cannot be written"))?;
        }
        std::fs::rename(&partial, &place).map_err(ArchiveError::io(&place, "cannot be put in place"))?;
        self.report.written += 1;
        Ok(())
    }

    fn remove_others(&mut self) -> Result<(), ArchiveError> {
        for folder in FOLDERS {
            for entry in walkdir::WalkDir::new(self.to.join(folder)).contents_first(true) {
                let entry = entry.map_err(|error| ArchiveError::Io {
                    path: self.to.join(folder),
                    what: "cannot be read",
                    source: error.into(),
                })?;
                let Ok(path) = entry.path().strip_prefix(self.to) else { continue };
                if entry.file_type().is_dir() {
                    // One that is not empty stays.
                    if entry.depth() > 0 {
                        let _ = std::fs::remove_dir(entry.path());
                    }
                } else if !self.expected.contains(path) {
                    std::fs::remove_file(entry.path()).map_err(ArchiveError::io(entry.path(), "cannot be removed"))?;
                    self.report.removed += 1;
                }
            }
        }
        Ok(())
    }
}
