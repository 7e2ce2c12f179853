//! The two chunked formats: WAVE (RIFF, RF64 of EBU Tech 3306, BW64 of ITU-R BS.2088) and AIFF / AIFF-C.
//!
//! Both declare the length of the one chunk with the sound. Only the chunks that decoding needs are shown to symphonia.

use std::io;

use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::packet::Packet;
use symphonia::default::formats::{AiffReader, WavReader};

use super::{Demuxed, Heard, Opened, Packets, Refusal, Verdict};
use crate::Limits;
use crate::bytes::{File, View, be32, le16, le32, le64, read_at};
use crate::tags::{self, Collector};

/// Descriptions of the format are short; a longer one is an attack.
const MAX_FORMAT_BYTES: u64 = 64 << 10;
/// More chunks than any recorder writes, fewer than patience allows.
const MAX_CHUNKS: usize = 4096;
/// The 32-bit length that RF64 and BW64 write where the real one stands in `ds64`, and pipes where none is known.
const ELSEWHERE: u64 = u32::MAX as u64;

/// One chunk's name, first body byte and declared body length.
struct Chunk {
    name: [u8; 4],
    body: u64,
    size: u64,
}

/// The chunks from `at` on, as far as they can be followed. Reads headers only.
fn chunks(file: &mut File, mut at: u64, len: u64, big_endian: bool) -> io::Result<Vec<Chunk>> {
    let mut found = Vec::new();
    let mut long_data = None;
    // A length in 64 bits may lead far beyond any file.
    while len.checked_sub(at).is_some_and(|left| left >= 8) && found.len() < MAX_CHUNKS {
        let head = read_at(file, at, 8)?;
        let Some(size) = (if big_endian { be32(&head, 4) } else { le32(&head, 4) }) else { break };
        let name = [head[0], head[1], head[2], head[3]];
        let (body, mut size) = (at + 8, u64::from(size));
        if !big_endian && &name == b"ds64" {
            long_data = le64(&read_at(file, body, 16)?, 8);
        }
        if !big_endian && &name == b"data" && size == ELSEWHERE {
            size = long_data.unwrap_or(ELSEWHERE);
        }
        found.push(Chunk { name, body, size });
        let Some(next) = body.checked_add(size).and_then(|end| end.checked_add(size & 1)) else { break };
        at = next;
    }
    Ok(found)
}

/// The last chunk of a name whose turn comes before the sound.
fn described(file: &mut File, chunks: &[Chunk], name: [u8; 4]) -> Result<Option<Vec<u8>>, Refusal> {
    let Some(chunk) = chunks.iter().find(|chunk| chunk.name == name) else { return Ok(None) };
    if chunk.size > MAX_FORMAT_BYTES {
        return Err(Refusal::NoSound(format!(
            "its format description claims {} bytes at byte {}",
            chunk.size, chunk.body
        )));
    }
    Ok(Some(read_at(file, chunk.body, chunk.size as usize)?))
}

/// Judges the chunk with the sound: its end, and what is missing of it.
fn judge(sound: &Chunk, len: u64, unknown: bool) -> (u64, Verdict) {
    let found = len.saturating_sub(sound.body);
    if unknown {
        return (len, Verdict::unproven("the length of the sound was not known when it was written"));
    }
    if sound.size > found {
        let reason = format!(
            "ends at byte {len} inside the sound: {} bytes declared at byte {}, {found} found",
            sound.size, sound.body
        );
        return (len, Verdict::broken(reason));
    }
    (sound.body + sound.size, Verdict::default())
}

