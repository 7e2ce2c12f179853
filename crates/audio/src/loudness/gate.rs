//! From the energy of each step of 100 ms to loudness and range.

/// Steps of a momentary window, 400 ms, and of a short-term window, 3 s.
const MOMENTARY: usize = 4;
const SHORT_TERM: usize = 30;
/// What is quieter is silence, in LUFS (BS.1770-4, annex 1; Tech 3342).
const ABSOLUTE_GATE: f64 = -70.0;
/// What is so much quieter than the rest does not count, in LU.
const INTEGRATED_GATE: f64 = -10.0;
const RANGE_GATE: f64 = -20.0;
/// The range is between these parts of the windows, quietest first.
const QUIET: f64 = 0.10;
const LOUD: f64 = 0.95;

/// Integrated loudness in LUFS; `None` where all is silence, or shorter than a window.
pub(super) fn integrated_lufs(steps: &[f32]) -> Option<f64> {
    let gate = relative_gate(steps, MOMENTARY, INTEGRATED_GATE)?;
    let (sum, count) = add_up(windows(steps, MOMENTARY).filter(|energy| *energy >= gate));
    (count > 0).then(|| lufs(sum / count as f64))
}

/// Loudness range in LU.
pub(super) fn range_lu(steps: &[f32]) -> Option<f64> {
    let gate = relative_gate(steps, SHORT_TERM, RANGE_GATE)?;
    let mut counting: Vec<f64> = windows(steps, SHORT_TERM).filter(|energy| *energy >= gate).collect();
    let last = counting.len().checked_sub(1)?;
    counting.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| counting[(last as f64 * share).round() as usize];
    Some(lufs(at(LOUD)) - lufs(at(QUIET)))
}

/// The energy from which on a window counts: so much below the mean of those that are no silence.
fn relative_gate(steps: &[f32], window: usize, below: f64) -> Option<f64> {
    let silence = energy(ABSOLUTE_GATE);
    let (sum, count) = add_up(windows(steps, window).filter(|energy| *energy >= silence));
    (count > 0).then(|| (sum / count as f64 * 10_f64.powf(below / 10.0)).max(silence))
}

fn add_up(energies: impl Iterator<Item = f64>) -> (f64, usize) {
    energies.fold((0.0, 0), |(sum, count), energy| (sum + energy, count + 1))
}

/// The mean energy of each window, one a step.
fn windows(steps: &[f32], length: usize) -> impl Iterator<Item = f64> {
    steps.windows(length).map(move |window| window.iter().map(|step| f64::from(*step)).sum::<f64>() / length as f64)
}

/// BS.1770-4, equation 2.
fn lufs(energy: f64) -> f64 {
    10.0 * energy.log10() - 0.691
}

fn energy(lufs: f64) -> f64 {
    10_f64.powf((lufs + 0.691) / 10.0)
}
