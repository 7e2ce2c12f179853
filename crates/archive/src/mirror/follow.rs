//! Beginning to follow a feed, and reading it again later.

use fonoteca_model::Sha256Hash;
use fonoteca_torrent::feed::{Feed, MAX_FEED_BYTES, PublicKey, Seen};
use sha2::{Digest, Sha256};

use super::{Mirror, SeenFeed, http};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::feed::{FEED, SIGNATURE, check};

const SIGNATURE_BYTES: usize = 64 * 1024;

/// A feed that could be followed, as its server shows it.
#[derive(Debug)]
pub struct Offer {
    /// Where it is.
    pub url: String,
    /// What it says.
    pub feed: Feed,
    /// The keys it would be trusted by: those given, or else those that it names itself.
    pub keys: Vec<PublicKey>,
    /// The keys were given by a person; otherwise they are taken on first sight.
    pub keys_given: bool,
    bytes: Vec<u8>,
    signature: String,
}

/// Reads the feed at `url` without believing more of it than its signature proves.
pub async fn look(archive: &Archive, url: &str, keys: &[PublicKey]) -> Result<Offer, ArchiveError> {
    let url = url.trim_end_matches('/').trim_end_matches(FEED).trim_end_matches('/').to_owned();
    let parsed =
        url::Url::parse(&url).map_err(|error| ArchiveError::Usage(format!("{url:?} is not a URL: {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(ArchiveError::Usage(format!("{url:?}: give an http or https URL without a login")));
    }
    let (bytes, signature) = fetch(&url).await?;
    let named = Feed::from_bytes(&bytes).map_err(|source| ArchiveError::Feed { url: url.clone(), source })?.keys;
    let trusted = if keys.is_empty() { named } else { keys.to_vec() };
    let feed = check(&bytes, &signature, &trusted, None, archive.now(), &url)?;
    Ok(Offer { url, feed, keys: trusted, keys_given: !keys.is_empty(), bytes, signature })
}

/// Follows the offer from now on, under `name`.
pub fn add(archive: &Archive, offer: Offer, name: &str, budget_bytes: Option<u64>) -> Result<Mirror, ArchiveError> {
    let fine = !name.is_empty()
        && name.len() <= 60
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !fine {
        return Err(ArchiveError::Usage(format!("{name:?} cannot name a mirror: use letters, digits, `-` and `_`")));
    }
    if Mirror::all(archive)?.iter().any(|mirror| mirror.name == name) {
        return Err(ArchiveError::Usage(format!("a mirror called {name:?} is there already: choose another --name")));
    }
    let mut mirror = Mirror { name: name.to_owned(), url: offer.url, keys: offer.keys, seen: None, budget_bytes };
    remember(archive, &mut mirror, &offer.feed, &offer.bytes, &offer.signature)?;
    Ok(mirror)
}

/// Reads the feed again. A new one is remembered; one that is not to be believed is refused, and the old one stays.
pub(super) async fn refresh(archive: &Archive, mirror: &mut Mirror) -> Result<Feed, ArchiveError> {
    let (bytes, signature) = fetch(&mirror.url).await?;
    let seen = mirror.seen.map(Seen::from);
    let feed = check(&bytes, &signature, &mirror.keys, seen.as_ref(), archive.now(), &mirror.url)?;
    remember(archive, mirror, &feed, &bytes, &signature)?;
    Ok(feed)
}

/// The feed as it was last believed, without asking anybody.
pub(super) fn remembered(archive: &Archive, mirror: &Mirror) -> Result<Option<Feed>, ArchiveError> {
    match crate::feed::read(&mirror.folder(archive))? {
        Some((bytes, _)) => {
            Feed::from_bytes(&bytes).map(Some).map_err(|source| ArchiveError::Feed { url: mirror.url.clone(), source })
        }
        None => Ok(None),
    }
}

fn remember(
    archive: &Archive,
    mirror: &mut Mirror,
    feed: &Feed,
    bytes: &[u8],
    signature: &str,
) -> Result<(), ArchiveError> {
    let folder = mirror.folder(archive);
    std::fs::create_dir_all(&folder).map_err(ArchiveError::io(&folder, "cannot be made"))?;
    fonoteca_store::write_file(&folder.join(SIGNATURE), signature.as_bytes())?;
    fonoteca_store::write_file(&folder.join(FEED), bytes)?;
    mirror.seen = Some(SeenFeed { serial: feed.serial, sha256: Sha256Hash(Sha256::digest(bytes).into()) });
    mirror.write(archive)
}

async fn fetch(url: &str) -> Result<(Vec<u8>, String), ArchiveError> {
    let client = http::client()?;
    let signature_url = format!("{url}/{SIGNATURE}");
    // A feed published between the two requests does not match its signature; asking once more settles it.
    let mut last = None;
    for _ in 0..2 {
        let signature = http::get(&client, &signature_url, SIGNATURE_BYTES).await?;
        let bytes = http::get(&client, &format!("{url}/{FEED}"), MAX_FEED_BYTES).await?;
        let again = http::get(&client, &signature_url, SIGNATURE_BYTES).await?;
        let settled = signature == again;
        last = Some((bytes, again));
        if settled {
            break;
        }
    }
    let (bytes, signature) = last.ok_or_else(|| ArchiveError::Bug("a feed was not asked for".to_owned()))?;
    let signature = String::from_utf8(signature)
        .map_err(|_| ArchiveError::Fetch { url: signature_url, reason: "it is not text".to_owned() })?;
    Ok((bytes, signature))
}
