//! Several segments become one, in memory that does not grow with them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

use super::output::Output;
use super::segment::{SPARSE, Segment};
use super::write::{Ending, finish};
use super::{STRIDE, SoundIndexError};

/// Postings between two questions whether to stop.
const BETWEEN: u64 = 1 << 20;

/// Writes what all of these hold. They are read whole before, so that damage is told and not handed on under a new checksum.
pub(super) fn merge(path: &Path, segments: &[Segment], cancel: &dyn Fn() -> bool) -> Result<(), SoundIndexError> {
    for segment in segments {
        if cancel() {
            return Err(SoundIndexError::Cancelled);
        }
        segment.verify()?;
    }
    let mut output = Output::create(path)?;
    for segment in segments {
        segment.each_of_values(|bytes| output.write(bytes))?;
    }
    for segment in segments {
        segment.each_of_roots(|bytes| output.write(bytes))?;
    }
    let mut ending = Ending { recordings: 0, values: 0, sparse: Vec::new() };
    let mut bases = Vec::new();
    for segment in segments {
        bases.push(ending.values);
        for first in (0..segment.recordings).step_by(SPARSE) {
            for start in segment.starts(first, first + SPARSE as u32)? {
                if start > segment.values {
                    return Err(segment.damaged("a recording begins beyond the values"));
                }
                let start = start + ending.values;
                if (ending.recordings as usize).is_multiple_of(SPARSE) {
                    ending.sparse.push(start);
                }
                output.write(&start.to_le_bytes())?;
                ending.recordings += 1;
            }
        }
        ending.values += segment.values;
    }
    finish(output, &ending, Together::new(segments, &bases, cancel)?)
}

/// The postings of all segments in the order of keys, and of places.
struct Together<'a> {
    walks: Vec<Walk<'a>>,
    next: BinaryHeap<Reverse<(u32, u32, usize)>>,
    given: u64,
    cancel: &'a dyn Fn() -> bool,
}

impl<'a> Together<'a> {
    fn new(segments: &'a [Segment], bases: &[u32], cancel: &'a dyn Fn() -> bool) -> Result<Self, SoundIndexError> {
        let walks = segments.iter().zip(bases).map(|(segment, base)| Walk {
            segment,
            first_place: base * STRIDE as u32,
            bucket: 0,
            ahead: Vec::new().into_iter(),
        });
        let mut together = Self { walks: walks.collect(), next: BinaryHeap::new(), given: 0, cancel };
        for walk in 0..segments.len() {
            together.ask(walk)?;
        }
        Ok(together)
    }

    fn ask(&mut self, walk: usize) -> Result<(), SoundIndexError> {
        if let Some((key, place)) = self.walks[walk].next()? {
            self.next.push(Reverse((key, place, walk)));
        }
        Ok(())
    }
}

impl Iterator for Together<'_> {
    type Item = Result<(u32, u32), SoundIndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((key, place, walk)) = self.next.pop()?;
        self.given += 1;
        if self.given.is_multiple_of(BETWEEN) && (self.cancel)() {
            return Some(Err(SoundIndexError::Cancelled));
        }
        Some(self.ask(walk).map(|()| (key, place)))
    }
}

/// The postings of one segment, bucket by bucket.
struct Walk<'a> {
    segment: &'a Segment,
    first_place: u32,
    bucket: u32,
    ahead: std::vec::IntoIter<(u32, u32)>,
}

impl Walk<'_> {
    fn next(&mut self) -> Result<Option<(u32, u32)>, SoundIndexError> {
        loop {
            if let Some((key, place)) = self.ahead.next() {
                return Ok(Some((key, place + self.first_place)));
            }
            if self.bucket >> self.segment.layout.bucket_bits != 0 {
                return Ok(None);
            }
            self.ahead = self.segment.bucket(self.bucket)?.into_iter();
            self.bucket += 1;
        }
    }
}
