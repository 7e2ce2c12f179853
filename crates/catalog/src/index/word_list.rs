//! All words of an index in one dictionary: what is guessed at, typos above all, is looked for in one list instead of one a
//! field and segment.
//!
//! It is made when an index is filled, and says of which segments; those that came later are looked through themselves. A
//! file without it, or with words that are gone by now, gives the same answers: words that no document has find nothing.

use std::collections::HashSet;
use std::path::Path;

use tantivy::directory::{Directory as _, MmapDirectory, OwnedBytes};
use tantivy::index::SegmentId;
use tantivy::{Searcher, TantivyError};
use tantivy_fst::{Automaton, IntoStreamer as _, Map, MapBuilder};

use super::error::IndexError;
use super::expand::{FIRST_WORD, Merged, Words, dictionaries};
use super::fields::Fields;
use crate::beside::{BesideError, Cursor, Format, Frame, FrameWriter, Wrong, put_text, put_varint};

/// The file in the folder of a generation.
const NAME: &str = "words";
const FORMAT: Format = Format { magic: b"fonoword", version: 2 };

/// The words of some segments, mapped.
pub(crate) struct WordList {
    frame: Frame,
    covered: HashSet<SegmentId>,
    map: Map<OwnedBytes>,
}

impl WordList {
    /// Writes the list of all segments there are.
    pub(crate) fn write(dir: &Path, searcher: &Searcher, fields: &Fields) -> Result<(), IndexError> {
        let engine = || IndexError::engine(dir);
        let path = dir.join(NAME);
        let failed = |error: tantivy_fst::Error| match error {
            tantivy_fst::Error::Io(error) => IndexError::io(&path)(error),
            tantivy_fst::Error::Fst(error) => IndexError::damaged(&path, error),
        };
        let dictionaries = dictionaries(searcher, fields.words, |_| true).map_err(engine())?;
        let mut streams: Vec<Box<dyn Words + '_>> = Vec::new();
        for (place, words) in &dictionaries {
            let stream = words.terms().range().ge(FIRST_WORD).into_stream();
            streams.push(Box::new((*place, stream.map_err(|error| engine()(TantivyError::from(error)))?)));
        }
        let mut list = MapBuilder::new(Body(FrameWriter::create(&path, FORMAT)?)).map_err(failed)?;
        let mut merged = Merged::new(streams);
        while let Some((word, counts)) = merged.next() {
            list.insert(word, packed(counts)).map_err(failed)?;
        }
        let Body(writer) = list.into_inner().map_err(failed)?;
        let mut footer = Vec::new();
        put_varint(&mut footer, searcher.segment_readers().len() as u64);
        searcher.segment_readers().iter().for_each(|one| put_text(&mut footer, &one.segment_id().uuid_string()));
        Ok(writer.finish(&footer)?)
    }

    /// Opens the list in the folder of a generation, if there is one.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>, IndexError> {
        let path = dir.join(NAME);
        if !path.exists() {
            return Ok(None);
        }
        let (frame, footer) = Frame::open(&path, FORMAT)?;
        let mut bytes = Cursor(&footer);
        let mut read = || -> Result<HashSet<SegmentId>, Wrong> {
            let count = bytes.count(1)?;
            let id = |text: &str| SegmentId::from_uuid_string(text).map_err(|_| Wrong("a segment has no name"));
            (0..count).map(|_| id(bytes.text()?)).collect()
        };
        let covered = read().map_err(|Wrong(what)| frame.damaged(what))?;
        let mapped = || -> Result<OwnedBytes, TantivyError> {
            let file = MmapDirectory::open(dir)?.open_read(Path::new(NAME))?;
            let body = frame.body();
            Ok(file.slice(body.start as usize..body.end as usize).read_bytes()?)
        };
        let fst = tantivy_fst::raw::Fst::new(mapped().map_err(IndexError::engine(dir))?);
        let fst = fst.map_err(|error| frame.damaged(error.to_string()))?;
        Ok(Some(Self { covered, map: Map::from(fst), frame }))
    }

    /// Whether the words of a segment are in it.
    pub(crate) fn covers(&self, segment: SegmentId) -> bool {
        self.covered.contains(&segment)
    }

    /// The words from one to another, which is not among them.
    pub(crate) fn beginning_with(&self, start: &[u8], end: &[u8]) -> Box<dyn Words + '_> {
        Box::new(self.map.range().ge(start).lt(end).into_stream())
    }

    /// The words that an automaton takes.
    pub(crate) fn matching<'a, A: Automaton + 'a>(&'a self, automaton: A) -> Box<dyn Words + 'a>
    where
        A::State: 'a,
    {
        Box::new(self.map.search(automaton).into_stream())
    }

    /// Reads everything and compares the checksum.
    pub(crate) fn verify(&self) -> Result<(), BesideError> {
        self.frame.verify()
    }
}

impl<A: Automaton> Words for tantivy_fst::map::Stream<'_, A> {
    fn next(&mut self, word: &mut Vec<u8>) -> Option<[u64; 2]> {
        let (key, value) = tantivy_fst::Streamer::next(self)?;
        word.clear();
        word.extend_from_slice(key);
        Some([counted(value >> COUNT_BITS), counted(value & ((1 << COUNT_BITS) - 1))])
    }
}

/// How often a word is in each of the fields, ten bits each: it decides which words are the most frequent ones.
fn packed(counts: [u64; 2]) -> u64 {
    let [first, second] = counts.map(rounded);
    first << COUNT_BITS | second
}

/// A count by its highest bits: up to 63 exactly, then in steps of one part in 32, downwards.
const fn rounded(count: u64) -> u64 {
    let count = if count > MOST { MOST } else { count };
    let shift = (u64::BITS - 6).saturating_sub(count.leading_zeros());
    ((shift as u64) << 5) + (count >> shift)
}

const fn counted(rounded: u64) -> u64 {
    let shift = (rounded >> 5).saturating_sub(1);
    if rounded < 64 { rounded } else { (rounded & 31 | 32) << shift }
}

const COUNT_BITS: u32 = 10;
/// The largest count that is told; none of a segment's 32 bits comes near.
const MOST: u64 = (1 << 32) - 1;

/// The body of a file as what the builder writes to.
struct Body(FrameWriter);

impl std::io::Write for Body {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.write(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(BesideError::Io { source, .. }) => Err(source),
            Err(error) => Err(std::io::Error::other(error)),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_keep_their_order_and_about_their_size() {
        let counts =
            (0..2000).chain((11..32).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1])).chain([MOST]);
        let mut last = 0;
        for count in counts {
            let code = rounded(count);
            let told = counted(code);
            assert!(
                code >= last && code < 1 << COUNT_BITS && told <= count && count - told <= count / 32,
                "{count}: {code}, {told}"
            );
            assert!(count >= 64 || told == count, "{count}");
            last = code;
        }
        assert_eq!(rounded(u64::MAX), rounded(MOST));
    }
}
