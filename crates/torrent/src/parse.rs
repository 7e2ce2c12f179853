//! Reading a torrent that somebody else made. Every byte of it is hostile until it has passed here.

use fonoteca_model::{BLOCK_BYTES, Sha1Hash, Sha256Hash};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::bencode::{self, BencodeError, Dict, Value};
use crate::limits::Limits;
use crate::metainfo::{MetaFile, Metainfo};
use crate::path::{PAD_FOLDER, PathProblem, check_component, check_parts, check_path, conflict};
use crate::tree::{self, TreeFile};

/// Why a `.torrent` file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetainfoError {
    /// Not canonical bencode.
    #[error("the torrent is not well-formed")]
    Bencode(#[from] BencodeError),
    /// A key is missing.
    #[error("the torrent has no `{key}`")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A key holds another type of value than it should.
    #[error("the torrent's `{key}` is not {expected}")]
    Type {
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A size is negative, or a piece length not positive; for v2 also not a power of two of at least 16 KiB.
    #[error("the torrent's `{key}` cannot be {found}")]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        found: i64,
    },
    /// More of something than allowed.
    #[error("the torrent has {found} {what}, at most {limit} are taken")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many; at least so many where counting stopped early.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A path or the name that leaves the folder or cannot be a file's.
    #[error("the torrent's path {path:?} is refused")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        #[source]
        problem: PathProblem,
    },
    /// Two files have one path, or a file's path is another's folder.
    #[error("the torrent's path {path:?} is there twice, or is a file and a folder at once")]
    Conflict {
        /// The path.
        path: String,
    },
    /// Symbolic links (BEP 47) are not followed.
    #[error("the torrent's file {path:?} is a symbolic link, which is refused")]
    Symlink {
        /// The path.
        path: String,
    },
    /// There are not as many v1 pieces as the files need.
    #[error("the torrent's `pieces` are {found} bytes, its files need {needed}")]
    Pieces {
        /// Bytes of `pieces`.
        found: u64,
        /// Bytes needed: 20 a piece.
        needed: u64,
    },
    /// A node of the v2 file tree is not what BEP 52 says.
    #[error("the torrent's file tree: {path:?} {problem}")]
    Tree {
        /// The node's path.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file's piece layer is missing or wrong.
    #[error("the torrent's piece layer of {path:?} {problem}")]
    Layer {
        /// The file's path.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There are piece layers that belong to no file.
    #[error("the torrent has {found} piece layers, its files need {needed}")]
    StrayLayer {
        /// How many there are.
        found: usize,
        /// How many belong to a file.
        needed: usize,
    },
    /// Another `meta version` than 2.
    #[error("the torrent's meta version is {found}; versions 1 (without the key) and 2 are known")]
    MetaVersion {
        /// The version.
        found: i64,
    },
    /// The v1 and the v2 half of a hybrid say different things.
    #[error("the v1 and v2 halves of the torrent disagree: {difference}")]
    HalvesDisagree {
        /// In what.
        difference: String,
    },
}

impl Metainfo {
    /// Reads a `.torrent` file: v1, v2 or hybrid, single-file or a folder, of any piece length.
    ///
    /// What comes back is consistent: paths stay inside the torrent's folder and are distinct, there are as many v1
    /// pieces as the files need, every piece layer leads to its root, and in a hybrid both halves list the same files.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, MetainfoError> {
        let document = bencode::read_document(bytes, b"info", &limits.bencode)?;
        let torrent = &document.root;
        let info = dict_of(torrent.get(b"info").ok_or(MetainfoError::Missing { key: "info" })?, "info")?;
        let raw = document.raw.ok_or(MetainfoError::Missing { key: "info" })?;

        let name = text_of(info.get(b"name").ok_or(MetainfoError::Missing { key: "name" })?, "name")?;
        check_component(&name).map_err(|problem| MetainfoError::Path { path: name.clone(), problem })?;
        let v2 = match info.get(b"meta version") {
            None if info.get(b"file tree").is_some() => return Err(MetainfoError::Missing { key: "meta version" }),
            None => false,
            Some(version) => match int_of(version, "meta version")? {
                2 => true,
                found => return Err(MetainfoError::MetaVersion { found }),
            },
        };
        let v1 = !v2 || info.get(b"pieces").is_some();
        let piece_length = piece_length(info, v2, limits)?;

        let tree = if v2 {
            let tree = info.get(b"file tree").ok_or(MetainfoError::Missing { key: "file tree" })?;
            tree::read(dict_of(tree, "file tree")?, limits)?
        } else {
            Vec::new()
        };
        let piece_layers = tree::read_layers(torrent.get(b"piece layers").filter(|_| v2), &tree, piece_length)?;
        let (files, single_file) = if v1 {
            let (mut files, single_file) = v1_files(info, &name, limits)?;
            if v2 {
                join_halves(&mut files, &tree, piece_length)?;
            }
            (files, single_file)
        } else {
            let single_file = tree.len() == 1 && tree[0].path == [name.as_str()];
            (v2_files(tree, piece_length, limits)?, single_file)
        };

        let mut metainfo = Self {
            info_hash_v1: v1.then(|| Sha1Hash(Sha1::digest(raw).into())),
            info_hash_v2: v2.then(|| Sha256Hash(Sha256::digest(raw).into())),
            name,
            files,
            single_file,
            piece_length,
            pieces_v1: Vec::new(),
            piece_layers,
            private: info.get(b"private").and_then(Value::as_int) == Some(1),
            announce: announce(torrent, limits)?,
            web_seeds: web_seeds(torrent, limits)?,
            comment: optional_text(torrent, b"comment", "comment", limits)?,
            created_by: optional_text(torrent, b"created by", "created by", limits)?,
            creation_date: torrent.get(b"creation date").map(|date| int_of(date, "creation date")).transpose()?,
            // Nobody needs it: what is no text, or too long, is passed over.
            source: optional_text(torrent, b"source", "source", limits).unwrap_or_default(),
            similar: similar(torrent, limits)?,
            bytes: bytes.to_vec(),
        };
        let count = metainfo.piece_count();
        at_most("pieces", count, limits.pieces)?;
        if v1 {
            let pieces = bytes_of(info.get(b"pieces").ok_or(MetainfoError::Missing { key: "pieces" })?, "pieces")?;
            let (hashes, rest) = pieces.as_chunks::<20>();
            if !rest.is_empty() || hashes.len() as u64 != count {
                return Err(MetainfoError::Pieces { found: pieces.len() as u64, needed: count * 20 });
            }
            metainfo.pieces_v1 = hashes.iter().map(|hash| Sha1Hash(*hash)).collect();
        }
        Ok(metainfo)
    }
}

