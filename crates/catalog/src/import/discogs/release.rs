//! A release: one album, and a track for each line of its tracklist.

use std::collections::{HashMap, HashSet};

use fonoteca_model::fold::fold;
use fonoteca_model::{Id, Isrc, Upc};
use serde_json::Value;

use super::credits::{Lines, Person, credit_text, credits, people};
use super::element::Element;
use super::place::{Line, Placed, places};
use super::position::Position;
use super::{Notes, Raw, SOURCE, id, numbered, one_line, shortened, supplements};
use crate::schema::{Album, Batch, Credit, Track};

/// One line of the tracklist.
struct Entry<'a> {
    element: &'a Element,
    parent: Option<usize>,
    /// As printed, in one line.
    position: String,
    line: Line,
    source_id: String,
    /// Credits that the release states for it.
    credits: Vec<Credit>,
    isrc: Option<String>,
}

pub(super) fn read(release: &Element, rows: &mut Batch, notes: &mut Notes) {
    let Some(number) = notes.number(&release.attribute("id")) else { return };
    let source_id = format!("r{number}");
    let album_id = id(&source_id);
    let mut entries = tracklist(release, &source_id);
    let lines = Lines::new(entries.iter().map(|entry| entry.position.as_str()));
    let mut raw = Raw::default();

    let artists = people(release, "artists", notes);
    let mut album_credits: Vec<Credit> = credits(&artists).collect();
    let mut unplaced = Vec::new();
    for person in people(release, "extraartists", notes) {
        let theirs: Vec<Credit> = credits(std::slice::from_ref(&person)).collect();
        match lines.named(&person.tracks) {
            _ if person.tracks.is_empty() => album_credits.extend(theirs),
            Some(lines) => {
                for at in lines {
                    entries[at].credits.extend(theirs.iter().cloned());
                }
            }
            None => {
                let mut credit = Raw::default();
                credit.text("name", person.name.clone());
                credit.text("tracks", person.tracks.clone());
                unplaced.push(credit.value());
                album_credits.extend(theirs);
            }
        }
    }
    raw.list("credits", unplaced);
    let upc = identifiers(release, &mut entries, &lines, &mut raw);
    let (label, catalogue_number) = labels(release, &mut raw, notes);
    describe(release, &mut raw);

    let title = notes.title("title", &release.text("title"));
    rows.albums.push(Album {
        id: album_id,
        source: SOURCE.to_owned(),
        fold: fold(&title),
        source_id,
        title,
        artist_credit: credit_text(&artists),
        artists: album_credits,
        upc,
        mbid: None,
        label,
        catalogue_number,
        date: notes.date("released", &release.text("released")),
        kind: kind(release),
        language: None,
        cover_root: None,
        raw: raw.finish(),
    });
    supplements(release, "album", album_id, rows);
    tracks(&entries, &artists, album_id, rows, notes);
}

/// The lines of the tracklist, those below another one after it.
fn tracklist<'a>(release: &'a Element, album: &str) -> Vec<Entry<'a>> {
    fn walk<'a>(element: &'a Element, list: &str, parent: Option<usize>, into: &mut Vec<Entry<'a>>) {
        for track in element.list(list, "track") {
            let at = into.len();
            into.push(Entry {
                element: track,
                parent,
                position: one_line(&track.text("position")),
                line: Line::Track,
                source_id: String::new(),
                credits: Vec::new(),
                isrc: None,
            });
            walk(track, "sub_tracks", Some(at), into);
        }
    }
    let mut entries = Vec::new();
    walk(release, "tracklist", None, &mut entries);
    let printed = entries.iter().any(|entry| !entry.position.is_empty());
    let parents: HashSet<usize> = entries.iter().filter_map(|entry| entry.parent).collect();
    let mut used: HashMap<String, u32> = HashMap::new();
    for (at, entry) in entries.iter_mut().enumerate() {
        if parents.contains(&at) {
            entry.line = Line::Index;
        } else if printed && entry.position.is_empty() && entry.element.text("duration").is_empty() {
            entry.line = Line::Heading;
        }
        // By position, which outlasts a line that is added; what has none, or the same, is counted.
        let position: String = entry.position.chars().take(100).collect();
        let count = used.entry(position.clone()).or_default();
        *count += 1;
        entry.source_id = match (position.as_str(), *count) {
            ("", count) => format!("{album}/#{count}"),
            (position, 1) => format!("{album}/{position}"),
            (position, count) => format!("{album}/{position}#{count}"),
        };
    }
    entries
}

