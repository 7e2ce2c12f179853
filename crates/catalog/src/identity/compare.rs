//! How alike two tracks are, and whether that is enough: the rules and thresholds of every join.

use super::features::Features;
use super::names::{Artists, Title, has_digit, is_number};

/// Two statements about one recording differ by no more in length: encoders' padding, trimmed silence, whole seconds.
pub(super) const TOLERANCE_MS: i64 = 4_000;
/// Longest and shortest statement of one recording differ by no more.
pub(super) const SPAN_MS: i64 = 8_000;
/// With a code in common, lengths may differ by this, or by a twentieth.
const CODED_TOLERANCE_MS: i64 = 10_000;
/// The same where they have one ISRC; or a tenth.
pub(super) const CODED_SPAN_MS: i64 = 20_000;
/// Titles below are different titles.
pub(super) const TITLE: f32 = 0.85;
/// Credits below are different artists.
pub(super) const ARTIST: f32 = 0.8;
/// What title, artist and length together must reach.
const SCORE: f32 = 0.86;
/// With a code in common, titles and credits must only not be at odds.
const CODED_TITLE: f32 = 0.6;
const CODED_ARTIST: f32 = 0.5;

/// Whether the lengths leave room for one recording; None where one is not known.
fn close(a: &Features, b: &Features, tolerance: i64) -> Option<(bool, i64)> {
    let (one, other) = (a.duration_ms?, b.duration_ms?);
    let apart = (one - other).abs();
    Some((apart <= tolerance, apart))
}

/// Codes of MusicBrainz that say: two recordings.
pub(super) fn told_apart(a: &Features, b: &Features) -> bool {
    a.mbid != 0 && b.mbid != 0 && a.mbid != b.mbid
}

/// The score of two tracks with one MusicBrainz recording id; None where everything else is against it.
pub(super) fn by_mbid(a: &Features, b: &Features) -> Option<f32> {
    let (one, other) = (&a.title, &b.title);
    let at_odds = || title(one, other) < CODED_TITLE && artists(a, b) < CODED_ARTIST;
    let longer = a.duration_ms.unwrap_or(0).max(b.duration_ms.unwrap_or(0));
    let far = close(a, b, (2 * CODED_TOLERANCE_MS).max(longer / 5)).is_some_and(|(close, _)| !close);
    if far && (one.kinds != other.kinds || at_odds()) { None } else { Some(1.0) }
}

/// The score of two tracks with one ISRC; None where it was given to two recordings.
pub(super) fn by_isrc(a: &Features, b: &Features) -> Option<f32> {
    let longer = a.duration_ms.unwrap_or(0).max(b.duration_ms.unwrap_or(0));
    let close = close(a, b, CODED_TOLERANCE_MS.max(longer / 20));
    if told_apart(a, b) || a.title.kinds != b.title.kinds || close.is_some_and(|(close, _)| !close) {
        return None;
    }
    let (t, known) = (title(&a.title, &b.title), a.artists.is_known() && b.artists.is_known());
    let who = if known { artists(a, b) } else { CODED_ARTIST };
    if t < CODED_TITLE || who < CODED_ARTIST && t < 1.0 || close.is_none() && t < TITLE {
        return None;
    }
    Some(0.9 + 0.05 * t + 0.05 * who)
}

