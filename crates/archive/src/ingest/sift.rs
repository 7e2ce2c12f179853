//! Telling apart, without reading a byte, what is known and unchanged from what must be looked at.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use fonoteca_model::BlobId;
use fonoteca_store::{Place, Places, Store, StoreError};
use tokio::sync::mpsc::Sender;

use super::Keep;
use super::outcome::FileOutcome;
use super::walk::{Candidate, Found, Walk};

/// Files of one folder that are asked about together at most.
const TOGETHER: usize = 1024;

/// Some of what a walk found.
#[derive(Debug, Default)]
pub(super) struct Sifted {
    /// Files in the order in which they were found; of one that looks as it did, the blob that it was.
    pub files: Vec<(Candidate, Option<BlobId>)>,
    pub failures: Vec<FileOutcome>,
    pub ignored: u64,
}

/// Walks and sifts until the end, or until nobody listens any more. Blocks.
pub(super) fn sift(
    walk: &Walk,
    (keep, store): (Keep, &Store),
    places: &Places,
    send: &Sender<Result<Sifted, StoreError>>,
) -> Result<(), StoreError> {
    let mut folder = PathBuf::new();
    let mut together: Vec<Candidate> = Vec::new();
    let mut sifted = Sifted::default();
    let stop = || send.is_closed();
    for found in walk.found(&stop) {
        match found {
            Found::Failed(outcome) => sifted.failures.push(outcome),
            Found::Ignored(files) => sifted.ignored += files,
            Found::File(candidate) => {
                let here = candidate.place.parent().unwrap_or(Path::new(""));
                if here != folder || together.len() == TOGETHER {
                    compare((keep, store), places, &folder, std::mem::take(&mut together), &mut sifted)?;
                    here.clone_into(&mut folder);
                    if send.blocking_send(Ok(std::mem::take(&mut sifted))).is_err() {
                        return Ok(());
                    }
                }
                together.push(candidate);
            }
        }
    }
    compare((keep, store), places, &folder, together, &mut sifted)?;
    // Whoever does not listen any more needs no end.
    let _ = send.blocking_send(Ok(sifted));
    Ok(())
}

/// Compares files of one folder with what was known of it.
fn compare(
    (keep, store): (Keep, &Store),
    places: &Places,
    folder: &Path,
    files: Vec<Candidate>,
    sifted: &mut Sifted,
) -> Result<(), StoreError> {
    let names = || files.iter().filter_map(|file| file.place.file_name());
    let (Some(first), Some(last)) = (names().min(), names().max()) else {
        sifted.files.extend(files.into_iter().map(|file| (file, None)));
        return Ok(());
    };
    let known = places.in_folder(folder, first, last)?;
    let known: HashMap<&OsStr, &Place> =
        known.iter().filter_map(|place| Some((place.path.file_name()?, place))).collect();
    for mut file in files {
        let before = file.place.file_name().and_then(|name| known.get(name).copied());
        match before {
            // What lies in place is taken in all the same where copies are asked for, and so is what the archive has lost.
            Some(place)
                if file.stamp == Some(place.stamp)
                    && if place.in_place { keep == Keep::InPlace } else { store.has_own(place.root) } =>
            {
                sifted.files.push((file, Some(place.root)));
            }
            before => {
                file.before = before.cloned();
                sifted.files.push((file, None));
            }
        }
    }
    Ok(())
}
