//! Whether an answer gives the bytes that were asked for.

use std::ops::Range;
use std::path::Path;

use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, LOCATION};
use reqwest::{Response, Url};

use crate::error::SwarmError;

/// Checks an answer to a request for `range` of a file of `size` bytes. What is returned is the range that the body
/// must have: the one asked for, or the whole file where the server ignores ranges.
pub(super) fn accept(response: &Response, url: &Url, range: &Range<u64>, size: u64) -> Result<Range<u64>, SwarmError> {
    let name = || url.to_string();
    let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
    let refuse = |problem: String| Err(SwarmError::Body { url: name(), problem });
    let body = match response.status().as_u16() {
        200 => 0..size,
        206 => range.clone(),
        451 => return Err(SwarmError::Withdrawn { url: name() }),
        status @ (404 | 410) => return Err(SwarmError::Missing { url: name(), status }),
        300..400 => {
            let to = header(LOCATION).unwrap_or("nowhere").chars().take(500).collect();
            return Err(SwarmError::Redirect { url: name(), to });
        }
        status => return Err(SwarmError::Status { url: name(), status }),
    };
    let html = header(CONTENT_TYPE).is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"));
    let extension = Path::new(url.path()).extension().unwrap_or_default();
    let may_be_html = extension.eq_ignore_ascii_case("html") || extension.eq_ignore_ascii_case("htm");
    if html && !may_be_html {
        return refuse("a web page came instead of the file".to_owned());
    }
    if let Some(encoding) = header(CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return refuse(format!("it came compressed ({encoding}), which was not asked for"));
    }
    if response.status() == 206 {
        let found = header(CONTENT_RANGE).unwrap_or("nothing");
        let asked = format!("bytes {}-{}", range.start, range.end - 1);
        if found != format!("{asked}/{size}") && found != format!("{asked}/*") {
            return refuse(format!("{asked} of {size} were asked for, and it says that it sends {found}"));
        }
    }
    let length: Option<u64> = header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let expected = body.end - body.start;
    if let Some(length) = length.filter(|length| *length != expected) {
        let than = if length < expected { "shorter" } else { "longer" };
        return refuse(format!("its {length} bytes are {than} than the {expected} of the torrent"));
    }
    Ok(body)
}
