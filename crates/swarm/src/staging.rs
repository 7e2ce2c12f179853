//! The staging folder: files in the making, and which of their pieces are sound.
//!
//! `<path>.part` has the full length from the start and each piece at its place, so that any way of fetching can go on
//! where another one stopped. What such a file holds is never trusted: its pieces are hashed when a download begins.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonoteca_model::merkle::PieceHashes;
use fonoteca_model::{BlobHashes, PIECE_BYTES, Sha256Hash};
use fonoteca_torrent::{MetaFile, Metainfo};
use sha1::{Digest, Sha1};

use crate::error::SwarmError;

/// A staging folder.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    folder: PathBuf,
}

impl Staging {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where the finished file lies.
    pub(crate) fn finished(&self, file: &MetaFile) -> PathBuf {
        file.path.iter().fold(self.folder.clone(), |path, component| path.join(component))
    }

    /// Where the file in the making lies.
    pub(crate) fn part(&self, file: &MetaFile) -> PathBuf {
        let mut path: OsString = self.finished(file).into();
        path.push(".part");
        path.into()
    }

    /// Makes a finished file one in the making again, so that it is checked before it is believed.
    pub(crate) fn reopen(&self, file: &MetaFile) -> Result<(), SwarmError> {
        let (from, to) = (self.finished(file), self.part(file));
        match fs::rename(&from, to) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(SwarmError::Staging { action: "rename", path: from, source })
            }
            _ => Ok(()),
        }
    }

    /// Opens the file in the making, and makes it where it is not there yet.
    pub(crate) fn open(&self, file: &MetaFile) -> Result<File, SwarmError> {
        let path = self.part(file);
        let open = || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            if opened.metadata()?.len() != file.size {
                opened.set_len(file.size)?;
            }
            Ok(opened)
        };
        open().map_err(|source| SwarmError::Staging { action: "open", path: path.clone(), source })
    }

    /// Gives a file of which every piece is sound its name.
    pub(crate) fn finish(&self, file: &MetaFile) -> Result<(), SwarmError> {
        if file.size == 0 {
            self.open(file)?;
        }
        let path = self.part(file);
        fs::rename(&path, self.finished(file)).map_err(|source| SwarmError::Staging { action: "rename", path, source })
    }
}

/// The files that are wanted, checked: indices of real files, each once, in order. `None` wants all of them.
pub(crate) fn wanted_files(metainfo: &Metainfo, wanted: Option<&[usize]>) -> Result<Vec<usize>, SwarmError> {
    let mut indices: Vec<usize> = match wanted {
        None => metainfo.real_files().map(|(index, _)| index).collect(),
        Some(indices) => indices.to_vec(),
    };
    indices.sort_unstable();
    indices.dedup();
    let mut names: Vec<&[String]> = metainfo.real_files().map(|(_, file)| file.path.as_slice()).collect();
    names.sort_unstable();
    for index in &indices {
        let Some(file) = metainfo.files.get(*index).filter(|file| !file.pad) else {
            return Err(SwarmError::NoSuchFile { torrent: metainfo.name.clone(), index: *index });
        };
        let mut part = file.path.clone();
        if let Some(name) = part.last_mut() {
            name.push_str(".part");
        }
        if names.binary_search(&part.as_slice()).is_ok() {
            let problem = "another file of the torrent has its name with .part appended";
            return Err(SwarmError::Unfit { file: file.path.join("/"), problem });
        }
    }
    Ok(indices)
}

/// By what a piece is known to be the right one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof {
    /// By SHA-256. Whatever else a blob's hashes say of it was computed with it.
    V2(PieceHashes),
    /// By SHA-1 alone.
    V1,
}

/// The pieces of one file, when they are its own: it begins with one, and only padding shares the last.
#[derive(Debug, Clone)]
pub(crate) struct FilePieces {
    metainfo: Arc<Metainfo>,
    index: usize,
    by_v2: bool,
}