fn piece_length(info: &Dict<'_>, v2: bool, limits: &Limits) -> Result<u64, MetainfoError> {
    let key = "piece length";
    let found = int_of(info.get(b"piece length").ok_or(MetainfoError::Missing { key })?, key)?;
    let length = u64::try_from(found).ok().filter(|length| *length > 0).ok_or(MetainfoError::Range { key, found })?;
    at_most("bytes in a piece", length, limits.piece_bytes)?;
    if v2 && (!length.is_power_of_two() || length < BLOCK_BYTES as u64) {
        return Err(MetainfoError::Range { key, found });
    }
    Ok(length)
}

/// The v1 half's files, and whether it is a single file.
fn v1_files(info: &Dict<'_>, name: &str, limits: &Limits) -> Result<(Vec<MetaFile>, bool), MetainfoError> {
    let (list, single_file) = match (info.get(b"files"), info.get(b"length")) {
        (None, None) => return Err(MetainfoError::Missing { key: "files" }),
        (Some(_), Some(_)) => return Err(MetainfoError::Type { key: "length", expected: "absent beside `files`" }),
        (Some(list), None) => (list_of(list, "files")?, false),
        (None, Some(length)) => {
            let size = size_of(Some(length), "length", limits)?;
            check_path(&[name.to_owned()]).map_err(|problem| MetainfoError::Path { path: name.to_owned(), problem })?;
            if size == 0 {
                return Err(MetainfoError::Range { key: "length", found: 0 });
            }
            let file = MetaFile { path: vec![name.to_owned()], size, root: None, v1_offset: 0, pad: false };
            return Ok((vec![file], true));
        }
    };
    at_most("files", list.len() as u64, limits.files as u64)?;
    let mut files = Vec::with_capacity(list.len());
    let mut offset = 0_u64;
    for entry in list {
        let file = v1_file(dict_of(entry, "files")?, offset, limits)?;
        offset = offset.saturating_add(file.size);
        within_total(offset, limits)?;
        files.push(file);
    }
    let real = || files.iter().filter(|file| !file.pad);
    if real().all(|file| file.size == 0) {
        return Err(MetainfoError::Missing { key: "files" });
    }
    let mut paths: Vec<&[String]> = real().map(|file| file.path.as_slice()).collect();
    if let Some(path) = conflict(&mut paths) {
        return Err(MetainfoError::Conflict { path: path.join("/") });
    }
    Ok((files, single_file))
}

