//! Which files of a torrent, one's own or anybody's, are held: by root where it has v2, by the stored v1 pieces where its
//! files lie on the boundaries of pieces of 1 MiB, and else by hashing what has the right size.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fonoteca_catalog::arrow::array::AsArray as _;
use fonoteca_catalog::arrow::datatypes::Int64Type;
use fonoteca_catalog::{Blob, Snapshot};
use fonoteca_model::progress::Progress;
use fonoteca_model::{BlobHashes, BlobId, PIECE_BYTES, Sha1Hash, Sha256Hash};
use fonoteca_store::CheckOptions;
use fonoteca_torrent::{Limits, Metainfo, PieceSpan};
use futures::TryStreamExt;
use serde::Serialize;
use sha1::{Digest, Sha1};

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::fixity::check_roots;

/// Ways to put a piece together that are tried, where several files share it and several blobs have their sizes.
const WAYS: usize = 256;

/// What became of a file's search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The archive has it, and its bytes are right.
    Held,
    /// The archive has it, and its bytes are not right any more.
    Damaged,
    /// The archive does not have it, or nothing proves that it does.
    Missing,
}

/// A file of a torrent that was checked.
#[derive(Debug, Clone, Serialize)]
pub struct CheckedFile {
    /// Its path in the torrent.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// What became of it.
    pub status: Found,
    /// The blob that it is.
    pub root: Option<BlobId>,
}

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct TorrentCheck {
    /// The torrent's name.
    pub name: String,
    /// BEP 3.
    pub infohash_v1: Option<Sha1Hash>,
    /// BEP 52.
    pub infohash_v2: Option<Sha256Hash>,
    /// Its files, without pads.
    pub files: Vec<CheckedFile>,
    /// How many of them are held.
    pub held: u64,
    /// Damaged.
    pub damaged: u64,
    /// Missing.
    pub missing: u64,
}

/// Looks for the files of a torrent in the store, and reads what it finds. `name` is what errors call it.
pub async fn check_torrent(
    archive: &Archive,
    bytes: &[u8],
    name: &str,
    progress: &dyn Progress,
) -> Result<TorrentCheck, ArchiveError> {
    let metainfo = Metainfo::parse(bytes, &Limits::default())
        .map_err(|source| ArchiveError::Metainfo { name: name.to_owned(), source })?;
    let snapshot = archive.snapshot().await?;
    let roots = if metainfo.info_hash_v2.is_some() {
        let roots: Vec<BlobId> = metainfo.real_files().filter_map(|(_, file)| file.root).collect();
        let known = snapshot.blobs(&roots).await?;
        metainfo.files.iter().map(|file| file.root.filter(|root| known.contains_key(root))).collect()
    } else {
        Search::new(archive, &snapshot, &metainfo).await?.run(progress).await?
    };
    let wanted: BTreeSet<BlobId> = roots.iter().flatten().copied().collect();
    let report =
        check_roots(archive, &wanted.into_iter().collect::<Vec<_>>(), CheckOptions::default(), progress).await?;
    let damaged: BTreeSet<BlobId> = report.damaged.iter().map(|damage| damage.root).collect();
    let missing: BTreeSet<BlobId> = report.missing.iter().copied().collect();
    let files = metainfo.real_files().map(|(index, file)| {
        let root = roots[index];
        let status = match root {
            Some(root) if damaged.contains(&root) => Found::Damaged,
            Some(root) if missing.contains(&root) => Found::Missing,
            // Everybody has what is empty.
            None if file.size > 0 => Found::Missing,
            _ => Found::Held,
        };
        CheckedFile { path: file.path.join("/"), bytes: file.size, status, root: root.or(file.root) }
    });
    let files: Vec<CheckedFile> = files.collect();
    let count = |wanted: Found| files.iter().filter(|file| file.status == wanted).count() as u64;
    Ok(TorrentCheck {
        held: count(Found::Held),
        damaged: count(Found::Damaged),
        missing: count(Found::Missing),
        name: metainfo.name.clone(),
        infohash_v1: metainfo.info_hash_v1,
        infohash_v2: metainfo.info_hash_v2,
        files,
    })
}

/// The search for the files of a torrent that names no roots.
struct Search<'a> {
    archive: &'a Archive,
    metainfo: &'a Metainfo,
    /// Of each file of the torrent: the blobs that it may be.
    candidates: Vec<BTreeSet<BlobId>>,
    hashes: HashMap<BlobId, (BlobHashes, Blob)>,
    /// Whether some piece proved the file.
    proved: Vec<bool>,
}

