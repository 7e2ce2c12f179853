//! How far an import got, on local disk, so that the same command goes on after a kill: `state/imports/<key>/`.
//!
//! `journal.jsonl` begins with a line that says what is imported, followed by a line for each batch whose files are written;
//! every line is made durable before the next batch begins. A last line that is torn is none. `rejects.jsonl` has what
//! was not understood; the journal says how much of it belongs to complete batches. `lock` is held by the process at work.
//! See `docs/formats/catalog.md`.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use deltalake::kernel::Add;
use fonoteca_model::Sha256Hash;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::input::FileIdentity;
use super::{ImportError, Reject};
use crate::error::CatalogError;

const FORMAT: &str = "fonoteca-import/1";
/// Bytes of one line; a batch of a thousand files has less than one.
const LINE_BYTES: u64 = 64 << 20;

/// The first line: what is imported. Another process goes on only where all of it is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    format: String,
    /// What the rows have as `import_id`.
    pub import: String,
    pub source: String,
    pub dataset: String,
    /// None: standard input, which nobody can read again.
    pub files: Vec<FileIdentity>,
    pub options: Option<String>,
}

impl Header {
    pub(super) fn new(
        import: String,
        source: &str,
        dataset: &str,
        files: Vec<FileIdentity>,
        options: Option<String>,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            import,
            source: source.to_owned(),
            dataset: dataset.to_owned(),
            files,
            options,
        }
    }

    /// Whether there is somebody who could go on: the files are there, and as they were.
    fn is_as_it_was(&self) -> bool {
        let is = |file: &FileIdentity| FileIdentity::of(file.path.as_ref()).is_ok_and(|now| now == *file);
        !self.files.is_empty() && self.files.iter().all(is)
    }

    fn is_same_work(&self, other: &Self) -> bool {
        *self == Self { import: self.import.clone(), ..other.clone() } && !self.files.is_empty()
    }
}

/// A line of the journal: a batch, or the end of the source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The last record whose rows are in this batch.
    pub last: u64,
    /// The counts up to here.
    pub counts: Counts,
    /// The files of this batch, by table.
    pub files: BTreeMap<String, Vec<Add>>,
    /// Bytes of `rejects.jsonl` up to here.
    pub rejects_bytes: u64,
    /// The source was read to its end; this is its hash and its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<(Sha256Hash, u64)>,
}

/// What was read up to some batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub read: u64,
    pub rejected: u64,
    pub passed_over: u64,
}

/// An opened journal, whose work nobody else does meanwhile.
pub(super) struct Journal {
    pub header: Header,
    pub entries: Vec<Entry>,
    folder: PathBuf,
    file: File,
    rejects: io::BufWriter<File>,
    rejects_bytes: u64,
    name: String,
    _lock: File,
}

/// The folder of all imports that were begun.
fn folder_of_all(state: &Path) -> PathBuf {
    state.join("imports")
}

/// The journal that one begun anew replaces.
pub(super) type Stale = Option<(Header, Vec<Entry>)>;

impl Journal {
    /// Opens the journal of this work and says what it holds, or begins a new one. Waits for a process that is at it.
    /// Blocks. What a stale one had staged comes back to be removed.
    pub(super) fn open(state: &Path, header: &Header, name: &str) -> Result<(Self, Stale), ImportError> {
        let folder = folder_of_all(state).join(key(header));
        let failed = |what| failed(what, &folder);
        let lock = lock(&folder).map_err(failed("lock"))?;
        let (found, stale) = match read(&folder.join("journal.jsonl")).map_err(failed("read the journal in"))? {
            Some((found, entries)) if found.is_same_work(header) => (Some((found, entries)), None),
            found => (None, found),
        };
        let (header, entries) = found.unwrap_or_else(|| (header.clone(), Vec::new()));
        let rejects_bytes = entries.last().map_or(0, |entry| entry.rejects_bytes);
        let open = || -> io::Result<(File, File)> {
            let rejects =
                File::options().create(true).truncate(false).write(true).open(folder.join("rejects.jsonl"))?;
            rejects.set_len(rejects_bytes)?;
            // Written anew, which leaves out a torn last line.
            let staged = folder.join("journal.jsonl.tmp");
            let mut file = File::create(&staged)?;
            file.write_all(&line(&header)?)?;
            for entry in &entries {
                file.write_all(&line(entry)?)?;
            }
            file.sync_all()?;
            fs::rename(&staged, folder.join("journal.jsonl"))?;
            File::open(&folder)?.sync_all()?;
            Ok((file, rejects))
        };
        let (file, mut rejects) = open().map_err(failed("write the journal in"))?;
        rejects.seek(SeekFrom::End(0)).map_err(failed("write the rejects in"))?;
        let rejects = io::BufWriter::new(rejects);
        let name = name.to_owned();
        Ok((Self { header, entries, folder, file, rejects, rejects_bytes, name, _lock: lock }, stale))
    }