impl FilePieces {
    pub(crate) fn new(metainfo: Arc<Metainfo>, index: usize) -> Result<Self, SwarmError> {
        let file = &metainfo.files[index];
        let unfit = |problem| Err(SwarmError::Unfit { file: file.path.join("/"), problem });
        let length = metainfo.piece_length;
        let layer = file.root.and_then(|root| metainfo.piece_layers.get(&root));
        let by_v2 = length == PIECE_BYTES as u64
            && file.root.is_some()
            && (file.size <= length || layer.is_some_and(|layer| layer.len() as u64 == file.size.div_ceil(length)));
        if !by_v2 && file.size > 0 {
            if metainfo.pieces_v1.is_empty() {
                return unfit("the hashes of its pieces are not of a kind that is read here");
            }
            let last = (file.v1_offset + file.size - 1) / length;
            let shared =
                metainfo.piece_map(last).iter().any(|span| span.file != index && !metainfo.files[span.file].pad);
            if !file.v1_offset.is_multiple_of(length) || shared {
                return unfit("it shares a piece with another file");
            }
        }
        Ok(Self { metainfo, index, by_v2 })
    }

    pub(crate) fn file(&self) -> &MetaFile {
        &self.metainfo.files[self.index]
    }

    pub(crate) fn count(&self) -> u64 {
        self.file().size.div_ceil(self.metainfo.piece_length)
    }

    /// Which bytes of the file a piece covers.
    pub(crate) fn range(&self, piece: u64) -> Range<u64> {
        let start = piece * self.metainfo.piece_length;
        start..(start + self.metainfo.piece_length).min(self.file().size)
    }

    /// What proves that these are the bytes of the piece, if they are.
    pub(crate) fn prove(&self, piece: u64, bytes: &[u8]) -> Option<Proof> {
        let file = self.file();
        if self.by_v2 {
            let single = file.size <= self.metainfo.piece_length;
            let layer = file.root.and_then(|root| self.metainfo.piece_layers.get(&root));
            let right = if single {
                file.root.map(|root| Sha256Hash(root.0))
            } else {
                layer.and_then(|layer| layer.get(piece as usize)).copied()
            };
            let found = PieceHashes::of(bytes, single);
            return (right == Some(found.node)).then_some(Proof::V2(found));
        }
        let number = file.v1_offset / self.metainfo.piece_length + piece;
        let mut hasher = Sha1::new();
        hasher.update(bytes);
        let mut padding = self.metainfo.piece_bytes(number).saturating_sub(bytes.len() as u64);
        let zeros = [0; 16 << 10];
        while padding > 0 {
            let now = padding.min(zeros.len() as u64);
            hasher.update(&zeros[..now as usize]);
            padding -= now;
        }
        let found = <[u8; 20]>::from(hasher.finalize());
        self.metainfo.pieces_v1.get(number as usize).filter(|hash| hash.0 == found).map(|_| Proof::V1)
    }

    /// Which pieces of an open file are sound.
    pub(crate) fn sound(&self, file: &File) -> Vec<Option<Proof>> {
        let mut buffer = Vec::new();
        (0..self.count())
            .map(|piece| {
                let range = self.range(piece);
                buffer.resize((range.end - range.start) as usize, 0);
                file.read_exact_at(&mut buffer, range.start).ok()?;
                self.prove(piece, &buffer)
            })
            .collect()
    }

    /// The hashes of the file, where all of it was proved by SHA-256.
    pub(crate) fn hashes(&self, sound: &[Option<Proof>]) -> Option<BlobHashes> {
        let pieces = sound.iter().map(|proof| match proof {
            Some(Proof::V2(hashes)) => Some(*hashes),
            Some(Proof::V1) | None => None,
        });
        let hashes = BlobHashes::of_pieces(self.file().size, &pieces.collect::<Option<Vec<_>>>()?)?;
        (self.file().root == Some(hashes.root)).then_some(hashes)
    }
}
