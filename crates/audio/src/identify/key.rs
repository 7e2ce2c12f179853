//! Which values are posted, and under which key.

/// One value in 2^3 is posted.
const CHOSEN_BITS: u32 = 3;

/// Bits of a key.
pub(super) const KEY_BITS: u32 = u32::BITS - CHOSEN_BITS;

/// The key of a value that is posted, `None` for the others. Two values never share a key.
///
/// Values of music crowd together, so they are mixed first (the finaliser of MurmurHash3, which can be undone); those whose
/// upper bits are then zero are chosen. Which are chosen must follow from the value alone, for the index and the question
/// choose apart.
pub(super) const fn key(value: u32) -> Option<u32> {
    let mut mixed = value ^ (value >> 16);
    mixed = mixed.wrapping_mul(0x85eb_ca6b);
    mixed ^= mixed >> 13;
    mixed = mixed.wrapping_mul(0xc2b2_ae35);
    mixed ^= mixed >> 16;
    if mixed >> KEY_BITS == 0 { Some(mixed) } else { None }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn one_value_in_eight_is_chosen_and_keys_are_the_values_own() {
        let keys: Vec<u32> = (0..1_000_000).filter_map(key).collect();
        assert!((120_000..130_000).contains(&keys.len()), "{}", keys.len());
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }
}
