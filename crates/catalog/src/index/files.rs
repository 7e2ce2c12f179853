//! The data files of tracks, albums and artists, as far as the index has their rows and keys.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use fonoteca_model::{BlobId, Id};
use serde::{Deserialize, Serialize};

use super::document::{Kind, MAX_PARTS, PART_ROWS, RowAt};
use super::error::IndexError;
use crate::beside::BesideError;
use crate::keys::{KeyHash, KeyKind, Keys, Place};
use crate::rowstore::{BLOCK_ROWS, Block, RowStore, StoredRow, UpTo};

/// One data file in the list of a commit. The parts of a file are numbered on from those of the files before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    /// The Parquet file, in the table's folder; empty: it went, and only its numbers are left.
    pub path: String,
    /// Its rows.
    pub rows: u32,
    /// The file of keys that has its keys among those of others; none: it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Id>,
}

impl FileEntry {
    /// Where its keys are.
    pub(crate) fn keys_at(&self, dir: &Path, kind: Kind) -> PathBuf {
        self.keys.map_or_else(|| place(dir, kind, &self.path, "keys"), |joined| joined_at(dir, joined))
    }

    pub(crate) fn parts(&self) -> u32 {
        self.rows.div_ceil(PART_ROWS).max(1)
    }
}

/// The data files of each table, by the table's name.
pub(crate) type FileList = BTreeMap<String, Vec<FileEntry>>;

/// Where joined keys lie.
pub(crate) fn joined_at(dir: &Path, joined: Id) -> PathBuf {
    dir.join("rows").join(format!("{joined}.keys"))
}

/// Where the rows of a data file lie, and its keys before they are joined with others.
pub(crate) fn place(dir: &Path, kind: Kind, path: &str, ending: &str) -> PathBuf {
    dir.join("rows").join(format!("{}.{ending}", Id::of(kind.table().name(), path)))
}

/// Where the data file itself lies, when the tables are beside the index: on another machine they are elsewhere.
pub(crate) fn parquet_at(dir: &Path, kind: Kind, path: &str) -> PathBuf {
    dir.with_file_name("catalog").join(kind.table().name()).join(path)
}

/// The rows of one data file, open.
pub(crate) struct DataFile {
    pub path: String,
    pub rows: RowStore,
}

impl DataFile {
    pub(crate) fn open(dir: &Path, kind: Kind, path: &str) -> Result<Self, BesideError> {
        let rows = RowStore::open(&place(dir, kind, path, "rows"), &parquet_at(dir, kind, path))?;
        if rows.origin().path != path {
            return Err(BesideError::damaged(&place(dir, kind, path, "rows"), "it belongs to another file"));
        }
        Ok(Self { path: path.to_owned(), rows })
    }
}

/// Keys of one or many data files, open.
#[derive(Clone)]
struct OpenKeys {
    keys: Arc<Keys>,
    /// Which of the data files each of those is whose keys these are, unless it went.
    files: Vec<Option<usize>>,
}

#[derive(Default)]
struct OfKind {
    /// With the number of the first part.
    files: Vec<(u32, Arc<DataFile>)>,
    keys: Vec<OpenKeys>,
    /// Of each part: which of the files, and where it stands among the parts in the order of their paths.
    parts: Vec<Option<(usize, u32)>>,
}

/// All data files of one commit.
#[derive(Default)]
pub(crate) struct Files {
    kinds: [OfKind; 3],
}

