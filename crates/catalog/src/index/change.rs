//! One change of the index: documents replaced or added, then one commit that also carries the table versions.
//!
//! Albums and artists stand where the best of their tracks stands, and are held when one of their tracks is. What came only
//! can raise them; where a track was replaced, all tracks are looked at: their keys say which ones these are. What this
//! change has already put is not in the index yet, so it is remembered beside.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use fonoteca_model::{BlobId, Id};
use tantivy::index::SegmentId;
use tantivy::merge_policy::{LogMergePolicy, MergePolicy, NoMergePolicy};
use tantivy::{DocAddress, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyError};

use super::columns::Columns;
use super::document::{Document, Kind, RowAt, Standing};
use super::error::IndexError;
use super::fields::Mark;
use super::files::{FileList, Files};
use super::forget::OfRows;
use super::generation::{self, Generation, Lock, TableVersions};
use super::search::Search;
use super::word_list::WordList;
use super::{Filters, NO_FILTERS};

/// An album or an artist.
pub(crate) type Container = (Kind, Id);

/// What an album's or artist's tracks say about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Aggregate {
    /// Of the best track that is not withdrawn.
    pub standing: Standing,
    /// One of those is held.
    pub held: bool,
    /// There are tracks, and all are withdrawn.
    pub withdrawn: bool,
}

impl Aggregate {
    /// Of the tracks of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            standing: self.standing.max(other.standing),
            held: self.held || other.held,
            withdrawn: self.withdrawn && other.withdrawn,
        }
    }

    pub(crate) fn of_track(document: &Document) -> Self {
        if document.withdrawn {
            return Self { withdrawn: true, ..Self::default() };
        }
        Self { standing: document.standing, held: document.held, withdrawn: false }
    }
}

/// How a change is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Threads that make segments.
    pub threads: usize,
    /// Bytes of memory that each of them fills before it writes a segment.
    pub memory_bytes: usize,
    /// Segments are merged as they come; otherwise only when there are more than [`Effort::most_segments`] at the end.
    pub merges: bool,
    /// Segments that may be left: each costs every search some time.
    pub most_segments: usize,
}

/// Merges at the same time.
const MERGES: usize = 2;

/// A change that is being made. Dropped without [`Change::commit`], it leaves nothing.
pub(crate) struct Change {
    generation: Generation,
    writer: IndexWriter,
    searcher: Searcher,
    /// The data files as the tables have them now.
    files: Arc<Files>,
    list: FileList,
    /// Tracks put by this change, which replace those in the index.
    put: HashMap<Id, (Aggregate, Vec<Container>)>,
    tracks_of: HashMap<Container, Vec<Id>>,
    /// Tracks that this change looked at: what the index has of them no longer counts.
    seen: HashSet<Id>,
    /// Albums and artists of tracks put or replaced.
    touched: BTreeSet<Container>,
    /// Those of tracks replaced: they may sink.
    replaced: HashSet<Container>,
    effort: Effort,
    lock: Lock,
}

/// Segments that are merged together: with 8 of a size one larger one is made.
fn merge_policy(effort: Effort) -> Box<dyn MergePolicy> {
    if !effort.merges {
        return Box::new(NoMergePolicy);
    }
    let mut policy = LogMergePolicy::default();
    policy.set_max_docs_before_merge(20_000_000);
    policy.set_del_docs_ratio_before_merge(0.3);
    Box::new(policy)
}

impl Change {
    /// Begins a change of an open generation; the newest commit must be loaded under the lock. `files` are the data files
    /// as they are now, numbered on from those that the generation knows.
    pub(crate) fn begin(
        generation: Generation,
        files: (FileList, Files),
        lock: Lock,
        effort: Effort,
    ) -> Result<Self, IndexError> {
        let writer = generation
            .index
            .writer_with_num_threads(effort.threads, effort.threads * effort.memory_bytes)
            .map_err(IndexError::engine(&generation.path))?;
        writer.set_merge_policy(merge_policy(effort));
        // What a killed process wrote and did not commit bears names that this change may need.
        writer.garbage_collect_files().wait().map_err(IndexError::engine(&generation.path))?;
        let searcher = generation.searcher();
        let (list, files) = files;
        Ok(Self {
            generation,
            writer,
            searcher,
            files: Arc::new(files),
            list,
            put: HashMap::new(),
            tracks_of: HashMap::new(),
            seen: HashSet::new(),
            touched: BTreeSet::new(),
            replaced: HashSet::new(),
            effort,
            lock,
        })
    }

