//! Reading a dump into counts on disk, so that a killed import goes on where it was.
//!
//! `state/listens/<start of the file's SHA-256>/` has the counts so far as runs ([`super::tally`]) and `journal.json`, which
//! says how many lines are in the runs that it names. The same bytes give the same lines, so that going on is passing over
//! that many. The folder goes when the file is counted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fonoteca_model::progress::{Progress, Unit};
use serde::{Deserialize, Serialize};

use super::input::{LINE_BYTES, Line, Lines};
use super::tally::{Runs, Tally};
use super::{Rejected, key};
use crate::error::ArchiveError;

const FORMAT: &str = "fonoteca-listens/1";
/// Lines after which counts are written down even if memory is not full.
const LINES_PER_RUN: u64 = 20_000_000;
/// What the runs are called.
const KEYS: &str = "keys";
/// Rejected lines that a report names.
const NAMED: usize = 1000;

/// What one file held.
pub(super) struct Counted {
    /// The counts by key.
    pub(super) keys: Runs,
    /// Lines that hold something.
    pub(super) rows: u64,
    /// Lines that are no listens.
    pub(super) rejected: u64,
    /// The first of them.
    pub(super) named: Vec<Rejected>,
}

/// How far an import is.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
struct Journal {
    format: String,
    /// Lines that are in the runs.
    lines: u64,
    rows: u64,
    rejected: u64,
    runs: usize,
    /// The file of rejected lines, and its bytes.
    rejects: Option<(PathBuf, u64)>,
}

/// Counts the listens of a file in `folder`; goes on if the folder has a part of them already.
pub(super) fn read(
    path: &Path,
    folder: &Path,
    in_memory: usize,
    rejects: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Counted, ArchiveError> {
    let failed = || ArchiveError::io(path, "cannot be read");
    let kept = || ArchiveError::io(folder, "cannot keep the counts");
    fs::create_dir_all(folder).map_err(kept())?;
    let mut journal = resume(folder).map_err(kept())?;
    let mut tally = Tally::resumed(folder, KEYS, in_memory, journal.runs);
    let mut rejects = Rejects::open(rejects, path, journal.rejects.take().as_ref())?;
    let mut lines = Lines::open(path).map_err(failed())?;
    let (mut line, mut number, mut named) = (Line { text: Vec::new(), length: 0 }, 0, Vec::new());
    journal.rejects = rejects.flush()?;
    write_journal(folder, &journal).map_err(kept())?;
    let mut now = journal.clone();
    progress.stage("reading listens", None, Unit::Items);
    while lines.next(&mut line).map_err(failed())? {
        number += 1;
        if number % 4096 == 0 {
            progress.advance(4096);
            if progress.cancelled() {
                // What was counted so far is not lost.
                now.runs = tally.spill().map_err(kept())?;
                now.rejects = rejects.flush()?;
                write_journal(folder, &now).map_err(kept())?;
                return Err(ArchiveError::Cancelled);
            }
        }
        if number <= journal.lines {
            continue;
        }
        now.lines = number;
        let mut full = false;
        if !line.text.trim_ascii().is_empty() {
            now.rows += 1;
            let counted = if line.length > LINE_BYTES as u64 {
                Err(format!("is {} bytes long; at most {LINE_BYTES} are read", line.length))
            } else {
                key::of_line(&line.text)
            };
            match counted {
                Ok(key) => full = tally.add(key.0, 1),
                Err(reason) => {
                    now.rejected += 1;
                    rejects.add(number, &reason)?;
                    if named.len() < NAMED {
                        named.push((number, reason));
                    }
                }
            }
        }
        if full || number - journal.lines >= LINES_PER_RUN {
            now.runs = tally.spill().map_err(kept())?;
            now.rejects = rejects.flush()?;
            write_journal(folder, &now).map_err(kept())?;
            journal = now.clone();
        }
    }
    rejects.flush()?;
    let keys = tally.finish().map_err(kept())?;
    Ok(Counted { keys, rows: now.rows, rejected: now.rejected, named })
}

/// What an interrupted import left that can be gone on with.
fn resume(folder: &Path) -> io::Result<Journal> {
    let nothing = Journal { format: FORMAT.to_owned(), lines: 0, rows: 0, rejected: 0, runs: 0, rejects: None };
    let text = match fs::read(folder.join("journal.json")) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(nothing),
        Err(error) => return Err(error),
    };
    let journal = serde_json::from_slice::<Journal>(&text).ok().filter(|journal| journal.format == FORMAT);
    let whole = journal.filter(|journal| Runs::are_there(folder, KEYS, journal.runs));
    Ok(whole.unwrap_or(nothing))
}

fn write_journal(folder: &Path, journal: &Journal) -> io::Result<()> {
    let staged = folder.join("journal.tmp");
    let mut file = File::create(&staged)?;
    serde_json::to_writer(&mut file, journal)?;
    file.sync_all()?;
    fs::rename(&staged, folder.join("journal.json"))?;
    File::open(folder)?.sync_all()
}

/// A file for the lines that were rejected, one JSON object a line; it is added to.
struct Rejects {
    file: Option<(PathBuf, io::BufWriter<File>)>,
    source: String,
}

impl Rejects {
    /// An import that goes on does so behind `written` bytes: what follows is of lines that are read again.
    fn open(path: Option<&Path>, source: &Path, written: Option<&(PathBuf, u64)>) -> Result<Self, ArchiveError> {
        let open = |path: &Path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            let path = path.as_path();
            let opened = || -> io::Result<File> {
                let file = OpenOptions::new().create(true).append(true).open(path)?;
                if let Some((of, bytes)) = written
                    && of == path
                    && file.metadata()?.len() > *bytes
                {
                    file.set_len(*bytes)?;
                }
                Ok(file)
            };
            let file = opened().map_err(ArchiveError::io(path, "cannot be written"))?;
            Ok::<_, ArchiveError>((path.to_owned(), io::BufWriter::new(file)))
        };
        Ok(Self { file: path.map(open).transpose()?, source: source.display().to_string() })
    }

    fn add(&mut self, line: u64, reason: &str) -> Result<(), ArchiveError> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let reject = serde_json::json!({"file": self.source, "number": line, "field": "", "reason": reason});
        writeln!(file, "{reject}").map_err(ArchiveError::io(path.as_path(), "cannot be written"))
    }

    /// Makes it last; says how many bytes it has.
    fn flush(&mut self) -> Result<Option<(PathBuf, u64)>, ArchiveError> {
        let Some((path, file)) = &mut self.file else { return Ok(None) };
        let mut flushed = || -> io::Result<Option<(PathBuf, u64)>> {
            file.flush()?;
            file.get_ref().sync_all()?;
            Ok(Some((path.clone(), file.get_ref().metadata()?.len())))
        };
        flushed().map_err(ArchiveError::io(path.as_path(), "cannot be written"))
    }
}
