//! Pages: JSON Lines, compressed with zstd (RFC 8878), named by the SHA-256 of the compressed bytes.
//!
//! Entries stay on their page for as long as they are listed, and new ones come at the end: so a publication makes the last
//! page anew, and those that something left, and no others.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::io::Read;

use fonoteca_model::Sha256Hash;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::FeedError;

/// Entries of one page at most. With 20,000 torrents a new page and the entry that names all pages weigh about the same.
pub const PAGE_ENTRIES: usize = 128;
/// Bytes of a page's JSON at most, unless one entry alone is larger.
const PAGE_JSON_BYTES: usize = 512 << 10;
/// Bytes of the largest page that is read, as it is sent.
pub const MAX_PAGE_BYTES: u64 = 8 << 20;
/// The same unpacked.
const MAX_UNPACKED_BYTES: u64 = 64 << 20;
/// What the pages of one listing unpack to at most.
const MAX_LISTING_BYTES: u64 = 1 << 30;
/// Pages of one listing at most.
const MAX_PAGES: usize = 16_384;
/// The largest window that a page may ask its reader for: 8 MiB.
const MAX_WINDOW_LOG: u32 = 23;
/// Most of a page are hashes, which nothing makes smaller: level 19 saves 7 % more, and takes many times as long.
const LEVEL: i32 = 9;

/// A page as the entry names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PageRef {
    /// SHA-256 of the compressed bytes: the page's name.
    pub sha256: Sha256Hash,
    /// Compressed bytes.
    pub bytes: u64,
    /// Bytes of the JSON Lines.
    pub unpacked: u64,
    /// Lines.
    pub entries: u64,
}

impl PageRef {
    /// The page's address, relative to the feed.
    pub fn path(&self) -> String {
        format!("pages/{}", self.file_name())
    }

    /// The page's file name.
    pub fn file_name(&self) -> String {
        format!("{}.jsonl.zst", self.sha256)
    }
}

/// The pages of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Listing {
    /// Entries on all pages.
    pub entries: u64,
    /// The pages in order.
    pub pages: Vec<PageRef>,
}

impl Listing {
    /// Whether the counts can be right; `most` entries are taken.
    pub(super) fn check(&self, name: &str, most: usize) -> Result<(), FeedError> {
        let field = |problem: String| FeedError::Field { field: name.to_owned(), problem };
        if self.pages.len() > MAX_PAGES {
            return Err(field(format!("has {} pages, at most {MAX_PAGES} are taken", self.pages.len())));
        }
        let sum = |of: fn(&PageRef) -> u64| self.pages.iter().fold(0_u64, |sum, page| sum.saturating_add(of(page)));
        let entries = sum(|page| page.entries);
        if entries != self.entries {
            return Err(field(format!("says that it has {} entries, its pages have {entries}", self.entries)));
        }
        if entries > most as u64 {
            return Err(field(format!("has {entries} entries, at most {most} are taken")));
        }
        let unpacked = sum(|page| page.unpacked);
        if unpacked > MAX_LISTING_BYTES {
            return Err(field(format!("unpacks to {unpacked} bytes, at most {MAX_LISTING_BYTES} are taken")));
        }
        let mut names = HashSet::new();
        for (index, page) in self.pages.iter().enumerate() {
            let field = |problem: String| FeedError::Field { field: format!("{name}.pages[{index}]"), problem };
            if page.bytes > MAX_PAGE_BYTES || page.unpacked > MAX_UNPACKED_BYTES {
                return Err(field(format!(
                    "has {} bytes, {} unpacked; at most {MAX_PAGE_BYTES} and {MAX_UNPACKED_BYTES} are taken",
                    page.bytes, page.unpacked
                )));
            }
            if !names.insert(page.sha256) {
                return Err(field("is there twice".to_owned()));
            }
        }
        Ok(())
    }
}

/// A page to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its name and what it has.
    pub reference: PageRef,
    /// Its compressed bytes.
    pub bytes: Vec<u8>,
}

/// Makes a page of these entries.
pub fn pack<T: Serialize>(entries: &[T]) -> Page {
    let lines: Vec<u8> = entries.iter().flat_map(line).collect();
    let bytes = zstd::bulk::compress(&lines, LEVEL).expect("zstd compresses whatever is in memory");
    let reference = PageRef {
        sha256: Sha256Hash(Sha256::digest(&bytes).into()),
        bytes: bytes.len() as u64,
        unpacked: lines.len() as u64,
        entries: entries.len() as u64,
    };
    Page { reference, bytes }
}

