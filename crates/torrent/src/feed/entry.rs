//! `feed.json` of format 2: what is signed. It lists nothing itself but names the pages that do, each by its hash, so that
//! the signature proves all of them and an update fetches only those that are new.

use fonoteca_model::units::millis;
use fonoteca_model::{Sha256Hash, Timestamp};
use serde::{Deserialize, Serialize};

use super::keys::PublicKey;
use super::pages::{Listing, PageRef, unpack};
use super::trust::Statement;
use super::types::{Feed, Seeders};
use super::{FORMAT_PAGED, FORMAT_WHOLE, FeedError, MAX_FEED_BYTES};

/// The signed part of a feed. Moments are integers of milliseconds since 1970 in the JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// [`FORMAT_PAGED`].
    pub format: String,
    /// The archive's name.
    pub name: String,
    /// 1, 2, 3, …: one more with each feed.
    pub serial: u64,
    /// When it was made.
    #[serde(with = "millis")]
    pub published: Timestamp,
    /// From when on it is no longer to be believed.
    #[serde(with = "millis")]
    pub expires: Timestamp,
    /// SHA-256 of the previous feed's bytes; `None` in the first one only.
    pub previous: Option<Sha256Hash>,
    /// The public keys in force.
    pub keys: Vec<PublicKey>,
    /// What the archive's keys said of each other, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// Where the relative paths begin, if not beside the feed.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Pages of [`FeedTorrent`](super::FeedTorrent), in the order in which they were published.
    pub torrents: Listing,
    /// Pages of [`FeedRelease`](super::FeedRelease).
    pub releases: Listing,
    /// Pages of [`Withdrawal`](super::Withdrawal), oldest first.
    pub withdrawals: Listing,
    /// Pages of [`Seeders`] or `null`, one for each torrent in the order of these.
    #[serde(default)]
    pub seeders: Listing,
}

impl Entry {
    /// The bytes to publish and sign: one line of JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("an entry has nothing that JSON cannot hold");
        bytes.push(b'\n');
        bytes
    }

    /// The feed without what its pages list.
    pub fn outline(&self) -> Feed {
        Feed {
            format: self.format.clone(),
            name: self.name.clone(),
            serial: self.serial,
            published: self.published,
            expires: self.expires,
            previous: self.previous,
            keys: self.keys.clone(),
            statements: self.statements.clone(),
            base_url: self.base_url.clone(),
            torrents: Vec::new(),
            releases: Vec::new(),
            withdrawals: Vec::new(),
        }
    }

    /// All pages, those of withdrawals first: they are what must not be missed.
    pub fn pages(&self) -> impl Iterator<Item = &PageRef> {
        let listings = [&self.withdrawals, &self.releases, &self.torrents, &self.seeders];
        listings.into_iter().flat_map(|listing| &listing.pages)
    }

    /// The whole feed; `read` gives the packed bytes of each page.
    pub fn assemble<E: From<FeedError>>(
        &self,
        mut read: impl FnMut(&PageRef) -> Result<Vec<u8>, E>,
    ) -> Result<Feed, E> {
        let mut feed = self.outline();
        for page in &self.withdrawals.pages {
            feed.withdrawals.extend(unpack(page, &read(page)?)?);
        }
        for page in &self.releases.pages {
            feed.releases.extend(unpack(page, &read(page)?)?);
        }
        for page in &self.torrents.pages {
            feed.torrents.extend(unpack(page, &read(page)?)?);
        }
        let mut seeders: Vec<Option<Seeders>> = Vec::new();
        for page in &self.seeders.pages {
            seeders.extend(unpack::<Option<Seeders>>(page, &read(page)?)?);
        }
        for (torrent, seeders) in feed.torrents.iter_mut().zip(seeders) {
            torrent.seeders = seeders;
        }
        Ok(feed)
    }
}

/// A `feed.json` of either format.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// Format 1: everything is in it.
    Whole(Feed),
    /// Format 2: it names pages.
    Paged(Entry),
}

impl Document {
    /// Reads a feed's bytes without looking at any signature: for one's own feeds. Foreign ones go through
    /// [`Trust::verify`](super::Trust::verify).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FeedError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
        }
        if bytes.len() > MAX_FEED_BYTES {
            return Err(FeedError::TooLarge { found: bytes.len() });
        }
        // A later version may have other fields; say so rather than complain of one of them.
        let head: Head = serde_json::from_slice(bytes)?;
        match head.format.as_str() {
            FORMAT_WHOLE => Ok(Self::Whole(serde_json::from_slice(bytes)?)),
            FORMAT_PAGED => Ok(Self::Paged(serde_json::from_slice(bytes)?)),
            _ => Err(FeedError::Format { found: head.format }),
        }
    }

    /// The feed as far as it is in the document itself.
    pub fn outline(&self) -> Feed {
        match self {
            Self::Whole(feed) => feed.clone(),
            Self::Paged(entry) => entry.outline(),
        }
    }

    /// What the archive's keys said of each other.
    pub fn statements(&self) -> &[Statement] {
        match self {
            Self::Whole(feed) => &feed.statements,
            Self::Paged(entry) => &entry.statements,
        }
    }

    /// The pages that it names; none in format 1.
    pub fn pages(&self) -> Vec<&PageRef> {
        match self {
            Self::Whole(_) => Vec::new(),
            Self::Paged(entry) => entry.pages().collect(),
        }
    }

    /// The whole feed; `read` gives the packed bytes of each page.
    pub fn assemble<E: From<FeedError>>(&self, read: impl FnMut(&PageRef) -> Result<Vec<u8>, E>) -> Result<Feed, E> {
        match self {
            Self::Whole(feed) => Ok(feed.clone()),
            Self::Paged(entry) => entry.assemble(read),
        }
    }
}
