//! Joining the keys of many Parquet files to one file of keys: a look-up then reads two short pieces however many files
//! there are.
//!
//! Hashes are cut into slices; of each slice the keys of all files are gathered, sorted and packed. What a file does
//! not know of a hash is not known of the whole: the bits that name a bucket grow, and those of the check shrink.

use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use super::section::SectionWriter;
use super::{Covered, FORMAT, KeyKind, Keys, Place, blocks_of, put_covered};
use crate::beside::{BesideError, FrameWriter};
use crate::rowstore::BLOCK_ROWS;

/// Keys that a thread sorts at once, on the average: 16 MB.
const SLICE: u64 = 1 << 20;
/// Slices that are sorted at the same time.
const THREADS: u64 = 2;

/// Writes the keys of all files that `kept` takes, in the order of `all`. `done` is told how many keys were joined, and
/// says whether to go on; when it does not, only an unfinished file is left, and the answer is false.
pub(crate) fn join(
    path: &Path,
    all: &[&Keys],
    kept: impl Fn(&str) -> bool,
    mut done: impl FnMut(u64) -> bool,
) -> Result<bool, BesideError> {
    let mut files: Vec<Covered> = Vec::new();
    // Of each file of each of them: its place among those kept.
    let mut numbers: Vec<Vec<Option<usize>>> = Vec::new();
    for keys in all {
        let number = |file: &Covered| {
            kept(&file.path).then(|| {
                files.push(file.clone());
                files.len() - 1
            })
        };
        numbers.push(keys.files().iter().map(number).collect());
    }
    let starts = blocks_of(&files).ok_or_else(|| BesideError::damaged(path, "too many rows"))?;
    let mut frame = FrameWriter::create(path, FORMAT)?;
    let mut footer = Vec::new();
    put_covered(&mut footer, &files);
    for kind in KeyKind::ALL {
        let extents: Vec<(u32, u32)> =
            all.iter().map(|keys| keys.extent(kind)).filter(|(count, _)| *count > 0).collect();
        let most = extents.iter().map(|(count, _)| u64::from(*count)).sum::<u64>();
        let known = extents.iter().map(|(_, bits)| *bits).min().unwrap_or(64);
        let last_place = kind.last_place(starts.last().copied().unwrap_or(0));
        let slice_bits = most.div_ceil(SLICE).next_power_of_two().ilog2();
        let mut section = SectionWriter::begin(&mut frame, most, last_place, (known, kind.joined_bits()));
        let gather = &|slice: u64| -> Result<Vec<(u64, u32)>, BesideError> {
            let mut gathered = Vec::new();
            for (keys, numbers) in all.iter().zip(&numbers) {
                keys.each_in_slice(kind, slice, slice_bits, |hash, file, place| {
                    if let Some(number) = numbers[file] {
                        let first_row = match place {
                            Place::Blocks(first) => first * BLOCK_ROWS as u32,
                            Place::Row(row) => row,
                        };
                        gathered.push((hash & u64::MAX << (64 - known), kind.place(first_row, starts[number])));
                    }
                })?;
            }
            // What comes from one file is in order: this sort merges such runs.
            gathered.sort_by_key(|key: &(u64, u32)| *key);
            Ok(gathered)
        };
        let slices = 1_u64 << slice_bits;
        for first in (0..slices).step_by(THREADS as usize) {
            let sorted: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> =
                    (first..slices.min(first + THREADS)).map(|slice| scope.spawn(move || gather(slice))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
            });
            for slice in sorted {
                let slice = slice?;
                for (hash, place) in &slice {
                    section.push(*hash, *place)?;
                }
                if !done(slice.len() as u64) {
                    return Ok(false);
                }
            }
        }
        section.finish(&mut footer)?;
    }
    frame.finish(&footer)?;
    Ok(true)
}
