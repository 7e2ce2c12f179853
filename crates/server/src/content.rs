//! Answers whose bytes are a blob's, or zeros: whole, in part, or not again.

use std::ops::ControlFlow;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue,
};
use axum::http::{HeaderMap, Response, StatusCode};
use bytes::Bytes;
use fonoteca_model::BlobId;
use fonoteca_store::StoreError;
use futures::{StreamExt, TryStreamExt, stream};

use crate::app::App;
use crate::error::Internal;
use crate::metrics::{Counter, Metrics};
use crate::range::{Selection, already_there, etag, select};

const OCTETS: &str = "application/octet-stream";

/// Who may keep a copy of an answer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// Anyone, for a day: the content never changes, but it may be withdrawn.
    Public,
    /// The user's own browser, asking each time whether it still holds.
    Private,
}

impl Caching {
    const fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Public => "public, max-age=86400, immutable",
            Self::Private => "private, no-cache",
        })
    }
}

/// One of the counters.
pub(crate) type Count = fn(&Metrics) -> &Counter;

/// A blob to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) root: BlobId,
    pub(crate) size: u64,
    pub(crate) mime: &'a str,
    pub(crate) caching: Caching,
    /// Where the bytes are counted as they are sent.
    pub(crate) counter: Option<Count>,
}

/// Answers with a blob, as the request's range and tags want it. A blob that the store has lost is `None`.
pub(crate) async fn blob(
    app: &App,
    content: Content<'_>,
    headers: &HeaderMap,
) -> Result<Option<Response<Body>>, Internal> {
    let tag = etag(&content.root);
    let selection = match prepared(headers, &tag, content.size, content.caching) {
        ControlFlow::Continue(selection) => selection,
        ControlFlow::Break(response) => return Ok(Some(response)),
    };
    let range = match &selection {
        Selection::Part(range) => range.clone(),
        _ => 0..content.size,
    };
    let bytes = match app.archive.store().read(content.root, range.clone()).await {
        Ok(bytes) => bytes,
        Err(error @ (StoreError::Missing { .. } | StoreError::ChangedInPlace { .. })) => {
            tracing::error!(%error, "a blob that the tables name is not there");
            return Ok(None);
        }
        Err(error) => return Err(app.internal("reading a blob", &error)),
    };
    let (counting, counter) = (app.clone(), content.counter);
    let bytes = bytes.inspect_ok(move |chunk| {
        if let Some(counter) = counter {
            counter(&counting.metrics).add(chunk.len() as u64);
        }
    });
    let body = Body::from_stream(bytes);
    Ok(Some(respond(selection, content.size, body, content.mime, content.caching, tag)))
}

/// Answers with bytes that are in memory.
pub(crate) fn made(
    bytes: &Bytes,
    tag: HeaderValue,
    mime: &str,
    caching: Caching,
    headers: &HeaderMap,
) -> Response<Body> {
    let size = bytes.len() as u64;
    let selection = match prepared(headers, &tag, size, caching) {
        ControlFlow::Continue(selection) => selection,
        ControlFlow::Break(response) => return response,
    };
    let part = match &selection {
        Selection::Part(range) => bytes.slice(range.start as usize..range.end as usize),
        _ => bytes.clone(),
    };
    respond(selection, size, Body::from(part), mime, caching, tag)
}

/// Answers with `size` zeros: the padding of a torrent (BEP 47), which nobody stores. `sent` is told of each piece's bytes.
pub(crate) fn zeros(size: u64, headers: &HeaderMap, sent: impl Fn(u64) + Send + 'static) -> Response<Body> {
    static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
    let tag = etag(&format_args!("zeros-{size}"));
    let selection = match prepared(headers, &tag, size, Caching::Public) {
        ControlFlow::Continue(selection) => selection,
        ControlFlow::Break(response) => return response,
    };
    let length = if let Selection::Part(range) = &selection { range.end - range.start } else { size };
    let chunks = stream::unfold(length, async |left| {
        let now = left.min(ZEROS.len() as u64);
        (now > 0).then(|| (Bytes::from_static(&ZEROS[..now as usize]), left - now))
    });
    let chunks = chunks.inspect(move |chunk| sent(chunk.len() as u64));
    let body = Body::from_stream(chunks.map(Ok::<_, std::convert::Infallible>));
    respond(selection, size, body, OCTETS, Caching::Public, tag)
}

/// What to send, or the answer that sends nothing: 304, 416.
fn prepared(
    headers: &HeaderMap,
    tag: &HeaderValue,
    size: u64,
    caching: Caching,
) -> ControlFlow<Response<Body>, Selection> {
    let empty = |status| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response.headers_mut().insert(CACHE_CONTROL, caching.header());
        response
    };
    if already_there(headers, tag) {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        response.headers_mut().insert(ETAG, tag.clone());
        return ControlFlow::Break(response);
    }
    match select(headers, tag, size) {
        Selection::Unsatisfiable => {
            let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
            let range = HeaderValue::from_str(&format!("bytes */{size}")).expect("digits are a header value");
            response.headers_mut().insert(CONTENT_RANGE, range);
            ControlFlow::Break(response)
        }
        selection => ControlFlow::Continue(selection),
    }
}

fn respond(
    selection: Selection,
    size: u64,
    body: Body,
    mime: &str,
    caching: Caching,
    tag: HeaderValue,
) -> Response<Body> {
    let mut response = Response::new(body);
    let mut length = size;
    if let Selection::Part(range) = selection {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        length = range.end - range.start;
        let text = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        let value = HeaderValue::from_str(&text).expect("digits are a header value");
        response.headers_mut().insert(CONTENT_RANGE, value);
    }
    let answer = response.headers_mut();
    answer.insert(CONTENT_LENGTH, HeaderValue::from(length));
    answer.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer.insert(CONTENT_TYPE, HeaderValue::from_str(mime).unwrap_or(HeaderValue::from_static(OCTETS)));
    answer.insert(CACHE_CONTROL, caching.header());
    answer.insert(ETAG, tag);
    response
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::header::RANGE;

    use super::*;

    async fn ask(range: Option<&'static str>, size: u64) -> (StatusCode, Option<String>, Vec<u8>) {
        let mut headers = HeaderMap::new();
        if let Some(range) = range {
            headers.insert(RANGE, HeaderValue::from_static(range));
        }
        let counted = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counter = counted.clone();
        let count = move |sent| {
            counter.fetch_add(sent, std::sync::atomic::Ordering::Relaxed);
        };
        let response = zeros(size, &headers, count);
        let range = response.headers().get(CONTENT_RANGE).map(|value| value.to_str().expect("text").to_owned());
        let status = response.status();
        let declared = response.headers().get(CONTENT_LENGTH).map(|value| value.to_str().expect("text").to_owned());
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("read").to_vec();
        assert!(declared.is_none_or(|declared| declared == body.len().to_string()));
        assert_eq!(counted.load(std::sync::atomic::Ordering::Relaxed), body.len() as u64);
        (status, range, body)
    }

    #[tokio::test]
    async fn padding_is_zeros_in_any_range() {
        assert_eq!(ask(None, 70_000).await, (StatusCode::OK, None, vec![0; 70_000]));
        let part = (StatusCode::PARTIAL_CONTENT, Some("bytes 65535-65537/70000".into()), vec![0; 3]);
        assert_eq!(ask(Some("bytes=65535-65537"), 70_000).await, part);
        let none = (StatusCode::RANGE_NOT_SATISFIABLE, Some("bytes */5".into()), vec![]);
        assert_eq!(ask(Some("bytes=5-"), 5).await, none);
    }
}
