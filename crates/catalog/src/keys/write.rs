//! Writing the keys of one Parquet file: gathered in memory, sorted, packed.

use std::path::Path;

use super::section::SectionWriter;
use super::{Covered, FORMAT, KeyHash, KeyKind, put_covered};
use crate::beside::{BesideError, FrameWriter};

/// Keys that are being gathered: 16 bytes of memory each.
#[derive(Default)]
pub(crate) struct KeysWriter {
    kinds: [Vec<(u64, u32)>; KeyKind::ALL.len()],
}

impl KeysWriter {
    /// Notes that `row` has a key. Rows come in order.
    pub(crate) fn push(&mut self, kind: KeyKind, hash: KeyHash, row: u32) {
        let place = kind.place(row, 0);
        let keys = &mut self.kinds[usize::from(kind.code())];
        // The tracks of an album follow each other.
        if keys.last() != Some(&(hash.0, place)) {
            keys.push((hash.0, place));
        }
    }

    /// Writes the keys of a Parquet file with so many rows.
    pub(crate) fn write(self, path: &Path, covered: Covered) -> Result<(), BesideError> {
        let mut frame = FrameWriter::create(path, FORMAT)?;
        let mut footer = Vec::new();
        put_covered(&mut footer, &[covered]);
        for (kind, mut keys) in KeyKind::ALL.into_iter().zip(self.kinds) {
            keys.sort_unstable();
            let last_place = keys.iter().map(|(_, place)| *place).max().unwrap_or(0);
            let mut section = SectionWriter::begin(&mut frame, keys.len() as u64, last_place, (64, kind.kept_bits()));
            for (hash, place) in keys {
                section.push(hash, place)?;
            }
            section.finish(&mut footer)?;
        }
        frame.finish(&footer)
    }
}
