//! How a blob's place on disk is chosen: `blobs/ab/cd/<root>`, fanned out by the first two bytes of its id.
//!
//! 65,536 folders hold 86 million files at some 1,300 a folder. Ids are hashes, so the folders fill evenly. The format
//! is told in `docs/formats/store.md`.

use std::path::{Path, PathBuf};

use fonoteca_model::BlobId;

/// The version of this format; a later one still reads it.
pub const FORMAT_VERSION: u32 = 1;
/// The folder of all blobs, under the archive's root.
pub const BLOBS: &str = "blobs";
/// Where blobs are written before they have a name, under [`BLOBS`]: on the same file system, so that renaming is
/// atomic.
pub const STAGING: &str = ".staging";

/// The database of places outside the archive, under its root (`docs/formats/places.md`).
pub const PLACES: &str = "state/places.sqlite";

/// The place of a blob, relative to the archive's root, with `/` between the parts.
///
/// ```
/// let id = "ab".repeat(32).parse().expect("64 hex digits");
/// assert_eq!(fonoteca_store::layout::key(id), format!("blobs/ab/ab/{id}"));
/// ```
pub fn key(id: BlobId) -> String {
    let name = id.to_string();
    format!("{BLOBS}/{}/{}/{name}", &name[..2], &name[2..4])
}

/// The place of a blob under `archive_root`.
pub fn path(archive_root: &Path, id: BlobId) -> PathBuf {
    archive_root.join(key(id))
}

/// The folders of a fan-out level are named by two lower-case hex digits, exactly.
pub(crate) fn is_fan_out(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The blob that a file in `blobs/<first>/<second>/` is, where its name is right and belongs there.
pub(crate) fn parse(first: &str, second: &str, name: &str) -> Option<BlobId> {
    let id: BlobId = name.parse().ok()?;
    // Upper-case digits parse too, but are not the place where a blob is looked for.
    (id.to_string() == name && name[..2] == *first && name[2..4] == *second).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_only_at_its_place() {
        let id = BlobId([0xab; 32]);
        let name = id.to_string();
        assert_eq!(parse("ab", "ab", &name), Some(id));
        assert_eq!(parse("ab", "ac", &name), None);
        assert_eq!(parse("ab", "ab", &name.to_uppercase()), None);
        assert_eq!(parse("ab", "ab", &name[2..]), None);
        assert!(is_fan_out("0f"));
        for wrong in ["0F", "0", "0ff", "g0", "ä", ".s"] {
            assert!(!is_fan_out(wrong), "{wrong}");
        }
    }
}
