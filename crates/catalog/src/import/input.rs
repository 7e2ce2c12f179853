//! A file or standard input, unpacked while it is read.
//!
//! What it is packed with follows from its first bytes, not from its name. The bytes are counted and hashed as they lie on
//! disk; truncated or damaged data is an error that says at which byte.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use fonoteca_model::Sha256Hash;
use fonoteca_model::progress::{Progress, Silent};
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::ImportError;

/// What unpacking may take, and how long one record may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputLimits {
    /// Bytes of one line of JSON; longer ones are rejected and passed over. The largest of real dumps have a few MB.
    pub line_bytes: usize,
    /// Memory that `xz` may ask for; `xz -9` needs 65 MiB.
    pub xz_memory_bytes: u64,
    /// The window that `zstd` may ask for, as a power of two; `zstd --ultra -22` needs 27, `--long=30` is allowed.
    pub zstd_window_log: u32,
}

impl Default for InputLimits {
    fn default() -> Self {
        Self { line_bytes: 32 << 20, xz_memory_bytes: 1 << 30, zstd_window_log: 30 }
    }
}

/// Which file is read. Two that are equal are taken for the same content.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileIdentity {
    /// The absolute path.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// When it was last written to, nanoseconds since 1970.
    pub modified_ns: u64,
    /// Its inode, where there is such a thing.
    pub inode: u64,
}

impl FileIdentity {
    /// Of a file as it is now.
    pub fn of(path: &Path) -> Result<Self, ImportError> {
        let look = || -> io::Result<Self> {
            let path = path.canonicalize()?;
            let metadata = path.metadata()?;
            let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            #[cfg(unix)]
            let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
            #[cfg(not(unix))]
            let inode = 0;
            Ok(Self {
                path: path.to_string_lossy().into_owned(),
                bytes: metadata.len(),
                modified_ns: u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX),
                inode,
            })
        };
        look().map_err(|source| ImportError::Read { name: path.display().to_string(), source })
    }
}

/// How far one input, or several that are imported together, were read; clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    packed: AtomicU64,
    unpacked: AtomicU64,
    /// Of each input, in the order in which they were opened.
    sha256: Mutex<Vec<Option<Sha256Hash>>>,
}

impl Meter {
    /// Bytes read so far, as they lie on disk.
    pub fn packed(&self) -> u64 {
        self.0.packed.load(Ordering::Relaxed)
    }

    /// Bytes that came out so far.
    pub fn unpacked(&self) -> u64 {
        self.0.unpacked.load(Ordering::Relaxed)
    }

    /// The SHA-256 of all bytes as they lie on disk, of several inputs that of their hashes; None before all of them are
    /// at their end.
    pub fn sha256(&self) -> Option<Sha256Hash> {
        let hashes: Option<Vec<Sha256Hash>> = self.0.sha256.lock().iter().copied().collect();
        together(&hashes?)
    }

    /// Counts a file that is read in place, at any place of it, and not as an [`Input`].
    pub fn add_file(&self, path: &Path) -> Result<(), ImportError> {
        let at = self.register();
        self.settle(at, hash_file(path, &Silent)?);
        self.0.packed.fetch_add(FileIdentity::of(path)?.bytes, Ordering::Relaxed);
        Ok(())
    }

    fn register(&self) -> usize {
        let mut hashes = self.0.sha256.lock();
        hashes.push(None);
        hashes.len() - 1
    }

    fn settle(&self, at: usize, hash: Sha256Hash) {
        self.0.sha256.lock()[at] = Some(hash);
    }
}

/// One hash for several files; None for none.
fn together(hashes: &[Sha256Hash]) -> Option<Sha256Hash> {
    match hashes {
        [] => None,
        [one] => Some(*one),
        several => {
            let mut digest = Sha256::new();
            for hash in several {
                digest.update(hash.0);
            }
            Some(Sha256Hash(digest.finalize().into()))
        }
    }
}

/// An opened input.
pub struct Input {
    name: String,
    unpacked: Box<dyn BufRead + Send>,
    raw: Shared,
    meter: Meter,
    /// Which of the meter's inputs it is.
    number: usize,
    /// At its end, where checksums were looked at and the hash is settled.
    is_finished: bool,
}

