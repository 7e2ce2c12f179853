//! Finding the ids that lie in a Parquet file as they are.
//!
//! Ids do not compress, so they are in the file byte for byte, whether their column is compressed or not: zstd leaves what
//! it cannot make smaller as it is, in pieces of up to 128 KiB. What the library decodes is looked for in the bytes of the
//! file; nothing is believed of how it was written. Where it is not found, the row store keeps ids itself.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use crc32fast::Hasher;
use fonoteca_model::Id;
use parquet::basic::Encoding;
use parquet::column::page::Page;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::plain::{Layout, Runs, WIDTH};
use crate::beside::read_at;

/// Most bytes between two runs: the head of a page, and that of a piece of zstd's.
const MOST_BETWEEN: usize = 256;
/// Smaller files keep their ids beside them: they are many, and each would have to be open twice.
pub(super) const LEAST_ROWS: i64 = 1 << 14;

/// A Parquet file whose ids lie as they are.
pub(super) struct Survey {
    reader: SerializedFileReader<File>,
    file: File,
    album_column: Option<usize>,
    artist_column: Option<usize>,
    layout: Layout,
    checksums: [Hasher; 2],
    /// The row groups whose dictionaries have not been read: the next one, and its first row.
    next: (usize, u32),
    /// The numbers of the albums' and artists' ids in the row group that was read last.
    albums: HashMap<i64, u32>,
    artists: HashMap<i64, u32>,
}

impl Survey {
    /// None: the file is small, or its rows' ids lie in another way.
    pub(super) fn of(path: &Path, least_rows: i64) -> Option<Self> {
        let file = File::open(path).ok()?;
        let reader = SerializedFileReader::new(file.try_clone().ok()?).ok()?;
        let metadata = reader.metadata().file_metadata();
        if metadata.num_rows() < least_rows {
            return None;
        }
        let columns = metadata.schema_descr().columns();
        let column = |first: &str, last: &str| {
            let is_it = |parts: &[String]| {
                parts.first().is_some_and(|part| part == first) && parts.last().is_some_and(|part| part == last)
            };
            columns.iter().position(|column| is_it(column.path().parts()))
        };
        let ids = column("id", "id")?;
        let (album_column, artist_column) = (column("album_id", "album_id"), column("artists", "artist_id"));
        let mut survey = Self {
            file,
            album_column,
            artist_column,
            layout: Layout::default(),
            checksums: [Hasher::new(), Hasher::new()],
            next: (0, 0),
            albums: HashMap::new(),
            artists: HashMap::new(),
            reader,
        };
        let mut rows = Runs::default();
        for group in 0..survey.reader.num_row_groups() {
            let chunk = survey.chunk(group, ids)?;
            let mut from = 0;
            for page in survey.reader.get_row_group(group).ok()?.get_column_page_reader(ids).ok()? {
                let Page::DataPage { buf, encoding: Encoding::PLAIN, num_values, .. } = page.ok()? else { return None };
                if buf.len() != num_values as usize * WIDTH {
                    return None;
                }
                rows.extend(&chunk.find(&mut from, &buf)?)?;
            }
        }
        survey.layout.rows = rows;
        Some(survey)
    }

    /// A column of a row group as it lies in the file, and where it begins.
    fn chunk(&self, group: usize, column: usize) -> Option<Chunk> {
        let (start, length) = self.reader.metadata().row_group(group).column(column).byte_range();
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        read_at(&self.file, &mut bytes, start).ok()?;
        Some(Chunk { start, bytes })
    }

    /// Has the dictionaries of the row group that a row is in.
    pub(super) fn turn_to(&mut self, row: u32) {
        while row >= self.next.1 && self.next.0 < self.reader.num_row_groups() {
            let group = self.next.0;
            let rows = self.reader.metadata().row_group(group).num_rows();
            self.next = (group + 1, self.next.1.saturating_add(u32::try_from(rows).unwrap_or(u32::MAX)));
            let albums = self.album_column.and_then(|column| self.dictionary(group, column));
            let artists = self.artist_column.and_then(|column| self.dictionary(group, column));
            self.albums = numbered(albums, &mut self.layout.albums, &mut self.checksums[0]);
            self.artists = numbered(artists, &mut self.layout.artists, &mut self.checksums[1]);
        }
    }

    /// The values of a dictionary and where they lie, if the column has one.
    fn dictionary(&self, group: usize, column: usize) -> Option<Dictionary> {
        let mut pages = self.reader.get_row_group(group).ok()?.get_column_page_reader(column).ok()?;
        let Page::DictionaryPage { buf, num_values, .. } = pages.get_next_page().ok()?? else { return None };
        if buf.len() != num_values as usize * WIDTH {
            return None;
        }
        let found = self.chunk(group, column)?.find(&mut 0, &buf)?;
        Some(Dictionary { values: buf.to_vec(), found })
    }

    pub(super) fn album(&self, id: Id) -> Option<u32> {
        self.albums.get(&id.0).copied()
    }

    pub(super) fn artist(&self, id: Id) -> Option<u32> {
        self.artists.get(&id.0).copied()
    }

    /// Where all of it lies.
    pub(super) fn layout(self) -> Layout {
        let Self { mut layout, checksums: [albums, artists], .. } = self;
        layout.albums.seal(albums.finalize());
        layout.artists.seal(artists.finalize());
        layout
    }
}

/// The values of a dictionary, and the runs in which they lie.
struct Dictionary {
    values: Vec<u8>,
    found: Vec<(u64, u32)>,
}

/// Numbers the values of a dictionary on from those of the dictionaries before it.
fn numbered(dictionary: Option<Dictionary>, runs: &mut Runs, checksum: &mut Hasher) -> HashMap<i64, u32> {
    let first = runs.count();
    let Some(Dictionary { values, found }) = dictionary else { return HashMap::new() };
    if runs.extend(&found).is_none() {
        return HashMap::new();
    }
    checksum.update(&values);
    let ids = values.as_chunks::<WIDTH>().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
    ids.zip(first..).collect()
}

/// Some bytes of a file.
struct Chunk {
    start: u64,
    bytes: Vec<u8>,
}

impl Chunk {
    /// The runs in which values lie, from a place on; none: they are not there.
    fn find(&self, from: &mut usize, values: &[u8]) -> Option<Vec<(u64, u32)>> {
        let mut rest = values.as_chunks::<WIDTH>().0;
        let mut found = Vec::new();
        while let Some(first) = rest.first() {
            let is_at = |at: &usize| self.bytes.get(*at..*at + WIDTH).is_some_and(|bytes| bytes == first);
            let at = (*from..=*from + MOST_BETWEEN).find(is_at)?;
            let there = self.bytes[at..].as_chunks::<WIDTH>().0;
            let run = there.iter().zip(rest).take_while(|(there, wanted)| there == wanted).count();
            found.push((self.start + at as u64, u32::try_from(run).ok()?));
            *from = at + run * WIDTH;
            rest = &rest[run..];
        }
        Some(found)
    }
}
