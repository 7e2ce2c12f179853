//! Building a torrent of any selection of blobs from their stored hashes alone.

use fonoteca_model::{BlobHashes, PIECE_BYTES, Sha1Hash};
use serde::{Deserialize, Serialize};

use crate::bencode::{Dict, Value};
use crate::limits::Limits;
use crate::metainfo::Metainfo;
use crate::parse::MetainfoError;
use crate::path::{PAD_FOLDER, PathProblem, check_component, check_path, conflict};
use crate::tree;

/// A blob under a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Components of the path below the torrent's folder.
    pub path: Vec<String>,
    /// The blob's hashes, as stored when it was taken in.
    pub hashes: BlobHashes,
}

/// What a torrent shall hold, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Name of the torrent and of the folder that a client makes.
    pub name: String,
    /// At least one file.
    pub files: Vec<File>,
}

/// Which protocol versions a torrent speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// v1 and v2 in one (BEP 52, BEP 47).
    Hybrid,
    /// The hybrid's twin for clients that cannot read hybrids: the same `info` without `file tree` and `meta version`.
    V1,
}

/// What stands outside `info`, so that it can change without changing the info-hash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outside {
    /// Trackers by tier (BEP 12).
    pub announce: Vec<Vec<String>>,
    /// Web seeds (BEP 19): folders under which the torrent's name lies. A missing `/` at the end is added, since
    /// without it the URL would be that of a file.
    pub web_seeds: Vec<String>,
    /// Free text.
    pub comment: Option<String>,
    /// The program that made it.
    pub created_by: Option<String>,
    /// When, in seconds since 1970.
    pub creation_date: Option<i64>,
    /// Where it comes from, in a word. Trackers that tell torrents apart by it want it inside `info`; here it is only said.
    pub source: Option<String>,
    /// v1 info-hashes of torrents that share files with this one (BEP 38).
    pub similar: Vec<Sha1Hash>,
}

/// Why a selection cannot be a torrent.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Nothing was selected.
    #[error("torrent {name:?} would hold no files: select at least one")]
    Empty {
        /// The torrent's name.
        name: String,
    },
    /// The name is no good as a folder.
    #[error("torrent name {name:?} cannot be a folder name")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        #[source]
        problem: PathProblem,
    },
    /// A path cannot be used on every system.
    #[error("torrent {name:?}: path {path:?} cannot be used")]
    Path {
        /// The torrent's name.
        name: String,
        /// The path, its components joined by `/`.
        path: String,
        /// What is wrong with it.
        #[source]
        problem: PathProblem,
    },
    /// Two files have one path, or a file's path is another's folder.
    #[error("torrent {name:?}: path {path:?} is there twice, or is a file and a folder at once")]
    Conflict {
        /// The torrent's name.
        name: String,
        /// The path.
        path: String,
    },
    /// A torrent of one file that has the torrent's name reads as a single-file torrent in v2 and as a folder in v1.
    #[error("torrent {name:?} holds nothing but a file of the same name: give the torrent another name")]
    Ambiguous {
        /// The name of both.
        name: String,
    },
    /// The stored hashes of a blob do not fit together.
    #[error(
        "torrent {name:?}: the stored hashes of {path:?} do not fit its {size} bytes \
         ({v1_pieces} v1 pieces, {layer} nodes in the piece layer): hash the blob again"
    )]
    Hashes {
        /// The torrent's name.
        name: String,
        /// The file's path.
        path: String,
        /// Its stored size.
        size: u64,
        /// How many v1 pieces are stored.
        v1_pieces: usize,
        /// How many nodes the stored piece layer has.
        layer: usize,
    },
    /// What was built is not what the strict reader takes: over a limit, or a piece layer that does not match its root.
    #[error("torrent {name:?} cannot be built")]
    Refused {
        /// The torrent's name.
        name: String,
        /// The reader's finding.
        #[source]
        source: MetainfoError,
    },
}

/// Builds a torrent of the selection, multi-file, with pieces of 1 MiB: the one that libtorrent 2.0 makes of the files.
///
/// Files are sorted component-wise by bytes; each that does not end on a piece boundary, the last one included, is
/// followed by a pad, unless it is the only one.
///
/// The same selection gives the same `info`, and so the same info-hashes, in whatever order it is handed over and
/// whatever stands outside. What is returned was read back by [`Metainfo::parse`]: it is within the default limits and
/// every piece layer matches its root.
pub fn build(selection: &Selection, kind: Kind, outside: &Outside) -> Result<Metainfo, BuildError> {
    let files = sorted(selection)?;
    let name = || selection.name.clone();
    let pad_names: Vec<String> = match files.as_slice() {
        // A file alone is not padded, as libtorrent has it.
        [_] => Vec::new(),
        files => files.iter().map(|file| pad_bytes(file.hashes.size).to_string()).collect(),
    };
    let pieces = piece_string(&files);

    let mut info = Dict::default();
    info.insert(b"files", file_list(&files, &pad_names));
    info.insert(b"name", Value::Bytes(selection.name.as_bytes()));
    info.insert(b"piece length", Value::Int(PIECE_BYTES as i64));
    info.insert(b"pieces", Value::Bytes(&pieces));
    let mut layers: Vec<(&[u8], Vec<u8>)> = Vec::new();
    if kind == Kind::Hybrid {
        info.insert(b"file tree", Value::Dict(tree::write(&files, 0)));
        info.insert(b"meta version", Value::Int(2));
        for file in files.iter().filter(|file| !file.hashes.piece_layer.is_empty()) {
            let nodes = file.hashes.piece_layer.iter().flat_map(|node| node.0).collect();
            layers.push((&file.hashes.root.0, nodes));
        }
    }

    let seeds: Vec<String> =
        outside.web_seeds.iter().map(|url| if url.ends_with('/') { url.clone() } else { format!("{url}/") }).collect();
    let mut torrent = write_outside(outside, &seeds);
    torrent.insert(b"info", Value::Dict(info));
    if kind == Kind::Hybrid {
        // In the order of the keys, so that each is an append; equal files share one entry.
        layers.sort_unstable();
        let mut dict = Dict::default();
        for (root, nodes) in &layers {
            dict.insert(root, Value::Bytes(nodes));
        }
        torrent.insert(b"piece layers", Value::Dict(dict));
    }
    let mut bytes = Vec::new();
    Value::Dict(torrent).write(&mut bytes);

    let mut metainfo =
        Metainfo::parse(&bytes, &Limits::default()).map_err(|source| BuildError::Refused { name: name(), source })?;
    for (read, file) in metainfo.files.iter_mut().filter(|file| !file.pad).zip(&files) {
        read.root = Some(file.hashes.root);
    }
    Ok(metainfo)
}

