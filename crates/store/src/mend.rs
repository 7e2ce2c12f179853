//! Putting a damaged blob together anew, piece by proven piece, beside the damaged one.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use fonoteca_model::{BlobHashes, PIECE_BYTES};

use crate::error::StoreError;
use crate::source::Links;
use crate::staging::Staged;
use crate::store::Store;
use crate::verify::{self, Verdict};

/// A blob in the making. What is at the blob's place stays there untouched until [`Mending::finish`] replaces it in one
/// step; dropped before, nothing has changed.
#[derive(Debug)]
pub struct Mending {
    store: Store,
    expected: Arc<BlobHashes>,
    staged: Arc<Staged>,
    lacking: Vec<u64>,
}

impl Store {
    /// Begins to mend a blob: takes over each piece of what is held of it that is right.
    ///
    /// # Errors
    /// [`StoreError::Unproven`] where the hashes contradict themselves; otherwise where nothing can be written.
    pub async fn mend(&self, expected: BlobHashes) -> Result<Mending, StoreError> {
        let id = expected.root;
        if !expected.layer_is_proven() {
            return Err(StoreError::Unproven { id });
        }
        let expected = Arc::new(expected);
        let wanted = Arc::clone(&expected);
        let (staged, lacking) = self
            .blocking(format!("blob {id}"), move |local| {
                let staged = local.stage(&format!("blob {id}"))?;
                let held = verify::open(&local.path(id), Links::Refuse)?;
                let mut lacking = Vec::new();
                let mut buffer = Vec::new();
                for piece in 0..wanted.pieces() {
                    let range = wanted.piece_range(piece).unwrap_or_default();
                    buffer.resize((range.end - range.start) as usize, 0);
                    // What cannot be read lacks; why not, a check has told.
                    let read = held.as_ref().is_some_and(|held| held.read_exact_at(&mut buffer, range.start).is_ok());
                    if read && wanted.is_piece(piece, &buffer) {
                        let written = staged.file().write_all_at(&buffer, range.start);
                        written.map_err(|error| local.cannot_write(&format!("blob {id}"), error))?;
                    } else {
                        lacking.push(piece);
                    }
                }
                Ok((staged, lacking))
            })
            .await?;
        Ok(Mending { store: self.clone(), expected, staged: Arc::new(staged), lacking })
    }
}

impl Mending {
    /// What the blob should be.
    pub fn expected(&self) -> &BlobHashes {
        &self.expected
    }

    /// The pieces of 1 MiB that are still lacking, counted from 0, ascending.
    pub fn lacking(&self) -> &[u64] {
        &self.lacking
    }

    /// Takes a piece from elsewhere if it is the right one, and says whether it is.
    pub async fn take(&mut self, piece: u64, bytes: Bytes) -> Result<bool, StoreError> {
        let (expected, staged) = (Arc::clone(&self.expected), Arc::clone(&self.staged));
        let name = format!("blob {}", expected.root);
        let right = self
            .store
            .blocking(name.clone(), move |local| {
                if !expected.is_piece(piece, &bytes) {
                    return Ok(false);
                }
                let written = staged.file().write_all_at(&bytes, piece * PIECE_BYTES as u64);
                written.map_err(|error| local.cannot_write(&name, error))?;
                Ok(true)
            })
            .await?;
        if right {
            self.lacking.retain(|lacking| *lacking != piece);
        }
        Ok(right)
    }

    /// Makes the new file durable, reads it once more from the disk, and gives it the place of the damaged one if its root
    /// is right.
    ///
    /// # Errors
    /// [`StoreError::Lacking`] before all pieces are there; [`StoreError::WrongRoot`] where the disk gives back other bytes
    /// than were written. The damaged blob stays then.
    pub async fn finish(self) -> Result<(), StoreError> {
        let Self { store, expected, staged, lacking } = self;
        let id = expected.root;
        if !lacking.is_empty() {
            return Err(StoreError::Lacking { id, lacking: lacking.len() });
        }
        store
            .blocking(format!("blob {id}"), move |local| {
                let name = format!("blob {id}");
                let written = |file: &File| file.set_len(expected.size).and_then(|()| file.sync_all());
                written(staged.file()).map_err(|error| local.cannot_write(&name, error))?;
                match verify::verify(staged.path(), Links::Refuse, &expected)? {
                    Verdict::Sound => {}
                    Verdict::Damaged { found_root, .. } => {
                        let (name, found) = (staged.path().display().to_string(), found_root.unwrap_or(id));
                        return Err(StoreError::WrongRoot { name, expected: id, found });
                    }
                    Verdict::Missing => return Err(StoreError::Missing { id }),
                }
                // Nothing else holds it: every `take` was waited for.
                let staged = Arc::into_inner(staged).ok_or(StoreError::Stopped { name })?;
                local.replace(staged, id)
            })
            .await
    }
}
