//! Whether a feed is to be believed now, and whether its fields are what they should be.

use std::collections::HashSet;

use fonoteca_model::{Sha256Hash, Timestamp};

use super::entry::Document;
use super::types::{Feed, FeedTorrent, FeedVariant};
use super::{FORMAT_PAGED, FORMAT_WHOLE, FeedError};
use crate::build::Kind;
use crate::path::check_component;

/// How far the publisher's clock may be ahead of the mirror's.
pub const MAX_CLOCK_SKEW_SECONDS: i64 = 3600;

const MAX_KEYS: usize = 64;
const MAX_TORRENTS: usize = 100_000;
const MAX_WITHDRAWALS: usize = 1_000_000;
const MAX_TEXT_BYTES: usize = 8 * 1024;

/// What a mirror remembers of the feed that it accepted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its serial.
    pub serial: u64,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Hash,
}

/// Accepts or refuses a feed whose signature was verified.
///
/// Refused are: an unknown format, fields out of bounds, an expired feed, one from more than
/// [`MAX_CLOCK_SKEW_SECONDS`] in the future, a serial below the one seen, other bytes under the serial seen, and a feed
/// that follows directly on the one seen without naming its hash. The feed seen itself is accepted again.
pub fn accept(feed: &Feed, sha256: Sha256Hash, seen: Option<&Seen>, now: Timestamp) -> Result<(), FeedError> {
    if ![FORMAT_WHOLE, FORMAT_PAGED].contains(&feed.format.as_str()) {
        return Err(FeedError::Format { found: feed.format.clone() });
    }
    check(feed)?;
    if let Some(seen) = seen {
        if feed.serial < seen.serial {
            return Err(FeedError::Older { found: feed.serial, seen: seen.serial });
        }
        if feed.serial == seen.serial && sha256 != seen.sha256 {
            return Err(FeedError::Forked { serial: seen.serial });
        }
        if feed.serial - seen.serial == 1 && feed.previous != Some(seen.sha256) {
            return Err(FeedError::BrokenLink { seen: seen.serial });
        }
    }
    if feed.published > now.plus_seconds(MAX_CLOCK_SKEW_SECONDS) {
        return Err(FeedError::FromTheFuture { published: feed.published, now });
    }
    if feed.expires <= now {
        return Err(FeedError::Expired { expires: feed.expires, now });
    }
    Ok(())
}

/// The same for what was just fetched, before any of its pages is: what can be said without them.
pub fn accept_document(
    document: &Document,
    sha256: Sha256Hash,
    seen: Option<&Seen>,
    now: Timestamp,
) -> Result<(), FeedError> {
    match document {
        Document::Whole(feed) => accept(feed, sha256, seen, now),
        Document::Paged(entry) => {
            accept(&entry.outline(), sha256, seen, now)?;
            entry.torrents.check("torrents", MAX_TORRENTS)?;
            entry.releases.check("releases", MAX_TORRENTS)?;
            entry.withdrawals.check("withdrawals", MAX_WITHDRAWALS)?;
            entry.seeders.check("seeders", entry.torrents.entries as usize)
        }
    }
}

/// Names the field that is wrong.
fn field(field: impl Into<String>, problem: impl Into<String>) -> FeedError {
    FeedError::Field { field: field.into(), problem: problem.into() }
}

