//! Artists as releases credit them: names, joins, roles, and the tracks that a credit is for.

use std::collections::HashMap;

use fonoteca_model::Id;

use super::element::Element;
use super::{Notes, id, numbered, one_line, position, shortened};
use crate::schema::Credit;

/// One artist of a list.
pub(super) struct Person {
    /// The artist.
    pub artist_id: Id,
    /// The name as printed here (Discogs: artist name variation), or else the artist's without its number.
    pub name: String,
    /// What stands between this one and the next.
    join: String,
    /// As what, in our words; none: a main artist.
    pub roles: Vec<String>,
    /// The positions that the credit is for, as Discogs writes them; empty: all.
    pub tracks: String,
}

/// The artists of a list.
pub(super) fn people(element: &Element, list: &str, notes: &mut Notes) -> Vec<Person> {
    element.list(list, "artist").filter_map(|artist| person(artist, list, notes)).collect()
}

fn person(artist: &Element, list: &str, notes: &mut Notes) -> Option<Person> {
    let name = one_line(&artist.text("name"));
    let number = artist.text("id");
    let variation = one_line(&artist.text("anv"));
    let printed = if variation.is_empty() { numbered(&name).0 } else { &variation };
    if printed.is_empty() {
        notes.field(&format!("{list}/artist/name"), "is empty");
        return None;
    }
    let source_id = match number.parse::<u64>() {
        Ok(number) if number > 0 => format!("a{number}"),
        // 0 is a name without a page of its own.
        Ok(_) => nameless(&name),
        Err(_) => {
            notes.field(&format!("{list}/artist/id"), format!("{:?} is no number", shortened(&number)));
            nameless(&name)
        }
    };
    Some(Person {
        artist_id: id(&source_id),
        name: notes.text(&format!("{list}/artist/name"), printed.to_owned()),
        join: one_line(&artist.text("join")),
        roles: roles(&artist.text("role")),
        tracks: one_line(&artist.text("tracks")),
    })
}

/// What an artist without a number is called by: the name.
fn nameless(name: &str) -> String {
    format!("a0:{name}")
}

/// The artists as one text. A comma joins without a blank before it; where nothing is said, a comma joins.
pub(super) fn credit_text(people: &[Person]) -> String {
    let mut text = String::new();
    for (at, person) in people.iter().enumerate() {
        text.push_str(&person.name);
        if at + 1 == people.len() {
            break;
        }
        match person.join.as_str() {
            "" => text.push_str(", "),
            join if join.starts_with([',', ';', ':']) => {
                text.push_str(join);
                text.push(' ');
            }
            join => {
                text.push(' ');
                text.push_str(join);
                text.push(' ');
            }
        }
    }
    text
}

/// Credits of a list, one for each role.
pub(super) fn credits(people: &[Person]) -> impl Iterator<Item = Credit> {
    people.iter().flat_map(|person| {
        let roles = if person.roles.is_empty() { vec!["main".to_owned()] } else { person.roles.clone() };
        roles.into_iter().map(|role| Credit { artist_id: person.artist_id, role, name: person.name.clone() })
    })
}

