//! Size budgets: a repository that clones in seconds, and files that one can read at a sitting.

use super::File;

/// Lines that a source file may have, tests included.
const MAX_SOURCE_LINES: usize = 600;
/// Bytes that a file outside `sample/` may have.
const MAX_FILE_BYTES: u64 = 1_000_000;
/// Bytes that `sample/` may have in all.
const MAX_SAMPLE_BYTES: u64 = 10_000_000;
const SOURCES: [&str; 7] = ["rs", "py", "js", "css", "html", "sql", "sh"];

/// Files over their budget.
pub fn check(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        let path = file.path.display();
        if file.bytes > MAX_FILE_BYTES && !in_sample(file) {
            findings.push(format!("{path}: {} bytes, {MAX_FILE_BYTES} at most outside sample/", file.bytes));
        }
        let lines = file.text.as_deref().map_or(0, |text| text.lines().count());
        if lines > MAX_SOURCE_LINES && file.has_ending(&SOURCES) {
            findings.push(format!("{path}: {lines} lines, {MAX_SOURCE_LINES} at most; split it by concept"));
        }
    }
    let sample: u64 = files.iter().filter(|file| in_sample(file)).map(|file| file.bytes).sum();
    if sample > MAX_SAMPLE_BYTES {
        findings.push(format!("sample: {sample} bytes, {MAX_SAMPLE_BYTES} at most"));
    }
    findings
}

fn in_sample(file: &File) -> bool {
    file.path.starts_with("sample")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: u64, lines: usize) -> File {
        File { path: path.into(), bytes, text: Some("x\n".repeat(lines)) }
    }

    #[test]
    fn what_is_within_its_budget_passes() {
        let files = [
            file("src/a.rs", MAX_FILE_BYTES, MAX_SOURCE_LINES),
            file("sample/a.flac", MAX_SAMPLE_BYTES, 0),
            file("Cargo.lock", 9, MAX_SOURCE_LINES + 1),
        ];
        assert_eq!(check(&files), [""; 0]);
    }

    #[test]
    fn what_is_over_its_budget_is_named() {
        let files = [
            file("src/a.rs", 1, MAX_SOURCE_LINES + 1),
            file("docs/a.png", MAX_FILE_BYTES + 1, 0),
            file("sample/a.flac", MAX_SAMPLE_BYTES, 0),
            file("sample/b.flac", 1, 0),
        ];
        let found = check(&files);
        assert_eq!(found.len(), 3);
        assert!(found[0].starts_with("src/a.rs: 601 lines"), "{}", found[0]);
        assert!(found[1].starts_with("docs/a.png: 1000001 bytes"), "{}", found[1]);
        assert!(found[2].starts_with("sample: 10000001 bytes"), "{}", found[2]);
    }
}
