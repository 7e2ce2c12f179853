//! Rows to the numbers and texts of a block.

use std::ops::Range;

use fonoteca_model::{BlobId, Id};

use super::coder::Tape;
use super::numbers::{Of, Text};
use super::survey::Survey;
use super::{PIECE_ROWS, RowRef};
use crate::beside::zigzag;

/// A block that is filled row by row.
#[derive(Default)]
pub(super) struct Encoder {
    ids: Vec<i64>,
    titles: Texts,
    /// Distinct ones, and which one each row has.
    credits: Vec<(String, Vec<Id>)>,
    credit_of: Vec<usize>,
    shared: Vec<Shared>,
    sources: Vec<String>,
    isrcs: Texts,
    numbers: Vec<Option<i32>>,
    durations: Vec<Option<i64>>,
}

/// What the rows of an album have in common.
#[derive(Clone, PartialEq)]
struct Shared {
    album: Option<Id>,
    year: Option<u16>,
    disc: Option<i32>,
    source: usize,
    cover: Option<BlobId>,
}

/// Texts behind each other, some of which are missing.
#[derive(Default)]
struct Texts {
    all: String,
    places: Vec<Option<Range<usize>>>,
}

impl Texts {
    fn push(&mut self, text: Option<&str>) {
        let start = self.all.len();
        self.all.push_str(text.unwrap_or_default());
        self.places.push(text.map(|text| start..start + text.len()));
    }

    fn get(&self, row: usize) -> Option<&str> {
        self.places[row].clone().map(|place| &self.all[place])
    }
}

/// The place of a value among those so far, the last ones first; a new one is put behind them.
fn place_of<T>(values: &mut Vec<T>, is: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> usize {
    values.iter().rposition(is).unwrap_or_else(|| {
        values.push(new());
        values.len() - 1
    })
}

/// The codes of an ISRC; what follows is told by each.
pub(super) mod isrc_code {
    pub const NONE: u64 = 0;
    pub const OTHER: u64 = 1;
    pub const NEW_PREFIX: u64 = 2;
    /// And beyond: country and registrant as before, and how far year and number are from those before.
    pub const SAME_PREFIX: u64 = 3;
}

/// Year and number of an ISRC are one of seven digits, of which the last five are the number.
pub(super) const ISRC_NUMBERS: i64 = 100_000;

/// The two parts of a well-formed ISRC: country and registrant, year and number.
pub(crate) fn isrc_parts(isrc: &str) -> Option<([u8; 5], i64)> {
    let bytes: &[u8; 12] = isrc.as_bytes().try_into().ok()?;
    let prefix: [u8; 5] = bytes[..5].try_into().ok()?;
    let is_prefix = prefix.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let digits = &bytes[5..];
    if !is_prefix || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((prefix, digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))))
}

/// Durations that are told in one number; the others follow this one.
pub(super) const OTHER_DURATION: u64 = 1 << 63;

/// Ids that are mentioned, as codes: twice how far the number of the value in the Parquet file is from the one that
/// would come next (zigzag), or twice the place among the other ids and one.
struct Mentions<'a> {
    number_of: &'a dyn Fn(Id) -> Option<u32>,
    next: i64,
}

impl Mentions<'_> {
    /// The code and, if it is mentioned for the first time, the id.
    fn code(&mut self, id: Id, others: &mut Vec<Id>) -> (u64, Option<Id>) {
        if let Some(number) = (self.number_of)(id).map(i64::from) {
            let difference = number - self.next;
            self.next = self.next.max(number + 1);
            return (zigzag(difference) << 1, None);
        }
        let known = others.len();
        let place = place_of(others, |known| *known == id, || id);
        ((place as u64) << 1 | 1, (place == known).then_some(id))
    }
}

impl Encoder {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The rows' ids, 8 bytes each.
    pub(super) fn ids(&self) -> Vec<u8> {
        self.ids.iter().flat_map(|id| id.to_le_bytes()).collect()
    }

    pub(super) fn push(&mut self, row: &RowRef<'_>) {
        self.ids.push(row.id.0);
        self.titles.push(Some(row.title));
        let is_credit = |(artist, ids): &(String, Vec<Id>)| artist == row.artist && ids == row.artist_ids;
        let new = || (row.artist.to_owned(), row.artist_ids.to_vec());
        self.credit_of.push(place_of(&mut self.credits, is_credit, new));
        let source = place_of(&mut self.sources, |source| source == row.source, || row.source.to_owned());
        let (album, year, disc, cover) = (row.album_id, row.year, row.disc, row.cover_root);
        self.shared.push(Shared { album, year, disc, source, cover });
        self.isrcs.push(row.isrc);
        self.numbers.push(row.number);
        self.durations.push(row.duration_ms);
    }

    /// Puts all of it down, but for the rows' ids.
    pub(super) fn put(&self, survey: Option<&Survey>, tape: &mut Tape<'_>) {
        let mut others = Vec::new();
        self.put_runs(survey, &mut others, tape);
        self.put_isrcs(tape);
        self.put_credits(survey, &mut others, tape);
        self.put_numbers(tape);
        for (row, duration) in self.durations.iter().enumerate() {
            if row % PIECE_ROWS == 0 {
                tape.piece();
            }
            put_duration(*duration, tape);
            tape.text(Text::Title, self.titles.get(row).unwrap_or_default());
        }
    }

