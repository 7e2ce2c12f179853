//! How a song is sent: its own bytes where that will do, a smaller copy made by `ffmpeg` where the player asks for one.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use bytes::Bytes;
use fonoteca_archive::quality::quality;
use fonoteca_audio::transcode::{Format, Input, Target, command};
use fonoteca_catalog::File;
use fonoteca_store::StoreError;
use futures::{Stream, stream};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::content::{Caching, Content, blob};
use crate::error::Internal;
use crate::library::Song;
use crate::subsonic::{ErrorCode, Failure};

const CHUNK_BYTES: usize = 32 * 1024;
const MAX_COMPLAINT_BYTES: u64 = 4 * 1024;
/// What copies are made at when only a format or a start was asked for.
const DEFAULT_KBPS: u32 = 192;

/// What a player asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// A format by name, or `raw` for the file as it is.
    pub(crate) format: Option<String>,
    /// Most kbit/s; 0 for any.
    pub(crate) max_kbps: u32,
    /// Where to begin.
    pub(crate) start_seconds: u32,
}

/// Why a song cannot be sent as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unplayable {
    /// No such format.
    Format(String),
    /// There is no `ffmpeg` here.
    NoTranscoder,
    /// As many copies are being made as the machine can take.
    Busy,
    /// Something failed inside.
    Internal,
}

impl Unplayable {
    fn message(&self) -> String {
        match self {
            Self::Format(name) => {
                format!("no format is called {name:?}; known are raw, mp3, opus, ogg, aac, flac, wav")
            }
            Self::NoTranscoder => "this server has no ffmpeg, so only originals are sent".to_owned(),
            Self::Busy => "as many songs are being transcoded as this server can take; try again soon".to_owned(),
            Self::Internal => "something went wrong; the server's log says what".to_owned(),
        }
    }
}

impl From<Internal> for Unplayable {
    fn from(_: Internal) -> Self {
        Self::Internal
    }
}

impl From<Unplayable> for Failure {
    fn from(unplayable: Unplayable) -> Self {
        Self::new(ErrorCode::Generic, unplayable.message())
    }
}

impl IntoResponse for Unplayable {
    fn into_response(self) -> axum::response::Response {
        let status = match self {
            Self::Format(_) => StatusCode::BAD_REQUEST,
            Self::NoTranscoder | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, self.message()).into_response()
    }
}

/// Sends a song as the player wishes; `None` when the store has lost it.
pub(crate) async fn play(
    app: &App,
    song: &Song,
    wish: &Wish,
    headers: &HeaderMap,
) -> Result<Option<Response<Body>>, Unplayable> {
    match target(&song.file, (song.start_ms, song.end_ms), wish)? {
        None => Ok(original(app, song, headers).await?),
        Some(target) => transcoded(app, song, target).await,
    }
}

/// Sends a song to keep: the bytes as they came, or of a track that is a part of a file that part.
pub(crate) async fn keep(app: &App, song: &Song, headers: &HeaderMap) -> Result<Option<Response<Body>>, Unplayable> {
    play(app, song, &Wish { format: Some("raw".to_owned()), ..Wish::default() }, headers).await
}

/// What a track is sent as where nothing else is asked for: its MIME type and extension.
///
/// A part of a file cannot be sent as its bytes came: whoever asks for one track of twelve would hear, and keep, all of them.
/// It is cut: without loss where the file has none, or else as MP3.
pub(crate) fn sent_as(song: &Song) -> (&str, &str) {
    if song.is_part() {
        let format = cut(&song.file);
        (format.mime(), format.extension())
    } else {
        (&song.file.mime, &song.file.extension)
    }
}

/// The coding that a part of a file is cut to.
fn cut(file: &File) -> Format {
    if quality(file).is_lossless() { Format::Flac } else { Format::Mp3 }
}

/// Sends the bytes as they came; `None` when the store has lost them.
async fn original(app: &App, song: &Song, headers: &HeaderMap) -> Result<Option<Response<Body>>, Internal> {
    app.metrics.streams.add(1);
    let content = Content {
        root: song.file.root,
        size: song.file.size.unsigned_abs(),
        mime: &song.file.mime,
        caching: Caching::Private,
        counter: Some(|metrics| &metrics.stream_bytes),
    };
    blob(app, content, headers).await
}

