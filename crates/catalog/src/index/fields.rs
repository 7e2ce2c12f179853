//! The Tantivy schema, and how a [`Document`] is laid out in it.
//!
//! Words carry no positions and no frequencies, and no field length is kept: the order of documents is the ranking's, so
//! nothing else would be read. A word of the title is not repeated among the other words. What a hit shows lies in the row
//! store; the document knows its row.

use fonoteca_model::{BlobId, Id};
use tantivy::TantivyDocument;
use tantivy::schema::{
    BytesOptions, FAST, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::store::Compressor;
use tantivy::{IndexSettings, IndexSortByField, Order, Term};

use super::columns::Facts;
use super::document::{Document, Kind, RowAt, SortKey, Standing};
use super::words;

/// The version of everything below `index/`. An older one is replaced, a newer one refused.
pub(crate) const FORMAT: u32 = 7;

/// Leading bytes of a blob's root that are indexed: as sure as our ids are.
const ROOT_BYTES: usize = 8;
/// Documents for each of which there is about one term for groups, of which about half are in one: a term costs more than to
/// look at the few dozen documents that have it.
const DOCUMENTS_A_GROUP_TERM: u64 = 256;
/// Leading bits of a group's id that are indexed, at least.
const LEAST_GROUP_BITS: u32 = 16;
/// Bytes of a block of the store: some 100,000 documents.
const STORE_BLOCK: usize = 1 << 20;
/// A licence or source longer than this is cut.
const MAX_MARK_BYTES: usize = 200;

/// The fields by handle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    /// The sort key, a column.
    pub key: Field,
    /// The part of the row, a column.
    pub part: Field,
    /// What the document is one of, a column; only where links lead to or from it.
    pub group: Field,
    /// Held, withdrawn and year in one column: see [`Facts`].
    pub facts: Field,
    /// [`Mark`]s: what is matched exactly.
    pub marks: Field,
    /// The words of the title, and how many they are: see [`words::title_terms`].
    pub title_words: Field,
    /// The words that the title does not have.
    pub other_words: Field,
    /// Both of them, the title's first.
    pub words: [Field; 2],
    /// The cover of a track whose album has none, a column; only where it is held.
    cover: Field,
    /// Leading bits of a group's id that are indexed: see [`Fields::for_rows`].
    pub group_bits: u32,
}

/// Something that a document is matched by exactly: one byte that says what it is, then its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mark<'a> {
    /// Where the row of a document lies that is listened to: [`RowAt::neighbourhood`].
    Near(u64),
    /// Some bits of what the document is one of; the column has all of them. See [`Fields::group_mark`].
    Group(u32),
    /// An album or an artist; tracks have no such mark.
    Kind(Kind),
    Held,
    Source(&'a str),
    Licence(&'a str),
    Root(BlobId),
}

impl Mark<'_> {
    /// What the marks of sources begin with.
    pub(crate) const SOURCE: u8 = b's';

    fn bytes(self) -> Vec<u8> {
        let tagged = |tag: u8, value: &[u8]| [&[tag], &value[..value.len().min(MAX_MARK_BYTES)]].concat();
        match self {
            Self::Near(neighbourhood) => tagged(b'n', &neighbourhood.to_be_bytes()[2..]),
            Self::Group(bits) => tagged(b'g', &bits.to_be_bytes()),
            Self::Kind(kind) => vec![b'k', kind.code()],
            Self::Held => vec![b'h'],
            Self::Source(source) => tagged(Self::SOURCE, source.as_bytes()),
            Self::Licence(licence) => tagged(b'l', licence.to_lowercase().as_bytes()),
            Self::Root(root) => tagged(b'r', &root.as_bytes()[..ROOT_BYTES]),
        }
    }
}

