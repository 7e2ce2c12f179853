//! The address of a file on a web seed (BEP 19).

use fonoteca_torrent::{MetaFile, Metainfo};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use crate::error::SwarmError;

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `<base>/<name>/<path>`; a single file has its name appended only to a base that ends with a slash.
pub(super) fn file_url(base: &str, metainfo: &Metainfo, file: &MetaFile) -> Result<Url, SwarmError> {
    let bad = || SwarmError::BadUrl { url: base.chars().take(500).collect() };
    let mut url = base.to_owned();
    if !metainfo.single_file || base.ends_with('/') {
        if !url.ends_with('/') {
            url.push('/');
        }
        let below = if metainfo.single_file { &[][..] } else { &file.path };
        for (index, component) in std::iter::once(&metainfo.name).chain(below).enumerate() {
            if index > 0 {
                url.push('/');
            }
            url.extend(utf8_percent_encode(component, RESERVED));
        }
    }
    let parsed = Url::parse(&url).map_err(|_| bad())?;
    if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() { Ok(parsed) } else { Err(bad()) }
}