/// The score of two tracks by artist, title and duration; None below the threshold.
pub(super) fn by_names(a: &Features, b: &Features) -> Option<f32> {
    if told_apart(a, b) || a.title.kinds != b.title.kinds {
        return None;
    }
    // Two tracks of one album are two, whatever they are called.
    if a.album.is_some() && a.album == b.album {
        return None;
    }
    let shorter = a.duration_ms?.min(b.duration_ms?);
    let generic = a.title.is_generic() || b.title.is_generic();
    let tolerance = if generic { 1_000 } else { TOLERANCE_MS.min(1_000 + shorter / 10) };
    let (_, apart) = close(a, b, tolerance).filter(|(close, _)| *close)?;
    let t = title(&a.title, &b.title);
    if t < TITLE || generic && t < 1.0 {
        return None;
    }
    let mut who = artists(a, b);
    let telling = t >= 1.0 && !generic && a.title.letters() >= 8 && apart <= 2_000;
    if who < ARTIST && telling && (a.artists.part_of(&b.artists) || b.artists.part_of(&a.artists)) {
        who = 0.85;
    }
    if who < ARTIST || generic && who < 1.0 {
        return None;
    }
    let score = 0.5 * t + 0.4 * who + 0.1 * (1.0 - apart as f32 / (2 * TOLERANCE_MS) as f32);
    (score >= SCORE).then_some(score)
}

/// The score of two tracks at one place of albums with one barcode; None where they are another edition's.
pub(super) fn by_place(a: &Features, b: &Features) -> Option<f32> {
    let close = close(a, b, CODED_TOLERANCE_MS).is_none_or(|(close, _)| close);
    let same = a.title.kinds == b.title.kinds && title(&a.title, &b.title) >= TITLE;
    (close && same && !told_apart(a, b)).then_some(0.95)
}

/// How alike two tracks are, 0 to 1, without a threshold: what a person who decides is told.
pub(super) fn plain(a: &Features, b: &Features) -> f32 {
    // Of an unknown length half may be right.
    let length = close(a, b, CODED_SPAN_MS).map_or(0.5, |(_, apart)| 1.0 - apart as f32 / CODED_SPAN_MS as f32);
    0.5 * title(&a.title, &b.title) + 0.4 * artists(a, b) + 0.1 * length.max(0.0)
}

/// How alike two titles are, 0 to 1. Numbers, single letters and kinds must be the same.
pub(super) fn title(a: &Title, b: &Title) -> f32 {
    let (one, other): (Vec<&str>, Vec<&str>) =
        (a.words.iter().map(String::as_str).collect(), b.words.iter().map(String::as_str).collect());
    words(&one, &other, Strict::Yes)
}

/// How alike two credits are, 0 to 1: any order, initials, guests named by one only; the best of all known names.
pub(super) fn artists(a: &Features, b: &Features) -> f32 {
    let mut best = 0f32;
    for one in std::iter::once(&a.artists).chain(&a.also) {
        for other in std::iter::once(&b.artists).chain(&b.also) {
            if one.is_known() && other.is_known() {
                let guests: Vec<&str> = [&a.title.guests, &b.title.guests, &one.guests, &other.guests]
                    .into_iter()
                    .flatten()
                    .map(String::as_str)
                    .collect();
                best = best.max(credits(one, other, &guests));
            }
        }
    }
    best
}

/// As [`artists`], of two credits alone. A word of `guests` may be missing on either side.
pub(super) fn credits(a: &Artists, b: &Artists, guests: &[&str]) -> f32 {
    let (one, other) = (a.words(), b.words());
    let plain = words(&one, &other, Strict::No);
    if plain >= ARTIST || guests.is_empty() {
        return plain;
    }
    let without = |words: &[&str], others: &[&str]| -> Vec<String> {
        let kept = words.iter().filter(|word| others.contains(word) || !guests.contains(word));
        kept.map(|word| (*word).to_owned()).collect()
    };
    let (left, right) = (without(&one, &other), without(&other, &one));
    if left.is_empty() || right.is_empty() {
        return plain;
    }
    let (left, right): (Vec<&str>, Vec<&str>) =
        (left.iter().map(String::as_str).collect(), right.iter().map(String::as_str).collect());
    plain.max(words(&left, &right, Strict::No) * 0.98)
}

