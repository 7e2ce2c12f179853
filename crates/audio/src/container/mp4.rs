//! MPEG-4 and QuickTime (ISO/IEC 14496-12): boxes, sample tables and encryption marks.
//!
//! The sample table says where every packet lies, so a file is whole when all of them lie inside it. symphonia reads the
//! packets; the boxes with descriptions are hidden from it, since it would keep their pictures in memory.

use std::io;

use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::packet::Packet;
use symphonia::default::formats::IsoMp4Reader;

use super::mp4_text::{self, Tables};
use super::{Demuxed, Heard, Opened, Packets, Refusal, Verdict};
use crate::bytes::{File, Patch, View, be32, be64, read_at};
use crate::tags::{Collector, ilst};
use crate::{Chapter, Limits};

/// Depth to which boxes nest in real files, with room to spare.
const MAX_DEPTH: usize = 12;
/// More boxes than any file has outside its fragments.
const MAX_BOXES: usize = 20_000;
/// Largest table of samples or chunks that is read: sixteen million entries.
const MAX_TABLE_BYTES: u64 = 64 << 20;
/// Tracks of text that are looked at.
const MAX_TEXTS: usize = 16;
/// 255 chapters with titles of 255 bytes.
const MAX_CHAPTERS_BYTES: u64 = 68 << 10;

pub(super) fn open(
    mut file: File,
    start: u64,
    len: u64,
    limits: &Limits,
    tags: &mut Collector,
) -> Result<Opened, Refusal> {
    let mut boxes = Boxes::default();
    boxes.walk(&mut file, start, len, 0, &mut Vec::new())?;
    if let Some(scheme) = boxes.scheme {
        return Err(Refusal::Drm(scheme));
    }
    if !boxes.has_moov {
        return Err(Refusal::NoSound(match boxes.cut {
            Some(reason) => format!("it has no index of its sound ('moov'), for it {reason}"),
            None => "it has no index of its sound ('moov')".into(),
        }));
    }
    for (at, size) in &boxes.ilst {
        ilst::read(&mut file, *at, *size, limits, tags)?;
    }
    if let Some((at, size)) = boxes.chapters {
        chapters(&read_at(&mut file, at, size.min(MAX_CHAPTERS_BYTES) as usize)?, tags);
    }
    if let Some(named) = boxes.texts.iter().find(|text| text.id.is_some_and(|id| boxes.chapter_tracks.contains(&id))) {
        let found = mp4_text::chapters(&mut file, len, named)?;
        // Players that write both lists cut the titles of the other one.
        if !found.is_empty() {
            tags.chapters(found);
        }
    }
    let mut verdict = Verdict::default();
    verdict.broken.extend(boxes.cut.take());
    boxes.judge_samples(&mut file, len, &mut verdict)?;
    if boxes.fragmented && verdict.broken.is_empty() {
        verdict.unproven = Some("its fragments declare no length of the whole".into());
    }
    let stream = View::new(file, 0, len).with_patches(boxes.patches).into_stream();
    let reader = IsoMp4Reader::try_new(stream, FormatOptions::default());
    let (demuxed, described) = Demuxed::new(reader.map(|reader| Box::new(reader) as Box<dyn FormatReader>))?;
    if described.other_streams > 0 {
        verdict.notes.push(format!("{} other streams beside the sound were passed over", described.other_streams));
    }
    let mut params = described.params;
    if params.sample_rate == Some(0) && params.codec == CODEC_ID_AAC {
        params.sample_rate = params.extra_data.as_deref().and_then(rate_of_aac).or(Some(0));
    }
    let packets = Mp4Packets { demuxed, declared: boxes.samples, given: 0, missing: !verdict.broken.is_empty() };
    Ok(Opened {
        params,
        delay: boxes.timing.delay,
        declared_frames: boxes.timing.seconds.zip(boxes.timing.scale).map(|(seconds, scale)| (seconds * scale) as u64),
        packets: Box::new(packets),
        verdict,
        decoded_by: None,
    })
}

