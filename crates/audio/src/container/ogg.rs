//! Ogg (RFC 3533) with Vorbis, Opus (RFC 7845) or FLAC inside, split here: checksums, page numbers and the end-of-stream
//! flag are what proves that a file is whole.

use std::collections::VecDeque;

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_FLAC, CODEC_ID_OPUS, CODEC_ID_SPEEX, CODEC_ID_VORBIS};
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::flac::Declared;
use super::ogg_page::{Next, Page, PageReader};
use super::{Heard, Opened, Packets, Refusal, Verdict, codebooks, remember};
use crate::Limits;
use crate::bytes::File;
use crate::tags::{Collector, vorbis};

/// Largest packet that is put together. Comments beyond it are read as far as they go.
const MAX_PACKET_BYTES: usize = 64 << 20;

/// The codings that are known inside Ogg.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Vorbis,
    Opus,
    Flac,
    Speex,
}

impl Coding {
    fn of(first: &[u8]) -> Option<Self> {
        if first.starts_with(b"\x01vorbis") {
            Some(Self::Vorbis)
        } else if first.starts_with(b"OpusHead") {
            Some(Self::Opus)
        } else if first.starts_with(b"\x7fFLAC") {
            Some(Self::Flac)
        } else if first.starts_with(b"Speex   ") {
            Some(Self::Speex)
        } else {
            None
        }
    }
}

pub(super) fn open(file: File, start: u64, len: u64, limits: &Limits, tags: &mut Collector) -> Result<Opened, Refusal> {
    let mut reader = OggPackets::new(PageReader::new(file, start, len)?);
    let (coding, first) = reader.find_stream()?;
    let no_sound = |what: &str| Refusal::NoSound(format!("it ends inside its {what} header"));
    let mut params = AudioCodecParameters::new();
    let mut delay = 0;
    match coding {
        Coding::Vorbis => {
            let channels = u16::from(*first.get(11).ok_or_else(|| no_sound("Vorbis"))?);
            let rate = crate::bytes::le32(&first, 12).ok_or_else(|| no_sound("Vorbis"))?;
            let comments = reader.packet()?.ok_or_else(|| no_sound("Vorbis"))?;
            vorbis::parse_comments(comments.get(7..).unwrap_or_default(), limits, tags);
            let setup = reader.packet()?.ok_or_else(|| no_sound("Vorbis"))?;
            if let Some(reason) = codebooks::excessive(&setup) {
                return Err(Refusal::NoSound(reason));
            }
            let mut extra = first;
            extra.extend_from_slice(&setup);
            params
                .for_codec(CODEC_ID_VORBIS)
                .with_sample_rate(rate)
                .with_channels(Channels::Discrete(channels))
                .with_extra_data(extra.into());
        }
        Coding::Opus => {
            let channels = u16::from(*first.get(9).ok_or_else(|| no_sound("Opus"))?);
            let skip = first.get(10..12).ok_or_else(|| no_sound("Opus"))?;
            delay = u64::from(u16::from_le_bytes([skip[0], skip[1]]));
            let comments = reader.packet()?.ok_or_else(|| no_sound("Opus"))?;
            vorbis::parse_comments(comments.get(8..).unwrap_or_default(), limits, tags);
            // No extra data: the decoder would take the delay off a second time.
            params.for_codec(CODEC_ID_OPUS).with_sample_rate(48_000).with_channels(match channels {
                1 => symphonia::core::audio::layouts::CHANNEL_LAYOUT_MONO,
                2 => symphonia::core::audio::layouts::CHANNEL_LAYOUT_STEREO,
                more => Channels::Discrete(more),
            });
        }
        Coding::Flac => {
            let streaminfo = first.get(17..51).ok_or_else(|| no_sound("FLAC"))?.to_vec();
            let headers = u16::from_be_bytes([first[7], first[8]]);
            reader.declared = Some(Declared::of(&streaminfo));
            for _ in 0..headers {
                let block = reader.packet()?.ok_or_else(|| no_sound("FLAC"))?;
                match block.first().map(|kind| kind & 0x7f) {
                    Some(4) => vorbis::parse_comments(block.get(4..).unwrap_or_default(), limits, tags),
                    Some(6) => vorbis::parse_picture(block.get(4..).unwrap_or_default(), limits, tags),
                    _ => {}
                }
            }
            params.for_codec(CODEC_ID_FLAC).with_extra_data(streaminfo.into());
        }
        Coding::Speex => {
            let rate = crate::bytes::le32(&first, 36).ok_or_else(|| no_sound("Speex"))?;
            let channels = crate::bytes::le32(&first, 48).ok_or_else(|| no_sound("Speex"))?;
            let comments = reader.packet()?.ok_or_else(|| no_sound("Speex"))?;
            vorbis::parse_comments(&comments, limits, tags);
            params
                .for_codec(CODEC_ID_SPEEX)
                .with_sample_rate(rate)
                .with_channels(Channels::Discrete(channels.min(64) as u16));
        }
    }
    reader.delay = delay;
    reader.vorbis = coding == Coding::Vorbis;
    if reader.oversized > 0 {
        tags.note(format!(
            "a comment of {} MB is longer than the limit of {} MB; what came before the limit was read",
            reader.oversized >> 20,
            MAX_PACKET_BYTES >> 20
        ));
    }
    let declared_frames = reader.declared.and_then(|declared| declared.frames);
    Ok(Opened {
        params,
        delay,
        declared_frames,
        packets: Box::new(reader),
        verdict: Verdict::default(),
        decoded_by: None,
    })
}

