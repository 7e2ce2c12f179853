//! One change of the index: documents replaced or added, then one commit that also carries the table versions.
//!
//! Albums and artists stand where the best of their tracks stands, and are held when one of their tracks is. Both are read
//! from the index itself: the tracks of an album are one posting list, and its first entry is the best. What this change
//! has already put is not in there yet, so it is remembered beside.

use std::collections::{BTreeSet, HashMap, HashSet};

use fonoteca_model::Id;
use tantivy::collector::DocSetCollector;
use tantivy::query::{BooleanQuery, EnableScoring, Query, TermQuery, TermSetQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, IndexWriter, Searcher, TERMINATED, TantivyDocument};

use super::columns::Columns;
use super::document::{Document, Kind, Standing};
use super::error::IndexError;
use super::fields::Tag;
use super::generation::{self, Generation, Lock, TableVersions};

const MEMORY_PER_THREAD: usize = 64 << 20;

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
    fn and(self, other: Self) -> Self {
        Self {
            standing: self.standing.max(other.standing),
            held: self.held || other.held,
            withdrawn: self.withdrawn && other.withdrawn,
        }
    }

    fn of_track(document: &Document) -> Self {
        if document.withdrawn {
            return Self { withdrawn: true, ..Self::default() };
        }
        Self { standing: document.sort_key().standing(), held: document.held, withdrawn: false }
    }
}

/// A change that is being made. Dropped without [`Change::commit`], it leaves nothing.
pub(crate) struct Change {
    generation: Generation,
    writer: IndexWriter,
    searcher: Searcher,
    /// Tracks put by this change, which replace those in the index.
    put: HashMap<Id, (Aggregate, Vec<Container>)>,
    tracks_of: HashMap<Container, Vec<Id>>,
    /// Albums and artists of tracks put or replaced.
    touched: BTreeSet<Container>,
    lock: Lock,
}

impl Change {
    /// Begins a change of an open generation; the newest commit must be loaded under the lock.
    pub(crate) fn begin(generation: Generation, lock: Lock, threads: usize) -> Result<Self, IndexError> {
        let writer = generation
            .index
            .writer_with_num_threads(threads, threads * MEMORY_PER_THREAD)
            .map_err(IndexError::engine(&generation.path))?;
        let searcher = generation.searcher();
        Ok(Self {
            generation,
            writer,
            searcher,
            put: HashMap::new(),
            tracks_of: HashMap::new(),
            touched: BTreeSet::new(),
            lock,
        })
    }

    /// Documents in the index as it is.
    pub(crate) fn documents(&self) -> u64 {
        self.searcher.num_docs()
    }

    /// Leaves the index as it is and hands the lock back.
    pub(crate) fn abandon(self) -> Lock {
        self.lock
    }

    /// The groups to which these tracks belong in the index as it is.
    pub(crate) fn groups(&self, tracks: &[Id]) -> Result<HashSet<Id>, IndexError> {
        let tags = tracks.iter().map(|id| Tag::Document(Kind::Track, *id));
        let mut groups = HashSet::new();
        for address in self.addresses(tags)? {
            let columns = Columns::of(self.searcher.segment_reader(address.segment_ord)).map_err(self.engine())?;
            groups.insert(columns.group(address.doc_id));
        }
        Ok(groups)
    }

