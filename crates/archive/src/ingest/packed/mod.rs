//! Archives of audio (zip, and tar however it is packed): what is in them, and the bytes of one entry after the other.
//!
//! An archive is looked through once; its audio then counts like the files of a folder, under names such as
//! `album.zip!/01.flac`. Bytes go from the archive straight into the store. A name in an archive is a name and no more: nothing
//! is ever written where it points. What lies beside the audio (covers, CUE sheets, words) waits in one unnamed file.

mod listing;
mod name;
mod spool;
mod tar;
mod zip;

use std::collections::HashMap;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonoteca_store::Stamp;
use parking_lot::Mutex;

use self::listing::Lister;
pub(super) use self::listing::Listing;
pub(super) use self::spool::Spool;
use self::tar::TarAt;
use self::zip::ZipAt;

/// What parts the path of an archive from a name in it.
pub(super) const INSIDE: &str = "!/";

/// What an archive may hold and ask for. Beyond any of these it is not opened, or the entry is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedLimits {
    /// Entries of one archive, folders counted.
    pub entries: usize,
    /// Bytes of all its entries together, unpacked.
    pub bytes: u64,
    /// Bytes that come out for each one that goes in; music hardly packs, and a long silence does.
    pub ratio: u64,
    /// Up to so many bytes come out whatever their ratio.
    pub ratio_from: u64,
    /// Bytes of one text beside the music: a CUE sheet, the words of a song.
    pub text_bytes: u64,
    /// Bytes of one cover beside the music.
    pub cover_bytes: u64,
}

impl Default for PackedLimits {
    fn default() -> Self {
        Self {
            entries: 20_000,
            bytes: 1 << 40,
            ratio: 100,
            ratio_from: 256 << 20,
            text_bytes: 1 << 20,
            cover_bytes: 32 << 20,
        }
    }
}

/// Why an archive is not read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum PackedError {
    /// It is beyond a limit, or made to hurt.
    #[error("{0}; unpack what you need of it and take that in")]
    Refused(String),
    /// It cannot be read, or breaks off.
    #[error("cannot be read as an archive")]
    Read(#[source] io::Error),
    /// Nobody waits for it any more.
    #[error("it was left")]
    Left,
}

impl PackedError {
    /// Whether it is the disk that fails: another attempt may do better.
    fn is_io_error(&self) -> bool {
        fonoteca_store::is_caused_by(self, fonoteca_store::is_io_error)
    }
}

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Zip,
    Tar,
}

/// Names of archives that are opened, by their ends.
const KINDS: [(&str, Kind); 10] = [
    (".zip", Kind::Zip),
    (".tar", Kind::Tar),
    (".tar.gz", Kind::Tar),
    (".tgz", Kind::Tar),
    (".tar.bz2", Kind::Tar),
    (".tbz2", Kind::Tar),
    (".tar.xz", Kind::Tar),
    (".txz", Kind::Tar),
    (".tar.zst", Kind::Tar),
    (".tzst", Kind::Tar),
];

fn kind(name: &str) -> Option<Kind> {
    let name = name.to_ascii_lowercase();
    KINDS.iter().find(|(end, _)| name.ends_with(end)).map(|(_, kind)| *kind)
}

/// Whether a file is called like an archive that is opened.
pub(super) fn is_packed(path: &Path) -> bool {
    path.file_name().is_some_and(|name| kind(&name.to_string_lossy()).is_some())
}

/// Where the bytes of an entry are.
#[derive(Debug, Clone, Copy)]
enum At {
    Zip(ZipAt),
    Tar(TarAt),
}

/// An archive that was looked through.
#[derive(Debug)]
pub(super) struct Packed {
    path: PathBuf,
    stamp: Stamp,
    kind: Kind,
    limits: PackedLimits,
    spool: Arc<Spool>,
    /// What lies beside the audio, by folder (without a slash at the end) and name.
    beside: HashMap<String, Vec<(String, Range<u64>)>>,
    /// A tar archive that was read up to some place, for whoever goes on behind it.
    open: Mutex<Option<tar::Reading>>,
}

/// An entry that is audio by its name.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub packed: Arc<Packed>,
    /// Its name in the archive, with `/` between its parts, nothing else that paths have.
    pub name: String,
    /// Its bytes, as the archive says.
    pub size: u64,
    at: At,
    /// Whether nothing behind it is wanted.
    is_last: bool,
}

impl Packed {
    /// Looks through an archive. `stop` is asked now and then.
    pub fn list(path: &Path, limits: PackedLimits, spool: &Arc<Spool>, stop: &dyn Fn() -> bool) -> Listing {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let kind = kind(&name).unwrap_or(Kind::Tar);
        let Some(stamp) = Stamp::at(path) else {
            let source = io::Error::other("it is no file");
            return Listing { ended: Some(PackedError::Read(source)), ..Listing::default() };
        };
        let mut lister = Lister::new(limits, spool, stop);
        let ended = match kind {
            Kind::Zip => zip::list(path, stamp.size, &mut lister),
            Kind::Tar => tar::list(path, &mut lister),
        };
        let (found, beside, mut listing) = lister.finish();
        listing.ended = ended.err();
        // What is taken in without the cover that the disk did not give would stay so.
        let waits = listing.ended.as_ref().is_some_and(PackedError::is_io_error);
        if waits || matches!(listing.ended, Some(PackedError::Refused(_) | PackedError::Left)) {
            return listing;
        }
        let (path, limits, spool) = (path.to_owned(), limits, Arc::clone(spool));
        let packed = Arc::new(Self { path, stamp, kind, limits, spool, beside, open: Mutex::new(None) });
        let last = found.len().saturating_sub(1);
        let entry = |(number, (name, at, size)): (usize, (String, At, u64))| Entry {
            packed: Arc::clone(&packed),
            name,
            size,
            at,
            is_last: number == last,
        };
        listing.audio = found.into_iter().enumerate().map(entry).collect();
        listing
    }

    /// What it looked like when it was looked through.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Names of what lies in a folder of it, beside the audio.
    pub fn names_beside(&self, folder: &str) -> Vec<String> {
        self.beside.get(folder).map_or_else(Vec::new, |files| files.iter().map(|(name, _)| name.clone()).collect())
    }

    /// The bytes of such a file.
    pub fn read_beside(&self, folder: &str, name: &str) -> io::Result<Vec<u8>> {
        let files = self.beside.get(folder).map_or(&[][..], Vec::as_slice);
        let found = files.iter().find(|(known, _)| known == name).ok_or(io::ErrorKind::NotFound)?;
        self.spool.read(found.1.clone())
    }

    /// Gives `take` the bytes of some entries, in the order in which they lie in the archive. `take` need not read them to
    /// their end. Blocks.
    pub fn read<T>(
        &self,
        entries: &[Entry],
        take: &mut dyn FnMut(&Entry, &mut dyn Read) -> T,
    ) -> Vec<Result<T, PackedError>> {
        if Stamp::at(&self.path) != Some(self.stamp) {
            let changed = || PackedError::Read(io::Error::other("the archive was changed while it was read"));
            return entries.iter().map(|_| Err(changed())).collect();
        }
        match self.kind {
            Kind::Zip => zip::read(&self.path, entries, take),
            Kind::Tar => tar::read(self, entries, take),
        }
    }
}

impl Entry {
    /// What errors call it.
    pub fn shown(&self) -> String {
        format!("{}{INSIDE}{}", self.packed.path.display(), self.name)
    }

    /// The folder in the archive that it lies in; empty for the top.
    pub fn folder(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}