impl Files {
    /// Opens what the list names, except what `known` has open.
    pub(crate) fn open(dir: &Path, list: &FileList, known: &Self) -> Result<Self, IndexError> {
        let mut files = Self::default();
        for kind in Kind::ALL {
            let open: HashMap<&str, &Arc<DataFile>> =
                known.of(kind).iter().map(|(_, file)| (file.path.as_str(), file)).collect();
            let mut next = 0_u32;
            let of_kind = &mut files.kinds[usize::from(kind.code())];
            for entry in list.get(kind.table().name()).into_iter().flatten() {
                let first = next;
                next = first.saturating_add(entry.parts());
                if next > MAX_PARTS {
                    return Err(IndexError::damaged(dir, "it lists more data files than there can be"));
                }
                if entry.path.is_empty() {
                    of_kind.parts.resize(next as usize, None);
                    continue;
                }
                let number = of_kind.files.len();
                let keys = of_kind.keys_of(&entry.keys_at(dir, kind), &known.kinds[usize::from(kind.code())])?;
                match keys.keys.number_of(&entry.path, entry.rows) {
                    Some(covered) => keys.files[covered] = Some(number),
                    None => return Err(IndexError::damaged(keys.keys.path(), format!("it lacks {}", entry.path))),
                }
                let file = match open.get(entry.path.as_str()) {
                    Some(file) => Arc::clone(file),
                    None => Arc::new(DataFile::open(dir, kind, &entry.path)?),
                };
                if file.rows.rows() != entry.rows {
                    return Err(IndexError::damaged(dir, format!("{} has another number of rows", entry.path)));
                }
                of_kind.parts.resize(next as usize, Some((number, 0)));
                of_kind.files.push((first, file));
            }
            of_kind.rank();
        }
        Ok(files)
    }

    /// All keys of a kind.
    pub(crate) fn keys(&self, kind: Kind) -> impl Iterator<Item = &Keys> {
        self.kinds[usize::from(kind.code())].keys.iter().map(|open| &*open.keys)
    }

    /// The files of a kind, with the numbers of their first parts.
    pub(crate) fn of(&self, kind: Kind) -> &[(u32, Arc<DataFile>)] {
        &self.kinds[usize::from(kind.code())].files
    }

    /// The file of a row, and the row's number in it.
    fn locate(&self, kind: Kind, at: RowAt) -> Option<(usize, u32)> {
        let of_kind = &self.kinds[usize::from(kind.code())];
        let (file, _) = (*of_kind.parts.get(at.part as usize)?)?;
        let (first, data) = &of_kind.files[file];
        let row = (at.part - first).checked_mul(PART_ROWS)?.checked_add(at.row)?;
        (row < data.rows.rows()).then_some((file, row))
    }

    /// Where the part stands among those of its kind, in the order of the files' paths: the same in every index of the
    /// same tables.
    pub(crate) fn rank(&self, kind: Kind, part: u32) -> u32 {
        let parts = &self.kinds[usize::from(kind.code())].parts;
        parts.get(part as usize).copied().flatten().map_or(u32::MAX, |(_, rank)| rank)
    }

    /// What a part is called whatever its number.
    pub(crate) fn part_name(&self, kind: Kind, part: u32) -> u64 {
        let file = self.kinds[usize::from(kind.code())].parts.get(part as usize).copied().flatten();
        file.map_or(0, |(file, _)| {
            let (first, file) = &self.of(kind)[file];
            part_name(&file.path, part - first)
        })
    }

    /// The part with this name.
    pub(crate) fn part_named(&self, kind: Kind, name: u64) -> Option<u32> {
        self.of(kind).iter().find_map(|(first, file)| {
            let parts = file.rows.rows().div_ceil(PART_ROWS).max(1);
            (0..parts).find(|part| part_name(&file.path, *part) == name).map(|part| first + part)
        })
    }

    pub(crate) fn reader(&self) -> Rows<'_> {
        Rows { files: self, blocks: HashMap::new() }
    }
}

impl OfKind {
    /// The keys in a file, which may be open already: among these, or among those known.
    fn keys_of(&mut self, path: &Path, known: &Self) -> Result<&mut OpenKeys, BesideError> {
        let is_there = |open: &OpenKeys| open.keys.path() == path;
        let place = if let Some(place) = self.keys.iter().position(is_there) {
            place
        } else {
            let keys = match known.keys.iter().find(|open| is_there(open)) {
                Some(known) => Arc::clone(&known.keys),
                None => Arc::new(Keys::open(path)?),
            };
            let files = vec![None; keys.files().len()];
            self.keys.push(OpenKeys { keys, files });
            self.keys.len() - 1
        };
        Ok(&mut self.keys[place])
    }

