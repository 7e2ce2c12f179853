//! The tracks that play from one file: the file itself, or what a CUE sheet makes of it.
//!
//! A sheet is used where it gives the file two tracks or more and all of them lie inside it. It comes from beside the file,
//! or else from its tags, or else from FLAC's own block. What a sheet leaves open, the file's tags say.

use fonoteca_audio::cue::{self, Sheet, SheetFile, SheetTrack};
use fonoteca_audio::{Analysis, AudioError, Credit, Tags};
use fonoteca_model::{BlobId, Id};

use super::beside::{Beside, stem};

/// A track, and which part of the file it is.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub track: Id,
    pub source_id: String,
    /// Where it begins, in milliseconds; `None` for a whole file.
    pub start_ms: Option<i64>,
    /// Where it ends; `None` for the end of the file.
    pub end_ms: Option<i64>,
    pub duration_ms: i64,
    pub tags: Tags,
}

impl Part {
    fn new(root: BlobId, range: Option<(i64, Option<i64>)>, file_ms: i64, tags: Tags) -> Self {
        let (start_ms, end_ms) = (range.map(|(start, _)| start), range.and_then(|(_, end)| end));
        let source_id = source_id(root, range);
        let duration_ms = end_ms.unwrap_or(file_ms) - start_ms.unwrap_or(0);
        Self { track: Id::of("local", &source_id), source_id, start_ms, end_ms, duration_ms, tags }
    }

    /// Whether it is a part of a file only.
    pub fn is_part(&self) -> bool {
        self.start_ms.is_some()
    }
}

/// What names a local track: the blob that it was first heard in, and where in it.
fn source_id(root: BlobId, range: Option<(i64, Option<i64>)>) -> String {
    match range {
        None => root.to_string(),
        Some((start, None)) => format!("{root}#{start}-"),
        Some((start, Some(end))) => format!("{root}#{start}-{end}"),
    }
}

/// The tracks of a file. What is wrong with its sheets is noted.
///
/// Errors: the disk does not give a sheet, so nobody knows what the tracks are.
pub(super) fn parts(
    root: BlobId,
    name: &str,
    analysis: &mut Analysis,
    beside: &Beside,
) -> Result<Vec<Part>, AudioError> {
    let mut notes = Vec::new();
    let found = chosen(name, analysis, beside, &mut notes)?;
    let parts = found.and_then(|(from, sheet, number)| {
        let parts = usable(&from, &sheet.files[number], analysis, &mut notes)?;
        let missing = sheet.files.iter().filter(|file| !file.name.is_empty() && !beside.has_audio(&file.name));
        // The sheet of one file may call it what it was called once.
        let missing: Vec<&str> = missing.filter(|_| sheet.files.len() > 1).map(|file| file.name.as_str()).collect();
        if !missing.is_empty() {
            notes.push(format!("{from} names files that are not there: {}", missing.join(", ")));
        }
        notes.extend(sheet.notes.iter().map(|note| format!("{from}: {note}")));
        let tags = |track: &SheetTrack| tags_of(&analysis.tags, &sheet, track, parts.len());
        let part = |track: &SheetTrack| Part::new(root, Some(track.range_ms()), analysis.duration_ms, tags(track));
        Some(parts.iter().map(part).collect())
    });
    analysis.notes.extend(notes);
    Ok(parts.unwrap_or_else(|| {
        let tags = Tags { raw: Vec::new(), ..analysis.tags.clone() };
        vec![Part::new(root, None, analysis.duration_ms, tags)]
    }))
}

/// The sheet for a file, what to call it, and which of its files is meant.
fn chosen(
    name: &str,
    analysis: &mut Analysis,
    beside: &Beside,
    notes: &mut Vec<String>,
) -> Result<Option<(String, Sheet, usize)>, AudioError> {
    let mut best: Option<(u8, String, Sheet, usize)> = None;
    for from in beside.sheets() {
        let bytes = match beside.read_text(from)? {
            Ok(Some(bytes)) => bytes,
            Ok(None) => continue,
            Err(error) => {
                notes.push(format!("the CUE sheet {from} was left: {error}"));
                continue;
            }
        };
        match cue::parse(&bytes) {
            Ok(sheet) => {
                let Some((rank, number)) = names(&sheet, from, name) else { continue };
                if best.as_ref().is_none_or(|(known, ..)| rank < *known) {
                    best = Some((rank, format!("the CUE sheet {from}"), sheet, number));
                }
            }
            Err(error) if concerns(&bytes, from, name) => {
                notes.push(format!("the CUE sheet {from} was left: {error}"));
            }
            Err(_) => {}
        }
    }
    if let Some((_, from, sheet, number)) = best {
        return Ok(Some((from, sheet, number)));
    }
    let embedded = analysis.tags.raw.iter().find(|(key, _)| {
        let key = key.rsplit(':').next().unwrap_or(key);
        key.eq_ignore_ascii_case("CUESHEET")
    });
    match embedded.map(|(_, text)| cue::parse(text.as_bytes())) {
        Some(Ok(sheet)) if sheet.files.len() == 1 => {
            return Ok(Some(("the CUE sheet in its tags".into(), sheet, 0)));
        }
        Some(Ok(_)) => notes.push("the CUE sheet in its tags was left: it names more than one file".into()),
        Some(Err(error)) => notes.push(format!("the CUE sheet in its tags was left: {error}")),
        None => {}
    }
    Ok(analysis.cuesheet.take().map(|sheet| ("its CUESHEET block".into(), sheet, 0)))
}