    /// The documents that have one of these tags, in the index as it is.
    pub(crate) fn tagged<'a>(
        &self,
        tags: impl IntoIterator<Item = Tag<'a>>,
    ) -> Result<BTreeSet<(Kind, Id)>, IndexError> {
        let mut ids = BTreeSet::new();
        for address in self.addresses(tags)? {
            let columns = Columns::of(self.searcher.segment_reader(address.segment_ord)).map_err(self.engine())?;
            ids.insert((columns.facts(address.doc_id).kind(), columns.id(address.doc_id)));
        }
        Ok(ids)
    }

    fn addresses<'a>(&self, tags: impl IntoIterator<Item = Tag<'a>>) -> Result<HashSet<DocAddress>, IndexError> {
        let fields = &self.generation.fields;
        let query = TermSetQuery::new(tags.into_iter().map(|tag| fields.tag(tag)));
        self.searcher.search(&query, &DocSetCollector).map_err(self.engine())
    }

    /// Puts a document in place of the one with its kind and id, if there is one.
    pub(crate) fn put(&mut self, document: &Document) -> Result<(), IndexError> {
        if document.kind == Kind::Track {
            self.forget(document.id)?;
            let containers = containers(document.album_id, &document.artist_ids);
            for container in &containers {
                self.touched.insert(*container);
                self.tracks_of.entry(*container).or_default().push(document.id);
            }
            self.put.insert(document.id, (Aggregate::of_track(document), containers));
        }
        self.writer.delete_term(self.generation.fields.tag(Tag::Document(document.kind, document.id)));
        self.add(document)
    }

    /// Adds a document that is known to be new.
    pub(crate) fn add(&mut self, document: &Document) -> Result<(), IndexError> {
        let laid = self.generation.fields.lay_out(document);
        self.writer.add_document(laid).map_err(self.engine())?;
        Ok(())
    }

    /// Notes what the version of a track that is about to be replaced belonged to.
    fn forget(&mut self, track: Id) -> Result<(), IndexError> {
        if let Some((_, containers)) = self.put.remove(&track) {
            for container in containers {
                self.tracks_of.entry(container).or_default().retain(|id| *id != track);
            }
            return Ok(());
        }
        let term = self.generation.fields.tag(Tag::Document(Kind::Track, track));
        let query = TermQuery::new(term, IndexRecordOption::Basic);
        for address in self.searcher.search(&query, &DocSetCollector).map_err(self.engine())? {
            let stored: TantivyDocument = self.searcher.doc(address).map_err(self.engine())?;
            let shown = self.generation.fields.shown(&stored);
            self.touched.extend(containers(shown.album_id, &shown.artist_ids));
        }
        Ok(())
    }

    /// The albums and artists whose tracks were put or replaced so far.
    pub(crate) fn touched(&self) -> &BTreeSet<Container> {
        &self.touched
    }

    /// What the tracks of an album or artist say about it, this change included.
    pub(crate) fn aggregate(&self, (kind, id): Container) -> Result<Aggregate, IndexError> {
        let fields = &self.generation.fields;
        let put = self.tracks_of.get(&(kind, id)).into_iter().flatten().filter_map(|track| self.put.get(track));
        let put = put.map(|(of_track, _)| *of_track).reduce(Aggregate::and);
        let tag = if kind == Kind::Album { Tag::OnAlbum(id) } else { Tag::ByArtist(id) };
        let term = |tag| -> Box<dyn Query> { Box::new(TermQuery::new(fields.tag(tag), IndexRecordOption::Basic)) };
        let mut indexed = self.best(term(tag).as_ref())?;
        if let Some(aggregate) = indexed.as_mut().filter(|aggregate| !aggregate.withdrawn) {
            let held = self.best(&BooleanQuery::intersection(vec![term(tag), term(Tag::Held)]))?;
            aggregate.held = held.is_some_and(|held| !held.withdrawn);
        }
        Ok(put.into_iter().chain(indexed).reduce(Aggregate::and).unwrap_or_default())
    }

    /// The best of the tracks that match, that are in the index and that this change does not replace. Whether it is held
    /// is not looked at.
    fn best(&self, query: &dyn Query) -> Result<Option<Aggregate>, IndexError> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(&self.searcher)).map_err(self.engine())?;
        let mut best: Option<Aggregate> = None;
        for segment in self.searcher.segment_readers() {
            let columns = Columns::of(segment).map_err(self.engine())?;
            let mut matching = weight.scorer(segment, 1.0).map_err(self.engine())?;
            while matching.doc() != TERMINATED {
                let doc = matching.doc();
                if !segment.is_deleted(doc) && !self.put.contains_key(&columns.id(doc)) {
                    let withdrawn = columns.facts(doc).withdrawn();
                    let standing = if withdrawn { Standing::default() } else { columns.key(doc).standing() };
                    let found = Aggregate { standing, held: false, withdrawn };
                    best = Some(best.map_or(found, |known| known.and(found)));
                    if !withdrawn {
                        break;
                    }
                }
                matching.advance();
            }
        }
        Ok(best)
    }

    /// What the index as it is shows of an album or artist, if it is there.
    pub(crate) fn shown(&self, (kind, id): Container) -> Result<Option<Aggregate>, IndexError> {
        let query = TermQuery::new(self.generation.fields.tag(Tag::Document(kind, id)), IndexRecordOption::Basic);
        let found = self.searcher.search(&query, &DocSetCollector).map_err(self.engine())?;
        let Some(address) = found.into_iter().next() else { return Ok(None) };
        let columns = Columns::of(self.searcher.segment_reader(address.segment_ord)).map_err(self.engine())?;
        let facts = columns.facts(address.doc_id);
        let standing = columns.key(address.doc_id).standing();
        Ok(Some(Aggregate { standing, held: facts.held(), withdrawn: facts.withdrawn() }))
    }

    /// Makes what was added so far visible to this change, without promising it to anybody else: only for a generation
    /// that is not current.
    pub(crate) fn settle(&mut self) -> Result<(), IndexError> {
        self.writer.commit().map_err(IndexError::engine(&self.generation.path))?;
        self.generation.reload()?;
        self.searcher = self.generation.searcher();
        Ok(())
    }

    /// Documents and versions become visible and durable together.
    pub(crate) fn commit(mut self, versions: &TableVersions) -> Result<(Generation, Lock), IndexError> {
        let engine = || IndexError::engine(&self.generation.path);
        let mut prepared = self.writer.prepare_commit().map_err(engine())?;
        prepared.set_payload(&generation::payload(versions));
        prepared.commit().map_err(engine())?;
        self.writer.wait_merging_threads().map_err(engine())?;
        self.generation.reload()?;
        Ok((self.generation, self.lock))
    }

    fn engine(&self) -> impl FnOnce(tantivy::TantivyError) -> IndexError + use<> {
        IndexError::engine(&self.generation.path)
    }
}

fn containers(album: Option<Id>, artists: &[Id]) -> Vec<Container> {
    let mut containers: Vec<Container> = album.map(|album| (Kind::Album, album)).into_iter().collect();
    let distinct: HashSet<Id> = artists.iter().copied().collect();
    containers.extend(distinct.into_iter().map(|artist| (Kind::Artist, artist)));
    containers
}
