//! Beginning to follow a feed, and reading it again later.

use std::collections::HashSet;
use std::path::Path;

use fonoteca_torrent::feed::{Document, Feed, MAX_FEED_BYTES, PageRef, PublicKey, Seen, Trust};

use super::{Mirror, Rules, SeenFeed, http};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::feed::{Believed, FEED, SIGNATURE, assemble, check, remote};
use crate::rights::stable_id;

const SIGNATURE_BYTES: usize = 64 * 1024;

/// A feed that could be followed, as its server shows it.
#[derive(Debug)]
pub struct Offer {
    /// Where it is.
    pub url: String,
    /// What it says.
    pub feed: Feed,
    /// The keys it would be trusted by: those given, or those that they lead to, or else those that it names itself.
    pub keys: Vec<PublicKey>,
    /// The keys were given by a person; otherwise they are taken on first sight.
    pub keys_given: bool,
    fetched: Fetched,
    trust: Trust,
}

/// A feed that was fetched and is believed.
#[derive(Debug)]
struct Fetched {
    bytes: Vec<u8>,
    signature: String,
    believed: Believed,
    pages: remote::Pages,
}

/// Reads the feed at `url` without believing more of it than its signature proves.
pub async fn look(archive: &Archive, url: &str, keys: &[PublicKey]) -> Result<Offer, ArchiveError> {
    let url = url.trim_end_matches('/').trim_end_matches(FEED).trim_end_matches('/').to_owned();
    check_url(&url)?;
    let client = http::client()?;
    let (bytes, signature) = fetch(&client, &url).await?;
    let trusted = if keys.is_empty() {
        let named = Document::from_bytes(&bytes).map_err(|source| ArchiveError::Feed { url: url.clone(), source })?;
        named.outline().keys
    } else {
        keys.to_vec()
    };
    let believed = check(&bytes, &signature, &Trust::new(trusted), None, archive.now(), &url)?;
    let pages = remote::pages(&client, &url, &believed.document, |_| None).await?;
    let feed = believed.whole(&url, archive.now(), remote::from(&pages))?;
    let trust = believed.trust.clone();
    let fetched = Fetched { bytes, signature, believed, pages };
    Ok(Offer { url, feed, keys: trust.keys.clone(), keys_given: !keys.is_empty(), fetched, trust })
}

