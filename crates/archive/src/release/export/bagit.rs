//! BagIt 1.0 (RFC 8493): a bag for each torrent that the selection would make, with the same files in it.
//!
//! A bag is made in a hidden folder beside its place, with a journal of what is in it already; then it gets its name.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use fonoteca_model::BlobId;
use sha2::{Digest, Sha256};

use super::super::cut::Cut;
use super::super::index::{file_path, index, licences};
use super::super::select::Selected;
use super::{Exporter, Known, Written, covers, premis, write_text};
use crate::error::ArchiveError;
use crate::ingest::AGENT;

const JOURNAL: &str = ".written";
const INDEX: &str = "data/index.jsonl";

pub(super) async fn bag(exporter: &mut Exporter<'_>, cut: &Cut, known: &Known) -> Result<(), ArchiveError> {
    let target = exporter.folder.join(&cut.name);
    let is_there = |of: &Path| std::fs::read(of.join(INDEX)).ok().is_some_and(|is| is == index(&cut.files));
    if target.exists() {
        if is_there(&target) {
            exporter.report.present += 1;
            return Ok(());
        }
        return Err(ArchiveError::Usage(format!(
            "{} is there already and holds something else: export into another folder, or under another name",
            target.display()
        )));
    }
    let partial = exporter.folder.join(format!(".{}.partial", cut.name));
    if partial.exists() && !is_there(&partial) {
        std::fs::remove_dir_all(&partial).map_err(ArchiveError::io(&partial, "cannot be removed"))?;
    }
    write_text(&partial.join(INDEX), &index(&cut.files))?;
    let mut making = Making::open(partial.clone())?;
    let mut given: Vec<(&Selected, Written)> = Vec::new();
    for file in &cut.files {
        if let Some(written) = making.add(exporter, file.root(), &file_path(file)).await? {
            given.push((file, written));
        }
    }
    for (cover, path) in covers(&cut.files, known) {
        making.add(exporter, cover, &path).await?;
    }
    making.text(INDEX, &index(&cut.files))?;
    making.text("data/LICENCES.txt", &licences(&cut.files))?;
    let files: Vec<(&Selected, &Written)> = given.iter().map(|(file, written)| (*file, written)).collect();
    let bytes = making.seal(exporter, cut, &premis::document(&files, known))?;
    std::fs::rename(&partial, &target).map_err(ArchiveError::io(&target, "cannot be put in place"))?;
    fonoteca_store::sync_folder(exporter.folder)?;
    exporter.report.packages += 1;
    exporter.report.files += given.len() as u64;
    exporter.report.bytes += bytes;
    Ok(())
}

/// A bag in the making.
struct Making {
    folder: PathBuf,
    journal: File,
    /// By path below the bag.
    payload: BTreeMap<String, Written>,
}

impl Making {
    /// Goes on where the journal says.
    fn open(folder: PathBuf) -> Result<Self, ArchiveError> {
        let path = folder.join(JOURNAL);
        let mut payload = BTreeMap::new();
        if let Ok(journal) = File::open(&path) {
            // A line that is torn is the last one, and counts as none.
            for line in BufReader::new(journal).lines().map_while(Result::ok) {
                let mut parts = line.splitn(3, ' ');
                let (Some(sha256), Some(Ok(bytes)), Some(name)) =
                    (parts.next(), parts.next().map(str::parse::<u64>), parts.next())
                else {
                    break;
                };
                let is_there = std::fs::metadata(folder.join(name)).is_ok_and(|file| file.len() == bytes);
                if is_there && sha256.len() == 64 {
                    let written = Written { sha256: sha256.to_owned(), sha512: String::new(), bytes };
                    payload.insert(name.to_owned(), written);
                }
            }
        }
        let journal = OpenOptions::new().create(true).append(true).open(&path);
        let mut journal = journal.map_err(ArchiveError::io(&path, "cannot be written"))?;
        // What follows a torn line is a line again; an empty one ends the reading, so that nothing torn is believed.
        if std::fs::read(&path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n')) {
            journal = File::create(&path).map_err(ArchiveError::io(&path, "cannot be written"))?;
            for (name, written) in &payload {
                note(&mut journal, &path, name, written)?;
            }
        }
        Ok(Self { folder, journal, payload })
    }

    /// Adds a blob; none where it cannot be.
    async fn add(
        &mut self,
        exporter: &mut Exporter<'_>,
        root: BlobId,
        path: &[String],
    ) -> Result<Option<Written>, ArchiveError> {
        let name = format!("data/{}", path.join("/"));
        if let Some(written) = self.payload.get(&name) {
            exporter.progress.advance(written.bytes);
            return Ok(Some(written.clone()));
        }
        let file = self.folder.join(&name);
        match exporter.write_blob(root, &file).await {
            Ok(written) => {
                note(&mut self.journal, &self.folder, &name, &written)?;
                self.payload.insert(name, written.clone());
                Ok(Some(written))
            }
            Err(error) => {
                let _ = std::fs::remove_file(&file);
                exporter.gives_up(root, error).map(|()| None)
            }
        }
    }

    /// Adds a file of the payload that is made here.
    fn text(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        write_text(&self.folder.join(name), bytes)?;
        let sha256 = hex::encode(Sha256::digest(bytes));
        self.payload.insert(name.to_owned(), Written { sha256, sha512: String::new(), bytes: bytes.len() as u64 });
        Ok(())
    }

    /// Writes the tag files, which make it a bag. Returns the payload's bytes.
    fn seal(self, exporter: &Exporter<'_>, cut: &Cut, premis: &str) -> Result<u64, ArchiveError> {
        let bytes: u64 = self.payload.values().map(|written| written.bytes).sum();
        let mut manifest = String::new();
        for (name, written) in &self.payload {
            let _ = writeln!(manifest, "{}  {name}", written.sha256);
        }
        let line = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        let now = exporter.archive.now().to_string();
        let information = format!(
            "Source-Organization: {}\nBagging-Date: {}\nBag-Software-Agent: {AGENT}\nExternal-Identifier: {}\n\
             External-Description: Music that may be given to anyone, with an index, licences and PREMIS events\n\
             Payload-Oxum: {bytes}.{}\n",
            line(exporter.archive.name()),
            now.get(..10).unwrap_or(&now),
            cut.name,
            self.payload.len()
        );
        let tags = [
            ("bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"),
            ("bag-info.txt", &information),
            ("manifest-sha256.txt", &manifest),
            ("metadata/premis.xml", premis),
        ];
        let mut tag_manifest = String::new();
        for (name, text) in tags {
            write_text(&self.folder.join(name), text.as_bytes())?;
            let _ = writeln!(tag_manifest, "{}  {name}", hex::encode(Sha256::digest(text)));
        }
        write_text(&self.folder.join("tagmanifest-sha256.txt"), tag_manifest.as_bytes())?;
        let journal = self.folder.join(JOURNAL);
        std::fs::remove_file(&journal).map_err(ArchiveError::io(&journal, "cannot be removed"))?;
        Ok(bytes)
    }
}

fn note(journal: &mut File, path: &Path, name: &str, written: &Written) -> Result<(), ArchiveError> {
    let line = format!("{} {} {name}\n", written.sha256, written.bytes);
    journal.write_all(line.as_bytes()).map_err(ArchiveError::io(path, "cannot be written"))
}