/// The copy to make, or `None` where the original is what is wanted.
fn target(
    file: &File,
    (start_ms, end_ms): (Option<i64>, Option<i64>),
    wish: &Wish,
) -> Result<Option<Target>, Unplayable> {
    let is_part = start_ms.is_some() || end_ms.is_some();
    let kbps = file.bit_rate.map_or(0, |bits| u32::try_from(bits / 1000).unwrap_or(0));
    let begins_at = u64::try_from(start_ms.unwrap_or(0)).unwrap_or(0) + u64::from(wish.start_seconds) * 1000;
    let raw = wish.format.as_deref() == Some("raw");
    let format = match wish.format.as_deref() {
        None | Some("raw") => None,
        Some(name) => Some(Format::from_name(name).ok_or_else(|| Unplayable::Format(name.chars().take(20).collect()))?),
    };
    let too_large = wish.max_kbps > 0 && !raw && (kbps == 0 || kbps > wish.max_kbps);
    let other_format = format.is_some_and(|format| format.extension() != file.extension);
    if !is_part && !too_large && !other_format && begins_at == 0 {
        return Ok(None);
    }
    // What is coded again should lose little.
    let usual = if is_part { kbps.max(DEFAULT_KBPS) } else { DEFAULT_KBPS };
    let kbps = if wish.max_kbps == 0 || raw { usual } else { wish.max_kbps };
    // Every player of the last 25 years plays MP3.
    let own = if is_part && !too_large { cut(file) } else { Format::Mp3 };
    let end_ms = end_ms.and_then(|end| u64::try_from(end).ok());
    Ok(Some(Target { format: format.unwrap_or(own), kbps, start_ms: begins_at, end_ms }))
}

async fn transcoded(app: &App, song: &Song, target: Target) -> Result<Option<Response<Body>>, Unplayable> {
    let permit = Arc::clone(&app.transcodes).try_acquire_owned().map_err(|_| Unplayable::Busy)?;
    let path = match app.archive.store().locate(song.file.root).await {
        Ok(Some(path)) => path,
        Ok(None) => return Ok(None),
        Err(error @ StoreError::ChangedInPlace { .. }) => {
            tracing::error!(%error, "a blob that the tables name is not there");
            return Ok(None);
        }
        Err(error) => return Err(app.internal("looking for a blob", &error).into()),
    };
    let mut command = Command::from(command(&app.options.ffmpeg, Input::Path(&path), target));
    let child = command.kill_on_drop(true).stderr(Stdio::piped()).spawn().map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            Unplayable::NoTranscoder
        } else {
            app.internal("starting ffmpeg", &error).into()
        }
    })?;
    app.metrics.streams.add(1);
    app.metrics.transcodes.add(1);
    let mut response = Response::new(Body::from_stream(output(child, permit)));
    let answer = response.headers_mut();
    answer.insert(CONTENT_TYPE, HeaderValue::from_static(target.format.mime()));
    answer.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
    answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Some(response))
}

/// What the child writes. Dropped half-way, it kills the child; a child that fails breaks the stream off, so that a part is
/// not taken for the whole.
fn output(mut child: Child, permit: OwnedSemaphorePermit) -> impl Stream<Item = io::Result<Bytes>> {
    let stdout = child.stdout.take();
    let complaints = child.stderr.take();
    if let Some(complaints) = complaints {
        tokio::spawn(async move {
            let mut text = Vec::new();
            let _ = complaints.take(MAX_COMPLAINT_BYTES).read_to_end(&mut text).await;
            if !text.is_empty() {
                tracing::warn!("ffmpeg: {}", String::from_utf8_lossy(&text).trim());
            }
        });
    }
    stream::unfold(stdout.map(|stdout| (stdout, child, permit)), async |state| {
        let (stdout, child, permit) = state?;
        next_chunk(stdout, child, permit).await
    })
}

type Running = (ChildStdout, Child, OwnedSemaphorePermit);

