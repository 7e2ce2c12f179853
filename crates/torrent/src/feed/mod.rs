//! The feed: a signed list of every torrent and every withdrawal of an archive, for mirrors to follow.
//!
//! `feed.json` is UTF-8 JSON; `feed.json.minisig` beside it is a minisign signature over its bytes. A mirror first
//! calls [`verify_signed`] with the keys it trusts, then [`accept`] with what it saw last.

mod check;
mod keys;
mod types;

pub use check::{MAX_CLOCK_SKEW_SECONDS, Seen, accept};
pub use keys::{KeyError, PublicKey, SigningKey, sign, verify_bytes, verify_signed};
pub use types::{Feed, FeedTorrent, FeedVariant, Role, Seeders, Withdrawal};

use fonoteca_model::Timestamp;

/// The format that is written and read here.
pub const FORMAT: &str = "fonoteca-feed/1";

/// Bytes of the largest feed that is read: an archive of 300 TB needs about 20 MB.
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
    #[error("the feed's format is {found:?}, this program reads {FORMAT:?}: a newer version of it may be needed")]
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
