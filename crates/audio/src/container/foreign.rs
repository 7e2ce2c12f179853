//! WavPack, Monkey's Audio and Musepack: what their headers declare and where their sound lies. The program `ffmpeg` decodes
//! them, since no well-kept library in Rust does.
//!
//! The frames of Monkey's Audio and of Musepack before its stream version 8 have no boundaries that show from outside, so
//! their sound is given in pieces of one size; the essence, which knows no boundaries, is the same.

use std::io;

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_MONKEYS_AUDIO, CODEC_ID_MUSEPACK, CODEC_ID_WAVPACK};
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::mpeg::before_trailing_tags;
use super::{Heard, Opened, Packets, Refusal, Verdict};
use crate::bytes::{File, le16, le32, read_at};

/// Size of the pieces of sound without boundaries.
const PIECE_BYTES: u64 = 64 << 10;
/// Blocks of WavPack have a mebibyte at most; packets of Musepack far less.
const MAX_BLOCK_BYTES: u64 = 16 << 20;

fn params(
    codec: symphonia::core::codecs::audio::AudioCodecId,
    rate: u32,
    channels: u16,
    bits: Option<u32>,
) -> AudioCodecParameters {
    let mut params = AudioCodecParameters::new();
    params.for_codec(codec).with_sample_rate(rate).with_channels(Channels::Discrete(channels));
    if let Some(bits) = bits {
        params.with_bits_per_sample(bits);
    }
    params
}

/// WavPack (wavpack.com, WavPack 4 & 5 Binary File / Block Format): blocks with a header of 32 bytes.
pub(super) fn open_wavpack(mut file: File, start: u64, len: u64) -> Result<Opened, Refusal> {
    const RATES: [u32; 15] = [
        6_000, 8_000, 9_600, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000,
        192_000,
    ];
    const HYBRID: u32 = 8;
    let end = before_trailing_tags(&mut file, start, len)?;
    let head = read_at(&mut file, start, 32)?;
    let (Some(total), Some(flags)) = (le32(&head, 12), le32(&head, 24)) else {
        return Err(Refusal::NoSound("it ends inside its first header".into()));
    };
    let declared = (total != u32::MAX).then(|| u64::from(head[11]) << 32 | u64::from(total));
    let rate = RATES.get((flags >> 23 & 15) as usize).copied().unwrap_or(0);
    let bits = (flags & 3) * 8 + 8 - (flags >> 13 & 31).min(8);
    let mut verdict = Verdict::default();
    if flags & HYBRID != 0 {
        verdict.notes.push("WavPack in hybrid mode: without its .wvc file it is lossy".into());
    }
    let packets = Blocks { file, at: start, end, declared, samples: 0, broken: None };
    Ok(Opened {
        params: params(
            CODEC_ID_WAVPACK,
            rate,
            if flags & 4 == 0 { 2 } else { 1 },
            (flags & HYBRID == 0).then_some(bits),
        ),
        delay: 0,
        declared_frames: declared,
        packets: Box::new(packets),
        verdict,
        decoded_by: Some("wv"),
    })
}

struct Blocks {
    file: File,
    at: u64,
    end: u64,
    declared: Option<u64>,
    samples: u64,
    broken: Option<String>,
}

impl Packets for Blocks {
    fn next(&mut self) -> Result<Option<Packet>, Error> {
        if self.at >= self.end {
            return Ok(None);
        }
        let head = read_at(&mut self.file, self.at, 32)?;
        let size = le32(&head, 4).map_or(0, u64::from) + 8;
        let (Some(samples), Some(flags)) = (le32(&head, 20), le32(&head, 24)) else {
            self.broken = Some(format!("ends inside a block's header at byte {}", self.at));
            return Ok(None);
        };
        if !head.starts_with(b"wvpk") || !(32..=MAX_BLOCK_BYTES).contains(&size) {
            self.broken = Some(format!("bytes from {} on are no block of WavPack", self.at));
            return Ok(None);
        }
        if self.at + size > self.end {
            self.broken = Some(format!(
                "ends inside a block: {size} bytes wanted at byte {}, {} found",
                self.at,
                self.end - self.at
            ));
            return Ok(None);
        }
        let body = read_at(&mut self.file, self.at + 32, (size - 32) as usize)?;
        self.at += size;
        // Of the blocks that share their samples, one for each pair of channels, the first says so.
        self.samples += if flags & 0x800 == 0 { 0 } else { u64::from(samples) };
        Ok(Some(packet(body)))
    }

