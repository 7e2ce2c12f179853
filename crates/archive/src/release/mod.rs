//! Releases: what may be given to anyone, cut into torrents by popularity, from the stored hashes alone.
//!
//! A release has audio torrents, most popular first, and one metadata torrent with the rows about them. What a release
//! gave out is not cut again when popularity moves: the next one holds only what no release holds yet.

mod build;
mod cut;
mod index;
mod list;
mod manifest;
mod metadata;
mod parts;
mod plan;
mod select;
mod verify;

use fonoteca_model::limits::Limits;

pub use build::build;
pub use list::{Listed, list};
pub(crate) use list::{manifests, read_torrent, torrents_here};
pub use manifest::{Manifest, ManifestTorrent, ManifestVariant};
pub(crate) use parts::Parts;
pub use plan::{BandPlan, LeftOut, Plan, plan};
pub use verify::{ReleaseVerdict, verify};

use crate::error::ArchiveError;

/// What to release and how it is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// The release's name: a folder's name, and the beginning of each torrent's.
    pub name: String,
    /// Where the archive's server is reached, for trackers and web seeds; none: torrents without either.
    pub url: Option<String>,
    /// Files and bytes of one torrent.
    pub limits: Limits,
}

impl Options {
    /// Checks that the name can be a folder and a torrent on any system.
    pub fn check(&self) -> Result<(), ArchiveError> {
        let fine = !self.name.is_empty()
            && self.name.len() <= 80
            && self.name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            && !self.name.starts_with(['.', '-']);
        if fine {
            Ok(())
        } else {
            Err(ArchiveError::Usage(format!(
                "{:?} cannot name a release: use up to 80 letters, digits, `-`, `_` and `.`, not beginning with `.` or `-`",
                self.name
            )))
        }
    }

    fn announce(&self) -> Option<String> {
        self.url.as_ref().map(|url| format!("{}/announce", url.trim_end_matches('/')))
    }

    fn web_seed(&self) -> Option<String> {
        self.url.as_ref().map(|url| format!("{}/webseed/", url.trim_end_matches('/')))
    }
}

/// The popularity bands, most popular first: a torrent never mixes two, so that a mirror can begin at the top.
pub const BANDS: &[(i32, i32)] = &fonoteca_catalog::BANDS;
