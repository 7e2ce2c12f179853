//! What ID3v2 and APE tags would cost whoever reads them, found out before lofty does, which knows no limit on three things:
//! packed frames (ID3v2.4, section 4.1.2), of which two megabytes became four gigabytes in memory; frames of chapters within
//! frames of chapters, a thousand of which overflow a stack; and the number of frames or items, each of which it compares
//! with all that came before.
//!
//! Frames are not followed from one to the next, since two readers of a broken tag go different ways. Whatever may be the head
//! of a packed frame is unpacked and thrown away; whatever may be that of a chapter is counted.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::read::ZlibDecoder;
use lofty::id3::v2::util::synchsafe::UnsynchronizedStream;

use crate::bytes::le32;

/// What reading a tag would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Little.
    Light,
    /// Much of a stack, at worst.
    Deep,
    /// More memory or stack than any real tag.
    Excessive,
}

/// Stack for [`Weight::Deep`]: a chapter within a chapter takes 20 KiB in a build without optimisation.
pub(super) const DEEP_STACK_BYTES: usize = 256 << 20;
/// Chapters within each other that any stack has room for.
const MAX_SHALLOW: usize = 32;
/// Chapters of one tag; they might all be within each other.
const MAX_CHAPTERS: usize = 5_000;
/// Frames and items of all tags together.
pub(super) const MAX_FRAMES: u64 = 30_000;
/// What may follow the sound: Lyrics3 of a million bytes, and the end of an APE tag before it.
const TRAILING_BYTES: u64 = 2 << 20;
/// Junk before a tag that is looked through for its beginning.
const MAX_JUNK_BYTES: u64 = 256 << 10;
const WINDOW_BYTES: u64 = 1 << 20;
/// From a frame's name on, what is packed begins here at the earliest: behind size and flags.
const FIRST: usize = 10;
/// And here at the latest: encryption, group and length may come before, and zeros that unsynchronisation put in.
const LAST: usize = 24;
/// A name and all that must be seen behind it.
const SIGHT: usize = LAST + 2;
/// Chapters that are packed hold frames that are packed.
const MAX_DEPTH: usize = 4;

/// Weighs what lies in `reader`, whose sound begins at `leading` at the latest; `most` is how much all packed frames
/// together may unpack to, in bytes.
pub(super) fn weigh<R: Read + Seek>(reader: &mut R, leading: u64, most: u64) -> io::Result<Weight> {
    let end = reader.seek(SeekFrom::End(0))?;
    let mut scales = Scales { left: most, work: 64 << 20, heads: 4_096, frames: MAX_FRAMES, chapters: 0 };
    let (mut window, mut at, mut begun) = (Vec::new(), 0_u64, false);
    loop {
        let before = window.len();
        reader.seek(SeekFrom::Start(at + before as u64))?;
        reader.by_ref().take(WINDOW_BYTES).read_to_end(&mut window)?;
        let ended = window.len() == before;
        begun |= window.windows(3).any(|word| word == b"ID3");
        // Any bytes hold a few heads by chance; more of them were put there.
        let by_chance = (window.len() - before) >> 14;
        scales.heads += by_chance;
        scales.frames += by_chance as u64;
        scales.work += 2 * (window.len() - before) as u64;
        for place in scales.heads_in(&window, ended) {
            let place = SeekFrom::Start(at + place as u64);
            reader.seek(place)?;
            let plain = scales.unpack(BufReader::with_capacity(4 << 10, reader.by_ref()), 0);
            reader.seek(place)?;
            let source = UnsynchronizedStream::new(BufReader::with_capacity(4 << 10, reader.by_ref()));
            if !plain || !scales.unpack(source, 0) {
                return Ok(Weight::Excessive);
            }
        }
        if scales.frames == 0 {
            return Ok(Weight::Excessive);
        }
        if ended {
            break;
        }
        let done = window.len().saturating_sub(SIGHT - 1);
        window.drain(..done);
        at += done as u64;
        // Without a tag so far there is none before the sound ends.
        let trailing = end.saturating_sub(TRAILING_BYTES);
        if !begun && at > leading.saturating_add(MAX_JUNK_BYTES) && at < trailing {
            window.clear();
            at = trailing;
        }
    }
    Ok(if scales.chapters <= MAX_SHALLOW {
        Weight::Light
    } else if scales.chapters <= MAX_CHAPTERS {
        Weight::Deep
    } else {
        Weight::Excessive
    })
}

/// What is left of each thing that is limited.
struct Scales {
    /// Bytes that may yet be unpacked.
    left: u64,
    /// Bytes that may yet be read for that.
    work: u64,
    /// Heads that may yet be tried.
    heads: usize,
    /// Frames and items that there may yet be; none is left where there are too many.
    frames: u64,
    chapters: usize,
}

impl Scales {
    /// Where something may begin that is packed. Counts chapters on the way. Names that are not seen with all that may follow
    /// them are left, unless nothing more comes.
    fn heads_in(&mut self, bytes: &[u8], ended: bool) -> Vec<usize> {
        let (mut places, mut run) = (Vec::new(), 0);
        for (at, byte) in bytes.iter().enumerate() {
            run = if byte.is_ascii_uppercase() || byte.is_ascii_digit() { run + 1 } else { 0 };
            // A name of three letters or four, and the first byte of a size that leaves room for many more.
            if run >= 3 && bytes.get(at + 1) == Some(&0) {
                self.frames = self.frames.saturating_sub(1);
            }
            let Some(name) = (at + 1).checked_sub(4).filter(|name| run >= 4 && (ended || name + SIGHT <= bytes.len()))
            else {
                continue;
            };
            if bytes[name..].starts_with(b"APETAGEX") {
                self.frames = self.frames.saturating_sub(le32(bytes, name + 16).unwrap_or(0).into());
            }
            self.chapters += usize::from(matches!(&bytes[name..name + 4], b"CHAP" | b"CTOC"));
            let may_begin = |place: &usize| bytes.get(*place..place + 2).is_some_and(|two| is_zlib([two[0], two[1]]));
            places.extend((name + FIRST..=name + LAST).filter(may_begin));
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Unpacks what is packed there, and what is packed within; whether all of it stayed below the limits.
    fn unpack(&mut self, source: impl Read, depth: usize) -> bool {
        let Some(heads) = self.heads.checked_sub(1) else { return false };
        self.heads = heads;
        let mut decoder = ZlibDecoder::new(source);
        let (mut unpacked, mut some) = (Vec::new(), [0; 8 << 10]);
        // What is no longer packed, or never was, ends it.
        while let Ok(count @ 1..) = decoder.read(&mut some) {
            let Some(left) = self.left.checked_sub(count as u64) else { return false };
            self.left = left;
            unpacked.extend_from_slice(&some[..count]);
        }
        let Some(work) = self.work.checked_sub(decoder.total_in()) else { return false };
        self.work = work;
        let places = self.heads_in(&unpacked, true);
        if self.frames == 0 {
            return false;
        }
        places.is_empty()
            || depth < MAX_DEPTH
                && places.into_iter().all(|place| {
                    let packed = &unpacked[place..];
                    self.unpack(packed, depth + 1) && self.unpack(UnsynchronizedStream::new(packed), depth + 1)
                })
    }
}

/// Whether a zlib stream may begin so (RFC 1950, section 2.2).
fn is_zlib(head: [u8; 2]) -> bool {
    head[0] & 0x8f == 8 && u16::from_be_bytes(head).is_multiple_of(31) && head[1] & 0x20 == 0
}
