//! Where the real data lies.

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("the crate lies two folders below the repository's root").to_owned()
}

/// The bundled sample.
pub fn sample() -> PathBuf {
    repository().join("sample")
}

/// The music from Debian's packages, where `cargo xtask corpus` has fetched it. Otherwise tells that `test` is skipped.
pub fn corpus(test: &str) -> Option<PathBuf> {
    let folder =
        std::env::var_os("FONOTECA_TEST_CORPUS").map_or_else(|| repository().join("target/corpus"), PathBuf::from);
    present(&folder, test, "fetch it with `cargo xtask corpus`")
}

/// Real data that is shared beside the repository and never committed. Otherwise tells that `test` is skipped.
pub fn shared_data(test: &str) -> Option<PathBuf> {
    present(&repository().join("../shared/data"), test, "it is not part of the repository")
}

/// The Python that has the packages of `xtask/pytools.txt`; `cargo xtask test` makes it.
pub fn python() -> PathBuf {
    let python = std::env::var_os("FONOTECA_TEST_PYTHON")
        .map_or_else(|| repository().join("target/pytools/bin/python"), PathBuf::from);
    assert!(python.exists(), "{} is missing: `cargo xtask test` makes it", python.display());
    python
}

#[expect(clippy::print_stderr, reason = "a skipped test must say so where it is read")]
fn present(folder: &Path, test: &str, what_to_do: &str) -> Option<PathBuf> {
    if folder.is_dir() {
        return Some(folder.to_owned());
    }
    eprintln!("skipped: {test}: {} is not here; {what_to_do}", folder.display());
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_where_it_should_be() {
        assert!(repository().join("Cargo.toml").is_file());
        assert!(sample().is_dir());
    }
}