    /// The last record of a complete batch.
    pub(super) fn done(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.last)
    }

    /// The counts up to there.
    pub(super) fn counts(&self) -> Counts {
        self.entries.last().map_or_else(Counts::default, |entry| entry.counts)
    }

    /// Hash and length of the source, where it was read to its end.
    pub(super) fn ended(&self) -> Option<(Sha256Hash, u64)> {
        self.entries.last().and_then(|entry| entry.ended)
    }

    /// The files of a table that are staged.
    pub(super) fn files(&self, table: &str) -> impl Iterator<Item = &Add> {
        let table = table.to_owned();
        self.entries.iter().filter_map(move |entry| entry.files.get(&table)).flatten()
    }

    /// Notes something that was not understood.
    pub(super) fn reject(&mut self, number: u64, reject: &Reject) -> Result<(), ImportError> {
        #[derive(Serialize)]
        struct Told<'a> {
            file: &'a str,
            number: u64,
            #[serde(flatten)]
            reject: &'a Reject,
        }
        let mut write = || -> io::Result<()> {
            let line = line(&Told { file: &self.name, number, reject })?;
            self.rejects_bytes += line.len() as u64;
            self.rejects.write_all(&line)
        };
        write().map_err(failed("write the rejects in", &self.folder))
    }

    /// A batch is complete: its files are durable, and so is this line. Blocks.
    pub(super) fn add(&mut self, mut entry: Entry) -> Result<(), ImportError> {
        entry.rejects_bytes = self.rejects_bytes;
        let mut write = || -> io::Result<()> {
            self.rejects.flush()?;
            self.rejects.get_ref().sync_data()?;
            self.file.write_all(&line(&entry)?)?;
            self.file.sync_data()
        };
        write().map_err(failed("write the journal in", &self.folder))?;
        self.entries.push(entry);
        Ok(())
    }

    /// Adds the rejects to the file where they are to stay. Blocks.
    pub(super) fn keep_rejects(&mut self, to: &Path) -> Result<(), ImportError> {
        let mut keep = || -> io::Result<()> {
            self.rejects.flush()?;
            if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                fs::create_dir_all(folder)?;
            }
            let mut kept = File::options().create(true).append(true).open(to)?;
            io::copy(&mut File::open(self.folder.join("rejects.jsonl"))?, &mut kept).map(drop)
        };
        keep().map_err(failed("write", to))
    }

    /// Removes the journal, when its work is done or given up. Blocks.
    pub(super) fn remove(self) -> Result<(), ImportError> {
        fs::remove_dir_all(&self.folder).map_err(failed("remove", &self.folder))
    }
}

/// Whether there is a journal of this work.
pub(super) fn is_begun(state: &Path, header: &Header) -> bool {
    folder_of_all(state).join(key(header)).exists()
}

/// The files of imports that were begun, by table and name in its folder. They belong to no version, and are waited for.
/// Blocks.
pub(crate) fn staged_files(state: &Path) -> Result<HashSet<(String, String)>, CatalogError> {
    let folder = folder_of_all(state);
    let find = || -> io::Result<HashSet<(String, String)>> {
        let mut staged = HashSet::new();
        let journals = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(staged),
            journals => journals?,
        };
        for journal in journals {
            let Some((_, entries)) = read(&journal?.path().join("journal.jsonl"))? else { continue };
            for (table, files) in entries.into_iter().flat_map(|entry| entry.files) {
                staged.extend(files.into_iter().map(|file| (table.clone(), file.path)));
            }
        }
        Ok(staged)
    };
    find().map_err(CatalogError::state("read the journals in", &folder))
}

/// Takes the journals that nobody can go on with: of standard input, whose process has ended, and of files that are gone or
/// not the same any more. Blocks.
pub(super) fn take_abandoned(state: &Path) -> Result<Vec<(Header, Vec<Entry>)>, ImportError> {
    let folder = folder_of_all(state);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", &folder)(error)),
    };
    let mut abandoned = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let folder = entry.path();
        let Ok(lock) = File::options().write(true).open(folder.join("lock")) else { continue };
        if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            continue;
        }
        if let Ok(Some((header, entries))) = read(&folder.join("journal.jsonl"))
            && !header.is_as_it_was()
        {
            abandoned.push((header, entries));
            fs::remove_dir_all(&folder).map_err(failed("remove", &folder))?;
        }
    }
    Ok(abandoned)
}

/// Waits for the lock of a folder, which is made where it is missing.
fn lock(folder: &Path) -> io::Result<File> {
    let path = folder.join("lock");
    loop {
        fs::create_dir_all(folder)?;
        let file = match File::options().create(true).truncate(false).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        file.lock()?;
        // Whoever held it may have removed the folder when it was done: then this is the lock of nothing.
        if fs::metadata(&path).is_ok_and(|now| file.metadata().is_ok_and(|held| held.ino() == now.ino())) {
            return Ok(file);
        }
    }
}

/// The same files, source, dataset and options have the same key; standard input has one of its own each time.
fn key(header: &Header) -> String {
    let once = header.files.is_empty().then_some(&header.import);
    let files = header.files.iter().map(|file| &file.path).chain(once);
    let mut digest = Sha256::new();
    for part in
        [&header.source, &header.dataset, header.options.as_ref().unwrap_or(&String::new())].into_iter().chain(files)
    {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    let digest: [u8; 32] = digest.finalize().into();
    Sha256Hash(digest).to_string()[..32].to_owned()
}

/// What a journal says; None where there is none, or none that this program can go on with.
fn read(path: &Path) -> io::Result<Option<(Header, Vec<Entry>)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut input = BufReader::new(file);
    let mut whole_line = || -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        input.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)?;
        Ok((line.last() == Some(&b'\n')).then_some(line))
    };
    let Some(Ok(header)) = whole_line()?.map(|line| serde_json::from_slice::<Header>(&line)) else { return Ok(None) };
    if header.format != FORMAT {
        return Ok(None);
    }
    let mut entries = Vec::new();
    while let Some(line) = whole_line()? {
        let Ok(entry) = serde_json::from_slice::<Entry>(&line) else { break };
        entries.push(entry);
    }
    Ok(Some((header, entries)))
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> ImportError + use<> {
    let path = path.to_path_buf();
    move |source| ImportError::State { action, path: path.clone(), source }
}
