//! The CUESHEET block of a FLAC file: places in samples, codes, no titles (RFC 9639, section 8.7).

use super::{FRAMES_PER_SECOND, MAX_TRACKS, Sheet, SheetFile, SheetTrack};

/// Catalogue number, lead-in, flags and the number of tracks.
const HEAD_BYTES: usize = 128 + 8 + 259 + 1;
const TRACK_BYTES: usize = 36;
const INDEX_BYTES: usize = 12;

/// The bytes that a block may have: a hundred tracks of a hundred indexes.
pub(crate) const MAX_BLOCK_BYTES: u64 = (HEAD_BYTES + 100 * (TRACK_BYTES + 100 * INDEX_BYTES)) as u64;

/// The tracks of the file that has this block; `None` where the block is damaged or has no tracks of sound.
pub(crate) fn from_flac(block: &[u8], rate: u32) -> Option<Sheet> {
    let frames = |samples: u64| (u128::from(samples) * u128::from(FRAMES_PER_SECOND) / u128::from(rate.max(1))) as u64;
    let number_at = |at: usize| Some(u64::from_be_bytes(block.get(at..at + 8)?.try_into().ok()?));
    let text = |at: usize, length: usize| {
        let bytes = block.get(at..at + length)?;
        let text: String =
            bytes.iter().take_while(|byte| byte.is_ascii_graphic()).map(|byte| char::from(*byte)).collect();
        Some(text).filter(|text| !text.is_empty())
    };
    let mut sheet = Sheet { barcode: text(0, 128), ..Sheet::default() };
    let (count, mut at) = (*block.get(HEAD_BYTES - 1)?, HEAD_BYTES);
    let mut tracks: Vec<SheetTrack> = Vec::new();
    for _ in 0..count {
        let (offset, number, flags) = (number_at(at)?, *block.get(at + 8)?, *block.get(at + 21)?);
        let (isrc, indexes) = (text(at + 9, 12), *block.get(at + 35)?);
        at += TRACK_BYTES;
        let (mut start, mut gap) = (None, None);
        for _ in 0..indexes {
            let (from, index) = (offset.checked_add(number_at(at)?)?, *block.get(at + 8)?);
            match index {
                0 => gap = Some(frames(from)),
                1 => start = Some(frames(from)),
                _ => {}
            }
            at += INDEX_BYTES;
        }
        // What follows the last track, and data, end the track before them.
        let begins = start.or(gap).unwrap_or(frames(offset));
        if let Some(before) = tracks.last_mut().filter(|before| before.end.is_none()) {
            before.end = Some(begins);
        }
        let is_sound = flags & 0x80 == 0 && usize::from(number) <= MAX_TRACKS && number > 0;
        if is_sound {
            tracks.push(SheetTrack { number, isrc, start: start?, gap, ..SheetTrack::default() });
        }
    }
    let in_order = tracks.windows(2).all(|pair| pair[0].start < pair[1].start && pair[0].end > Some(pair[0].start));
    sheet.files.push(SheetFile { name: String::new(), tracks });
    (in_order && !sheet.files[0].tracks.is_empty()).then_some(sheet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(offset: u64, number: u8, isrc: &str, indexes: &[(u64, u8)]) -> Vec<u8> {
        let mut bytes = offset.to_be_bytes().to_vec();
        bytes.push(number);
        bytes.extend(isrc.bytes().chain(std::iter::repeat(0)).take(12));
        bytes.extend([0; 14]);
        bytes.push(indexes.len() as u8);
        for (offset, number) in indexes {
            bytes.extend(offset.to_be_bytes());
            bytes.extend([*number, 0, 0, 0]);
        }
        bytes
    }

    fn block(tracks: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            b"0123456789012".iter().copied().chain(std::iter::repeat(0)).take(HEAD_BYTES - 1).collect();
        bytes.push(tracks.len() as u8);
        bytes.extend(tracks.concat());
        bytes
    }

    #[test]
    fn tracks_begin_at_their_first_index() {
        let tracks = [
            track(0, 1, "ZZAAA2600001", &[(0, 1)]),
            track(441_000, 2, "", &[(0, 0), (44_100, 1)]),
            track(882_000, 170, "", &[]),
        ];
        let bytes = block(&tracks);
        let sheet = from_flac(&bytes, 44_100).expect("a sheet");
        let [one, two] = &sheet.files[0].tracks[..] else { panic!("{sheet:?}") };
        assert_eq!((one.range_ms(), one.isrc.as_deref()), ((0, Some(11_000)), Some("ZZAAA2600001")));
        assert_eq!((two.range_ms(), two.gap), ((11_000, Some(20_000)), Some(750)));
        assert_eq!(sheet.barcode.as_deref(), Some("0123456789012"));
        for length in 0..bytes.len() {
            assert_eq!(from_flac(&bytes[..length], 44_100), None, "cut off at {length}");
        }
    }

    #[test]
    fn a_block_in_disorder_is_none() {
        let disorder = block(&[track(44_100, 1, "", &[(0, 1)]), track(0, 2, "", &[(0, 1)])]);
        assert_eq!(from_flac(&disorder, 44_100), None);
        let beyond = block(&[track(u64::MAX, 1, "", &[(1, 1)])]);
        assert_eq!(from_flac(&beyond, 44_100), None);
        assert_eq!(from_flac(&block(&[]), 44_100), None);
    }
}