impl Artists {
    /// Whether all its names are among those of `other`, and one of them is more than a first name.
    fn part_of(&self, other: &Self) -> bool {
        let telling = self.names.iter().any(|name| name.iter().map(|word| word.chars().count()).sum::<usize>() >= 5);
        telling && self.names.iter().all(|name| other.names.contains(name))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strict {
    /// Titles: what one word says may be all the difference.
    Yes,
    /// Names: initials stand for words.
    No,
}

/// 1 less the share of letters that differ. Words pair up whatever their order; a pair may hold a typo.
fn words(a: &[&str], b: &[&str], strict: Strict) -> f32 {
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    if a == b {
        return 1.0;
    }
    let (mut left, mut right) = (a.to_vec(), b.to_vec());
    left.retain(|word| match right.iter().position(|other| other == word) {
        Some(at) => {
            right.swap_remove(at);
            false
        }
        None => true,
    });
    if left.is_empty() && right.is_empty() {
        // The same words in another order.
        return if strict == Strict::Yes { 0.99 } else { 1.0 };
    }
    let count = |words: &[&str]| words.iter().map(|word| word.chars().count()).sum::<usize>();
    let total = count(a).max(count(b));
    // "Black bird" and "Blackbird".
    let joined = |words: &[&str]| words.concat();
    if joined(a) == joined(b) {
        return 0.99;
    }
    let told = |word: &&str| is_number(word) || strict == Strict::Yes && word.chars().count() == 1;
    if left.iter().chain(&right).any(told) {
        return 0.0;
    }
    // Initials are somebody's only beside a name: "J. Smith", but not "J. S.".
    let initials = strict == Strict::No && a.iter().any(|word| word.chars().count() > 2 && b.contains(word));
    let mut cost = 0.0;
    left.sort_unstable();
    right.sort_unstable();
    for word in left {
        let best = right
            .iter()
            .enumerate()
            .filter_map(|(at, other)| Some((at, pair(word, other, initials)?)))
            .min_by(|x, y| x.1.total_cmp(&y.1));
        match best {
            Some((at, apart)) => {
                right.remove(at);
                cost += apart;
            }
            None => cost += word.chars().count() as f32,
        }
    }
    cost += count(&right) as f32;
    let paired = 1.0 - cost / total as f32;
    // A blank that was lost or gained, with a typo beside.
    let apart = pair(&joined(a), &joined(b), false).map_or(f32::MAX, |apart| apart + 1.0);
    paired.max(1.0 - apart / total as f32).clamp(0.0, 1.0)
}

/// What sets two words apart, in letters; None: they are two words.
fn pair(a: &str, b: &str, initials: bool) -> Option<f32> {
    if initials {
        let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
        if short.chars().count() == 1 && long.starts_with(short) {
            return Some(1.0);
        }
    }
    // "Studio54" and "Studio55" are two.
    let digits = |word: &str| word.chars().filter(|c| c.is_numeric()).collect::<String>();
    if (has_digit(a) || has_digit(b)) && digits(a) != digits(b) {
        return None;
    }
    typos(a, b)
}

/// Wrong, missing, additional and swapped letters, as many as the word's length allows for.
pub(super) fn typos(a: &str, b: &str) -> Option<f32> {
    let (one, other): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let most = match one.len().min(other.len()) {
        0..3 => 0,
        3..7 => 1,
        _ => 2,
    };
    // Where a sign is a word or a syllable, another sign is no typo.
    let signs = |c: &char| ('\u{1100}'..='\u{11ff}').contains(c) || *c >= '\u{2e80}';
    if one.len().abs_diff(other.len()) > most || one.iter().chain(&other).any(signs) {
        return None;
    }
    let apart = distance(&one, &other, most)?;
    Some(apart as f32)
}

/// The optimal string alignment distance, up to `most`.
fn distance(a: &[char], b: &[char], most: usize) -> Option<usize> {
    let width = b.len() + 1;
    let (mut before, mut last, mut row) = (vec![0; width], (0..width).collect::<Vec<usize>>(), vec![0; width]);
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..width {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (last[j - 1] + same).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row[j] = least;
        }
        if row.iter().min().is_none_or(|least| *least > most) {
            return None;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    Some(last[b.len()]).filter(|apart| *apart <= most)
}
