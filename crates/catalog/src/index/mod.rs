//! The search index: search as you type over tracks, albums and artists, and look-up by exact keys.
//!
//! Three things below `<archive>/index/`, all derived from the tables (`docs/formats/index.md`): words in a Tantivy index,
//! and for each data file the rows as hits show them ([`crate::rowstore`]) and the keys by which they are looked up
//! ([`crate::keys`]). The Tantivy index carries the table versions that it was built from: [`Index::catch_up`] brings it to a
//! snapshot, [`Index::rebuild`] makes it anew and gives the same answers.
//!
//! # The order of documents
//! Every segment is sorted by one number, the largest first: popularity (0 to 100), then listens (to one part in 64), then
//! artists before albums before tracks, then the row's place in its data file; what is equal even then is ordered by the
//! path of the data file. An album or artist stands where the best of its tracks stands, a track where its recording does.
//! Reading a posting list from its start therefore reads the most popular matches first, and a search stops as soon as it
//! has enough of them.
//!
//! # The ranking formula
//! `score = worth of the match + popularity`; equal scores fall back to the order above. A match is worth
//!
//! | worth | the query's words are |
//! |---|---|
//! | 60 | the whole title (or an artist's name or alias) in any order, a leading article aside |
//! | 40 | all words of the title, in any order |
//! | 25 | all words of title, artist and album, in any order and mix |
//! | 15 | the same in the title, the last one a beginning |
//! | 0 | the same anywhere, the last one a beginning |
//! | −200 | the same, the last one a beginning of a word that is not among the 64 most frequent such words |
//! | −400 | with up to one typo in each word of 4 letters or more (−600 for rare words as above) |
//! | −800 | with up to two typos in each word of 8 letters or more (−1000 for rare words as above) |
//!
//! and 10 less when the query's articles ("the", "der", "al-") had to be left out, or its words parted at an apostrophe.
//! Typos are looked for only where nothing was found by spelling, or fewer than three hits of a query of one word; the row
//! of −200 only when those before it did not fill the page, and where it has more than 4 million documents to read only when
//! they found nothing. Since within a row the score falls with the order of documents, the first matches of each row hold
//! the right answer, whatever lies behind them; at most 10,000 matches a row and segment are read.
//!
//! Versions of one recording are one hit, ranked as the best match among them. The copy that is shown is held rather than
//! not held, then more popular, then of the earlier row, among those that match by spelling as it does (by a typo only where
//! none does without). What was withdrawn is found by no words, only by
//! [`Index::lookup`]. Without words, everything that passes the filters is listed in the order of documents.
//!
//! # Licences
//! Tracks carry the SPDX id or the URI of their licence; the licence filter therefore finds tracks only.

mod affected;
mod bulk;
mod by_id;
mod change;
mod columns;
mod cursor;
mod directory;
mod document;
mod error;
mod expand;
mod extent;
mod fields;
mod files;
mod forget;
mod generation;
mod ids;
mod join;
mod known;
mod latin;
mod make;
mod packed;
mod page;
mod scan;
mod search;
mod source;
mod span;
mod tally;
mod tier;
mod update;
mod word_list;
mod words;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use fonoteca_model::{BlobId, Id, Isrc, Mbid, Upc};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tantivy::Searcher;

pub use cursor::{Cursor, CursorError};
pub use document::{Kind, KindError};
pub use error::IndexError;
pub use page::{Listing, Order};

use columns::Columns;
use fields::{Fields, Mark};
use files::Files;
use generation::Generation;
use page::Counts;
use search::Search;
use word_list::WordList;

/// Hits of one look-up.
const MAX_LOOKUP: usize = 1000;

/// What to search for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Any mix of words of title, artist and album; the last one may be unfinished.
    pub words: String,
    /// What hits must be like.
    pub filters: Filters,
    /// Hits wanted.
    pub limit: usize,
    /// Hits to skip. Skipped and wanted ones together are at most 10,000.
    pub offset: usize,
    /// Only hits behind this place, which an earlier page of the same query gave.
    #[serde(default)]
    pub after: Option<Cursor>,
}

