//! The members of a tar archive, one after the other, from a stream.
//!
//! POSIX ustar with the extensions of GNU and pax for long names and large members; no more is in the dumps that others
//! publish. Members are only ever read, never unpacked to disk, so their paths are names and nothing else.

use std::io::{self, BufRead, Read};

const BLOCK: usize = 512;
/// Bytes of an extended header; names have a few hundred.
const EXTENDED_BYTES: u64 = 1 << 20;

/// A tar archive that is being read.
pub struct Tar<R> {
    input: R,
    /// Bytes of the current member that were not read yet, and of its padding.
    left: u64,
    padding: u64,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// Whether it is a plain file.
    pub is_file: bool,
    /// What it is.
    pub kind: MemberKind,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A plain file.
    File,
    /// A folder.
    Folder,
    /// A hard or symbolic link.
    Link,
    /// A device or a named pipe.
    Device,
    /// A file with holes, a volume label, or what else nobody needs here.
    Other,
}

impl MemberKind {
    fn of(kind: u8, is_sparse: bool) -> Self {
        match kind {
            0 | b'0' | b'7' if !is_sparse => Self::File,
            b'1' | b'2' => Self::Link,
            b'3' | b'4' | b'6' => Self::Device,
            b'5' => Self::Folder,
            _ => Self::Other,
        }
    }
}

/// Whether these are the first 512 bytes of a tar archive.
pub fn is_tar(first: &[u8]) -> bool {
    first.len() >= BLOCK && first[257..262] == *b"ustar" && is_sound(&first[..BLOCK])
}

impl<R: BufRead> Tar<R> {
    /// Reads from the beginning.
    pub fn new(input: R) -> Self {
        Self { input, left: 0, padding: 0 }
    }

    /// What it is read from.
    pub fn input(&mut self) -> &mut R {
        &mut self.input
    }

    /// Passes over the rest of the current member and goes to the next one; None at the end.
    pub fn next_member(&mut self) -> io::Result<Option<Member>> {
        let (mut long_path, mut long_size, mut is_sparse) = (None, None, false);
        loop {
            self.pass_over(self.left.saturating_add(self.padding))?;
            (self.left, self.padding) = (0, 0);
            let mut header = [0; BLOCK];
            if !self.read_header(&mut header)? || header.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            if !is_sound(&header) {
                return Err(damaged("a header of the tar archive has a wrong checksum"));
            }
            let bytes = number(&header[124..136]).ok_or_else(|| damaged("a tar header has no size"))?;
            (self.left, self.padding) = (bytes, padding(bytes)?);
            match header[156] {
                b'L' => long_path = Some(text(&self.extended()?)),
                b'x' => {
                    let extended = self.extended()?;
                    for (key, value) in records(&extended) {
                        match key {
                            "path" => long_path = Some(value.to_owned()),
                            "size" => long_size = value.parse().ok(),
                            _ if key.starts_with("GNU.sparse.") => is_sparse = true,
                            _ => {}
                        }
                    }
                }
                b'K' | b'g' => {}
                kind => {
                    if let Some(bytes) = long_size.take() {
                        (self.left, self.padding) = (bytes, padding(bytes)?);
                    }
                    let path = long_path.take().unwrap_or_else(|| path(&header));
                    let kind = MemberKind::of(kind, is_sparse);
                    return Ok(Some(Member { path, bytes: self.left, is_file: kind == MemberKind::File, kind }));
                }
            }
        }
    }

    /// False where there is nothing any more: some writers leave out the two empty blocks at the end.
    fn read_header(&mut self, header: &mut [u8; BLOCK]) -> io::Result<bool> {
        if self.input.fill_buf()?.is_empty() {
            return Ok(false);
        }
        self.input.read_exact(header)?;
        Ok(true)
    }

    fn extended(&mut self) -> io::Result<Vec<u8>> {
        if self.left > EXTENDED_BYTES {
            return Err(damaged("an extended header of the tar archive is too long"));
        }
        let mut bytes = Vec::new();
        let wanted = self.left;
        self.read_to_end(&mut bytes)?;
        if bytes.len() as u64 == wanted { Ok(bytes) } else { Err(cut_off()) }
    }

    fn pass_over(&mut self, bytes: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink())?;
        if passed < bytes { Err(cut_off()) } else { Ok(()) }
    }
}

impl<R: BufRead> Read for Tar<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let amount = available.len().min(buffer.len());
        buffer[..amount].copy_from_slice(&available[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}

/// Reads the current member.
impl<R: BufRead> BufRead for Tar<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let available = self.input.fill_buf()?;
        if available.is_empty() {
            return Err(cut_off());
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        Ok(&available[..available.len().min(most)])
    }

    fn consume(&mut self, amount: usize) {
        self.left -= amount as u64;
        self.input.consume(amount);
    }
}

/// What fills the last block of a member.
fn padding(bytes: u64) -> io::Result<u64> {
    let whole = bytes.checked_next_multiple_of(BLOCK as u64);
    Ok(whole.ok_or_else(|| damaged("a tar header has an impossible size"))? - bytes)
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the tar archive ends within a member")
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The checksum of a header counts its own field as spaces.
fn is_sound(header: &[u8]) -> bool {
    let sum: u64 =
        header.iter().enumerate().map(|(i, byte)| u64::from(if (148..156).contains(&i) { b' ' } else { *byte })).sum();
    number(&header[148..156]) == Some(sum)
}

/// An octal number, or (GNU) a binary one whose first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len() - 8);
        let is_small = high.iter().skip(1).all(|byte| *byte == 0) && high.first().is_none_or(|byte| *byte == 0x80);
        return is_small.then(|| low.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let digits = text(field);
    let digits = digits.trim();
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn path(header: &[u8]) -> String {
    let (name, prefix) = (text(&header[..100]), text(&header[345..500]));
    let is_posix = header[257..263] == *b"ustar\0";
    if prefix.is_empty() || !is_posix { name } else { format!("{prefix}/{name}") }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// The records of a pax header: `LENGTH KEY=VALUE\n`.
fn records(bytes: &[u8]) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let length = std::str::from_utf8(&rest[..space]).ok().and_then(|digits| digits.parse::<usize>().ok());
        let Some(length) = length.filter(|length| *length > space + 1 && *length <= rest.len()) else { break };
        let record = std::str::from_utf8(&rest[space + 1..length - 1]).ok();
        found.extend(record.and_then(|record| record.split_once('=')));
        rest = &rest[length..];
    }
    found
}
