//! Apple Core Audio Format (CAF 1.0): chunks with 64-bit lengths, one of them the sound.

use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::packet::Packet;
use symphonia::default::formats::CafReader;

use super::{Demuxed, Heard, Opened, Packets, Refusal, Verdict};
use crate::bytes::{File, View, be64, read_at};
use crate::tags::Collector;

/// Chunks other than the sound are short tables; a longer one is an attack.
const MAX_TABLE_BYTES: u64 = 64 << 20;
const MAX_CHUNKS: usize = 4096;

pub(super) fn open(mut file: File, start: u64, len: u64, tags: &mut Collector) -> Result<Opened, Refusal> {
    let mut at = start + 8;
    let mut verdict = Verdict::default();
    let mut has_sound = false;
    let mut patches = Vec::new();
    for _ in 0..MAX_CHUNKS {
        let head = read_at(&mut file, at, 12)?;
        let Some(size) = be64(&head, 4) else { break };
        let body = at + 12;
        if &head[..4] == b"data" {
            has_sound = true;
            if size == u64::MAX {
                verdict.unproven = Some("the length of the sound was not known when it was written".into());
                break;
            }
            if size > len.saturating_sub(body) {
                verdict.broken.push(format!(
                    "ends at byte {len} inside the sound: {size} bytes declared at byte {body}, {} found",
                    len.saturating_sub(body)
                ));
                // The demultiplexer refuses a chunk that goes beyond the file, so it is shown what there is.
                let found = len.saturating_sub(body);
                patches.push((at + 4, ((found >> 32) as u32).to_be_bytes()));
                patches.push((at + 8, (found as u32).to_be_bytes()));
                break;
            }
        } else if size > MAX_TABLE_BYTES {
            return Err(Refusal::NoSound(format!("a table claims {size} bytes at byte {body}")));
        } else if &head[..4] == b"info" {
            information(&read_at(&mut file, body, size as usize)?, tags);
        }
        at = body + size;
    }
    if !has_sound {
        return Err(Refusal::NoSound(format!("it ends at byte {len} before any sound")));
    }
    let reader =
        CafReader::try_new(View::new(file, 0, len).with_patches(patches).into_stream(), FormatOptions::default());
    let (demuxed, described) = Demuxed::new(reader.map(|reader| Box::new(reader) as Box<dyn FormatReader>))?;
    Ok(Opened {
        params: described.params,
        delay: 0,
        declared_frames: described.frames,
        packets: Box::new(CafPackets(demuxed)),
        verdict,
        decoded_by: None,
    })
}

/// The information chunk: pairs of texts, each ended by a zero.
fn information(body: &[u8], tags: &mut Collector) {
    let mut texts = body.get(4..).unwrap_or_default().split(|byte| *byte == 0);
    while let (Some(key), Some(value)) = (texts.next(), texts.next()) {
        tags.bytes(&String::from_utf8_lossy(key), value);
    }
}

struct CafPackets(Demuxed);

impl Packets for CafPackets {
    fn next(&mut self) -> Result<Option<Packet>, Error> {
        self.0.next()
    }

    fn verdict(&mut self, _: &Heard) -> Verdict {
        Verdict::default()
    }
}
