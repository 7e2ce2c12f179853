//! The inputs of the fuzz targets, for the ordinary tests to run through.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use crate::repository;

/// Runs every input that is kept for a target in `fuzz/corpus` and every one in `fuzz/found`, which once brought a fault to
/// light, through what the target checks; names those that fail.
pub fn each_input(target: &str, check: fn(&[u8])) {
    let fuzz = repository().join("fuzz");
    let mut paths: Vec<PathBuf> = ["corpus", "found"]
        .iter()
        .filter_map(|kind| fs::read_dir(fuzz.join(kind).join(target)).ok())
        .flatten()
        .map(|entry| entry.expect("the folder is read").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no inputs of {target} in {}", fuzz.display());
    let fails = |path: &PathBuf| {
        let bytes = fs::read(path).expect("the input is read");
        catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err()
    };
    paths.retain(fails);
    assert!(paths.is_empty(), "{target} fails on {paths:?}");
}
