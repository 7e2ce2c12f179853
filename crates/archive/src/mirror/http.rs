//! Fetching small documents from a feed's server, within limits.

use std::time::Duration;

use futures::StreamExt;

use crate::error::ArchiveError;

/// Silence after which a server is given up.
const STALL: Duration = Duration::from_secs(30);

/// The longest that a document may take, however steadily it trickles.
const WHOLE: Duration = Duration::from_mins(15);

/// A client that stays with the server it was sent to.
pub(crate) fn client() -> Result<reqwest::Client, ArchiveError> {
    reqwest::Client::builder()
        .connect_timeout(STALL)
        .read_timeout(STALL)
        .timeout(WHOLE)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(crate::ingest::AGENT)
        .build()
        .map_err(|error| ArchiveError::Bug(error.to_string()))
}

/// The body at `url`, refused when it is longer than `limit` bytes.
pub(crate) async fn get(client: &reqwest::Client, url: &str, limit: usize) -> Result<Vec<u8>, ArchiveError> {
    answer(client.get(url), url, limit).await
}

/// The body that answers a request to `url`, refused when it is longer than `limit` bytes.
pub(crate) async fn answer(request: reqwest::RequestBuilder, url: &str, limit: usize) -> Result<Vec<u8>, ArchiveError> {
    let response = request.send().await.map_err(|error| failed(url, plain(&error)))?;
    if !response.status().is_success() {
        return Err(failed(url, format!("the server answered {}", response.status())));
    }
    body(response, url, limit).await
}

/// As [`answer`]; a server that refuses is quoted.
pub(crate) async fn answer_or_reason(
    request: reqwest::RequestBuilder,
    url: &str,
    limit: usize,
) -> Result<Vec<u8>, ArchiveError> {
    let response = request.send().await.map_err(|error| failed(url, plain(&error)))?;
    let status = response.status();
    let body = body(response, url, limit).await?;
    if status.is_success() {
        return Ok(body);
    }
    let said: String = String::from_utf8_lossy(&body).chars().filter(|c| !c.is_control()).take(300).collect();
    Err(failed(url, format!("the server answered {status}: {said}")))
}

async fn body(response: reqwest::Response, url: &str, limit: usize) -> Result<Vec<u8>, ArchiveError> {
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|error| failed(url, plain(&error)))?;
        if body.len() + part.len() > limit {
            return Err(failed(url, format!("it is longer than {limit} bytes")));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

fn failed(url: &str, reason: String) -> ArchiveError {
    ArchiveError::Fetch { url: url.to_owned(), reason }
}

/// reqwest's own words hide the reason in the chain.
fn plain(error: &reqwest::Error) -> String {
    use std::error::Error;
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
