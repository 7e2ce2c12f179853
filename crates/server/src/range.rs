//! Which bytes of a representation a request wants: `Range` and `If-Range` (RFC 9110, sections 13 and 14).
//!
//! Everything served here by range is named by the hash of its content, so one strong `ETag` is all the validation there
//! is. Several ranges in one request are answered with the whole, as the RFC allows: no music client asks for them, and
//! many small ranges are a known way to make a server work.

use std::ops::Range;

use axum::http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderValue};

/// What part of a representation to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Everything: 200.
    Whole,
    /// These bytes: 206. Never empty.
    Part(Range<u64>),
    /// None of the bytes asked for exist: 416.
    Unsatisfiable,
}

/// The strong entity tag of content with this hash.
pub(crate) fn etag(hash: &impl std::fmt::Display) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{hash}\"")).expect("a hash in quotes is a header value")
}

/// Whether the client says that it already has the content with this tag (`If-None-Match`).
pub(crate) fn already_there(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let Some(given) = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()) else { return false };
    given.trim() == "*" || given.split(',').any(|tag| tag.trim().trim_start_matches("W/").as_bytes() == etag.as_bytes())
}

/// Which of `size` bytes a request with these headers wants.
pub(crate) fn select(headers: &HeaderMap, etag: &HeaderValue, size: u64) -> Selection {
    let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else { return Selection::Whole };
    // A range of something else than what the client has a part of would be glued to the wrong bytes.
    if headers.get(IF_RANGE).is_some_and(|given| given != etag) {
        return Selection::Whole;
    }
    parse(range, size)
}

fn parse(range: &str, size: u64) -> Selection {
    let Some((unit, specs)) = range.split_once('=') else { return Selection::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || specs.contains(',') {
        return Selection::Whole;
    }
    let Some((first, last)) = specs.trim().split_once('-') else { return Selection::Whole };
    match (number(first), number(last)) {
        (Ok(Some(first)), Ok(last)) => {
            let last = last.unwrap_or(u64::MAX);
            if last < first {
                Selection::Whole
            } else if first >= size {
                Selection::Unsatisfiable
            } else {
                Selection::Part(first..last.saturating_add(1).min(size))
            }
        }
        (Ok(None), Ok(Some(suffix))) => {
            if suffix == 0 || size == 0 {
                Selection::Unsatisfiable
            } else {
                Selection::Part(size.saturating_sub(suffix)..size)
            }
        }
        // A header that does not follow the grammar is ignored (RFC 9110, section 14.2).
        _ => Selection::Whole,
    }
}

/// A number, nothing, or neither. One with more digits than fit is larger than any file.
fn number(text: &str) -> Result<Option<u64>, ()> {
    if text.is_empty() {
        Ok(None)
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(Some(text.parse().unwrap_or(u64::MAX)))
    } else {
        Err(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_at_every_edge() {
        use Selection::{Part, Unsatisfiable, Whole};
        for (range, size, expected) in [
            ("bytes=0-", 10, Part(0..10)),
            ("bytes=0-0", 10, Part(0..1)),
            ("bytes=9-9", 10, Part(9..10)),
            ("bytes=9-10", 10, Part(9..10)),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=10-20", 10, Unsatisfiable),
            ("bytes=-1", 10, Part(9..10)),
            ("bytes=-10", 10, Part(0..10)),
            ("bytes=-11", 10, Part(0..10)),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=-5", 0, Unsatisfiable),
            ("Bytes = 2-3", 10, Part(2..4)),
            ("bytes=0-99999999999999999999999", 10, Part(0..10)),
            ("bytes=99999999999999999999999-", 10, Unsatisfiable),
            ("bytes=5-4", 10, Whole),
            ("bytes=0-1,3-4", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("bytes", 10, Whole),
            ("items=0-1", 10, Whole),
            ("", 10, Whole),
        ] {
            assert_eq!(parse(range, size), expected, "{range} of {size}");
        }
    }

    #[test]
    fn a_part_is_sent_only_of_what_the_client_has() {
        let tag = etag(&"abc");
        let headers = |if_range: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_static("bytes=1-2"));
            headers.insert(IF_RANGE, HeaderValue::from_static(if_range));
            headers
        };
        assert_eq!(select(&headers("\"abc\""), &tag, 10), Selection::Part(1..3));
        assert_eq!(select(&headers("\"abd\""), &tag, 10), Selection::Whole);
        assert_eq!(select(&headers("W/\"abc\""), &tag, 10), Selection::Whole, "weak tags do not compare strongly");
        assert_eq!(select(&HeaderMap::new(), &tag, 10), Selection::Whole);
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let tag = etag(&"abc");
        for (given, there) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("*", true),
            ("\"x\"", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(given));
            assert_eq!(already_there(&headers, &tag), there, "{given}");
        }
        assert!(!already_there(&HeaderMap::new(), &tag));
    }
}
