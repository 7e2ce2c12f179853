//! Whose name stands where in the text of a credit.

/// What stands between two names, as most sources print it.
const JOINS: [&str; 10] = [", ", " & ", " and ", " feat. ", " featuring ", " ft. ", " with ", " vs. ", " x ", " / "];

/// The name in a credit's text that is the `at`-th of `of` (from 0): the text is cut where one of `, `, ` & `, ` and `, ` feat. `,
/// ` featuring `, ` ft. `, ` with `, ` vs. `, ` x ` and ` / ` stands. Where that makes more or fewer parts, it is the whole text.
pub fn name_in(credit: &str, at: usize, of: usize) -> &str {
    if of < 2 {
        return credit;
    }
    let mut found = credit;
    let mut parts = 0;
    let mut start = 0;
    for (place, _) in credit.match_indices([' ', ',']) {
        let is_behind = place >= start;
        if let Some(join) = JOINS.iter().find(|join| is_behind && credit[place..].starts_with(**join)) {
            if parts == at {
                found = &credit[start..place];
            }
            parts += 1;
            start = place + join.len();
        }
    }
    if parts == at {
        found = &credit[start..];
    }
    if parts + 1 == of { found } else { credit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_there_are_as_many() {
        let all = |credit, of| (0..of).map(|at| name_in(credit, at, of)).collect::<Vec<_>>();
        assert_eq!(all("A, B & C", 3), ["A", "B", "C"]);
        assert_eq!(all("Å feat. B and C x D", 4), ["Å", "B", "C", "D"]);
        assert_eq!(all("A / B vs. C", 3), ["A", "B", "C"]);
        for (credit, of) in [("A & B", 1), ("A & B", 3), ("A", 2), ("", 2), ("A,B", 2), ("A  & B & C", 2)] {
            assert_eq!(all(credit, of), vec![credit; of], "{credit}");
        }
        assert_eq!(all(", & ", 2), ["", "& "]);
    }
}