    fn put_runs(&self, survey: Option<&Survey>, others: &mut Vec<Id>, tape: &mut Tape<'_>) {
        let mut albums = Mentions { number_of: &|id| survey?.album(id), next: 0 };
        let mut last_year = 0;
        let mut sources = 0;
        let mut covers: Vec<BlobId> = Vec::new();
        for run in self.shared.chunk_by(|a, b| a == b) {
            tape.number(Of::Run, run.len() as u64 - 1);
            let shared = &run[0];
            match shared.album.map(|album| albums.code(album, others)) {
                None => tape.number(Of::Album, 0),
                Some((code, new)) => {
                    tape.number(Of::Album, code + 1);
                    new.iter().for_each(|id| tape.number(Of::OtherId, id.0 as u64));
                }
            }
            match shared.year.map(i64::from) {
                None => tape.number(Of::Year, 0),
                Some(year) => {
                    tape.number(Of::Year, zigzag(year - last_year) + 1);
                    last_year = year;
                }
            }
            tape.number(Of::Disc, shared.disc.map_or(0, |disc| zigzag(i64::from(disc)) + 1));
            tape.number(Of::Source, shared.source as u64);
            if shared.source == sources {
                tape.text(Text::Code, &self.sources[sources]);
                sources += 1;
            }
            let known = covers.len();
            let place = shared.cover.map(|cover| place_of(&mut covers, |known| *known == cover, || cover));
            tape.number(Of::Cover, place.map_or(0, |place| place as u64 + 1));
            if let (Some(place), Some(cover)) = (place, shared.cover)
                && place == known
            {
                let parts = cover.as_bytes().as_chunks::<8>().0;
                parts.iter().for_each(|part| tape.number(Of::CoverBytes, u64::from_le_bytes(*part)));
            }
        }
    }

    fn put_isrcs(&self, tape: &mut Tape<'_>) {
        let mut last = ([0; 5], 0);
        for (row, shared) in self.shared.iter().enumerate() {
            let Some(isrc) = self.isrcs.get(row) else {
                tape.number(Of::Isrc, isrc_code::NONE);
                continue;
            };
            let Some((prefix, number)) = isrc_parts(isrc) else {
                tape.number(Of::Isrc, isrc_code::OTHER);
                tape.text(Text::Code, isrc);
                continue;
            };
            if prefix == last.0 {
                tape.number(Of::Isrc, isrc_code::SAME_PREFIX + zigzag(number - last.1));
            } else {
                tape.number(Of::Isrc, isrc_code::NEW_PREFIX);
                tape.text(Text::Code, &isrc[..5]);
                // Mostly the year of the release.
                let of_release = i64::from(shared.year.unwrap_or_default() % 100);
                tape.number(Of::IsrcYear, zigzag(number / ISRC_NUMBERS - of_release));
                tape.number(Of::IsrcNumber, (number % ISRC_NUMBERS) as u64);
            }
            last = (prefix, number);
        }
    }

    fn put_credits(&self, survey: Option<&Survey>, others: &mut Vec<Id>, tape: &mut Tape<'_>) {
        let mut artists = Mentions { number_of: &|id| survey?.artist(id), next: 0 };
        let (mut known, mut last) = (0, usize::MAX);
        for place in &self.credit_of {
            if *place == last {
                tape.number(Of::Credit, 0);
            } else if *place < known {
                // Of the last ones rather than of the first.
                tape.number(Of::Credit, (known - place) as u64 + 1);
            } else {
                tape.number(Of::Credit, 1);
                let (artist, ids) = &self.credits[*place];
                tape.text(Text::Name, artist);
                tape.number(Of::CreditIds, ids.len() as u64);
                for id in ids {
                    let (code, new) = artists.code(*id, others);
                    tape.number(Of::Artist, code);
                    new.iter().for_each(|id| tape.number(Of::OtherId, id.0 as u64));
                }
                known += 1;
            }
            last = *place;
        }
    }

    fn put_numbers(&self, tape: &mut Tape<'_>) {
        let mut last = 0;
        for (row, number) in self.numbers.iter().enumerate() {
            if row > 0 && self.shared[row] != self.shared[row - 1] {
                last = 0;
            }
            match number.map(i64::from) {
                None => tape.number(Of::Number, 0),
                Some(number) => {
                    tape.number(Of::Number, zigzag(number - last - 1) + 1);
                    last = number;
                }
            }
        }
    }
}

fn put_duration(duration: Option<i64>, tape: &mut Tape<'_>) {
    let Some(duration) = duration else { return tape.number(Of::Duration, 0) };
    match u64::try_from(duration).ok().filter(|duration| *duration < OTHER_DURATION - 1) {
        Some(duration) => tape.number(Of::Duration, duration + 1),
        None => {
            tape.number(Of::Duration, OTHER_DURATION);
            tape.number(Of::Duration, duration as u64);
        }
    }
}
