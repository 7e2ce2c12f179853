//! Asking a web seed for a part of a file, for whoever checks the bytes by hashes of his own.

use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fonoteca_torrent::Metainfo;
use reqwest::{Client, header};
use tokio::time::{Instant, timeout_at};

use super::{client, response, url};
use crate::error::SwarmError;

/// Longest time without a byte.
const STALL: Duration = Duration::from_secs(30);
/// Longest time for one range.
const WHOLE: Duration = Duration::from_mins(10);

/// A web seed (BEP 19) that is asked for ranges. What it sends is not checked here.
#[derive(Debug)]
pub struct WebSeed {
    client: Client,
    base_url: String,
}

impl WebSeed {
    /// The web seed at `base_url`, as in a torrent's `url-list`; nobody is asked yet.
    pub fn new(base_url: impl Into<String>) -> Result<Self, SwarmError> {
        let base_url = base_url.into();
        Ok(Self { client: client(&base_url, STALL)?, base_url })
    }

    /// The bytes of a range of the file with this index, which must be within the file and not empty; exactly so many.
    pub async fn read(&self, metainfo: &Metainfo, index: usize, range: Range<u64>) -> Result<Bytes, SwarmError> {
        let file = metainfo.files.get(index).filter(|file| !file.pad && range.end <= file.size && !range.is_empty());
        let file = file.ok_or_else(|| SwarmError::NoSuchFile { torrent: metainfo.name.clone(), index })?;
        let url = url::file_url(&self.base_url, metainfo, file)?;
        let http =
            |source: reqwest::Error| SwarmError::Http { url: url.to_string(), source: Box::new(source.without_url()) };
        let whole = Instant::now() + WHOLE;
        let deadline = || whole.min(Instant::now() + STALL);
        let stalled = |_| SwarmError::SeedStalled { url: url.to_string(), seconds: STALL.as_secs() };
        let mut request = self.client.get(url.clone()).header(header::ACCEPT_ENCODING, "identity");
        if range != (0..file.size) {
            request = request.header(header::RANGE, format!("bytes={}-{}", range.start, range.end - 1));
        }
        let mut answer = timeout_at(deadline(), request.send()).await.map_err(stalled)?.map_err(http)?;
        let body = response::accept(&answer, &url, &range, file.size)?;
        let mut bytes = BytesMut::new();
        let mut position = body.start;
        // A server that ignores ranges sends everything; what follows the range is not waited for.
        while position < range.end {
            let Some(chunk) = timeout_at(deadline(), answer.chunk()).await.map_err(stalled)?.map_err(http)? else {
                let problem = format!("ends {} bytes too early", range.end - position);
                return Err(SwarmError::Body { url: url.to_string(), problem });
            };
            let within = |at: u64| at.clamp(position, position + chunk.len() as u64) - position;
            bytes.extend_from_slice(&chunk[within(range.start) as usize..within(range.end) as usize]);
            position += chunk.len() as u64;
        }
        Ok(bytes.freeze())
    }
}