/// The packets of one logical stream.
struct OggPackets {
    pages: PageReader,
    serial: u32,
    queue: VecDeque<Vec<u8>>,
    partial: Vec<u8>,
    /// Whether `partial` is the beginning of a packet rather than leftovers of a lost one.
    whole_so_far: bool,
    /// Bytes of the largest packet that did not fit.
    oversized: u64,
    dropped: u64,
    sequence: Option<u32>,
    granule: i64,
    delay: u64,
    declared: Option<Declared>,
    vorbis: bool,
    repeated_headers: bool,
    ended: bool,
    finished: bool,
    broken: Vec<String>,
    others: Vec<u32>,
    chained_at: Option<u64>,
    rest: Option<(u64, u64)>,
}

impl OggPackets {
    const fn new(pages: PageReader) -> Self {
        Self {
            pages,
            serial: 0,
            queue: VecDeque::new(),
            partial: Vec::new(),
            whole_so_far: false,
            oversized: 0,
            dropped: 0,
            sequence: None,
            granule: 0,
            delay: 0,
            declared: None,
            vorbis: false,
            repeated_headers: false,
            ended: false,
            finished: false,
            broken: Vec::new(),
            others: Vec::new(),
            chained_at: None,
            rest: None,
        }
    }

    /// Finds the first stream of sound among those that begin the file, and its first packet.
    fn find_stream(&mut self) -> Result<(Coding, Vec<u8>), Refusal> {
        let mut unknown = None;
        loop {
            match self.pages.next()? {
                Next::Page(page) if page.first => {
                    let Some(coding) = Coding::of(&page.body) else {
                        unknown.get_or_insert(page.body);
                        remember(&mut self.others, page.serial);
                        continue;
                    };
                    self.serial = page.serial;
                    self.accept(&page);
                    let first = self.queue.pop_front();
                    let cut = || Refusal::NoSound("its first header goes beyond its first page".into());
                    return Ok((coding, first.ok_or_else(cut)?));
                }
                Next::Junk(from, to, what) => self.defect(format!("bytes {from} to {to} are {what}")),
                Next::Page(_) | Next::Cut(_) | Next::End => {
                    return Err(match unknown {
                        Some(body) if body.starts_with(b"\x80theora") => {
                            Refusal::Unsupported("an Ogg video without sound".into())
                        }
                        Some(body) if body.starts_with(b"fishead") => {
                            Refusal::Unsupported("an Ogg file with an index but no sound".into())
                        }
                        Some(_) => Refusal::Unsupported("Ogg with an unknown coding".into()),
                        None => Refusal::NoSound("it ends inside its first page".into()),
                    });
                }
            }
        }
    }