/// Reads the chunks that describe: RIFF's INFO list, AIFF's texts, and the ID3v2 tag that both may carry.
fn describe(file: &mut File, chunks: &[Chunk], len: u64, limits: &Limits, tags: &mut Collector) -> io::Result<()> {
    for chunk in chunks {
        let end = chunk.body.saturating_add(chunk.size).min(len);
        let size = end.saturating_sub(chunk.body);
        match &chunk.name {
            b"LIST" => {
                let list = read_at(file, chunk.body, size.min(limits.tags_bytes as u64 * 2) as usize)?;
                if list.starts_with(b"INFO") {
                    information(&list[4..], tags);
                }
            }
            b"id3 " | b"ID3 " => {
                tags::read_with_lofty(file.try_clone()?, chunk.body, end, size, limits, tags);
            }
            b"bext" => tags::bwf::read_bext(&read_at(file, chunk.body, size.min(MAX_FORMAT_BYTES) as usize)?, tags),
            b"iXML" => {
                let chunk = read_at(file, chunk.body, size.min(limits.tags_bytes as u64) as usize)?;
                tags::bwf::read_ixml(&chunk, tags);
            }
            b"NAME" | b"AUTH" | b"(c) " | b"ANNO" => {
                let text = read_at(file, chunk.body, size.min(limits.tag_bytes as u64 + 4) as usize)?;
                tags.bytes(String::from_utf8_lossy(&chunk.name).trim_end(), &text);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The texts of an INFO list.
fn information(list: &[u8], tags: &mut Collector) {
    let mut at = 0;
    while let (Some(name), Some(size)) = (list.get(at..at + 4), le32(list, at + 4)) {
        let text = &list[(at + 8).min(list.len())..];
        let text = &text[..text.len().min(size as usize)];
        tags.bytes(&String::from_utf8_lossy(name), text);
        at += 8 + text.len() + (text.len() & 1);
    }
}

pub(super) fn open_wav(
    mut file: File,
    start: u64,
    len: u64,
    limits: &Limits,
    tags: &mut Collector,
) -> Result<Opened, Refusal> {
    let chunks = chunks(&mut file, start + 12, len, false)?;
    describe(&mut file, &chunks, len, limits, tags)?;
    let Some(sound) = chunks.iter().find(|chunk| &chunk.name == b"data") else {
        return Err(Refusal::NoSound(format!("it ends at byte {len} before any sound")));
    };
    let Some(format) = described(&mut file, &chunks, *b"fmt ")? else {
        return Err(Refusal::NoSound("it has no description of its format".into()));
    };
    let (channels, bits) = (le16(&format, 2).unwrap_or(0), le16(&format, 14).unwrap_or(0));
    // The demultiplexer reckons the bytes of a frame in 16 bits.
    if channels.checked_mul(bits / 8).is_none() {
        return Err(Refusal::NoSound(format!("declares {channels} channels of {bits} bits")));
    }
    let (end, mut verdict) = judge(sound, len, sound.size == ELSEWHERE || (sound.size == 0 && len > sound.body));
    // Integers and floats: every frame has the same size, so that the length shows without reading one.
    if matches!(le16(&format, 0), Some(1 | 3)) {
        verdict.frames = end.saturating_sub(sound.body).checked_div(u64::from(channels * (bits / 8)));
    }
    let mut prefix = b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec();
    prefix.extend_from_slice(&(format.len() as u32).to_le_bytes());
    prefix.extend_from_slice(&format);
    prefix.extend(std::iter::repeat_n(0, format.len() & 1));
    // Without a declared length the reader goes on to the end of the view, which also serves sound beyond 4 GiB.
    prefix.extend_from_slice(b"data\xff\xff\xff\xff");
    let stream = View::new(file, sound.body, end).with_prefix(prefix).into_stream();
    let reader = WavReader::try_new(stream, FormatOptions::default());
    opened(reader.map(|reader| Box::new(reader) as Box<dyn FormatReader>), verdict)
}

pub(super) fn open_aiff(
    mut file: File,
    start: u64,
    len: u64,
    limits: &Limits,
    tags: &mut Collector,
) -> Result<Opened, Refusal> {
    let form = read_at(&mut file, start, 12)?;
    let chunks = chunks(&mut file, start + 12, len, true)?;
    describe(&mut file, &chunks, len, limits, tags)?;
    let Some(sound) = chunks.iter().find(|chunk| &chunk.name == b"SSND") else {
        return Err(Refusal::NoSound(format!("it ends at byte {len} before any sound")));
    };
    let Some(common) = described(&mut file, &chunks, *b"COMM")? else {
        return Err(Refusal::NoSound("it has no description of its format".into()));
    };
    let (end, verdict) = judge(sound, len, false);
    let size = (end - sound.body) as u32;
    let mut prefix = b"FORM".to_vec();
    let padding = common.len() & 1;
    prefix.extend_from_slice(&size.saturating_add((20 + common.len() + padding) as u32).to_be_bytes());
    prefix.extend_from_slice(form.get(8..12).unwrap_or(b"AIFF"));
    prefix.extend_from_slice(b"COMM");
    prefix.extend_from_slice(&(common.len() as u32).to_be_bytes());
    prefix.extend_from_slice(&common);
    prefix.extend(std::iter::repeat_n(0, padding));
    prefix.extend_from_slice(b"SSND");
    prefix.extend_from_slice(&size.to_be_bytes());
    let stream = View::new(file, sound.body, end).with_prefix(prefix).into_stream();
    let reader = AiffReader::try_new(stream, FormatOptions::default());
    opened(reader.map(|reader| Box::new(reader) as Box<dyn FormatReader>), verdict)
}

fn opened(reader: Result<Box<dyn FormatReader>, Error>, verdict: Verdict) -> Result<Opened, Refusal> {
    let (demuxed, described) = Demuxed::new(reader)?;
    Ok(Opened {
        params: described.params,
        delay: 0,
        declared_frames: None,
        packets: Box::new(ChunkPackets(demuxed)),
        verdict,
        decoded_by: None,
    })
}

struct ChunkPackets(Demuxed);

impl Packets for ChunkPackets {
    fn next(&mut self) -> Result<Option<Packet>, Error> {
        self.0.next()
    }

    fn verdict(&mut self, _: &Heard) -> Verdict {
        Verdict::default()
    }
}
