//! How near our facts are to those of the programs that others go by: fpcalc's fingerprints, ffmpeg's loudness.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::super::{Row, TargetIs};

/// What the catalogue knows of each file that is held.
pub const QUERY: &str = "SELECT f.root, f.loudness_lufs, f.true_peak_dbtp, p.chromaprint \
     FROM files f JOIN fingerprints p ON p.root = f.root";

/// The largest differences of loudness and true peak, and the mean share of equal bits of the format that has the least.
pub fn compare(told: &Value, files: &[PathBuf], rows: &mut Vec<Row>) -> Result<()> {
    let list = |name: &str| told[name].as_array().map_or(&[][..], Vec::as_slice);
    let roots: HashMap<&str, &str> =
        list("files").iter().filter_map(|file| Some((file["path"].as_str()?, file["root"].as_str()?))).collect();
    let facts: HashMap<&str, &Value> =
        list("facts").iter().filter_map(|facts| Some((facts["root"].as_str()?, facts))).collect();
    let (mut lufs, mut peak) = (0.0_f64, 0.0_f64);
    let mut of_format: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for file in files {
        let found = roots.get(&*file.to_string_lossy()).and_then(|root| facts.get(root));
        let found = found.with_context(|| format!("the catalogue has nothing of {}", file.display()))?;
        let number = |name: &str| found[name].as_f64().with_context(|| format!("no {name} of {}", file.display()));
        let theirs = loudness(file)?;
        lufs = lufs.max((number("loudness_lufs")? - theirs.0).abs());
        peak = peak.max((number("true_peak_dbtp")? - theirs.1).abs());
        let ours = values(found["chromaprint"].as_str().unwrap_or_default());
        let format = file.extension().unwrap_or_default().to_string_lossy().into_owned();
        of_format.entry(format).or_default().push(equal_bits(&ours, &fingerprint(file)?));
    }
    rows.push(Row::less_is_better(
        "loudness, largest difference to ffmpeg",
        "LU",
        (lufs, None),
        Some((TargetIs::AtMost, 0.1)),
    ));
    rows.push(Row::less_is_better(
        "true peak, largest difference to ffmpeg",
        "dB",
        (peak, None),
        Some((TargetIs::AtMost, 0.2)),
    ));
    for (format, shares) in of_format {
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let name = format!("fingerprint, bits equal to fpcalc's, {format}");
        rows.push(Row::less_is_better(&name, "share", (mean, None), Some((TargetIs::AtLeast, 0.965))));
    }
    Ok(())
}

/// Values of a Chromaprint fingerprint, of 4 bytes each, lowest first.
fn values(hex: &str) -> Vec<u32> {
    let bytes = hex.as_bytes().as_chunks::<8>().0;
    bytes
        .iter()
        .filter_map(|value| u32::from_str_radix(std::str::from_utf8(value).ok()?, 16).ok())
        .map(u32::swap_bytes)
        .collect()
}

/// The share of equal bits where the two fit best, some steps beside each other at most.
fn equal_bits(ours: &[u32], theirs: &[u32]) -> f64 {
    const STEPS: usize = 6;
    let share = |ours: &[u32], theirs: &[u32]| {
        let both = ours.len().min(theirs.len());
        let equal: u32 = ours.iter().zip(theirs).map(|(ours, theirs)| (ours ^ theirs).count_zeros()).sum();
        if both == 0 { 0.0 } else { f64::from(equal) / (both * 32) as f64 }
    };
    let later = |values: &[u32], steps: usize| values.get(steps..).unwrap_or_default().to_vec();
    let shares = (0..=STEPS).flat_map(|steps| [share(&later(ours, steps), theirs), share(ours, &later(theirs, steps))]);
    shares.fold(0.0, f64::max)
}

fn fingerprint(file: &Path) -> Result<Vec<u32>> {
    // It exits with 3 on files that end early though it prints the fingerprint.
    let printed = Command::new("fpcalc").args(["-raw", "-plain"]).arg(file).output().context("cannot start fpcalc")?;
    let text = String::from_utf8_lossy(&printed.stdout);
    Ok(text.trim().split(',').filter_map(|value| value.parse::<i64>().ok()).map(|value| value as u32).collect())
}

/// Integrated loudness in LUFS and true peak in dBTP, as ffmpeg has them.
fn loudness(file: &Path) -> Result<(f64, f64)> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-nostats", "-hide_banner", "-i"]).arg(file);
    ffmpeg.args(["-map", "0:a", "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-"]).stdin(Stdio::null());
    let printed = ffmpeg.output().context("cannot start ffmpeg")?;
    let text = String::from_utf8_lossy(&printed.stderr);
    let Some((_, summary)) = text.rsplit_once("Summary:").filter(|_| printed.status.success()) else {
        bail!("ffmpeg measured nothing of {}", file.display())
    };
    let value = |key: &str| {
        let line = summary.lines().find_map(|line| line.trim_start().strip_prefix(key));
        line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok())
    };
    let read = value("I:").zip(value("Peak:"));
    read.with_context(|| format!("ffmpeg measured no loudness or no peak of {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_where_they_fit() {
        assert_eq!(values("0100000002000080"), [1, 0x8000_0002]);
        assert!((equal_bits(&[1, 2, 3, 4], &[9, 1, 2, 3, 4]) - 1.0).abs() < 1e-9);
        assert!((equal_bits(&[0; 4], &[1; 4]) - 31.0 / 32.0).abs() < 1e-9);
        assert!(equal_bits(&[], &[1]) < 1e-9);
    }
}