fn v1_file(entry: &Dict<'_>, v1_offset: u64, limits: &Limits) -> Result<MetaFile, MetainfoError> {
    let size = size_of(entry.get(b"length"), "length", limits)?;
    let attributes = entry.get(b"attr").map_or(Ok(&b""[..]), |attributes| bytes_of(attributes, "attr"))?;
    let pad = attributes.contains(&b'p');
    let path: Vec<String> = match entry.get(b"path") {
        // BEP 47 lets a pad go without a path.
        None if pad => vec![PAD_FOLDER.to_owned(), size.to_string()],
        None => return Err(MetainfoError::Missing { key: "path" }),
        Some(path) => {
            list_of(path, "path")?.iter().map(|component| text_of(component, "path")).collect::<Result<_, _>>()?
        }
    };
    let checked = if pad { check_parts(&path) } else { check_path(&path) };
    checked.map_err(|problem| MetainfoError::Path { path: path.join("/"), problem })?;
    if attributes.contains(&b'l') || entry.get(b"symlink path").is_some() {
        return Err(MetainfoError::Symlink { path: path.join("/") });
    }
    Ok(MetaFile { path, size, root: None, v1_offset, pad })
}

/// Checks that both halves list the same files at the same pieces (BEP 52), and gives the v1 files their roots.
fn join_halves(files: &mut [MetaFile], tree: &[TreeFile], piece_length: u64) -> Result<(), MetainfoError> {
    let disagree = |difference: String| Err(MetainfoError::HalvesDisagree { difference });
    let count = files.iter().filter(|file| !file.pad).count();
    if count != tree.len() {
        return disagree(format!("v1 lists {count} files, v2 {}", tree.len()));
    }
    let end = files.last().map_or(0, |file| file.v1_offset + file.size);
    let mut offset = 0;
    for (file, leaf) in files.iter_mut().filter(|file| !file.pad).zip(tree) {
        let path = file.path.join("/");
        if file.path != leaf.path {
            return disagree(format!("where v1 has {path:?}, v2 has {:?}", leaf.path.join("/")));
        }
        if file.size != leaf.size {
            return disagree(format!("{path:?} is {} bytes in v1, {} in v2", file.size, leaf.size));
        }
        if file.size > 0 && file.v1_offset != offset {
            return disagree(format!("{path:?} begins at byte {} in v1, {offset} in v2", file.v1_offset));
        }
        offset = offset.saturating_add(file.size.checked_next_multiple_of(piece_length).unwrap_or(u64::MAX));
        file.root = leaf.root;
    }
    if end > offset {
        return disagree(format!("v1 ends at byte {end}, v2 at {offset}"));
    }
    Ok(())
}

/// The files of a torrent that is v2 only: each begins at a piece boundary, and nothing lies between them.
fn v2_files(tree: Vec<TreeFile>, piece_length: u64, limits: &Limits) -> Result<Vec<MetaFile>, MetainfoError> {
    let mut offset = 0_u64;
    let mut files = Vec::with_capacity(tree.len());
    for leaf in tree {
        files.push(MetaFile { path: leaf.path, size: leaf.size, root: leaf.root, v1_offset: offset, pad: false });
        offset = offset.saturating_add(leaf.size.checked_next_multiple_of(piece_length).unwrap_or(u64::MAX));
        within_total(offset, limits)?;
    }
    if files.iter().all(|file| file.size == 0) {
        return Err(MetainfoError::Missing { key: "file tree" });
    }
    Ok(files)
}