fn tracks(entries: &[Entry], artists: &[Person], album_id: Id, rows: &mut Batch, notes: &mut Notes) {
    let placed: Vec<Placed> = entries
        .iter()
        .map(|entry| Placed {
            line: entry.line,
            parent: entry.parent,
            printed: !entry.position.is_empty(),
            position: Position::read(&entry.position),
        })
        .collect();
    for (entry, (disc, number)) in entries.iter().zip(places(&placed)) {
        let own = people(entry.element, "artists", notes);
        let main = if own.is_empty() { artists } else { &own };
        let mut all: Vec<Credit> = credits(main).collect();
        all.extend(credits(&people(entry.element, "extraartists", notes)));
        all.extend(entry.credits.iter().cloned());
        let mut raw = Raw::default();
        match entry.line {
            Line::Track => {}
            Line::Index => raw.flag("index", true),
            Line::Heading => raw.flag("heading", true),
        }
        if let Some(parent) = entry.parent {
            raw.text("part_of", entries[parent].source_id.clone());
        }
        // A blank line between parts of a tracklist is no track without a title.
        let title = entry.element.text("title");
        let title = if entry.line == Line::Heading && title.is_empty() {
            title
        } else {
            notes.title("tracklist/track/title", &title)
        };
        rows.tracks.push(Track {
            id: id(&entry.source_id),
            source: SOURCE.to_owned(),
            source_id: entry.source_id.clone(),
            title,
            artist_credit: credit_text(main),
            artists: all,
            album_id: Some(album_id),
            disc,
            number,
            duration_ms: duration(&entry.element.text("duration"), notes),
            isrc: entry.isrc.clone(),
            mbid: None,
            date: None,
            label: None,
            language: None,
            explicit: None,
            raw: raw.finish(),
        });
    }
}

/// `4:45`, `199:59` or `1:02:03`, in milliseconds; nothing and `0:00` are unknown.
fn duration(text: &str, notes: &mut Notes) -> Option<i64> {
    let plain = text.trim_matches(['(', ')', '[', ']']).trim();
    if plain.is_empty() {
        return None;
    }
    let parts: Vec<&str> = plain.split(':').collect();
    let seconds = if (2..=3).contains(&parts.len()) {
        parts.iter().enumerate().try_fold(0i64, |sum, (at, part)| {
            let whole = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            let value = part.parse::<i64>().ok().filter(|_| whole)?;
            (at == 0 || value < 60).then_some(sum * 60 + value)
        })
    } else {
        None
    };
    if seconds.is_none() {
        let reason = format!("{:?} is no duration such as 4:45 or 1:02:03", shortened(text));
        notes.field("tracklist/track/duration", reason);
    }
    seconds.filter(|seconds| *seconds > 0).map(|seconds| seconds * 1000)
}

/// The barcode, if one is valid, and ISRCs that say which track they are of; what finds no column stays in `raw`.
fn identifiers(release: &Element, entries: &mut [Entry], lines: &Lines, raw: &mut Raw) -> Option<String> {
    let mut upc: Option<String> = None;
    let mut rest = Vec::new();
    for identifier in release.list("identifiers", "identifier") {
        let (kind, value) = (identifier.attribute("type"), identifier.attribute("value"));
        let description = identifier.attribute("description");
        let used = match kind.as_str() {
            "Barcode" => barcode(&value).is_some_and(|found| *upc.get_or_insert_with(|| found.clone()) == found),
            "ISRC" => isrc(&value, &description, entries, lines),
            _ => false,
        };
        if !used && !value.is_empty() {
            let mut identifier = Raw::default();
            identifier.text("type", kind);
            identifier.text("value", value);
            identifier.text("description", description);
            rest.push(identifier.value());
        }
    }
    raw.list("identifiers", rest);
    upc
}

/// Barcodes stand as printed: `7 2438 32448 1 2`, `5 024900 001498 >`.
fn barcode(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '>' | '<' | '-' | '.')).collect();
    digits.parse::<Upc>().ok().map(|upc| upc.to_string())
}

