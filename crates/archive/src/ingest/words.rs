//! The words of a song, as a blob of their own: from the file beside it, or from its tags.

use fonoteca_audio::lyrics::{parse_lrc, parse_plain, write_lrc};
use fonoteca_audio::{Analysis, AudioError};
use fonoteca_model::BlobHashes;

use super::beside::Beside;
use super::describe::Undescribed;
use crate::archive::Archive;
use crate::error::said;

/// The media type of words with times.
pub const LRC: &str = "application/x-lrc";
/// That of words without.
pub const PLAIN: &str = "text/plain";

/// Words that are in the store.
pub(super) struct Words {
    pub hashes: BlobHashes,
    pub mime: &'static str,
    pub embedded: bool,
}

/// Keeps the words of a file: with times before those without, beside the file before inside it. A file of several tracks
/// gets no words without times, since nobody could say whose they are.
pub(super) async fn keep_words(
    archive: &Archive,
    name: &str,
    is_several: bool,
    analysis: &mut Analysis,
    beside: &Beside,
) -> Result<Option<Words>, Undescribed> {
    let Some((bytes, mime, embedded)) = found(name, is_several, analysis, beside)? else { return Ok(None) };
    match archive.store().put_bytes(&bytes).await {
        Ok(put) => Ok(Some(Words { hashes: put.hashes, mime, embedded })),
        Err(error) if error.is_full() || error.is_io_error() => Err(Undescribed::Fails(error.into())),
        Err(error) => {
            analysis.notes.push(format!("the words were left: {}", said(&error)));
            Ok(None)
        }
    }
}

/// Bytes, their type, and whether they were inside the file.
type Found = (Vec<u8>, &'static str, bool);

fn found(name: &str, is_several: bool, analysis: &mut Analysis, beside: &Beside) -> Result<Option<Found>, AudioError> {
    let mut read = |ending: &str| {
        let Some(from) = beside.companion(name, ending) else { return Ok(None) };
        Ok(match beside.read_text(from)? {
            Ok(bytes) => bytes.map(|bytes| (from.to_owned(), bytes)),
            Err(error) => {
                analysis.notes.push(format!("the words in {from} were left: {error}"));
                None
            }
        })
    };
    let (lrc, text) = (read("lrc")?, read("txt")?);
    if let Some((from, bytes)) = lrc {
        match parse_lrc(&bytes) {
            Some(_) => return Ok(Some((bytes, LRC, false))),
            None if !is_several && parse_plain(&bytes).is_some() => return Ok(Some((bytes, PLAIN, false))),
            None => analysis.notes.push(format!("the words in {from} were left: no line has a time")),
        }
    }
    let tags = &analysis.tags;
    if !tags.timed_lyrics.is_empty() {
        return Ok(Some((write_lrc(&tags.timed_lyrics).into_bytes(), LRC, true)));
    }
    if is_several {
        return Ok(None);
    }
    if let Some((_, bytes)) = text.filter(|(_, bytes)| parse_plain(bytes).is_some()) {
        return Ok(Some((bytes, PLAIN, false)));
    }
    let words = tags.lyrics.as_ref().filter(|words| !words.trim().is_empty());
    Ok(words.map(|words| (words.clone().into_bytes(), PLAIN, true)))
}