/// Refuses what cannot be the address of a feed.
pub(super) fn check_url(url: &str) -> Result<(), ArchiveError> {
    let parsed = url::Url::parse(url).map_err(|error| ArchiveError::Usage(format!("{url:?} is not a URL: {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(ArchiveError::Usage(format!("{url:?}: give an http or https URL without a login")));
    }
    Ok(())
}

/// Follows the offer from now on, under `name`, by these rules.
pub fn add(archive: &Archive, offer: Offer, name: &str, rules: &Rules) -> Result<Mirror, ArchiveError> {
    let fine = !name.is_empty()
        && name.len() <= 60
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !fine {
        return Err(ArchiveError::Usage(format!("{name:?} cannot name a mirror: use letters, digits, `-` and `_`")));
    }
    if Mirror::all(archive)?.iter().any(|mirror| mirror.name == name) {
        return Err(ArchiveError::Usage(format!("a mirror called {name:?} is there already: choose another --name")));
    }
    let mut mirror = Mirror {
        name: name.to_owned(),
        url: offer.url,
        keys: offer.trust.keys,
        former: offer.trust.former,
        revoked: offer.trust.revoked,
        seen: None,
        budget_bytes: None,
        seed: stable_id(&["mirror", &archive.root().display().to_string(), name, &archive.now().0.to_string()]),
        rules: rules.clone(),
    };
    rules.write(archive, name)?;
    remember(archive, &mut mirror, offer.fetched)?;
    Ok(mirror)
}

/// Follows the feed at another address from now on, if what is there goes on from what was believed so far.
pub async fn move_to(archive: &Archive, mirror: &mut Mirror, url: &str) -> Result<(), ArchiveError> {
    let url = url.trim_end_matches('/').trim_end_matches(FEED).trim_end_matches('/');
    check_url(url)?;
    let mut moved = Mirror { url: url.to_owned(), ..mirror.clone() };
    refresh_from(archive, &mut moved, url).await?;
    moved.write(archive)?;
    *mirror = moved;
    Ok(())
}

/// Reads the feed again, from the first of its addresses that answers. A new one is remembered; one that is not to be believed
/// is refused, and the old one stays. When the first address does not answer and no other one has anything newer, what was
/// believed last goes on to be believed until it expires: the others may still have its files.
pub(super) async fn refresh(archive: &Archive, mirror: &mut Mirror) -> Result<Feed, ArchiveError> {
    let addresses: Vec<String> = mirror.addresses().map(str::to_owned).collect();
    let several = addresses.len() > 1;
    let mut first = None;
    for url in addresses {
        match refresh_from(archive, mirror, &url).await {
            Ok(feed) => return Ok(feed),
            Err(error) => first = first.or(Some(error)),
        }
    }
    let error = first.unwrap_or_else(|| ArchiveError::Bug("a mirror without an address".to_owned()));
    if several && matches!(error, ArchiveError::Fetch { .. }) {
        let believed = remembered(archive, mirror)?.filter(|feed| feed.expires > archive.now());
        return believed.ok_or(error);
    }
    Err(error)
}

async fn refresh_from(archive: &Archive, mirror: &mut Mirror, url: &str) -> Result<Feed, ArchiveError> {
    let client = http::client()?;
    let (seen, trust) = (mirror.seen.map(Seen::from), mirror.trust());
    let held = crate::feed::read(&mirror.folder(archive))?;
    if let Some((bytes, signature)) = held
        && fetch_signature(&client, url).await? == signature.as_bytes()
    {
        // The same signature is the same feed, which may have expired meanwhile.
        let believed = check(&bytes, &signature, &trust, seen.as_ref(), archive.now(), url)?;
        // After a kill the feed may be newer than what is noted as seen, or a page may be torn.
        let is_seen = mirror.seen.is_some_and(|seen| seen.sha256 == believed.sha256);
        if let (true, Ok(Some(feed))) = (is_seen, remembered(archive, mirror)) {
            return Ok(feed);
        }
    }
    let (bytes, signature) = fetch(&client, url).await?;
    let believed = check(&bytes, &signature, &trust, seen.as_ref(), archive.now(), url)?;
    let folder = mirror.pages(archive);
    let known = |page: &PageRef| std::fs::read(folder.join(page.file_name())).ok();
    let pages = remote::pages(&client, url, &believed.document, known).await?;
    let feed = believed.whole(url, archive.now(), remote::from(&pages))?;
    remember(archive, mirror, Fetched { bytes, signature, believed, pages })?;
    Ok(feed)
}

/// Whether any of its addresses seems to have a later feed than the one believed last. Nothing of it is believed here.
pub(super) async fn has_changed(archive: &Archive, mirror: &Mirror) -> bool {
    let Ok(client) = http::client() else { return false };
    let Ok(Some((_, held))) = crate::feed::read(&mirror.folder(archive)) else { return true };
    for url in mirror.addresses() {
        let Ok(signature) = fetch_signature(&client, url).await else { continue };
        if signature == held.as_bytes() {
            continue;
        }
        let Ok(bytes) = http::get(&client, &format!("{url}/{FEED}"), MAX_FEED_BYTES).await else { continue };
        let serial = Document::from_bytes(&bytes).ok().map(|document| document.outline().serial);
        if serial > mirror.seen.map(|seen| seen.serial) {
            return true;
        }
    }
    false
}

/// The feed as it was last believed, without asking anybody.
pub(super) fn remembered(archive: &Archive, mirror: &Mirror) -> Result<Option<Feed>, ArchiveError> {
    let Some((bytes, _)) = crate::feed::read(&mirror.folder(archive))? else { return Ok(None) };
    let document =
        Document::from_bytes(&bytes).map_err(|source| ArchiveError::Feed { url: mirror.url.clone(), source })?;
    let folder = mirror.pages(archive);
    let read = |page: &PageRef| {
        let path = folder.join(page.file_name());
        std::fs::read(&path).map_err(ArchiveError::io(path, "cannot be read"))
    };
    assemble(&document, &mirror.url, read).map(Some)
}

/// Pages first, the mirror's own state last: a kill in between leaves what was believed before, or pages too many.
fn remember(archive: &Archive, mirror: &mut Mirror, fetched: Fetched) -> Result<(), ArchiveError> {
    let (folder, pages) = (mirror.folder(archive), mirror.pages(archive));
    std::fs::create_dir_all(&pages).map_err(ArchiveError::io(&pages, "cannot be made"))?;
    let mut names = HashSet::new();
    for page in fetched.believed.document.pages() {
        let name = page.file_name();
        let path = pages.join(&name);
        let bytes = fetched.pages.get(&page.sha256);
        if let Some(bytes) = bytes.filter(|bytes| std::fs::read(&path).ok().as_ref() != Some(bytes)) {
            // Not made durable one by one: a page that a crash tore has another hash, and is fetched again.
            std::fs::write(&path, bytes).map_err(ArchiveError::io(&path, "cannot be written"))?;
        }
        names.insert(name);
    }
    let (serial, sha256) = (fetched.believed.document.outline().serial, fetched.believed.sha256);
    fonoteca_store::write_file(&folder.join(SIGNATURE), fetched.signature.as_bytes())?;
    fonoteca_store::write_file(&folder.join(FEED), &fetched.bytes)?;
    mirror.seen = Some(SeenFeed { serial, sha256 });
    mirror.set_trust(fetched.believed.trust);
    mirror.write(archive)?;
    drop_others(&pages, &names)
}

/// Removes the pages that the feed names no more.
fn drop_others(folder: &Path, names: &HashSet<String>) -> Result<(), ArchiveError> {
    for entry in std::fs::read_dir(folder).map_err(ArchiveError::io(folder, "cannot be read"))? {
        let entry = entry.map_err(ArchiveError::io(folder, "cannot be read"))?;
        if !names.contains(&*entry.file_name().to_string_lossy()) {
            std::fs::remove_file(entry.path()).map_err(ArchiveError::io(entry.path(), "cannot be removed"))?;
        }
    }
    Ok(())
}

async fn fetch_signature(client: &reqwest::Client, url: &str) -> Result<Vec<u8>, ArchiveError> {
    http::get(client, &format!("{url}/{SIGNATURE}"), SIGNATURE_BYTES).await
}

async fn fetch(client: &reqwest::Client, url: &str) -> Result<(Vec<u8>, String), ArchiveError> {
    // A feed published between the two requests does not match its signature; asking once more settles it.
    let mut last = None;
    for _ in 0..2 {
        let signature = fetch_signature(client, url).await?;
        let bytes = http::get(client, &format!("{url}/{FEED}"), MAX_FEED_BYTES).await?;
        let again = fetch_signature(client, url).await?;
        let settled = signature == again;
        last = Some((bytes, again));
        if settled {
            break;
        }
    }
    let (bytes, signature) = last.ok_or_else(|| ArchiveError::Bug("a feed was not asked for".to_owned()))?;
    let signature = String::from_utf8(signature)
        .map_err(|_| ArchiveError::Fetch { url: format!("{url}/{SIGNATURE}"), reason: "it is not text".to_owned() })?;
    Ok((bytes, signature))
}
