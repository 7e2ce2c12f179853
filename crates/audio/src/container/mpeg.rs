//! Bare MPEG audio frames (ISO/IEC 11172-3 and 13818-3), split here so that junk, gaps and a cut end show with their
//! place. A Xing, Info or VBRI frame declares how many frames there are; without one nothing does.

use std::io;

use symphonia::core::audio::layouts;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::{Heard, Opened, Packets, Refusal, Verdict, remember};
use crate::bytes::{File, be32, le32, read_at};

/// How much junk before the first frame is looked through. Real files have a few KiB of it at most.
const MAX_JUNK_BYTES: usize = 128 << 10;
/// Frames in a row that make a stream: the sync word alone turns up in any bytes.
const RUN: usize = 3;
/// Samples by which every decoder lags (LAME's technical FAQ).
const DECODER_DELAY: u64 = 529;
/// Read ahead in blocks of this size.
const BUFFER_BYTES: usize = 256 << 10;

/// What a frame's four-byte header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    layer: u8,
    mpeg1: bool,
    rate: u32,
    channels: u8,
    bytes: usize,
    samples: u64,
}

impl Frame {
    fn parse(head: &[u8]) -> Option<Self> {
        let word = be32(head, 0)?;
        if word >> 21 != 0x7ff {
            return None;
        }
        let version = (word >> 19) & 3;
        let layer = 4 - ((word >> 17) & 3) as u8;
        let (bit_rate, rate, padding) = ((word >> 12) & 15, (word >> 10) & 3, u64::from((word >> 9) & 1));
        // Free-format frames (bit rate 0) carry no length; no music is sold or shared in them.
        if version == 1 || layer == 4 || bit_rate == 0 || bit_rate == 15 || rate == 3 {
            return None;
        }
        let mpeg1 = version == 3;
        let rate = [44_100, 48_000, 32_000][rate as usize] >> [2, 0, 1, 0][version as usize];
        let kbps = u64::from(
            BIT_RATES[if mpeg1 { usize::from(layer) - 1 } else { usize::from(layer.min(2)) + 2 }]
                [bit_rate as usize - 1],
        );
        let samples = match layer {
            1 => 384,
            3 if !mpeg1 => 576,
            _ => 1152,
        };
        let bytes = if layer == 1 {
            (12_000 * kbps / u64::from(rate) + padding) * 4
        } else {
            samples / 8 * 1000 * kbps / u64::from(rate) + padding
        };
        let channels = if (word >> 6) & 3 == 3 { 1 } else { 2 };
        Some(Self { layer, mpeg1, rate, channels, bytes: bytes as usize, samples })
    }

    /// Whether both can belong to one stream.
    const fn like(&self, other: &Self) -> bool {
        self.layer == other.layer && self.mpeg1 == other.mpeg1 && self.rate == other.rate
    }
}

