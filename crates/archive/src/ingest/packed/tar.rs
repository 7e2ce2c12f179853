//! Tar archives, as they are or packed with gzip, bzip2, xz or zstd: one member after the other.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::Path;

use fonoteca_catalog::import::{ImportError, Input, InputLimits, MemberKind, Meter, Tar};

use super::listing::{Lister, Said, Wanted};
use super::{At, Entry, Packed, PackedError, PackedLimits};

/// Which member it is, from 0.
pub(super) type TarAt = u64;

/// Memory for unpacking: what `xz -9` and `zstd --long=27` need, and no more.
const MEMORY: InputLimits = InputLimits { line_bytes: 0, xz_memory_bytes: 80 << 20, zstd_window_log: 27 };

/// A member that would never end.
#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes come out for each that goes in, the limit")]
struct Bomb(u64);

/// What is unpacked, as long as it stays in proportion.
struct Watched {
    input: Input,
    meter: Meter,
    limits: PackedLimits,
}

impl Watched {
    fn look(&self) -> io::Result<()> {
        let (unpacked, packed) = (self.meter.unpacked(), self.meter.packed());
        if unpacked > self.limits.ratio_from && unpacked / packed.max(1) > self.limits.ratio {
            return Err(io::Error::new(io::ErrorKind::InvalidData, Bomb(self.limits.ratio)));
        }
        Ok(())
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.look()?;
        self.input.read(buffer)
    }
}

impl BufRead for Watched {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.look()?;
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.input.consume(amount);
    }
}

/// A tar archive that was read up to some member.
pub(super) struct Reading {
    tar: Tar<Watched>,
    /// Which member comes next.
    next: TarAt,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reading(before member {})", self.next)
    }
}

impl Reading {
    fn open(path: &Path, limits: PackedLimits) -> Result<Self, PackedError> {
        let meter = Meter::default();
        let input = Input::open(path, MEMORY, &meter).map_err(cause)?;
        Ok(Self { tar: Tar::new(Watched { input, meter, limits }), next: 0 })
    }
}

fn cause(error: ImportError) -> PackedError {
    PackedError::Read(match error {
        ImportError::Read { source, .. } => source,
        other => io::Error::other(other),
    })
}

fn failed(error: io::Error) -> PackedError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Bomb>()) {
        Some(bomb) => PackedError::Refused(bomb.to_string()),
        None => PackedError::Read(error),
    }
}

pub(super) fn list(path: &Path, lister: &mut Lister<'_>) -> Result<(), PackedError> {
    let mut reading = Reading::open(path, lister.limits)?;
    while let Some(member) = reading.tar.next_member().map_err(failed)? {
        let said = match member.kind {
            MemberKind::File => Said::File,
            MemberKind::Folder => Said::Folder,
            MemberKind::Link => Said::Link,
            MemberKind::Device => Said::Device,
            MemberKind::Other => Said::Unreadable("stored with holes or in another way that is not read here".into()),
        };
        match lister.entry(&member.path, said, member.bytes, None)? {
            Wanted::No => {}
            Wanted::Audio(name) => lister.found(name, At::Tar(reading.next), member.bytes),
            Wanted::Beside(name) => lister.keep_beside(&name, &mut reading.tar)?,
        }
        reading.next += 1;
    }
    if reading.next == 0 {
        let what = "it has no members: is it a tar archive?";
        return Err(PackedError::Read(io::Error::new(io::ErrorKind::InvalidData, what)));
    }
    // Where it ends, the checksum of what it is packed with is looked at.
    reading.tar.input().input.finish().map_err(cause)
}

pub(super) fn read<T>(
    packed: &Packed,
    entries: &[Entry],
    take: &mut dyn FnMut(&Entry, &mut dyn Read) -> T,
) -> Vec<Result<T, PackedError>> {
    let number = |entry: &Entry| if let At::Tar(number) = entry.at { number } else { 0 };
    let first = entries.first().map_or(0, number);
    let kept = packed.open.lock().take().filter(|reading| reading.next <= first);
    let mut reading = kept.map_or_else(|| Reading::open(&packed.path, packed.limits), Ok);
    let mut answers = Vec::with_capacity(entries.len());
    for entry in entries {
        let answer = match &mut reading {
            Ok(at) => go_to(at, number(entry)).map(|()| take(entry, &mut at.tar)),
            // The archive broke off before.
            Err(error) => Err(PackedError::Read(io::Error::other(error.to_string()))),
        };
        if let Err(error) = &answer
            && reading.is_ok()
        {
            reading = Err(PackedError::Read(io::Error::other(error.to_string())));
        }
        answers.push(answer);
    }
    if let (Ok(reading), Some(false)) = (reading, entries.last().map(|entry| entry.is_last)) {
        *packed.open.lock() = Some(reading);
    }
    answers
}

/// Goes to a member, which must not lie behind.
fn go_to(reading: &mut Reading, number: TarAt) -> Result<(), PackedError> {
    while reading.next <= number {
        if reading.tar.next_member().map_err(failed)?.is_none() {
            let what = "the archive ends before this entry";
            return Err(PackedError::Read(io::Error::new(io::ErrorKind::UnexpectedEof, what)));
        }
        reading.next += 1;
    }
    Ok(())
}
