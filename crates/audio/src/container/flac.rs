//! Native FLAC (RFC 9639): metadata blocks, and STREAMINFO's sample count and MD5 as the proof.

use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::packet::Packet;
use symphonia::default::formats::FlacReader;

use super::{Demuxed, Heard, Opened, Packets, Refusal, Verdict, remember};
use crate::Limits;
use crate::bytes::{File, View, read_at};
use crate::cue;
use crate::tags::{Collector, vorbis};

const STREAMINFO_BYTES: u64 = 34;
/// More blocks than any encoder writes, fewer than patience allows.
const MAX_BLOCKS: usize = 4096;

pub(super) fn open(
    mut file: File,
    start: u64,
    len: u64,
    limits: &Limits,
    tags: &mut Collector,
) -> Result<Opened, Refusal> {
    let mut at = start + 4;
    let (mut streaminfo, mut cuesheet) = (None, None);
    for _ in 0..MAX_BLOCKS {
        let head = read_at(&mut file, at, 4)?;
        if head.len() < 4 {
            return Err(Refusal::NoSound(format!("it ends inside its header at byte {len}")));
        }
        let size = u64::from(head[1]) << 16 | u64::from(head[2]) << 8 | u64::from(head[3]);
        let body = at + 4;
        at = body + size;
        if at > len {
            return Err(Refusal::NoSound(format!("it ends inside its header: {size} bytes declared at byte {body}")));
        }
        match head[0] & 0x7f {
            0 if size == STREAMINFO_BYTES && streaminfo.is_none() => {
                streaminfo = Some(read_at(&mut file, body, size as usize)?);
            }
            5 if size <= cue::MAX_BLOCK_BYTES && cuesheet.is_none() => {
                cuesheet = Some(read_at(&mut file, body, size as usize)?);
            }
            4 => vorbis::read_comments(&mut file, body, size, limits, tags)?,
            6 => vorbis::read_picture(&mut file, body, size, limits, tags)?,
            _ => {}
        }
        if head[0] & 0x80 != 0 {
            break;
        }
    }
    let Some(streaminfo) = streaminfo else {
        return Err(Refusal::NoSound("it has no STREAMINFO block".into()));
    };
    if let Some(block) = cuesheet {
        tags.cuesheet(cue::from_flac(&block, Declared::rate(&streaminfo)));
    }
    let mut prefix = b"fLaC\x80\0\0\x22".to_vec();
    prefix.extend_from_slice(&streaminfo);
    let stream = View::new(file, at, len).with_prefix(prefix).into_stream();
    let reader = FlacReader::try_new(stream, FormatOptions::default());
    let (demuxed, described) = Demuxed::new(reader.map(|reader| Box::new(reader) as Box<dyn FormatReader>))?;
    let declared = Declared::of(&streaminfo);
    Ok(Opened {
        params: described.params,
        delay: 0,
        declared_frames: declared.frames,
        packets: Box::new(FlacPackets { demuxed, declared, expected: 0, gaps: Vec::new() }),
        verdict: Verdict::default(),
        decoded_by: None,
    })
}

/// What STREAMINFO declares about the whole.
#[derive(Clone, Copy)]
pub(super) struct Declared {
    pub(super) frames: Option<u64>,
    pub(super) md5: bool,
}

impl Declared {
    /// Reads the 34 bytes of STREAMINFO (RFC 9639, section 8.2).
    pub(super) fn of(streaminfo: &[u8]) -> Self {
        let total = streaminfo
            .get(13..18)
            .map_or(0, |b| b.iter().fold(0_u64, |n, byte| n << 8 | u64::from(*byte)) & 0xf_ffff_ffff);
        let md5 = streaminfo.get(18..34).is_some_and(|md5| md5.iter().any(|byte| *byte != 0));
        Self { frames: (total > 0).then_some(total), md5 }
    }

    /// Samples a second, of the same bytes.
    fn rate(streaminfo: &[u8]) -> u32 {
        streaminfo.get(10..13).map_or(0, |b| u32::from(b[0]) << 12 | u32::from(b[1]) << 4 | u32::from(b[2]) >> 4)
    }

    /// Compares what was heard.
    pub(super) fn verdict(self, heard: &Heard) -> Verdict {
        let mut verdict = Verdict::default();
        match self.frames {
            Some(declared) if declared != heard.frames => verdict.broken.push(format!(
                "declares {declared} samples, {} were found: {} after {:.2} s",
                heard.frames,
                if heard.frames < declared { "it ends or has gaps" } else { "it goes on" },
                heard.seconds(heard.frames.min(declared)),
            )),
            Some(_) => {}
            None if heard.checksum_right == Some(true) => {}
            None => verdict.unproven = Some("neither a sample count nor an MD5 is declared".into()),
        }
        if self.md5 && heard.checksum_right == Some(false) && verdict.broken.is_empty() {
            verdict.broken.push(format!(
                "the MD5 of the sound differs from the declared one somewhere in its {:.2} s",
                heard.seconds(heard.frames)
            ));
        }
        verdict
    }
}

struct FlacPackets {
    demuxed: Demuxed,
    declared: Declared,
    expected: i64,
    gaps: Vec<(i64, i64)>,
}

impl Packets for FlacPackets {
    fn next(&mut self) -> Result<Option<Packet>, Error> {
        let packet = self.demuxed.next()?;
        if let Some(packet) = &packet {
            let begins = packet.pts.get();
            if begins != self.expected {
                remember(&mut self.gaps, (self.expected, begins));
            }
            self.expected = begins.saturating_add_unsigned(packet.dur.get());
        }
        Ok(packet)
    }

    fn verdict(&mut self, heard: &Heard) -> Verdict {
        let mut verdict = Verdict::default();
        for (from, to) in &self.gaps {
            verdict.broken.push(format!(
                "the sound jumps from {:.2} s to {:.2} s",
                heard.seconds(from.unsigned_abs()),
                heard.seconds(to.unsigned_abs())
            ));
        }
        verdict.and(self.declared.verdict(heard))
    }
}