impl<'a> Search<'a> {
    async fn new(archive: &'a Archive, snapshot: &Snapshot, metainfo: &'a Metainfo) -> Result<Self, ArchiveError> {
        let sizes: BTreeSet<u64> = metainfo.real_files().map(|(_, file)| file.size).filter(|size| *size > 0).collect();
        let mut by_size: BTreeMap<u64, BTreeSet<BlobId>> = BTreeMap::new();
        let mut batches = snapshot.sql_stream("SELECT root, size FROM blobs").await?;
        while let Some(batch) = batches.try_next().await? {
            let found = batch.column(1).as_primitive::<Int64Type>().values();
            for (root, size) in batch.column(0).as_string::<i32>().iter().zip(found) {
                let size = u64::try_from(*size).unwrap_or_default();
                if let (true, Some(Ok(root))) = (sizes.contains(&size), root.map(str::parse)) {
                    by_size.entry(size).or_default().insert(root);
                }
            }
        }
        let all: Vec<BlobId> = by_size.values().flatten().copied().collect();
        let of_file = |file: &fonoteca_torrent::MetaFile| {
            if file.pad { BTreeSet::new() } else { by_size.get(&file.size).cloned().unwrap_or_default() }
        };
        Ok(Self {
            archive,
            metainfo,
            candidates: metainfo.files.iter().map(of_file).collect(),
            hashes: snapshot.blobs(&all).await?,
            proved: vec![false; metainfo.files.len()],
        })
    }

    /// The blob of each file, where pieces prove one.
    async fn run(mut self, progress: &dyn Progress) -> Result<Vec<Option<BlobId>>, ArchiveError> {
        for piece in 0..self.metainfo.piece_count() {
            if progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            self.piece(piece).await?;
        }
        let proved = self.candidates.iter().zip(&self.proved);
        Ok(proved.map(|(roots, proved)| roots.first().copied().filter(|_| *proved)).collect())
    }

    /// Keeps those candidates of its files from which the piece can be put together.
    async fn piece(&mut self, piece: u64) -> Result<(), ArchiveError> {
        let spans = self.metainfo.piece_map(piece);
        let real: Vec<usize> =
            spans.iter().map(|span| span.file).filter(|file| !self.metainfo.files[*file].pad).collect();
        // A piece of which a part is not here proves nothing about the rest.
        if real.is_empty() || real.iter().any(|file| self.candidates[*file].is_empty()) {
            return Ok(());
        }
        let ways: usize = real.iter().map(|file| self.candidates[*file].len()).fold(1, usize::saturating_mul);
        if ways > WAYS {
            return Ok(());
        }
        let wanted = self.metainfo.pieces_v1[piece as usize];
        let mut fitting: Vec<BTreeSet<BlobId>> = vec![BTreeSet::new(); real.len()];
        for way in 0..ways {
            let mut rest = way;
            let mut chosen: HashMap<usize, BlobId> = HashMap::new();
            for file in &real {
                let of_file = &self.candidates[*file];
                let root = of_file.iter().nth(rest % of_file.len()).copied();
                rest /= of_file.len();
                chosen.extend(root.map(|root| (*file, root)));
            }
            if self.fits(&spans, &chosen, wanted).await? {
                for (file, fitting) in real.iter().zip(&mut fitting) {
                    fitting.extend(chosen.get(file));
                }
            }
        }
        for (file, fitting) in real.into_iter().zip(fitting) {
            self.proved[file] |= !fitting.is_empty();
            self.candidates[file] = fitting;
        }
        Ok(())
    }

    async fn fits(
        &self,
        spans: &[PieceSpan],
        chosen: &HashMap<usize, BlobId>,
        wanted: Sha1Hash,
    ) -> Result<bool, ArchiveError> {
        if let Some(stored) = self.stored(spans, chosen) {
            return Ok(stored == wanted);
        }
        let mut sha1 = Sha1::new();
        for span in spans {
            match chosen.get(&span.file) {
                None => {
                    let zeros = vec![0; span.length.min(PIECE_BYTES as u64) as usize];
                    let mut left = span.length as usize;
                    while left > 0 {
                        let some = left.min(zeros.len());
                        sha1.update(&zeros[..some]);
                        left -= some;
                    }
                }
                Some(root) => {
                    let range = span.offset..span.offset + span.length;
                    let Ok(mut bytes) = self.archive.store().read(*root, range).await else { return Ok(false) };
                    while let Some(some) = bytes.try_next().await? {
                        sha1.update(&some);
                    }
                }
            }
        }
        Ok(<[u8; 20]>::from(sha1.finalize()) == wanted.0)
    }

    /// The piece as it was hashed when the blob came in, where it is one of the blob's own.
    fn stored(&self, spans: &[PieceSpan], chosen: &HashMap<usize, BlobId>) -> Option<Sha1Hash> {
        let first = spans.first()?;
        let (hashes, _) = self.hashes.get(chosen.get(&first.file)?)?;
        let whole = PIECE_BYTES as u64;
        if self.metainfo.piece_length != whole || first.offset % whole != 0 {
            return None;
        }
        let rest_is_padding = spans[1..].iter().all(|span| self.metainfo.files[span.file].pad);
        let total: u64 = spans.iter().map(|span| span.length).sum();
        let index = usize::try_from(first.offset / whole).ok()?;
        match (rest_is_padding, total == whole, spans.len()) {
            (true, true, _) => hashes.v1_pieces.get(index).copied(),
            // The torrent ends within the piece.
            (true, false, 1) => Some(hashes.v1_last_unpadded),
            _ => None,
        }
    }
}
