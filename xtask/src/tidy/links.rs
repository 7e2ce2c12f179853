//! Links in Markdown point at files that exist.

use std::path::Path;

use super::File;

/// Links of one file that lead nowhere; those that leave the repository (`https:` and so on) are not followed.
pub fn check(file: &File, root: &Path) -> Vec<String> {
    let Some(text) = file.text.as_deref().filter(|_| file.has_ending(&["md"])) else { return Vec::new() };
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    for (number, target) in targets(text) {
        let path = target.split('#').next().unwrap_or_default();
        let elsewhere = target.contains("://") || target.starts_with("mailto:");
        if path.is_empty() || elsewhere {
            continue;
        }
        let path = path.replace("%20", " ");
        if !root.join(folder).join(&path).exists() {
            findings.push(format!("{}:{number}: the link to {path} leads nowhere", file.path.display()));
        }
    }
    findings
}

/// Line numbers and targets of `[text](target)` and `<img src="target">`, code left out.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (start, end) in [("](", ')'), ("src=\"", '"')] {
            for (at, _) in line.match_indices(start) {
                let in_span = line[..at].matches('`').count() % 2 == 1;
                let rest = &line[at + start.len()..];
                if let Some(target) = rest.split(end).next().filter(|target| !in_span && target.len() < rest.len()) {
                    // A title may follow: [text](target "title").
                    found.push((number, target.split(" \"").next().unwrap_or(target).trim_matches(['<', '>'])));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_code_is_not() {
        let text = "[a](x.md) and [b](<y z.md> \"title\")\n```\n[c](no.md)\n```\n`[d](no.md)` <img src=\"p.png\">\n";
        assert_eq!(targets(text), [(1, "x.md"), (1, "y z.md"), (5, "p.png")]);
    }

    #[test]
    fn only_links_that_lead_nowhere_are_named() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("docs")).unwrap();
        std::fs::write(root.path().join("docs/there is.md"), "").unwrap();
        let text = "[a](there%20is.md#part) [b](#here) [c](https://example.org/x) [d](../docs) [e](gone.md)";
        let file = File { path: "docs/a.md".into(), bytes: 0, text: Some(text.to_owned()) };
        assert_eq!(check(&file, root.path()), ["docs/a.md:1: the link to gone.md leads nowhere"]);
    }
}