async fn next_chunk(
    mut stdout: ChildStdout,
    mut child: Child,
    permit: OwnedSemaphorePermit,
) -> Option<(io::Result<Bytes>, Option<Running>)> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    match stdout.read_buf(&mut chunk).await {
        Ok(0) => match child.wait().await {
            Ok(status) if status.success() => None,
            Ok(status) => Some((Err(io::Error::other(format!("ffmpeg ended with {status}"))), None)),
            Err(error) => Some((Err(error), None)),
        },
        Ok(_) => Some((Ok(chunk.into()), Some((stdout, child, permit)))),
        Err(error) => Some((Err(error), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(extension: &str, bit_rate: Option<i32>) -> File {
        serde_json::from_value(serde_json::json!({
            "root": "00".repeat(32), "path": [], "size": 1, "state": "sound", "state_reason": null,
            "container": "x", "extension": extension, "mime": "audio/x", "codec": "x", "bit_rate": bit_rate,
            "sample_rate": 44100, "channels": 2, "bit_depth": null, "duration_ms": 1000, "tags": "[]", "notes": [],
            "essence": "00".repeat(32), "essence_version": 1, "loudness_lufs": null, "loudness_range_lu": null,
            "true_peak_dbtp": null, "replaygain_track_gain_db": null, "replaygain_track_peak": null,
            "clipped_samples": null, "cutoff_hz": null, "cover_root": null, "at": 0, "job": null, "batch": null
        }))
        .expect("a row")
    }

    const WHOLE: (Option<i64>, Option<i64>) = (None, None);

    fn wish(format: Option<&str>, max_kbps: u32, start_seconds: u32) -> Wish {
        Wish { format: format.map(str::to_owned), max_kbps, start_seconds }
    }

    #[test]
    fn the_original_is_sent_wherever_it_will_do() {
        let flac = file("flac", Some(900_000));
        let mp3 = file("mp3", Some(192_000));
        for (file, wish) in [
            (&flac, wish(None, 0, 0)),
            (&flac, wish(Some("raw"), 64, 0)),
            (&flac, wish(Some("flac"), 0, 0)),
            (&flac, wish(None, 900, 0)),
            (&mp3, wish(Some("mp3"), 192, 0)),
            (&mp3, wish(None, 320, 0)),
        ] {
            assert_eq!(target(file, WHOLE, &wish), Ok(None), "{wish:?}");
        }
        let copy = |format, kbps, start_ms| Ok(Some(Target { format, kbps, start_ms, end_ms: None }));
        assert_eq!(target(&flac, WHOLE, &wish(None, 320, 0)), copy(Format::Mp3, 320, 0));
        assert_eq!(target(&flac, WHOLE, &wish(Some("opus"), 96, 0)), copy(Format::Opus, 96, 0));
        assert_eq!(target(&mp3, WHOLE, &wish(Some("opus"), 0, 0)), copy(Format::Opus, 192, 0));
        assert_eq!(target(&mp3, WHOLE, &wish(None, 0, 30)), copy(Format::Mp3, 192, 30_000));
        assert_eq!(target(&mp3, (Some(5_000), None), &wish(None, 0, 1)), copy(Format::Mp3, 192, 6_000));
        assert_eq!(target(&file("ogg", None), WHOLE, &wish(None, 128, 0)), copy(Format::Mp3, 128, 0), "rate not known");
        assert_eq!(target(&mp3, WHOLE, &wish(Some("exe"), 0, 0)), Err(Unplayable::Format("exe".into())));
    }
    #[test]
    fn a_part_of_a_file_is_cut_whatever_is_asked_for() {
        let flac = File { bit_depth: Some(16), codec: "flac".into(), ..file("flac", Some(900_000)) };
        let mp3 = File { codec: "mp3".into(), ..file("mp3", Some(256_000)) };
        let part = |format, kbps, start_ms, end_ms| Ok(Some(Target { format, kbps, start_ms, end_ms }));
        let range = (Some(0), Some(4_000));
        for asked in [wish(None, 0, 0), wish(Some("raw"), 64, 0), wish(Some("flac"), 0, 0)] {
            assert_eq!(
                target(&flac, range, &asked).map(|target| target.map(|target| target.format)),
                Ok(Some(Format::Flac))
            );
        }
        assert_eq!(target(&flac, range, &wish(None, 128, 0)), part(Format::Mp3, 128, 0, Some(4_000)));
        assert_eq!(target(&mp3, range, &wish(None, 0, 1)), part(Format::Mp3, 256, 1_000, Some(4_000)));
        assert_eq!(target(&mp3, (Some(4_000), None), &wish(Some("raw"), 0, 0)), part(Format::Mp3, 256, 4_000, None));
    }
}