impl Query {
    /// The ten best hits for some words.
    pub fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), filters: Filters::default(), limit: 10, offset: 0, after: None }
    }
}

/// What hits must be like; the default lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filters {
    /// Tracks, albums or artists only.
    pub kind: Option<Kind>,
    /// Released in one of these years; what has no year does not pass.
    pub year: Option<RangeInclusive<u16>>,
    /// Tracks under this licence: an SPDX id or a normalised URI, in any case.
    pub licence: Option<String>,
    /// With audio in the archive, or without.
    pub held: Option<bool>,
    /// At least this popular, 0 to 100.
    pub min_popularity: Option<u8>,
    /// Stated by this source: `local`, `musicbrainz`, ...
    pub source: Option<String>,
}

const NO_FILTERS: Filters =
    Filters { kind: None, year: None, licence: None, held: None, min_popularity: None, source: None };

/// Some hits, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Best first.
    pub hits: Vec<Hit>,
    /// To be given to [`Query::after`]; none: there are no more.
    pub next: Option<Cursor>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: Id,
    /// The recording that a track is a version of.
    pub recording_id: Option<Id>,
    /// A track's or album's title, an artist's name.
    pub title: String,
    /// The artist credit.
    pub artist: String,
    /// A track's album.
    pub album: Option<String>,
    /// The ISRC as the source has it.
    pub isrc: Option<String>,
    /// The year of its release.
    pub year: Option<u16>,
    /// 0 to 100.
    pub popularity: i32,
    /// Some audio for it is in the archive.
    pub held: bool,
    /// By the formula of the [module](self); the popularity alone in a look-up.
    pub score: f64,
    /// The cover to show.
    pub cover_root: Option<BlobId>,
    /// A track's album.
    pub album_id: Option<Id>,
    /// A track's artists.
    pub artist_ids: Vec<Id>,
    /// Its place in the answer of a search, for [`Query::after`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// The search index of one archive. Clones share what they have open.
#[derive(Clone)]
pub struct Index {
    dir: Arc<PathBuf>,
    open: Arc<RwLock<Generation>>,
}

impl Index {
    /// Opens the index in `dir`, making an empty one where there is none.
    ///
    /// Errors say so when the index is damaged or of another format: see [`IndexError::needs_rebuild`].
    pub fn open(dir: &Path) -> Result<Self, IndexError> {
        let generation = Generation::open(dir)?;
        Ok(Self { dir: Arc::new(dir.to_owned()), open: Arc::new(RwLock::new(generation)) })
    }

    /// The hits for some words, best first.
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>, IndexError> {
        Ok(self.search_page(query)?.hits)
    }

    /// The hits for some words, best first, and where the next page begins.
    pub fn search_page(&self, query: &Query) -> Result<Page, IndexError> {
        self.latest()?.search(&query.filters).run(query)
    }

