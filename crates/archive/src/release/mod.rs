//! Releases: what may be given to anyone, cut into torrents by popularity, from the stored hashes alone.
//!
//! A release has audio torrents, most popular first, one torrent with the rows about them, and one with the tables of all
//! that is given out. What a release gave out is not cut again when popularity moves, unless that is asked for: the next one
//! holds only what no release holds yet.

mod bands;
mod build;
mod catalogue;
mod check;
mod choice;
mod cut;
mod export;
mod index;
mod list;
mod manifest;
mod metadata;
mod package;
mod parts;
mod plan;
mod prepare;
mod select;
mod tables;
mod tail;
mod torrents;
mod verify;

use fonoteca_model::limits::Limits;

pub use bands::Bands;
pub use build::build;
pub use check::{CheckedFile, Found, TorrentCheck, check_torrent};
pub use choice::Choice;
pub use export::{ExportReport, Shape, export};
pub use list::{Listed, list};
pub(crate) use list::{manifests, read_torrent, torrents_here};
pub use manifest::{Made, Manifest, ManifestTorrent, ManifestVariant};
pub(crate) use parts::Parts;
pub use plan::{BandPlan, LeftOut, Plan, TailPlan, plan};
pub use prepare::{Encoder, Prepared, prepare};
pub use tail::{BELOW, Tail};
pub use verify::{ReleaseVerdict, verify};

use crate::error::ArchiveError;

/// What to release and how it is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// The release's name: a folder's name, and the beginning of each torrent's.
    pub name: String,
    /// Files and bytes of one torrent.
    pub limits: Limits,
    /// Which audio.
    pub choice: Choice,
    /// The bands to cut it along.
    pub bands: Bands,
    /// Copies instead of originals for what few people listen to.
    pub tail: Option<Tail>,
    /// Cut anew what this archive gave out before: the new torrents replace the old ones.
    pub recut: bool,
    /// What stands in the torrents outside of `info`.
    pub outside: Outside,
}

/// What stands in torrents outside of `info`, so that no info-hash depends on it.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Where the archive's server is reached, for its tracker and web seed; none: neither of them.
    pub url: Option<String>,
    /// More trackers, each a tier of its own behind the archive's.
    pub trackers: Vec<String>,
    /// More web seeds: folders under which the torrents' names lie.
    pub web_seeds: Vec<String>,
    /// Free text; none: the names of release and archive.
    pub comment: Option<String>,
    /// Where the torrents come from, in a word.
    pub source: Option<String>,
    /// Leave the moment of making out.
    pub undated: bool,
}

impl Options {
    /// A release of everything, in the usual bands and limits, that is reached nowhere.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            limits: Limits::default(),
            choice: Choice::default(),
            bands: Bands::default(),
            tail: None,
            recut: false,
            outside: Outside::default(),
        }
    }

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

    fn made(&self) -> Made {
        Made {
            choice: self.choice.clone(),
            bands: (self.bands != Bands::default()).then(|| self.bands.clone()),
            tail: self.tail,
            recut: self.recut,
        }
    }
}

impl Outside {
    fn announce(&self) -> Vec<String> {
        let own = self.url.as_ref().map(|url| format!("{}/announce", url.trim_end_matches('/')));
        own.into_iter().chain(self.trackers.iter().cloned()).collect()
    }

    fn web_seeds(&self) -> Vec<String> {
        let own = self.url.as_ref().map(|url| format!("{}/webseed/", url.trim_end_matches('/')));
        own.into_iter().chain(self.web_seeds.iter().cloned()).collect()
    }
}