    fn verdict(&mut self, heard: &Heard) -> Verdict {
        let mut verdict = Verdict::default();
        verdict.broken.extend(self.broken.take());
        match self.declared {
            Some(declared) if declared != self.samples => verdict.broken.push(format!(
                "declares {declared} samples, its blocks have {}: it ends after {:.2} s",
                self.samples,
                heard.seconds(self.samples)
            )),
            Some(_) => {}
            None => verdict.unproven = Some("its length was not known when it was written".into()),
        }
        verdict.frames = Some(self.samples);
        verdict
    }
}

fn packet(body: Vec<u8>) -> Packet {
    Packet::new(0, Timestamp::new(0), Duration::from(0_u64), body)
}

/// Monkey's Audio (MAC SDK, APEHeader.h): since version 3.98 a descriptor says where everything lies.
pub(super) fn open_ape(mut file: File, start: u64, len: u64) -> Result<Opened, Refusal> {
    let end = before_trailing_tags(&mut file, start, len)?;
    let descriptor = read_at(&mut file, start, 52)?;
    let number = |at: usize| le32(&descriptor, at).map_or(0, u64::from);
    let version = le16(&descriptor, 4).unwrap_or(0);
    if descriptor.len() < 52 {
        return Err(Refusal::NoSound("it ends inside its header".into()));
    }
    if version < 3_980 {
        return Err(Refusal::Unsupported(format!("Monkey's Audio of the old version {version}")));
    }
    // Descriptor, header, seek table, the head of the original WAVE file; then the frames.
    let header = read_at(&mut file, start + number(8), 24)?;
    let field = |at: usize| le32(&header, at).map_or(0, u64::from);
    let Some((bits, channels, rate)) = (|| Some((le16(&header, 16)?, le16(&header, 18)?, le32(&header, 20)?)))() else {
        return Err(Refusal::NoSound("it ends inside its header".into()));
    };
    let (a_frame, last_frame, frames) = (field(4), field(8), field(12));
    let declared = frames.saturating_sub(1) * a_frame + if frames > 0 { last_frame } else { 0 };
    let sound = start + number(8) + number(12) + number(16) + number(20);
    let bytes = number(24) | number(28) << 32;
    let mut verdict = Verdict::default();
    let found = end.saturating_sub(sound);
    if bytes > found {
        verdict.broken.push(format!(
            "ends at byte {len} inside the sound: {bytes} bytes declared at byte {sound}, {found} found"
        ));
    }
    Ok(Opened {
        params: params(CODEC_ID_MONKEYS_AUDIO, rate, channels, Some(bits.into())),
        delay: 0,
        declared_frames: Some(declared),
        packets: Box::new(Pieces {
            file,
            at: sound,
            end: sound.saturating_add(bytes).min(end),
            declared: Some(declared),
        }),
        verdict,
        decoded_by: Some("ape"),
    })
}

/// Sound without boundaries, in pieces.
struct Pieces {
    file: File,
    at: u64,
    end: u64,
    declared: Option<u64>,
}

impl Packets for Pieces {
    fn next(&mut self) -> Result<Option<Packet>, Error> {
        if self.at >= self.end {
            return Ok(None);
        }
        let body = read_at(&mut self.file, self.at, (self.end - self.at).min(PIECE_BYTES) as usize)?;
        self.at += body.len() as u64;
        Ok((!body.is_empty()).then(|| packet(body)))
    }

    fn verdict(&mut self, heard: &Heard) -> Verdict {
        fewer_than_declared(self.declared, heard)
    }
}

fn fewer_than_declared(declared: Option<u64>, heard: &Heard) -> Verdict {
    match declared {
        Some(declared) if heard.frames > 0 && heard.frames < declared => Verdict::broken(format!(
            "declares {declared} samples, {} were found: it ends after {:.2} s",
            heard.frames,
            heard.seconds(heard.frames)
        )),
        Some(_) => Verdict::default(),
        None => Verdict::unproven("it does not declare its length"),
    }
}

