//! The v2 `file tree` and its `piece layers` (BEP 52).

use std::collections::BTreeMap;

use fonoteca_model::{BLOCK_BYTES, BlobId, Sha256Hash};
use sha2::{Digest, Sha256};

use crate::bencode::{Dict, Value};
use crate::build::File;
use crate::limits::Limits;
use crate::parse::{MetainfoError, bytes_of, dict_of, size_of};
use crate::path::{PathProblem, check_component, check_path};

/// A file as the tree states it.
pub(crate) struct TreeFile {
    pub path: Vec<String>,
    pub size: u64,
    pub root: Option<BlobId>,
}

/// The tree of files that are sorted and whose first `depth` components are the same.
pub(crate) fn write<'a>(files: &[&'a File], depth: usize) -> Dict<'a> {
    let mut dict = Dict::default();
    for group in files.chunk_by(|one, other| one.path[depth] == other.path[depth]) {
        let first = group[0];
        let node = if first.path.len() == depth + 1 {
            let mut leaf = Dict::default();
            leaf.insert(b"length", Value::Int(first.hashes.size as i64));
            leaf.insert(b"pieces root", Value::Bytes(&first.hashes.root.0));
            let mut node = Dict::default();
            node.insert(b"", Value::Dict(leaf));
            node
        } else {
            write(group, depth + 1)
        };
        dict.insert(first.path[depth].as_bytes(), Value::Dict(node));
    }
    dict
}

/// The files of a tree in its order. Its depth is bounded by that of the bencode it came in.
pub(crate) fn read(tree: &Dict<'_>, limits: &Limits) -> Result<Vec<TreeFile>, MetainfoError> {
    let mut files = Vec::new();
    read_folder(tree, &mut Vec::new(), &mut files, limits)?;
    Ok(files)
}

fn read_folder(
    folder: &Dict<'_>,
    path: &mut Vec<String>,
    files: &mut Vec<TreeFile>,
    limits: &Limits,
) -> Result<(), MetainfoError> {
    let shown = |path: &[String]| path.join("/");
    if folder.is_empty() {
        return Err(MetainfoError::Tree { path: shown(path), problem: "is an empty folder" });
    }
    for (key, value) in folder.iter() {
        let component = std::str::from_utf8(key).map_err(|_| PathProblem::NotUtf8);
        let component = component.and_then(|text| check_component(text).map(|()| text.to_owned()));
        let component = component.map_err(|problem| MetainfoError::Path {
            path: format!("{}/{}", shown(path), String::from_utf8_lossy(key)),
            problem,
        })?;
        path.push(component);
        let node = dict_of(value, "file tree")?;
        match node.get(b"") {
            None => read_folder(node, path, files, limits)?,
            Some(_) if node.len() > 1 => {
                return Err(MetainfoError::Tree { path: shown(path), problem: "is a file and a folder at once" });
            }
            Some(leaf) => {
                if files.len() >= limits.files {
                    return Err(MetainfoError::Limit {
                        what: "files",
                        found: files.len() as u64 + 1,
                        limit: limits.files as u64,
                    });
                }
                files.push(read_file(dict_of(leaf, "file tree")?, path, limits)?);
            }
        }
        path.pop();
    }
    Ok(())
}

fn read_file(leaf: &Dict<'_>, path: &[String], limits: &Limits) -> Result<TreeFile, MetainfoError> {
    let wrong = |problem| MetainfoError::Tree { path: path.join("/"), problem };
    check_path(path).map_err(|problem| MetainfoError::Path { path: path.join("/"), problem })?;
    let size = size_of(leaf.get(b"length"), "length", limits)?;
    if let Some(attributes) = leaf.get(b"attr") {
        let attributes = bytes_of(attributes, "attr")?;
        if attributes.contains(&b'l') {
            return Err(MetainfoError::Symlink { path: path.join("/") });
        }
        if attributes.contains(&b'p') {
            return Err(wrong("is a pad, which v2 does not have"));
        }
    }
    let root = match leaf.get(b"pieces root") {
        None if size == 0 => None,
        None => return Err(wrong("has no `pieces root`")),
        Some(_) if size == 0 => return Err(wrong("is empty and has a `pieces root`")),
        Some(root) => {
            let root = <[u8; 32]>::try_from(bytes_of(root, "pieces root")?);
            let root = root.map_err(|_| wrong("has a `pieces root` that is not 32 bytes"))?;
            if root == [0; 32] {
                return Err(wrong("has a `pieces root` of zeros"));
            }
            Some(BlobId(root))
        }
    };
    Ok(TreeFile { path: path.to_vec(), size, root })
}