/// The roles that are named `Written-By, Producer [Additional]`, each in our word where we have one; what stands in
/// brackets stays.
fn roles(text: &str) -> Vec<String> {
    let mut roles = Vec::new();
    let mut depth = 0usize;
    let parts = text.split(|c: char| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    for part in parts {
        let part = one_line(part);
        if part.is_empty() {
            continue;
        }
        let (word, detail) =
            part.split_once('[').map_or((part.as_str(), None), |(word, rest)| (word.trim(), Some(rest)));
        let word = word.to_lowercase();
        let ours = match word.as_str() {
            "featuring" => "featured",
            "remix" => "remixer",
            "written-by" | "written by" | "songwriter" | "author" => "writer",
            "composed by" | "music by" | "composer" => "composer",
            "lyrics by" | "words by" | "lyricist" => "lyricist",
            "arranged by" | "arranger" => "arranger",
            "mixed by" => "mixer",
            "dj mix" => "dj-mixer",
            "conductor" | "conducted by" => "conductor",
            word => word,
        };
        let role = match detail {
            Some(detail) => format!("{ours} [{}", detail.trim_end()),
            None => ours.to_owned(),
        };
        let role = role.trim().to_owned();
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    roles
}

/// Finds the lines that `A1 to A4, B2` names.
pub(super) struct Lines {
    by_key: HashMap<String, usize>,
    /// The key of each line; empty where nothing is printed.
    keys: Vec<String>,
}

impl Lines {
    /// The lines of a tracklist by their printed positions.
    pub(super) fn new<'a>(positions: impl Iterator<Item = &'a str>) -> Self {
        let keys: Vec<String> = positions.map(position::key).collect();
        let mut by_key = HashMap::new();
        for (at, key) in keys.iter().enumerate().filter(|(_, key)| !key.is_empty()) {
            by_key.entry(key.clone()).or_insert(at);
        }
        Self { by_key, keys }
    }

    /// The line at a position.
    pub(super) fn at(&self, text: &str) -> Option<usize> {
        self.by_key.get(&position::key(text)).copied()
    }

    /// The lines that a list of positions names; `None` when one of them is not there. It is a text for people, so that
    /// this is no fault.
    pub(super) fn named(&self, text: &str) -> Option<Vec<usize>> {
        let text = text.trim_matches(['(', ')', ' ']).to_lowercase();
        let text =
            ["tracks:", "tracks", "track:", "track"].iter().find_map(|word| text.strip_prefix(word)).unwrap_or(&text);
        let mut lines = Vec::new();
        for part in text.split([',', ';', '&']).flat_map(|part| part.split(" and ")).map(str::trim) {
            if part.is_empty() {
                continue;
            }
            let (from, to) = match self.span(part) {
                Some(span) => span,
                None => self.range(part)?,
            };
            lines.extend((from..=to).filter(|at| !self.keys[*at].is_empty()));
        }
        lines.sort_unstable();
        lines.dedup();
        Some(lines).filter(|lines| !lines.is_empty())
    }

    /// The first and last line of one position: the line itself, or the parts of a track, or the tracks of a side.
    fn span(&self, part: &str) -> Option<(usize, usize)> {
        let key = position::key(part.strip_prefix("side ").unwrap_or(part));
        if let Some(at) = self.by_key.get(&key) {
            return Some((*at, *at));
        }
        let digit = key.chars().next_back()?.is_ascii_digit();
        let below = |line: &String| {
            let next = line.strip_prefix(&key).and_then(|rest| rest.chars().next());
            next.is_some_and(|next| next.is_ascii_digit() != digit && next != '-')
        };
        Some((self.keys.iter().position(below)?, self.keys.iter().rposition(below)?))
    }

    fn range(&self, part: &str) -> Option<(usize, usize)> {
        let both = |from: &str, to: &str| Some((self.span(from.trim())?.0, self.span(to.trim())?.1));
        let words = part.split_once(" to ").or_else(|| part.split_once(" - ")).or_else(|| part.split_once('–'));
        let (from, to) = match words {
            Some((from, to)) => both(from, to)?,
            // Positions hold dashes too: `1-1-1-5` parts where both sides are there.
            None => part.match_indices('-').find_map(|(at, _)| both(&part[..at], &part[at + 1..]))?,
        };
        (from <= to).then_some((from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Lines {
        Lines::new(["", "A1", "A2", "B1", "B2", "CD-1", "CD-2"].into_iter())
    }

    #[test]
    fn roles_become_ours_where_we_have_a_word() {
        assert_eq!(roles("Written-By, Producer [Additional, By Hand]"), ["writer", "producer [Additional, By Hand]"]);
        assert_eq!(roles("Remix,Featuring , Tin Whistle"), ["remixer", "featured", "tin whistle"]);
        assert_eq!(roles("Music By, Composed By"), ["composer"]);
        assert_eq!(roles(""), [""; 0]);
        assert_eq!(roles("]], [x"), ["]]", "[x"]);
    }

    #[test]
    fn a_credit_names_tracks() {
        let lines = lines();
        assert_eq!(lines.named("A1"), Some(vec![1]));
        assert_eq!(lines.named("a1 to B1"), Some(vec![1, 2, 3]));
        assert_eq!(lines.named("A2, CD-1 & B2"), Some(vec![2, 4, 5]));
        assert_eq!(lines.named("A1-A2"), Some(vec![1, 2]));
        assert_eq!(lines.named("CD-1-CD-2"), Some(vec![5, 6]));
        assert_eq!(lines.named("A1 - B2"), Some(vec![1, 2, 3, 4]));
        assert_eq!(lines.named("Side B"), Some(vec![3, 4]));
        assert_eq!(lines.named("(tracks: A2, B)"), Some(vec![2, 3, 4]));
        let parts = Lines::new(["1.1", "1.2", "2a", "2b", "21", "3"].into_iter());
        assert_eq!(parts.named("1"), Some(vec![0, 1]));
        assert_eq!(parts.named("2 to 3"), Some(vec![2, 3, 4, 5]));
        for missing in ["C1", "A1 to C1", "B1 to A1", "", "A1, C9", "-", "all"] {
            assert_eq!(lines.named(missing), None, "{missing}");
        }
    }
}