fn line<T: Serialize>(entry: &T) -> Vec<u8> {
    let mut line = serde_json::to_vec(entry).expect("an entry has nothing that JSON cannot hold");
    line.push(b'\n');
    line
}

/// The entries of a page, if its bytes are those that the entry names. The hash is looked at before anything is unpacked,
/// and no more is unpacked than was declared.
pub fn unpack<T: DeserializeOwned>(page: &PageRef, bytes: &[u8]) -> Result<Vec<T>, FeedError> {
    let refused = |problem: String| FeedError::Page { page: page.file_name(), problem };
    if bytes.len() as u64 != page.bytes || Sha256::digest(bytes)[..] != page.sha256.0 {
        return Err(refused(format!(
            "its {} bytes are not the {} that the signed feed names: it was changed, or is another page",
            bytes.len(),
            page.bytes
        )));
    }
    let broken = |error: std::io::Error| refused(format!("it cannot be unpacked: {error}"));
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(broken)?;
    decoder.window_log_max(MAX_WINDOW_LOG).map_err(broken)?;
    let mut lines = Vec::new();
    decoder.take(page.unpacked.min(MAX_UNPACKED_BYTES) + 1).read_to_end(&mut lines).map_err(broken)?;
    if lines.len() as u64 != page.unpacked {
        let found = if lines.len() as u64 > page.unpacked { "more than" } else { "less than" };
        return Err(refused(format!("it unpacks to {found} the {} bytes that the feed declares", page.unpacked)));
    }
    let mut entries = Vec::new();
    for (index, line) in lines.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let entry = serde_json::from_slice(line).map_err(|error| refused(format!("line {}: {error}", index + 1)))?;
        entries.push(entry);
    }
    if entries.len() as u64 != page.entries {
        return Err(refused(format!("it has {} entries, the feed declares {}", entries.len(), page.entries)));
    }
    Ok(entries)
}

/// Lays `wanted` out on pages, keeping those of the feed before as they are where nothing on them changed.
///
/// Each entry has a key of its own. What is new comes at the end, in the order of `wanted`. When more than half of the room
/// on the pages is empty, all are made anew. Returns the pages that are new, too.
pub fn lay_out<T, K>(
    previous: Vec<(PageRef, Vec<T>)>,
    wanted: Vec<T>,
    key: impl Fn(&T) -> K,
) -> (Listing, Vec<T>, Vec<Page>)
where
    T: Serialize + Clone + PartialEq,
    K: Hash + Eq,
{
    let total = wanted.len();
    let mut places: HashMap<K, usize> = wanted.iter().enumerate().map(|(index, entry)| (key(entry), index)).collect();
    let mut taken = vec![false; total];
    let sparse = previous.len() * PAGE_ENTRIES > 2 * total + 2 * PAGE_ENTRIES;
    let mut pages: Vec<(Option<PageRef>, Vec<T>)> = Vec::new();
    for (reference, old) in if sparse { Vec::new() } else { previous } {
        let kept: Vec<T> = old
            .iter()
            .filter_map(|entry| {
                let index = places.remove(&key(entry))?;
                taken[index] = true;
                Some(wanted[index].clone())
            })
            .collect();
        if !kept.is_empty() {
            pages.push(((kept == old).then_some(reference), kept));
        }
    }
    let mut room = pages.last().map_or(0, |(_, entries)| entries.iter().map(|entry| line(entry).len()).sum::<usize>());
    for (entry, taken) in wanted.into_iter().zip(taken) {
        if taken {
            continue;
        }
        let bytes = line(&entry).len();
        match pages.last_mut() {
            Some((reference, entries)) if entries.len() < PAGE_ENTRIES && room + bytes <= PAGE_JSON_BYTES => {
                *reference = None;
                entries.push(entry);
                room += bytes;
            }
            _ => {
                pages.push((None, vec![entry]));
                room = bytes;
            }
        }
    }
    let mut listing = Listing { entries: total as u64, pages: Vec::with_capacity(pages.len()) };
    let (mut entries, mut fresh) = (Vec::with_capacity(total), Vec::new());
    for (reference, on_it) in pages {
        listing.pages.push(reference.unwrap_or_else(|| {
            let page = pack(&on_it);
            let reference = page.reference;
            fresh.push(page);
            reference
        }));
        entries.extend(on_it);
    }
    (listing, entries, fresh)
}
