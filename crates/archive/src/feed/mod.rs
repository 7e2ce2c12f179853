//! The archive's own feed: the signed list of what it gives out and of what was withdrawn.
//!
//! [`plan`] looks at what there is, [`publish`] signs and writes it; with the key on another machine, [`unsigned`] writes
//! what is to be signed, [`sign_folder`] signs it there, and [`publish_signed`] takes it from there. [`export`] writes what a
//! plain web server needs. [`rotate`] and [`revoke`] change keys.

mod export;
mod key_change;
mod offline;
mod own;
mod plan;
mod publish;
pub(crate) mod remote;
mod rss;

pub use export::{ExportOptions, ExportReport, WithFiles, export};
pub use key_change::{KeyChange, adopt, revoke, rotate, statements};
pub use offline::{Unsigned, publish_signed, sign_folder, unsigned};
pub use own::verify;
pub(crate) use own::{Own, read};
pub(crate) use plan::dark_file;
pub use plan::{Plan, plan};
pub use publish::publish;
pub use rss::{Channel, channels, rss};

use fonoteca_model::{Sha256Hash, Timestamp};
use fonoteca_torrent::FeedError;
use fonoteca_torrent::feed::{Document, Feed, PageRef, Seen, Trust, accept, accept_document};
use sha2::{Digest, Sha256};

use crate::error::ArchiveError;

/// The feed's file name, on disk and on the server.
pub const FEED: &str = "feed.json";
/// Its detached minisign signature.
pub const SIGNATURE: &str = "feed.json.minisig";
/// The folder of the pages, beside the feed on disk.
const PAGES: &str = ".pages";
/// A feed is believed for so long unless it is renewed.
pub const VALID_DAYS: i64 = 30;

/// A `feed.json` that is to be believed, and whom to trust after it.
#[derive(Debug, Clone)]
pub(crate) struct Believed {
    pub document: Document,
    pub sha256: Sha256Hash,
    pub trust: Trust,
}

impl Believed {
    /// The whole feed, its pages looked at, too.
    pub fn whole(
        &self,
        url: &str,
        now: Timestamp,
        read: impl FnMut(&PageRef) -> Result<Vec<u8>, ArchiveError>,
    ) -> Result<Feed, ArchiveError> {
        let feed = assemble(&self.document, url, read)?;
        accept(&feed, self.sha256, None, now).map_err(|source| ArchiveError::Feed { url: url.to_owned(), source })?;
        Ok(feed)
    }
}

/// The whole feed; `url` is what an error calls it.
pub(crate) fn assemble(
    document: &Document,
    url: &str,
    mut read: impl FnMut(&PageRef) -> Result<Vec<u8>, ArchiveError>,
) -> Result<Feed, ArchiveError> {
    enum Failed {
        Feed(FeedError),
        Reading(ArchiveError),
    }
    impl From<FeedError> for Failed {
        fn from(error: FeedError) -> Self {
            Self::Feed(error)
        }
    }
    document.assemble(|page| read(page).map_err(Failed::Reading)).map_err(|failed| match failed {
        Failed::Feed(source) => ArchiveError::Feed { url: url.to_owned(), source },
        Failed::Reading(error) => error,
    })
}

/// Believes a `feed.json`, or says why not; its pages are still to be read.
pub(crate) fn check(
    bytes: &[u8],
    signature: &str,
    trust: &Trust,
    seen: Option<&Seen>,
    now: Timestamp,
    url: &str,
) -> Result<Believed, ArchiveError> {
    let refused = |source| ArchiveError::Feed { url: url.to_owned(), source };
    let (document, trust) = trust.verify(bytes, signature).map_err(refused)?;
    let sha256 = Sha256Hash(Sha256::digest(bytes).into());
    accept_document(&document, sha256, seen, now).map_err(refused)?;
    Ok(Believed { document, sha256, trust })
}