/// Musepack (trac.musepack.net, SV8 and SV7 specifications).
pub(super) fn open_musepack(mut file: File, start: u64, len: u64) -> Result<Opened, Refusal> {
    const RATES: [u32; 4] = [44_100, 48_000, 37_800, 32_000];
    let end = before_trailing_tags(&mut file, start, len)?;
    let head = read_at(&mut file, start, 24)?;
    if head.starts_with(b"MP+") {
        let Some(frames) = le32(&head, 4).filter(|_| head.len() == 24) else {
            return Err(Refusal::NoSound("it ends inside its header".into()));
        };
        if head[3] & 15 != 7 {
            return Err(Refusal::Unsupported(format!("Musepack of stream version {}", head[3] & 15)));
        }
        // The last frame may be short.
        let declared = u64::from(frames.saturating_sub(1)) * 1_152;
        return Ok(Opened {
            params: params(CODEC_ID_MUSEPACK, RATES[usize::from(head[10] & 3)], 2, None),
            delay: 0,
            declared_frames: None,
            packets: Box::new(Pieces { file, at: start + 24, end, declared: Some(declared) }),
            verdict: Verdict::default(),
            decoded_by: Some("mpc"),
        });
    }
    let mut packets = Keyed { file, at: start + 4, end, declared: None, ended: false, broken: None };
    let cut = || Refusal::NoSound("it ends inside its header".into());
    let (key, body, size) = packets.header()?.ok_or_else(cut)?;
    let header = read_at(&mut packets.file, body, size.min(64) as usize)?;
    if &key != b"SH" {
        return Err(Refusal::NoSound("it does not begin with a stream header".into()));
    }
    let (samples, used) = header.get(5..).and_then(varint).ok_or_else(cut)?;
    let (silence, more) = header.get(5 + used..).and_then(varint).ok_or_else(cut)?;
    let format = header.get(5 + used + more..7 + used + more).ok_or_else(cut)?;
    packets.at = body + size;
    packets.declared = (samples > 0).then(|| samples.saturating_sub(silence));
    let rate = RATES.get(usize::from(format[0] >> 5)).copied().unwrap_or(0);
    Ok(Opened {
        params: params(CODEC_ID_MUSEPACK, rate, u16::from(format[1] >> 4) + 1, None),
        delay: 0,
        declared_frames: packets.declared,
        packets: Box::new(packets),
        verdict: Verdict::default(),
        decoded_by: Some("mpc8"),
    })
}

/// Packets of stream version 8: a key of two letters, the length of the whole, the body.
struct Keyed {
    file: File,
    at: u64,
    end: u64,
    declared: Option<u64>,
    ended: bool,
    broken: Option<String>,
}

impl Keyed {
    /// Key, first byte and length of the next packet's body; `None` where the file ends or breaks.
    fn header(&mut self) -> io::Result<Option<([u8; 2], u64, u64)>> {
        let head = read_at(&mut self.file, self.at, 12)?;
        let found = (|| {
            let key = [*head.first()?, *head.get(1)?];
            let (size, used) = varint(head.get(2..)?)?;
            let head_size = 2 + used as u64;
            let body = size.checked_sub(head_size).filter(|body| *body <= MAX_BLOCK_BYTES)?;
            key.iter().all(u8::is_ascii_uppercase).then_some((key, self.at + head_size, body))
        })();
        Ok(found.filter(|(_, body, size)| body + size <= self.end))
    }
}

/// A number of seven bits a byte, the highest first, and its bytes.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, at + 1));
        }
    }
    None
}

impl Packets for Keyed {
    fn next(&mut self) -> Result<Option<Packet>, Error> {
        while self.at < self.end && !self.ended {
            let Some((key, body, size)) = self.header()? else {
                self.broken = Some(format!("breaks or ends inside a packet at byte {}", self.at));
                return Ok(None);
            };
            self.at = body + size;
            match &key {
                b"AP" => return Ok(Some(packet(read_at(&mut self.file, body, size as usize)?))),
                b"SE" => self.ended = true,
                _ => {}
            }
        }
        Ok(None)
    }

    fn verdict(&mut self, heard: &Heard) -> Verdict {
        let mut verdict = Verdict::default();
        verdict.broken.extend(self.broken.take());
        if !self.ended && verdict.broken.is_empty() {
            verdict.broken.push(format!("ends at byte {} without a stream-end packet", self.at));
        }
        verdict.and(fewer_than_declared(self.declared, heard))
    }
}
