//! Pages of Ogg (RFC 3533) with the right checksum, since nothing behind a wrong one is ever read.

const HEADER: usize = 27;

/// Ogg's CRC-32: polynomial 0x04c11db7, no reflection, from zero.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte) << 24,
            |crc, _| {
                if crc >> 31 == 1 { (crc << 1) ^ 0x04c1_1db7 } else { crc << 1 }
            },
        )
    })
}

/// Gives every page that is there in full the checksum that it should have.
pub fn mend(bytes: &mut [u8]) {
    let mut at = 0;
    while at + HEADER <= bytes.len() {
        if &bytes[at..at + 4] != b"OggS" {
            at += 1;
            continue;
        }
        let lacing = at + HEADER..at + HEADER + usize::from(bytes[at + 26]);
        let Some(segments) = bytes.get(lacing.clone()) else { return };
        let end = lacing.end + segments.iter().map(|segment| usize::from(*segment)).sum::<usize>();
        let Some(page) = bytes.get_mut(at..end) else { return };
        page[22..26].fill(0);
        let crc = checksum(page);
        page[22..26].copy_from_slice(&crc.to_le_bytes());
        at = end;
    }
}

/// A packet as pages of one stream, from a page number on.
pub fn pages(packet: &[u8], sequence: u32) -> Vec<u8> {
    let mut lacing: Vec<u8> = packet.chunks(255).map(|segment| segment.len() as u8).collect();
    if packet.len().is_multiple_of(255) {
        lacing.push(0);
    }
    let (mut bytes, mut rest) = (Vec::new(), packet);
    for (number, segments) in lacing.chunks(255).enumerate() {
        let flags = u8::from(number > 0) | if sequence == 0 && number == 0 { 2 } else { 0 };
        bytes.extend_from_slice(b"OggS\0");
        bytes.push(flags);
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&7_u32.to_le_bytes());
        bytes.extend_from_slice(&(sequence + number as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.push(segments.len() as u8);
        bytes.extend_from_slice(segments);
        let (body, after) = rest.split_at(segments.iter().map(|segment| usize::from(*segment)).sum());
        bytes.extend_from_slice(body);
        rest = after;
    }
    mend(&mut bytes);
    bytes
}