fn isrc(value: &str, description: &str, entries: &mut [Entry], lines: &Lines) -> bool {
    let Ok(isrc) = value.parse::<Isrc>() else { return false };
    let words = description.to_lowercase();
    let position = ["track no.", "tracks", "track", "trk", "tr.", "no.", "#"]
        .iter()
        .find_map(|word| words.strip_prefix(word))
        .unwrap_or(&words)
        .trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '.' | '#' | '(' | ')' | '"'));
    let at = match lines.at(position) {
        Some(at) => Some(at),
        None if entries.len() == 1 && description.is_empty() => Some(0),
        None => None,
    };
    let Some(entry) = at.and_then(|at| entries.get_mut(at)) else { return false };
    if entry.isrc.is_none() {
        entry.isrc = Some(isrc.to_string());
    }
    entry.isrc.as_deref() == Some(isrc.as_str())
}

/// The first label and its number; the list as it stands goes to `raw`, since labels have numbers and there may be
/// more.
fn labels(release: &Element, raw: &mut Raw, notes: &mut Notes) -> (Option<String>, Option<String>) {
    let mut first = None;
    let mut all = Vec::new();
    for label in release.list("labels", "label") {
        let name = one_line(&label.attribute("name"));
        let number = label.attribute("catno");
        // Discogs' word for a label without a number.
        let number = if number.eq_ignore_ascii_case("none") { String::new() } else { number };
        let mut entry = Raw::default();
        let source_id = label.attribute("id");
        if !source_id.is_empty() {
            entry.text("id", format!("l{source_id}"));
        }
        if first.is_some() {
            entry.text("name", name.clone());
            entry.text("catno", number.clone());
        } else {
            let name = notes.text("labels/label", numbered(&name).0.to_owned());
            first = Some((name, notes.text("labels/label/catno", number)));
        }
        all.push(entry.value());
    }
    raw.list("labels", all);
    let (label, number) = first.unwrap_or_default();
    (Some(label).filter(|label| !label.is_empty()), Some(number).filter(|number| !number.is_empty()))
}

/// What else is known: country, master, formats, companies, notes, quality.
fn describe(release: &Element, raw: &mut Raw) {
    raw.text("country", one_line(&release.text("country")));
    if let Some(master) = release.child("master_id") {
        let number = master.own_text();
        if number.parse::<u64>().is_ok_and(|number| number > 0) {
            raw.text("master", format!("m{number}"));
            raw.flag("main_release", master.attribute("is_main_release") == "true");
        }
    }
    let mut formats = Vec::new();
    for format in release.list("formats", "format") {
        let mut entry = Raw::default();
        entry.text("name", format.attribute("name"));
        entry.text("quantity", Some(format.attribute("qty")).filter(|quantity| quantity != "1").unwrap_or_default());
        entry.text("text", format.attribute("text"));
        let descriptions = format.texts("descriptions", "description").into_iter().map(Value::String).collect();
        entry.list("descriptions", descriptions);
        formats.push(entry.value());
    }
    raw.list("formats", formats);
    let mut companies = Vec::new();
    for company in release.list("companies", "company") {
        let mut entry = Raw::default();
        let number = company.text("id");
        if !number.is_empty() {
            entry.text("id", format!("l{number}"));
        }
        entry.text("name", one_line(&company.text("name")));
        entry.text("role", one_line(&company.text("entity_type_name")));
        entry.text("catno", company.text("catno"));
        companies.push(entry.value());
    }
    raw.list("companies", companies);
    raw.text("notes", release.text("notes"));
    raw.text("quality", release.text("data_quality"));
    raw.text("status", Some(release.attribute("status")).filter(|status| status != "Accepted").unwrap_or_default());
}

/// What kind of album the formats say: of several, the one that says most.
fn kind(release: &Element) -> Option<String> {
    let words: Vec<String> =
        release.list("formats", "format").flat_map(|format| format.texts("descriptions", "description")).collect();
    let has = |any: &[&str]| any.iter().any(|word| words.iter().any(|found| found == word));
    let kind = if has(&["Compilation", "Sampler"]) {
        "compilation"
    } else if has(&["Single", "Maxi-Single"]) {
        "single"
    } else if has(&["EP", "Mini-Album"]) {
        "ep"
    } else if has(&["Mixtape"]) {
        "mixtape"
    } else if has(&["Album", "LP"]) {
        "album"
    } else {
        return None;
    };
    Some(kind.to_owned())
}
