//! Covers: as they came, or smaller where somebody asks for less. Smaller ones are made by `ffmpeg`, and kept in memory
//! within a limit: they are made again faster than a disk would have to be looked after.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use fonoteca_audio::scale::{self, Made};
use fonoteca_model::BlobId;
use fonoteca_model::limits::Limits;
use lru::LruCache;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::content::{Caching, Content, blob, made};
use crate::error::Internal;
use crate::library::Cover;
use crate::range::etag;

/// Memory for smaller covers; some 2,000 of 300 pixels.
const KEPT_BYTES: usize = 32 << 20;
/// What an entry takes beside its picture, about.
const ENTRY_BYTES: usize = 200;
/// Pictures made at once; others wait.
const AT_ONCE: usize = 4;
/// A picture that takes longer is sent as it is.
const PATIENCE: Duration = Duration::from_secs(15);
/// No screen shows a cover larger.
const LARGEST_SIDE: u32 = 4096;

/// What came of making a picture smaller: nothing where it is small enough already, or cannot be read.
type Smaller = Option<(Bytes, Made)>;

/// The smaller covers made so far.
pub(crate) struct Covers {
    kept: Mutex<Kept>,
    turns: Semaphore,
}

struct Kept {
    pictures: LruCache<(BlobId, u32), Smaller>,
    bytes: usize,
}

impl Default for Covers {
    fn default() -> Self {
        Self { kept: Mutex::new(Kept { pictures: LruCache::unbounded(), bytes: 0 }), turns: Semaphore::new(AT_ONCE) }
    }
}

impl Covers {
    fn get(&self, key: (BlobId, u32)) -> Option<Smaller> {
        self.kept.lock().pictures.get(&key).cloned()
    }

    fn keep(&self, key: (BlobId, u32), smaller: Smaller) {
        self.kept.lock().put(key, smaller, KEPT_BYTES);
    }
}

impl Kept {
    fn put(&mut self, key: (BlobId, u32), smaller: Smaller, most: usize) {
        self.bytes += cost(&smaller);
        if let Some(old) = self.pictures.put(key, smaller) {
            self.bytes -= cost(&old);
        }
        while self.bytes > most
            && let Some((_, oldest)) = self.pictures.pop_lru()
        {
            self.bytes -= cost(&oldest);
        }
    }
}

fn cost(smaller: &Smaller) -> usize {
    ENTRY_BYTES + smaller.as_ref().map_or(0, |(bytes, _)| bytes.len())
}

/// Sends a cover, with its longer side of at most `side` pixels; 0 stands for the size that it has. `None` when the store has
/// lost it.
pub(crate) async fn cover(
    app: &App,
    cover: &Cover,
    side: u32,
    headers: &HeaderMap,
) -> Result<Option<Response<Body>>, Internal> {
    let side = side.min(LARGEST_SIDE);
    if side > 0
        && let Some((bytes, kind)) = smaller(app, cover, side).await?
    {
        let tag = etag(&format_args!("{}-{side}", cover.root));
        return Ok(Some(made(&bytes, tag, kind.mime(), Caching::Private, headers)));
    }
    // A cover comes from somebody's file: only pictures that cannot run anything are shown as what they say they are.
    let mime = match cover.mime.as_str() {
        mime @ ("image/jpeg" | "image/png" | "image/gif" | "image/webp" | "image/avif" | "image/bmp") => mime,
        _ => "application/octet-stream",
    };
    let content = Content { root: cover.root, size: cover.size, mime, caching: Caching::Private, counter: None };
    blob(app, content, headers).await
}

