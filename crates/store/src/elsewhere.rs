//! Blobs that lie outside the archive, where they were when they were taken in. They are read there, never written to,
//! and never believed: a file that looks different by now is hashed before it is read as the blob that it was.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use fonoteca_model::{BlobHashes, BlobId};

use crate::error::StoreError;
use crate::places::{Place, Places};
use crate::source::{Links, Source, Stamp};
use crate::verify::{self, Verdict};

/// Files hashed since they changed that are remembered at most.
const REMEMBERED: usize = 10_000;

/// The blobs in place of one archive; everything here blocks.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    path: PathBuf,
    places: Mutex<Option<Arc<Places>>>,
    /// What files are that look different from when they were taken in, so that none is hashed at every read.
    hashed: Mutex<HashMap<(PathBuf, Stamp), BlobId>>,
}

impl Elsewhere {
    /// `path`: of the database, which may not be there.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, places: Mutex::default(), hashed: Mutex::default() }
    }

    pub(crate) fn has_places(&self) -> bool {
        self.path.is_file()
    }

    /// The places, opened once, and made where there are none.
    pub(crate) fn places(&self) -> Result<Arc<Places>, StoreError> {
        let mut cell = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = cell.as_ref() {
            return Ok(Arc::clone(places));
        }
        let places = Arc::new(Places::open(&self.path)?);
        Ok(Arc::clone(cell.insert(places)))
    }

    fn known(&self, id: BlobId) -> Result<Vec<Place>, StoreError> {
        if self.has_places() { self.places()?.of_root(id) } else { Ok(Vec::new()) }
    }

    /// The file that has the blob's bytes, open; `None` where there is no file at any of its places.
    ///
    /// # Errors
    /// [`StoreError::ChangedInPlace`] where files are there and none of them is the blob any more.
    pub(crate) fn open(&self, id: BlobId) -> Result<Option<Source>, StoreError> {
        let mut trouble = None;
        for place in self.known(id)? {
            let source = match Source::open(&place.path, Links::Follow) {
                Ok(source) => source,
                Err(StoreError::Io { source, .. }) if is_gone(source.kind()) => continue,
                Err(error) => {
                    trouble.get_or_insert(error);
                    continue;
                }
            };
            if source.stamp() == place.stamp || self.is_still(id, &place, source.stamp())? {
                return Ok(Some(source));
            }
            trouble = Some(StoreError::ChangedInPlace { id, path: place.path });
        }
        trouble.map_or(Ok(None), Err)
    }

    /// Reads the blob where it lies and compares it with what it was.
    pub(crate) fn verify(&self, expected: &BlobHashes) -> Result<Verdict, StoreError> {
        let mut found = Ok(Verdict::Missing);
        for place in self.known(expected.root)? {
            let here = match verify::verify(&place.path, Links::Follow, expected) {
                Ok(Verdict::Sound) => return Ok(Verdict::Sound),
                Ok(Verdict::Damaged { .. }) if has_changed(&place) => {
                    Err(StoreError::ChangedInPlace { id: expected.root, path: place.path })
                }
                here => here,
            };
            if !matches!(here, Ok(Verdict::Missing)) {
                found = here;
            }
        }
        found
    }

    /// Whether a file that looks different is the same all the same: touched, moved back, restored.
    fn is_still(&self, id: BlobId, place: &Place, now: Stamp) -> Result<bool, StoreError> {
        if now.size != place.stamp.size {
            return Ok(false);
        }
        let key = (place.path.clone(), now);
        let hashed = || self.hashed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = hashed().get(&key) {
            return Ok(*found == id);
        }
        let mut source = Source::open_to_take(&place.path, u64::MAX)?;
        let found = source.hash(|_| Ok(()))?.root;
        let mut hashed = hashed();
        if hashed.len() >= REMEMBERED {
            hashed.clear();
        }
        hashed.insert((key.0, source.stamp()), found);
        Ok(found == id && source.stamp() == now)
    }
}

fn has_changed(place: &Place) -> bool {
    Stamp::at(&place.path).is_some_and(|stamp| stamp != place.stamp)
}

fn is_gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}
