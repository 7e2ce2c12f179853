//! White noise over a sound; the tests use this file too.

/// Adds white noise so loud that the sound is `decibels` above it.
pub fn with_noise(sound: &[i16], decibels: f64) -> Vec<i16> {
    let power = sound.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / sound.len() as f64;
    let deviation = (power / 10_f64.powf(decibels / 10.0)).sqrt();
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    // Twelve uniform numbers added up are as good as Gaussian, with a deviation of 1.
    let mut gauss = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    sound.iter().map(|sample| (f64::from(*sample) + deviation * gauss()).clamp(-32_768.0, 32_767.0) as i16).collect()
}
