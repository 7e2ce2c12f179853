//! Pairs to be compared: what has a key in common.

use super::settle::Item;
use super::spill::{Edge, Spilled, Spilling, parts};
use super::{IdentityError, Work, reason};

/// Pairs what has a code in common, each with up to `most` that follow; a code of 0 is none. `word` is the reason.
pub(super) fn by_code<T: Item>(
    facts: &Spilled<T>,
    word: &str,
    code: impl Fn(&T) -> u64,
    most: usize,
    work: &Work<'_>,
    edges: &mut Spilling<Edge>,
) -> Result<(), IdentityError> {
    let mut coded = Spilling::new(work.folder, "by-code", parts(facts.len(), 40))?;
    for item in facts.all() {
        let item = item?;
        let code = code(&item);
        if code != 0 {
            coded.add(code, &Edge { a: code as i64, b: item.id(), reason: 0, score: 0.0 })?;
        }
    }
    by_key(&coded.finish()?, word, most, edges)
}

/// Pairs what lies under one key, each with up to `most` that follow: `a` of each record is a key, `b` what lies under it.
pub(super) fn by_key(
    keyed: &Spilled<Edge>,
    word: &str,
    most: usize,
    edges: &mut Spilling<Edge>,
) -> Result<(), IdentityError> {
    for part in 0..keyed.parts() {
        let mut rows: Vec<Edge> = keyed.part(part)?.collect::<Result<_, _>>()?;
        rows.sort_by_key(|row| (row.a, row.b));
        rows.dedup_by_key(|row| (row.a, row.b));
        for group in rows.chunk_by(|one, other| one.a == other.a) {
            for (at, one) in group.iter().enumerate() {
                for other in group[at + 1..].iter().take(most) {
                    edges.add(0, &Edge { a: one.b, b: other.b, reason: reason(word), score: 1.0 })?;
                }
            }
        }
    }
    Ok(())
}
