//! CUE sheets: the tracks of one long file, as CDRWIN's guide, EAC and XLD write them.
//!
//! Times are in CD frames, 75 a second. A track plays from its `INDEX 01` to that of the next one in the same file, so that a
//! gap (`INDEX 00`) belongs to the track before it, as EAC and players have it. What is understood is typed; all remarks
//! are kept. A sheet that points outside its folder is refused whole: it was made to hurt, or for another machine.

mod block;

use std::path::{Component, Path};

pub(crate) use block::{MAX_BLOCK_BYTES, from_flac};

use crate::text;

/// CD frames a second.
pub const FRAMES_PER_SECOND: u64 = 75;
/// Sheets are a few kilobytes long.
const MAX_BYTES: usize = 1 << 20;
/// The Red Book's number of tracks (IEC 60908).
const MAX_TRACKS: usize = 99;
const MAX_REMARKS: usize = 4_096;
const MAX_NOTES: usize = 32;

/// Why a sheet is not used. Each message names the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CueError {
    /// It is far longer than any sheet.
    #[error("the CUE sheet has {0} bytes, the limit is {MAX_BYTES}; it is probably no CUE sheet")]
    TooLarge(usize),
    /// A file name that leaves the sheet's folder.
    #[error("line {line} names the file {name:?}, which is not beside the sheet; write the bare file name there")]
    Outside {
        /// The line, from 1.
        line: usize,
        /// The name as written.
        name: String,
    },
    /// A line that cannot be meant so.
    #[error("line {line}: {what}; correct the sheet or leave it out")]
    Wrong {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// No track of sound.
    #[error("the CUE sheet has no track of sound; leave it out")]
    NoTracks,
}

/// A CUE sheet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sheet {
    /// Title of the album.
    pub title: Option<String>,
    /// Artist of the album.
    pub performer: Option<String>,
    /// Who wrote the songs.
    pub songwriter: Option<String>,
    /// The UPC or EAN from `CATALOG`, as written.
    pub barcode: Option<String>,
    /// `REM` lines outside tracks as (key, value): `GENRE`, `DATE`, `DISCID`, `REPLAYGAIN_ALBUM_GAIN`, …
    pub remarks: Vec<(String, String)>,
    /// The files, in order.
    pub files: Vec<SheetFile>,
    /// What was assumed or passed over, one sentence each.
    pub notes: Vec<String>,
}

/// One file of a sheet and the tracks that begin in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetFile {
    /// Its path below the sheet's folder, with `/` between its parts.
    pub name: String,
    /// Its tracks, in order of their beginning.
    pub tracks: Vec<SheetTrack>,
}

/// One track of a sheet. Times are CD frames from the beginning of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SheetTrack {
    /// The number, 1 to 99.
    pub number: u8,
    /// Title.
    pub title: Option<String>,
    /// Artist.
    pub performer: Option<String>,
    /// Who wrote the song.
    pub songwriter: Option<String>,
    /// ISRC, as written.
    pub isrc: Option<String>,
    /// `PRE`, `DCP`, `4CH`, `SCMS`.
    pub flags: Vec<String>,
    /// `INDEX 01`.
    pub start: u64,
    /// Where the next track of the file starts; `None` for the last one, which goes to the end.
    pub end: Option<u64>,
    /// `INDEX 00` in the same file: the gap before the track.
    pub gap: Option<u64>,
    /// `PREGAP`: silence before the track that is in no file.
    pub silence: Option<u64>,
    /// `REM` lines of the track as (key, value).
    pub remarks: Vec<(String, String)>,
}

impl SheetTrack {
    /// Start and end in milliseconds, as holdings keep them.
    pub fn range_ms(&self) -> (i64, Option<i64>) {
        let ms = |frames: u64| (frames * 1000 / FRAMES_PER_SECOND) as i64;
        (ms(self.start), self.end.map(ms))
    }

    /// Start and end in samples of so many a second.
    pub fn range_samples(&self, rate: u32) -> (u64, Option<u64>) {
        let samples = |frames: u64| frames * u64::from(rate) / FRAMES_PER_SECOND;
        (samples(self.start), self.end.map(samples))
    }
}

impl SheetFile {
    /// The tracks that do not lie inside a file of so many milliseconds, by number: the sheet belongs to another file.
    pub fn beyond(&self, duration_ms: i64) -> Vec<u8> {
        // The last frame may be a part of one.
        let lies_beyond = |track: &&SheetTrack| {
            let (start, end) = track.range_ms();
            start >= duration_ms || end.is_some_and(|end| end > duration_ms + 14)
        };
        self.tracks.iter().filter(lies_beyond).map(|track| track.number).collect()
    }
}

