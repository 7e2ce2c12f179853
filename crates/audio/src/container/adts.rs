//! AAC in ADTS frames (ISO/IEC 13818-7, section 6.2). Nothing declares how many there are.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::packet::Packet;
use symphonia::default::formats::AdtsReader;

use super::{Demuxed, Heard, Opened, Packets, Refusal, Verdict};
use crate::bytes::{File, View, read_at};

/// Where a run of frames begins, if one does right at `start`.
pub(crate) fn find_first(file: &mut File, start: u64, len: u64) -> io::Result<Option<u64>> {
    let mut at = start;
    for _ in 0..4 {
        let Some(size) = frame_size(&read_at(file, at, 7)?) else { return Ok(None) };
        at += size;
        if at >= len {
            break;
        }
    }
    // A lone whole frame is believed as well; a sync word followed by anything else is not.
    Ok(Some(start))
}

fn frame_size(head: &[u8]) -> Option<u64> {
    let [0xff, second, third, fourth, fifth, sixth, _] = *head else { return None };
    let is_adts = second & 0xf6 == 0xf0 && (third >> 2) & 0xf <= 12;
    let size = u64::from(fourth & 0x3) << 11 | u64::from(fifth) << 3 | u64::from(sixth) >> 5;
    (is_adts && size > 7).then_some(size)
}

pub(super) fn open(mut file: File, start: u64, len: u64) -> Result<Opened, Refusal> {
    // Walk the headers: a file cut inside its last frame is told from one that ends cleanly.
    let (mut at, mut broken) = (start, Vec::new());
    file.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::with_capacity(128 << 10, &mut file);
    let mut head = Vec::with_capacity(7);
    while at < len {
        head.clear();
        reader.by_ref().take(7).read_to_end(&mut head)?;
        if head.starts_with(b"TAG") && len - at == 128 {
            break;
        }
        let Some(size) = frame_size(&head) else {
            broken.push(format!("no frame at byte {at} where the frame before it ends"));
            break;
        };
        if at + size > len {
            broken.push(format!("ends inside a frame: {size} bytes declared at byte {at}, {} found", len - at));
            break;
        }
        at += size;
        reader.seek_relative(size as i64 - 7)?;
    }
    let stream = View::new(file, start, len).into_stream();
    let reader = AdtsReader::try_new(stream, FormatOptions::default());
    let (demuxed, described) = Demuxed::new(reader.map(|reader| Box::new(reader) as Box<dyn FormatReader>))?;
    let unproven = Some("ADTS declares no length".into());
    Ok(Opened {
        params: described.params,
        delay: 0,
        declared_frames: None,
        packets: Box::new(AdtsPackets(demuxed)),
        verdict: Verdict { broken, unproven, ..Verdict::default() },
        decoded_by: None,
    })
}

struct AdtsPackets(Demuxed);

impl Packets for AdtsPackets {
    fn next(&mut self) -> Result<Option<Packet>, Error> {
        self.0.next()
    }

    fn verdict(&mut self, _: &Heard) -> Verdict {
        Verdict::default()
    }
}
