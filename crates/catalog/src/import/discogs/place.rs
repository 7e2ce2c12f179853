//! From printed positions to disc and number.

use std::collections::HashMap;

use super::position::Position;

/// What a line of a tracklist is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// A track.
    Track,
    /// A work whose movements are tracks of their own, below it.
    Index,
    /// A title over the lines that follow.
    Heading,
}

/// One line, as far as its place goes.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub line: Line,
    /// The line that it is below.
    pub parent: Option<usize>,
    /// Whether anything is printed as its position.
    pub printed: bool,
    /// That, where it is understood.
    pub position: Option<Position>,
}

/// Disc and number of each line, both from 1.
///
/// Numbers are as printed. Where sides are, tracks are counted through the sides of one disc (`A1 A2 B1` are 1, 2, 3),
/// two sides a disc. Media are counted as they appear, and discs that are numbered keep their numbers. Parts of one
/// track have its number. A heading has no place.
pub(super) fn places(lines: &[Placed]) -> Vec<(Option<i32>, Option<i32>)> {
    let mut places = vec![(None, None); lines.len()];
    if lines.iter().all(|line| !line.printed) {
        let tracks = lines.iter().enumerate().filter(|(_, line)| line.line == Line::Track);
        for (number, (at, _)) in (1..).zip(tracks) {
            places[at].1 = Some(number);
        }
        return places;
    }
    let dotted = discs_are_dotted(lines);
    let numbered = lines.iter().filter_map(|line| line.position.as_ref()).all(|position| {
        position.medium.as_deref().is_some_and(|medium| medium.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let mut discs = Discs::default();
    for (at, line) in lines.iter().enumerate() {
        let Some(position) = &line.position else { continue };
        places[at] = if dotted {
            let number = position.part.as_deref().and_then(|part| part.parse().ok());
            (small(position.number), small(number))
        } else if numbered {
            (small(position.medium.as_deref().and_then(|medium| medium.parse().ok())), small(position.number))
        } else {
            discs.place(position)
        };
    }
    for (at, line) in lines.iter().enumerate() {
        if let Some(parent) = line.parent
            && places[parent] == (None, None)
        {
            places[parent] = places[at];
        }
    }
    places
}

fn small(number: Option<u32>) -> Option<i32> {
    number.and_then(|number| i32::try_from(number).ok()).filter(|number| (1..=99_999).contains(number))
}

/// `1.1 1.2 2.1` number discs when every line does so and several have a first track; otherwise a dot divides a track.
fn discs_are_dotted(lines: &[Placed]) -> bool {
    let mut discs: Vec<u32> = Vec::new();
    for line in lines.iter().filter(|line| line.printed) {
        let dotted = line.position.as_ref().filter(|position| {
            line.parent.is_none()
                && position.medium.is_none()
                && position.side.is_none()
                && position.part.as_deref().is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
        });
        match dotted.and_then(|position| position.number) {
            Some(disc) => discs.push(disc),
            None => return false,
        }
    }
    // A single track with parts has them all under one number, from 1.
    discs.len() > 1 && discs.windows(2).all(|pair| pair[0] <= pair[1])
}

#[derive(Default)]
struct Discs {
    /// Discs by medium and pair of sides, in the order in which they appear.
    by_place: HashMap<(String, usize), Disc>,
    /// Sides with more than one letter, by medium, in the order in which they appear.
    sides: HashMap<(String, String), usize>,
    sides_seen: HashMap<String, usize>,
}

struct Disc {
    number: i32,
    tracks: i32,
    last: Option<(String, Option<u32>)>,
}

impl Discs {
    fn place(&mut self, position: &Position) -> (Option<i32>, Option<i32>) {
        let medium = position.medium.clone().unwrap_or_default();
        let side = position.side.as_ref().map(|side| self.side(&medium, side));
        let count = self.by_place.len();
        let disc = self.by_place.entry((medium, side.unwrap_or_default() / 2)).or_insert_with(|| Disc {
            number: i32::try_from(count).unwrap_or(i32::MAX - 1) + 1,
            tracks: 0,
            last: None,
        });
        let Some(side) = &position.side else { return (Some(disc.number), small(position.number)) };
        let slot = Some((side.clone(), position.number));
        if position.part.is_none() || slot != disc.last {
            disc.tracks += 1;
        }
        disc.last = slot;
        (Some(disc.number), Some(disc.tracks))
    }

    /// The number of a side from 0: one letter's place in the alphabet, and for others their order (`A` and `AA` are
    /// two).
    fn side(&mut self, medium: &str, side: &str) -> usize {
        let seen = self.sides_seen.entry(medium.to_owned()).or_default();
        let at = match side.as_bytes() {
            [letter] => usize::from(letter - b'A'),
            _ => *self.sides.entry((medium.to_owned(), side.to_owned())).or_insert(*seen),
        };
        *seen = (*seen).max(at + 1);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(positions: &[&str]) -> Vec<(i32, i32)> {
        let lines: Vec<Placed> = positions
            .iter()
            .map(|text| Placed {
                line: Line::Track,
                parent: None,
                printed: !text.is_empty(),
                position: Position::read(text),
            })
            .collect();
        places(&lines).into_iter().map(|(disc, number)| (disc.unwrap_or(0), number.unwrap_or(0))).collect()
    }

    #[test]
    fn sides_are_counted_through() {
        assert_eq!(of(&["A1", "A2", "B1", "C1", "D", "E1"]), [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (3, 1)]);
        assert_eq!(of(&["A", "AA"]), [(1, 1), (1, 2)]);
        assert_eq!(of(&["AA1", "AA2", "AB1", "AC1"]), [(1, 1), (1, 2), (1, 3), (2, 1)]);
        assert_eq!(of(&["A1.a", "A1.b", "A2"]), [(1, 1), (1, 1), (1, 2)]);
        assert_eq!(of(&["A", "B", "A", "B"]), [(1, 1), (1, 2), (1, 3), (1, 4)]);
    }

    #[test]
    fn discs_and_media() {
        assert_eq!(of(&["1-1", "1-02", "3-1"]), [(1, 1), (1, 2), (3, 1)]);
        assert_eq!(of(&["LP-A1", "LP-B1", "CD-1", "CD-2"]), [(1, 1), (1, 2), (2, 1), (2, 2)]);
        assert_eq!(of(&["CD1-1", "CD2-1", "CD1-Video"]), [(1, 1), (2, 1), (1, 0)]);
        assert_eq!(of(&["1.1", "1.2", "2.1"]), [(1, 1), (1, 2), (2, 1)]);
        assert_eq!(of(&["1", "2.1", "2.2", "3"]), [(1, 1), (1, 2), (1, 2), (1, 3)]);
        assert_eq!(of(&["1", "0", "2147483648"]), [(1, 1), (1, 0), (0, 0)]);
    }

    #[test]
    fn without_positions_the_order_counts() {
        assert_eq!(of(&["", "", ""]), [(0, 1), (0, 2), (0, 3)]);
        assert_eq!(of(&["", "1", "?"]), [(0, 0), (1, 1), (0, 0)]);
    }
}
