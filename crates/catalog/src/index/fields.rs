//! The Tantivy schema, and how a [`Document`] is laid out in it.
//!
//! Words carry no positions and no frequencies, and no field length is kept: the order of documents is the ranking's, so
//! nothing else would be read. What a hit shows is stored; what decides about it lies in three columns.

use fonoteca_model::{BlobId, Id, Isrc, Mbid, Upc};
use tantivy::TantivyDocument;
use tantivy::schema::{
    BytesOptions, FAST, Field, INDEXED, IndexRecordOption, NumericOptions, STORED, Schema, TextFieldIndexing,
    TextOptions, Value,
};
use tantivy::{IndexSettings, IndexSortByField, Order, Term};

use super::columns::Facts;
use super::document::{Document, Kind};
use super::words;

/// The version of everything below `index/`. Another one means: rebuild.
pub(crate) const FORMAT: u32 = 1;

/// A title longer than this is no key that somebody would type.
const MAX_TITLE_KEY: usize = 200;

/// The fields by handle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    /// The sort key, a column.
    pub key: Field,
    /// The id, a column.
    pub id: Field,
    /// What the document is one of, a column.
    pub group: Field,
    /// Kind, held, withdrawn and year in one column: see [`Facts`].
    pub facts: Field,
    /// [`Tag`]s: everything that is matched exactly.
    pub tags: Field,
    /// The words of the title.
    pub title_words: Field,
    /// All words.
    pub words: Field,
    shown_title: Field,
    shown_artist: Field,
    shown_album: Field,
    shown_isrc: Field,
    shown_cover: Field,
    album_id: Field,
    artist_ids: Field,
}

