//! Pages of an Ogg file (RFC 3533, section 6), checked one by one.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crate::bytes::File;

const HEADER_BYTES: usize = 27;

/// One page whose checksum is right.
pub(super) struct Page {
    /// Where it begins in the file.
    pub(super) at: u64,
    /// Whether its first segment goes on with a packet of the page before.
    pub(super) continues: bool,
    /// Whether it begins a logical stream.
    pub(super) first: bool,
    /// Whether it ends its logical stream.
    pub(super) last: bool,
    /// Position of the last sample of the last packet that ends here; −1 where none ends.
    pub(super) granule: i64,
    /// Which logical stream it belongs to.
    pub(super) serial: u32,
    /// Its number within the stream.
    pub(super) sequence: u32,
    /// Lacing values.
    pub(super) segments: Vec<u8>,
    /// All segments together.
    pub(super) body: Vec<u8>,
}

/// What comes next in the file.
pub(super) enum Next {
    /// A page.
    Page(Page),
    /// Bytes that are no sound page: from, to, and what is wrong with them.
    Junk(u64, u64, &'static str),
    /// The file ends inside a page that begins at this byte.
    Cut(u64),
    /// The file ends after a page.
    End,
}

/// Reads pages one after the other.
pub(super) struct PageReader {
    file: BufReader<File>,
    at: u64,
    len: u64,
    /// How often a page turned out to be none.
    failures: u32,
}

/// Each failure may cost the reading of a whole page; a file with more of them was made to cost.
const MAX_FAILURES: u32 = 4096;

impl PageReader {
    pub(super) fn new(mut file: File, start: u64, len: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(start))?;
        Ok(Self { file: BufReader::with_capacity(128 << 10, file), at: start, len, failures: 0 })
    }

    /// Reads on, passing over one stretch of junk at most.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        if self.at >= self.len {
            return Ok(Next::End);
        }
        let begins = self.at;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + 255);
        if !self.take(&mut bytes, HEADER_BYTES)? {
            return if bytes.starts_with(b"OggS") || b"OggS".starts_with(&bytes) {
                Ok(Next::Cut(begins))
            } else {
                Ok(Next::Junk(begins, self.len, "no Ogg page"))
            };
        }
        if &bytes[..4] != b"OggS" || bytes[4] != 0 {
            return self.resync(begins, "no Ogg page");
        }
        let count = usize::from(bytes[26]);
        if !self.take(&mut bytes, count)? {
            return Ok(Next::Cut(begins));
        }
        let segments = bytes[HEADER_BYTES..].to_vec();
        let size = segments.iter().map(|segment| usize::from(*segment)).sum();
        let mut body = Vec::with_capacity(size);
        if !self.take(&mut body, size)? {
            return Ok(Next::Cut(begins));
        }
        let declared = u32::from_le_bytes([bytes[22], bytes[23], bytes[24], bytes[25]]);
        bytes[22..26].fill(0);
        if checksum(checksum(0, &bytes), &body) != declared {
            return self.resync(begins, "a page with a wrong checksum");
        }
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Ok(Next::Page(Page {
            at: begins,
            continues: bytes[5] & 1 != 0,
            first: bytes[5] & 2 != 0,
            last: bytes[5] & 4 != 0,
            granule: (i64::from(word(10)) << 32) | i64::from(word(6)),
            serial: word(14),
            sequence: word(18),
            segments,
            body,
        }))
    }

    fn take(&mut self, bytes: &mut Vec<u8>, count: usize) -> io::Result<bool> {
        let got = self.file.by_ref().take(count as u64).read_to_end(bytes)?;
        self.at += got as u64;
        Ok(got == count)
    }

    /// Goes on to the next capture pattern after `begins`.
    fn resync(&mut self, begins: u64, what: &'static str) -> io::Result<Next> {
        self.failures += 1;
        if self.failures > MAX_FAILURES {
            self.at = self.len;
            return Ok(Next::Junk(begins, self.len, "too broken to look for more pages"));
        }
        self.at = begins + 1;
        self.file.seek(SeekFrom::Start(self.at))?;
        let mut window = [0_u8; 4];
        let mut filled = 0;
        let mut byte = [0_u8];
        while self.file.read(&mut byte)? == 1 {
            window.rotate_left(1);
            window[3] = byte[0];
            filled += 1;
            if filled >= 4 && &window == b"OggS" {
                self.at = begins + 1 + filled - 4;
                self.file.seek_relative(-4)?;
                return Ok(Next::Junk(begins, self.at, what));
            }
        }
        self.at = self.len;
        Ok(Next::Junk(begins, self.len, what))
    }
}

/// Ogg's CRC-32: polynomial 0x04c11db7, no reflection, starting and ending with zero.
fn checksum(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 24) as u8 ^ byte)])
}

static TABLE: [u32; 256] = {
    let mut table = [0_u32; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = (at as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc >> 31 == 1 { (crc << 1) ^ 0x04c1_1db7 } else { crc << 1 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};
