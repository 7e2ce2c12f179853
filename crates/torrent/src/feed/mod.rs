//! The feed: a signed list of every torrent and every withdrawal of an archive, for mirrors to follow.
//!
//! `feed.json` is UTF-8 JSON; `feed.json.minisig` beside it is a minisign signature over its bytes. What it lists is on
//! pages that it names by their hashes. A mirror first calls [`Trust::verify`] with the keys it trusts, then
//! [`accept_document`] with what it saw last, then fetches the pages that it lacks, and [`Document::assemble`] makes the
//! whole [`Feed`], which [`accept`] looks at once more.

mod check;
mod entry;
mod keys;
mod pages;
mod trust;
mod types;

pub use check::{MAX_CLOCK_SKEW_SECONDS, Seen, accept, accept_document};
pub use entry::{Document, Entry};
pub use keys::{KeyError, PublicKey, SigningKey, sign, verify_bytes};
pub use pages::{Listing, MAX_PAGE_BYTES, PAGE_ENTRIES, Page, PageRef, lay_out, pack, unpack};
pub use trust::{Said, Statement, Trust};
pub use types::{Feed, FeedRelease, FeedTorrent, FeedVariant, Role, Seeders, Withdrawal};

use fonoteca_model::Timestamp;

/// The first format: one file with everything in it. It is read, and no longer written.
pub const FORMAT_WHOLE: &str = "fonoteca-feed/1";
/// The format that is written here: a signed entry that names pages.
pub const FORMAT_PAGED: &str = "fonoteca-feed/2";

/// Bytes of the largest `feed.json` that is read.
pub const MAX_FEED_BYTES: usize = 64 << 20;

/// Why a feed is refused.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The feed is larger than [`MAX_FEED_BYTES`].
    #[error("the feed is {found} bytes, at most {MAX_FEED_BYTES} are read")]
    TooLarge {
        /// Its size.
        found: usize,
    },
    /// What should be a signature is none.
    #[error("the feed's signature (feed.json.minisig) is not a minisign signature: {problem}")]
    SignatureText {
        /// What is wrong with it.
        problem: String,
    },
    /// Signed by nobody that the mirror trusts.
    #[error("the feed is signed with key {key_id}, which is not among the trusted keys ({trusted})")]
    UntrustedKey {
        /// The key's id, as minisign shows it.
        key_id: String,
        /// The ids of the trusted keys.
        trusted: String,
    },
    /// Signed by a key that handed over to another one.
    #[error(
        "the feed is signed with key {key_id}, which was replaced by another: \
         an old feed is being served, or somebody else has the old key"
    )]
    Replaced {
        /// The key's id.
        key_id: String,
    },
    /// Signed by a key that was revoked.
    #[error(
        "the feed is signed with key {key_id}, which was revoked: \
         whoever signs with it is not to be believed; ask the archive for its new key"
    )]
    Revoked {
        /// The key's id.
        key_id: String,
    },
    /// A statement in the chain of keys that its key did not sign, or that contradicts another.
    #[error("the feed's statements[{index}], about its keys, breaks the chain: {problem}")]
    Chain {
        /// Which one, counted from 0.
        index: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A page that is not what the feed says, or cannot be read.
    #[error("the feed's page {page} is refused: {problem}")]
    Page {
        /// The page's file name.
        page: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The signature is not over these bytes.
    #[error(
        "the feed's signature does not match: \
         it was changed after key {key_id} signed it, or was never signed with it"
    )]
    BadSignature {
        /// The id of the key the signature names.
        key_id: String,
    },
    /// Signing failed: the system gives no random numbers, or the key is damaged.
    #[error("the feed cannot be signed: {problem}")]
    Signing {
        /// What minisign says.
        problem: String,
    },
    /// Not JSON, or not the fields of a feed.
    #[error("the feed is not valid")]
    Json(#[from] serde_json::Error),
    /// Another format or a later version of it.
    #[error(
        "the feed's format is {found:?}, this program reads {FORMAT_WHOLE:?} and {FORMAT_PAGED:?}: \
         a newer version of it may be needed"
    )]
    Format {
        /// What the feed says it is.
        found: String,
    },
    /// A field has a value it cannot have, or there are too many of something.
    #[error("the feed's {field} {problem}")]
    Field {
        /// The field, as a path into the JSON.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Older than what was seen: somebody plays an old feed.
    #[error("the feed has serial {found}, but serial {seen} was already seen: an old feed is being served")]
    Older {
        /// The feed's serial.
        found: u64,
        /// The serial seen last.
        seen: u64,
    },
    /// Two different feeds with one serial.
    #[error("the feed has serial {serial} as the one seen before, but other content: two feeds are being served")]
    Forked {
        /// The serial of both.
        serial: u64,
    },
    /// The feed that follows the one seen does not name it as its previous one.
    #[error(
        "the feed's `previous` is not the hash of serial {seen}, which was seen before it: its history was rewritten"
    )]
    BrokenLink {
        /// The serial seen last.
        seen: u64,
    },
    /// Not valid any more.
    #[error(
        "the feed expired at {expires} (it is {now}): \
         its publisher has stopped renewing it, or an old one is served"
    )]
    Expired {
        /// When it expired.
        expires: Timestamp,
        /// The moment it was looked at.
        now: Timestamp,
    },
    /// Not valid yet.
    #[error(
        "the feed was published at {published}, which is in the future (it is {now}): \
         is this machine's clock right?"
    )]
    FromTheFuture {
        /// When it says it was published.
        published: Timestamp,
        /// The moment it was looked at.
        now: Timestamp,
    },
}
