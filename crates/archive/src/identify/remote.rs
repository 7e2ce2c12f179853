//! Asking another archive's server.

use fonoteca_audio::identify::Sound;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::Identified;
use crate::error::ArchiveError;
use crate::mirror::http;

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;

#[derive(Deserialize)]
struct Answer {
    found: Vec<Identified>,
}

/// What the archive behind `server` holds of a sound, as far as the account with this API key may see it. The sound's
/// fingerprint is sent, not the sound.
pub async fn ask(server: &str, api_key: &str, sound: &Sound) -> Result<Vec<Identified>, ArchiveError> {
    let url = Url::parse(server).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let mut url = url.ok_or_else(|| {
        ArchiveError::Usage(format!("{server} is not the address of a server, such as https://music.example.org"))
    })?;
    if let Ok(mut path) = url.path_segments_mut() {
        // Below the address that was given, be that with or without a slash at its end.
        path.pop_if_empty().extend(["api", "identify"]);
    }
    let question = json!({ "fingerprints": sound }).to_string();
    let request = http::client()?.post(url.clone()).bearer_auth(api_key);
    let request = request.header("content-type", "application/json").body(question);
    let answer = http::answer(request, url.as_str(), MAX_ANSWER).await?;
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|error| ArchiveError::Foreign { name: url.to_string(), reason: error.to_string() })?;
    Ok(answer.found)
}