/// Bit rates in kbit/s by index 1 to 14: MPEG-1 layers I, II, III; MPEG-2 and 2.5 layer I, layers II and III.
const BIT_RATES: [[u16; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// Where a run of frames begins at or shortly after `start`.
pub(crate) fn find_first(file: &mut File, start: u64, len: u64) -> io::Result<Option<u64>> {
    let bytes = read_at(file, start, MAX_JUNK_BYTES)?;
    let to_end = start + bytes.len() as u64 >= len;
    Ok((0..bytes.len().saturating_sub(4)).find(|at| is_run(&bytes, *at, to_end)).map(|at| start + at as u64))
}

/// Whether frames follow each other from `at`, to the end of the bytes if the file ends there.
fn is_run(bytes: &[u8], at: usize, to_end: bool) -> bool {
    let Some(first) = bytes.get(at..).and_then(Frame::parse) else { return false };
    let mut next = at + first.bytes;
    for count in 1..RUN {
        let Some(rest) = bytes.get(next..).filter(|rest| rest.len() >= 4) else { return to_end && count > 1 };
        match Frame::parse(rest) {
            Some(frame) if frame.like(&first) => next += frame.bytes,
            _ => return false,
        }
    }
    true
}

/// What the first frame declares about the whole, if it is a Xing, Info or VBRI frame.
#[derive(Debug, Default, Clone, Copy)]
struct Index {
    frames: Option<u64>,
    bytes: Option<u64>,
    delay: u64,
    padding: u64,
}

impl Index {
    fn parse(frame: &Frame, bytes: &[u8]) -> Option<Self> {
        if bytes.get(36..40) == Some(b"VBRI") {
            let (size, count) = (be32(bytes, 46)?, be32(bytes, 50)?);
            return Some(Self { frames: Some(count.into()), bytes: Some(size.into()), ..Self::default() });
        }
        let side = match (frame.mpeg1, frame.channels) {
            (true, 2) => 32,
            (false, 1) => 9,
            _ => 17,
        };
        // With a CRC the side information moves by two bytes, which some encoders forget.
        let at =
            [4 + side, 6 + side].into_iter().find(|at| matches!(bytes.get(*at..at + 4), Some(b"Xing" | b"Info")))?;
        let flags = be32(bytes, at + 4)?;
        let mut next = at + 8;
        let mut field = |bit: u32, size: usize| {
            (flags & bit != 0).then(|| {
                next += size;
                next - size
            })
        };
        let frames = field(1, 4).and_then(|at| be32(bytes, at)).map(u64::from);
        let size = field(2, 4).and_then(|at| be32(bytes, at)).map(u64::from);
        field(4, 100);
        field(8, 4);
        // LAME's extension: a nine-byte name, then delay and padding in 12 bits each, 21 bytes on.
        let gaps = bytes
            .get(next..next + 4)
            .is_some_and(|name| name.iter().all(u8::is_ascii_alphanumeric))
            .then(|| be32(bytes, next + 20))
            .flatten()
            .map_or(0, |word| word & 0xff_ffff);
        Some(Self { frames, bytes: size, delay: u64::from(gaps >> 12), padding: u64::from(gaps & 0xfff) })
    }
}

pub(super) fn open(mut file: File, start: u64, len: u64) -> Result<Opened, Refusal> {
    let end = before_trailing_tags(&mut file, start, len)?;
    let mut reader = FrameReader::new(file, start, end);
    let Some((frame, first)) = reader.next()? else {
        return Err(Refusal::NoSound(format!("it ends at byte {len} inside the first frame of sound")));
    };
    let index = Index::parse(&frame, &first);
    let mut params = AudioCodecParameters::new();
    params
        .for_codec([CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3][usize::from(frame.layer) - 1])
        .with_sample_rate(frame.rate)
        .with_channels(if frame.channels == 1 { layouts::CHANNEL_LAYOUT_MONO } else { layouts::CHANNEL_LAYOUT_STEREO });
    let gaps = index.filter(|index| index.delay + index.padding > 0);
    let declared_frames = index
        .and_then(|index| index.frames)
        .map(|frames| (frames * frame.samples).saturating_sub(gaps.map_or(0, |index| index.delay + index.padding)));
    let index_bytes = index.map(|_| first.len() as u64);
    let pending = index.is_none().then_some((frame, first));
    Ok(Opened {
        params,
        delay: gaps.map_or(0, |index| index.delay + DECODER_DELAY),
        declared_frames,
        packets: Box::new(MpegPackets { reader, pending, index, index_bytes, frames: 0, bytes: 0, position: 0 }),
        verdict: Verdict::default(),
        decoded_by: None,
    })
}

/// Where the frames end and ID3v1, Lyrics3 and APE tags begin.
pub(crate) fn before_trailing_tags(file: &mut File, start: u64, len: u64) -> io::Result<u64> {
    let mut end = len;
    if end >= start + 128 && read_at(file, end - 128, 3)? == b"TAG" {
        end -= 128;
    }
    if end >= start + 15 {
        let tail = read_at(file, end - 15, 15)?;
        if &tail[6..] == b"LYRICS200" {
            let size: u64 = std::str::from_utf8(&tail[..6]).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0);
            end = end.saturating_sub(size + 15).max(start);
        }
    }
    if end >= start + 32 {
        let footer = read_at(file, end - 32, 32)?;
        if footer.starts_with(b"APETAGEX") {
            let size = le32(&footer, 12).map_or(0, u64::from);
            let header = if le32(&footer, 20).unwrap_or(0) >> 31 == 1 { 32 } else { 0 };
            end = end.saturating_sub(size + header).max(start);
        }
    }
    Ok(end)
}

/// Takes frame after frame, looking for the next run of frames where one is missing.
struct FrameReader {
    file: File,
    /// Place in the file of `buffer[used]`.
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
    first: Option<Frame>,
    junk: Vec<(u64, u64)>,
    cut: Option<(u64, usize, usize)>,
}

impl FrameReader {
    fn new(file: File, start: u64, end: u64) -> Self {
        Self { file, at: start, end, buffer: Vec::new(), used: 0, first: None, junk: Vec::new(), cut: None }
    }

    /// Makes `count` bytes available where the file has them, and gives what there is.
    fn ahead(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.used < count {
            self.buffer.drain(..self.used);
            self.used = 0;
            let from = self.at + self.buffer.len() as u64;
            let wanted = (self.end.saturating_sub(from)).min((BUFFER_BYTES + count) as u64) as usize;
            let more = read_at(&mut self.file, from, wanted)?;
            self.buffer.extend_from_slice(&more);
        }
        Ok(&self.buffer[self.used..])
    }

    fn skip(&mut self, count: usize) {
        self.used += count;
        self.at += count as u64;
    }

    fn next(&mut self) -> io::Result<Option<(Frame, Vec<u8>)>> {
        loop {
            let first = self.first;
            let rest = self.ahead(4096)?;
            if rest.len() < 4 {
                if rest.iter().any(|byte| *byte != 0) {
                    let left = rest.len();
                    self.cut = Some((self.at, 4, left));
                }
                return Ok(None);
            }
            if let Some(frame) = Frame::parse(rest).filter(|frame| first.is_none_or(|first| frame.like(&first))) {
                let found = rest.len();
                if found < frame.bytes {
                    self.cut = Some((self.at, frame.bytes, found));
                    return Ok(None);
                }
                let bytes = rest[..frame.bytes].to_vec();
                self.skip(frame.bytes);
                self.first.get_or_insert(frame);
                return Ok(Some((frame, bytes)));
            }
            if !self.resync()? {
                return Ok(None);
            }
        }
    }

    /// Goes on to the next run of frames, remembering what was passed over.
    fn resync(&mut self) -> io::Result<bool> {
        let from = self.at;
        loop {
            let (at, end) = (self.at, self.end);
            let rest = self.ahead(BUFFER_BYTES)?;
            let to_end = at + rest.len() as u64 >= end;
            let usable = rest.len().saturating_sub(if to_end { 4 } else { 8192 });
            let found = (1..usable).find(|place| is_run(rest, *place, to_end));
            let zeros = rest.iter().all(|byte| *byte == 0);
            let all = rest.len();
            match found {
                Some(place) => {
                    self.skip(place);
                    remember(&mut self.junk, (from, self.at));
                    return Ok(true);
                }
                None if to_end => {
                    // Encoders and burners pad with zeros; that is no loss.
                    if !(zeros && at == from) {
                        remember(&mut self.junk, (from, end));
                    }
                    self.skip(all);
                    return Ok(false);
                }
                None => self.skip(usable.max(1)),
            }
        }
    }
}

struct MpegPackets {
    reader: FrameReader,
    pending: Option<(Frame, Vec<u8>)>,
    index: Option<Index>,
    index_bytes: Option<u64>,
    frames: u64,
    bytes: u64,
    position: u64,
}

impl Packets for MpegPackets {
    fn next(&mut self) -> Result<Option<Packet>, Error> {
        let next = match self.pending.take() {
            Some(pending) => Some(pending),
            None => self.reader.next()?,
        };
        let Some((frame, bytes)) = next else { return Ok(None) };
        self.frames += 1;
        self.bytes += bytes.len() as u64;
        let begins = Timestamp::new(self.position as i64);
        self.position += frame.samples;
        Ok(Some(Packet::new(0, begins, Duration::from(frame.samples), bytes)))
    }

    fn verdict(&mut self, heard: &Heard) -> Verdict {
        let mut verdict = Verdict::default();
        let place = |at: u64| format!("byte {at}");
        for (from, to) in &self.reader.junk {
            verdict.broken.push(format!("{} bytes at {} are no frames of sound", to - from, place(*from)));
        }
        if let Some((at, wanted, found)) = self.reader.cut {
            verdict.broken.push(format!("ends inside a frame: {wanted} bytes wanted at {}, {found} found", place(at)));
        }
        let found_bytes = self.bytes + self.index_bytes.unwrap_or(0);
        match self.index {
            Some(Index { frames: Some(declared), .. }) if declared > self.frames => verdict.broken.push(format!(
                "declares {declared} frames, {} were found: it ends at {} after {:.2} s",
                self.frames,
                place(self.reader.at),
                heard.seconds(self.position)
            )),
            // Some encoders count the index frame itself; more than that was appended later.
            Some(Index { frames: Some(declared), .. }) if declared + 1 < self.frames => {
                verdict.notes.push(format!("{} more frames than declared were found", self.frames - declared));
            }
            Some(Index { frames: Some(_), .. }) => {}
            Some(Index { bytes: Some(declared), .. }) if declared > found_bytes => verdict.broken.push(format!(
                "declares {declared} bytes of sound, {found_bytes} were found: it ends at {}",
                place(self.reader.at)
            )),
            Some(Index { bytes: Some(_), .. }) => {}
            _ => verdict.unproven = Some("it has no Xing, Info or VBRI frame that says how long it should be".into()),
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_kinds() {
        let mp3 = Frame::parse(&[0xff, 0xfb, 0x90, 0x64]).expect("MPEG-1 layer III, 128 kbit/s, 44.1 kHz");
        assert_eq!((mp3.bytes, mp3.samples, mp3.rate, mp3.channels), (417, 1152, 44_100, 2));
        let low = Frame::parse(&[0xff, 0xf3, 0x40, 0xc4]).expect("MPEG-2 layer III, 32 kbit/s, 22.05 kHz, mono");
        assert_eq!((low.bytes, low.samples, low.rate, low.channels), (104, 576, 22_050, 1));
        let mp2 = Frame::parse(&[0xff, 0xfd, 0xa4, 0x00]).expect("MPEG-1 layer II, 192 kbit/s, 48 kHz");
        assert_eq!((mp2.bytes, mp2.samples, mp2.rate), (576, 1152, 48_000));
        assert_eq!(Frame::parse(&[0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(Frame::parse(&[0xff, 0xfb, 0x90]), None);
    }

    #[test]
    fn a_sync_word_alone_is_no_stream() {
        let mut bytes = vec![0; 2000];
        bytes[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
        assert!(!is_run(&bytes, 0, true));
        bytes[417..421].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
        bytes[834..838].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
        assert!(is_run(&bytes, 0, true));
    }
}