fn check(feed: &Feed) -> Result<(), FeedError> {
    text("name", &feed.name)?;
    if feed.serial == 0 {
        return Err(field("serial", "is 0; the first feed has 1"));
    }
    if (feed.serial == 1) != feed.previous.is_none() {
        return Err(field("previous", "must be there from serial 2 on, and only then"));
    }
    if feed.expires <= feed.published {
        return Err(field("expires", "is not after `published`"));
    }
    if let Some(url) = &feed.base_url {
        text("base_url", url)?;
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(field("base_url", format!("is {url:?}, not an http or https URL")));
        }
    }
    at_most("keys", feed.keys.len(), MAX_KEYS)?;
    at_most("torrents", feed.torrents.len(), MAX_TORRENTS)?;
    at_most("releases", feed.releases.len(), MAX_TORRENTS)?;
    at_most("withdrawals", feed.withdrawals.len(), MAX_WITHDRAWALS)?;
    let mut releases = HashSet::new();
    for (index, release) in feed.releases.iter().enumerate() {
        let at = format!("releases[{index}].release");
        check_component(&release.release).map_err(|problem| field(&at, format!("{:?}: {problem}", release.release)))?;
        if !releases.insert(&release.release) {
            return Err(field(&at, format!("{:?} is there twice", release.release)));
        }
    }
    let mut names = HashSet::new();
    let mut paths = HashSet::new();
    for (index, torrent) in feed.torrents.iter().enumerate() {
        let at = format!("torrents[{index}]");
        check_torrent(&at, torrent)?;
        if !names.insert((&torrent.release, &torrent.name)) {
            return Err(field(format!("{at}.name"), format!("{:?} is in its release twice", torrent.name)));
        }
        for (index, variant) in torrent.variants.iter().enumerate() {
            if !paths.insert(&variant.path) {
                return Err(field(
                    format!("{at}.variants[{index}].path"),
                    format!("{:?} is there twice", variant.path),
                ));
            }
        }
    }
    for (index, withdrawal) in feed.withdrawals.iter().enumerate() {
        let at = format!("withdrawals[{index}]");
        text(&format!("{at}.subject_kind"), &withdrawal.subject_kind)?;
        text(&format!("{at}.subject"), &withdrawal.subject)?;
        text(&format!("{at}.reason"), &withdrawal.reason)?;
        text(&format!("{at}.layer"), &withdrawal.layer)?;
    }
    Ok(())
}

fn check_torrent(at: &str, torrent: &FeedTorrent) -> Result<(), FeedError> {
    for (name, value) in [("release", &torrent.release), ("name", &torrent.name)] {
        // Both become names of files and folders on a mirror.
        check_component(value).map_err(|problem| field(format!("{at}.{name}"), format!("{value:?}: {problem}")))?;
    }
    if torrent.popularity.is_some_and(|[high, low]| high < low) {
        return Err(field(format!("{at}.popularity"), "has its lower bound first"));
    }
    if !(0.0..=1.0).contains(&torrent.listens_share) {
        return Err(field(format!("{at}.listens_share"), "is not between 0 and 1"));
    }
    for (index, licence) in torrent.licences.iter().enumerate() {
        text(&format!("{at}.licences[{index}]"), licence)?;
    }
    if torrent.variants.is_empty() {
        return Err(field(format!("{at}.variants"), "is empty"));
    }
    let mut variants = torrent.variants.iter().enumerate();
    variants.try_for_each(|(index, variant)| check_variant(&format!("{at}.variants[{index}]"), variant))
}

fn check_variant(at: &str, variant: &FeedVariant) -> Result<(), FeedError> {
    if let Err(problem) = variant.path.split('/').try_for_each(check_component) {
        return Err(field(format!("{at}.path"), format!("{:?} is not a relative path: {problem}", variant.path)));
    }
    if variant.path.contains([':', '?', '#', '%']) {
        return Err(field(format!("{at}.path"), format!("{:?} is not a plain relative path", variant.path)));
    }
    text(&format!("{at}.path"), &variant.path)?;
    if (variant.kind == Kind::Hybrid) != variant.infohash_v2.is_some() {
        return Err(field(format!("{at}.infohash_v2"), "must be there for a hybrid, and only then"));
    }
    text(&format!("{at}.magnet"), &variant.magnet)?;
    if !variant.magnet.contains(&format!("urn:btih:{}", variant.infohash_v1)) {
        return Err(field(format!("{at}.magnet"), "does not name `infohash_v1`"));
    }
    Ok(())
}

fn at_most(name: &str, found: usize, limit: usize) -> Result<(), FeedError> {
    if found > limit { Err(field(name, format!("has {found} entries, at most {limit} are taken"))) } else { Ok(()) }
}

fn text(name: &str, value: &str) -> Result<(), FeedError> {
    if value.len() > MAX_TEXT_BYTES {
        return Err(field(name, format!("has {} bytes, at most {MAX_TEXT_BYTES} are taken", value.len())));
    }
    if value.chars().any(|character| character.is_control() && character != '\n') {
        return Err(field(name, "has a control character in it"));
    }
    Ok(())
}