fn announce(torrent: &Dict<'_>, limits: &Limits) -> Result<Vec<Vec<String>>, MetainfoError> {
    let mut tiers: Vec<Vec<String>> = Vec::new();
    if let Some(list) = torrent.get(b"announce-list") {
        let mut count = 0;
        for tier in list_of(list, "announce-list")? {
            let tier = list_of(tier, "announce-list")?;
            count += tier.len() as u64;
            at_most("trackers", count, limits.urls as u64)?;
            let urls = tier.iter().map(|url| limited_text(url, "announce-list", limits));
            tiers.push(urls.collect::<Result<_, _>>()?);
        }
        tiers.retain(|tier| !tier.is_empty());
    }
    if tiers.is_empty()
        && let Some(url) = torrent.get(b"announce")
    {
        tiers.push(vec![limited_text(url, "announce", limits)?]);
    }
    Ok(tiers)
}

fn web_seeds(torrent: &Dict<'_>, limits: &Limits) -> Result<Vec<String>, MetainfoError> {
    let list = match torrent.get(b"url-list") {
        None => return Ok(Vec::new()),
        Some(url @ Value::Bytes(_)) => std::slice::from_ref(url),
        Some(list) => list_of(list, "url-list")?,
    };
    at_most("web seeds", list.len() as u64, limits.urls as u64)?;
    let mut seeds = Vec::new();
    for url in list {
        let url = limited_text(url, "url-list", limits)?;
        if url.starts_with("http://") || url.starts_with("https://") {
            seeds.push(url);
        }
    }
    Ok(seeds)
}

/// The v1 info-hashes of BEP 38; what has another length (v2 hashes, by some programs) is passed over.
fn similar(torrent: &Dict<'_>, limits: &Limits) -> Result<Vec<Sha1Hash>, MetainfoError> {
    let list = torrent.get(b"similar").map_or(Ok(&[][..]), |list| list_of(list, "similar"))?;
    at_most("similar torrents", list.len() as u64, limits.urls as u64)?;
    Ok(list.iter().filter_map(|hash| hash.as_bytes()?.try_into().ok().map(Sha1Hash)).collect())
}

fn optional_text(
    torrent: &Dict<'_>,
    key: &[u8],
    name: &'static str,
    limits: &Limits,
) -> Result<Option<String>, MetainfoError> {
    torrent.get(key).map(|text| limited_text(text, name, limits)).transpose()
}

fn limited_text(value: &Value<'_>, key: &'static str, limits: &Limits) -> Result<String, MetainfoError> {
    let text = text_of(value, key)?;
    at_most("bytes in a text", text.len() as u64, limits.text_bytes as u64)?;
    Ok(text)
}

fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), MetainfoError> {
    if found > limit { Err(MetainfoError::Limit { what, found, limit }) } else { Ok(()) }
}

/// A size in bytes: not negative, not over the limit of the whole torrent.
pub(crate) fn size_of(value: Option<&Value<'_>>, key: &'static str, limits: &Limits) -> Result<u64, MetainfoError> {
    let found = int_of(value.ok_or(MetainfoError::Missing { key })?, key)?;
    let size = u64::try_from(found).map_err(|_| MetainfoError::Range { key, found })?;
    within_total(size, limits)?;
    Ok(size)
}

/// The second limit keeps sums of two offsets within 64 bits whatever the first one is.
fn within_total(bytes: u64, limits: &Limits) -> Result<(), MetainfoError> {
    at_most("bytes", bytes, limits.total_bytes.min(1 << 62))
}

pub(crate) fn dict_of<'v, 'a>(value: &'v Value<'a>, key: &'static str) -> Result<&'v Dict<'a>, MetainfoError> {
    value.as_dict().ok_or(MetainfoError::Type { key, expected: "a dictionary" })
}

pub(crate) fn bytes_of<'a>(value: &Value<'a>, key: &'static str) -> Result<&'a [u8], MetainfoError> {
    value.as_bytes().ok_or(MetainfoError::Type { key, expected: "a byte string" })
}

fn list_of<'v, 'a>(value: &'v Value<'a>, key: &'static str) -> Result<&'v [Value<'a>], MetainfoError> {
    value.as_list().ok_or(MetainfoError::Type { key, expected: "a list" })
}

fn int_of(value: &Value<'_>, key: &'static str) -> Result<i64, MetainfoError> {
    value.as_int().ok_or(MetainfoError::Type { key, expected: "an integer" })
}

fn text_of(value: &Value<'_>, key: &'static str) -> Result<String, MetainfoError> {
    let text = std::str::from_utf8(bytes_of(value, key)?);
    text.map(str::to_owned).map_err(|_| MetainfoError::Type { key, expected: "UTF-8 text" })
}
