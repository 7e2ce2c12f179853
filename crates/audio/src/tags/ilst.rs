//! The item list that iTunes introduced to MPEG-4: items hold `data` boxes, free-form items a `mean` and a `name` too.

use std::io;

use super::Collector;
use crate::bytes::{File, be16, be32, read_at};
use crate::{Limits, PictureKind};

/// Reads the items between `at` and `at + size`.
pub(crate) fn read(file: &mut File, mut at: u64, size: u64, limits: &Limits, tags: &mut Collector) -> io::Result<()> {
    let end = at + size;
    while at + 8 <= end && !tags.is_full() {
        let Some((name, body, next)) = header(file, at, end)? else { break };
        item(file, name, body, next, limits, tags)?;
        at = next;
    }
    if at + 8 <= end && tags.is_full() {
        tags.passed_over(1);
    }
    Ok(())
}

/// A box's name, first body byte and end.
fn header(file: &mut File, at: u64, end: u64) -> io::Result<Option<([u8; 4], u64, u64)>> {
    let head = read_at(file, at, 8)?;
    let (Some(size), Some(name)) = (be32(&head, 0), head.get(4..8)) else { return Ok(None) };
    let next = at + u64::from(size);
    Ok((size >= 8 && next <= end).then(|| ([name[0], name[1], name[2], name[3]], at + 8, next)))
}

fn item(
    file: &mut File,
    name: [u8; 4],
    mut at: u64,
    end: u64,
    limits: &Limits,
    tags: &mut Collector,
) -> io::Result<()> {
    let (mut mean, mut own_name) = (String::new(), String::new());
    while at + 8 <= end {
        let Some((kind, body, next)) = header(file, at, end)? else { break };
        at = next;
        let bounded = (next - body).min(limits.tag_bytes as u64 + 16) as usize;
        match &kind {
            b"mean" | b"name" => {
                let bytes = read_at(file, body, bounded.min(512))?;
                let text = String::from_utf8_lossy(bytes.get(4..).unwrap_or_default()).into_owned();
                if &kind == b"mean" { mean = text } else { own_name = text }
            }
            b"data" if &name == b"covr" => {
                let size = (next - body).saturating_sub(8);
                if tags.wants_picture(size) {
                    tags.picture(PictureKind::Front, read_at(file, body + 8, size as usize)?);
                }
            }
            b"data" => {
                let bytes = read_at(file, body, bounded)?;
                let (Some(format), Some(value)) = (be32(&bytes, 0), bytes.get(8..)) else { continue };
                let key = if &name == b"----" {
                    format!("----:{mean}:{own_name}")
                } else {
                    // The copyright sign that begins many names is Latin-1.
                    name.iter().map(|byte| char::from(*byte)).collect()
                };
                if let Some(text) = value_text(name, format & 0xff_ffff, value) {
                    tags.text(&key, &text);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A value as text: numbers in decimal, pairs as `1/9`.
fn value_text(name: [u8; 4], format: u32, value: &[u8]) -> Option<String> {
    match (&name, format) {
        (b"trkn" | b"disk", _) => {
            let (number, total) = (be16(value, 2)?, be16(value, 4).unwrap_or(0));
            Some(if total > 0 { format!("{number}/{total}") } else { number.to_string() })
        }
        // ID3v1 genre numbers, counted from one.
        (b"gnre", _) => Some(lofty::id3::v1::GENRES.get(usize::from(be16(value, 0)?.checked_sub(1)?))?.to_string()),
        (_, 1) => Some(String::from_utf8_lossy(value).into_owned()),
        (_, 2) => {
            let units: Vec<u16> = value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            Some(String::from_utf16_lossy(&units))
        }
        (_, 21) if (1..=8).contains(&value.len()) => {
            let negative = value[0] >= 0x80;
            let number = value.iter().fold(if negative { -1_i64 } else { 0 }, |n, byte| n << 8 | i64::from(*byte));
            Some(number.to_string())
        }
        (_, 22) if (1..=7).contains(&value.len()) => {
            Some(value.iter().fold(0_i64, |n, byte| n << 8 | i64::from(*byte)).to_string())
        }
        (_, 0) if value.len() <= 4 && !value.is_empty() => {
            Some(value.iter().fold(0_u32, |n, byte| n << 8 | u32::from(*byte)).to_string())
        }
        _ => None,
    }
}