/// The rate that AAC's own description has (ISO/IEC 14496-3, 1.6.2.1 and table 1.18). A description of a sample in MP4 has 16
/// bits for it, and says 0 above 65,535 Hz.
fn rate_of_aac(config: &[u8]) -> Option<u32> {
    const RATES: [u32; 13] =
        [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
    let mut head = [0; 8];
    head.iter_mut().zip(config).for_each(|(to, from)| *to = *from);
    let bits = |at: u32, count: u32| (u64::from_be_bytes(head) << at >> (64 - count)) as u32;
    // Types from 32 on take six bits more.
    let at = if bits(0, 5) == 31 { 11 } else { 5 };
    match bits(at, 4) {
        15 => Some(bits(at + 4, 24)),
        index => RATES.get(index as usize).copied(),
    }
}

/// Nero's list of chapters: up to 255, each a time in units of 100 ns and a short text (as FFmpeg's `mov_read_chpl` has it).
fn chapters(body: &[u8], tags: &mut Collector) {
    let mut at = if body.first() == Some(&0) { 4 } else { 8 };
    let Some(count) = body.get(at) else { return };
    at += 1;
    for _ in 0..*count {
        let (Some(start), Some(size)) = (be64(body, at), body.get(at + 8)) else { return };
        let title = body.get(at + 9..at + 9 + usize::from(*size)).unwrap_or_default();
        let title = String::from_utf8_lossy(title).trim().to_owned();
        let start_ms = (start / 10_000).min(i64::MAX as u64) as i64;
        tags.chapter(Chapter { start_ms, end_ms: None, title: Some(title).filter(|title| !title.is_empty()) });
        at += 9 + usize::from(*size);
    }
}

/// A track's clock and its one edit.
#[derive(Default, Clone, Copy)]
struct Timing {
    scale: Option<f64>,
    delay: u64,
    seconds: Option<f64>,
}

/// What the boxes told.
#[derive(Default)]
struct Boxes {
    count: usize,
    has_moov: bool,
    fragmented: bool,
    scheme: Option<&'static str>,
    cut: Option<String>,
    ilst: Vec<(u64, u64)>,
    chapters: Option<(u64, u64)>,
    patches: Vec<Patch>,
    /// Whether the track that is being read is the first one of sound.
    in_sound: bool,
    sound_seen: bool,
    movie_scale: Option<f64>,
    /// Where the tables of the track that is being read lie, and the tracks that it has for chapters.
    tables: Tables,
    refers_to: Vec<u32>,
    /// Tracks of text, and which of them are the sound's chapters.
    texts: Vec<Tables>,
    chapter_tracks: Vec<u32>,
    /// Of the track that is being read; its handler, which says what it is, comes later.
    track: Timing,
    /// Of the track with the sound.
    timing: Timing,
    samples: Option<u64>,
    sizes: Option<(u64, u64)>,
    offsets: Option<(u64, u64, bool)>,
    chunk_runs: Option<(u64, u64)>,
}

impl Boxes {
    /// Follows the boxes from `at` to `end`.
    fn walk(
        &mut self,
        file: &mut File,
        mut at: u64,
        end: u64,
        depth: usize,
        path: &mut Vec<[u8; 4]>,
    ) -> io::Result<()> {
        while at + 8 <= end && self.count < MAX_BOXES {
            self.count += 1;
            let head = read_at(file, at, 16)?;
            let (Some(size), Some(name)) = (be32(&head, 0), head.get(4..8)) else { break };
            let name = [name[0], name[1], name[2], name[3]];
            let (body, size) = match size {
                0 => (at + 8, end - at),
                1 => (at + 16, be64(&head, 8).unwrap_or(0)),
                size => (at + 8, u64::from(size)),
            };
            if size < body - at {
                self.cut.get_or_insert(format!("breaks at byte {at}: a box of {size} bytes"));
                break;
            }
            let box_end = at.saturating_add(size);
            if box_end > end {
                if depth == 0 {
                    self.cut.get_or_insert(format!(
                        "ends at byte {end} inside the box '{}' of {size} bytes at byte {at}",
                        String::from_utf8_lossy(&name).escape_debug()
                    ));
                }
                if &name != b"mdat" {
                    break;
                }
                // The demultiplexer refuses a box that goes beyond the file, so it is shown what there is.
                let (high, low) = (((end - at) >> 32) as u32, (end - at) as u32);
                if body - at == 8 {
                    self.patches.push((at, low.to_be_bytes()));
                } else {
                    self.patches.extend([(at + 8, high.to_be_bytes()), (at + 12, low.to_be_bytes())]);
                }
            }
            self.visit(file, name, at, body, box_end.min(end), depth, path)?;
            at = box_end.min(end);
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one box is its name, three places and where it was found")]
    fn visit(
        &mut self,
        file: &mut File,
        name: [u8; 4],
        at: u64,
        body: u64,
        end: u64,
        depth: usize,
        path: &mut Vec<[u8; 4]>,
    ) -> io::Result<()> {
        let size = end - body;
        let mut enter = None;
        match &name {
            b"moov" => {
                self.has_moov = true;
                enter = Some(body);
            }
            b"trak" => {
                self.in_sound = false;
                self.track = Timing::default();
                (self.tables, self.refers_to) = (Tables::default(), Vec::new());
                enter = Some(body);
            }
            b"mdia" | b"minf" | b"stbl" | b"edts" | b"tref" => enter = Some(body),
            b"udta" => {
                self.hide(at);
                enter = Some(body);
            }
            b"meta" => {
                self.hide(at);
                // A full box in MPEG-4, a plain one in QuickTime: the handler's name tells where its children begin.
                let plain = read_at(file, body, 8)?.get(4..8) == Some(b"hdlr");
                enter = Some(if plain { body } else { body + 4 });
            }
            b"ilst" if self.ilst.len() < 4 => self.ilst.push((body, size)),
            b"chpl" if self.chapters.is_none() => self.chapters = Some((body, size)),
            b"moof" => self.fragmented = true,
            b"mvhd" => self.movie_scale = scale(&read_at(file, body, 32)?),
            b"elst" => self.edits(&read_at(file, body, 4096)?),
            b"mdhd" => self.track.scale = scale(&read_at(file, body, 32)?),
            b"tkhd" => self.tables.id = mp4_text::track_id(&read_at(file, body, 24)?),
            b"chap" if path.last() == Some(b"tref") => {
                let ids = read_at(file, body, size.min(64) as usize)?;
                self.refers_to = (0..ids.len() / 4).filter_map(|number| be32(&ids, number * 4)).collect();
            }
            b"hdlr" if path.last() == Some(b"mdia") => {
                let handler = read_at(file, body, 12)?;
                self.tables.is_text = matches!(handler.get(8..12), Some(b"text" | b"sbtl"));
                self.in_sound = !self.sound_seen && handler.get(8..12) == Some(b"soun");
                if self.in_sound {
                    self.sound_seen = true;
                    self.timing = self.track;
                }
            }
            b"stsd" => self.entries(file, body, size)?,
            b"stts" | b"stsz" | b"stco" | b"co64" | b"stsc" if self.tables.is_text => {
                self.tables.note(name, (body, size), self.track.scale);
            }
            b"stsz" if self.in_sound => self.sizes = Some((body, size)),
            b"stco" if self.in_sound => self.offsets = Some((body, size, false)),
            b"co64" if self.in_sound => self.offsets = Some((body, size, true)),
            b"stsc" if self.in_sound => self.chunk_runs = Some((body, size)),
            _ => {}
        }
        if let Some(children) = enter.filter(|_| depth < MAX_DEPTH) {
            path.push(name);
            self.walk(file, children, end, depth + 1, path)?;
            path.pop();
        }
        if &name == b"trak" {
            if self.in_sound {
                self.chapter_tracks = std::mem::take(&mut self.refers_to);
            } else if self.tables.is_text && self.texts.len() < MAX_TEXTS {
                self.texts.push(std::mem::take(&mut self.tables));
            }
        }
        Ok(())
    }

    /// Renames the box at `at`, so that the demultiplexer passes over it.
    fn hide(&mut self, at: u64) {
        if self.patches.len() < 64 {
            self.patches.push((at + 4, *b"free"));
        }
    }

    /// Looks for encryption in the sample descriptions (ISO/IEC 14496-12, section 8.12).
    fn entries(&mut self, file: &mut File, body: u64, size: u64) -> io::Result<()> {
        let entries = read_at(file, body, size.min(64 << 10) as usize)?;
        let kind = entries.get(12..16).unwrap_or_default();
        let holds = |name: &[u8]| entries.windows(4).any(|word| word == name);
        self.scheme = self.scheme.or(match kind {
            b"drms" | b"p608" => Some("Apple FairPlay DRM (M4P)"),
            b"aavd" => Some("Audible AAX"),
            b"enca" => Some("Common Encryption DRM"),
            _ if holds(b"sinf") && holds(b"schm") => Some("DRM"),
            _ => None,
        });
        Ok(())
    }

    /// A single edit that starts at the encoder's delay and names the length of the recording (section 8.6.6).
    fn edits(&mut self, body: &[u8]) {
        if be32(body, 4) != Some(1) {
            return;
        }
        let (length, begins) = if body[0] == 1 {
            (be64(body, 8), be64(body, 16).map(|time| time as i64))
        } else {
            (be32(body, 8).map(u64::from), be32(body, 12).map(|time| i64::from(time as i32)))
        };
        if let (Some(length), Some(begins @ 0..)) = (length, begins) {
            self.track.delay = begins.unsigned_abs();
            self.track.seconds = self.movie_scale.map(|scale| length as f64 / scale).filter(|_| length > 0);
        }
    }

    /// Compares where the sample table says that the packets lie with where the file ends.
    fn judge_samples(&mut self, file: &mut File, len: u64, verdict: &mut Verdict) -> io::Result<()> {
        let (Some(sizes), Some(offsets), Some(runs)) = (self.sizes, self.offsets, self.chunk_runs) else {
            return Ok(());
        };
        let mut table = |(at, size): (u64, u64)| read_at(file, at, size.min(MAX_TABLE_BYTES) as usize);
        let (sizes, runs) = (table(sizes)?, table(runs)?);
        let long = offsets.2;
        let offsets = table((offsets.0, offsets.1))?;
        let (Some(same_size), Some(samples)) = (be32(&sizes, 4), be32(&sizes, 8)) else { return Ok(()) };
        let chunks = be32(&offsets, 4).unwrap_or(0);
        let size_of = |sample: u64| be32(&sizes, 12 + sample as usize * 4).map(u64::from);
        let (mut sample, mut run) = (0_u64, 0_usize);
        let (mut missing, mut first_missing) = (0_u64, None);
        for chunk in 0..chunks {
            let at = if long {
                be64(&offsets, 8 + chunk as usize * 8)
            } else {
                be32(&offsets, 8 + chunk as usize * 4).map(u64::from)
            };
            while be32(&runs, 8 + (run + 1) * 12).is_some_and(|first| first == chunk + 1) {
                run += 1;
            }
            let (Some(mut at), Some(in_chunk)) = (at, be32(&runs, 12 + run * 12)) else { break };
            if same_size > 0 {
                // Samples of one size need no table, so nothing bounds their number: reckon with the chunk.
                let (size, count) = (u64::from(same_size), u64::from(in_chunk).min(u64::from(samples) - sample));
                let inside = (len.saturating_sub(at) / size).min(count);
                if inside < count {
                    missing += count - inside;
                    first_missing.get_or_insert(sample + inside);
                }
                sample += count;
                continue;
            }
            for _ in 0..in_chunk {
                let Some(size) = size_of(sample).filter(|_| sample < u64::from(samples)) else { break };
                at = at.saturating_add(size);
                if at > len {
                    missing += 1;
                    first_missing.get_or_insert(sample);
                }
                sample += 1;
            }
        }
        self.samples = (samples > 0).then_some(u64::from(samples));
        if let Some(first) = first_missing {
            verdict.broken.push(format!(
                "{missing} of {samples} packets, from packet {first} on, lie beyond the end of the file at byte {len}"
            ));
        }
        Ok(())
    }
}

/// Ticks a second of a movie or media header.
fn scale(body: &[u8]) -> Option<f64> {
    let at = if body.first() == Some(&1) { 20 } else { 12 };
    be32(body, at).filter(|scale| *scale > 0).map(f64::from)
}

struct Mp4Packets {
    demuxed: Demuxed,
    declared: Option<u64>,
    given: u64,
    missing: bool,
}

impl Packets for Mp4Packets {
    fn next(&mut self) -> Result<Option<Packet>, Error> {
        let packet = self.demuxed.next()?;
        self.given += u64::from(packet.is_some());
        Ok(packet)
    }

    fn verdict(&mut self, heard: &Heard) -> Verdict {
        match self.declared {
            // PCM is declared sample by sample and given in larger packets.
            Some(declared) if !self.missing && self.given < declared && heard.frames < declared => Verdict::broken(
                format!("declares {declared} packets, {} were found, {:.2} s", self.given, heard.seconds(heard.frames)),
            ),
            _ => Verdict::default(),
        }
    }
}