    /// Where an error of this change comes from: once Tantivy's threads have given up, adding says no more than that, and only
    /// they say why, for example that the disk is full.
    pub(crate) fn why(mut self, error: IndexError) -> IndexError {
        if !matches!(error, IndexError::Engine(TantivyError::ErrorInThread(_))) {
            return error;
        }
        match self.writer.prepare_commit() {
            Err(cause) => IndexError::engine(&self.generation.path)(cause),
            Ok(_) => error,
        }
    }

    /// Leaves the index as it is and hands the lock back.
    pub(crate) fn abandon(self) -> Lock {
        self.lock
    }

    /// Opens the data files whose rows and keys were made meanwhile.
    pub(crate) fn open_files(&mut self, list: &FileList) -> Result<(), IndexError> {
        self.list.clone_from(list);
        self.files = Arc::new(Files::open(self.generation.dir(), &self.list, &self.files)?);
        Ok(())
    }

    pub(crate) const fn files(&self) -> &Arc<Files> {
        &self.files
    }

    pub(crate) const fn generation(&self) -> &Generation {
        &self.generation
    }

    pub(crate) const fn writer(&self) -> &IndexWriter {
        &self.writer
    }

    /// The index as it is.
    fn before(&self) -> Search<'_> {
        const FILTERS: &Filters = &NO_FILTERS;
        Search {
            searcher: &self.searcher,
            fields: &self.generation.fields,
            filters: FILTERS,
            rows: self.generation.files.reader(),
            words: self.generation.words.as_deref(),
            columns: &self.generation.columns,
            path: &self.generation.path,
        }
    }

    /// The groups to which these tracks belong in the index as it is.
    pub(crate) fn groups(&self, tracks: &[Id]) -> Result<HashSet<Id>, IndexError> {
        let mut before = self.before();
        let mut groups = HashSet::new();
        for id in tracks {
            for at in before.rows.with_id(Kind::Track, *id)? {
                if let Some(address) = before.document_of(Kind::Track, at)? {
                    groups.insert(before.columns(address).group(address.doc_id).unwrap_or(*id));
                }
            }
        }
        Ok(groups)
    }

    fn ids(
        &self,
        kind: Kind,
        rows: impl FnOnce(&mut Search<'_>) -> Result<Vec<RowAt>, IndexError>,
    ) -> Result<BTreeSet<Id>, IndexError> {
        let mut before = self.before();
        let mut ids = BTreeSet::new();
        for at in rows(&mut before)? {
            ids.extend(before.rows.row(kind, at)?.map(|row| row.id));
        }
        Ok(ids)
    }

    /// The tracks on an album, perhaps some that do not count.
    pub(crate) fn on_album(&self, album: Id) -> Result<BTreeSet<Id>, IndexError> {
        self.ids(Kind::Track, |before| Ok(before.rows.on_album(album)?))
    }

    /// The tracks or albums on which an artist is credited, perhaps some that do not count.
    pub(crate) fn by_artist(&self, kind: Kind, artist: Id) -> Result<BTreeSet<Id>, IndexError> {
        self.ids(kind, |before| Ok(before.rows.by_artist(kind, artist)?))
    }

    /// The tracks with this ISRC, perhaps some that do not count.
    pub(crate) fn with_isrc(&self, isrc: &str) -> Result<BTreeSet<Id>, IndexError> {
        self.ids(Kind::Track, |before| Ok(before.rows.with_isrc(isrc)?))
    }

    /// The albums with this UPC, perhaps some that do not count.
    pub(crate) fn with_upc(&self, upc: &str) -> Result<BTreeSet<Id>, IndexError> {
        self.ids(Kind::Album, |before| Ok(before.rows.with_upc(upc)?))
    }

    /// The tracks of a recording.
    pub(crate) fn of_recording(&self, group: Id) -> Result<BTreeSet<Id>, IndexError> {
        let mut before = self.before();
        let addresses = before.in_group(group)?;
        let mut ids = ids_of(&mut before, &addresses, Kind::Track)?;
        ids.insert(group);
        Ok(ids)
    }

    /// The tracks that play from a blob.
    pub(crate) fn playing(&self, root: BlobId) -> Result<BTreeSet<Id>, IndexError> {
        self.marked(Kind::Track, Mark::Root(root))
    }

    /// What of a kind has a mark.
    pub(crate) fn marked(&self, kind: Kind, mark: Mark<'_>) -> Result<BTreeSet<Id>, IndexError> {
        let mut before = self.before();
        let addresses = before.with_mark(mark)?;
        ids_of(&mut before, &addresses, kind)
    }

    /// Puts documents in place of those with their kind and ids, and removes those of `ids` that have none any more.
    /// `row` gives each document's row.
    pub(crate) fn put(&mut self, kind: Kind, ids: &[Id], documents: &[(RowAt, Document)]) -> Result<(), IndexError> {
        let mut gone = Vec::new();
        let mut sinking = Vec::new();
        {
            let mut before = self.before();
            for id in ids {
                for at in before.rows.with_id(kind, *id)? {
                    gone.push((kind, at));
                    // What the track that is about to be replaced belonged to.
                    let is_new = kind == Kind::Track && !self.seen.contains(id);
                    if is_new
                        && before.document_of(kind, at)?.is_some()
                        && let Some(row) = before.rows.row(kind, at)?
                    {
                        sinking.extend(containers(row.album_id, &row.artist_ids));
                    }
                }
            }
        }
        self.touched.extend(sinking.iter().copied());
        self.replaced.extend(sinking);
        if kind == Kind::Track {
            for id in ids {
                self.seen.insert(*id);
                if let Some((_, containers)) = self.put.remove(id) {
                    for container in containers {
                        self.tracks_of.entry(container).or_default().retain(|known| known != id);
                        self.replaced.insert(container);
                    }
                }
            }
        }
        gone.extend(documents.iter().map(|(at, _)| (kind, *at)));
        let gone = OfRows { rows: Arc::new(gone), fields: self.generation.fields };
        self.writer.delete_query(Box::new(gone)).map_err(self.engine())?;
        for (at, document) in documents {
            if kind == Kind::Track {
                let containers = containers(document.album_id, &document.artist_ids);
                for container in &containers {
                    self.touched.insert(*container);
                    self.tracks_of.entry(*container).or_default().push(document.id);
                }
                self.put.insert(document.id, (Aggregate::of_track(document), containers));
            }
            self.add(*at, document)?;
        }
        Ok(())
    }

    /// Adds a document that is known to be new.
    pub(crate) fn add(&self, at: RowAt, document: &Document) -> Result<(), IndexError> {
        let laid = self.generation.fields.lay_out(document, at);
        self.writer.add_document(laid).map_err(self.engine())?;
        Ok(())
    }

    /// Removes the documents of rows.
    pub(crate) fn remove(&self, rows: Vec<(Kind, RowAt)>) -> Result<(), IndexError> {
        if !rows.is_empty() {
            let gone = OfRows { rows: Arc::new(rows), fields: self.generation.fields };
            self.writer.delete_query(Box::new(gone)).map_err(self.engine())?;
        }
        Ok(())
    }

    /// The albums and artists whose tracks were put or replaced so far.
    pub(crate) const fn touched(&self) -> &BTreeSet<Container> {
        &self.touched
    }

    /// What the tracks of an album or artist say about it, this change included.
    pub(crate) fn aggregate(&self, container: Container) -> Result<Aggregate, IndexError> {
        let put = self.tracks_of.get(&container).into_iter().flatten().filter_map(|track| self.put.get(track));
        let put = put.map(|(of_track, _)| *of_track).reduce(Aggregate::and);
        // What came only can not sink. (Where the only tracks there are were withdrawn, one has to know whether there are
        // others.)
        if !self.replaced.contains(&container)
            && put.is_none_or(|put| !put.withdrawn)
            && let Some(shown) = self.shown(container)?
        {
            return Ok(put.map_or(shown, |put| shown.and(put)));
        }
        let indexed = self.of_tracks(container)?;
        Ok(put.into_iter().chain(indexed).reduce(Aggregate::and).unwrap_or_default())
    }

    /// What the tracks that are in the index say, and that this change does not replace.
    fn of_tracks(&self, (kind, id): Container) -> Result<Option<Aggregate>, IndexError> {
        let mut before = self.before();
        let rows = match kind {
            Kind::Album => before.rows.on_album(id)?,
            _ => before.rows.by_artist(Kind::Track, id)?,
        };
        let mut found: Option<Aggregate> = None;
        for at in rows {
            if before.rows.row(Kind::Track, at)?.is_none_or(|row| self.seen.contains(&row.id)) {
                continue;
            }
            if let Some(address) = before.document_of(Kind::Track, at)? {
                let of_track = aggregate_of(&before, address);
                let of_track =
                    if of_track.withdrawn { Aggregate { withdrawn: true, ..Aggregate::default() } } else { of_track };
                found = Some(found.map_or(of_track, |known| known.and(of_track)));
            }
        }
        Ok(found)
    }

    /// What the index as it is shows of an album or artist, if it is there.
    pub(crate) fn shown(&self, (kind, id): Container) -> Result<Option<Aggregate>, IndexError> {
        let mut before = self.before();
        for at in before.rows.with_id(kind, id)? {
            if let Some(address) = before.document_of(kind, at)? {
                return Ok(Some(aggregate_of(&before, address)));
            }
        }
        Ok(None)
    }

    /// Documents and versions become visible and durable together.
    pub(crate) fn commit(mut self, versions: &TableVersions) -> Result<(Generation, Lock), IndexError> {
        let engine = || IndexError::engine(&self.generation.path);
        let mut prepared = self.writer.prepare_commit().map_err(engine())?;
        prepared.set_payload(&generation::payload(versions, &self.list, &self.generation.fields));
        prepared.commit().map_err(engine())?;
        if !self.effort.merges {
            self.merge_down()?;
        }
        let engine = || IndexError::engine(&self.generation.path);
        self.writer.wait_merging_threads().map_err(engine())?;
        self.generation.reload()?;
        if !self.effort.merges {
            WordList::write(&self.generation.path, &self.generation.searcher(), &self.generation.fields)?;
        }
        Ok((self.generation, self.lock))
    }

    /// Merges segments into no more than may be left, those of neighbouring parts together.
    fn merge_down(&mut self) -> Result<(), IndexError> {
        let engine = || IndexError::engine(&self.generation.path);
        let ids = self.segments_by_part().map_err(engine())?;
        if ids.len() <= self.effort.most_segments {
            return Ok(());
        }
        let together = ids.len().div_ceil(self.effort.most_segments);
        let merges: Vec<_> = ids.chunks(together).filter(|some| some.len() > 1).collect();
        // Each takes memory for all of its documents.
        for some in merges.chunks(MERGES) {
            let running: Vec<_> = some.iter().map(|ids| self.writer.merge(ids)).collect();
            for merge in running {
                merge.wait().map_err(engine())?;
            }
        }
        self.writer.garbage_collect_files().wait().map_err(engine())?;
        Ok(())
    }

    /// The segments of the last commit. Nothing is kept open: as long as somebody has them, what was merged is kept.
    fn segments_by_part(&self) -> Result<Vec<SegmentId>, TantivyError> {
        let reader: IndexReader =
            self.generation.index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let searcher = reader.searcher();
        let columns = Columns::of_all(&searcher)?;
        let segments = searcher.segment_readers().iter().zip(columns.iter());
        let mut segments: Vec<_> =
            segments.map(|(segment, columns)| (columns.first_part(), segment.segment_id())).collect();
        segments.sort_unstable();
        Ok(segments.into_iter().map(|(_, id)| id).collect())
    }

    fn engine(&self) -> impl FnOnce(TantivyError) -> IndexError + use<> {
        IndexError::engine(&self.generation.path)
    }
}

fn ids_of(before: &mut Search<'_>, addresses: &[DocAddress], kind: Kind) -> Result<BTreeSet<Id>, IndexError> {
    let mut ids = BTreeSet::new();
    for address in addresses {
        let columns = before.columns(*address);
        if columns.key(address.doc_id).kind() == kind {
            ids.extend(before.rows.row(kind, columns.at(address.doc_id))?.map(|row| row.id));
        }
    }
    Ok(ids)
}

fn aggregate_of(before: &Search<'_>, address: DocAddress) -> Aggregate {
    let columns = before.columns(address);
    let facts = columns.facts(address.doc_id);
    let standing = columns.key(address.doc_id).standing();
    Aggregate { standing, held: facts.held(), withdrawn: facts.withdrawn() }
}

pub(crate) fn containers(album: Option<Id>, artists: &[Id]) -> Vec<Container> {
    let mut containers: Vec<Container> = album.map(|album| (Kind::Album, album)).into_iter().collect();
    let distinct: HashSet<Id> = artists.iter().copied().collect();
    containers.extend(distinct.into_iter().map(|artist| (Kind::Artist, artist)));
    containers
}
