//! Tags of every scheme, with chapters, lyrics and pictures, each as the one thing that is foreign in a file that is
//! otherwise whole.

use fonoteca_audio::Depth;

use super::file::{analysed, with_file};
use super::{mp4, ogg};

/// Three frames of silence at 128 kbit/s.
fn frames() -> Vec<u8> {
    [&[0xff, 0xfb, 0x90, 0xc4][..], &[0; 413]].concat().repeat(3)
}

/// A size of seven bits a byte (ID3v2.4, section 6.2).
fn synchsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7f)
}

/// A chunk of RIFF or AIFF, padded to an even length.
fn chunk(name: &[u8], body: &[u8], big_endian: bool) -> Vec<u8> {
    let size = body.len() as u32;
    let size = if big_endian { size.to_be_bytes() } else { size.to_le_bytes() };
    [name, &size, body, &[0][..body.len() & 1]].concat()
}

fn flac(kind: u8, block: &[u8]) -> Vec<u8> {
    let mut streaminfo = [0; 34];
    streaminfo[..4].copy_from_slice(&[0, 192, 0, 192]);
    streaminfo[10..14].copy_from_slice(&[0x0a, 0xc4, 0x42, 0xf0]);
    let size = &(block.len() as u32).to_be_bytes()[1..];
    // A frame of 192 samples of silence (RFC 9639, section 9), with its two checksums.
    let frame = [0xff, 0xf8, 0x19, 0x18, 0, 0xed, 0, 0, 0, 0, 0, 0, 0x9b, 0xba];
    [b"fLaC\0\0\0\x22", &streaminfo[..], &[0x80 | kind], size, block, &frame].concat()
}

fn wave(name: &[u8], body: &[u8]) -> Vec<u8> {
    let format = [1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0];
    let (format, sound) = (chunk(b"fmt ", &format, false), chunk(b"data", &[0; 16], false));
    chunk(b"RIFF", &[b"WAVE", &format[..], &sound, &chunk(name, body, false)].concat(), false)
}

fn aiff(name: &[u8], body: &[u8]) -> Vec<u8> {
    let common = [0, 1, 0, 0, 0, 8, 0, 16, 0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0];
    let (common, sound) = (chunk(b"COMM", &common, true), chunk(b"SSND", &[0; 24], true));
    chunk(b"FORM", &[b"AIFF", &common[..], &sound, &chunk(name, body, true)].concat(), true)
}

/// A whole ID3v2 tag around its frames: version and flags come first.
fn id3(bytes: &[u8]) -> Vec<u8> {
    let [version, flags, frames @ ..] = bytes else { return Vec::new() };
    let head = [2 + version % 3, 0, flags & 0xe0];
    [b"ID3", &head[..], &synchsafe(frames.len()), frames].concat()
}

fn ape(bytes: &[u8]) -> Vec<u8> {
    let [count, items @ ..] = bytes else { return frames() };
    let ends = |flags: u32| {
        let numbers = [2000, items.len() as u32 + 32, u32::from(*count), flags];
        let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        [b"APETAGEX", &numbers[..], &[0; 8]].concat()
    };
    [frames(), ends(0xa000_0000), items.to_vec(), ends(0x8000_0000)].concat()
}

/// The file of one kind, and whether whatever the tags are it has sound.
fn file(kind: u8, bytes: &[u8]) -> (Vec<u8>, bool) {
    let file = match kind % 16 {
        0 => flac(4, bytes),
        1 => flac(6, bytes),
        2 => {
            let head = ogg::pages(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0", 0);
            [head, ogg::pages(&[b"OpusTags", bytes].concat(), 1)].concat()
        }
        3 => [id3(bytes), frames()].concat(),
        4 => ape(bytes),
        // Lyrics3, ID3v1 and all else that may follow the sound; some of it is taken for a tag that covers the sound.
        5 => return ([frames(), bytes.to_vec()].concat(), false),
        6 => {
            let handler = mp4::atom(b"hdlr", &[&[0; 8][..], b"mdirappl", &[0; 9]].concat());
            let meta = mp4::atom(b"meta", &[&[0; 4], &handler[..], &mp4::atom(b"ilst", bytes)].concat());
            mp4::with(&mp4::atom(b"udta", &meta))
        }
        7 => mp4::with(&mp4::atom(b"udta", &mp4::atom(b"chpl", bytes))),
        8 => wave(b"LIST", &[b"INFO", bytes].concat()),
        9 => wave(b"id3 ", &id3(bytes)),
        10 => wave(b"bext", bytes),
        11 => wave(b"iXML", bytes),
        12 => aiff(b"ANNO", bytes),
        13 => aiff(b"ID3 ", &id3(bytes)),
        14 => flac(4, &comments(bytes)),
        // An ID3v2 tag before another format.
        _ => [id3(bytes), flac(4, &[])].concat(),
    };
    (file, true)
}

/// Lines of `KEY=value` as Vorbis comments, so that what values mean is not hidden behind their lengths.
fn comments(lines: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').collect();
    let mut block = [[0; 4], (lines.len() as u32).to_le_bytes()].concat();
    for line in lines {
        block.extend_from_slice(&(line.len() as u32).to_le_bytes());
        block.extend_from_slice(line);
    }
    block
}

/// Takes the first byte as the kind of tags, the others as the tags.
pub fn check(bytes: &[u8]) {
    // What is longer than a block of FLAC can say is not the tags' matter.
    let Some((kind, bytes)) = bytes.split_first().filter(|(_, bytes)| bytes.len() < 1 << 20) else { return };
    let (file, has_sound) = file(*kind, bytes);
    let told = with_file(&file, |path| analysed(Depth::Head, path));
    assert!(told.is_some() || !has_sound, "tags of kind {} hide the sound", kind % 16);
}
