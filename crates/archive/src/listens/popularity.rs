//! From a count of listens to a number from 0 to 100.
//!
//! `popularity = round(100 · ln(1 + count) / ln(1 + anchor))`, at least 1 for what was played at all and at most 100. The
//! anchor is the largest count of the archive with all but its first three digits set to zero. So popularity is monotone in
//! the count, follows from the counts alone, is 0 for what nobody played and 100 for the most played recording; and it
//! stands still while the top grows: at a million listens the anchor moves with every ten thousand more, and popularity by
//! less than a tenth of a step.

/// Digits of the largest count that matter.
const DIGITS: u32 = 3;

/// What all counts are held against, if `largest` is the largest of them.
pub fn anchor(largest: i64) -> i64 {
    let digits = largest.max(1).ilog10() + 1;
    let step = 10_i64.pow(digits.saturating_sub(DIGITS));
    largest - largest % step
}

/// 0 to 100, monotone in `count`; see the module's words.
pub fn popularity(count: i64, largest: i64) -> i32 {
    if count <= 0 || largest <= 0 {
        return 0;
    }
    let share = (count as f64).ln_1p() / (anchor(largest) as f64).ln_1p();
    ((share * 100.0).round() as i32).clamp(1, 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn popularity_is_monotone_and_reaches_both_ends() {
        assert_eq!(popularity(0, 1000), 0);
        assert_eq!(popularity(-1, 1000), 0);
        assert_eq!(popularity(1000, 1000), 100);
        assert_eq!(popularity(1, 1), 100);
        let all: Vec<i32> = (0..=1000).map(|count| popularity(count, 1000)).collect();
        assert!(all.windows(2).all(|two| two[0] <= two[1]));
        assert!(popularity(1, i64::MAX) >= 1, "what was played once is not unplayed");
        assert_eq!(popularity(i64::MAX, i64::MAX), 100);
    }

    #[test]
    fn the_anchor_keeps_three_digits() {
        for (largest, anchor) in [(0, 0), (1, 1), (999, 999), (1000, 1000), (1009, 1000), (1_234_567, 1_230_000)] {
            assert_eq!(super::anchor(largest), anchor, "{largest}");
        }
    }

    #[test]
    fn one_more_listen_of_the_top_moves_nobody_else() {
        let moved = |largest: i64| {
            let others = (1..largest).step_by(97);
            others.filter(|count| popularity(*count, largest) != popularity(*count, largest + 1)).count()
        };
        assert_eq!(moved(1_234_567), 0);
        // Where the anchor moves, few do.
        let all = (1..1_239_999).step_by(97).count();
        assert!(moved(1_239_999) * 10 < all, "{} of {all}", moved(1_239_999));
    }
}