/// The layers of all files larger than a piece, each checked against its root; none too many, none missing.
pub(crate) fn read_layers(
    layers: Option<&Value<'_>>,
    files: &[TreeFile],
    piece_length: u64,
) -> Result<BTreeMap<BlobId, Vec<Sha256Hash>>, MetainfoError> {
    let empty = Dict::default();
    let layers = layers.map_or(Ok(&empty), |layers| dict_of(layers, "piece layers"))?;
    let mut checked: BTreeMap<BlobId, Vec<Sha256Hash>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.size > piece_length) {
        let Some(root) = file.root else { continue };
        let wrong = |problem| MetainfoError::Layer { path: file.path.join("/"), problem };
        let bytes = layers.get(&root.0).ok_or(wrong("is missing"))?;
        let (nodes, rest) = bytes_of(bytes, "piece layers")?.as_chunks::<32>();
        if !rest.is_empty() || nodes.len() as u64 != file.size.div_ceil(piece_length) {
            return Err(wrong("does not have one hash a piece"));
        }
        if checked.contains_key(&root) {
            continue;
        }
        if root_above(nodes, piece_length) != root.0 {
            return Err(wrong("does not lead to its `pieces root`"));
        }
        checked.insert(root, nodes.iter().map(|node| Sha256Hash(*node)).collect());
    }
    if checked.len() != layers.len() {
        return Err(MetainfoError::StrayLayer { found: layers.len(), needed: checked.len() });
    }
    Ok(checked)
}

/// As `fonoteca_model::merkle::root_of_layer`, for any piece length: foreign torrents choose their own.
fn root_above(layer: &[[u8; 32]], piece_length: u64) -> [u8; 32] {
    let pair = |left: &[u8; 32], right: &[u8; 32]| -> [u8; 32] {
        Sha256::new().chain_update(left).chain_update(right).finalize().into()
    };
    let mut pad = [0; 32];
    for _ in 0..(piece_length / BLOCK_BYTES as u64).ilog2() {
        pad = pair(&pad, &pad);
    }
    let mut nodes = layer.to_vec();
    while nodes.len() > 1 {
        nodes = nodes.chunks(2).map(|two| pair(&two[0], two.get(1).unwrap_or(&pad))).collect();
        pad = pair(&pad, &pad);
    }
    nodes.first().copied().unwrap_or(pad)
}

#[cfg(test)]
mod tests {
    use fonoteca_model::{PIECE_BYTES, merkle};

    use super::*;

    #[test]
    fn the_root_above_a_layer_is_the_models() {
        for count in 2..20_u8 {
            let layer: Vec<[u8; 32]> = (0..count).map(|node| [node; 32]).collect();
            let nodes: Vec<Sha256Hash> = layer.iter().map(|node| Sha256Hash(*node)).collect();
            assert_eq!(root_above(&layer, PIECE_BYTES as u64), merkle::root_of_layer(&nodes).0, "{count} pieces");
        }
    }

    #[test]
    fn the_root_above_a_layer_of_short_pieces_is_that_of_the_bytes() {
        // Five blocks in pieces of two: the padding reaches two heights.
        let bytes: Vec<u8> = (0..5 * BLOCK_BYTES - 9).map(|index| (index % 253) as u8).collect();
        let root = merkle::piece_root(&bytes, true);
        let leaf = |block: &[u8]| <[u8; 32]>::from(Sha256::digest(block));
        let mut leaves: Vec<[u8; 32]> = bytes.chunks(BLOCK_BYTES).map(leaf).collect();
        leaves.push([0; 32]);
        let node = |two: &[[u8; 32]]| Sha256::new().chain_update(two[0]).chain_update(two[1]).finalize().into();
        let layer: Vec<[u8; 32]> = leaves.chunks(2).map(node).collect();
        assert_eq!(root_above(&layer, 2 * BLOCK_BYTES as u64), root.0);
    }
}