impl Input {
    /// Opens a file.
    pub fn open(path: &Path, limits: InputLimits, meter: &Meter) -> Result<Self, ImportError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| ImportError::Read { name: name.clone(), source })?;
        Self::of(name, file, limits, meter)
    }

    /// Reads standard input.
    pub fn stdin(limits: InputLimits, meter: &Meter) -> Result<Self, ImportError> {
        Self::of("-".to_owned(), io::stdin(), limits, meter)
    }

    /// Reads from anywhere; `name` is what errors call it.
    pub fn of(
        name: String,
        raw: impl Read + Send + 'static,
        limits: InputLimits,
        meter: &Meter,
    ) -> Result<Self, ImportError> {
        let raw = Raw { inner: Box::new(raw), digest: Sha256::new(), meter: meter.clone() };
        let raw = Shared(Arc::new(Mutex::new(raw)));
        let unpacked =
            unpack(raw.clone(), limits).map_err(|source| ImportError::Read { name: name.clone(), source })?;
        let counted = Counted { inner: unpacked, meter: meter.clone() };
        let unpacked = Box::new(BufReader::with_capacity(1 << 18, counted));
        Ok(Self { name, unpacked, raw, meter: meter.clone(), number: meter.register(), is_finished: false })
    }

    /// The same input with some bytes put back in front, which were read to look at them.
    #[must_use]
    pub fn behind(self, first: Vec<u8>) -> Self {
        Self { unpacked: Box::new(io::Cursor::new(first).chain(self.unpacked)), ..self }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An error of reading it, with its name.
    pub fn error(&self, source: io::Error) -> ImportError {
        ImportError::Read { name: self.name.clone(), source }
    }

    /// Reads to the end, which is where checksums are looked at, and settles the hash. Whoever reads to the end without it
    /// has the same.
    pub fn finish(&mut self) -> Result<(), ImportError> {
        io::copy(self, &mut io::sink()).map_err(|source| self.error(source)).map(drop)
    }

    fn settle(&mut self) -> io::Result<()> {
        if !self.is_finished {
            io::copy(&mut self.raw.clone(), &mut io::sink())?;
            self.meter.settle(self.number, Sha256Hash(self.raw.0.lock().digest.clone().finalize().into()));
            self.is_finished = true;
        }
        Ok(())
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.unpacked.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.settle()?;
        }
        Ok(read)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.unpacked.fill_buf()?.is_empty() {
            self.settle()?;
        }
        self.unpacked.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.unpacked.consume(amount);
    }
}

/// The SHA-256 that [`Meter::sha256`] gives when these files are read in this order; None for none.
pub(super) fn hash_files(files: &[FileIdentity], progress: &dyn Progress) -> Result<Option<Sha256Hash>, ImportError> {
    let hashes = files.iter().map(|file| hash_file(file.path.as_ref(), progress));
    Ok(together(&hashes.collect::<Result<Vec<_>, _>>()?))
}

/// The SHA-256 of a file's bytes as they lie on disk; advances by bytes.
pub fn hash_file(path: &Path, progress: &dyn Progress) -> Result<Sha256Hash, ImportError> {
    let failed = |source| ImportError::Read { name: path.display().to_string(), source };
    let mut file = File::open(path).map_err(failed)?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok(Sha256Hash(digest.finalize().into()));
        }
        if progress.cancelled() {
            return Err(ImportError::Cancelled);
        }
        digest.update(&buffer[..read]);
        progress.advance(read as u64);
    }
}

/// The bytes as they lie on disk.
struct Raw {
    inner: Box<dyn Read + Send>,
    digest: Sha256,
    meter: Meter,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Raw>>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let raw = &mut *self.0.lock();
        let read = raw.inner.read(buffer)?;
        raw.digest.update(&buffer[..read]);
        raw.meter.0.packed.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// What comes out, counted; errors say where in the file.
struct Counted {
    inner: Box<dyn Read + Send>,
    meter: Meter,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer).map_err(|error| {
            let what = if error.kind() == io::ErrorKind::UnexpectedEof { "it is cut off" } else { "it is damaged" };
            let at = self.meter.packed();
            io::Error::new(error.kind(), format!("{what} at or before byte {at}: {error}"))
        })?;
        self.meter.0.unpacked.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

fn unpack(mut raw: Shared, limits: InputLimits) -> io::Result<Box<dyn Read + Send>> {
    let mut first = Vec::with_capacity(6);
    raw.by_ref().take(6).read_to_end(&mut first)?;
    let whole = BufReader::with_capacity(1 << 17, io::Cursor::new(first.clone()).chain(raw));
    Ok(match first.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(whole)),
        [b'B', b'Z', b'h', ..] => Box::new(MultiBzDecoder::new(whole)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => {
            let stream = Stream::new_stream_decoder(limits.xz_memory_bytes, CONCATENATED)?;
            Box::new(XzDecoder::new_stream(whole, stream))
        }
        // A frame, or one to be skipped, as parallel compressors put in front.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            let mut decoder = zstd::Decoder::with_buffer(whole)?;
            decoder.window_log_max(limits.zstd_window_log)?;
            Box::new(decoder)
        }
        _ => Box::new(whole),
    })
}
