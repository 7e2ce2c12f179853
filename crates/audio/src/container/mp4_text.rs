//! Chapters as QuickTime has them: a track of text that the sound refers to (`tref`, `chap`), each sample a title (QuickTime
//! File Format, "Chapter Lists" and "Text Media").

use std::io;

use crate::Chapter;
use crate::bytes::{File, be16, be32, be64, read_at};

/// More chapters than any book has.
const MAX_CHAPTERS: usize = 4096;
const MAX_TITLE_BYTES: usize = 1024;
/// A table of so many entries.
const MAX_TABLE_BYTES: u64 = 16 + 12 * MAX_CHAPTERS as u64;

/// Where the tables of a track of text lie: place and size of each.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) id: Option<u32>,
    pub(super) is_text: bool,
    scale: Option<f64>,
    times: Option<(u64, u64)>,
    sizes: Option<(u64, u64)>,
    offsets: Option<(u64, u64, bool)>,
    runs: Option<(u64, u64)>,
}

impl Tables {
    pub(super) fn note(&mut self, name: [u8; 4], (at, size): (u64, u64), scale: Option<f64>) {
        self.scale = scale;
        match &name {
            b"stts" => self.times = Some((at, size)),
            b"stsz" => self.sizes = Some((at, size)),
            b"stco" => self.offsets = Some((at, size, false)),
            b"co64" => self.offsets = Some((at, size, true)),
            b"stsc" => self.runs = Some((at, size)),
            _ => {}
        }
    }
}

/// The number of a track by its header.
pub(super) fn track_id(header: &[u8]) -> Option<u32> {
    be32(header, if header.first() == Some(&1) { 20 } else { 12 })
}

/// The chapters of a track of text; none where its tables make no sense.
pub(super) fn chapters(file: &mut File, len: u64, tables: &Tables) -> io::Result<Vec<Chapter>> {
    let (Some(scale), Some(times), Some(sizes), Some(offsets), Some(runs)) =
        (tables.scale, tables.times, tables.sizes, tables.offsets, tables.runs)
    else {
        return Ok(Vec::new());
    };
    let mut table = |(at, size): (u64, u64)| read_at(file, at, size.min(MAX_TABLE_BYTES) as usize);
    let (times, sizes, runs) = (table(times)?, table(sizes)?, table(runs)?);
    let places = places(&sizes, &table((offsets.0, offsets.1))?, offsets.2, &runs);
    let mut chapters = Vec::new();
    let (mut run, mut left, mut at) = (0, be32(&times, 8).unwrap_or(0), 0_u64);
    let ms = |ticks: u64| (ticks as f64 * 1000.0 / scale) as i64;
    for (offset, size) in places {
        while left == 0 {
            run += 1;
            match be32(&times, 8 + run * 8) {
                Some(count) => left = count,
                None => return Ok(chapters),
            }
        }
        let Some(ticks) = be32(&times, 12 + run * 8) else { break };
        left -= 1;
        let (start_ms, end_ms) = (ms(at), ms(at + u64::from(ticks)));
        at += u64::from(ticks);
        if offset.saturating_add(2) > len {
            continue;
        }
        let sample = read_at(file, offset, (size as usize).min(MAX_TITLE_BYTES + 2))?;
        chapters.push(Chapter { start_ms, end_ms: Some(end_ms), title: title(&sample) });
    }
    Ok(chapters)
}

/// Where each sample lies, and its bytes.
fn places(sizes: &[u8], offsets: &[u8], long: bool, runs: &[u8]) -> Vec<(u64, u32)> {
    let mut places = Vec::new();
    let (same_size, samples) = (be32(sizes, 4).unwrap_or(0), be32(sizes, 8).unwrap_or(0) as usize);
    let mut run = 0;
    for chunk in 0..be32(offsets, 4).unwrap_or(0) as usize {
        let at = if long { be64(offsets, 8 + chunk * 8) } else { be32(offsets, 8 + chunk * 4).map(u64::from) };
        while be32(runs, 8 + (run + 1) * 12).is_some_and(|first| first as usize == chunk + 1) {
            run += 1;
        }
        let (Some(mut at), Some(in_chunk)) = (at, be32(runs, 12 + run * 12)) else { break };
        for _ in 0..in_chunk {
            let size = if same_size > 0 { Some(same_size) } else { be32(sizes, 12 + places.len() * 4) };
            let Some(size) = size.filter(|_| places.len() < samples.min(MAX_CHAPTERS)) else { return places };
            places.push((at, size));
            at = at.saturating_add(size.into());
        }
    }
    places
}

/// A length of two bytes, then UTF-8, or UTF-16 where it begins with a byte order mark; styles may follow.
fn title(sample: &[u8]) -> Option<String> {
    let length = usize::from(be16(sample, 0)?);
    let text = sample.get(2..)?;
    let text = &text[..length.min(text.len())];
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = text[2..].as_chunks::<2>().0.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    let title = match text {
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        _ => String::from_utf8_lossy(text).into_owned(),
    };
    let title = title.trim_matches(|letter: char| letter == '\0' || letter.is_whitespace());
    (!title.is_empty()).then(|| title.to_owned())
}