    /// What has exactly this key, versions of one recording each for itself, the most popular first: an ISRC in any
    /// spelling, a UPC or EAN, a MusicBrainz id, a blob root, one of our ids (16 hex digits, a recording's too), or the id
    /// that a source gave.
    pub fn lookup(&self, key: &str) -> Result<Vec<Hit>, IndexError> {
        let key = key.trim();
        if key.is_empty() {
            return Ok(Vec::new());
        }
        let view = self.latest()?;
        let mut search = view.search(&NO_FILTERS);
        let id = key.parse::<Id>().ok();
        let mbid = key.parse::<Mbid>().ok();
        // A source's own id is what our id follows from.
        let mut ids: Vec<Id> = Vec::new();
        for source in view.sources.iter() {
            ids.push(Id::of(source, key));
            ids.extend(mbid.iter().map(|mbid| Id::of(source, mbid.as_str())));
        }
        let mut rows = Vec::new();
        if let Some(id) = id {
            for kind in Kind::ALL {
                rows.extend(search.rows.with_id(kind, id)?.into_iter().map(|at| (kind, at)));
            }
        }
        let with_id = rows.len();
        for kind in Kind::ALL {
            for id in &ids {
                rows.extend(search.rows.with_id(kind, *id)?.into_iter().map(|at| (kind, at)));
            }
            if let Some(bytes) = mbid.as_ref().and_then(|mbid| make::mbid_bytes(mbid.as_str())) {
                rows.extend(search.rows.with_mbid(kind, bytes)?.into_iter().map(|at| (kind, at)));
            }
        }
        if let Ok(isrc) = key.parse::<Isrc>() {
            rows.extend(search.rows.with_isrc(isrc.as_str())?.into_iter().map(|at| (Kind::Track, at)));
        }
        if let Ok(upc) = key.parse::<Upc>() {
            rows.extend(search.rows.with_upc(upc.as_str())?.into_iter().map(|at| (Kind::Album, at)));
        }
        let mut found = Vec::new();
        for (kind, at) in &rows[..with_id] {
            found.extend(search.document_of(*kind, *at)?);
        }
        // What is there says whether anything else is one of it; most things are one of nothing but themselves.
        let may_have_versions = found.is_empty() || found.iter().any(|address| search.group_of(*address) == id);
        for (kind, at) in &rows[with_id..] {
            found.extend(search.document_of(*kind, *at)?);
        }
        if let Ok(root) = key.parse::<BlobId>() {
            found.extend(search.with_mark(Mark::Root(root))?);
        }
        if let Some(id) = id.filter(|_| may_have_versions) {
            found.extend(search.in_group(id)?);
        }
        let mut hits = search.hits(&found, MAX_LOOKUP)?;
        // What has the id comes before what is only another version of it.
        hits.sort_by_key(|hit| Some(hit.id) != id);
        Ok(hits)
    }

    /// Some of all tracks, each version of a recording for itself, those withdrawn left out. Any offset costs the same.
    ///
    /// In the order of albums the offset counts all rows of the tables, also those that are not shown: take the next one from
    /// [`Listing::next`].
    pub fn page(&self, order: Order, offset: u64, limit: usize) -> Result<Listing, IndexError> {
        self.latest()?.page(order, offset, limit)
    }

    /// Reads the whole index and compares its checksums.
    pub fn verify(&self) -> Result<(), IndexError> {
        self.refresh()?;
        self.open.read().verify()
    }

    /// A view of the latest commit of the current generation, whichever process made it.
    fn latest(&self) -> Result<View, IndexError> {
        self.refresh()?;
        let open = self.open.read();
        let files = Arc::clone(&open.files);
        Ok(View {
            searcher: open.searcher(),
            fields: open.fields,
            files,
            path: open.path.clone(),
            words: open.words.clone(),
            columns: Arc::clone(&open.columns),
            sources: Arc::clone(&open.sources),
            counts: Arc::clone(&open.counts),
        })
    }

    fn refresh(&self) -> Result<(), IndexError> {
        let (is_replaced, is_stale) = {
            let open = self.open.read();
            (open.is_replaced(&self.dir), open.is_stale())
        };
        if is_replaced {
            *self.open.write() = Generation::open(&self.dir)?;
        } else if is_stale {
            self.open.write().reload()?;
        }
        Ok(())
    }
}

/// One commit, whatever happens meanwhile.
struct View {
    searcher: Searcher,
    fields: Fields,
    files: Arc<Files>,
    path: PathBuf,
    words: Option<Arc<WordList>>,
    columns: Arc<[Columns]>,
    sources: Arc<[String]>,
    /// For pages; summed up when the first one is asked for.
    counts: Arc<OnceLock<Counts>>,
}

impl View {
    fn counts(&self) -> &Counts {
        self.counts.get_or_init(|| {
            for segment in self.searcher.segment_readers() {
                // It is faster so, and no more.
                drop(directory::read_through(&self.path, segment));
            }
            Counts::of(&self.searcher, &self.columns)
        })
    }

    fn search<'a>(&'a self, filters: &'a Filters) -> Search<'a> {
        Search {
            searcher: &self.searcher,
            fields: &self.fields,
            filters,
            rows: self.files.reader(),
            words: self.words.as_deref(),
            columns: &self.columns,
            path: &self.path,
        }
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("dir", &self.dir).finish_non_exhaustive()
    }
}