/// The cover made smaller, if it is larger than that.
async fn smaller(app: &App, cover: &Cover, side: u32) -> Result<Smaller, Internal> {
    let key = (cover.root, side);
    if let Some(known) = app.covers.get(key) {
        return Ok(known);
    }
    let Some((command, kind)) = scale::command(&app.options.ffmpeg, &cover.mime, side) else { return Ok(None) };
    let turn = app.covers.turns.acquire().await.map_err(|error| app.internal("waiting for a turn", &error))?;
    // Somebody else may have asked for the same meanwhile.
    if let Some(known) = app.covers.get(key) {
        return Ok(known);
    }
    let picture = app.archive.store().read_all(cover.root, Limits::default().cover_bytes).await;
    // Whoever sends the original tells what is wrong with it.
    let Ok(picture) = picture else { return Ok(None) };
    let longer =
        |mime: &str, picture: &Bytes| scale::dimensions(mime, picture).map(|(width, height)| width.max(height));
    let came = longer(&cover.mime, &picture);
    if came.is_some_and(|came| came <= side) {
        app.covers.keep(key, None);
        return Ok(None);
    }
    let made = match tokio::time::timeout(PATIENCE, run(command, picture)).await {
        Ok(Ok(made)) => made,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(Err(error)) => return Err(app.internal("making a cover smaller", &error)),
        Err(_) => None,
    };
    drop(turn);
    // What was small enough already is better sent as it is; where its header did not tell, the copy's size does.
    let made = made.filter(|bytes| {
        longer(kind.mime(), bytes) == Some(side) && (came.is_some() || (bytes.len() as u64) < cover.size)
    });
    if made.is_none() {
        tracing::debug!(root = %cover.root, side, "the cover is sent as it is");
    }
    let smaller = made.map(|bytes| (bytes, kind));
    app.covers.keep(key, smaller.clone());
    Ok(smaller)
}

/// What the command makes of the picture; nothing if it fails.
async fn run(command: std::process::Command, picture: Bytes) -> std::io::Result<Option<Bytes>> {
    let mut child = Command::from(command).kill_on_drop(true).spawn()?;
    let stdin = child.stdin.take();
    let write = async move {
        if let Some(mut stdin) = stdin {
            // Whoever has seen enough closes the pipe; that is no failure.
            let _ = stdin.write_all(&picture).await;
        }
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    let output = output?;
    if !output.status.success() {
        tracing::warn!("ffmpeg: {}", String::from_utf8_lossy(&output.stderr).trim());
        return Ok(None);
    }
    Ok(Some(output.stdout.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pictures_are_made_smaller_and_what_is_none_is_left() {
        let ffmpeg = std::ffi::OsStr::new("ffmpeg");
        let picture = fonoteca_testkit::sample().join("Tower Recorders/Bells (2017)/folder.png");
        let picture = Bytes::from(std::fs::read(picture).expect("the sample is there"));
        let side = async |mime, side, picture: &Bytes| {
            let (command, kind) = scale::command(ffmpeg, mime, side).expect("it is read");
            let made = run(command, picture.clone()).await.expect("it runs")?;
            scale::dimensions(kind.mime(), &made)
        };
        assert_eq!(side("image/png", 96, &picture).await, Some((96, 96)));
        assert_eq!(side("image/png", 900, &picture).await, Some((400, 400)), "never larger");
        assert_eq!(side("image/jpeg", 96, &picture).await, None, "not what it is said to be");
        assert_eq!(side("image/png", 96, &picture.slice(..40)).await, None, "cut off");
        assert_eq!(side("image/webp", 96, &Bytes::from_static(b"#EXTM3U\n/etc/passwd\n")).await, None);
        // A header that promises 50,000 times 50,000 pixels.
        let mut bomb = picture.to_vec();
        bomb[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
        assert_eq!(side("image/png", 96, &bomb.into()).await, None);
        let missing = scale::command(std::ffi::OsStr::new("/no/ffmpeg"), "image/png", 96).expect("it is read").0;
        assert_eq!(run(missing, picture).await.expect_err("no program").kind(), std::io::ErrorKind::NotFound);
    }

    #[test]
    fn what_was_not_asked_for_the_longest_goes_first() {
        let mut kept = Kept { pictures: LruCache::unbounded(), bytes: 0 };
        let picture = || Some((Bytes::from_static(&[0; 1000]), Made::Jpeg));
        let key = |number: u8| (BlobId([number; 32]), 300);
        for number in 0..3 {
            kept.put(key(number), picture(), 3 * (1000 + ENTRY_BYTES));
        }
        assert!(kept.pictures.get(&key(0)).is_some());
        kept.put(key(3), picture(), 3 * (1000 + ENTRY_BYTES));
        kept.put(key(3), None, 3 * (1000 + ENTRY_BYTES));
        let left: Vec<u8> = (0..4).filter(|number| kept.pictures.contains(&key(*number))).collect();
        assert_eq!((left, kept.bytes), (vec![0, 2, 3], 2 * 1000 + 3 * ENTRY_BYTES));
    }
}