impl Fields {
    /// The schema and its handles.
    pub(crate) fn schema() -> (Schema, Self) {
        let mut schema = Schema::builder();
        let column = NumericOptions::default() | FAST;
        // What is added are folded words with spaces between them.
        let words = TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer("whitespace")
                .set_index_option(IndexRecordOption::Basic)
                .set_fieldnorms(false),
        );
        let key = schema.add_u64_field("key", column.clone());
        let part = schema.add_u64_field("part", column.clone());
        let group = schema.add_i64_field("group", column.clone());
        let facts = schema.add_u64_field("facts", column);
        let marks = schema.add_bytes_field("marks", BytesOptions::default().set_indexed());
        let title_words = schema.add_text_field("title_words", words.clone());
        let other_words = schema.add_text_field("other_words", words);
        let cover = schema.add_bytes_field("cover", BytesOptions::default() | FAST);
        let words = [title_words, other_words];
        let group_bits = LEAST_GROUP_BITS;
        let fields = Self { key, part, group, facts, marks, title_words, other_words, words, cover, group_bits };
        (schema.build(), fields)
    }

    /// The same for an index that is filled with so many rows.
    pub(crate) fn for_rows(self, rows: u64) -> Self {
        let bits = (rows / DOCUMENTS_A_GROUP_TERM).checked_ilog2().unwrap_or(0);
        Self { group_bits: bits.clamp(LEAST_GROUP_BITS, u32::BITS), ..self }
    }

    /// The mark of a group.
    pub(crate) const fn group_mark(&self, group: Id) -> Mark<'static> {
        Mark::Group((group.0 as u64 >> (u64::BITS - self.group_bits)) as u32)
    }

    /// Tantivy 0.27 has `sort_by_field` again (0.20 to 0.26 had not): segments are written and merged in this order.
    pub(crate) fn settings() -> IndexSettings {
        IndexSettings {
            sort_by_field: Some(IndexSortByField { field: "key".to_owned(), order: Order::Desc }),
            // Nothing is stored, but the place of each document's nothing is: packed as a whole (`packed.rs`), numbers that
            // count up come to nothing as well. To sort a segment, each document's is read where it lies: of few large
            // blocks, all are at hand.
            docstore_compression: Compressor::None,
            docstore_blocksize: STORE_BLOCK,
            ..IndexSettings::default()
        }
    }

    /// The term for a mark.
    pub(crate) fn mark(&self, mark: Mark<'_>) -> Term {
        Term::from_field_bytes(self.marks, &mark.bytes())
    }

    /// A document as Tantivy takes it.
    pub(crate) fn lay_out(&self, document: &Document, at: RowAt) -> TantivyDocument {
        let mut title = String::new();
        let mut others = String::new();
        document_words(document, &mut title, &mut others);
        let mut laid = self.start((document.kind, at), document.standing, Facts::of(document));
        self.add_source(&mut laid, &document.source);
        if document.is_linked {
            self.add_group(&mut laid, document.group);
        }
        let mut add = |mark: Mark<'_>| laid.add_bytes(self.marks, &mark.bytes());
        if document.held {
            add(Mark::Held);
        }
        document.licences.iter().for_each(|licence| add(Mark::Licence(licence)));
        document.roots.iter().for_each(|root| add(Mark::Root(*root)));
        self.add_words(&mut laid, &title, &others);
        if let Some(cover) = &document.cover_root {
            laid.add_bytes(self.cover, cover.as_bytes());
        }
        laid
    }

    /// A document with what every document has.
    pub(crate) fn start(&self, (kind, at): (Kind, RowAt), standing: Standing, facts: Facts) -> TantivyDocument {
        let mut laid = TantivyDocument::default();
        laid.add_u64(self.key, SortKey::new(standing, kind, at.row).0);
        laid.add_u64(self.part, u64::from(at.part));
        laid.add_u64(self.facts, facts.column());
        if !standing.is_nothing() {
            laid.add_bytes(self.marks, &Mark::Near(at.neighbourhood(kind)).bytes());
        }
        if kind != Kind::Track {
            laid.add_bytes(self.marks, &Mark::Kind(kind).bytes());
        }
        laid
    }

    pub(crate) fn add_source(&self, laid: &mut TantivyDocument, source: &str) {
        if !source.is_empty() {
            laid.add_bytes(self.marks, &Mark::Source(source).bytes());
        }
    }

    pub(crate) fn add_held(&self, laid: &mut TantivyDocument) {
        laid.add_bytes(self.marks, &Mark::Held.bytes());
    }

    pub(crate) fn add_group(&self, laid: &mut TantivyDocument, group: Id) {
        laid.add_i64(self.group, group.0);
        laid.add_bytes(self.marks, &self.group_mark(group).bytes());
    }

    pub(crate) fn add_words(&self, laid: &mut TantivyDocument, title: &str, others: &str) {
        laid.add_text(self.title_words, title);
        laid.add_text(self.other_words, others);
    }
}

/// The words of a document, with spaces between them: those of the title, and the others.
fn document_words(document: &Document, title: &mut String, others: &mut String) {
    let names = document.album.iter().chain(&document.other_names).map(String::as_str);
    let names: Vec<Vec<String>> = names.chain([document.artist.as_str()]).map(words::words).collect();
    let names: Vec<&[String]> = names.iter().map(Vec::as_slice).collect();
    let aliases: Vec<&str> = document.other_titles.iter().map(String::as_str).collect();
    lay_words(&document.title, &aliases, &names, title, others);
}

/// The words of a title with its other forms, and of the other names: each once, with spaces between them.
pub(crate) fn lay_words(
    title: &str,
    aliases: &[&str],
    names: &[&[String]],
    of_title: &mut String,
    of_others: &mut String,
) {
    let mut in_title = words::words(title);
    in_title.extend(aliases.iter().flat_map(|title| words::words(title)));
    in_title.sort_unstable();
    in_title.dedup();
    let mut in_names: Vec<&String> =
        names.iter().copied().flatten().filter(|word| in_title.binary_search(word).is_err()).collect();
    in_names.sort_unstable();
    in_names.dedup();
    let add = |text: &mut String, word: &str| {
        text.push_str(word);
        text.push(' ');
    };
    in_title.iter().for_each(|word| add(of_title, word));
    words::title_terms(title, aliases).iter().for_each(|term| add(of_title, term));
    in_names.iter().for_each(|word| add(of_others, word));
}
