//! Zip archives: the central directory says what there is; entries are read from wherever they lie (APPNOTE.TXT).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder};

use super::listing::{Lister, Said, Wanted};
use super::{At, Entry, PackedError};

/// Where an entry of a zip archive lies, and how it is packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct ZipAt {
    way: ZipArchiveEntryWayfinder,
    method: Method,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Stored,
    Deflated,
}

impl Method {
    fn of(method: CompressionMethod) -> Option<Self> {
        match method {
            CompressionMethod::STORE => Some(Self::Stored),
            CompressionMethod::DEFLATE => Some(Self::Deflated),
            _ => None,
        }
    }
}

fn damaged(error: rawzip::Error) -> PackedError {
    PackedError::Read(io::Error::new(io::ErrorKind::InvalidData, error))
}

fn open(path: &Path) -> Result<ZipArchive<FileReader>, PackedError> {
    let file = File::open(path).map_err(PackedError::Read)?;
    ZipArchive::from_file(file, &mut vec![0; RECOMMENDED_BUFFER_SIZE]).map_err(damaged)
}

pub(super) fn list(path: &Path, archive_bytes: u64, lister: &mut Lister<'_>) -> Result<(), PackedError> {
    let archive = open(path)?;
    lister.archive_bytes = Some(archive_bytes);
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let mut entries = archive.entries(&mut buffer);
    let (mut beside, mut packed_bytes, mut count) = (Vec::new(), 0_u64, 0_u64);
    while let Some(entry) = entries.next_entry().map_err(damaged)? {
        count += 1;
        let name = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
        let (way, method) = (entry.wayfinder(), Method::of(entry.compression_method()));
        // Entries that share their bytes are how a small archive becomes a huge one (bamsoftware.com/hacks/zipbomb).
        packed_bytes = packed_bytes.saturating_add(way.compressed_size_hint());
        if packed_bytes > archive_bytes {
            return Err(PackedError::Refused("its entries overlap: together they are longer than the archive".into()));
        }
        let said = if entry.flags().is_encrypted() || entry.flags().is_masked() {
            Said::Encrypted
        } else if entry.is_dir() {
            Said::Folder
        } else if entry.mode().is_symlink() {
            Said::Link
        } else if method.is_none() {
            Said::Unreadable(format!("packed by {}, which is not unpacked here", entry.compression_method()))
        } else {
            Said::File
        };
        let size = way.uncompressed_size_hint();
        let wanted = lister.entry(&name, said, size, Some(way.compressed_size_hint()))?;
        let Some(method) = method else { continue };
        match wanted {
            Wanted::No => {}
            Wanted::Audio(name) => lister.found(name, At::Zip(ZipAt { way, method }), size),
            Wanted::Beside(name) => beside.push((name, ZipAt { way, method })),
        }
    }
    for (name, at) in beside {
        match with_bytes(&archive, at, &mut |bytes: &mut dyn Read| lister.keep_beside(&name, bytes)) {
            Ok(kept) => kept?,
            Err(error) if error.is_io_error() => return Err(error),
            // One that is damaged is left out as one that is not there.
            Err(_) => {}
        }
    }
    if count < archive.entries_hint() {
        let what = format!("it says that it has {} entries, {count} were found", archive.entries_hint());
        return Err(PackedError::Read(io::Error::new(io::ErrorKind::InvalidData, what)));
    }
    Ok(())
}

pub(super) fn read<T>(
    path: &Path,
    entries: &[Entry],
    take: &mut dyn FnMut(&Entry, &mut dyn Read) -> T,
) -> Vec<Result<T, PackedError>> {
    let archive = match open(path) {
        Ok(archive) => archive,
        Err(error) => {
            let what = error.to_string();
            let failed = |_| Err(PackedError::Read(io::Error::other(what.clone())));
            return entries.iter().map(failed).collect();
        }
    };
    let one = |entry: &Entry| match entry.at {
        At::Zip(at) => with_bytes(&archive, at, &mut |bytes: &mut dyn Read| take(entry, bytes)),
        At::Tar(_) => Err(PackedError::Read(io::ErrorKind::InvalidInput.into())),
    };
    entries.iter().map(one).collect()
}

/// Reads one entry; its length and checksum are looked at where it ends.
fn with_bytes<T>(
    archive: &ZipArchive<FileReader>,
    at: ZipAt,
    take: &mut dyn FnMut(&mut dyn Read) -> T,
) -> Result<T, PackedError> {
    let entry = archive.get_entry(at.way).map_err(damaged)?;
    Ok(match at.method {
        Method::Stored => take(&mut entry.verifying_reader(entry.reader())),
        Method::Deflated => take(&mut entry.verifying_reader(DeflateDecoder::new(entry.reader()))),
    })
}
