//! What source files must and must not say.

use super::File;

/// Marks of unfinished work, in two halves so that this file does not hold them itself.
const UNFINISHED: [(&str, &str); 3] = [("to", "do!"), ("unimple", "mented!"), ("FIX", "ME")];
/// A test that is skipped proves nothing; one that another test starts as a process of its own, to kill it or to watch
/// it, is marked so that it does not run alone.
const SKIPPED: (&str, &str) = ("#[ig", "nore");
const CHILD: &str = " = \"a child that the test below ";
/// Folders that exist on one machine and not on the next.
const MACHINE_FOLDERS: [&str; 3] = ["work", "root", "home"];
/// Module names that say nothing about what is inside.
const NAMELESS: [&str; 6] = ["utils", "util", "common", "helpers", "helper", "misc"];

/// Breaches in one file.
pub fn check(file: &File) -> Vec<String> {
    let Some(text) = &file.text else { return Vec::new() };
    let path = file.path.display();
    let mut findings = Vec::new();
    if file.path.ends_with("Cargo.toml") && text.contains("[package]") && !text.contains("[lints]\nworkspace = true") {
        findings.push(format!("{path}: does not inherit the workspace's lints"));
    }
    if file.has_ending(&["rs"]) {
        if !text.starts_with("//!") {
            findings.push(format!("{path}: does not open with a module doc (`//!`)"));
        }
        if file.path.file_stem().is_some_and(|stem| NAMELESS.iter().any(|name| stem == *name)) {
            findings.push(format!("{path}: name it after what is inside"));
        }
    }
    for (number, line) in (1..).zip(text.lines()) {
        if file.has_ending(&["rs"]) {
            for (left, right) in UNFINISHED {
                let mark = format!("{left}{right}");
                if line.contains(&mark) {
                    findings.push(format!("{path}:{number}: `{mark}` is unfinished work"));
                }
            }
        }
        if file.has_ending(&["rs"]) && is_skipped(line, text) {
            findings.push(format!("{path}:{number}: a test that is skipped proves nothing; run it or remove it"));
        }
        if let Some(folder) = machine_folder(line) {
            findings.push(format!("{path}:{number}: `/{folder}/` is a folder of one machine"));
        }
    }
    findings
}

fn is_skipped(line: &str, text: &str) -> bool {
    let mark = [SKIPPED.0, SKIPPED.1].concat();
    let is_child = || line.contains(&[&mark, CHILD].concat()) && text.contains("\"--ignored\"");
    line.contains(&mark) && !is_child()
}

/// The first absolute path into one of `MACHINE_FOLDERS`; `a/work/b` and `https://example.org/work/` are none.
fn machine_folder(line: &str) -> Option<&'static str> {
    MACHINE_FOLDERS.into_iter().find(|folder| {
        line.match_indices(&format!("/{folder}/")).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            before.is_none_or(|sign| !sign.is_alphanumeric() && !"._-~/})*".contains(sign))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&File { path: path.into(), bytes: text.len() as u64, text: Some(text.to_owned()) })
    }

    #[test]
    fn a_module_opens_with_its_doc() {
        assert_eq!(found("src/a.rs", "//! What it is.\n"), [""; 0]);
        assert_eq!(found("src/a.rs", "use x;\n"), ["src/a.rs: does not open with a module doc (`//!`)"]);
        assert_eq!(found("a.py", "import x\n"), [""; 0]);
    }

    #[test]
    fn a_module_is_named_after_what_is_inside() {
        assert_eq!(found("src/utils.rs", "//! X.\n"), ["src/utils.rs: name it after what is inside"]);
    }

    #[test]
    fn a_package_inherits_the_lints() {
        let expected = ["crates/a/Cargo.toml: does not inherit the workspace's lints"];
        assert_eq!(found("crates/a/Cargo.toml", "[package]\nname = \"a\"\n"), expected);
        assert_eq!(found("crates/a/Cargo.toml", "[package]\n[lints]\nworkspace = true\n"), [""; 0]);
    }

    #[test]
    fn unfinished_work_is_found_where_it_is() {
        for (left, right) in UNFINISHED {
            let text = format!("//! X.\n{left}{right}\n");
            assert_eq!(found("src/a.rs", &text), [format!("src/a.rs:2: `{left}{right}` is unfinished work")]);
        }
    }

    #[test]
    fn a_skipped_test_is_found_unless_another_starts_it() {
        let mark = [SKIPPED.0, SKIPPED.1].concat();
        let child = format!("//! X.\n{mark}{CHILD}kills\"]\n");
        assert_eq!(found("a.rs", &format!("{child}command.arg(\"--ignored\")\n")), [""; 0]);
        for skipped in [child, format!("//! X.\n{mark}]\n"), format!("//! X.\n{mark} = \"slow\"]\n")] {
            assert_eq!(found("a.rs", &skipped), ["a.rs:2: a test that is skipped proves nothing; run it or remove it"]);
        }
    }

    #[test]
    fn paths_of_one_machine_are_found_and_other_slashes_are_not() {
        let folder = MACHINE_FOLDERS[0];
        assert_eq!(machine_folder(&format!("see /{folder}/main")), Some(folder));
        assert_eq!(machine_folder(&format!("\"/{folder}/main\"")), Some(folder));
        assert_eq!(machine_folder(&format!("/{folder}/main")), Some(folder));
        for fine in [format!("blobs/{folder}/x"), format!("https://example.org/{folder}/"), format!("./{folder}/x")] {
            assert_eq!(machine_folder(&fine), None, "{fine}");
        }
    }
}