    /// The next packet of the stream, whole.
    fn packet(&mut self) -> Result<Option<Vec<u8>>, std::io::Error> {
        loop {
            if let Some(packet) = self.queue.pop_front() {
                return Ok(Some(packet));
            }
            if self.finished {
                return Ok(None);
            }
            match self.pages.next()? {
                Next::Page(page) if page.serial == self.serial && !self.ended => self.accept(&page),
                Next::Page(page) if self.ended && page.first => {
                    self.chained_at.get_or_insert(page.at);
                    self.finished = true;
                }
                Next::Page(page) => {
                    if !self.others.contains(&page.serial) {
                        remember(&mut self.others, page.serial);
                    }
                }
                Next::Junk(from, to, _) | Next::Cut(from @ to) if self.ended => {
                    self.rest.get_or_insert((from, to));
                    self.finished = true;
                }
                Next::Junk(from, to, what) => {
                    self.defect(format!("bytes {from} to {to} are {what}, {}", self.place()));
                }
                Next::Cut(at) => {
                    self.defect(format!("ends inside a page that begins at byte {at}, {}", self.place()));
                    self.finished = true;
                }
                Next::End => {
                    if !self.ended {
                        self.defect(format!("ends without an end-of-stream page, {}", self.place()));
                    }
                    self.finished = true;
                }
            }
        }
    }

    fn defect(&mut self, reason: String) {
        remember(&mut self.broken, reason);
    }

    /// How far the sound had come, for a message.
    fn place(&self) -> String {
        format!("after sample {}", (self.granule - self.delay as i64).max(0))
    }

    /// Cuts a page of the stream into packets.
    fn accept(&mut self, page: &Page) {
        if let Some(before) = self.sequence {
            let expected = before.wrapping_add(1);
            if page.sequence != expected {
                self.defect(format!(
                    "page {} follows page {before} at byte {}, {}",
                    page.sequence,
                    page.at,
                    self.place()
                ));
                self.whole_so_far = false;
                self.partial.clear();
            }
        }
        self.sequence = Some(page.sequence);
        if !page.continues {
            self.partial.clear();
            self.whole_so_far = true;
            self.dropped = 0;
        }
        let mut at = 0;
        for segment in &page.segments {
            let size = usize::from(*segment);
            let bytes = &page.body[at..at + size];
            at += size;
            if self.partial.len() + size <= MAX_PACKET_BYTES {
                self.partial.extend_from_slice(bytes);
            } else {
                self.dropped += size as u64;
                self.oversized = self.oversized.max(self.partial.len() as u64 + self.dropped);
            }
            if size < 255 {
                let packet = std::mem::take(&mut self.partial);
                if self.whole_so_far {
                    self.queue.push_back(packet);
                }
                self.whole_so_far = true;
                self.dropped = 0;
            }
        }
        if page.granule >= 0 {
            self.granule = page.granule;
        }
        self.ended |= page.last;
    }
}

impl Packets for OggPackets {
    fn next(&mut self) -> Result<Option<Packet>, Error> {
        let mut packet = self.packet()?;
        while let Some(bytes) = &packet {
            // Vorbis I, section 4.3.1: what is no audio packet is ignored. Some encoders repeat their headers.
            let header = self.vorbis && bytes.first().is_some_and(|kind| kind & 1 == 1);
            // An empty packet is allowed and says nothing (ffmpeg ends FLAC streams with one).
            if !header && !bytes.is_empty() {
                break;
            }
            self.repeated_headers |= header;
            packet = self.packet()?;
        }
        Ok(packet.map(|bytes| Packet::new(0, Timestamp::new(0), Duration::from(0_u64), bytes)))
    }

    fn verdict(&mut self, heard: &Heard) -> Verdict {
        let mut verdict = Verdict { broken: std::mem::take(&mut self.broken), ..Verdict::default() };
        let frames = (self.granule - self.delay as i64).max(0).unsigned_abs();
        if let Some(declared) = self.declared {
            // Where nothing was decoded, the pages' count stands in for the decoder's.
            let heard = if heard.frames == 0 { Heard { frames, ..*heard } } else { *heard };
            verdict = verdict.and(declared.verdict(&heard));
            // The end-of-stream page proves the end even where STREAMINFO leaves the count open.
            verdict.unproven = None;
        }
        verdict.frames = Some(frames);
        if let Some(at) = self.chained_at {
            verdict.notes.push(format!("another stream follows at byte {at}; only the first is described"));
        }
        if let Some((at, _)) = self.rest {
            verdict.notes.push(format!("bytes that belong to no stream follow at byte {at}"));
        }
        if self.repeated_headers {
            verdict.notes.push("its encoder repeated headers amid the sound; they were passed over".into());
        }
        if !self.others.is_empty() {
            verdict.notes.push(format!("{} other streams beside the sound were passed over", self.others.len()));
        }
        verdict
    }
}