/// Reads a sheet.
pub fn parse(bytes: &[u8]) -> Result<Sheet, CueError> {
    if bytes.len() > MAX_BYTES {
        return Err(CueError::TooLarge(bytes.len()));
    }
    let decoded = text::decode(bytes);
    let mut reader = Reader::default();
    reader.sheet.notes.extend(decoded.note.map(str::to_owned));
    // A byte of zero ends the text of sheets that were embedded in tags.
    for (at, line) in decoded.text.trim_end_matches('\0').lines().enumerate() {
        reader.line(at + 1, line.trim())?;
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    sheet: Sheet,
    track: Option<Open>,
    seen: Vec<u8>,
    remarks: usize,
}

/// A track whose lines are being read.
struct Open {
    line: usize,
    track: SheetTrack,
    /// Of which file, by index, and when.
    start: Option<(usize, u64)>,
    gap: Option<(usize, u64)>,
    is_sound: bool,
}

impl Reader {
    fn line(&mut self, line: usize, text: &str) -> Result<(), CueError> {
        let wrong = |what: String| CueError::Wrong { line, what };
        let (command, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match command.to_ascii_uppercase().as_str() {
            "" | "CDTEXTFILE" => {}
            "FILE" => {
                let (name, _) = quoted(rest);
                let name = inside(name).ok_or_else(|| CueError::Outside { line, name: name.into() })?;
                if self.sheet.files.len() >= MAX_TRACKS {
                    return Err(wrong(format!("more than {MAX_TRACKS} files")));
                }
                self.sheet.files.push(SheetFile { name, tracks: Vec::new() });
            }
            "TRACK" => {
                self.close()?;
                let (number, kind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let found = number.parse::<u8>().ok().filter(|number| (1..=99).contains(number));
                let number = found.ok_or_else(|| wrong(format!("{number:?} is no track number from 1 to 99")))?;
                if self.seen.contains(&number) {
                    return Err(wrong(format!("track {number} is there twice")));
                }
                if self.sheet.files.is_empty() {
                    return Err(wrong(format!("track {number} comes before any FILE")));
                }
                self.seen.push(number);
                self.track = Some(Open {
                    line,
                    track: SheetTrack { number, ..SheetTrack::default() },
                    start: None,
                    gap: None,
                    is_sound: kind.trim().eq_ignore_ascii_case("AUDIO"),
                });
            }
            "INDEX" => self.index(line, rest)?,
            "PREGAP" | "POSTGAP" => {
                let frames = frames(rest).ok_or_else(|| wrong(format!("{rest:?} is no time mm:ss:ff")))?;
                let open = self.track.as_mut().ok_or_else(|| wrong(format!("{command} outside a track")))?;
                if command.eq_ignore_ascii_case("PREGAP") {
                    open.track.silence = Some(frames);
                }
            }
            "REM" => self.remark(rest),
            "CATALOG" => self.sheet.barcode = filled(rest),
            "TITLE" => *self.field(|track| &mut track.title, |sheet| &mut sheet.title) = filled(rest),
            "PERFORMER" => *self.field(|track| &mut track.performer, |sheet| &mut sheet.performer) = filled(rest),
            "SONGWRITER" => *self.field(|track| &mut track.songwriter, |sheet| &mut sheet.songwriter) = filled(rest),
            "ISRC" => {
                if let Some(open) = &mut self.track {
                    open.track.isrc = filled(rest);
                }
            }
            "FLAGS" => {
                if let Some(open) = &mut self.track {
                    open.track.flags = rest.split_whitespace().take(8).map(str::to_ascii_uppercase).collect();
                }
            }
            _ => self.note(format!("line {line} is not understood and was passed over")),
        }
        Ok(())
    }

    fn index(&mut self, line: usize, rest: &str) -> Result<(), CueError> {
        let wrong = |what: String| CueError::Wrong { line, what };
        let (number, time) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let number = number.parse::<u8>().map_err(|_| wrong(format!("{number:?} is no index number")))?;
        let time = frames(time.trim()).ok_or_else(|| wrong(format!("{time:?} is no time mm:ss:ff")))?;
        let file = self.sheet.files.len().saturating_sub(1);
        let open = self.track.as_mut().ok_or_else(|| wrong("INDEX outside a track".into()))?;
        match number {
            0 => open.gap = Some((file, time)),
            1 => open.start = Some((file, time)),
            _ => {}
        }
        Ok(())
    }

    fn remark(&mut self, rest: &str) {
        self.remarks += 1;
        if self.remarks > MAX_REMARKS {
            return;
        }
        let (key, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let remark = (key.to_ascii_uppercase(), quoted(value.trim()).0.to_owned());
        match &mut self.track {
            Some(open) => open.track.remarks.push(remark),
            None => self.sheet.remarks.push(remark),
        }
    }

    fn field(
        &mut self,
        of_track: fn(&mut SheetTrack) -> &mut Option<String>,
        of_sheet: fn(&mut Sheet) -> &mut Option<String>,
    ) -> &mut Option<String> {
        match &mut self.track {
            Some(open) => of_track(&mut open.track),
            None => of_sheet(&mut self.sheet),
        }
    }

    fn note(&mut self, note: String) {
        if self.sheet.notes.len() < MAX_NOTES {
            self.sheet.notes.push(note);
        }
    }

    /// Puts the track that was read into its file.
    fn close(&mut self) -> Result<(), CueError> {
        let Some(Open { line, mut track, start, gap, is_sound }) = self.track.take() else { return Ok(()) };
        let number = track.number;
        if !is_sound {
            self.note(format!("track {number} is no sound and was passed over"));
            return Ok(());
        }
        let wrong = |what: String| CueError::Wrong { line, what };
        let (file, start) = start.ok_or_else(|| wrong(format!("track {number} has no INDEX 01")))?;
        // EAC's sheets of one file a track have the gap at the end of the file before.
        track.gap = gap.filter(|(of, _)| *of == file).map(|(_, time)| time);
        track.start = start;
        if track.gap.is_some_and(|gap| gap > start) {
            return Err(wrong(format!("the gap of track {number} begins after the track")));
        }
        let before = self.sheet.files[file].tracks.last_mut();
        if before.as_ref().is_some_and(|before| before.start >= start) {
            return Err(wrong(format!("track {number} begins before the track before it ends")));
        }
        match before {
            Some(before) => before.end = Some(start),
            None if start > 0 => {
                let seconds = start as f64 / FRAMES_PER_SECOND as f64;
                self.note(format!("{seconds:.1} s lie before track {number} and belong to no track"));
            }
            None => {}
        }
        self.sheet.files[file].tracks.push(track);
        Ok(())
    }

    fn finish(mut self) -> Result<Sheet, CueError> {
        self.close()?;
        if self.remarks > MAX_REMARKS {
            self.note(format!("{} remarks, {MAX_REMARKS} kept", self.remarks));
        }
        if self.sheet.files.iter().all(|file| file.tracks.is_empty()) {
            return Err(CueError::NoTracks);
        }
        Ok(self.sheet)
    }
}

/// A text in quotes or up to the first blank, and what follows it. A quote that is not closed goes to the end.
fn quoted(text: &str) -> (&str, &str) {
    match text.strip_prefix('"') {
        // Titles contain quotes that nobody escapes: the last one closes.
        Some(rest) => rest.rsplit_once('"').unwrap_or((rest, "")),
        // The kind is the last word, so that names without quotes may have blanks.
        None => match text.rsplit_once(char::is_whitespace) {
            Some((name, kind)) if KINDS.iter().any(|known| kind.eq_ignore_ascii_case(known)) => (name.trim_end(), kind),
            _ => (text, ""),
        },
    }
}

/// Kinds of a `FILE`.
const KINDS: [&str; 5] = ["WAVE", "MP3", "AIFF", "BINARY", "MOTOROLA"];

fn filled(text: &str) -> Option<String> {
    let text = quoted(text).0.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A path below the sheet's folder in its plain form, or `None` for one that leaves it.
fn inside(name: &str) -> Option<String> {
    // Windows' separators, drives and streams, wherever the sheet is read.
    let name = name.replace('\\', "/");
    if name.is_empty() || name.contains(|c: char| c.is_control() || c == ':') {
        return None;
    }
    let mut parts = Vec::new();
    for part in Path::new(&name).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            _ => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// `mm:ss:ff` in CD frames; minutes go beyond 99 in sheets of long files.
fn frames(time: &str) -> Option<u64> {
    let mut parts = time.split(':').map(|part| {
        let digits = !part.is_empty() && part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u64>().ok()).flatten()
    });
    let (minutes, seconds, frames) = (parts.next()??, parts.next()??, parts.next()??);
    (parts.next().is_none() && seconds < 60 && frames < FRAMES_PER_SECOND)
        .then_some((minutes * 60 + seconds) * FRAMES_PER_SECOND + frames)
}

#[cfg(test)]
mod tests;