    fn rank(&mut self) {
        let mut order: Vec<usize> = (0..self.parts.len()).filter(|part| self.parts[*part].is_some()).collect();
        let path = |part: &usize| self.parts[*part].map(|(file, _)| self.files[file].1.path.as_str());
        order.sort_by(|a, b| (path(a), a).cmp(&(path(b), b)));
        for (rank, part) in (0..).zip(order) {
            if let Some((_, of_part)) = &mut self.parts[part] {
                *of_part = rank;
            }
        }
    }
}

fn part_name(path: &str, part: u32) -> u64 {
    (Id::of("part", path).0 as u64).wrapping_add(u64::from(part))
}

pub(crate) const fn row_at(first_part: u32, row: u32) -> RowAt {
    RowAt { part: first_part + row / PART_ROWS, row: row % PART_ROWS }
}

/// Blocks kept by one reader.
const MAX_BLOCKS: usize = 4096;

/// Reads rows for one request, and each block once.
pub(crate) struct Rows<'a> {
    files: &'a Files,
    blocks: HashMap<(Kind, usize, u32), Rc<Block>>,
}

impl<'a> Rows<'a> {
    pub(crate) const fn files(&self) -> &'a Files {
        self.files
    }

    fn block(&mut self, kind: Kind, file: usize, block: u32) -> Result<Rc<Block>, BesideError> {
        if let Some(known) = self.blocks.get(&(kind, file, block)) {
            return Ok(Rc::clone(known));
        }
        let read = Rc::new(self.files.of(kind)[file].1.rows.block(block)?);
        if self.blocks.len() >= MAX_BLOCKS {
            self.blocks.clear();
        }
        self.blocks.insert((kind, file, block), Rc::clone(&read));
        Ok(read)
    }

    /// The block of a row, and which row of it.
    fn in_block(&mut self, kind: Kind, at: RowAt) -> Result<Option<(Rc<Block>, usize)>, BesideError> {
        let Some((file, row)) = self.files.locate(kind, at) else { return Ok(None) };
        Ok(Some((self.block(kind, file, row / BLOCK_ROWS as u32)?, row as usize % BLOCK_ROWS)))
    }

    /// One row.
    pub(crate) fn row(&mut self, kind: Kind, at: RowAt) -> Result<Option<StoredRow>, BesideError> {
        self.in_block(kind, at)?.map(|(block, row)| block.row(row)).transpose()
    }

    /// The rows that have a key, in the order of ranks; `which` rows of some blocks of a file do is settled there.
    fn with_key(
        &mut self,
        kind: Kind,
        key: (KeyKind, KeyHash),
        which: impl Fn(&Self, usize, Range<u32>) -> Result<Vec<u32>, BesideError>,
    ) -> Result<Vec<RowAt>, BesideError> {
        let mut found = Vec::new();
        let files = self.files;
        for open in &files.kinds[usize::from(kind.code())].keys {
            for (covered, place) in open.keys.find(key.0, key.1)? {
                // Joined keys outlive a file that went.
                let Some(number) = open.files[covered] else { continue };
                let first = files.of(kind)[number].0;
                match place {
                    Place::Row(row) => found.push(row_at(first, row)),
                    Place::Blocks(block) => {
                        let rows = which(self, number, block..block.saturating_add(key.0.span()))?.into_iter();
                        found.extend(rows.map(|row| row_at(first, row)));
                    }
                }
            }
        }
        found.sort_unstable_by_key(|at| (self.files.rank(kind, at.part), at.row));
        Ok(found)
    }

    /// The same, where a block knows which of its rows it is once it is read so far.
    fn with_key_of_block(
        &mut self,
        kind: Kind,
        key: (KeyKind, KeyHash),
        up_to: UpTo,
        which: impl Fn(&Block) -> Result<Vec<usize>, BesideError>,
    ) -> Result<Vec<RowAt>, BesideError> {
        self.with_key(kind, key, |rows, file, blocks| {
            let mut found = Vec::new();
            let store = &rows.files.of(kind)[file].1.rows;
            for block in blocks.start..blocks.end.min(store.blocks()) {
                let read = store.part_of_block(block, up_to)?;
                found.extend(which(&read)?.into_iter().map(|row| block * BLOCK_ROWS as u32 + row as u32));
            }
            Ok(found)
        })
    }

    /// The rows with this id, in the order of ranks: almost always one.
    pub(crate) fn with_id(&mut self, kind: Kind, id: Id) -> Result<Vec<RowAt>, BesideError> {
        self.with_key(kind, (KeyKind::Id, KeyHash::of_id(id)), |rows, file, blocks| {
            rows.files.of(kind)[file].1.rows.rows_with_id(id, blocks)
        })
    }

    /// The tracks of an album.
    pub(crate) fn on_album(&mut self, album: Id) -> Result<Vec<RowAt>, BesideError> {
        let key = (KeyKind::Album, KeyHash::of_id(album));
        self.with_key_of_block(Kind::Track, key, UpTo::Albums, |block| block.on_album(album))
    }

    /// The tracks or albums on which an artist is credited.
    pub(crate) fn by_artist(&mut self, kind: Kind, artist: Id) -> Result<Vec<RowAt>, BesideError> {
        let key = (KeyKind::Artist, KeyHash::of_id(artist));
        self.with_key_of_block(kind, key, UpTo::Credits, |block| block.by_artist(artist))
    }

    /// The tracks with this ISRC.
    pub(crate) fn with_isrc(&mut self, isrc: &str) -> Result<Vec<RowAt>, BesideError> {
        let key = (KeyKind::Isrc, KeyHash::of_code(isrc));
        self.with_key_of_block(Kind::Track, key, UpTo::Isrcs, |block| block.with_isrc(isrc))
    }

    /// The albums with this UPC.
    pub(crate) fn with_upc(&mut self, upc: &str) -> Result<Vec<RowAt>, BesideError> {
        self.with_key(Kind::Album, (KeyKind::Upc, KeyHash::of_code(upc)), |_, _, _| Ok(Vec::new()))
    }

    /// What has this MusicBrainz id, and another id at its source.
    pub(crate) fn with_mbid(&mut self, kind: Kind, mbid: [u8; 16]) -> Result<Vec<RowAt>, BesideError> {
        self.with_key(kind, (KeyKind::Mbid, KeyHash::of_bytes(mbid)), |_, _, _| Ok(Vec::new()))
    }

    /// Title and year of the album with this id, when albums are asked for in about the order of their rows: looked for where
    /// the last one was found, and in the block behind that, before its keys are asked.
    pub(crate) fn album_near(
        &mut self,
        id: Id,
        last: &mut (usize, u32),
    ) -> Result<Option<(String, Option<u16>)>, BesideError> {
        for near in [0, 1] {
            let (file, block) = (last.0, last.1 + near);
            let files = self.files.of(Kind::Album);
            if files.get(file).is_some_and(|(_, data)| block < data.rows.blocks()) {
                let read = self.block(Kind::Album, file, block)?;
                if let Some(row) = read.ids().iter().position(|found| *found == id) {
                    last.1 = block;
                    return Ok(Some((read.title(row)?, read.year(row))));
                }
            }
        }
        let Some(at) = self.with_id(Kind::Album, id)?.first().copied() else { return Ok(None) };
        if let Some((file, row)) = self.files.locate(Kind::Album, at) {
            *last = (file, row / BLOCK_ROWS as u32);
        }
        self.in_block(Kind::Album, at)?.map(|(block, row)| Ok((block.title(row)?, block.year(row)))).transpose()
    }

    /// The batch of a row.
    pub(crate) fn batch_of(&self, kind: Kind, at: RowAt) -> Option<(&str, i64)> {
        let (file, row) = self.files.locate(kind, at)?;
        let (job, number) = self.files.of(kind)[file].1.rows.batch_of(row)?;
        Some((job, *number))
    }

    /// Title and cover of the album with this id.
    pub(crate) fn album(&mut self, id: Id) -> Result<Option<(String, Option<BlobId>)>, BesideError> {
        let Some(at) = self.with_id(Kind::Album, id)?.first().copied() else { return Ok(None) };
        let album = self.in_block(Kind::Album, at)?;
        album.map(|(block, row)| Ok((block.title(row)?, block.cover_root(row)))).transpose()
    }
}