/// How surely a sheet means an audio file, 0 the surest, and which of its files that is.
fn names(sheet: &Sheet, from: &str, audio: &str) -> Option<(u8, usize)> {
    let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
    let at = |is: &dyn Fn(&SheetFile) -> bool| sheet.files.iter().position(is);
    if let Some(number) = at(&|file| same(&file.name, audio)) {
        return Some((0, number));
    }
    // What was ripped as WAVE and encoded later.
    if let Some(number) = at(&|file| same(stem(&file.name), stem(audio))) {
        return Some((1, number));
    }
    let called_alike = same(stem(from), stem(audio)) || same(stem(from), audio);
    (sheet.files.len() == 1 && called_alike).then_some((2, 0))
}

/// Whether a sheet that cannot be read was probably meant for an audio file.
fn concerns(bytes: &[u8], from: &str, audio: &str) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let stem_of_audio = stem(audio).to_lowercase();
    stem(from).to_lowercase() == stem_of_audio || text.contains(&stem_of_audio)
}

/// The tracks, if the file has several and all lie inside it.
fn usable(from: &str, file: &SheetFile, analysis: &Analysis, notes: &mut Vec<String>) -> Option<Vec<SheetTrack>> {
    if file.tracks.len() < 2 {
        return None;
    }
    if analysis.duration_ms <= 0 {
        notes.push(format!("{from} was left: how long the file is shows only when its sound is read"));
        return None;
    }
    let beyond = file.beyond(analysis.duration_ms);
    if let Some(first) = beyond.first() {
        let seconds = analysis.duration_ms as f64 / 1000.0;
        notes.push(format!(
            "{from} was left: its track {first} goes beyond the end of the file at {seconds:.1} s, so it is of another file"
        ));
        return None;
    }
    Some(file.tracks.clone())
}

fn tags_of(whole: &Tags, sheet: &Sheet, track: &SheetTrack, count: usize) -> Tags {
    let remark = |key: &str| {
        let of_track = track.remarks.iter().find(|(known, _)| known == key);
        let found = of_track.or_else(|| sheet.remarks.iter().find(|(known, _)| known == key));
        found.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let number = |key: &str| remark(key).and_then(|value| value.parse::<i32>().ok());
    let writer = track.songwriter.clone().or_else(|| sheet.songwriter.clone());
    let genre = remark("GENRE");
    Tags {
        title: track.title.clone().or_else(|| Some(format!("Track {:02}", track.number))),
        artist: track.performer.clone().or_else(|| sheet.performer.clone()).or_else(|| whole.artist.clone()),
        artists: writer.map(|name| Credit { name, role: "writer".into() }).into_iter().collect(),
        album: sheet.title.clone().or_else(|| whole.album.clone()).or_else(|| whole.title.clone()),
        album_artist: sheet
            .performer
            .clone()
            .or_else(|| whole.album_artist.clone())
            .or_else(|| whole.artist.clone().filter(|_| !whole.compilation)),
        track_number: Some(track.number.into()),
        track_total: i32::try_from(count).ok(),
        disc_number: number("DISCNUMBER").or(whole.disc_number),
        disc_total: number("TOTALDISCS").or(whole.disc_total),
        date: remark("DATE").or_else(|| whole.date.clone()),
        isrc: track.isrc.clone(),
        barcode: sheet.barcode.clone().or_else(|| whole.barcode.clone()),
        label: whole.label.clone(),
        catalogue_number: whole.catalogue_number.clone(),
        language: whole.language.clone(),
        genres: genre.map_or_else(|| whole.genres.clone(), |genre| vec![genre]),
        compilation: whole.compilation,
        explicit: whole.explicit,
        mbid_release: whole.mbid_release.clone(),
        ..Tags::default()
    }
}