/// Something that a document is matched by exactly: one byte that says what it is, then its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tag<'a> {
    /// The document itself.
    Document(Kind, Id),
    Group(Id),
    Kind(Kind),
    /// A track of this album.
    OnAlbum(Id),
    /// A track of this artist.
    ByArtist(Id),
    /// An album of this artist.
    AlbumBy(Id),
    Held,
    Source(&'a str),
    Licence(&'a str),
    Title(&'a str),
    Isrc(&'a str),
    Upc(&'a str),
    Mbid(&'a str),
    Root(BlobId),
    SourceId(&'a str),
}

impl Tag<'_> {
    fn bytes(self) -> Vec<u8> {
        let tagged = |tag: u8, value: &[u8]| [&[tag], value].concat();
        match self {
            Self::Document(kind, id) => [&[b'd', kind.code()], &id.0.to_be_bytes()[..]].concat(),
            Self::Group(id) => tagged(b'g', &id.0.to_be_bytes()),
            Self::Kind(kind) => vec![b'k', kind.code()],
            Self::OnAlbum(id) => tagged(b'a', &id.0.to_be_bytes()),
            Self::ByArtist(id) => tagged(b'b', &id.0.to_be_bytes()),
            Self::AlbumBy(id) => tagged(b'c', &id.0.to_be_bytes()),
            Self::Held => vec![b'h'],
            Self::Source(source) => tagged(b's', source.as_bytes()),
            Self::Licence(licence) => tagged(b'l', licence.to_lowercase().as_bytes()),
            Self::Title(title) => tagged(b't', head(title.as_bytes())),
            Self::Isrc(isrc) => tagged(b'i', isrc.as_bytes()),
            Self::Upc(upc) => tagged(b'u', upc.as_bytes()),
            Self::Mbid(mbid) => tagged(b'm', mbid.as_bytes()),
            Self::Root(root) => tagged(b'r', root.as_bytes()),
            Self::SourceId(source_id) => tagged(b'n', head(source_id.as_bytes())),
        }
    }
}

fn head(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(MAX_TITLE_KEY)]
}

/// What is stored of a document to show it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    pub title: String,
    pub artist: String,
    pub album: Option<String>,
    pub isrc: Option<String>,
    pub cover_root: Option<BlobId>,
    pub album_id: Option<Id>,
    pub artist_ids: Vec<Id>,
}

impl Fields {
    /// The schema and its handles.
    pub(crate) fn schema() -> (Schema, Self) {
        let mut schema = Schema::builder();
        let column = NumericOptions::default() | FAST;
        // The raw tokenizer: what is added is a word already.
        let word = TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer("raw")
                .set_index_option(IndexRecordOption::Basic)
                .set_fieldnorms(false),
        );
        let stored = TextOptions::default() | STORED;
        let stored_bytes = BytesOptions::default() | STORED;
        let fields = Self {
            key: schema.add_u64_field("key", column.clone()),
            id: schema.add_i64_field("id", column.clone()),
            group: schema.add_i64_field("group", column.clone()),
            facts: schema.add_u64_field("facts", column),
            tags: schema.add_bytes_field("tags", BytesOptions::default() | INDEXED),
            title_words: schema.add_text_field("title_words", word.clone()),
            words: schema.add_text_field("words", word),
            shown_title: schema.add_text_field("title", stored.clone()),
            shown_artist: schema.add_text_field("artist", stored.clone()),
            shown_album: schema.add_text_field("album", stored.clone()),
            shown_isrc: schema.add_text_field("isrc", stored),
            shown_cover: schema.add_bytes_field("cover", stored_bytes.clone()),
            album_id: schema.add_bytes_field("album_id", stored_bytes.clone()),
            artist_ids: schema.add_bytes_field("artist_ids", stored_bytes),
        };
        (schema.build(), fields)
    }

    /// Tantivy 0.27 has `sort_by_field` again (0.20 to 0.26 had not): segments are written and merged in this order.
    pub(crate) fn settings() -> IndexSettings {
        IndexSettings {
            sort_by_field: Some(IndexSortByField { field: "key".to_owned(), order: Order::Desc }),
            ..IndexSettings::default()
        }
    }

    /// The term for a tag.
    pub(crate) fn tag(&self, tag: Tag<'_>) -> Term {
        Term::from_field_bytes(self.tags, &tag.bytes())
    }

    /// A document as Tantivy takes it.
    pub(crate) fn lay_out(&self, document: &Document) -> TantivyDocument {
        let mut laid = TantivyDocument::default();
        laid.add_u64(self.key, document.sort_key().0);
        laid.add_i64(self.id, document.id.0);
        laid.add_i64(self.group, document.group.0);
        laid.add_u64(self.facts, Facts::of(document).column());
        self.add_tags(&mut laid, document);
        self.add_words(&mut laid, document);

        laid.add_text(self.shown_title, &document.title);
        laid.add_text(self.shown_artist, &document.artist);
        if let Some(album) = &document.album {
            laid.add_text(self.shown_album, album);
        }
        if let Some(isrc) = &document.isrc {
            laid.add_text(self.shown_isrc, isrc);
        }
        if let Some(cover) = &document.cover_root {
            laid.add_bytes(self.shown_cover, cover.as_bytes());
        }
        if let Some(album) = document.album_id {
            laid.add_bytes(self.album_id, &album.0.to_be_bytes());
        }
        if !document.artist_ids.is_empty() {
            let ids: Vec<u8> = document.artist_ids.iter().flat_map(|id| id.0.to_be_bytes()).collect();
            laid.add_bytes(self.artist_ids, &ids);
        }
        laid
    }

    fn add_tags(&self, laid: &mut TantivyDocument, document: &Document) {
        let mut add = |tag: Tag<'_>| laid.add_bytes(self.tags, &tag.bytes());
        add(Tag::Document(document.kind, document.id));
        add(Tag::Group(document.group));
        add(Tag::Kind(document.kind));
        if !document.source.is_empty() {
            add(Tag::Source(&document.source));
        }
        if !document.source_id.is_empty() {
            add(Tag::SourceId(&document.source_id));
        }
        if document.held {
            add(Tag::Held);
        }
        match document.kind {
            Kind::Track => {
                document.album_id.into_iter().for_each(|album| add(Tag::OnAlbum(album)));
                document.artist_ids.iter().for_each(|artist| add(Tag::ByArtist(*artist)));
            }
            Kind::Album => document.artist_ids.iter().for_each(|artist| add(Tag::AlbumBy(*artist))),
            Kind::Artist => {}
        }
        document.licences.iter().for_each(|licence| add(Tag::Licence(licence)));
        document.roots.iter().for_each(|root| add(Tag::Root(*root)));
        // A code that is not well-formed is in the table as its source has it; nobody can look it up.
        if let Some(isrc) = document.isrc.as_deref().and_then(|isrc| isrc.parse::<Isrc>().ok()) {
            add(Tag::Isrc(isrc.as_str()));
        }
        if let Some(upc) = document.upc.as_deref().and_then(|upc| upc.parse::<Upc>().ok()) {
            add(Tag::Upc(upc.as_str()));
        }
        if let Some(mbid) = document.mbid.as_deref().and_then(|mbid| mbid.parse::<Mbid>().ok()) {
            add(Tag::Mbid(mbid.as_str()));
        }
        for title in std::iter::once(&document.title).chain(&document.other_titles) {
            for key in words::title_keys(title) {
                add(Tag::Title(&key));
            }
        }
    }

    fn add_words(&self, laid: &mut TantivyDocument, document: &Document) {
        let titles = std::iter::once(document.title.as_str()).chain(document.other_titles.iter().map(String::as_str));
        let mut of_title: Vec<String> = titles.flat_map(words::words).collect();
        let names = document.album.iter().chain(&document.other_names).map(String::as_str);
        let mut all: Vec<String> = names.chain([document.artist.as_str()]).flat_map(words::words).collect();
        all.extend(of_title.iter().cloned());
        for (field, words) in [(self.title_words, &mut of_title), (self.words, &mut all)] {
            words.sort_unstable();
            words.dedup();
            for word in words {
                laid.add_text(field, word);
            }
        }
    }

    /// What is stored of a document.
    pub(crate) fn shown(&self, stored: &TantivyDocument) -> Shown {
        let mut shown = Shown::default();
        for (field, value) in stored.field_values() {
            let text = || value.as_str().unwrap_or_default().to_owned();
            let bytes = || value.as_bytes().unwrap_or_default();
            match field {
                field if field == self.shown_title => shown.title = text(),
                field if field == self.shown_artist => shown.artist = text(),
                field if field == self.shown_album => shown.album = Some(text()),
                field if field == self.shown_isrc => shown.isrc = Some(text()),
                field if field == self.shown_cover => shown.cover_root = bytes().try_into().ok().map(BlobId),
                field if field == self.album_id => shown.album_id = ids(bytes()).next(),
                field if field == self.artist_ids => shown.artist_ids = ids(bytes()).collect(),
                _ => {}
            }
        }
        shown
    }
}

fn ids(bytes: &[u8]) -> impl Iterator<Item = Id> {
    bytes.as_chunks::<8>().0.iter().map(|eight| Id(i64::from_be_bytes(*eight)))
}
