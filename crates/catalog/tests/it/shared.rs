//! Real data of others, which lies beside the repository and is no part of it, and Python to count it independently.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of that name in `shared/data` beside the repository (or beside the folder of a worktree); otherwise says
/// that `test` is skipped.
#[allow(clippy::print_stderr, reason = "a skipped test must say so where it is read")]
pub fn data(folder: &str, test: &str) -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the repository's root");
    let found = repository
        .ancestors()
        .skip(1)
        .take(3)
        .map(|above| above.join("shared/data").join(folder))
        .find(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("skipped: {test}: shared/data/{folder} is not beside the repository");
    }
    found
}

/// What a Python script prints as JSON; `None`, said aloud, where there is no Python.
#[allow(clippy::print_stderr, reason = "a skipped test must say so where it is read")]
pub fn python(script: &str, arguments: &[&Path], test: &str) -> Option<serde_json::Value> {
    let output = Command::new("python3").arg("-c").arg(script).args(arguments).output();
    let Ok(output) = output else {
        eprintln!("skipped: the second half of {test}: there is no python3");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("the script prints JSON"))
}