/// Checks the selection; its files in the torrent's order, component-wise by bytes.
fn sorted(selection: &Selection) -> Result<Vec<&File>, BuildError> {
    let name = || selection.name.clone();
    check_component(&selection.name).map_err(|problem| BuildError::Name { name: name(), problem })?;
    if selection.files.is_empty() {
        return Err(BuildError::Empty { name: name() });
    }
    for File { path, hashes } in &selection.files {
        check_path(path).map_err(|problem| BuildError::Path { name: name(), path: path.join("/"), problem })?;
        let pieces = hashes.size.div_ceil(PIECE_BYTES as u64);
        let layer = if pieces > 1 { pieces } else { 0 };
        if pieces == 0 || hashes.v1_pieces.len() as u64 != pieces || hashes.piece_layer.len() as u64 != layer {
            return Err(BuildError::Hashes {
                name: name(),
                path: path.join("/"),
                size: hashes.size,
                v1_pieces: hashes.v1_pieces.len(),
                layer: hashes.piece_layer.len(),
            });
        }
    }
    let mut paths: Vec<&[String]> = selection.files.iter().map(|file| file.path.as_slice()).collect();
    if let Some(path) = conflict(&mut paths) {
        return Err(BuildError::Conflict { name: name(), path: path.join("/") });
    }
    if let [only] = paths.as_slice()
        && *only == [selection.name.as_str()]
    {
        return Err(BuildError::Ambiguous { name: name() });
    }
    let mut files: Vec<&File> = selection.files.iter().collect();
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Bytes from the end of a file to the next piece boundary.
fn pad_bytes(size: u64) -> u64 {
    size.next_multiple_of(PIECE_BYTES as u64) - size
}

/// The v1 `pieces`. Since every file begins at a piece boundary and is padded to one, they are the files' own.
fn piece_string(files: &[&File]) -> Vec<u8> {
    let mut pieces: Vec<Sha1Hash> = files.iter().flat_map(|file| &file.hashes.v1_pieces).copied().collect();
    if let [alone] = files
        && let Some(last) = pieces.last_mut()
    {
        *last = alone.hashes.v1_last_unpadded;
    }
    pieces.iter().flat_map(|piece| piece.0).collect()
}

/// The v1 `files`: each file that does not end on a piece boundary, the last one included, is followed by a pad of the
/// name given for it. There are no names if there shall be no pads.
fn file_list<'a>(files: &[&'a File], pad_names: &'a [String]) -> Value<'a> {
    let mut list = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let mut entry = Dict::default();
        entry.insert(b"length", Value::Int(file.hashes.size as i64));
        let path = file.path.iter().map(|component| Value::Bytes(component.as_bytes()));
        entry.insert(b"path", Value::List(path.collect()));
        list.push(Value::Dict(entry));

        let padding = pad_bytes(file.hashes.size);
        if let Some(pad_name) = pad_names.get(index).filter(|_| padding > 0) {
            let mut pad = Dict::default();
            pad.insert(b"attr", Value::Bytes(b"p"));
            pad.insert(b"length", Value::Int(padding as i64));
            let path = vec![Value::Bytes(PAD_FOLDER.as_bytes()), Value::Bytes(pad_name.as_bytes())];
            pad.insert(b"path", Value::List(path));
            list.push(Value::Dict(pad));
        }
    }
    Value::List(list)
}

fn write_outside<'a>(outside: &'a Outside, seeds: &'a [String]) -> Dict<'a> {
    let text = |text: &'a String| Value::Bytes(text.as_bytes());
    let mut torrent = Dict::default();
    let tiers: Vec<&Vec<String>> = outside.announce.iter().filter(|tier| !tier.is_empty()).collect();
    if let Some(first) = tiers.first() {
        torrent.insert(b"announce", text(&first[0]));
        if tiers.iter().map(|tier| tier.len()).sum::<usize>() > 1 {
            let list = tiers.iter().map(|tier| Value::List(tier.iter().map(text).collect()));
            torrent.insert(b"announce-list", Value::List(list.collect()));
        }
    }
    if let Some(comment) = &outside.comment {
        torrent.insert(b"comment", text(comment));
    }
    if let Some(program) = &outside.created_by {
        torrent.insert(b"created by", text(program));
    }
    if let Some(seconds) = outside.creation_date {
        torrent.insert(b"creation date", Value::Int(seconds));
    }
    if !outside.similar.is_empty() {
        let hashes = outside.similar.iter().map(|hash| Value::Bytes(&hash.0));
        torrent.insert(b"similar", Value::List(hashes.collect()));
    }
    if let Some(source) = &outside.source {
        torrent.insert(b"source", text(source));
    }
    if !seeds.is_empty() {
        torrent.insert(b"url-list", Value::List(seeds.iter().map(text).collect()));
    }
    torrent
}
