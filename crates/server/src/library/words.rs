//! The words of a song: from the blob that came with its file, or from what its tags say.

use fonoteca_archive::ingest::LRC;
use fonoteca_audio::TimedLine;
use fonoteca_audio::lyrics::{parse_lrc, parse_plain};
use fonoteca_catalog::BlobKind;
use fonoteca_store::StoreError;

use super::{Library, Song};
use crate::error::Internal;

/// Words are a few kilobytes long.
const MOST_BYTES: u64 = 1 << 20;

/// Words of a song.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Words {
    /// With the time of each line from the beginning of the song.
    Timed(Vec<TimedLine>),
    /// Without times.
    Plain(String),
}

impl Library<'_> {
    /// What is known of the words of a song that the user may hear, each way of writing them once.
    pub(crate) async fn words(&self, song: &Song) -> Result<Vec<Words>, Internal> {
        let mut all = Vec::new();
        all.extend(self.words_kept(song).await?);
        let told = self.snapshot.supplements(&[song.track.id]).await.map_err(|error| self.failed(&error))?;
        let told = told.into_values().flatten().filter(|told| told.kind == "lyrics" && told.kind_of == "track");
        for told in told {
            all.push(match parse_lrc(told.value.as_bytes()) {
                Some(lrc) => Words::Timed(lrc.lines),
                None => Words::Plain(told.value),
            });
        }
        let mut words: Vec<Words> = Vec::new();
        for found in all.into_iter().filter_map(|found| of_part(song, found)) {
            let is_same = |known: &Words| matches!(known, Words::Timed(_)) == matches!(found, Words::Timed(_));
            if !words.iter().any(is_same) {
                words.push(found);
            }
        }
        Ok(words)
    }

    /// The words that were kept as a blob.
    async fn words_kept(&self, song: &Song) -> Result<Option<Words>, Internal> {
        let Some(root) = song.file.lyrics_root else { return Ok(None) };
        if self.verdicts(&[root]).await?.get(&root).is_some_and(|verdict| verdict.withdrawn) {
            return Ok(None);
        }
        let blobs = self.snapshot.blobs(&[root]).await.map_err(|error| self.failed(&error))?;
        let Some((_, blob)) = blobs.get(&root).filter(|(_, blob)| blob.kind == BlobKind::Lyrics) else {
            return Ok(None);
        };
        let bytes = match self.app.archive.store().read_all(root, MOST_BYTES).await {
            Ok(bytes) => bytes,
            Err(error @ (StoreError::Missing { .. } | StoreError::TooLarge { .. })) => {
                tracing::error!(%error, "words that the tables name are not there");
                return Ok(None);
            }
            Err(error) => return Err(self.app.internal("reading words", &error)),
        };
        if blob.mime == LRC {
            return Ok(parse_lrc(&bytes).map(|lrc| Words::Timed(lrc.lines)));
        }
        Ok(parse_plain(&bytes).map(Words::Plain))
    }
}

/// The words of a part of a file: the lines that are sung in it, counted from its beginning. Words without times are those of
/// the whole file, and nobody could say where a part begins in them.
fn of_part(song: &Song, words: Words) -> Option<Words> {
    if !song.is_part() {
        return Some(words);
    }
    let Words::Timed(lines) = words else { return None };
    let (start, end) = (song.start_ms.unwrap_or(0), song.end_ms.unwrap_or(i64::MAX));
    let lines = lines.into_iter().filter(|line| (start..end).contains(&line.at_ms));
    let lines: Vec<TimedLine> = lines.map(|line| TimedLine { at_ms: line.at_ms - start, ..line }).collect();
    (!lines.is_empty()).then_some(Words::Timed(lines))
}
